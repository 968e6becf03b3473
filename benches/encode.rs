//! What one frame costs: encoding what a room sends (once, however many sockets see it), deciding for each session whether
//! its client may see it, and reading a command: `cargo bench --bench encode`.

use std::sync::Arc;

use divan::{Bencher, black_box};
use greenroom::realtime::wire::{self, CommandId};
use greenroom_actors::domain::{
    Changes, CharacterId, ClientId, Content, Finish, Into, Message, MessageId, MessageKind, RoomId, Sender,
    SessionId, Usage, UserId,
};
use greenroom_actors::protocol::{RoomEvent, Sent};
use greenroom_actors::session::{Joined, Session};

fn main() {
    divan::main();
}

fn message(chars: usize) -> Arc<Message> {
    Arc::new(Message {
        id: MessageId::new(),
        room: RoomId::new(),
        offset: 12,
        revision: 12,
        sender: Sender::User(UserId::new()),
        client_id: ClientId::parse("a1b2").expect("a valid id"),
        kind: MessageKind::Text,
        attachment: None,
        content: Content::trusted("The kettle sings. ".repeat(chars.div_ceil(18))),
        reply_to: None,
        finish: Finish::Complete,
        replies: Vec::new(),
        changes: Changes::default(),
        created_at: jiff::Timestamp::now(),
    })
}

#[divan::bench(args = [60, 1_000, 5_000])]
fn message_receive(bencher: Bencher<'_, '_>, chars: usize) {
    let (room, event) = (RoomId::new(), RoomEvent::Received(message(chars)));
    bencher.bench(|| wire::room_event(black_box(room), black_box(&event)));
}

/// A message to all sessions of a room: encoded once, and each session's decision. What is left out is the socket's write.
#[divan::bench(args = [10, 100, 1_000])]
fn fan_out(bencher: Bencher<'_, '_>, sessions: usize) {
    let room = RoomId::new();
    let mut sessions: Vec<Session<bytestring::ByteString>> = (0..sessions)
        .map(|_| {
            let mut session = Session::new(SessionId::new(), Arc::default(), jiff::Timestamp::now());
            let ticket = session.begin_join(room).expect("the first room");
            session.finish_join(room, ticket, &Joined { position: 0, replies: &[], ended: &[] }, |_| ());
            session
        })
        .collect();
    let template = message(60);
    let mut offset = 0;
    bencher.counter(divan::counter::ItemsCount::new(sessions.len())).bench_local(|| {
        offset += 1;
        let message = Message { offset, revision: offset, ..(*template).clone() };
        let event = RoomEvent::Received(Arc::new(message));
        let frame = wire::room_event(room, &event);
        for session in &mut sessions {
            session.on_frames(room, std::slice::from_ref(&frame), |body| drop(black_box(body.clone())));
        }
    });
}

#[divan::bench]
fn message_delta(bencher: Bencher<'_, '_>) {
    let room = RoomId::new();
    let event = RoomEvent::Delta {
        message: MessageId::new(),
        character: CharacterId::new(),
        in_reply_to: MessageId::new(),
        into: Into::New,
        attempt: 1,
        position: 240,
        text: " and pours".to_owned(),
    };
    bencher.bench(|| wire::room_event(black_box(room), black_box(&event)));
}

#[divan::bench]
fn ack_of_message_send(bencher: Bencher<'_, '_>) {
    let id = CommandId::Text("17".into());
    let usage = Arc::new(Usage { plan: "free".into(), lines: Vec::new() });
    let sent = Sent { message: message(60), replies: Vec::new(), usage: Some(usage), duplicate: false };
    bencher.bench(|| wire::sent(black_box(&id), black_box(&sent)));
}

#[divan::bench(args = [60, 1_000, 5_000])]
fn decode_message_send(bencher: Bencher<'_, '_>, chars: usize) {
    let content = "The kettle sings. ".repeat(chars.div_ceil(18)).chars().take(chars).collect::<String>();
    let text = serde_json::json!({
        "event": "message:send", "id": "17",
        "data": {"conversationId": RoomId::new().to_string(), "content": content, "clientId": "a1b2", "reply": "auto"},
    })
    .to_string();
    bencher.bench(|| wire::decode(black_box(&text), 5_000));
}

#[divan::bench]
fn decode_typing(bencher: Bencher<'_, '_>) {
    let room = RoomId::new();
    let text = format!(r#"{{"event":"typing:start","data":{{"conversationId":"{room}"}}}}"#);
    bencher.bench(|| wire::decode(black_box(&text), 5_000));
}
