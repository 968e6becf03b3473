//! The macros that character texts are written with: `{{char}}`, `{{random:a,b}}` and the rest of Character Card V3's list.
//!
//! One pass over the text, nothing is read twice: what a macro brings in is never looked at for macros again, so no name
//! and no choice can make another one. Chance comes from a seed: the same seed and text give the same words, and a system
//! message stays what it was, letter for letter. A macro that is not of the list stays as it was written.
//!
//! Bounds: nesting and length of what comes out; time grows with the length of the text alone.

use std::collections::HashMap;

use uuid::Uuid;

/// Macros within macros; what lies deeper stays as it was written.
const DEPTH_MAX: usize = 8;
/// Bytes of a resolved text; it ends there.
const OUTPUT_MAX_BYTES: usize = 512 * 1024;
/// Where the name of a macro ends at the latest.
const NAME_MAX_BYTES: usize = 32;
/// Dice of one roll, and their sides.
const DICE_MAX: u64 = 100;
const SIDES_MAX: u64 = 1_000_000;

/// What the macros stand for.
#[derive(Clone, Copy, Debug)]
pub struct Macros<'a> {
    /// `{{char}}`, `<char>`, `<bot>`.
    pub character: &'a str,
    /// `{{user}}`, `<user>`.
    pub user: &'a str,
    /// `{{original}}`: what the text stands in place of.
    pub original: &'a str,
    /// Decides `{{random}}`, `{{pick}}` and `{{roll}}`.
    pub seed: u64,
}

/// What becomes of `{{hidden_key:…}}`, which calls up lore and is never read by anybody.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HiddenKeys {
    Left,
    Shown,
}

impl Macros<'_> {
    /// The text with its macros resolved.
    #[must_use]
    pub fn resolve(&self, text: &str) -> String {
        self.written(text, HiddenKeys::Left)
    }

    /// The same with its hidden keys: as a lorebook is searched in it.
    #[must_use]
    pub fn with_hidden_keys(&self, text: &str) -> String {
        self.written(text, HiddenKeys::Shown)
    }

    fn written(&self, text: &str, hidden_keys: HiddenKeys) -> String {
        if !text.contains(['{', '<']) {
            return text.to_owned();
        }
        let left = OUTPUT_MAX_BYTES.max(text.len());
        let mut writer = Writer {
            macros: self,
            text,
            closes: closes(text),
            text_seed: hash(self.seed, text),
            hidden_keys,
            drawn: 0,
            left,
        };
        writer.part(0, text.len(), 0)
    }
}

