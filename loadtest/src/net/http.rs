//! A blocking HTTP client: for the few calls outside the measured path (health, usage, the simulator's settings), and
//! for those that are themselves measured one by one, on a connection that is kept.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

/// A larger answer is an error, in bytes.
const MAX_ANSWER: u64 = 8 * 1024 * 1024;
/// So is a longer line of a head.
const MAX_LINE: u64 = 16 * 1024;

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

/// A connection for one request after another.
pub struct Connection {
    stream: BufReader<TcpStream>,
    server: SocketAddrV4,
}

impl Connection {
    /// `wait` is for each of: to connect, to write, to be answered.
    pub fn open(server: SocketAddrV4, wait: Duration) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&server.into(), wait)?;
        stream.set_read_timeout(Some(wait))?;
        stream.set_write_timeout(Some(wait))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream: BufReader::new(stream), server })
    }

    /// Posts JSON and waits for the whole answer.
    pub fn post(&mut self, path: &str, body: &str) -> io::Result<Answer> {
        self.post_with(path, "", body)
    }

    /// The same with further headers, each with its end of line.
    pub fn post_with(&mut self, path: &str, headers: &str, body: &str) -> io::Result<Answer> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.server,
            body.len()
        );
        self.ask(&request)
    }

    /// Posts a form with one file, with an access token, and waits for the whole answer.
    pub fn upload(
        &mut self,
        path: &str,
        token: &str,
        (field, name, bytes): (&str, &str, &[u8]),
    ) -> io::Result<Answer> {
        const BOUNDARY: &str = "----a-boundary-that-no-file-has-7d91";
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let length = head.len() + bytes.len() + tail.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {length}\r\n\r\n",
            self.server
        );
        for part in [request.as_bytes(), head.as_bytes(), bytes] {
            self.stream.get_mut().write_all(part)?;
        }
        self.ask(&tail)
    }

    /// Asks with an access token and waits for the whole answer.
    pub fn get(&mut self, path: &str, token: &str) -> io::Result<Answer> {
        let server = self.server;
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {token}\r\n\r\n"))
    }

    fn ask(&mut self, request: &str) -> io::Result<Answer> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut line = String::new();
        self.line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| bad("not an HTTP answer"))?;
        let mut length = None;
        loop {
            self.line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse::<u64>().ok();
            }
        }
        let length = length.filter(|length| *length <= MAX_ANSWER);
        let mut body = vec![0; length.ok_or_else(|| bad("an answer without a fitting length"))? as usize];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, body })
    }

    /// Reads one line of the head, without its end.
    fn line(&mut self, line: &mut String) -> io::Result<()> {
        line.clear();
        self.stream.by_ref().take(MAX_LINE).read_line(line)?;
        if !line.ends_with('\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end().len());
        Ok(())
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
