//! The users, rooms and the character that `greenroom seed --load` makes: their ids follow from their numbers.

use uuid::Uuid;

const fn numbered(group: u16, number: u64) -> Uuid {
    Uuid::from_u64_pair(0x7000 | group as u64, 0x8000 << 48 | number & 0xffff_ffff_ffff)
}

/// `00000000-0000-7000-8000-<number as 12 hexadecimal digits>`
pub fn user(number: usize) -> Uuid {
    numbered(0, number as u64)
}

/// What a user with a password signs in as.
pub fn username(number: usize) -> String {
    format!("load-{number}")
}

/// The e-mail address of a user with a password.
pub fn email(number: usize) -> String {
    format!("load-{number}@example.com")
}

/// The mobile number of a user with a password.
pub fn mobile(number: usize) -> String {
    format!("+49151{number:08}")
}

/// `00000000-0000-7001-8000-<number as 12 hexadecimal digits>`
pub fn room(number: usize) -> Uuid {
    numbered(1, number as u64)
}

/// The one character that is in every room.
pub fn character() -> Uuid {
    numbered(2, 0)
}

/// The user who sits at `place` in `room`, of rooms with `members` each and `users` in all.
pub fn member(room: usize, members: usize, place: usize, users: usize) -> usize {
    (room * members + place) % users.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_convention_of_the_seeder() {
        assert_eq!(user(0).to_string(), "00000000-0000-7000-8000-000000000000");
        assert_eq!(user(4095).to_string(), "00000000-0000-7000-8000-000000000fff");
        assert_eq!(room(16).to_string(), "00000000-0000-7001-8000-000000000010");
        assert_eq!(character().to_string(), "00000000-0000-7002-8000-000000000000");
    }

    #[test]
    fn the_last_rooms_take_users_from_the_beginning_again() {
        assert_eq!(member(0, 10, 9, 100), 9);
        assert_eq!(member(10, 10, 3, 100), 3);
    }
}