/// A seed from an id.
#[must_use]
pub fn seed_of(id: Uuid) -> u64 {
    id.as_bytes().chunks(8).fold(0, |seed, half| {
        mixed(seed ^ half.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    })
}

/// For each `{{` that is closed, the place of its `}}`. Of three braces the first is a sign by itself.
fn closes(text: &str) -> HashMap<usize, usize> {
    let bytes = text.as_bytes();
    let (mut closes, mut open) = (HashMap::new(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        let brace = bytes[at];
        if !matches!(brace, b'{' | b'}') {
            at += 1;
            continue;
        }
        let end = at + bytes[at..].iter().take_while(|byte| **byte == brace).count();
        if brace == b'{' {
            open.extend((at + (end - at) % 2..end).step_by(2));
        } else {
            for close in (at..end.saturating_sub(1)).step_by(2) {
                closes.extend(open.pop().map(|begin: usize| (begin, close)));
            }
        }
        at = end;
    }
    closes
}

struct Writer<'a> {
    macros: &'a Macros<'a>,
    text: &'a str,
    closes: HashMap<usize, usize>,
    text_seed: u64,
    hidden_keys: HiddenKeys,
    /// Choices made so far: two equal macros in one text need not agree.
    drawn: u64,
    /// Bytes that may still come out.
    left: usize,
}

impl Writer<'_> {
    fn part(&mut self, from: usize, to: usize, depth: usize) -> String {
        let mut out = String::new();
        let text = self.text;
        let mut at = from;
        while at < to {
            let next = text[at..to].find(['{', '<']).map_or(to, |next| at + next);
            self.put(&mut out, &text[at..next]);
            at = next;
            if at == to {
                break;
            }
            if let Some(close) = self.closes.get(&at).copied() {
                if depth < DEPTH_MAX
                    && let Some(value) = self.value(at + 2, close, depth)
                {
                    // A part that was resolved by itself has been counted already.
                    out.push_str(&value);
                    at = close + 2;
                } else {
                    self.put(&mut out, "{{");
                    at += 2;
                }
            } else if let Some((name, length)) = legacy(self.macros, &text[at..to]) {
                self.put(&mut out, name);
                at += length;
            } else {
                self.put(&mut out, &text[at..=at]);
                at += 1;
            }
        }
        out
    }

    fn put(&mut self, out: &mut String, text: &str) {
        let end = (0..=text.len().min(self.left)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        out.push_str(&text[..end]);
        self.left -= end;
    }

    fn put_new(&mut self, text: &str) -> String {
        let mut out = String::new();
        self.put(&mut out, text);
        out
    }

    fn value(&mut self, from: usize, close: usize, depth: usize) -> Option<String> {
        let body = &self.text[from..close];
        if body.trim_start().starts_with("//") {
            return Some(String::new());
        }
        let Some(colon) = body.bytes().take(NAME_MAX_BYTES).position(|byte| byte == b':') else {
            if body.len() > NAME_MAX_BYTES {
                return None;
            }
            let value = match body.trim().to_ascii_lowercase().as_str() {
                "char" | "bot" => self.macros.character,
                "user" => self.macros.user,
                "original" => self.macros.original,
                _ => return None,
            };
            return Some(self.put_new(value));
        };
        let mut begin = from + colon + 1;
        // `{{random::a::b}}` is written too.
        begin += usize::from(self.text[begin..close].starts_with(':'));
        match body[..colon].trim().to_ascii_lowercase().as_str() {
            "random" => {
                self.drawn += 1;
                let seed = mixed(self.text_seed ^ self.drawn);
                Some(self.choice(begin, close, depth, seed))
            }
            "pick" => {
                // The same choice wherever the character's texts offer it.
                let seed = hash(self.macros.seed, &self.text[begin..close]);
                Some(self.choice(begin, close, depth, seed))
            }
            "roll" => {
                let dice = self.part(begin, close, depth + 1);
                self.drawn += 1;
                let rolled = roll(&dice, mixed(self.text_seed ^ self.drawn))?;
                Some(rolled.to_string())
            }
            "reverse" => Some(self.part(begin, close, depth + 1).trim().chars().rev().collect()),
            "comment" => Some(String::new()),
            "hidden_key" if self.hidden_keys == HiddenKeys::Shown => Some(self.part(begin, close, depth + 1)),
            "hidden_key" => Some(String::new()),
            _ => None,
        }
    }

    /// One of the options between commas, which stand as `\,` where they are part of one.
    fn choice(&mut self, from: usize, to: usize, depth: usize, seed: u64) -> String {
        let options = self.options(from, to);
        let (begin, end) = options[(seed % options.len() as u64) as usize];
        self.part(begin, end, depth + 1).trim().replace("\\,", ",")
    }

    fn options(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        let (mut commas, mut colons) = (vec![], vec![]);
        let bytes = self.text.as_bytes();
        let mut at = from;
        while at < to {
            match bytes[at] {
                b'{' => {
                    if let Some(close) = self.closes.get(&at) {
                        at = close + 1;
                    }
                }
                b'\\' => at += 1,
                b',' => commas.push((at, at + 1)),
                b':' if bytes[at..to].starts_with(b"::") => {
                    colons.push((at, at + 2));
                    at += 1;
                }
                _ => {}
            }
            at += 1;
        }
        let separators = if colons.is_empty() { commas } else { colons };
        let begins = std::iter::once(from).chain(separators.iter().map(|(_, after)| *after));
        let ends = separators.iter().map(|(before, _)| *before).chain([to]);
        begins.zip(ends).collect()
    }
}

/// The older way to write the two names: which it is, and how long it is written.
fn legacy<'a>(macros: &Macros<'a>, rest: &str) -> Option<(&'a str, usize)> {
    let names = [("<user>", macros.user), ("<bot>", macros.character), ("<char>", macros.character)];
    let written = |sign: &str| rest.get(..sign.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(sign));
    names.into_iter().find(|(sign, _)| written(sign)).map(|(sign, name)| (name, sign.len()))
}

/// `6`, `d6` or `2d6`.
fn roll(dice: &str, seed: u64) -> Option<u64> {
    let dice = dice.trim().to_ascii_lowercase();
    let (count, sides) = dice.split_once('d').unwrap_or(("", &dice));
    let count = if count.is_empty() { 1 } else { count.parse().ok()? };
    let sides: u64 = sides.trim().parse().ok()?;
    let fair = (1..=DICE_MAX).contains(&count) && (1..=SIDES_MAX).contains(&sides);
    fair.then(|| (0..count).map(|die| mixed(seed.wrapping_add(die)) % sides + 1).sum())
}

