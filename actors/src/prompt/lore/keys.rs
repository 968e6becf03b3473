//! Keys: plain words, all of a book in one automaton, and regular expressions.

use aho_corasick::AhoCorasick;
use regex::{Regex, RegexBuilder};

/// Bytes of one key; a longer one is found in no talk.
const KEY_MAX_BYTES: usize = 500;
/// Keys of one book; further ones find nothing.
const KEYS_MAX: usize = 10_000;
/// Bytes of a compiled regular expression and of what it remembers while it runs.
const REGEX_MAX_BYTES: usize = 128 * 1024;
/// Finds of one text, overlapping ones too; further ones are not looked at.
const FINDS_MAX: usize = 50_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Ignored,
    Sensitive,
}

#[derive(Debug)]
pub(super) enum Key {
    /// By its number in the book's list of words.
    Word(usize),
    CasedWord(usize),
    Regex(Box<Regex>),
}

impl Key {
    pub fn word(key: &str, case: Case, words: &mut Vec<String>) -> Option<Self> {
        let number = words.len();
        let key = key.trim();
        // What is too much keeps its number and is found nowhere.
        if number < KEYS_MAX && key.len() <= KEY_MAX_BYTES {
            words.push(if case == Case::Ignored { key.to_lowercase() } else { key.to_owned() });
        }
        Some(match case {
            Case::Ignored => Self::Word(number),
            Case::Sensitive => Self::CasedWord(number),
        })
    }

    /// A pattern as it is, or as `/pattern/flags`, as other programs write it. `None`: it is none, or too large.
    pub fn regex(key: &str, case: Case) -> Option<Self> {
        let (pattern, flags) = match key.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')) {
            Some((pattern, flags)) if flags.bytes().all(|flag| b"gimsuy".contains(&flag)) => (pattern, flags),
            _ => (key, ""),
        };
        if pattern.len() > KEY_MAX_BYTES {
            return None;
        }
        let regex = RegexBuilder::new(pattern)
            .case_insensitive(case == Case::Ignored || flags.contains('i'))
            .multi_line(flags.contains('m'))
            .dot_matches_new_line(flags.contains('s'))
            .size_limit(REGEX_MAX_BYTES)
            .dfa_size_limit(REGEX_MAX_BYTES)
            .nest_limit(32)
            .build();
        regex.ok().map(|regex| Self::Regex(Box::new(regex)))
    }
}

/// All plain keys of a book.
#[derive(Debug, Default)]
pub(super) struct Finder {
    words: Vec<String>,
    automaton: Option<AhoCorasick>,
}

/// How near each key was found.
#[derive(Clone, Debug)]
pub(super) struct Found(Vec<Nearest>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Nearest {
    /// In the text of an entry: at any depth.
    Here,
    Message(usize),
    Nowhere,
}

impl Found {
    /// Whether the key was found in the last `depth` messages, or in an entry.
    pub fn within(&self, key: usize, depth: usize) -> bool {
        match self.0.get(key) {
            Some(Nearest::Here) => true,
            Some(Nearest::Message(at)) => *at < depth,
            Some(Nearest::Nowhere) | None => false,
        }
    }
}

impl Finder {
    pub fn new(words: Vec<String>) -> Self {
        let automaton = if words.is_empty() { None } else { AhoCorasick::new(&words).ok() };
        Self { words, automaton }
    }

    pub fn nothing(&self) -> Found {
        Found(vec![Nearest::Nowhere; self.words.len()])
    }

    pub fn look(&self, found: &mut Found, depth: Option<usize>, text: &str, case: Case) {
        let Some(automaton) = &self.automaton else { return };
        let lowered;
        let text = if case == Case::Ignored {
            lowered = text.to_lowercase();
            lowered.as_str()
        } else {
            text
        };
        let at = depth.map_or(Nearest::Here, Nearest::Message);
        for hit in automaton.find_overlapping_iter(text).take(FINDS_MAX) {
            let nearest = &mut found.0[hit.pattern().as_usize()];
            if at < *nearest && is_whole(text, hit.start(), hit.end()) {
                *nearest = at;
            }
        }
    }
}

/// Whether what was found is not a part of a longer word.
fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let (before, found, after) = (&text[..start], &text[start..end], &text[end..]);
    let goes_on = |one: Option<char>, next: Option<char>| one.is_some_and(joins) && next.is_some_and(joins);
    !goes_on(before.chars().next_back(), found.chars().next())
        && !goes_on(found.chars().next_back(), after.chars().next())
}

/// Whether a sign belongs to a word that others may belong to. Not so where words are written without spaces between them
/// (Chinese, Japanese, Thai …), or take their particles at once (Korean).
fn joins(sign: char) -> bool {
    let without_spaces = matches!(sign,
        '\u{0e00}'..='\u{0eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' // Burmese
        | '\u{1100}'..='\u{11ff}' // Hangul
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{2e80}'..='\u{31ff}' // Radicals, kana
        | '\u{3400}'..='\u{9fff}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}'
        | '\u{20000}'..='\u{3ffff}');
    (sign.is_alphanumeric() || sign == '_') && !without_spaces
}
