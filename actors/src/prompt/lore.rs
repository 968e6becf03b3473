//! The lorebook at work: which entries the talk brings up, in what order, and how many of them there is room for.
//!
//! A book is compiled once per character: macros resolved, tokens counted, all plain keys in one automaton, so that a
//! prompt costs one pass over the scanned messages however large the book is. Regular expressions run in linear time; their
//! number, their size and the text that all of them read for one prompt are bounded, and so is their time. The same talk
//! brings up the same entries.

mod decorators;
mod keys;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use self::decorators::Decorators;
use self::keys::{Case, Finder, Key};
use super::macros::Macros;
use crate::domain::{LoreEntry, LorePosition, Lorebook, SecondaryRule};
use crate::ports::TokenCounter;

/// Entries that a book has use for; further ones are left out.
const ENTRIES_MAX: usize = 2_000;
/// Bytes of the latest messages that are searched for keys.
const SCAN_MAX_BYTES: usize = 32 * 1024;
/// Regular expressions of a book: each costs time and memory, used or not. An entry with a further one never matches.
const REGEXES_MAX: usize = 200;
/// How often the text of entries may bring up further ones.
const ROUNDS_MAX: usize = 3;
/// Bytes that all regular expressions together may read for one prompt; those that have no turn any more find nothing.
const REGEX_READ_MAX_BYTES: usize = 2 * 1024 * 1024;

/// Whether a key can be used as a regular expression: it is one, and neither too long nor too large.
#[must_use]
pub fn runs_as_pattern(key: &str) -> bool {
    Key::regex(key, Case::Ignored).is_some()
}

/// A character's lorebook, ready for use.
#[derive(Debug, Default)]
pub struct Book {
    entries: Vec<Entry>,
    words: Finder,
    cased_words: Finder,
    scan_depth: Option<usize>,
    token_budget: Option<usize>,
    recursive: bool,
}

#[derive(Debug)]
struct Entry {
    keys: Vec<Key>,
    secondary_keys: Vec<Key>,
    secondary_rule: SecondaryRule,
    additional_keys: Vec<Key>,
    excluded_keys: Vec<Key>,
    constant: bool,
    order: i32,
    priority: i32,
    position: LorePosition,
    decorators: Decorators,
    text: String,
    tokens: usize,
    /// With its hidden keys: what may bring up further entries.
    scanned: String,
}

/// What there is to search, and how much may come of it.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    /// The messages, the asked one first, then backwards.
    pub latest_first: &'a [&'a str],
    /// Messages that the character itself has said.
    pub own_messages: usize,
    /// Messages that are searched where the book does not say.
    pub scan_depth: usize,
    /// Tokens of all entries together; the book's own budget may be smaller.
    pub token_budget: usize,
}

/// The entries that were brought up, each list in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brought<'a> {
    pub before: Vec<&'a str>,
    pub after: Vec<&'a str>,
    /// Of all of them together.
    pub tokens: usize,
}

/// What an entry costs beside its text: the blank line that sets it apart.
const SEPARATOR_TOKENS: usize = 2;

impl Brought<'_> {
    /// As it stands in the prompt; empty where nothing was brought up.
    #[must_use]
    pub fn text(&self) -> String {
        let entries: Vec<&str> = self.before.iter().chain(&self.after).copied().collect();
        if entries.is_empty() {
            String::new()
        } else {
            format!("{}\n{}", super::LORE_HEAD, entries.join("\n\n"))
        }
    }
}

