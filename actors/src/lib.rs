//! The engine of Greenroom: sessions, rooms, turns, users and personas as actors.
//!
//! It knows no HTTP, SQL, Redis, JSON or AI provider; what it needs of them it asks for through [`ports`].
//! The modules stand in the order in which a message walks: see `ARCHITECTURE.md`.

pub mod domain;
pub mod protocol;
pub mod ports;
pub mod settings;
pub mod moderation;
pub mod session;
mod room;
mod turn;
mod user;
pub mod journal;
mod persona;
mod copies;
pub mod prompt;
pub mod pace;
pub mod pool;
pub mod completion;
mod directory;
mod supervisor;
mod drafts;
pub mod engine;
#[cfg(any(test, feature = "testsuite"))]
pub mod testsuite;
