//! A device of a person: a socket in one conversation, and what it holds of it by the protocol's rules alone.
//!
//! Every frame is held against the schema, every durable event against the place of the one before.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use crate::schema;
use crate::support::app::{TestApp, TestUser};
use crate::support::socket::Socket;

/// What a device holds of a conversation.
#[derive(Clone, Debug, Default)]
pub struct Held {
    pub epoch: Value,
    pub at: i64,
    pub messages: BTreeMap<i64, Value>,
    pub conversation: Value,
    pub reads: BTreeMap<String, i64>,
    /// Its user is in the conversation no more.
    pub gone: bool,
}

/// What a change of the conversation tells of it.
const DETAILS: [&str; 9] =
    ["ownerId", "title", "slug", "visibility", "category", "tags", "featured", "replyMode", "characters"];

impl Held {
    /// A snapshot was given: what it has stands in the place of what is held.
    fn take(&mut self, snapshot: &Value) {
        if snapshot["recovered"] == false {
            self.messages.clear();
        }
        self.epoch = snapshot["epoch"].clone();
        self.at = snapshot["offset"].as_i64().unwrap();
        self.conversation = snapshot["conversation"].clone();
        self.gone = false;
        let reads = snapshot["reads"].as_array().unwrap();
        let mark = |read: &Value| (crate::text(&read["userId"]), read["offset"].as_i64().unwrap());
        self.reads = reads.iter().map(mark).collect();
        for message in snapshot["messages"].as_array().unwrap() {
            self.put(message.clone());
        }
        self.settle();
    }

    fn put(&mut self, message: Value) {
        self.messages.insert(message["offset"].as_i64().unwrap(), message);
    }

    fn message(&mut self, id: &Value) -> Option<&mut Value> {
        self.messages.values_mut().find(|message| message["id"] == *id)
    }

    /// A reply that has become a message is no longer listed with the one that asked for it.
    fn settle(&mut self) {
        let said: Vec<Value> = self.messages.values().map(|message| message["id"].clone()).collect();
        for message in self.messages.values_mut() {
            let replies = message["replies"].as_array_mut().unwrap();
            replies.retain(|reply| !said.contains(&reply["messageId"]));
        }
    }

    fn ended(&mut self, reply: &Value) {
        for message in self.messages.values_mut() {
            message["replies"].as_array_mut().unwrap().retain(|listed| listed["messageId"] != *reply);
        }
    }

    fn apply(&mut self, event: &str, data: &Value, user: &str) {
        assert!(!self.gone, "{event} after its user was removed: {data}");
        if let Some(offset) = data.get("offset").and_then(Value::as_i64) {
            assert_eq!(offset, self.at + 1, "{event} in its place: {data}");
            self.at = offset;
        }
        match event {
            "message:receive" => {
                self.put(data["message"].clone());
                self.ended(&data["message"]["id"]);
            }
            "message:update" => {
                self.put(data["message"].clone());
                if let Some(reply) = data.get("replyId") {
                    // The one that asked for it changes too: it lists it no more.
                    let lists = |message: &Value| {
                        let replies = message["replies"].as_array().unwrap();
                        replies.iter().any(|listed| listed["messageId"] == *reply)
                    };
                    if let Some(asking) = self.messages.values_mut().find(|message| lists(message)) {
                        asking["revision"] = data["offset"].clone();
                    }
                    self.ended(reply);
                }
            }
            "message:status" => self.state(data),
            "message:read" => {
                // Of somebody who has left meanwhile it means nothing.
                let members = self.conversation["members"].as_array().unwrap();
                if members.iter().any(|member| member["id"] == data["userId"]) {
                    self.reads.insert(crate::text(&data["userId"]), data["readOffset"].as_i64().unwrap());
                }
            }
            "conversation:update" => {
                for field in DETAILS {
                    self.conversation[field] = data[field].clone();
                }
                let owner = &data["ownerId"];
                let members = self.conversation["members"].as_array_mut().unwrap();
                for member in members.iter_mut() {
                    member["role"] = json!(if member["id"] == *owner { "owner" } else { "member" });
                }
                members.sort_by_key(|member| member["role"] != "owner");
            }
            "member:add" => {
                self.conversation["members"].as_array_mut().unwrap().push(data["member"].clone());
            }
            "member:remove" => {
                let members = self.conversation["members"].as_array_mut().unwrap();
                members.retain(|member| member["id"] != data["userId"]);
                self.reads.remove(data["userId"].as_str().unwrap());
                self.gone = data["userId"] == user;
            }
            _ => {}
        }
    }

