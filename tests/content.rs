//! Pictures and videos that are made for people: over a whole server, with a provider that does as it is told.

#[path = "content/asking.rs"]
mod asking;
#[path = "content/ends.rs"]
mod ends;
#[path = "content/faults.rs"]
mod faults;
#[path = "socketio/raw.rs"]
#[allow(dead_code, reason = "one of its ways in is enough here")]
mod raw;
#[path = "content/reading.rs"]
mod reading;
#[path = "content/restarts.rs"]
mod restarts;
#[path = "realtime_support/schema.rs"]
mod schema;
#[path = "content/stage.rs"]
mod stage;
mod support;
#[path = "content/telling.rs"]
mod telling;
