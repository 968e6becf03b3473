//! `/socket.io/` on a whole server: the official JavaScript and Python clients, and the protocol packet by packet.

mod support;

#[path = "socketio/client.rs"]
mod client;
#[path = "socketio/javascript.rs"]
mod javascript;
#[path = "socketio/python.rs"]
mod python;
#[path = "socketio/raw.rs"]
mod raw;
#[path = "socketio/opening.rs"]
mod opening;
#[path = "socketio/polling.rs"]
mod polling;
#[path = "socketio/upgrade.rs"]
mod upgrade;
#[path = "socketio/ending.rs"]
mod ending;
