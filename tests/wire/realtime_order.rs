//! Nothing is lost, doubled or out of order: joining, resuming, slow readers and gaps, on real sockets while the room
//! goes on.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use greenroom::realtime::Settings;
use greenroom_actors::domain::{RoomId, Sender, UserId, utf16_len};
use greenroom_actors::ports::Fanout;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::realtime_support::Server;
use crate::realtime_support::client::{Client, Closed};

fn text_of(message: &Value) -> (i64, String) {
    (message["offset"].as_i64().unwrap(), message["content"].as_str().unwrap().to_owned())
}

#[actix_web::test]
async fn what_is_committed_while_a_join_is_under_way_comes_once_and_in_order() {
    let server = Server::start(Settings::default());
    let mira = server.stage.user("mira");
    let room = server.stage.room(&[mira]);
    let sender = Sender::User(mira);
    server.stage.say(room, sender, "1");
    // Once for what is committed before the snapshot, once for after it, once for both.
    for (before, after) in [(3, 0), (0, 3), (2, 2)] {
        let mut client = Client::signed_in(server.address, "mira").await;
        let first = server.stage.before_snapshot.write().await;
        let second = server.stage.after_snapshot.write().await;
        let id = client.tell("conversation:join", json!({ "conversationId": room.to_string() })).await;
        // The socket is subscribed before it asks for the snapshot.
        server.until("subscribed", |counts| counts.rooms == 1).await;
        for _ in 0..before {
            server.stage.say(room, sender, "before");
        }
        drop(first);
        tokio::task::yield_now().await;
        for _ in 0..after {
            server.stage.say(room, sender, "after");
        }
        drop(second);
        let ack = client.ack(&id).await.unwrap();
        let mut position = ack["offset"].as_i64().unwrap();
        assert_eq!(ack["messages"].as_array().unwrap().len() as i64, position);
        while position < server.stage.head(room) {
            let event = client.event("message:receive").await;
            position += 1;
            assert_eq!(event["offset"], position);
        }
        drop(client);
        server.until("left", |counts| counts.rooms == 0).await;
    }
    server.stop().await;
}

#[actix_web::test]
async fn a_late_joiner_gets_the_text_so_far_and_then_the_rest() {
    let server = Server::start(Settings::default());
    let mira = server.stage.user("mira");
    let room = server.stage.room(&[mira]);
    server.stage.say(room, Sender::User(mira), "Tell me");
    let reply = server.stage.open_reply(room);
    server.stage.stream(room, reply, "Once 😀");
    let mut client = Client::signed_in(server.address, "mira").await;
    let snapshot = client.join(room, None).await;
    assert_eq!(
        (&snapshot["replies"][0]["text"], &snapshot["replies"][0]["attempt"]),
        (&json!("Once 😀"), &json!(1))
    );
    server.stage.stream(room, reply, " upon");
    let delta = client.event("message:delta").await;
    assert_eq!((&delta["position"], &delta["text"]), (&json!(utf16_len("Once 😀")), &json!(" upon")));
    server.stage.end_reply(room, reply);
    let message = client.event("message:receive").await;
    assert_eq!(
        (&message["message"]["id"], &message["message"]["content"]),
        (&json!(reply.uuid()), &json!("Once 😀 upon"))
    );
    server.stop().await;
}

#[actix_web::test]
async fn a_gap_closes_the_socket_and_the_resume_fills_it() {
    let server = Server::start(Settings::default());
    let mira = server.stage.user("mira");
    let room = server.stage.room(&[mira]);
    let sender = Sender::User(mira);
    let mut client = Client::signed_in(server.address, "mira").await;
    let snapshot = client.join(room, None).await;
    server.stage.say(room, sender, "1");
    assert_eq!(client.event("message:receive").await["offset"], 1);
    server.stage.say_unheard(room, sender);
    server.stage.say(room, sender, "3");
    assert_eq!(client.next().await, Err(Closed(Some(4009))));
    let mut again = Client::signed_in(server.address, "mira").await;
    let resumed = again.join(room, Some((snapshot["epoch"].clone(), 1))).await;
    assert_eq!((&resumed["recovered"], &resumed["offset"]), (&json!(true), &json!(3)));
    assert_eq!(resumed["messages"].as_array().unwrap().len(), 2);
    let other_epoch = json!(uuid::Uuid::new_v4());
    assert_eq!(again.join(room, Some((other_epoch, 1))).await["recovered"], false);
    assert_eq!(server.hub.counts().out_of_step, 1);
    server.stop().await;
}

