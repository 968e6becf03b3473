//! A device of a person: a socket in one conversation, and what it holds of it.
//!
//! Every frame is held against the schema, every durable event against the place of the one before.

mod held;

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser};
use crate::support::schema;
use crate::support::socket::Socket;
use held::Held;

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
        super::text(&ack["code"])
    }

    /// Takes in what comes until the log stands there.
    pub async fn until(&mut self, offset: i64) {
        self.advance(offset).await;
        assert_eq!(self.held.at, offset, "so far, and no further");
    }

    /// The same, for a user who may have been removed in what comes, and brought in again behind it: that is joined anew.
    /// False: it is in the conversation no more.
    pub async fn catch_up(&mut self, offset: i64) -> bool {
        loop {
            self.advance(offset).await;
            if !self.held.gone {
                assert_eq!(self.held.at, offset, "no further than that");
                return true;
            }
            if !self.resume().await {
                return false;
            }
        }
    }

    /// Nothing comes behind the removal of its user.
    async fn advance(&mut self, offset: i64) {
        while self.held.at < offset && !self.held.gone {
            let frame = self.read().await;
            self.take(&frame);
        }
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
