//! Whether a password can be guessed: the rule beyond its length.
//!
//! Lists of common passwords, words, names, dates, keyboard rows and what is known of the person are tried in the order
//! in which an attacker would (`zxcvbn`). What falls within [`GUESSES_MIN`] guesses is refused, with what would help.

use greenroom_actors::protocol::Refusal;

use super::{Accounts, Profile, rules};
use crate::error::FieldError;

/// Over HTTP, where one address gets some 20 tries in 15 minutes, so many take centuries. Of a stolen hash they take a
/// month of one core (30 ms each). Eight random characters count as so many: the shortest password that is allowed.
const GUESSES_MIN: u64 = 100_000_000;
/// The estimate takes more than linear time, at worst 60 ms for this many. A good password is good before that.
const JUDGED_CHARS: usize = 32;
/// What is known of a person is cut to this, each part.
const KNOWN_MAX_CHARS: usize = 64;
const KNOWN_MAX: usize = 16;

/// A password that may be set: it has its length and is not easily guessed.
#[derive(Clone)]
pub struct NewPassword(String);

impl NewPassword {
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl Accounts {
    /// Checks a password that is to be set, and names `field` where it is refused. `known` is what a stranger may know
    /// of the person: names and addresses.
    pub async fn new_password(
        &self,
        field: &'static str,
        text: &str,
        known: &[&str],
    ) -> Result<Result<NewPassword, FieldError>, Refusal> {
        if let Err(error) = rules::password(text) {
            return Ok(Err(FieldError::new(field, error.message)));
        }
        let weakness = self.0.passwords.weakness(text, parts(known)).await?;
        Ok(match weakness {
            Some(message) => Err(FieldError::new(field, message)),
            None => Ok(NewPassword(text.to_owned())),
        })
    }

    /// The hash to keep of it.
    pub(super) async fn hash(&self, password: &NewPassword) -> Result<String, Refusal> {
        self.0.passwords.hash(password.expose()).await
    }
}

/// What a stranger may know of somebody.
pub(super) fn known(profile: &Profile) -> Vec<&str> {
    let addresses = profile.email.as_deref().into_iter().chain(profile.mobile.as_deref());
    [profile.username.as_str(), profile.display_name.as_str()].into_iter().chain(addresses).collect()
}

/// Each whole, and its words; an address without its domain too.
fn parts(known: &[&str]) -> Vec<String> {
    let cut = |text: &str| text.chars().take(KNOWN_MAX_CHARS).collect::<String>().to_lowercase();
    let words = known.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let long = words.filter(|word| word.chars().count() >= 3);
    let all = ["greenroom"].iter().chain(known).copied().chain(long);
    all.take(KNOWN_MAX).map(cut).collect()
}

/// Why it is easily guessed, for the person who chose it; `None`: it is not. Takes up to some 60 ms.
pub(super) fn weakness(password: &str, known: &[String]) -> Option<String> {
    let judged: String = password.chars().take(JUDGED_CHARS).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let entropy = zxcvbn::zxcvbn(&judged, &known);
    if entropy.guesses() >= GUESSES_MIN {
        return None;
    }
    let mut message = "is too easily guessed.".to_owned();
    let feedback = entropy.feedback();
    let advice = feedback.into_iter().flat_map(|feedback| {
        let warning = feedback.warning().map(|warning| warning.to_string());
        warning.into_iter().chain(feedback.suggestions().iter().map(ToString::to_string))
    });
    for sentence in advice {
        message.push(' ');
        message.push_str(&sentence);
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_weak(password: &str, known: &[&str]) -> bool {
        weakness(password, &parts(known)).is_some()
    }

    #[test]
    fn common_passwords_and_simple_changes_of_them_are_refused() {
        for bad in [
            "12345678",
            "password123",
            "P@ssw0rd123",
            "qwertyuiop",
            "iloveyou",
            "letmein123",
            "aaaaaaaaaaaa",
            "1q2w3e4r5t",
            "Welcome1!",
            "passwordpasswordpasswordpassword",
            "greenroom1",
        ] {
            assert!(is_weak(bad, &[]), "{bad}");
        }
    }

    #[test]
    fn what_is_long_or_random_passes() {
        for good in [
            "a long enough Passphrase 7",
            "correct horse",
            "j8Fk2LqZ",
            "TestPassword123!",
            "AdminPassword123!",
            "PremiumPassword123!",
            "Überraschung im Regal",
            &"xK9#mQ2$".repeat(16),
        ] {
            assert!(!is_weak(good, &[]), "{good}");
        }
    }

    #[test]
    fn what_is_known_of_the_person_is_guessed_first() {
        let known = ["mirabelle", "Mirabelle Kastner", "m.kastner@brightwater.example"];
        assert!(is_weak("mirabellekastner", &known));
        assert!(is_weak("brightwater7", &known));
        assert!(!is_weak("mirabellekastner", &[]));
    }

    #[test]
    fn the_refusal_helps() {
        let message = weakness("password123", &[]).unwrap();
        assert!(message.starts_with("is too easily guessed. ") && message.len() > 40, "{message}");
    }

    #[test]
    fn text_of_any_length_and_kind_is_judged() {
        for text in ["", "\0\0\0\0\0\0\0\0", &"4@8({[<3691!|70$5+7%2".repeat(50), &"\u{1F600}".repeat(128)] {
            let _ = weakness(text, &parts(&["", "\u{0}", &"a b".repeat(1_000)]));
        }
    }
}
