//! How the stand-in is read by HTTP: pages of messages and searches for words.

use serde_json::{Value, json};

use super::Breach;
use super::rooms::{House, message_json};

type Answer = (&'static str, Value);

/// `GET /api/conversations/{id}/messages` and `…/search`.
pub fn answer(house: &mut House, path: &str, query: &str) -> Answer {
    let mut parts = path.trim_start_matches("/api/conversations/").split('/');
    let room = parts.next().unwrap_or_default();
    match parts.next() {
        Some("messages") => ("200 OK", page(house, room, query)),
        Some("search") => ("200 OK", search(house, room, query)),
        _ => ("404 Not Found", json!({ "error": "not_found" })),
    }
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn number(query: &str, name: &str) -> Option<u64> {
    parameter(query, name)?.parse().ok()
}

fn page(house: &House, room: &str, query: &str) -> Value {
    let limit = number(query, "limit").unwrap_or(50);
    if let Some(after) = number(query, "after") {
        let (items, more) = house.after(room, after, limit as usize);
        return json!({ "items": items, "hasMore": more });
    }
    let before = number(query, "before").unwrap_or(house.head(room) + 1);
    let floor = before.saturating_sub(limit + 1);
    let (items, _) = house.after(room, floor, (before - 1).saturating_sub(floor) as usize);
    json!({ "items": items, "hasMore": floor > 0 })
}

/// The newest messages that have all of the words.
fn search(house: &mut House, room: &str, query: &str) -> Value {
    let wanted: Vec<&str> = parameter(query, "q").unwrap_or_default().split('+').collect();
    let limit = number(query, "limit").unwrap_or(20) as usize;
    let hidden = usize::from(house.breaks(Breach::HideHit));
    let fits = |content: &str| wanted.iter().all(|word| content.split(' ').any(|said| said == *word));
    let newest = house.messages(room).iter().rev().filter(|message| fits(&message.content));
    let mut found = newest.skip(hidden);
    let items: Vec<Value> = found
        .by_ref()
        .take(limit)
        .map(|message| json!({ "message": message_json(message, &[]), "rank": 1.0 }))
        .collect();
    json!({ "items": items, "limit": limit, "nextCursor": found.next().map(|_| "more") })
}
