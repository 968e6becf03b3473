//! Files that people upload: what is taken and what is refused, whose they are, and that nothing is left behind; over a
//! whole server.

mod hostile;
mod left;
mod own;
mod room;
mod taken;
