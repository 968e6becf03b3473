//! What the simulator says: words that follow from the question, behind a mark of the question and of the times.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::clock::Moment;

const WORDS: [&str; 48] = [
    "amber", "answer", "autumn", "between", "bridge", "candle", "carry", "curtain", "distant", "evening",
    "figure", "garden", "gentle", "glass", "harbour", "hollow", "island", "kindle", "lantern", "letter",
    "listen", "marble", "meadow", "mirror", "morning", "narrow", "north", "opens", "paper", "patient",
    "quiet", "rather", "river", "round", "season", "silver", "slowly", "stage", "story", "summer", "table",
    "thread", "travel", "under", "velvet", "window", "winter", "wonder",
];
/// So many characters of the question stand at the beginning of its reply.
const MARK_CHARACTERS: usize = 40;

pub fn prompt_hash(prompt: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    prompt.hash(&mut hasher);
    hasher.finish()
}

/// How the reply to `prompt` begins: `re:` and the first 40 characters of the prompt.
pub fn beginning(prompt: &str) -> String {
    let mark: String = prompt.chars().take(MARK_CHARACTERS).collect();
    format!("re:{mark}")
}

/// The times that the simulator saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The request arrived.
    pub asked: Moment,
    /// The first token was written.
    pub first_token: Moment,
}

/// The first token: the beginning, then `[asked=… t0=…]` in microseconds since 1970.
pub fn first_token(prompt: &str, stamp: Stamp) -> String {
    let (asked, first) = (stamp.asked.unix_micros(), stamp.first_token.unix_micros());
    format!("{} [asked={asked} t0={first}]", beginning(prompt))
}

/// The times that stand in the beginning of a reply.
pub fn stamp_of(text: &[u8]) -> Option<Stamp> {
    // The last one, because the question that stands before may hold such a mark too.
    let after = |text: &[u8], mark: &[u8]| {
        let start = text.windows(mark.len()).rposition(|part| part == mark)? + mark.len();
        let digits = text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let micros = std::str::from_utf8(&text[start..start + digits]).ok()?.parse().ok()?;
        Some((Moment::from_unix_micros(micros), start + digits))
    };
    let (asked, end) = after(text, b" [asked=")?;
    let (first_token, _) = after(&text[end..], b" t0=")?;
    Some(Stamp { asked, first_token })
}

/// The token at `position` (from 1) of the reply to the prompt with that hash.
pub fn token(hash: u64, position: u32) -> &'static str {
    let mut hasher = DefaultHasher::new();
    (hash, position).hash(&mut hasher);
    WORDS[(hasher.finish() % WORDS.len() as u64) as usize]
}

/// The length of the reply to the prompt with that hash.
pub fn length(hash: u64, tokens: u32, spread: f64) -> u32 {
    let share = (hash % 2_001) as f64 / 1_000.0 - 1.0;
    (f64::from(tokens) * (1.0 + share * spread)).round().max(1.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_token_tells_the_question_and_the_times() {
        let stamp = Stamp {
            asked: Moment::from_unix_micros(1_767_225_600_000_001),
            first_token: Moment::from_unix_micros(1_767_225_600_123_456),
        };
        let prompt = "What is [asked=1 t0=2] the long name of the seventh river?";
        let text = first_token(prompt, stamp);
        assert!(text.starts_with("re:What is [asked=1 t0=2] the long name of  [asked=17"), "{text}");
        assert_eq!(stamp_of(text.as_bytes()), Some(stamp));
        assert_eq!(stamp_of(first_token("Hello", stamp).as_bytes()), Some(stamp));
        assert_eq!(stamp_of(b"re:Hello"), None);
    }

    #[test]
    fn the_same_question_gets_the_same_words_and_another_one_others() {
        let words = |prompt| (1..30).map(|n| token(prompt_hash(prompt), n)).collect::<Vec<_>>();
        assert_eq!(words("a"), words("a"));
        assert_ne!(words("a"), words("b"));
    }

    #[test]
    fn the_length_stays_within_its_spread() {
        for hash in 0..5_000 {
            assert!((50..=150).contains(&length(hash, 100, 0.5)));
            assert_eq!(length(hash, 100, 0.0), 100);
        }
    }
}
