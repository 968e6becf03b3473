//! HTTP requests as they come from a provider client: a head, and a body of a told length or in chunks.

use std::borrow::Cow;

use serde::Deserialize;

/// Heads and bodies that are larger are refused, in bytes. An audio file is 25 MB at most at OpenAI.
const MAX_HEAD: usize = 32 * 1024;
const MAX_BODY: usize = 26 * 1024 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// What follows the `?`.
    pub query: &'a str,
    pub keep_alive: bool,
    /// The key after `Bearer`.
    pub api_key: Option<&'a str>,
    pub content_type: &'a str,
    pub body: Cow<'a, [u8]>,
    /// Bytes of the whole request.
    pub length: usize,
}

/// The first request in `bytes`; `None` while it is not whole. The error is an HTTP status.
pub fn parse(bytes: &[u8]) -> Result<Option<Request<'_>>, u16> {
    let Some(head_end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() > MAX_HEAD { Err(431) } else { Ok(None) };
    };
    let head = std::str::from_utf8(&bytes[..head_end]).map_err(|_| 400u16)?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version)) = (first.next(), first.next(), first.next()) else {
        return Err(400);
    };
    let (mut length, mut keep_alive, mut chunked) = (0usize, version == "HTTP/1.1", false);
    let (mut api_key, mut content_type) = (None, "");
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().map_err(|_| 400u16)?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = value.eq_ignore_ascii_case("chunked");
            if !chunked {
                return Err(411);
            }
        } else if name.eq_ignore_ascii_case("connection") {
            keep_alive = value.eq_ignore_ascii_case("keep-alive") || keep_alive && value != "close";
        } else if name.eq_ignore_ascii_case("authorization") {
            api_key = value.strip_prefix("Bearer ");
        } else if name.eq_ignore_ascii_case("content-type") {
            content_type = value;
        }
    }
    if length > MAX_BODY {
        return Err(413);
    }
    let body_start = head_end + 4;
    let (body, taken) = if chunked {
        match unchunked(&bytes[body_start..])? {
            Some((body, taken)) => (Cow::Owned(body), taken),
            None => return Ok(None),
        }
    } else {
        match bytes.get(body_start..body_start + length) {
            Some(body) => (Cow::Borrowed(body), length),
            None => return Ok(None),
        }
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let length = body_start + taken;
    Ok(Some(Request { method, path, query, keep_alive, api_key, content_type, body, length }))
}

/// The body in chunks at the beginning of `bytes`, and how many bytes it took; `None` while it is not whole.
fn unchunked(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, u16> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(line) = bytes[at..].windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let size = std::str::from_utf8(&bytes[at..at + line]).map_err(|_| 400u16)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| 400u16)?;
        if size > MAX_BODY || body.len() + size > MAX_BODY {
            return Err(413);
        }
        let start = at + line + 2;
        let Some(chunk) = bytes.get(start..start + size + 2) else { return Ok(None) };
        body.extend_from_slice(&chunk[..size]);
        at = start + size + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

/// The part of a chat request that matters here.
#[derive(Debug, Deserialize)]
pub struct ChatRequest {
    #[serde(default)]
    pub model: String,
    messages: Vec<Message>,
    #[serde(default)]
    pub stream: bool,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Content,
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
    #[default]
    Nothing,
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(default)]
    text: String,
    image_url: Option<ImageUrl>,
}

#[derive(Debug, Deserialize)]
struct ImageUrl {
    url: String,
}

impl ImageUrl {
    /// Whether a model could look at it: a picture's bytes, or an address.
    fn is_picture(&self) -> bool {
        let bytes = self.url.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"));
        let is_base64 = |text: &str| {
            let sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
            !text.is_empty() && text.bytes().all(sign)
        };
        bytes.is_some_and(|(_, bytes)| is_base64(bytes)) || self.url.starts_with("https://")
    }
}

impl Content {
    fn text(&self) -> String {
        match self {
            Content::Text(text) => text.clone(),
            Content::Parts(parts) => parts.iter().map(|part| part.text.as_str()).collect(),
            Content::Nothing => String::new(),
        }
    }

    fn images(&self) -> impl Iterator<Item = &ImageUrl> {
        let parts: &[Part] = if let Content::Parts(parts) = self { parts } else { &[] };
        parts.iter().filter_map(|part| part.image_url.as_ref())
    }
}