    /// A reply's state: listed with the message that asked for it, until it becomes a message.
    fn state(&mut self, data: &Value) {
        if data["state"] == "done" {
            return self.ended(&data["messageId"]);
        }
        let Some(message) = self.message(&data["inReplyTo"]) else { return };
        let mut now = json!({
            "characterId": data["characterId"], "messageId": data["messageId"], "state": data["state"]
        });
        if let Some(code) = data.get("code") {
            now["code"] = code.clone();
        }
        let replies = message["replies"].as_array_mut().unwrap();
        match replies.iter_mut().find(|reply| reply["messageId"] == data["messageId"]) {
            Some(reply) => *reply = now,
            None => replies.push(now),
        }
        if let Some(offset) = data.get("offset") {
            message["revision"] = offset.clone();
        }
    }

    /// Holds the same as another one, down to the last field.
    pub fn assert_agrees(&self, other: &Self) {
        let mut differences = Vec::new();
        compare("", &self.agreed(), &other.agreed(), &mut differences);
        assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    }

    fn agreed(&self) -> Value {
        let mut conversation: BTreeMap<&str, Value> =
            DETAILS.iter().map(|field| (*field, self.conversation[*field].clone())).collect();
        // But for the owner, who comes first, their order says nothing.
        let mut members = self.conversation["members"].as_array().unwrap().clone();
        members.sort_by_key(|member| (member["role"] != "owner", crate::text(&member["id"])));
        conversation.insert("members", Value::Array(members));
        let messages: BTreeMap<String, &Value> =
            self.messages.iter().map(|(offset, message)| (offset.to_string(), message)).collect();
        json!({"at": self.at, "conversation": conversation, "messages": messages, "reads": self.reads})
    }
}

/// Where two values differ, and how.
fn compare(path: &str, one: &Value, other: &Value, differences: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) => {
            for name in fields.keys().chain(others.keys().filter(|name| !fields.contains_key(*name))) {
                let of =
                    |fields: &serde_json::Map<String, Value>| fields.get(name).cloned().unwrap_or_default();
                compare(&format!("{path}/{name}"), &of(fields), &of(others), differences);
            }
        }
        _ if one == other => {}
        _ => differences.push(format!("{path}: {one} is not {other}")),
    }
}

pub struct Device {
    pub user: TestUser,
    pub room: String,
    pub held: Held,
    socket: Option<Socket>,
    /// What was taken in and not asked for yet.
    events: VecDeque<Value>,
    /// Commands that await their ack, by id.
    asked: BTreeMap<String, String>,
    frames: Frames,
}

/// Whether frames are held against the schema: that takes its time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frames {
    Checked,
    Trusted,
}

impl Device {
    /// Connects without joining.
    pub async fn open(app: &TestApp, user: &TestUser, room: &str) -> Self {
        let socket = Some(app.socket(user).await);
        let (user, room) = (user.clone(), room.to_owned());
        Self {
            user,
            room,
            held: Held::default(),
            socket,
            events: VecDeque::new(),
            asked: BTreeMap::new(),
            frames: Frames::Checked,
        }
    }

    /// Connects and joins afresh.
    pub async fn joined(app: &TestApp, user: &TestUser, room: &str) -> Self {
        let mut device = Self::open(app, user, room).await;
        assert!(device.resume().await);
        device
    }

    /// The schema is for others to watch over.
    pub fn trust_frames(&mut self) {
        self.frames = Frames::Trusted;
    }

    pub fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    pub fn disconnect(&mut self) {
        self.socket = None;
        self.events.clear();
        self.asked.clear();
    }

    pub async fn reconnect(&mut self, app: &TestApp) {
        self.socket = Some(app.socket(&self.user).await);
    }

    /// Joins from where it stood, or afresh. False: it is not let in.
    pub async fn resume(&mut self) -> bool {
        loop {
            let mut data = json!({"conversationId": self.room});
            if !self.held.epoch.is_null() {
                data["epoch"] = self.held.epoch.clone();
                data["offset"] = json!(self.held.at);
            }
            let id = self.tell("conversation:join", data).await;
            let ack = loop {
                let frame = self.read().await;
                if frame["event"] == "ack" && frame["id"] == id {
                    break frame["data"].clone();
                }
                let of_room = frame["data"]["conversationId"] == json!(self.room);
                assert!(!of_room, "nothing of the room comes before its snapshot: {frame}");
                self.take(&frame);
            };
            if ack["success"] == false {
                assert_eq!(ack["code"], "not_found", "{ack}");
                self.held.gone = true;
                return false;
            }
            self.held.take(&ack);
            if ack["more"] == false {
                return true;
            }
        }
    }

