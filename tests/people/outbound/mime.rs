//! Reads a mail as its reader's program would: headers unfolded and decoded, the parts of its body decoded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

#[derive(Debug)]
pub struct Mail {
    pub headers: Vec<(String, String)>,
    pub text: String,
    pub html: String,
}

impl Mail {
    pub fn read(raw: &str) -> Self {
        let (head, body) = raw.split_once("\r\n\r\n").expect("a header and a body");
        let headers = headers(head);
        let kind = find(&headers, "content-type").expect("a type");
        assert!(kind.starts_with("multipart/alternative"), "{kind}");
        let boundary = kind.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next());
        let boundary = format!("--{}", boundary.expect("a boundary"));
        let parts: Vec<(String, String)> = body
            .split(&boundary)
            .filter(|part| part.starts_with("\r\n"))
            .map(|part| {
                let (head, body) = part.trim_start().split_once("\r\n\r\n").expect("a part");
                let head = self::headers(head);
                let encoding = find(&head, "content-transfer-encoding").unwrap_or_default();
                let body = body.strip_suffix("\r\n").unwrap_or(body);
                (find(&head, "content-type").expect("a type"), decoded(&encoding, body))
            })
            .collect();
        // The plain one first: programs show the last that they understand.
        assert_eq!(parts.len(), 2, "{raw}");
        assert!(parts[0].0.starts_with("text/plain; charset=utf-8"), "{}", parts[0].0);
        assert!(parts[1].0.starts_with("text/html; charset=utf-8"), "{}", parts[1].0);
        let body = |part: &(String, String)| part.1.replace("\r\n", "\n");
        Self { headers, text: body(&parts[0]), html: body(&parts[1]) }
    }

    pub fn header(&self, name: &str) -> String {
        let found: Vec<_> = self.headers.iter().filter(|(it, _)| it == name).collect();
        assert_eq!(found.len(), 1, "{name}: {:?}", self.headers);
        found[0].1.clone()
    }
}

fn find(headers: &[(String, String)], name: &str) -> Option<String> {
    headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone())
}

fn headers(head: &str) -> Vec<(String, String)> {
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("a header: {line:?}"));
        (name.to_lowercase(), words(value.trim()))
    };
    unfolded.split("\r\n").map(header).collect()
}

/// RFC 2047: `=?utf-8?b?…?=`; white space between two such words is none.
fn words(value: &str) -> String {
    let joined = value.replace("?= =?", "?==?");
    let mut out = String::new();
    let mut rest = joined.as_str();
    while let Some((before, after)) = rest.split_once("=?utf-8?b?") {
        let (word, after) = after.split_once("?=").expect("an end");
        out.push_str(before);
        out.push_str(&String::from_utf8(STANDARD.decode(word).expect("base64")).expect("UTF-8"));
        rest = after;
    }
    out + rest
}

fn decoded(encoding: &str, body: &str) -> String {
    match encoding {
        "base64" => {
            let packed: String = body.split_whitespace().collect();
            String::from_utf8(STANDARD.decode(packed).expect("base64")).expect("UTF-8")
        }
        "quoted-printable" => quoted_printable(body),
        _ => body.to_owned(),
    }
}

fn quoted_printable(body: &str) -> String {
    let joined = body.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
            let digits = std::str::from_utf8(&digits).expect("digits").to_owned();
            bytes.push(u8::from_str_radix(&digits, 16).expect("hexadecimal"));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}
