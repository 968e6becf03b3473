//! What one frame costs: encoding what a room sends (once, however many sockets see it) and reading a command.

use std::sync::Arc;

use divan::{Bencher, black_box};
use greenroom::realtime::wire::{self, CommandId};
use greenroom_actors::domain::{
    CharacterId, ClientId, Content, Finish, Message, MessageId, MessageKind, RoomId, Sender, Usage, UserId,
};
use greenroom_actors::protocol::{RoomEvent, Sent};

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
        content: Content::trusted("The kettle sings. ".repeat(chars.div_ceil(18))),
        reply_to: None,
        finish: Finish::Complete,
        replies: Vec::new(),
        created_at: jiff::Timestamp::now(),
    })
}

#[divan::bench(args = [60, 1_000, 5_000])]
fn message_receive(bencher: Bencher<'_, '_>, chars: usize) {
    let (room, event) = (RoomId::new(), RoomEvent::Received(message(chars)));
    bencher.bench(|| wire::room_event(black_box(room), black_box(&event)));
}

#[divan::bench]
fn message_delta(bencher: Bencher<'_, '_>) {
    let room = RoomId::new();
    let event = RoomEvent::Delta {
        message: MessageId::new(),
        character: CharacterId::new(),
        in_reply_to: MessageId::new(),
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
