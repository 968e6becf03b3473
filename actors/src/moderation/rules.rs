//! The operator's patterns: words and regular expressions by category, found however they are written.
//!
//! Text is compared in one form: compatibility forms made plain (NFKC), small letters, without what cannot be seen (zero
//! width, direction marks, soft hyphens, variation selectors), white space as single spaces. A plain pattern is found as
//! words of their own; one between slashes, `/colou?r/`, is a regular expression over that form.
//!
//! The engine behind them takes time in line with the text, whatever the pattern. Bounds: [`PATTERNS_MAX`] patterns of
//! [`PATTERN_MAX_CHARS`] characters, and [`COMPILED_MAX_BYTES`] for all of them.

use std::fmt;
use std::sync::Arc;

use regex::{RegexBuilder, RegexSet, RegexSetBuilder};
use unicode_normalization::UnicodeNormalization;

pub const PATTERNS_MAX: usize = 5_000;
pub const PATTERN_MAX_CHARS: usize = 200;
/// Of the compiled patterns.
const COMPILED_MAX_BYTES: usize = 64 << 20;
const ONE_COMPILED_MAX_BYTES: usize = 1 << 20;
/// What is looked at again before a new piece of a text: a pattern may begin there. In characters.
pub(super) const OVERLAP_CHARS: usize = 512;

/// All patterns, compiled. The default has none and refuses nothing.
#[derive(Default)]
pub struct Rules {
    categories: Vec<Arc<str>>,
    /// Found in the text as far as it goes.
    found: RegexSet,
    /// Found, and something stands behind it: what comes next cannot undo it. By the same indexes.
    settled: RegexSet,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?}: {reason}")]
pub struct PatternError {
    pub category: String,
    pub pattern: String,
    pub reason: String,
}

/// What a text that goes on holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    Fine,
    /// It would be refused if it ended here; what comes next may make another word of it.
    Open(Arc<str>),
    Refused(Arc<str>),
}

impl Rules {
    /// Compiles `patterns` (category, pattern).
    ///
    /// # Errors
    /// Every pattern that does not hold, with the reason.
    pub fn new<'a>(
        patterns: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Vec<PatternError>> {
        let (mut categories, mut expressions, mut broken) = (Vec::new(), Vec::new(), Vec::new());
        for (category, pattern) in patterns {
            match expression(pattern) {
                Ok(expression) => {
                    categories.push(Arc::from(category));
                    expressions.push(expression);
                }
                Err(reason) => broken.push(PatternError {
                    category: category.to_owned(),
                    pattern: pattern.to_owned(),
                    reason,
                }),
            }
        }
        if !broken.is_empty() {
            return Err(broken);
        }
        let all = |reason: String| {
            vec![PatternError { category: String::new(), pattern: "all of them".to_owned(), reason }]
        };
        if expressions.len() > PATTERNS_MAX {
            return Err(all(format!("at most {PATTERNS_MAX} patterns are taken")));
        }
        let set = |expressions: Vec<String>| {
            RegexSetBuilder::new(expressions)
                .size_limit(COMPILED_MAX_BYTES)
                .build()
                .map_err(|_| all("together they take too much memory".to_owned()))
        };
        let settled = expressions.iter().map(|one| format!(r"(?:{one})(?s:.)")).collect();
        Ok(Self { categories, found: set(expressions)?, settled: set(settled)? })
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.categories.is_empty()
    }

    /// The category of the first pattern that is in `text`.
    #[must_use]
    pub fn refused(&self, text: &str) -> Option<Arc<str>> {
        if self.is_empty() { None } else { self.first(&self.found, &plain(text)) }
    }

    /// The same for a text that goes on.
    pub(super) fn scan(&self, text: &str) -> Scan {
        if self.is_empty() {
            return Scan::Fine;
        }
        let text = plain(text);
        match self.first(&self.found, &text) {
            None => Scan::Fine,
            Some(category) => match self.first(&self.settled, &text) {
                Some(category) => Scan::Refused(category),
                None => Scan::Open(category),
            },
        }
    }

    fn first(&self, set: &RegexSet, plain: &str) -> Option<Arc<str>> {
        let matched = set.matches(plain);
        let first = matched.iter().next()?;
        self.categories.get(first).cloned()
    }
}

impl fmt::Debug for Rules {
    // Whoever writes a rule down seldom wants it in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rules({} patterns)", self.categories.len())
    }
}

/// The regular expression of one pattern, checked.
fn expression(pattern: &str) -> Result<String, String> {
    if pattern.chars().count() > PATTERN_MAX_CHARS {
        return Err(format!("takes at most {PATTERN_MAX_CHARS} characters"));
    }
    let slashes = pattern.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let expression = match slashes {
        Some(expression) => format!("(?i:{expression})"),
        None => words(pattern)?,
    };
    let compiled = RegexBuilder::new(&expression).size_limit(ONE_COMPILED_MAX_BYTES).build().map_err(
        |error| match error {
            regex::Error::CompiledTooBig(_) => "takes too much memory".to_owned(),
            error => error.to_string().lines().last().unwrap_or_default().trim().to_owned(),
        },
    )?;
    if compiled.is_match("") {
        return Err("is found in every text".to_owned());
    }
    Ok(expression)
}

