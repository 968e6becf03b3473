//! Whatever happens in a conversation, a device that was there, or came back, holds what a fresh one would load.
//!
//! Some people with some devices do anything that there is to do, in an order that a printed seed decides, and lose their
//! connections in between. `SEED=… ` replays a run, `STEPS=…` makes it longer.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Value, json};

use super::device::{Device, fresh};
use super::{room_of, server};
use crate::support::app::{TestApp, TestUser, eventually};

const STEPS: usize = 2_000;
/// Refusals that are an answer to what was asked, not a fault.
const FITTING: [&str; 5] = ["conflict", "forbidden", "not_found", "room_busy", "content_refused"];

struct Play {
    app: TestApp,
    random: Rng,
    users: Vec<TestUser>,
    devices: Vec<Device>,
    characters: Vec<String>,
    room: String,
    /// How often each command was carried out, and refused.
    done: BTreeMap<String, (usize, usize)>,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

impl Play {
    async fn start(seed: u64) -> Self {
        let app = server().await;
        let users = vec![app.user().await, app.user().await, app.user().await];
        let room = room_of(&app, &users[0], &[&users[1], &users[2]]).await;
        let mut devices = Vec::new();
        for user in [0, 0, 1, 1, 2] {
            devices.push(Device::joined(&app, &users[user], &room).await);
        }
        let (_, list) = app.get("/api/characters?limit=4", None).await;
        let id = |character: &Value| super::text(&character["id"]);
        let characters = list["items"].as_array().unwrap().iter().map(id).collect();
        let random = Rng::with_seed(seed);
        Self { app, random, users, devices, characters, room, done: BTreeMap::new() }
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.random.usize(..one_in) == 0
    }

