//! The native protocol as an outside client speaks it: the only thing that this crate knows of the server.

pub mod command;
mod crew;
pub mod ids;
pub mod scan;
pub mod words;
mod seat;
mod socketio;
mod token;

pub use crew::{Behaviour, Crew, CrewOptions, Dialect, SignIn, Stage};
pub use seat::{Phase, Seat};
pub use token::{Claims, Signer};
