//! A blocking HTTP client for the few calls outside the measured path: health, usage, the simulator's settings.

use std::io::{self, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

/// A larger answer is an error, in bytes.
const MAX_ANSWER: u64 = 8 * 1024 * 1024;

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        anyhow::ensure!(self.status == 200, "HTTP {}: {}", self.status, String::from_utf8_lossy(&self.body));
        Ok(serde_json::from_slice(&self.body)?)
    }
}

pub fn get(server: SocketAddrV4, path: &str, token: Option<&str>) -> io::Result<Answer> {
    call(server, "GET", path, token, b"")
}

pub fn put(server: SocketAddrV4, path: &str, body: &[u8]) -> io::Result<Answer> {
    call(server, "PUT", path, None, body)
}

/// One request on one connection. HTTP/1.0, so that the answer comes whole and unchunked.
fn call(
    server: SocketAddrV4,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &[u8],
) -> io::Result<Answer> {
    let wait = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&server.into(), wait)?;
    stream.set_read_timeout(Some(wait))?;
    stream.set_write_timeout(Some(wait))?;
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let mut request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {server}\r\n{authorization}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    stream.write_all(&request)?;

    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer");
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(bad)?;
    let status = std::str::from_utf8(&answer[..head])
        .ok()
        .and_then(|head| head.split(' ').nth(1)?.parse().ok())
        .ok_or_else(bad)?;
    Ok(Answer { status, body: answer.split_off(head + 4) })
}
