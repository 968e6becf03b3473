//! One connection of the stand-in: an HTTP question, or a socket.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;

use bytes::Bytes;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::rooms::{House, Message, QUEUE, message_json};
use super::{Breach, PASSWORD, provider, reading};
use crate::floor::{accept, write_all};
use crate::native::Claims;
use crate::net::frame;
use crate::sim::request;

const SNAPSHOT: usize = 50;

/// What a request shows before it is answered or becomes a socket.
struct Head {
    path: String,
    query: String,
    body: Vec<u8>,
    keep_alive: bool,
    user: Option<String>,
    key: Option<String>,
}

pub async fn serve(stream: TcpStream, house: Rc<RefCell<House>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut pending = Vec::new();
    let (user, key) = loop {
        let head = next_request(&stream, &mut pending, &house).await?;
        if let Some(key) = head.key {
            break (head.user, key);
        }
        let keep_alive = head.keep_alive;
        answer(&stream, head, &house).await?;
        if !keep_alive {
            return Ok(());
        }
    };
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept(&key)
    );
    write_all(&stream, &mut vec![Bytes::from(head)]).await?;
    let (queue, inbox) = mpsc::channel(QUEUE);
    let id = house.borrow_mut().next_session();
    let mut session = Session { id, user, queue: Some(queue), house: house.clone() };
    let result = session.converse(&stream, inbox, pending).await;
    house.borrow_mut().leave(id);
    result
}

/// Takes the next request off `pending`, reading as much as it needs.
async fn next_request(
    stream: &TcpStream,
    pending: &mut Vec<u8>,
    house: &Rc<RefCell<House>>,
) -> io::Result<Head> {
    loop {
        match request::parse(pending) {
            Ok(Some(request)) => {
                let head = String::from_utf8_lossy(&pending[..request.length]);
                let header = |name: &str| {
                    let mut found = head.lines().filter_map(|line| line.split_once(": "));
                    found.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
                };
                let token = header("authorization")
                    .and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned));
                let found = Head {
                    path: request.path.to_owned(),
                    query: request.query.to_owned(),
                    body: request.body.to_vec(),
                    keep_alive: request.keep_alive,
                    user: token.and_then(|token| user_of(&token, &house.borrow().secret)),
                    key: header("sec-websocket-key"),
                };
                let length = request.length;
                pending.drain(..length);
                return Ok(found);
            }
            Ok(None) => read(stream, pending).await?,
            Err(_) => return Err(ErrorKind::InvalidData.into()),
        }
    }
}

async fn answer(stream: &TcpStream, head: Head, house: &Rc<RefCell<House>>) -> io::Result<()> {
    let (status, body) = match (head.path.as_str(), head.user) {
        ("/health/ready", _) => ("200 OK", json!({ "status": "OK" })),
        ("/api/auth/me", Some(user)) => ("200 OK", json!({ "usage": house.borrow().used(&user) })),
        ("/api/auth/me", None) => ("401 Unauthorized", json!({ "error": "unauthenticated" })),
        (path, Some(_)) if path.starts_with("/api/admin/rooms") => {
            ("200 OK", json!({ "total": house.borrow().rooms_spoken_in() }))
        }
        (path, Some(_)) if path.starts_with("/api/conversations/") => {
            reading::answer(&mut house.borrow_mut(), path, &head.query)
        }
        ("/api/media/upload/image", Some(_)) => upload(&head.body),
        ("/api/auth/login", _) => login(&head.body, &mut house.borrow_mut()),
        _ => ("404 Not Found", json!({ "error": "not_found" })),
    };
    let body = body.to_string();
    let connection = if head.keep_alive { "keep-alive" } else { "close" };
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n", body.len());
    write_all(stream, &mut vec![Bytes::from(head + &body)]).await
}

/// Known are those whom the seeder makes; all have one password.
fn login(body: &[u8], house: &mut House) -> (&'static str, Value) {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let known = body["username"].as_str().is_some_and(|name| name.starts_with("load-"));
    if !body["username"].is_string() {
        ("400 Bad Request", json!({ "error": "bad_request" }))
    } else if known && body["password"] == PASSWORD {
        ("200 OK", json!({ "accessToken": "none", "expiresIn": 900 }))
    } else if !known && house.breaks(Breach::TellUnknown) {
        ("404 Not Found", json!({ "error": "not_found", "requestId": "r" }))
    } else {
        ("401 Unauthorized", json!({ "error": "unauthenticated", "requestId": "r" }))
    }
}

/// A form with a JPEG under the right name is taken.
fn upload(body: &[u8]) -> (&'static str, Value) {
    let holds = |what: &[u8]| body.windows(what.len()).any(|part| part == what);
    if holds(b"name=\"image\"") && holds(b"\r\n\r\n\xff\xd8\xff") {
        ("202 Accepted", json!({ "file": { "state": "processing" } }))
    } else {
        ("400 Bad Request", json!({ "error": "bad_request" }))
    }
}