    /// Carries out a command of this conversation; what comes meanwhile is taken in.
    pub async fn ask(&mut self, event: &str, mut data: Value) -> Value {
        data["conversationId"] = json!(self.room);
        let id = self.tell(event, data).await;
        loop {
            let frame = self.read().await;
            if frame["event"] == "ack" && frame["id"] == id {
                return frame["data"].clone();
            }
            self.take(&frame);
        }
    }

    /// The same; it has to succeed.
    pub async fn done(&mut self, event: &str, data: Value) -> Value {
        let ack = self.ask(event, data).await;
        assert_eq!(ack["success"], true, "{event}: {ack}");
        ack
    }

    /// The same; it has to be refused: the code.
    pub async fn refused(&mut self, event: &str, data: Value) -> String {
        let ack = self.ask(event, data).await;
        assert_eq!(ack["success"], false, "{event}: {ack}");
        crate::text(&ack["code"])
    }

    /// Takes in what comes until the log stands there.
    pub async fn until(&mut self, offset: i64) {
        while self.held.at < offset {
            let frame = self.read().await;
            self.take(&frame);
        }
        assert_eq!(self.held.at, offset, "no further than that");
    }

    /// The same, for a user who may have been removed in what comes, and brought in again behind it: that is joined anew.
    /// False: it is in the conversation no more.
    pub async fn catch_up(&mut self, offset: i64) -> bool {
        while self.held.at < offset {
            if self.held.gone {
                if !self.resume().await {
                    return false;
                }
                continue;
            }
            let frame = self.read().await;
            self.take(&frame);
        }
        assert_eq!(self.held.at, offset, "no further than that");
        !self.held.gone
    }

    /// The next event of that name: its data. Those before it were taken in, and are passed over.
    pub async fn event(&mut self, name: &str) -> Value {
        loop {
            let frame = self.heard().await;
            if frame["event"] == name {
                return frame["data"].clone();
            }
        }
    }

    /// The message that a reply became, or became part of, when it has ended.
    pub async fn reply(&mut self, id: &Value) -> Value {
        loop {
            let frame = self.heard().await;
            let data = &frame["data"];
            let own = frame["event"] == "message:receive" && data["message"]["id"] == *id;
            if own || (frame["event"] == "message:update" && data["replyId"] == *id) {
                return data["message"].clone();
            }
            let ended = frame["event"] == "message:status" && data["messageId"] == *id;
            assert!(!ended || data.get("code").is_none(), "the reply failed: {data}");
        }
    }

    /// The next event that nobody asked for yet.
    async fn heard(&mut self) -> Value {
        loop {
            if let Some(frame) = self.events.pop_front() {
                return frame;
            }
            let frame = self.read().await;
            self.take(&frame);
        }
    }

    async fn tell(&mut self, event: &str, data: Value) -> String {
        let id = self.socket.as_mut().expect("connected").tell(event, data).await;
        self.asked.insert(id.clone(), event.to_owned());
        id
    }

    async fn read(&mut self) -> Value {
        let frame = self.socket.as_mut().expect("connected").next().await.expect("an open socket");
        if self.frames == Frames::Trusted {
            return frame;
        }
        schema::assert_valid("serverFrame", &frame);
        if frame["event"] == "ack"
            && let Some(command) = self.asked.remove(frame["id"].as_str().unwrap_or_default())
            && frame["data"]["success"] == true
        {
            schema::assert_valid(&format!("acks/{command}"), &frame["data"]);
        }
        frame
    }

    fn take(&mut self, frame: &Value) {
        if frame["event"] == "ack" {
            return;
        }
        self.events.push_back(frame.clone());
        if frame["data"]["conversationId"] == json!(self.room) {
            let user = self.user.id.clone();
            self.held.apply(frame["event"].as_str().unwrap(), &frame["data"], &user);
        }
    }
}

/// What a device that was never there before would hold: all messages, and the rest from a fresh join.
pub async fn fresh(app: &TestApp, user: &TestUser, room: &str) -> Held {
    let mut held = Device::joined(app, user, room).await.held;
    held.messages.clear();
    loop {
        let after = held.messages.last_key_value().map_or(0, |(offset, _)| *offset);
        let path = format!("/api/conversations/{room}/messages?limit=100&after={after}");
        let (status, page) = app.get(&path, Some(&user.token)).await;
        assert_eq!(status, 200, "{page}");
        for message in page["items"].as_array().unwrap() {
            held.put(message.clone());
        }
        if page["hasMore"] == false {
            return held;
        }
    }
}
