//! The wire: sockets, Socket.IO, what is decoded from strangers, and the list of paths.

#[path = "../support/mod.rs"]
mod support;

mod app;
mod endpoints;
mod fuzz;
mod limits;
mod realtime_decode;
mod realtime_order;
mod realtime_rooms;
mod realtime_sockets;
mod realtime_support;
mod realtime_wire;
mod socketio;
