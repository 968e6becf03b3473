//! Looking up a few fields of a JSON text where it lies, without building a tree of it.
//!
//! The text comes from the server under test and is well formed; on one that is not, a look-up finds nothing, and
//! never reads outside it. Strings come as they are written, escapes included.

/// The raw value at `path`, a list of keys of nested objects.
pub fn find<'a>(json: &'a [u8], path: &[&str]) -> Option<&'a [u8]> {
    let mut at = skip_space(json, 0);
    for (depth, key) in path.iter().enumerate() {
        at = value_of(json, at, key.as_bytes())?;
        if depth + 1 == path.len() {
            return Some(&json[at..skip_value(json, at)?]);
        }
    }
    None
}

/// The text between the quotes of a string at `path`.
pub fn string<'a>(json: &'a [u8], path: &[&str]) -> Option<&'a [u8]> {
    unquoted(find(json, path)?)
}

pub fn unquoted(raw: &[u8]) -> Option<&[u8]> {
    raw.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// The same as an owned text, with the escapes taken out.
pub fn text(json: &[u8], path: &[&str]) -> Option<String> {
    serde_json::from_slice(find(json, path)?).ok()
}

pub fn number(json: &[u8], path: &[&str]) -> Option<u64> {
    digits(find(json, path)?)
}

pub fn is_true(json: &[u8], path: &[&str]) -> bool {
    find(json, path) == Some(b"true")
}

pub fn digits(raw: &[u8]) -> Option<u64> {
    if raw.is_empty() {
        return None;
    }
    raw.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// The raw items of the array at `path`; none if there is no array.
pub fn items<'a>(json: &'a [u8], path: &[&str]) -> Items<'a> {
    match find(json, path) {
        Some(raw) if raw.first() == Some(&b'[') => Items { json: raw, at: 1 },
        _ => Items { json: b"", at: 0 },
    }
}

pub struct Items<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = skip_space(self.json, self.at);
        if matches!(self.json.get(start), None | Some(b']')) {
            return None;
        }
        let end = skip_value(self.json, start)?;
        let after = skip_space(self.json, end);
        self.at = if self.json.get(after) == Some(&b',') { after + 1 } else { after };
        Some(&self.json[start..end])
    }
}

/// Where the value of `key` begins in the object that begins at `at`.
fn value_of(json: &[u8], at: usize, key: &[u8]) -> Option<usize> {
    if json.get(at) != Some(&b'{') {
        return None;
    }
    let mut at = skip_space(json, at + 1);
    while json.get(at) == Some(&b'"') {
        let key_end = skip_string(json, at)?;
        let found = &json[at + 1..key_end - 1] == key;
        at = skip_space(json, key_end);
        if json.get(at) != Some(&b':') {
            return None;
        }
        at = skip_space(json, at + 1);
        if found {
            return Some(at);
        }
        at = skip_space(json, skip_value(json, at)?);
        if json.get(at) != Some(&b',') {
            return None;
        }
        at = skip_space(json, at + 1);
    }
    None
}

fn skip_space(json: &[u8], mut at: usize) -> usize {
    while matches!(json.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// From an opening quote to after the closing one.
fn skip_string(json: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match json.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// From the first byte of a value to after its last.
fn skip_value(json: &[u8], at: usize) -> Option<usize> {
    match json.get(at)? {
        b'"' => skip_string(json, at),
        b'{' | b'[' => {
            let mut depth = 0usize;
            let mut at = at;
            loop {
                match json.get(at)? {
                    b'"' => {
                        at = skip_string(json, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        _ => {
            let end = json[at..].iter().position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n'));
            end.map_or(Some(json.len()), |end| Some(at + end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = br#"{ "event":"message:receive","data":{"note":"\"offset\":9, {[\\","conversationId":"c",
        "list":[1,{"a":[2,"]"]},"x"],"offset":57,"message":{"offset":12,"content":"Gr\u00fc\u00dfe \"you\""}}}"#;

    #[test]
    fn fields_are_found_by_their_place_and_not_by_their_name_alone() {
        assert_eq!(string(FRAME, &["event"]), Some(&b"message:receive"[..]));
        assert_eq!(number(FRAME, &["data", "offset"]), Some(57));
        assert_eq!(number(FRAME, &["data", "message", "offset"]), Some(12));
        assert_eq!(find(FRAME, &["offset"]), None);
        assert_eq!(text(FRAME, &["data", "message", "content"]).unwrap(), "Grüße \"you\"");
    }

    #[test]
    fn the_items_of_an_array_come_one_by_one() {
        let found: Vec<_> = items(FRAME, &["data", "list"]).collect();
        assert_eq!(found, [&b"1"[..], br#"{"a":[2,"]"]}"#, br#""x""#]);
        assert_eq!(items(FRAME, &["data", "offset"]).count(), 0);
        assert_eq!(items(br#"{"a":[]}"#, &["a"]).count(), 0);
    }

    #[test]
    fn a_text_that_is_cut_anywhere_finds_nothing_and_never_panics() {
        for cut in 0..FRAME.len() {
            let _ = find(&FRAME[..cut], &["data", "message", "content"]);
            let _ = items(&FRAME[..cut], &["data", "list"]).count();
        }
        assert_eq!(find(b"", &["a"]), None);
        assert_eq!(find(b"}}}]", &["a"]), None);
    }
}
