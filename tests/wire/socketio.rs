//! `/socket.io/` on a whole server: the official JavaScript and Python clients, and the protocol packet by packet.

mod javascript;
mod python;
mod opening;
mod polling;
mod upgrade;
mod ending;