/// FNV-1a and a finish: the same on every machine and in every version.
fn hash(seed: u64, text: &str) -> u64 {
    mixed(text.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}

/// Spreads what differs in few bits over all of them (splitmix64's finish).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn macros(seed: u64) -> Macros<'static> {
        Macros { character: "Mara", user: "Anna", original: "as before", seed }
    }

    fn resolved(text: &str) -> String {
        macros(7).resolve(text)
    }

    #[test]
    fn names_are_filled_in_in_any_case_and_in_the_older_way() {
        assert_eq!(resolved("{{char}} {{User}} {{ CHAR }} {{BOT}}"), "Mara Anna Mara Mara");
        assert_eq!(resolved("<USER> <bot> <Char> <b> <"), "Anna Mara Mara <b> <");
        assert_eq!(resolved("Now {{original}}."), "Now as before.");
        assert_eq!(resolved("{{{char}}}"), "{Mara}");
    }

    #[test]
    fn what_is_no_macro_stays_as_it_was_written() {
        for text in
            ["{{}}", "{{nobody}}", "{{", "}}", "{{char", "char}}", "{ {char}}", "{{roll:x}}", "{{roll:0}}"]
        {
            assert_eq!(resolved(text), text);
        }
        assert_eq!(resolved("{{unknown {{char}} }} {{user}}"), "{{unknown Mara }} Anna");
    }

    #[test]
    fn chance_is_the_seeds() {
        let text = "{{random:a,b,c}} {{pick:a,b,c}} {{roll:d20}}";
        assert_eq!(macros(1).resolve(text), macros(1).resolve(text));
        let all: std::collections::BTreeSet<String> =
            (0..200).map(|seed| macros(seed).resolve(text)).collect();
        assert!(all.len() > 60, "{}", all.len());
        for seed in 0..50 {
            let rolled: u64 = macros(seed).resolve("{{roll:6}}").parse().unwrap();
            assert!((1..=6).contains(&rolled));
            let both = macros(seed).resolve("{{roll:2d6}}").parse::<u64>().unwrap();
            assert!((2..=12).contains(&both));
            let picked = macros(seed).resolve("{{pick:x,y}}");
            assert_eq!(macros(seed).resolve("again {{pick:x,y}}"), format!("again {picked}"));
        }
    }

    #[test]
    fn options_keep_their_escaped_commas_and_their_own_macros() {
        assert_eq!(resolved(r"{{random:one\, two}}"), "one, two");
        assert_eq!(resolved("{{random: {{char}} }}"), "Mara");
        assert_eq!(resolved("{{pick::only}}"), "only");
        let options = |text: &str| -> std::collections::BTreeSet<String> {
            (0..60).map(|seed| macros(seed).resolve(text)).collect()
        };
        assert_eq!(options("{{random::a, b::c}}"), ["a, b".to_owned(), "c".to_owned()].into());
        assert_eq!(options("{{random:{{reverse:b,a}},c}}"), ["a,b".to_owned(), "c".to_owned()].into());
    }

    #[test]
    fn comments_and_hidden_keys_are_for_nobodys_eyes() {
        let text = "a{{// no}}b{{comment: neither}}c{{hidden_key:storm}}d";
        assert_eq!(resolved(text), "abcd");
        assert_eq!(macros(7).with_hidden_keys(text), "abcstormd");
        assert_eq!(resolved("{{reverse:{{user}}}}"), "annA");
    }

    #[test]
    fn a_name_cannot_bring_in_a_macro() {
        let macros = Macros { character: "{{user}}", user: "{{char}}", original: "", seed: 0 };
        assert_eq!(macros.resolve("{{char}} {{user}}"), "{{user}} {{char}}");
    }

    #[test]
    fn nesting_and_growth_are_bounded() {
        let deep = format!("{}x{}", "{{reverse:".repeat(40), "}}".repeat(40));
        assert!(resolved(&deep).contains("{{reverse:"));
        for hostile in [
            "{{".repeat(100_000),
            "{{random:".repeat(50_000),
            format!("{}{}", "{{reverse:".repeat(20_000), "}}".repeat(20_000)),
        ] {
            resolved(&hostile);
        }
        let name = "n".repeat(10_000);
        let macros = Macros { character: &name, user: "", original: "", seed: 0 };
        assert_eq!(macros.resolve(&"{{char}}".repeat(1_000)).len(), OUTPUT_MAX_BYTES);
    }

    proptest! {
        #[test]
        fn any_text_is_resolved_the_same_twice(text in r"([a-z,:\\<>é ]|\{\{|\}\}|\{\{random:|\{\{reverse:|\{\{user\}\}){0,60}", seed: u64) {
            let once = macros(seed).resolve(&text);
            prop_assert_eq!(&once, &macros(seed).resolve(&text));
            prop_assert!(once.len() <= OUTPUT_MAX_BYTES.max(text.len()));
        }
    }
}
