//! All that the double knows: objects as they are sent, its clock, its keys, what is to be delivered.
//!
//! An object is kept as the JSON that goes out; names that begin with `_` are its own notes and never leave.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::errors::ApiError;
use super::faults::Fault;

/// More objects than this are not kept: the double is for trying things out.
const OBJECTS_MAX: usize = 500_000;
/// Answers kept for repeated requests, and for how long.
const SAVED_MAX: usize = 20_000;
/// Of the latest events, these many are looked through for such as nobody took.
const UNSENT_MAX: usize = 1_000;
pub(super) const SAVED_S: i64 = 24 * 3_600;

/// Made at the first start and kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Keys {
    pub secret: String,
    pub publishable: String,
}

/// Where events go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Endpoint {
    pub url: String,
    pub secret: String,
}

/// What was answered under a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    pub of: String,
    pub status: u16,
    pub body: Value,
    pub at: i64,
}

/// One event on its way to one address.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub event: String,
    pub endpoint: Endpoint,
    pub tried: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub keys: Keys,
    pub base: String,
    objects: HashMap<String, Value>,
    /// Ids by what they are of, in the order in which they were made.
    order: HashMap<String, Vec<String>>,
    /// Sessions by what they are paid with; without those of an earlier run.
    #[serde(skip)]
    sessions: HashMap<String, String>,
    /// Seconds by which its clock is ahead of the machine's.
    pub ahead: i64,
    made: u64,
    saved: HashMap<String, Saved>,
    saved_order: VecDeque<String>,
    #[serde(skip)]
    pub endpoints: Vec<Endpoint>,
    #[serde(skip)]
    pub outbox: VecDeque<Delivery>,
    /// Events are not sent by themselves.
    #[serde(skip)]
    pub holds: bool,
    #[serde(skip)]
    pub held: Vec<String>,
    #[serde(skip)]
    pub faults: VecDeque<Fault>,
    /// Of the call that is answered now: its id and key.
    #[serde(skip)]
    pub request: Option<(String, Option<String>)>,
    /// Of an earlier run: on their way when it ended.
    #[serde(skip)]
    pub unsent: Vec<String>,
    /// Counts changes, so that what is kept is written when there was one.
    #[serde(skip)]
    pub version: u64,
    /// Calls that came, by method and folder.
    #[serde(skip)]
    pub calls: HashMap<String, u64>,
}

impl State {
    pub fn new(keys: Keys) -> Self {
        Self {
            keys,
            base: String::new(),
            objects: HashMap::new(),
            order: HashMap::new(),
            sessions: HashMap::new(),
            ahead: 0,
            made: 0,
            saved: HashMap::new(),
            saved_order: VecDeque::new(),
            endpoints: Vec::new(),
            outbox: VecDeque::new(),
            holds: false,
            held: Vec::new(),
            faults: VecDeque::new(),
            request: None,
            unsent: Vec::new(),
            version: 0,
            calls: HashMap::new(),
        }
    }

    /// Seconds since 1970, by its own clock.
    pub fn now(&self) -> i64 {
        Timestamp::now().as_second() + self.ahead
    }

