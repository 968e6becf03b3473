//! The cursor of a list of conversations: the place where the last page ended.
//!
//! Clients hold it as an opaque text; one that was not made here is refused, never guessed at.

use greenroom_actors::domain::RoomId;

use super::store::Position;
use crate::error::FieldError;
use crate::http::{PageQuery, moment_cursor};

#[must_use]
pub(super) fn write(position: Position) -> String {
    moment_cursor(position.active_at, position.room.uuid())
}

/// Where a page begins; `None` for the first one and when going by page number.
pub(super) fn position(page: &PageQuery) -> Result<Option<Position>, FieldError> {
    let place = page.after_moment()?;
    Ok(place.map(|(active_at, room)| Position { active_at, room: RoomId::from_uuid(room) }))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn read(text: &str) -> Option<Position> {
        position(&PageQuery { cursor: Some(text.to_owned()), ..PageQuery::default() }).ok().flatten()
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let position = Position {
            active_at: Timestamp::from_microsecond(1_767_225_600_123_456).unwrap(),
            room: RoomId::new(),
        };
        assert_eq!(read(&write(position)), Some(position));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", ".", "1.2", "x.01980000000070008000000000000000", "99999999999999999999.0", "1"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