impl ChatRequest {
    pub fn include_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage)
    }

    pub fn max_tokens(&self) -> Option<u32> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    /// How many pictures it shows; `None`: one of them is none.
    pub fn images(&self) -> Option<u64> {
        let mut images = self.messages.iter().flat_map(|message| message.content.images());
        images.try_fold(0, |count, image| image.is_picture().then_some(count + 1))
    }

    /// The text of the last message of the user.
    pub fn prompt(&self) -> String {
        let last = self.messages.iter().rev().find(|message| message.role == "user");
        last.map(|message| message.content.text()).unwrap_or_default()
    }

    /// What was said already, where the last message is the assistant's: the reply is to go on from there.
    pub fn so_far(&self) -> Option<String> {
        let last = self.messages.last().filter(|message| message.role == "assistant");
        last.map(|message| message.content.text()).filter(|text| !text.is_empty())
    }

    /// About four bytes are a token.
    pub fn prompt_tokens(&self) -> usize {
        self.messages.iter().map(|message| message.content.text().len() / 4 + 4).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_when_its_body_is_whole() {
        let wire =
            b"POST /v1/chat/completions?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbodyGET / HTTP";
        for cut in 0..wire.len() - 10 {
            assert_eq!(parse(&wire[..cut]), Ok(None), "cut at {cut}");
        }
        let request = parse(wire).unwrap().unwrap();
        assert_eq!(
            (request.method, request.path, request.query, &*request.body),
            ("POST", "/v1/chat/completions", "a=1", &b"body"[..])
        );
        assert!(request.keep_alive);
        assert_eq!(request.length, wire.len() - 10);
    }

    #[test]
    fn a_body_in_chunks_is_put_together() {
        let wire = b"POST /v1/audio/transcriptions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\
            Authorization: Bearer sk-1\r\n\r\n4\r\nhalf\r\n6;x=1\r\n a bod\r\n1\r\ny\r\n0\r\n\r\n";
        for cut in 0..wire.len() {
            assert_eq!(parse(&wire[..cut]), Ok(None), "cut at {cut}");
        }
        let request = parse(wire).unwrap().unwrap();
        assert_eq!((&*request.body, request.length), (&b"half a body"[..], wire.len()));
        assert_eq!(request.api_key, Some("sk-1"));
    }

    #[test]
    fn a_part_of_the_reply_at_the_end_is_to_be_continued() {
        let of = |messages: &str| {
            let chat: ChatRequest = serde_json::from_str(&format!(r#"{{"messages":[{messages}]}}"#)).unwrap();
            (chat.prompt(), chat.so_far())
        };
        let asked = r#"{"role":"user","content":"How far?"}"#;
        let part = r#"{"role":"assistant","content":"re:How"}"#;
        assert_eq!(of(&format!("{asked},{part}")), ("How far?".to_owned(), Some("re:How".to_owned())));
        assert_eq!(of(&format!("{part},{asked}")), ("How far?".to_owned(), None));
    }

    #[test]
    fn what_cannot_be_handled_is_refused_with_its_status() {
        assert_eq!(parse(b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"), Err(411));
        assert_eq!(parse(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), Err(400));
        assert_eq!(parse(b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"), Err(413));
        assert_eq!(parse(b"POST\r\n\r\n"), Err(400));
        assert_eq!(parse(&vec![b'a'; MAX_HEAD + 1]), Err(431));
        assert!(!parse(b"GET / HTTP/1.0\r\n\r\n").unwrap().unwrap().keep_alive);
    }

    #[test]
    fn the_prompt_is_the_last_message_of_the_user_in_either_form() {
        let chat: ChatRequest = serde_json::from_str(
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"max_tokens":7,"messages":[
                {"role":"system","content":"Be kind"},{"role":"user","content":"first"},
                {"role":"assistant","content":null},
                {"role":"user","content":[{"type":"text","text":"Hello "},{"type":"text","text":"there"}]}]}"#,
        )
        .unwrap();
        assert_eq!(chat.prompt(), "Hello there");
        assert!(chat.stream && chat.include_usage());
        assert_eq!(chat.max_tokens(), Some(7));
    }
}
