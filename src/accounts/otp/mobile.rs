//! Mobile numbers: parsed once, and ever after in the one form in which they are stored, compared and sent to.
//!
//! The numbering plans are Google's libphonenumber. What reaches them is bounded and of few characters, since their
//! parser is made for text of any kind and this one only for what people type into a form.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use phonenumber::{Mode, Type, country};

use crate::error::FieldError;

/// With all the spaces, dots and brackets that people write; E.164 itself has at most 16 characters.
const TYPED_MAX_BYTES: usize = 40;
const E164_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// A mobile number in E.164: `+` and digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mobile(String);

impl Mobile {
    /// Reads what a person typed. Without a leading `+` it is a number of `default_region` (two letters, ISO 3166);
    /// where that is empty or none, such a number is refused. So are numbers that take no text messages, or for
    /// which somebody is paid: landlines, free, premium and shared-cost lines.
    pub fn parse(text: &str, default_region: &str) -> Result<Self, FieldError> {
        let typed = text.trim();
        let plain = |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')' | '/');
        if typed.is_empty() {
            return wrong("is missing");
        }
        if typed.len() > TYPED_MAX_BYTES || !typed.chars().all(plain) {
            return wrong("is no mobile number");
        }
        let region = region(default_region);
        if !typed.starts_with('+') && region.is_none() {
            return wrong("needs its country code, as in +44 7911 123456");
        }
        // The plans' parser has `unwrap` in it; whatever it stumbles over is no number.
        let read = catch_unwind(AssertUnwindSafe(|| read(typed, region)));
        match read {
            Ok(Some((e164, Type::Mobile | Type::FixedLineOrMobile))) => Ok(Self(e164)),
            Ok(Some(_)) => wrong("takes no text messages: give a mobile number"),
            Ok(None) | Err(_) => wrong("is no mobile number"),
        }
    }

    /// In E.164.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Personal data: logs get its last two digits.
impl fmt::Debug for Mobile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mobile(…{})", &self.0[self.0.len().saturating_sub(2)..])
    }
}

/// Whether `auth.default_region` can be that.
#[must_use]
pub fn is_region(text: &str) -> bool {
    region(text).is_some()
}

fn region(text: &str) -> Option<country::Id> {
    text.parse().ok()
}

fn read(typed: &str, region: Option<country::Id>) -> Option<(String, Type)> {
    let number = phonenumber::parse(region, typed).ok()?;
    let e164 = number.format().mode(Mode::E164).to_string();
    let digits = e164.strip_prefix('+')?;
    let fits = E164_DIGITS.contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
    // Read again from its own form: what does not come back as itself would be two numbers in the database.
    let again = phonenumber::parse(None, &e164).ok()?;
    let same = again.format().mode(Mode::E164).to_string() == e164;
    let kind = again.number_type(&phonenumber::metadata::DATABASE);
    (fits && same && phonenumber::is_valid(&again)).then_some((e164, kind))
}

fn wrong<T>(message: &'static str) -> Result<T, FieldError> {
    Err(FieldError::new("mobile", message))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn e164(text: &str, region: &str) -> Option<String> {
        Mobile::parse(text, region).ok().map(|mobile| mobile.as_str().to_owned())
    }

    #[test]
    fn however_it_is_written_it_is_one_number() {
        for text in ["+447911123456", " +44 7911 123456 ", "+44 (7911) 123-456", "+44.7911.123456"] {
            assert_eq!(e164(text, "").as_deref(), Some("+447911123456"), "{text}");
        }
        for text in ["07911 123456", "+447911123456", "0044 7911 123456"] {
            assert_eq!(e164(text, "GB").as_deref(), Some("+447911123456"), "{text}");
        }
        assert_eq!(e164("+49 1512 3456789", "GB").as_deref(), Some("+4915123456789"));
        assert_eq!(e164("+1 202-555-0123", "").as_deref(), Some("+12025550123"));
        assert_eq!(e164("98765 43210", "IN").as_deref(), Some("+919876543210"));
    }

    #[test]
    fn without_a_region_a_number_needs_its_country_code() {
        let error = Mobile::parse("07911 123456", "").unwrap_err();
        assert_eq!((error.field.as_ref(), error.message.contains("country code")), ("mobile", true));
        assert!(Mobile::parse("07911 123456", "Atlantis").is_err());
    }

    #[test]
    fn what_takes_no_text_messages_or_costs_its_sender_is_refused() {
        for text in ["+44 20 7946 0018", "+44 800 111 1111", "+44 909 879 0000", "+49 30 123456"] {
            assert!(Mobile::parse(text, "").unwrap_err().message.contains("text messages"), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_as_such() {
        for text in [
            "",
            "+",
            "++44",
            "112",
            "+44",
            "+999 7911 123456",
            "+447911123456; drop table users",
            "+447911123456\r\nBcc: a@example.com",
            "tel:+447911123456",
            "+44791112345a",
            "+44７９11123456",
            "\u{0}",
            "+44 7911 123456 4567890123",
            &"1".repeat(1_000_000),
            &"(".repeat(40),
        ] {
            assert!(Mobile::parse(text, "GB").is_err(), "{text:.20}");
        }
    }

    #[test]
    fn a_log_gets_two_digits_of_it() {
        let mobile = Mobile::parse("+447911123456", "").unwrap();
        assert_eq!(format!("{mobile:?}"), "Mobile(…56)");
    }

    proptest! {
        #[test]
        fn nothing_typed_breaks_it_and_what_holds_is_its_own_form(
            text in "[+]?[-0-9 ().+/]{0,40}",
            region in prop::sample::select(vec!["", "GB", "US", "DE", "IN", "AR", "BR", "IT", "RU", "MX"]),
        ) {
            if let Ok(mobile) = Mobile::parse(&text, region) {
                prop_assert_eq!(Mobile::parse(mobile.as_str(), "").unwrap(), mobile.clone());
                prop_assert_eq!(Mobile::parse(mobile.as_str(), region).unwrap(), mobile);
            }
        }

        #[test]
        fn any_text_at_all_is_answered(text in any::<String>()) {
            let _ = Mobile::parse(&text, "US");
        }
    }
}
