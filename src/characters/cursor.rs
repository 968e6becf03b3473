//! The cursor of the list of characters: the name and id at which the last page ended, in hexadecimal, so that any
//! name stays one opaque word. One that was not made here is refused.

use std::fmt::Write as _;

use uuid::Uuid;

use crate::error::FieldError;
use crate::http::PageQuery;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub name: String,
    pub id: Uuid,
}

#[must_use]
pub fn write(position: &Position) -> String {
    let mut text = position.id.simple().to_string();
    text.push('.');
    for byte in position.name.bytes() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Where a page begins; `None` for the first one and when going by page number.
pub fn position(page: &PageQuery) -> Result<Option<Position>, FieldError> {
    let read = |text: &String| read(text).ok_or_else(|| FieldError::new("cursor", "is none of this list"));
    page.cursor.as_ref().map(read).transpose()
}

/// `None`: not a cursor of this list.
#[must_use]
fn read(text: &str) -> Option<Position> {
    if !text.is_ascii() {
        return None;
    }
    let (id, name) = text.split_once('.')?;
    let id = Uuid::try_parse(id).ok()?;
    let bytes: Option<Vec<u8>> = name
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect();
    let name = String::from_utf8(bytes?).ok()?;
    // Postgres takes no NUL; no name holds one.
    (!name.contains('\0')).then_some(Position { name, id })
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for name in ["Mira", "Зоя · 2", "", "a.b"] {
            let position = Position { name: name.to_owned(), id: Uuid::now_v7() };
            assert_eq!(read(&write(&position)), Some(position));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let id = Uuid::now_v7().simple();
        for text in
            ["", "x", ".", &format!("{id}.4"), &format!("{id}.zz"), &format!("{id}.00"), &format!("{id}.ff")]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
