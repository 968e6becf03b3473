//! Files that were uploaded here and are carried by messages, through the whole server: sent by each way in, followed from
//! `processing` to what becomes of them, shown in galleries and to models that see.

mod support;
#[path = "socketio/raw.rs"]
#[allow(dead_code, reason = "one of its ways in is enough here")]
mod raw;
#[path = "realtime_support/schema.rs"]
mod schema;
#[path = "room_life/device.rs"]
#[allow(dead_code, reason = "room_life uses the rest")]
mod device;
#[path = "attached/stage.rs"]
mod stage;
#[path = "attached/sending.rs"]
mod sending;
#[path = "attached/following.rs"]
mod following;
#[path = "attached/seeing.rs"]
mod seeing;
#[path = "attached/galleries.rs"]
mod galleries;

use serde_json::Value;

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
