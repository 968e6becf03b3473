//! Pictures and videos that are made for people: over a whole server, with a provider that does as it is told.

mod asking;
mod ends;
mod faults;
mod reading;
mod restarts;
pub mod stage;
mod telling;

use crate::support::raw;
use crate::support::schema;
