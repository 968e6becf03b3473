//! What an e-mail address, a username, a display name, a password and the words of a profile may be.

use jiff::tz::TimeZone;

use super::random_hex;
use crate::error::FieldError;

const EMAIL_MAX_CHARS: usize = 254;
const USERNAME_CHARS: std::ops::RangeInclusive<usize> = 3..=30;
const DISPLAY_NAME_MAX_CHARS: usize = 60;
const BIO_MAX_CHARS: usize = 500;
/// RFC 5646 §4.4.1 names 35 as what has to be held at least.
const LOCALE_MAX_BYTES: usize = 35;
const TIME_ZONE_MAX_BYTES: usize = 64;
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=128;

/// Names that could pass for the house itself, or for a path of it.
const RESERVED: [&str; 28] = [
    "about",
    "account",
    "admin",
    "administrator",
    "anonymous",
    "api",
    "assets",
    "console",
    "everyone",
    "greenroom",
    "guest",
    "health",
    "help",
    "here",
    "login",
    "logout",
    "me",
    "mod",
    "moderator",
    "null",
    "official",
    "root",
    "security",
    "settings",
    "staff",
    "support",
    "system",
    "undefined",
];

/// How the pseudonyms of erased accounts begin.
pub const ERASED_PREFIX: &str = "erased-";

/// An e-mail address as typed, and the form in which it is unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    pub typed: String,
    pub key: String,
}

/// A username as typed, and the form in which it is unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username {
    pub typed: String,
    pub key: String,
}

pub fn email(text: &str) -> Result<Email, FieldError> {
    let typed = text.trim();
    if typed.len() > EMAIL_MAX_CHARS || garde::rules::email::parse_email(typed).is_err() {
        return Err(FieldError::new("email", "is no e-mail address"));
    }
    Ok(Email { typed: typed.to_owned(), key: typed.to_lowercase() })
}

pub fn username(text: &str) -> Result<Username, FieldError> {
    let wrong = |message: &'static str| Err(FieldError::new("username", message));
    let typed = text.trim();
    if !typed.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')) {
        return wrong("takes letters, digits, _ . and -");
    }
    if !USERNAME_CHARS.contains(&typed.len()) {
        return wrong("takes 3 to 30 characters");
    }
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    if !edge(typed.chars().next()) || !edge(typed.chars().last()) {
        return wrong("starts and ends with a letter, a digit or _");
    }
    let key = typed.to_lowercase();
    if RESERVED.contains(&key.as_str()) || key.starts_with(ERASED_PREFIX) {
        return wrong("is reserved");
    }
    Ok(Username { typed: typed.to_owned(), key })
}

/// A username for somebody who has chosen none yet: `person-` and eight random characters.
pub fn generated_username() -> Username {
    let name = format!("person-{}", random_hex::<4>());
    Username { key: name.clone(), typed: name }
}

pub fn display_name(text: &str) -> Result<String, FieldError> {
    let name = text.trim();
    let fits = !name.is_empty() && name.chars().count() <= DISPLAY_NAME_MAX_CHARS;
    if !fits || name.chars().any(char::is_control) {
        return Err(FieldError::new(
            "displayName",
            "takes 1 to 60 characters, none of them a control character",
        ));
    }
    Ok(name.to_owned())
}

/// Words about oneself; none at all too. Lines may end in it.
pub fn bio(text: &str) -> Result<String, FieldError> {
    let bio = text.trim().replace("\r\n", "\n");
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if bio.chars().count() > BIO_MAX_CHARS || bio.chars().any(odd) {
        return Err(FieldError::new("bio", "takes at most 500 characters, none of them a control character"));
    }
    Ok(bio)
}

/// A language tag that is well-formed by RFC 5646 (BCP 47), in the usual case of letters. What it names is not looked up.
pub fn locale(text: &str) -> Result<String, FieldError> {
    let wrong = || FieldError::new("locale", "is no language tag such as en, de-CH or zh-Hant-TW");
    let text = text.trim();
    if text.len() > LOCALE_MAX_BYTES {
        return Err(wrong());
    }
    let subtags: Vec<&str> = text.split('-').collect();
    let plain = |tag: &&str| (1..=8).contains(&tag.len()) && tag.bytes().all(|c| c.is_ascii_alphanumeric());
    if !subtags.iter().all(plain) {
        return Err(wrong());
    }
    let letters = |tag: &str| tag.bytes().all(|c| c.is_ascii_alphabetic());
    let digits = |tag: &str| tag.bytes().all(|c| c.is_ascii_digit());
    let (language, rest) = subtags.split_first().ok_or_else(wrong)?;
    if !letters(language) || language.len() < 2 {
        return Err(wrong());
    }
    let mut tag = language.to_ascii_lowercase();
    let mut rest = rest.iter().copied().peekable();
    let mut add = |subtag: String| {
        tag.push('-');
        tag.push_str(&subtag);
    };
    // Up to three extended language subtags go with a language of two or three letters.
    for _ in 0..3 {
        if let Some(extended) = rest.next_if(|tag| language.len() <= 3 && tag.len() == 3 && letters(tag)) {
            add(extended.to_ascii_lowercase());
        }
    }
    if let Some(script) = rest.next_if(|tag| tag.len() == 4 && letters(tag)) {
        let (first, others) = script.split_at(1);
        add(first.to_ascii_uppercase() + &others.to_ascii_lowercase());
    }
    if let Some(region) = rest.next_if(|tag| tag.len() == 2 && letters(tag) || tag.len() == 3 && digits(tag))
    {
        add(region.to_ascii_uppercase());
    }
    let variant = |tag: &&str| tag.len() >= 5 || tag.len() == 4 && tag.as_bytes()[0].is_ascii_digit();
    while let Some(variant) = rest.next_if(variant) {
        add(variant.to_ascii_lowercase());
    }
    // Extensions: a letter or digit, then one or more subtags of two or more; those of `x`, the last, of one or more.
    while let Some(singleton) = rest.next() {
        if singleton.len() != 1 {
            return Err(wrong());
        }
        let private = singleton.eq_ignore_ascii_case("x");
        add(singleton.to_ascii_lowercase());
        let mut any = false;
        while let Some(part) = rest.next_if(|tag| private || tag.len() > 1) {
            add(part.to_ascii_lowercase());
            any = true;
        }
        if !any {
            return Err(wrong());
        }
    }
    Ok(tag)
}

