//! Server-sent events, as far as such an API uses them: the data of each, and nothing else of it.
//!
//! Bytes go in as they come, cut anywhere, also in the middle of a character; data come out whole. Bounded: one line, and
//! the data of one event, hold at most [`EVENT_MAX_BYTES`].

/// Of one line, and of one event's data: a few words and some numbers.
const EVENT_MAX_BYTES: usize = 256 * 1024;
/// What a buffer keeps that nothing waits in.
const KEPT_BYTES: usize = 16 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

#[derive(Default)]
pub(super) struct Events {
    buffer: Vec<u8>,
    /// Where the line begins that is read next.
    line: usize,
    /// Looked through for its end up to here.
    looked: usize,
    /// The last line ended with a carriage return: a line feed behind it belongs to that.
    returned: bool,
    begun: bool,
    data: Vec<u8>,
    has_data: bool,
    keepalive: bool,
    /// The data went out, and make room for the next event's.
    told: bool,
}

/// An event that is longer than any.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Events {
    /// Takes more of the stream. What is complete comes out of [`next`](Self::next), which is to be asked until there is no more.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line > 0 {
            self.buffer.drain(..self.line);
            self.looked -= self.line;
            self.line = 0;
        }
        if self.buffer.is_empty() {
            self.buffer.shrink_to(KEPT_BYTES);
        }
        self.buffer.extend_from_slice(bytes);
        let open = self.buffer.len()
            - bytes.iter().rposition(ends_line).map_or(0, |end| {
                // What is before the last line's end will be read.
                self.buffer.len() - bytes.len() + end + 1
            });
        if open > EVENT_MAX_BYTES { Err(TooLong) } else { Ok(()) }
    }

    /// The data of the next event that has come.
    pub fn next(&mut self) -> Option<Result<&[u8], TooLong>> {
        match self.advance() {
            Ok(true) => Some(Ok(&self.data)),
            Ok(false) => None,
            Err(TooLong) => Some(Err(TooLong)),
        }
    }

    /// Whether an event is complete.
    fn advance(&mut self) -> Result<bool, TooLong> {
        if std::mem::take(&mut self.told) {
            self.data.clear();
        }
        while let Some((from, to)) = self.take_line() {
            if from < to {
                self.field(from, to)?;
                continue;
            }
            // An empty line ends an event.
            let keepalive = std::mem::take(&mut self.keepalive);
            if std::mem::take(&mut self.has_data) {
                if !keepalive {
                    self.told = true;
                    return Ok(true);
                }
                self.data.clear();
            }
        }
        Ok(false)
    }

    /// Where the next whole line lies, without its end.
    fn take_line(&mut self) -> Option<(usize, usize)> {
        if self.returned && self.line < self.buffer.len() {
            self.returned = false;
            if self.buffer[self.line] == b'\n' {
                self.line += 1;
            }
        }
        self.looked = self.looked.max(self.line);
        let Some(end) = self.buffer[self.looked..].iter().position(ends_line) else {
            self.looked = self.buffer.len();
            return None;
        };
        let end = self.looked + end;
        let mut from = self.line;
        self.returned = self.buffer[end] == b'\r';
        (self.line, self.looked) = (end + 1, end + 1);
        if !std::mem::replace(&mut self.begun, true) && self.buffer[from..end].starts_with(BYTE_ORDER_MARK) {
            from += BYTE_ORDER_MARK.len();
        }
        Some((from, end))
    }

    fn field(&mut self, from: usize, to: usize) -> Result<(), TooLong> {
        let line = &self.buffer[from..to];
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                if self.data.len() + value.len() > EVENT_MAX_BYTES {
                    return Err(TooLong);
                }
                self.data.extend_from_slice(value);
            }
            b"event" => self.keepalive = value == b"keepalive",
            // A comment begins with the colon; what else there is tells a browser how to come back.
            _ => {}
        }
        Ok(())
    }
}

fn ends_line(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The data of all events, of a stream that comes in pieces of so many bytes.
    fn cut(stream: &[u8], size: usize) -> Result<Vec<String>, TooLong> {
        let (mut events, mut told) = (Events::default(), Vec::new());
        for bytes in stream.chunks(size) {
            events.push(bytes)?;
            while let Some(data) = events.next() {
                told.push(String::from_utf8(data?.to_vec()).unwrap());
            }
        }
        Ok(told)
    }

    fn told(stream: &str) -> Vec<String> {
        let whole = cut(stream.as_bytes(), usize::MAX).unwrap();
        for size in 1..6 {
            assert_eq!(cut(stream.as_bytes(), size).unwrap(), whole, "{stream:?} in pieces of {size}");
        }
        whole
    }

    #[test]
    fn an_event_is_its_data_whatever_ends_the_lines() {
        for end in ["\n", "\r\n", "\r"] {
            let stream = ["data: {\"a\":\"é\"}", "", "data:b", "", "data: [DONE]", "", ""].join(end);
            assert_eq!(told(&stream), ["{\"a\":\"é\"}", "b", "[DONE]"]);
        }
        assert_eq!(told("\u{feff}data: a\n\n"), ["a"]);
        assert_eq!(told("data: a\ndata:  b\ndata\n\n"), ["a\n b\n"]);
    }

    #[test]
    fn what_is_no_data_is_passed_over() {
        assert_eq!(told(": working\n\nid: 7\nretry: 5\n\n\n\nevent: chunk\ndata: a\n\ndatas: b\n\n"), ["a"]);
        assert_eq!(told("event: keepalive\ndata: {}\n\ndata: a\n\n"), ["a"]);
        assert_eq!(told("data: a\n\ndata: cut off\n"), ["a"], "one without an end is none");
    }

    #[test]
    fn what_has_no_end_is_broken_off() {
        let line = "x".repeat(EVENT_MAX_BYTES + 1);
        for stream in
            [line.clone(), format!("data: a\n\n{line}"), format!("data: {}\n", &line[9..]).repeat(2)]
        {
            assert_eq!(cut(stream.as_bytes(), 4_096), Err(TooLong));
            assert_eq!(cut(stream.as_bytes(), usize::MAX), Err(TooLong));
        }
        let many = "data: a\n\n".repeat(EVENT_MAX_BYTES / 4);
        assert_eq!(cut(many.as_bytes(), usize::MAX).unwrap().len(), EVENT_MAX_BYTES / 4);
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_same_is_told(stream in r"(data: ?|event: keepalive|[ab:é \n\r]|\r\n|\n\n){0,40}", size in 1_usize..9) {
            prop_assert_eq!(cut(stream.as_bytes(), size), cut(stream.as_bytes(), usize::MAX));
        }
    }
}
