//! What the stand-in holds: rooms with their messages and listeners, and the file from which they come back.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Breach, Options};
use crate::native::{ids, words};

/// Frames that may wait for one socket; a socket that is further behind is closed with 4009.
pub const QUEUE: usize = 512;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    pub room: String,
    pub id: String,
    pub offset: u64,
    /// `None`: the character.
    pub user: Option<String>,
    pub client_id: Option<String>,
    pub content: String,
    pub reply_to: Option<String>,
    pub wants_reply: bool,
}

#[derive(Default)]
struct Room {
    head: u64,
    messages: Vec<Message>,
    listeners: Vec<Listener>,
}

struct Listener {
    session: u64,
    queue: mpsc::Sender<String>,
}

pub struct House {
    pub secret: String,
    pub provider: Option<String>,
    pub epoch: String,
    rooms: BTreeMap<String, Room>,
    sent: HashMap<(String, String), (String, u64)>,
    used: HashMap<String, u64>,
    file: Option<File>,
    breach: Option<Breach>,
    breach_every: u64,
    occasions: u64,
    sessions: u64,
}

impl House {
    pub fn open(options: &Options) -> anyhow::Result<House> {
        let mut house = House {
            secret: options.jwt_secret.clone(),
            provider: options.provider.clone(),
            epoch: "double".to_owned(),
            rooms: BTreeMap::new(),
            sent: HashMap::new(),
            used: HashMap::new(),
            file: None,
            breach: options.breach,
            breach_every: options.breach_every.max(1),
            occasions: 0,
            sessions: 0,
        };
        if let Some(path) = &options.data {
            let file = OpenOptions::new().create(true).append(true).read(true).open(path);
            let file = file.with_context(|| format!("opening {}", path.display()))?;
            for line in BufReader::new(&file).lines() {
                // The last line may be cut by a kill; it was never acked.
                if let Ok(message) = serde_json::from_str(&line?) {
                    house.keep(message);
                }
            }
            house.file = Some(file);
        }
        for (room, messages) in options.messages.iter().enumerate() {
            house.fill(room, *messages);
        }
        Ok(house)
    }

    /// Fills a room up as the seeder does.
    fn fill(&mut self, room: usize, messages: u64) {
        let name = ids::room(room).to_string();
        for offset in self.head(&name) + 1..=messages {
            let id = Uuid::now_v7().to_string();
            self.keep(Message {
                room: name.clone(),
                client_id: Some(id.clone()),
                id,
                offset,
                user: (offset % 2 == 1).then(|| ids::user(0).to_string()),
                content: words::content(offset),
                reply_to: None,
                wants_reply: false,
            });
        }
    }

    /// It holds all of them in memory, for ever.
    pub fn rooms_spoken_in(&self) -> usize {
        self.rooms.values().filter(|room| !room.messages.is_empty()).count()
    }

    pub fn next_session(&mut self) -> u64 {
        self.sessions += 1;
        self.sessions
    }

    pub fn breaks(&mut self, breach: Breach) -> bool {
        if self.breach != Some(breach) {
            return false;
        }
        self.occasions += 1;
        self.occasions.is_multiple_of(self.breach_every)
    }

    fn keep(&mut self, message: Message) {
        let room = self.rooms.entry(message.room.clone()).or_default();
        room.head = message.offset;
        if let (Some(user), Some(client_id)) = (&message.user, &message.client_id) {
            self.sent.insert((user.clone(), client_id.clone()), (message.room.clone(), message.offset));
            *self.used.entry(user.clone()).or_default() += 1;
        }
        room.messages.push(message);
    }

