//! Control: what an admin sees of the running server, and what can be switched while it runs.
//!
//! All of it is behind an admin's token, and every act is logged with who did it.

mod store;
mod switches;
mod view;

pub use switches::{SetLogLevel, Switches};