    fn of<'a, T>(random: &mut Rng, list: &'a [T]) -> &'a T {
        &list[random.usize(..list.len())]
    }

    /// A message that this device knows, of the latest ones.
    fn message(&mut self, device: usize) -> Value {
        self.known(device, |_| true)
    }

    /// The same, most often of a character: what is asked of replies is refused for others.
    fn reply(&mut self, device: usize) -> Value {
        let any = self.chance(4);
        self.known(device, |message| any || message["sender"]["kind"] == "character")
    }

    fn known(&mut self, device: usize, fits: impl Fn(&Value) -> bool) -> Value {
        let known = self.devices[device].held.messages.values().rev();
        let latest: Vec<&Value> = known.filter(|message| fits(message)).take(6).collect();
        self.random.choice(latest).map_or(Value::Null, |message| message["id"].clone())
    }

    fn command(&mut self, device: usize) -> (&'static str, Value) {
        let (message, reply) = (self.message(device), self.reply(device));
        let emoji = *Self::of(&mut self.random, &["👍", "🎉", "❤️", "😀"]);
        let user = Self::of(&mut self.random, &self.users).id.clone();
        let character = Self::of(&mut self.random, &self.characters).clone();
        let text =
            format!("{} {}", Self::of(&mut self.random, &["Tea", "Rain", "Ships"]), self.random.u16(..));
        match self.random.u8(..40) {
            0..6 => ("message:send", json!({"content": text, "reply": "none"})),
            6..9 => ("message:send", json!({"content": text, "reply": "auto", "replyTo": message})),
            9..14 => ("message:edit", json!({"messageId": message, "content": text})),
            14 => ("message:edit", json!({"messageId": message, "content": text, "resend": true})),
            15..17 => ("message:delete", json!({"messageId": message})),
            17..23 => {
                let remove = self.random.bool();
                ("message:react", json!({"messageId": message, "emoji": emoji, "remove": remove}))
            }
            23 => ("reply:request", json!({"characterId": self.random.bool().then_some(character)})),
            24 | 25 => ("reply:regenerate", json!({"messageId": reply})),
            26 => ("reply:continue", json!({"messageId": reply})),
            27..29 => ("reply:select", json!({"messageId": reply, "variant": self.random.u8(..3)})),
            29 => ("reply:stop", json!({})),
            30..33 => {
                let at = self.devices[device].held.at;
                ("message:read", json!({"offset": self.random.i64(0..=at.max(0))}))
            }
            33 => {
                let mode =
                    *Self::of(&mut self.random, &["mention", "turn_order", "talkativeness", "by_hand"]);
                let tags = if self.random.bool() { json!(["tea"]) } else { json!([]) };
                ("conversation:update", json!({"title": text, "replyMode": mode, "tags": tags}))
            }
            34 | 35 => ("member:add", json!({"userId": user})),
            36 => ("member:remove", json!({"userId": user})),
            37 => ("member:update", json!({"userId": user, "role": "owner"})),
            38 => ("character:add", json!({"characterId": character})),
            _ => ("character:remove", json!({"characterId": character})),
        }
    }

    /// One that can speak, and whose user owns the conversation as far as it knows.
    fn owners_device(&self) -> Option<usize> {
        let owns = |device: &Device| device.held.conversation["ownerId"] == json!(device.user.id);
        self.devices.iter().position(|device| device.is_connected() && !device.held.gone && owns(device))
    }

    async fn step(&mut self) {
        let which = self.random.usize(..self.devices.len());
        if !self.devices[which].is_connected() {
            if self.chance(4) {
                self.devices[which].reconnect(&self.app).await;
                self.devices[which].resume().await;
            }
            return;
        }
        if self.chance(25) {
            return self.devices[which].disconnect();
        }
        if self.devices[which].held.gone {
            // Brought in again, it goes on from where it stood.
            if self.chance(3) {
                self.devices[which].resume().await;
            }
            return;
        }
        let (event, data) = self.command(which);
        // What only an owner may do is done by one most of the time, or it is hardly ever done.
        let owners = event.starts_with("character:") || event.starts_with("member:");
        let which = if owners && !self.chance(4) { self.owners_device().unwrap_or(which) } else { which };
        let ack = self.devices[which].ask(event, data.clone()).await;
        let counts = self.done.entry(event.to_owned()).or_default();
        if ack["success"] == true {
            counts.0 += 1;
        } else {
            counts.1 += 1;
            let code = ack["code"].as_str().unwrap();
            assert!(FITTING.contains(&code), "{event} {data}: {ack}");
        }
    }

    /// Waits until no reply is under way.
    async fn settle(&self) {
        let engine = self.app.app().engine().clone();
        eventually("all replies have ended", async || engine.snapshot().turns == 0).await;
    }

    async fn owner(&self) -> &TestUser {
        for user in &self.users {
            let path = format!("/api/conversations/{}", self.room);
            let (status, shown) = self.app.get(&path, Some(&user.token)).await;
            if status == 200 && shown["conversation"]["ownerId"] == json!(user.id) {
                return user;
            }
        }
        panic!("a conversation has an owner")
    }

    /// All devices come back and agree with one that was never there.
    async fn agree(&mut self) {
        self.settle().await;
        let owner = self.owner().await.clone();
        let mut fresh = fresh(&self.app, &owner, &self.room).await;
        for device in &mut self.devices {
            if !device.is_connected() {
                device.reconnect(&self.app).await;
                device.resume().await;
            }
            if !device.catch_up(fresh.at).await {
                continue;
            }
            // One that had to begin again holds the latest messages only.
            let first = device.held.messages.first_key_value().map_or(0, |(offset, _)| *offset);
            let all = fresh.messages.clone();
            fresh.messages.retain(|offset, _| *offset >= first);
            device.held.assert_agrees(&fresh);
            fresh.messages = all;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_a_device_holds_what_a_fresh_one_would_load() {
    let seed = number("SEED").unwrap_or_else(|| fastrand::u64(..));
    let steps = number("STEPS").map_or(STEPS, |steps| steps as usize);
    eprintln!("SEED={seed} STEPS={steps}");
    let mut play = Play::start(seed).await;
    for step in 1..=steps {
        play.step().await;
        if step % 250 == 0 {
            play.agree().await;
        }
    }
    play.agree().await;
    eprintln!("{:#?}", play.done);
    if steps >= STEPS {
        assert!(play.done.len() >= 16 && play.done.values().all(|(done, _)| *done > 0), "{:#?}", play.done);
    }
    play.devices.clear();
    play.app.stop().await;
}
