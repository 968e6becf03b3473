//! The SQL of conversations. Reads the rooms and their log; founds rooms; the log itself is written by the journal.

mod found;
mod log;
mod lookup;
mod rooms;

pub(super) use found::{Founded, Founding, Greeting, default_of, found};
pub use log::MessageRange;
pub(super) use log::{changed_since, count_changed_since, head, latest, messages, read_marks};
pub(super) use lookup::{castable, person, person_named, standing};
pub(super) use rooms::{Position, is_member, list, resolve, views};