/// The name of a time zone in the tz database, as it is written there.
pub fn time_zone(text: &str) -> Result<String, FieldError> {
    let text = text.trim();
    let zone = TimeZone::get(text).ok().filter(|_| text.len() <= TIME_ZONE_MAX_BYTES);
    let name = zone.as_ref().and_then(TimeZone::iana_name).filter(|name| *name != "Etc/Unknown");
    name.map(str::to_owned).ok_or_else(|| {
        FieldError::new("timeZone", "is no time zone such as UTC, Europe/Berlin or America/New_York")
    })
}

/// Its length; whether it is easily guessed is [`super::strength`]'s.
pub fn password(text: &str) -> Result<(), FieldError> {
    if PASSWORD_CHARS.contains(&text.chars().count()) {
        Ok(())
    } else {
        Err(FieldError::new("password", "takes 8 to 128 characters"))
    }
}

/// The form in which a sign-in's name is looked up and counted, whatever it is.
pub fn key(text: &str) -> String {
    text.trim().chars().take(EMAIL_MAX_CHARS).collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_short_plain_and_not_ours() {
        for good in ["mira", "Mira.K", "a_1", "x-y-z", "_mira_", &"a".repeat(30)] {
            assert!(username(good).is_ok(), "{good}");
        }
        for bad in [
            "ab",
            &"a".repeat(31),
            "mira k",
            "mïra",
            ".mira",
            "mira-",
            "Admin",
            "GREENROOM",
            "a@b",
            "erased-1",
            "",
        ] {
            assert!(username(bad).is_err(), "{bad}");
        }
        assert_eq!(username(" Mira ").unwrap(), Username { typed: "Mira".into(), key: "mira".into() });
    }

    #[test]
    fn a_generated_username_is_one_that_could_have_been_chosen() {
        let (one, other) = (generated_username(), generated_username());
        assert_ne!(one, other);
        assert_eq!(username(&one.typed).unwrap(), one);
    }

    #[test]
    fn an_email_address_keeps_its_form_and_is_unique_in_lower_case() {
        assert_eq!(
            email(" Mira@Example.com ").unwrap(),
            Email { typed: "Mira@Example.com".into(), key: "mira@example.com".into() }
        );
        for bad in [
            "",
            "mira",
            "mira@",
            "@example.com",
            "a b@example.com",
            &format!("{}@example.com", "a".repeat(260)),
        ] {
            assert!(email(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_language_tag_is_well_formed_and_in_the_usual_case() {
        for (typed, tag) in [
            ("en", "en"),
            (" DE-ch ", "de-CH"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("sl-IT-nedis", "sl-IT-nedis"),
            ("de-1996", "de-1996"),
            ("zh-yue-HK", "zh-yue-HK"),
            ("en-US-u-islamcal", "en-US-u-islamcal"),
            ("en-a-bbb-x-a", "en-a-bbb-x-a"),
        ] {
            assert_eq!(locale(typed).as_deref(), Ok(tag), "{typed}");
        }
        for bad in [
            "",
            "e",
            "en_US",
            "en-",
            "-en",
            "en-u",
            "en-x",
            "1en",
            "en-abcdefghi",
            "dé",
            "en-US-DE",
            &"en-abcde".repeat(9),
        ] {
            assert!(locale(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_zone_has_the_name_that_the_database_of_them_gives() {
        assert_eq!(time_zone(" europe/berlin ").as_deref(), Ok("Europe/Berlin"));
        assert_eq!(time_zone("UTC").as_deref(), Ok("UTC"));
        for bad in ["", "Mars/Olympus", "CET-1CEST", "../../etc/passwd", "Etc/Unknown", &"a".repeat(65)] {
            assert!(time_zone(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn words_about_oneself_keep_their_lines() {
        assert_eq!(bio(" a\r\nb\tc ").as_deref(), Ok("a\nb\tc"));
        assert_eq!(bio("").as_deref(), Ok(""));
        assert!(bio(&"ü".repeat(500)).is_ok() && bio(&"a".repeat(501)).is_err() && bio("a\0").is_err());
    }

    #[test]
    fn passwords_and_display_names_have_bounds() {
        assert!(password("12345678").is_ok() && password("1234567").is_err());
        assert!(password(&"ü".repeat(128)).is_ok() && password(&"a".repeat(129)).is_err());
        assert_eq!(display_name("  Mira K ").unwrap(), "Mira K");
        assert!(
            display_name(" ").is_err()
                && display_name("a\nb").is_err()
                && display_name(&"a".repeat(61)).is_err()
        );
    }
}
