//! What the simulator says: words that follow from the question, behind a mark of the question and, where that is
//! wanted, of the times. So whoever asked knows the whole reply, and sees what is missing in it or stands there twice.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::settings::Insert;
use crate::clock::Moment;

const LATIN: [&str; 48] = [
    "amber", "answer", "autumn", "between", "bridge", "candle", "carry", "curtain", "distant", "evening",
    "figure", "garden", "gentle", "glass", "harbour", "hollow", "island", "kindle", "lantern", "letter",
    "listen", "marble", "meadow", "mirror", "morning", "narrow", "north", "opens", "paper", "patient",
    "quiet", "rather", "river", "round", "season", "silver", "slowly", "stage", "story", "summer", "table",
    "thread", "travel", "under", "velvet", "window", "winter", "wonder",
];
/// The words are drawn from this many parts of the list in turn, so that no two of them come again soon: who puts
/// a reply together from parts shall not take two words of it for one that was said twice.
const PARTS: u64 = 8;
/// What stands behind wide words: characters of two, three and four bytes.
const SIGNS: [&str; 8] = ["ß", "é", "ж", "夕", "안", "…", "🌙", "🎭"];
/// So many characters of the question stand at the beginning of its reply.
const MARK_CHARACTERS: usize = 40;

/// Which words replies are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum Words {
    /// ASCII alone.
    #[default]
    Latin,
    /// With characters of several bytes in each.
    Wide,
}

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

/// The length of the reply to the prompt with that hash.
pub fn length(hash: u64, tokens: u32, spread: f64) -> u32 {
    let share = (hash % 2_001) as f64 / 1_000.0 - 1.0;
    (f64::from(tokens) * (1.0 + share * spread)).round().max(1.0) as u32
}

/// All that could be said to one question: as many tokens as one wants.
#[derive(Clone, Debug)]
pub struct Text {
    hash: u64,
    first: String,
    words: Words,
    insert: Option<Insert>,
}

impl Text {
    /// Without a stamp it follows from the question alone.
    pub fn new(prompt: &str, stamp: Option<Stamp>, words: Words, insert: Option<Insert>) -> Text {
        let first = stamp.map_or_else(|| beginning(prompt), |stamp| first_token(prompt, stamp));
        Text { hash: prompt_hash(prompt), first, words, insert }
    }

    /// The token at `position`, from 0, with the space before it.
    pub fn token(&self, position: u32) -> Cow<'_, str> {
        if position == 0 {
            return Cow::Borrowed(&self.first);
        }
        match &self.insert {
            Some(insert) if insert.position == position => Cow::Owned(format!(" {}", insert.text)),
            _ => {
                let (word, sign) = self.word(position);
                Cow::Owned([" ", word, sign].concat())
            }
        }
    }

    fn word(&self, position: u32) -> (&'static str, &'static str) {
        let mut hasher = DefaultHasher::new();
        (self.hash, position).hash(&mut hasher);
        let drawn = hasher.finish();
        let (part, words) = (u64::from(position) % PARTS, LATIN.len() as u64 / PARTS);
        let sign = match self.words {
            Words::Latin => "",
            Words::Wide => SIGNS[(drawn >> 32) as usize % SIGNS.len()],
        };
        (LATIN[(part * words + drawn % words) as usize], sign)
    }

    /// The first `tokens` tokens.
    pub fn whole(&self, tokens: u32) -> String {
        (0..tokens).map(|position| self.token(position)).collect()
    }

    /// Where `said` ends in this text: the tokens that are over, and how many bytes of the next one. `None` if it is
    /// another text, or a longer one than so many tokens.
    pub fn place_of(&self, said: &str, tokens: u32) -> Option<(u32, usize)> {
        let mut rest = said;
        for position in 0..tokens {
            let token = self.token(position);
            match rest.strip_prefix(&*token) {
                Some(after) => rest = after,
                None => return token.starts_with(rest).then_some((position, rest.len())),
            }
        }
        rest.is_empty().then_some((tokens, 0))
    }
}

/// The whole reply to `prompt`, of so many tokens, where it is not stamped.
pub fn known_text(prompt: &str, tokens: u32, words: Words) -> String {
    Text::new(prompt, None, words, None).whole(tokens)
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
        let words = |prompt| known_text(prompt, 30, Words::Latin);
        assert_eq!(words("a"), words("a"));
        assert_ne!(words("a")[4..], words("b")[4..]);
        assert_ne!(known_text("a", 30, Words::Wide), words("a"));
        assert!(known_text("a", 30, Words::Wide).split(' ').skip(1).all(|word| !word.is_ascii()));
    }

    #[test]
    fn no_two_words_come_again_at_once() {
        let text = known_text("a", 2_000, Words::Latin);
        let words: Vec<&str> = text.split(' ').collect();
        for distance in 1..8 {
            assert!(words.windows(distance + 1).all(|part| part[0] != part[distance]), "{distance}");
        }
    }

    #[test]
    fn the_length_stays_within_its_spread() {
        for hash in 0..5_000 {
            assert!((50..=150).contains(&length(hash, 100, 0.5)));
            assert_eq!(length(hash, 100, 0.0), 100);
        }
    }

    #[test]
    fn a_part_of_a_text_is_found_in_it_wherever_it_was_cut() {
        let insert = Some(Insert { position: 3, text: "bloodbath".to_owned() });
        let text = Text::new("How far?", None, Words::Wide, insert);
        let whole = text.whole(9);
        assert!(whole.contains(" bloodbath"));
        for cut in (0..=whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
            let (position, bytes) = text.place_of(&whole[..cut], 9).unwrap();
            let mut rest: String = (position..9).map(|position| text.token(position)).collect();
            rest.drain(..bytes);
            assert_eq!(rest, whole[cut..], "cut at {cut}");
        }
        assert_eq!(text.place_of("re:How far? and so", 9), None);
        assert_eq!(text.place_of(&text.whole(10), 9), None);
    }
}
