//! JSON of strangers: read with a bound on depth and on how many values there are, so that a small file cannot become a
//! large tree. NUL is taken out of texts, since PostgreSQL stores none.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::CardError;

/// Bytes of a card's JSON, unpacked.
pub const JSON_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Values in it, those in lists and objects too. The largest cards that people share have some ten thousand.
pub const NODES_MAX: usize = 100_000;
/// Objects and lists within one another.
pub const DEPTH_MAX: usize = 64;

/// What was read, and whether something had to be repaired.
#[derive(Debug)]
pub struct Parsed {
    pub value: Value,
    /// Bytes that are no UTF-8, or NUL, were replaced or left out.
    pub repaired: bool,
}

/// Reads JSON text, with or without a byte order mark.
pub fn parse(bytes: &[u8]) -> Result<Parsed, CardError> {
    if bytes.len() > JSON_MAX_BYTES {
        return Err(CardError::too_large("card", format!("its JSON is larger than {JSON_MAX_BYTES} bytes")));
    }
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let mended = mended(&text);
    let bounds = Bounds {
        left: Cell::new(NODES_MAX),
        repaired: Cell::new(matches!(text, Cow::Owned(_)) || matches!(mended, Cow::Owned(_))),
        too_large: Cell::new(None),
    };
    let mut deserializer = serde_json::Deserializer::from_str(&mended);
    let read = Bounded { bounds: &bounds, depth: 0 }.deserialize(&mut deserializer);
    match read.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => Ok(Parsed { value, repaired: bounds.repaired.get() }),
        Err(error) => Err(match bounds.too_large.get() {
            Some(what) => CardError::too_large("card", what),
            None => CardError::invalid("card", format!("is not JSON: {error}")),
        }),
    }
}

/// Halves of signs, as programs write them that cut texts by UTF-16, become the sign for what cannot be shown.
fn mended(text: &str) -> Cow<'_, str> {
    let mut whole = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text[at..].find('\\') {
        at += found;
        let Some(half) = surrogate(text, at) else {
            // The escaped sign may be a backslash, and is never the beginning of the next escape.
            at = (at + 2).min(text.len());
            while !text.is_char_boundary(at) {
                at += 1;
            }
            continue;
        };
        let is_first = half < 0xdc00;
        if is_first && surrogate(text, at + 6).is_some_and(|second| second >= 0xdc00) {
            at += 12;
            continue;
        }
        whole.push_str(&text[copied..at]);
        whole.push_str("\\ufffd");
        at += 6;
        copied = at;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    whole.push_str(&text[copied..]);
    Cow::Owned(whole)
}

/// The half of a sign whose escape begins here.
fn surrogate(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok().filter(|code| (0xd800..=0xdfff).contains(code))
}

struct Bounds {
    left: Cell<usize>,
    repaired: Cell<bool>,
    too_large: Cell<Option<&'static str>>,
}

impl Bounds {
    fn text(&self, text: &str) -> String {
        if text.contains('\0') {
            self.repaired.set(true);
            text.replace('\0', "")
        } else {
            text.to_owned()
        }
    }
}

#[derive(Clone, Copy)]
struct Bounded<'a> {
    bounds: &'a Bounds,
    depth: usize,
}

impl Bounded<'_> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(self.refuse("objects and lists stand in one another more than 64 deep"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn refuse<E: serde::de::Error>(self, what: &'static str) -> E {
        self.bounds.too_large.set(Some(what));
        E::custom(what)
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.bounds.left.get();
        if left == 0 {
            return Err(self.refuse("its JSON has more than 100000 values"));
        }
        self.bounds.left.set(left - 1);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(self.bounds.text(value)))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            let key = self.bounds.text(&key);
            let value = object.next_value_seed(inner)?;
            if values.insert(key, value).is_some() {
                // As every JavaScript program reads it: the last one counts.
                self.bounds.repaired.set(true);
            }
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::characters::cards::CardErrorKind;

    #[test]
    fn json_is_read_as_it_is() {
        let text = r#"{"a":[1,-2,0.5,1e3,"x",true,null,{"b":{}}],"c":"\u00e9"}"#;
        let parsed = parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.value, serde_json::from_str::<Value>(text).unwrap());
        assert!(!parsed.repaired);
        assert_eq!(parse(b"\xef\xbb\xbf{}").unwrap().value, json!({}));
    }

    #[test]
    fn what_the_database_cannot_store_is_left_out_and_told() {
        let parsed = parse(br#"{"na\u0000me":"Mi\u0000ra"}"#).unwrap();
        assert_eq!(parsed.value, json!({"name": "Mira"}));
        assert!(parsed.repaired);
        assert!(parse(b"{\"name\":\"\xff\"}").unwrap().repaired);
        let halves =
            parse(br#"["a\ud83d", "\ude00b", "\ud83d\ud83d\ude00", "\\ud83d", "\ud83d\n", "\\"]"#).unwrap();
        let mended = json!(["a\u{fffd}", "\u{fffd}b", "\u{fffd}\u{1f600}", "\\ud83d", "\u{fffd}\n", "\\"]);
        assert_eq!((halves.value, halves.repaired), (mended, true));
        assert!(!parse(br#"["\ud83d\ude00"]"#).unwrap().repaired);
    }

    #[test]
    fn what_is_too_deep_too_many_or_too_long_is_refused_as_too_large() {
        let deep = format!("{}{}", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1));
        let many = format!("[{}0]", "0,".repeat(NODES_MAX));
        let long = format!("\"{}\"", "x".repeat(JSON_MAX_BYTES));
        for text in [deep, many, long] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().kind, CardErrorKind::TooLarge);
        }
        let fits = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
        assert!(parse(fits.as_bytes()).is_ok());
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for text in ["", "{", "{} {}", "nul", "{\"a\":}", "'a'"] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.kind, CardErrorKind::Invalid);
            assert!(error.message.contains("line"), "{}", error.message);
        }
    }
}
