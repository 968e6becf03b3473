//! The SQL of conversations. Reads the rooms and their log; founds rooms; the log itself is written by the journal.

mod carriers;
mod deleted;
mod found;
mod log;
mod lookup;
mod public;
pub(super) mod readers;
mod rooms;
mod search;
mod statistics;
mod variants;
pub(super) mod words;

pub(super) use carriers::{Carrier, carriers_in, carriers_of, carries_another};
pub(super) use deleted::{DeletedRoom, deleted, deleted_room, due};
pub(super) use found::{Founded, Founding, Greeting, default_of, found};
pub use log::MessageRange;
pub(super) use log::{changed_since, count_changed_since, head, latest, messages, read_marks};
pub(super) use lookup::{castable, kept_in, person, person_named, standing};
pub(super) use public::{
    FoundRoom, OwnTotals, PublicPosition, PublicTotals, categories, count_messages, listed, names,
    own_totals, public_views, room_by_id, room_by_slug, still_public, totals,
};
pub use public::{PublicFilter, PublicOrder};
pub(super) use rooms::{Position, Standing, is_member, list, resolve, standing_of, views};
pub(super) use search::{
    Hit, by_ids, by_name, fitting_words, in_room, in_rooms, lexemes, own_rooms, public_rooms, searching,
    titles, took_too_long,
};
pub(super) use statistics::{Counted, average_reply_ms, counted, frame};
pub(super) use variants::{StoredVariant, variants};