fn user_of(token: &str, secret: &str) -> Option<String> {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_issuer(&["greenroom"]);
    rules.set_audience(&["greenroom"]);
    let key = DecodingKey::from_secret(secret.as_bytes());
    Some(decode::<Claims>(token, &key, &rules).ok()?.claims.sub.to_string())
}

async fn read(stream: &TcpStream, pending: &mut Vec<u8>) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match stream.try_read_buf(pending) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => return other.map(drop),
        }
    }
}

struct Session {
    id: u64,
    user: Option<String>,
    /// Kept until the session listens to a room, so that a room that drops it ends the inbox.
    queue: Option<mpsc::Sender<String>>,
    house: Rc<RefCell<House>>,
}

impl Session {
    async fn converse(
        &mut self,
        stream: &TcpStream,
        mut inbox: mpsc::Receiver<String>,
        mut pending: Vec<u8>,
    ) -> io::Result<()> {
        let mut out =
            vec![encode(&json!({ "event": "hello", "data": { "protocol": 1, "epoch": "double" } }))];
        if self.user.is_some() {
            out.push(encode(&json!({ "event": "ready", "data": { "success": true } })));
        }
        loop {
            write_all(stream, &mut out).await?;
            tokio::select! {
                event = inbox.recv() => match event {
                    Some(event) => out.push(encode_text(event.as_bytes())),
                    None => {
                        let mut close = Vec::new();
                        frame::put_from_server(&mut close, frame::CLOSE, &4009u16.to_be_bytes());
                        return write_all(stream, &mut vec![Bytes::from(close)]).await;
                    }
                },
                read = read(stream, &mut pending) => {
                    read?;
                    let mut used = 0;
                    while let Some(frame) = frame::from_client(&mut pending[used..])
                        .map_err(|error| io::Error::new(ErrorKind::InvalidData, error.name()))?
                    {
                        used += frame.length;
                        let command: Value = serde_json::from_slice(frame.payload)?;
                        let data = self.carry_out(&command)?;
                        // Events of this command that are in the inbox come after its ack.
                        out.push(encode(&json!({ "event": "ack", "id": command["id"], "data": data })));
                    }
                    pending.drain(..used);
                }
            }
        }
    }

    fn carry_out(&mut self, command: &Value) -> io::Result<Value> {
        let data = &command["data"];
        let room = data["conversationId"].as_str().unwrap_or_default().to_owned();
        if command["event"] == "auth" {
            self.user = user_of(data["token"].as_str().unwrap_or_default(), &self.house.borrow().secret);
            return Ok(json!({ "success": self.user.is_some(), "code": "unauthenticated" }));
        }
        let Some(user) = self.user.clone() else {
            return Ok(json!({ "success": false, "code": "unauthenticated" }));
        };
        let mut house = self.house.borrow_mut();
        Ok(match command["event"].as_str() {
            Some("ping") => json!({ "success": true }),
            Some("conversation:join") => {
                let (epoch, head) = (house.epoch.clone(), house.head(&room));
                let place = data["offset"].as_u64().filter(|_| data["epoch"] == epoch);
                let (messages, more) = match place {
                    Some(offset) => house.after(&room, offset, SNAPSHOT),
                    None => house.after(&room, head.saturating_sub(SNAPSHOT as u64), SNAPSHOT),
                };
                let last = messages.last().and_then(|message| message["offset"].as_u64());
                if !more && let Some(queue) = self.queue.take() {
                    house.listen(&room, self.id, queue);
                }
                json!({ "success": true, "epoch": epoch, "offset": if more { last } else { Some(head) },
                    "recovered": place.is_some(), "more": more, "messages": messages, "replies": [] })
            }
            Some("conversation:messages") => {
                let limit = data["limit"].as_u64().unwrap_or(50) as usize;
                let (items, more) = house.after(&room, data["after"].as_u64().unwrap_or(0), limit);
                json!({ "success": true, "items": items, "hasMore": more })
            }
            Some("message:send") => {
                let wants_reply = data["reply"] == "auto";
                let (message, duplicate) = house.say(Message {
                    room: room.clone(),
                    id: String::new(),
                    offset: 0,
                    user: Some(user.clone()),
                    client_id: data["clientId"].as_str().map(str::to_owned),
                    content: data["content"].as_str().unwrap_or_default().to_owned(),
                    reply_to: None,
                    wants_reply,
                })?;
                if wants_reply && !duplicate {
                    tokio::task::spawn_local(provider::answer(self.house.clone(), room, message.clone()));
                }
                json!({ "success": true, "duplicate": duplicate, "message": message_json(&message, &[]),
                    "replies": [], "usage": house.used(&user) })
            }
            _ => json!({ "success": false, "code": "unknown_command" }),
        })
    }
}

fn encode(value: &Value) -> Bytes {
    encode_text(value.to_string().as_bytes())
}

fn encode_text(text: &[u8]) -> Bytes {
    let mut encoded = Vec::with_capacity(text.len() + 10);
    frame::put_from_server(&mut encoded, frame::TEXT, text);
    encoded.into()
}