impl Book {
    /// Entries that are switched off, empty, or have a regular expression that is none are left out: they never match.
    #[must_use]
    pub fn compile(book: &Lorebook, macros: &Macros<'_>, counter: &dyn TokenCounter) -> Self {
        let (mut words, mut cased_words, mut regexes) = (Vec::new(), Vec::new(), 0);
        let usable = book.entries.iter().filter(|entry| entry.enabled).take(ENTRIES_MAX);
        let entries = usable
            .filter_map(|entry| {
                let case = if entry.case_sensitive { Case::Sensitive } else { Case::Ignored };
                let list = if entry.case_sensitive { &mut cased_words } else { &mut words };
                Entry::compile(entry, macros, counter, |key| {
                    if !entry.use_regex {
                        return Key::word(key, case, list);
                    }
                    regexes += 1;
                    if regexes > REGEXES_MAX { None } else { Key::regex(key, case) }
                })
            })
            .collect();
        Self {
            entries,
            words: Finder::new(words),
            cased_words: Finder::new(cased_words),
            scan_depth: book.scan_depth.map(|depth| depth as usize),
            token_budget: book.token_budget.map(|budget| budget as usize),
            recursive: book.recursive,
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What the talk brings up, within the budget.
    #[must_use]
    pub fn brought_up(&self, scan: &Scan<'_>) -> Brought<'_> {
        if self.is_empty() {
            return Brought::default();
        }
        let mut search = Search::new(self, scan);
        let mut matched = vec![false; self.entries.len()];
        let mut round = 0;
        loop {
            let fresh: Vec<usize> = (0..self.entries.len())
                .filter(|at| !matched[*at] && search.matches(&self.entries[*at]))
                .collect();
            for at in &fresh {
                matched[*at] = true;
            }
            if !self.recursive || fresh.is_empty() || round == ROUNDS_MAX {
                break;
            }
            round += 1;
            for at in fresh {
                search.add(None, &self.entries[at].scanned);
            }
        }
        let matched: Vec<&Entry> = self
            .entries
            .iter()
            .zip(&matched)
            .filter_map(|(entry, matched)| matched.then_some(entry))
            .collect();
        let most = self.token_budget.unwrap_or(usize::MAX).min(scan.token_budget);
        within(matched, most)
    }
}

/// Those of `matched` (in the book's order) that fit: higher priorities first, then what stands later.
fn within(matched: Vec<&Entry>, most: usize) -> Brought<'_> {
    let mut by_priority: Vec<(usize, &Entry)> = matched.into_iter().enumerate().collect();
    by_priority.sort_by_key(|(at, entry)| (Reverse(entry.priority), Reverse(entry.order), *at));
    let mut tokens = 0;
    by_priority.retain(|(_, entry)| {
        let fits = tokens + entry.tokens <= most;
        if fits {
            tokens += entry.tokens;
        }
        fits
    });
    by_priority.sort_by_key(|(at, entry)| (entry.order, *at));
    let of = |position| {
        by_priority
            .iter()
            .filter(move |(_, entry)| entry.position == position)
            .map(|(_, entry)| entry.text.as_str())
    };
    Brought {
        before: of(LorePosition::BeforeCharacter).collect(),
        after: of(LorePosition::AfterCharacter).collect(),
        tokens,
    }
}

impl Entry {
    fn compile(
        entry: &LoreEntry,
        macros: &Macros<'_>,
        counter: &dyn TokenCounter,
        mut key: impl FnMut(&str) -> Option<Key>,
    ) -> Option<Self> {
        let (decorators, content) = Decorators::taken_from(&entry.content);
        let text = macros.resolve(content).trim().to_owned();
        if text.is_empty() || decorators.never {
            return None;
        }
        // One key that is no regular expression, and the entry matches never.
        let mut keys = |written: &[String]| -> Option<Vec<Key>> {
            let filled = written.iter().map(|written| macros.resolve(written));
            filled.filter(|written| !written.trim().is_empty()).map(|written| key(&written)).collect()
        };
        Some(Self {
            keys: keys(&entry.keys)?,
            secondary_keys: keys(&entry.secondary_keys)?,
            secondary_rule: entry.secondary_rule,
            additional_keys: keys(&decorators.additional_keys)?,
            excluded_keys: keys(&decorators.excluded_keys)?,
            constant: entry.constant || decorators.always,
            order: entry.order,
            priority: entry.priority,
            position: decorators.position.unwrap_or(entry.position),
            tokens: counter.count(&text) + SEPARATOR_TOKENS,
            scanned: macros.with_hidden_keys(content),
            decorators,
            text,
        })
    }
}

/// The texts that are searched, and what was found in them so far.
struct Search<'a> {
    book: &'a Book,
    own_messages: usize,
    scan_depth: usize,
    /// With how far back each stands; `None` is the text of an entry, which counts at any depth.
    texts: Vec<(Option<usize>, &'a str)>,
    words: keys::Found,
    cased_words: keys::Found,
    /// Bytes that regular expressions may still read.
    regex_left: usize,
}

impl<'a> Search<'a> {
    fn new(book: &'a Book, scan: &Scan<'a>) -> Self {
        let mut search = Self {
            book,
            own_messages: scan.own_messages,
            scan_depth: book.scan_depth.unwrap_or(scan.scan_depth),
            texts: Vec::new(),
            words: book.words.nothing(),
            cased_words: book.cased_words.nothing(),
            regex_left: REGEX_READ_MAX_BYTES,
        };
        let asked_for = book.entries.iter().filter_map(|entry| entry.decorators.scan_depth);
        let deepest = asked_for.chain([search.scan_depth]).max().unwrap_or_default();
        let mut left = SCAN_MAX_BYTES;
        for (depth, text) in scan.latest_first.iter().enumerate().take(deepest) {
            search.add(Some(depth), end_of(text, left));
            left = left.saturating_sub(text.len());
        }
        search
    }

    fn add(&mut self, depth: Option<usize>, text: &'a str) {
        self.book.words.look(&mut self.words, depth, text, Case::Ignored);
        self.book.cased_words.look(&mut self.cased_words, depth, text, Case::Sensitive);
        self.texts.push((depth, text));
    }

    fn matches(&mut self, entry: &Entry) -> bool {
        let Decorators { after_own_messages, every_own_messages, .. } = entry.decorators;
        if self.own_messages < after_own_messages || !self.own_messages.is_multiple_of(every_own_messages) {
            return false;
        }
        if entry.constant {
            return true;
        }
        let depth = entry.decorators.scan_depth.unwrap_or(self.scan_depth);
        self.any(&entry.keys, depth)
            && self.secondary(entry, depth)
            && (entry.additional_keys.is_empty() || self.any(&entry.additional_keys, depth))
            && !self.any(&entry.excluded_keys, depth)
    }

    fn secondary(&mut self, entry: &Entry, depth: usize) -> bool {
        let keys = &entry.secondary_keys;
        keys.is_empty()
            || match entry.secondary_rule {
                SecondaryRule::AndAny => self.any(keys, depth),
                SecondaryRule::AndAll => self.all(keys, depth),
                SecondaryRule::NotAny => !self.any(keys, depth),
                SecondaryRule::NotAll => !self.all(keys, depth),
            }
    }

    fn any(&mut self, keys: &[Key], depth: usize) -> bool {
        keys.iter().any(|key| self.has(key, depth))
    }

    fn all(&mut self, keys: &[Key], depth: usize) -> bool {
        keys.iter().all(|key| self.has(key, depth))
    }

    fn has(&mut self, key: &Key, depth: usize) -> bool {
        match key {
            Key::Word(number) => self.words.within(*number, depth),
            Key::CasedWord(number) => self.cased_words.within(*number, depth),
            Key::Regex(regex) => {
                let near = |of: Option<usize>| of.is_none_or(|of| of < depth);
                let left = &mut self.regex_left;
                self.texts.iter().filter(|(of, _)| near(*of)).any(|(_, text)| {
                    *left = left.saturating_sub(text.len());
                    *left > 0 && regex.is_match(text)
                })
            }
        }
    }
}

/// The last `most` bytes of a text, or a little less: what was said last is nearest to the reply.
fn end_of(text: &str, most: usize) -> &str {
    let begin = text.len().saturating_sub(most);
    let begin = (begin..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    &text[begin..]
}
