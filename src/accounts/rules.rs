//! What an e-mail address, a username, a display name and a password may be.

use crate::error::FieldError;

const EMAIL_MAX_CHARS: usize = 254;
const USERNAME_CHARS: std::ops::RangeInclusive<usize> = 3..=30;
const DISPLAY_NAME_MAX_CHARS: usize = 60;
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