#[actix_web::test]
async fn a_restarted_room_closes_those_who_missed_something() {
    let server = Server::start(Settings::default());
    let mira = server.stage.user("mira");
    let room = server.stage.room(&[mira]);
    let mut behind = Client::signed_in(server.address, "mira").await;
    behind.join(room, None).await;
    server.hub.resync(room, 0);
    assert_eq!(behind.ask("ping", json!({})).await["success"], true);
    server.stage.say_unheard(room, Sender::User(mira));
    server.hub.resync(room, server.stage.head(room));
    assert_eq!(behind.closed().await, Some(4009));
    server.stop().await;
}

#[actix_web::test]
async fn a_page_of_what_was_missed_is_not_yet_live() {
    let server = Server::start(Settings::default());
    let mira = server.stage.user("mira");
    let room = server.stage.room(&[mira]);
    for number in 1..=250 {
        server.stage.say(room, Sender::User(mira), &number.to_string());
    }
    let mut client = Client::signed_in(server.address, "mira").await;
    let epoch = json!(server.stage.epoch);
    let (mut position, mut seen) = (0, Vec::new());
    loop {
        let page = client.join(room, Some((epoch.clone(), position))).await;
        seen.extend(page["messages"].as_array().unwrap().iter().map(text_of));
        position = page["offset"].as_i64().unwrap();
        let more = page["more"].as_bool().unwrap();
        assert_eq!(server.hub.counts().rooms, u64::from(!more));
        if !more {
            break;
        }
    }
    assert!(seen.iter().map(|(offset, _)| *offset).eq(1..=250));
    server.stop().await;
}

