//! The cursor of the list of characters: what the last page ended with in the order that it was sorted by, and the id,
//! in hexadecimal, so that any name stays one opaque word. One that was not made here for the same order is refused.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use uuid::Uuid;

use super::list::Sort;
use crate::error::FieldError;
use crate::http::PageQuery;

/// What a list is sorted by.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    Name(String),
    Time(Timestamp),
    Number(f64),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    pub key: Key,
    pub id: Uuid,
}

#[must_use]
pub fn write(sort: Sort, position: &Position) -> String {
    let key = match &position.key {
        Key::Name(name) => HEXLOWER.encode(name.as_bytes()),
        Key::Time(at) => HEXLOWER.encode(&at.as_microsecond().to_be_bytes()),
        Key::Number(number) => HEXLOWER.encode(&number.to_bits().to_be_bytes()),
    };
    format!("{}{}.{key}", letter(sort), position.id.simple())
}

/// Where a page begins; `None` for the first one and when going by page number.
pub fn position(sort: Sort, page: &PageQuery) -> Result<Option<Position>, FieldError> {
    let read =
        |text: &String| read(sort, text).ok_or_else(|| FieldError::new("cursor", "is none of this list"));
    page.cursor.as_ref().map(read).transpose()
}

fn letter(sort: Sort) -> char {
    match sort {
        Sort::Name => 'a',
        Sort::Newest => 'n',
        Sort::Popular => 'p',
        Sort::Rating => 'r',
    }
}

/// `None`: not a cursor of this list.
fn read(sort: Sort, text: &str) -> Option<Position> {
    let (id, key) = text.strip_prefix(letter(sort))?.split_once('.')?;
    let id = Uuid::try_parse(id).ok()?;
    let bytes = HEXLOWER.decode(key.as_bytes()).ok()?;
    let key = match sort {
        // Postgres takes no NUL; no name holds one.
        Sort::Name => Key::Name(String::from_utf8(bytes).ok().filter(|name| !name.contains('\0'))?),
        Sort::Newest => {
            Key::Time(Timestamp::from_microsecond(i64::from_be_bytes(bytes.try_into().ok()?)).ok()?)
        }
        Sort::Popular | Sort::Rating => {
            let number = f64::from_bits(u64::from_be_bytes(bytes.try_into().ok()?));
            (!number.is_nan()).then_some(Key::Number(number))?
        }
    };
    Some(Position { key, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let names = ["Mira", "Зоя · 2", "", "a.b"].map(|name| (Sort::Name, Key::Name(name.to_owned())));
        let time = (Sort::Newest, Key::Time(Timestamp::from_microsecond(1_767_225_600_123_456).unwrap()));
        let numbers = [f64::NEG_INFINITY, -0.25, 51.337].map(|number| (Sort::Popular, Key::Number(number)));
        for (sort, key) in names.into_iter().chain([time]).chain(numbers) {
            let position = Position { key, id: Uuid::now_v7() };
            assert_eq!(read(sort, &write(sort, &position)), Some(position));
        }
    }

    #[test]
    fn what_is_no_cursor_of_this_order_is_refused() {
        let id = Uuid::now_v7().simple();
        for text in ["", "x", ".", &format!("a{id}.4"), &format!("a{id}.zz"), &format!("a{id}.00")] {
            assert_eq!(read(Sort::Name, text), None, "{text}");
        }
        assert_eq!(read(Sort::Name, &format!("a{id}.ff")), None);
        assert_eq!(read(Sort::Newest, &format!("a{id}.4d697261")), None, "of another order");
        assert_eq!(read(Sort::Rating, &format!("r{id}.7ff8000000000000")), None, "not a number");
        assert_eq!(read(Sort::Rating, &format!("r{id}.40")), None);
    }
}
