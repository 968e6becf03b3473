//! What a device holds of a conversation, by the protocol's rules alone: a snapshot, and what each event makes of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

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
    pub fn take(&mut self, snapshot: &Value) {
        if snapshot["recovered"] == false {
            self.messages.clear();
        }
        self.epoch = snapshot["epoch"].clone();
        self.at = snapshot["offset"].as_i64().unwrap();
        self.conversation = snapshot["conversation"].clone();
        self.gone = false;
        let reads = snapshot["reads"].as_array().unwrap();
        let mark = |read: &Value| (super::super::text(&read["userId"]), read["offset"].as_i64().unwrap());
        self.reads = reads.iter().map(mark).collect();
        for message in snapshot["messages"].as_array().unwrap() {
            self.put(message.clone());
        }
        self.settle();
    }

    pub fn put(&mut self, message: Value) {
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

    pub fn apply(&mut self, event: &str, data: &Value, user: &str) {
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
                    self.reads
                        .insert(super::super::text(&data["userId"]), data["readOffset"].as_i64().unwrap());
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
        members.sort_by_key(|member| (member["role"] != "owner", super::super::text(&member["id"])));
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