/// A plain pattern as words of their own. Where a script has no spaces between words there are no edges to look for.
fn words(pattern: &str) -> Result<String, String> {
    let text = plain(pattern);
    let text = text.trim();
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
        return Err("is empty".to_owned());
    };
    let has_edge = |sign: char| (sign.is_alphanumeric() || sign == '_') && !is_without_spaces(sign);
    let start = if has_edge(first) { r"\b{start-half}" } else { "" };
    let end = if has_edge(last) { r"\b{end-half}" } else { "" };
    Ok(format!("{start}{}{end}", regex::escape(text)))
}

/// Scripts written without spaces: Thai, Lao, Burmese, Khmer, Tibetan, kana, Han.
fn is_without_spaces(sign: char) -> bool {
    matches!(u32::from(sign),
        0x0E00..=0x0FFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0xF900..=0xFAFF | 0x20000..=0x323AF)
}

/// The one form in which texts and patterns are compared.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    if text.is_ascii() {
        for sign in text.bytes() {
            put(char::from(sign.to_ascii_lowercase()), &mut plain);
        }
        return plain;
    }
    let seen = text.chars().filter(|sign| !is_unseen(*sign));
    for sign in seen.nfkc().flat_map(char::to_lowercase).filter(|sign| !is_unseen(*sign)) {
        put(sign, &mut plain);
    }
    plain
}

fn put(sign: char, plain: &mut String) {
    if !sign.is_whitespace() {
        // What cannot be seen and is no space, such as a bell.
        if !sign.is_control() {
            plain.push(sign);
        }
    } else if !plain.ends_with(' ') {
        plain.push(' ');
    }
}

/// What takes no room on the screen: Unicode's default ignorable signs.
fn is_unseen(sign: char) -> bool {
    matches!(u32::from(sign),
        0x00AD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
        | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFF8
        | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(patterns: &[&str]) -> Rules {
        Rules::new(patterns.iter().map(|pattern| ("house", *pattern))).unwrap()
    }

    #[test]
    fn a_plain_pattern_is_found_as_words_of_their_own_however_they_are_written() {
        let rules = rules(&["Forbidden fruit", "ass", "禁止", ":bomb:"]);
        for text in [
            "the FORBIDDEN   fruit.",
            "forbidden\n\tfruit",
            "for\u{200B}bid\u{AD}den fru\u{2060}it",
            "ｆｏｒｂｉｄｄｅｎ ｆｒｕｉｔ",
            "𝐟𝐨𝐫𝐛𝐢𝐝𝐝𝐞𝐧 fruit",
            "an ass!",
            "这是禁止的",
            "x:bomb:x",
        ] {
            assert_eq!(rules.refused(text).as_deref(), Some("house"), "{text}");
        }
        for text in ["forbidden fruits", "a class", "assume", "forbidden, fruit", "", "bomb"] {
            assert_eq!(rules.refused(text), None, "{text}");
        }
    }

    #[test]
    fn letters_with_marks_are_one_however_they_are_composed() {
        let rules = rules(&["caf\u{e9}"]);
        assert!(rules.refused("the CAFE\u{301}").is_some());
        assert!(rules.refused("the cafe").is_none());
    }

    #[test]
    fn a_pattern_between_slashes_is_a_regular_expression_over_the_plain_form() {
        let rules = rules(&[r"/\bcolou?rs?\b/", "/[0-9]{4}-[0-9]{4}/"]);
        assert!(rules.refused("COLORS").is_some() && rules.refused("4111-1111").is_some());
        assert!(rules.refused("discolored").is_none());
    }

    #[test]
    fn patterns_that_do_not_hold_are_told_with_their_reason() {
        let long = "x".repeat(201);
        let patterns = ["/(/", "/a*/", "", " \u{200B}", &long, "/(a{500}){500}/"];
        let broken = Rules::new(patterns.iter().map(|pattern| ("house", *pattern))).unwrap_err();
        let reasons: Vec<&str> = broken.iter().map(|one| one.reason.as_str()).collect();
        assert_eq!(broken.len(), patterns.len(), "{reasons:?}");
        assert_eq!(reasons[1..4], ["is found in every text", "is empty", "is empty"]);
        assert!(reasons[4].contains("200") && reasons[5].contains("memory"), "{reasons:?}");
    }

    #[test]
    fn what_comes_next_may_make_another_word_of_it() {
        let rules = rules(&["ass", "/bad.*/"]);
        assert_eq!(rules.scan("an ass"), Scan::Open("house".into()));
        assert_eq!(rules.scan("an assume"), Scan::Fine);
        assert_eq!(rules.scan("an ass "), Scan::Refused("house".into()));
        assert!(matches!(rules.scan("bad"), Scan::Open(_)));
        assert!(matches!(rules.scan("bad, all of it"), Scan::Refused(_)), "it was bad before the end");
    }

    #[test]
    fn a_pattern_takes_time_in_line_with_the_text() {
        let rules = rules(&["/(a+)+$x/", "/(x+x+)+y/"]);
        assert!(rules.refused(&"a".repeat(100_000)).is_none());
        assert!(rules.refused(&"x".repeat(100_000)).is_none());
    }

    #[test]
    fn without_patterns_nothing_is_refused() {
        let rules = Rules::default();
        assert!(rules.is_empty() && rules.refused("anything").is_none());
        assert_eq!(rules.scan("anything"), Scan::Fine);
    }
}
