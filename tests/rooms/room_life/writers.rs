//! Many who write, edit and react in one conversation at the same time.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::device::{Device, fresh};
use super::{room_of, server};
use crate::support::app::TestUser;

const WRITERS: usize = 50;
const ROUNDS: usize = 4;

/// Each round: says something, edits it, and reacts to what somebody said, twice with the same emoji.
async fn write(mut device: Device, number: usize) -> Device {
    for round in 0..ROUNDS {
        let content = format!("{number}/{round}");
        let say = json!({"content": content, "reply": "none", "clientId": content});
        let said = device.done("message:send", say).await["message"].clone();
        let edit = json!({"messageId": said["id"], "content": format!("{number}/{round}, edited")});
        device.done("message:edit", edit).await;
        let other = device.held.messages.values().next_back().unwrap()["id"].clone();
        for _ in 0..2 {
            device.done("message:react", json!({"messageId": other, "emoji": "👍"})).await;
        }
        // The greeting gets one of each, and keeps it of the even ones.
        let greeting = device.held.messages[&1]["id"].clone();
        device.done("message:react", json!({"messageId": greeting, "emoji": "🎉"})).await;
        if number % 2 == 1 {
            let take_back = json!({"messageId": greeting, "emoji": "🎉", "remove": true});
            device.done("message:react", take_back).await;
        }
    }
    device
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_writers_at_once_leave_one_order_and_exact_counts() {
    let app = server().await;
    let mut users: Vec<TestUser> = Vec::new();
    for _ in 0..WRITERS {
        users.push(app.user().await);
    }
    let owner = users[0].clone();
    let others: Vec<&TestUser> = users[1..].iter().collect();
    let room = room_of(&app, &owner, &others).await;
    let mut devices = join_all(users.iter().map(|user| Device::joined(&app, user, &room))).await;
    devices.iter_mut().skip(1).for_each(Device::trust_frames);
    let writers = devices.into_iter().enumerate().map(|(n, device)| tokio::spawn(write(device, n)));
    let devices: Vec<Device> = join_all(writers).await.into_iter().map(Result::unwrap).collect();

    let fresh = fresh(&app, &owner, &room).await;
    let messages: Vec<&Value> = fresh.messages.values().collect();
    assert_eq!(messages.len(), 1 + WRITERS * ROUNDS);
    let mut said: BTreeMap<&str, usize> = BTreeMap::new();
    let mut thumbs = 0;
    for message in &messages[1..] {
        assert!(message["content"].as_str().unwrap().ends_with(", edited"), "{message}");
        *said.entry(message["sender"]["id"].as_str().unwrap()).or_default() += 1;
    }
    assert!(said.len() == WRITERS && said.values().all(|count| *count == ROUNDS), "{said:?}");
    for message in &messages {
        for reaction in message["reactions"].as_array().unwrap() {
            let mut who: Vec<&Value> = reaction["userIds"].as_array().unwrap().iter().collect();
            let all = who.len();
            who.sort_by_key(|id| id.as_str());
            who.dedup();
            assert_eq!(who.len(), all, "each person once: {message}");
            if reaction["emoji"] == "👍" {
                thumbs += all;
            } else {
                assert_eq!((all, &message["offset"]), (WRITERS / 2, &json!(1)));
            }
        }
    }
    assert!(thumbs > 0 && thumbs <= WRITERS * ROUNDS);
    // Each message and edit is one change, and so is each reaction that changed something: no more, no fewer.
    let pool = app.database.pool();
    let client = pool.get().await.unwrap();
    let id: uuid::Uuid = room.parse().unwrap();
    let row =
        "select count(*), count(distinct revision), (select last_revision from heads where room_id = $1)
        from (select revision from room_changes where room_id = $1
              union all select \"offset\" from messages where room_id = $1) changes";
    let row = client.query_one(row, &[&id]).await.unwrap();
    let (changes, places, head): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    assert_eq!((changes, places, head), (fresh.at, fresh.at, fresh.at));
    drop(client);
    for mut device in devices {
        device.until(fresh.at).await;
        device.held.assert_agrees(&fresh);
    }
    app.stop().await;
}