    /// Stores a message and delivers it to the room. Says it as it is on the wire, and whether it was there before.
    pub fn say(&mut self, mut message: Message) -> std::io::Result<(Message, bool)> {
        if let (Some(user), Some(client_id)) = (&message.user, &message.client_id)
            && let Some((room, offset)) = self.sent.get(&(user.clone(), client_id.clone()))
            && let Some(before) = self.rooms[room].messages.iter().find(|message| message.offset == *offset)
        {
            return Ok((before.clone(), true));
        }
        message.offset = self.rooms.entry(message.room.clone()).or_default().head + 1;
        message.id = Uuid::now_v7().to_string();
        if message.user.is_some() && self.breaks(Breach::ForgetMessage) {
            self.rooms.entry(message.room.clone()).or_default().head += 1;
        } else {
            if let Some(file) = &mut self.file {
                file.write_all(format!("{}\n", serde_json::to_string(&message)?).as_bytes())?;
            }
            self.keep(message.clone());
            if let Some(user) =
                message.user.as_ref().filter(|_| self.breach == Some(Breach::MiscountUsage)).cloned()
                && self.breaks(Breach::MiscountUsage)
            {
                *self.used.entry(user).or_default() -= 1;
            }
        }
        let event = json!({ "event": "message:receive", "data": {
            "conversationId": message.room, "offset": message.offset, "message": message_json(&message, &[]),
        }});
        let times = match (self.breaks(Breach::LoseEvent), self.breaks(Breach::DoubleEvent)) {
            (true, _) => 0,
            (_, true) => 2,
            _ => 1,
        };
        for _ in 0..times {
            self.tell(&message.room, &event);
        }
        Ok((message, false))
    }

    pub fn doubles_reply(&mut self) -> bool {
        self.breaks(Breach::DoubleReply)
    }

    /// Sends an event to all listeners; one whose queue is full is dropped, and its session closes it.
    pub fn tell(&mut self, room: &str, event: &Value) {
        let text = event.to_string();
        if let Some(room) = self.rooms.get_mut(room) {
            room.listeners.retain(|listener| listener.queue.try_send(text.clone()).is_ok());
        }
    }

    pub fn listen(&mut self, room: &str, session: u64, queue: mpsc::Sender<String>) {
        let room = self.rooms.entry(room.to_owned()).or_default();
        room.listeners.push(Listener { session, queue });
    }

    pub fn leave(&mut self, session: u64) {
        for room in self.rooms.values_mut() {
            room.listeners.retain(|listener| listener.session != session);
        }
    }

    pub fn head(&self, room: &str) -> u64 {
        self.rooms.get(room).map_or(0, |room| room.head)
    }

    /// At most `limit` messages after an offset, and whether there are more.
    pub fn after(&self, room: &str, offset: u64, limit: usize) -> (Vec<Value>, bool) {
        let Some(room) = self.rooms.get(room) else { return (Vec::new(), false) };
        let mut found = room.messages.iter().filter(|message| message.offset > offset);
        let page: Vec<_> =
            found.by_ref().take(limit).map(|message| message_json(message, &room.messages)).collect();
        (page, found.next().is_some())
    }

    /// The messages of a room, the oldest first.
    pub fn messages(&self, room: &str) -> &[Message] {
        self.rooms.get(room).map_or(&[], |room| &room.messages)
    }

    pub fn used(&self, user: &str) -> Value {
        let used = self.used.get(user).copied().unwrap_or(0);
        json!({ "plan": "free", "limits": [{ "scope": "character", "characterId": ids::character().to_string(),
            "type": "text", "window": "lifetime", "used": used, "limit": 1_000_000_000, "resetsAt": null }] })
    }

    /// Messages that wait for a reply, by room.
    pub fn unanswered(&self) -> Vec<(String, Message)> {
        let all = self.rooms.iter().flat_map(|(name, room)| {
            let open = room.messages.iter().filter(|message| is_open(message, &room.messages));
            open.map(move |message| (name.clone(), message.clone()))
        });
        all.collect()
    }
}

fn is_open(message: &Message, all: &[Message]) -> bool {
    message.wants_reply && !all.iter().any(|other| other.reply_to.as_ref() == Some(&message.id))
}

pub fn message_json(message: &Message, all: &[Message]) -> Value {
    let (kind, sender) = match &message.user {
        Some(user) => ("user", user.clone()),
        None => ("character", ids::character().to_string()),
    };
    let open = json!([{ "characterId": ids::character().to_string(), "messageId": "pending", "state": "streaming" }]);
    json!({
        "id": message.id, "conversationId": message.room, "offset": message.offset, "revision": message.offset,
        "sender": { "kind": kind, "id": sender }, "type": "text", "content": message.content,
        "clientId": message.client_id, "replyTo": message.reply_to, "finish": "complete",
        "replies": if !all.is_empty() && is_open(message, all) { open } else { json!([]) },
        "createdAt": "2026-01-01T00:00:00Z",
    })
}
