//! Replies of the stand-in: streamed from the simulator, or made up.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::rooms::{House, Message};
use crate::native::ids;
use crate::scenarios::address_of;

/// Answers one message; a provider that fails is asked again.
pub async fn answer(house: Rc<RefCell<House>>, room: String, question: Message) {
    let id = Uuid::now_v7().to_string();
    let mut attempt = 1;
    let content = loop {
        match generate(&house, &room, &question, &id, attempt).await {
            Ok(content) => break content,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        attempt += 1;
    };
    let times = if house.borrow_mut().doubles_reply() { 2 } else { 1 };
    for _ in 0..times {
        let reply = Message {
            room: room.clone(),
            id: id.clone(),
            offset: 0,
            user: None,
            client_id: None,
            content: content.clone(),
            reply_to: Some(question.id.clone()),
            wants_reply: false,
        };
        // Storage that fails leaves the message unanswered, which the next start finds.
        let _ = house.borrow_mut().say(reply);
    }
}

async fn generate(
    house: &Rc<RefCell<House>>,
    room: &str,
    question: &Message,
    id: &str,
    attempt: u32,
) -> io::Result<String> {
    let provider = house.borrow().provider.clone();
    let Some(provider) = provider else {
        tokio::time::sleep(Duration::from_millis(20)).await;
        return Ok(format!("re:{}", question.content));
    };
    let address = address_of(&provider).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let body = json!({ "model": "sim-1", "stream": true, "messages": [{ "role": "user", "content": question.content }] });
    let body = body.to_string();
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    let mut lines = BufReader::new(stream).lines();
    let mut text = String::new();
    while let Some(line) = lines.next_line().await? {
        let Some(data) = line.strip_prefix("data: ") else { continue };
        if data == "[DONE]" {
            return Ok(text);
        }
        let chunk: Value = serde_json::from_str(data)?;
        let Some(piece) = chunk["choices"][0]["delta"]["content"].as_str().filter(|piece| !piece.is_empty())
        else {
            continue;
        };
        let delta = json!({ "event": "message:delta", "data": {
            "conversationId": room, "messageId": id, "characterId": ids::character().to_string(),
            "inReplyTo": question.id, "attempt": attempt, "position": text.len(), "text": piece,
        }});
        text.push_str(piece);
        house.borrow_mut().tell(room, &delta);
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}
