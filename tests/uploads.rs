//! Files that people upload: what is taken and what is refused, whose they are, and that nothing is left behind; over a
//! whole server.

#[path = "uploads/hostile.rs"]
mod hostile;
#[path = "uploads/left.rs"]
mod left;
#[path = "uploads/own.rs"]
mod own;
#[path = "uploads/room.rs"]
mod room;
#[path = "uploads/stage.rs"]
mod stage;
mod support;
#[path = "uploads/taken.rs"]
mod taken;
