//! A request of HTTP/1.1 as stand-ins take it from a socket, whole.

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The next one; none when the other side has gone.
    pub async fn read(reader: &mut (impl AsyncBufRead + Unpin)) -> Option<Self> {
        let first = line(reader).await?;
        let mut words = first.split(' ').map(ToOwned::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let mut headers = Vec::new();
        while let Some((name, value)) = line(reader).await?.split_once(':') {
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut request = Self { method, path, headers, body: Vec::new() };
        if request.header("transfer-encoding").is_some() {
            request.body = chunks(reader).await?;
        } else if let Some(length) = request.header("content-length") {
            request.body.resize(length.parse().ok()?, 0);
            reader.read_exact(&mut request.body).await.ok()?;
        }
        Some(request)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The key of a bearer, or nothing.
    pub fn bearer(&self) -> &str {
        self.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default()
    }
}

async fn line(reader: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = String::new();
    (reader.read_line(&mut line).await.ok()? > 0).then(|| line.trim_end().to_owned())
}

async fn chunks(reader: &mut (impl AsyncBufRead + Unpin)) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(&line(reader).await?, 16).ok()?;
        let mut part = vec![0; size + 2];
        reader.read_exact(&mut part).await.ok()?;
        body.extend_from_slice(&part[..size]);
        if size == 0 {
            return Some(body);
        }
    }
}