/// A peer that signs in, joins, and then reads nothing more, with as little room in its kernel as there can be.
async fn stuck(address: SocketAddr, token: &str, room: RoomId) -> tokio::net::TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let upgrade = format!(
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let join = json!({"event": "conversation:join", "id": "1", "data": {"conversationId": room.to_string()}})
        .to_string();
    // A text frame of 126 bytes or more, masked with zeroes.
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend((join.len() as u16).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(format!("{join:<126}").as_bytes());
    frame[2..4].copy_from_slice(&(join.len().max(126) as u16).to_be_bytes());
    stream.write_all(&frame).await.unwrap();
    let (mut seen, mut buffer) = (Vec::new(), [0; 512]);
    while !String::from_utf8_lossy(&seen).contains("\"presence\"") {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend(&buffer[..read]);
    }
    stream
}

#[actix_web::test]
async fn a_reader_that_stops_is_closed_and_the_others_do_not_feel_it() {
    let server = Server::start(Settings { mailbox_max_bytes: 64 * 1_024, ..Settings::default() });
    let mira = server.stage.user("mira");
    let room = server.stage.room(&[mira]);
    let slow = stuck(server.address, "mira", room).await;
    let mut healthy = Client::signed_in(server.address, "mira").await;
    healthy.join(room, None).await;
    server.until("both joined", |counts| counts.signed_in == 2).await;
    let text = "x".repeat(4_000);
    let mut position = 0;
    let mut say = async |healthy: &mut Client| {
        server.stage.say(room, Sender::User(mira), &text);
        position += 1;
        assert_eq!(healthy.event("message:receive").await["offset"], position);
        assert!(position < 10_000, "{:?}", server.hub.counts());
    };
    while server.hub.counts().out_of_step == 0 {
        say(&mut healthy).await;
    }
    // It does not even take its close frame: after a while its connection is ended.
    while server.hub.counts().signed_in == 2 {
        server.clock.advance(Duration::from_secs(1));
        assert_eq!(healthy.ask("ping", json!({})).await["success"], true);
        say(&mut healthy).await;
    }
    assert!(server.hub.counts().shut >= 1, "{:?}", server.hub.counts());
    server.until("its memory is free", |counts| counts.sockets == 1).await;
    drop(slow);
    server.stop().await;
}

#[actix_web::test]
async fn deltas_that_did_not_fit_are_made_good_by_the_text_so_far() {
    // So small a mailbox is pressed by two deltas.
    let server = Server::start(Settings { mailbox_max_bytes: 2_048, ..Settings::default() });
    let mira = server.stage.user("mira");
    let room = server.stage.room(&[mira]);
    let mut client = Client::signed_in(server.address, "mira").await;
    client.join(room, None).await;
    let reply = server.stage.open_reply(room);
    // The shard hands over many before a session of its thread runs: some are dropped.
    while server.hub.counts().dropped == 0 {
        for number in 0..1_000 {
            server.stage.stream(room, reply, &format!("word{number} "));
        }
        client.ask("ping", json!({})).await;
    }
    // One more, now that the pressure has gone, shows what is missing.
    server.stage.stream(room, reply, "end");
    let mut text: Vec<u16> = Vec::new();
    while !String::from_utf16(&text).unwrap().ends_with("end") {
        let delta = client.event("message:delta").await;
        let position = delta["position"].as_u64().unwrap() as usize;
        assert!(position <= text.len(), "a hole in the text");
        text.truncate(position);
        text.extend(delta["text"].as_str().unwrap().encode_utf16());
    }
    let said = server.stage.end_reply(room, reply);
    assert_eq!(String::from_utf16(&text).unwrap(), said.content.as_str());
    assert!(server.stage.replies_asked() > 1);
    assert_eq!(server.hub.counts().out_of_step, 0);
    server.stop().await;
}

#[actix_web::test]
async fn a_full_worker_queue_closes_the_rooms_sockets_and_they_resume() {
    let server = Server::start(Settings { shard_queue_max: 1, ..Settings::default() });
    let mira = server.stage.user("mira");
    let room = server.stage.room(&[mira]);
    let mut client = Client::signed_in(server.address, "mira").await;
    client.join(room, None).await;
    let mut position = 0;
    let code = loop {
        // Far more than one at a time, while the worker is on another thread.
        for _ in 0..100 {
            server.stage.say(room, Sender::User(mira), "hi");
        }
        let closed = async {
            loop {
                match client.next().await {
                    Err(Closed(code)) => return Some(code),
                    Ok(frame) if frame["event"] == "message:receive" => {
                        position += 1;
                        assert_eq!(frame["data"]["offset"], position);
                        if position == server.stage.head(room) {
                            return None;
                        }
                    }
                    Ok(_) => {}
                }
            }
        };
        if let Some(code) = closed.await {
            break code;
        }
    };
    assert_eq!(code, Some(4009));
    let mut again = Client::signed_in(server.address, "mira").await;
    let resumed = again.join(room, Some((json!(server.stage.epoch), position))).await;
    assert_eq!(resumed["recovered"], true);
    server.stop().await;
}

/// A client that comes and goes while the room talks, and writes down what it was given.
async fn wanderer(
    server: &Server,
    room: RoomId,
    random: &mut fastrand::Rng,
    total: i64,
) -> HashMap<i64, String> {
    let mut log = HashMap::new();
    let (mut position, mut from) = (0, None);
    while position < total {
        let mut client = Client::signed_in(server.address, "mira").await;
        loop {
            let page = client.join(room, from.clone()).await;
            if page["recovered"] == false {
                log.clear();
            }
            for message in page["messages"].as_array().unwrap() {
                let (offset, text) = text_of(message);
                // A message is changed by no later event here, so that it comes once.
                assert!(log.insert(offset, text).is_none(), "{offset} came twice");
            }
            position = page["offset"].as_i64().unwrap();
            from = Some((page["epoch"].clone(), position));
            if page["more"] == false {
                break;
            }
        }
        // Some live events, then gone without a word.
        for _ in 0..random.u32(0..40) {
            if position == total {
                break;
            }
            let event = client.event("message:receive").await;
            position += 1;
            assert_eq!(event["offset"], position, "lost, doubled or out of order");
            let (offset, text) = text_of(&event["message"]);
            assert!(log.insert(offset, text).is_none(), "{offset} came twice");
        }
        from = from.map(|(epoch, _)| (epoch, position));
    }
    log
}

#[actix_web::test]
async fn whoever_comes_and_goes_while_the_room_talks_ends_with_all_of_it() {
    let server = Rc::new(Server::start(Settings { sockets_per_user_max: 1_000, ..Settings::default() }));
    let mira = server.stage.user("mira");
    let seed =
        std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (room, total) = (server.stage.room(&[mira, UserId::new()]), 400);
    let stage = server.stage.clone();
    let mut pace = random.fork();
    let talker = std::thread::spawn(move || {
        let mut said = 0;
        while said < total {
            let count = pace.i64(1..=5.min(total - said));
            let texts: Vec<String> = (0..count).map(|index| (said + index + 1).to_string()).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            stage.say_all(room, Sender::User(mira), &texts);
            said += count;
            std::thread::sleep(Duration::from_micros(pace.u64(0..2_000)));
        }
    });
    let wanderers = (0..6).map(|_| {
        let (server, mut random) = (server.clone(), random.fork());
        async move { wanderer(&server, room, &mut random, total).await }
    });
    let logs = join_all(wanderers).await;
    talker.join().unwrap();
    for log in logs {
        // A first join gives the latest fifty only.
        let first = log.keys().min().copied().unwrap();
        assert_eq!(log.len() as i64, total - first + 1);
        assert!(log.iter().all(|(offset, text)| *text == offset.to_string()));
    }
    let Ok(server) = Rc::try_unwrap(server) else { panic!("all clients are done") };
    server.stop().await;
}
