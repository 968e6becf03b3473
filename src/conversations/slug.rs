//! Slugs of conversations: readable, unique, and never to be taken for an id.

use crate::error::FieldError;

/// Characters of the readable part.
const STEM_MAX: usize = 40;
/// Characters of the random part: 32^8 of them, so that two equal titles hardly ever meet.
const TAIL: usize = 8;
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Longest slug that is looked up.
pub const SLUG_MAX: usize = 80;

/// A fresh slug for `title`: its letters and digits of ASCII, then a random tail.
#[must_use]
pub fn make(title: &str) -> String {
    let mut slug = stem(title);
    slug.push('-');
    slug.extend((0..TAIL).map(|_| char::from(ALPHABET[fastrand::usize(..ALPHABET.len())])));
    slug
}

fn stem(title: &str) -> String {
    let mut stem = String::with_capacity(STEM_MAX + TAIL + 1);
    for character in title.chars() {
        if stem.len() >= STEM_MAX {
            break;
        }
        if character.is_ascii_alphanumeric() {
            stem.push(character.to_ascii_lowercase());
        } else if !stem.is_empty() && !stem.ends_with('-') {
            stem.push('-');
        }
    }
    stem.truncate(stem.trim_end_matches('-').len());
    if stem.is_empty() { "conversation".to_owned() } else { stem }
}

/// Whether `text` can be a slug at all: what cannot is not looked up.
#[must_use]
pub fn is_slug(text: &str) -> bool {
    (1..=SLUG_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Words that stand where a slug may: a conversation of that name could not be reached.
const RESERVED: [&str; 4] = ["categories", "featured", "search", "stats"];
/// Shortest slug that a person may choose.
const SLUG_MIN: usize = 3;

/// A slug that a person chose: 3 to 80 small letters and digits with single hyphens between, no id and no reserved word.
pub fn checked_slug(text: &str) -> Result<String, FieldError> {
    let slug = text.trim();
    let edges = slug.starts_with('-') || slug.ends_with('-') || slug.contains("--");
    if slug.len() < SLUG_MIN || !is_slug(slug) || edges || uuid::Uuid::try_parse(slug).is_ok() {
        return Err(FieldError::new(
            "slug",
            "takes 3 to 80 small letters and digits, with single hyphens between them",
        ));
    }
    if RESERVED.contains(&slug) {
        return Err(FieldError::new("slug", "is a word that the server needs itself"));
    }
    Ok(slug.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_becomes_readable_words() {
        assert_eq!(stem("  Tea with Mira & Bram!  "), "tea-with-mira-bram");
        assert_eq!(stem("Ночь"), "conversation");
        assert_eq!(stem(&"long ".repeat(40)).len(), 39);
    }

    #[test]
    fn a_slug_is_never_an_id_and_always_found_again() {
        for title in ["", "Mira", "01980000-0000-7000-8000-000000000000", "deadbeef-dead-beef-dead"] {
            let slug = make(title);
            assert!(is_slug(&slug), "{slug}");
            assert!(uuid::Uuid::parse_str(&slug).is_err(), "{slug}");
        }
    }

    #[test]
    fn a_chosen_slug_can_be_reached_and_is_no_id() {
        assert_eq!(checked_slug(" tea-at-noon ").unwrap(), "tea-at-noon");
        for text in [
            "ab",
            "-tea",
            "tea-",
            "te--a",
            "Tea",
            "search",
            "stats",
            "te a",
            &"a".repeat(81),
            "01980000-0000-7000-8000-000000000000",
            "01980000000070008000000000000000",
        ] {
            assert_eq!(checked_slug(text).unwrap_err().field, "slug", "{text}");
        }
    }

    #[test]
    fn what_cannot_be_a_slug_is_told_apart() {
        for text in ["", "With Space", "Upper", "a\0b", "ö", &"a".repeat(SLUG_MAX + 1)] {
            assert!(!is_slug(text), "{text}");
        }
    }
}