    /// Rises with each one, and cannot be guessed.
    pub fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}_1S{:08}{}", self.made, random(12))
    }

    pub fn get(&self, id: &str) -> Option<&Value> {
        self.objects.get(id)
    }

    /// An object of this kind; `param` is where its id came from.
    pub fn of(&self, kind: &str, id: &str, param: &str) -> Result<&Value, ApiError> {
        self.get(id).filter(|it| it["object"] == kind).ok_or_else(|| ApiError::no_such(kind, id, param))
    }

    pub fn paid_by(&mut self, intent: &str, session: &str) {
        self.sessions.insert(intent.to_owned(), session.to_owned());
    }

    pub fn session_of(&self, intent: &str) -> Option<&Value> {
        self.get(self.sessions.get(intent)?)
    }

    /// Of an object that is known to be there: its changes are written where it is.
    pub fn edit(&mut self, id: &str) -> &mut Value {
        self.version += 1;
        self.objects.entry(id.to_owned()).or_insert_with(|| json!({}))
    }

    pub fn text(&self, id: &str, name: &str) -> Option<String> {
        self.get(id)?[name].as_str().map(str::to_owned)
    }

    pub fn put(&mut self, object: Value) -> Result<String, ApiError> {
        if self.objects.len() >= OBJECTS_MAX {
            return Err(ApiError::broken());
        }
        let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
        let (id, kind) = (text("id"), text("object"));
        self.version += 1;
        self.order.entry(kind).or_default().push(id.clone());
        self.objects.insert(id.clone(), object);
        Ok(id)
    }

    /// The oldest first.
    pub fn all<'a>(&'a self, kind: &str) -> impl DoubleEndedIterator<Item = &'a Value> + use<'a> {
        self.order.get(kind).into_iter().flatten().filter_map(|id| self.objects.get(id))
    }

    pub fn find(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Option<String> {
        self.all(kind).rev().find(|it| fits(it)).and_then(|it| it["id"].as_str()).map(str::to_owned)
    }

    /// As it is sent.
    pub fn shown(&self, id: &str) -> Value {
        self.get(id).map_or(Value::Null, show)
    }

    pub fn emit(&mut self, kind: &str, id: &str) {
        let object = self.shown(id);
        self.event(kind, &object, None);
    }

    /// Of an object that was `before`; nothing where nothing changed.
    pub fn emit_updated(&mut self, kind: &str, id: &str, before: &Value) {
        let object = self.shown(id);
        let mut previous = Map::new();
        for (name, value) in before.as_object().into_iter().flatten() {
            if object[name] != *value {
                previous.insert(name.clone(), value.clone());
            }
        }
        if !previous.is_empty() {
            self.event(kind, &object, Some(previous));
        }
    }

    fn event(&mut self, kind: &str, object: &Value, previous: Option<Map<String, Value>>) {
        let mut data = json!({ "object": object });
        if let Some(previous) = previous {
            data["previous_attributes"] = Value::Object(previous);
        }
        let (request, key) = self.request.clone().map_or((None, None), |(id, key)| (Some(id), key));
        let mut event = super::shapes::shape("event");
        let id = self.id("evt");
        event["id"] = json!(id);
        event["type"] = json!(kind);
        event["created"] = json!(self.now());
        event["api_version"] = json!(super::VERSION);
        event["data"] = data;
        event["pending_webhooks"] = json!(self.endpoints.len());
        event["request"] = json!({ "id": request, "idempotency_key": key });
        if self.put(event).is_err() {
            return;
        }
        if self.holds {
            self.held.push(id);
        } else {
            self.send(&id);
        }
    }

    /// To all addresses.
    pub fn send(&mut self, event: &str) {
        for endpoint in &self.endpoints {
            self.outbox.push_back(Delivery { event: event.to_owned(), endpoint: endpoint.clone(), tried: 0 });
        }
    }

    /// What nobody had taken when it ended is sent to the first address that is named.
    pub fn recall(&mut self) {
        let waiting =
            self.all("event").rev().take(UNSENT_MAX).filter(|it| it["pending_webhooks"].as_u64() > Some(0));
        let mut unsent: Vec<String> = waiting.filter_map(|it| it["id"].as_str().map(str::to_owned)).collect();
        unsent.reverse();
        self.unsent = unsent;
    }

    pub fn saved(&self, key: &str) -> Option<&Saved> {
        self.saved.get(key).filter(|saved| saved.at + SAVED_S > self.now())
    }

    pub fn save(&mut self, key: &str, saved: Saved) {
        if self.saved.insert(key.to_owned(), saved).is_none() {
            self.saved_order.push_back(key.to_owned());
        }
        while self.saved_order.len() > SAVED_MAX {
            let oldest = self.saved_order.pop_front();
            oldest.and_then(|key| self.saved.remove(&key));
        }
    }
}

/// Without the double's own notes.
pub(super) fn show(object: &Value) -> Value {
    match object {
        Value::Object(map) => {
            let open = map.iter().filter(|(name, _)| !name.starts_with('_'));
            Value::Object(open.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        other => other.clone(),
    }
}

/// From the system's source: session ids and secrets stand on it.
pub(super) fn random(letters: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = vec![0; letters];
    // It fails on no machine that could sign at all.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}
