//! A text that is judged while it is made: how much of it may be seen already.
//!
//! Rules look at each piece at once, and nothing that they have not found fine is passed on. The judge is asked beside the
//! stream, about what is new with some of what stood before it, so that a phrase across two checks is found; up to
//! `window_chars` beyond what it found fine may be seen. Half a window is asked about at a time, so that the other half
//! is left for the answer to come. The end waits for the last answer.
//!
//! [`Watch`] is told of the text by whoever holds it; [`Watched`] holds it itself. Bound: one check at a time.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use super::rules::{OVERLAP_CHARS, Rules, Scan};
use super::{Moderation, WINDOW_MAX_CHARS};
use crate::ports::{Side, Verdict, Who};

/// What the judge is told again of what it found fine, before what is new.
const CONTEXT_CHARS: usize = 2 * WINDOW_MAX_CHARS;
/// A word that is cut here counts as one from there on.
const WORD_MAX_CHARS: usize = 64;

/// Where a watched text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It goes on, or waits for an answer.
    Open,
    /// It has ended, and all of it was found fine.
    Fine,
    Refused,
    /// Nobody could judge it, and nothing unjudged may pass.
    Unavailable,
}

pub(crate) struct Watch {
    /// `None`: nobody looks at replies.
    looks: Option<Looks>,
}

struct Looks {
    moderation: Moderation,
    rules: Option<Arc<Rules>>,
    asks: bool,
    who: Who,
    window: usize,
    /// The end of what the text goes on from.
    lead: String,
    /// Bytes and characters of the text that were looked at here.
    told: Mark,
    /// Bytes that the rules found fine.
    ruled: usize,
    /// What the judge found fine.
    judged: Mark,
    check: Option<Check>,
    ended: bool,
    ending: Option<Judged>,
}

#[derive(Clone, Copy, Default)]
struct Mark {
    bytes: usize,
    chars: usize,
}

struct Check {
    upto: Mark,
    verdict: Pin<Box<dyn Future<Output = Verdict> + Send>>,
}

impl Watch {
    /// Watches a reply that goes on from `before`, or begins where that is empty.
    pub fn new(moderation: &Moderation, who: Who, before: &str) -> Self {
        let rules = moderation.rules(Side::Reply).cloned();
        let asks = moderation.asks(Side::Reply);
        if rules.is_none() && !asks {
            return Self::nobody();
        }
        let looks = Looks {
            window: moderation.settings().window_chars.clamp(1, WINDOW_MAX_CHARS),
            moderation: moderation.clone(),
            rules,
            asks,
            who,
            lead: before[back(before, before.len(), OVERLAP_CHARS)..].to_owned(),
            told: Mark::default(),
            ruled: 0,
            judged: Mark::default(),
            check: None,
            ended: false,
            ending: None,
        };
        Self { looks: Some(looks) }
    }

    /// Nobody looks: all may be seen.
    pub const fn nobody() -> Self {
        Self { looks: None }
    }

    /// The text has grown to `text`; asks about what is new where that is due.
    pub fn grown(&mut self, text: &str) {
        if let Some(looks) = &mut self.looks {
            looks.grown(text);
        }
    }

    /// `text` is all of it.
    pub fn ended(&mut self, text: &str) {
        if let Some(looks) = &mut self.looks {
            looks.ended = true;
            looks.grown(text);
        }
    }

    /// Bytes of `text` that may be seen.
    pub fn limit(&self, text: &str) -> usize {
        self.looks.as_ref().map_or(text.len(), |looks| looks.limit(text))
    }

    pub fn judged(&self) -> Judged {
        match &self.looks {
            None => Judged::Fine,
            Some(looks) => looks.ending.unwrap_or(Judged::Open),
        }
    }

    /// Bytes that were found fine by all who look.
    pub fn found_fine(&self, text: &str) -> usize {
        match &self.looks {
            None => text.len(),
            Some(looks) if looks.asks => looks.judged.bytes.min(looks.ruled),
            Some(looks) => looks.ruled,
        }
    }

    /// Waits for the answer that is under way and takes it in; for ever, where none is. Call [`Self::grown`] then: the
    /// next question may be due. May be dropped and called again.
    pub async fn answer(&mut self) {
        poll_fn(|context| {
            let Some(looks) = &mut self.looks else { return Poll::Pending };
            let Some(check) = &mut looks.check else { return Poll::Pending };
            let Poll::Ready(verdict) = check.verdict.as_mut().poll(context) else { return Poll::Pending };
            let upto = check.upto;
            looks.check = None;
            match verdict {
                Verdict::Fine => looks.judged = upto,
                Verdict::Refused { category } => looks.refuse(&category),
                Verdict::Unavailable => looks.ending = Some(Judged::Unavailable),
            }
            Poll::Ready(())
        })
        .await;
    }
}

impl Looks {
    fn grown(&mut self, text: &str) {
        if self.ending.is_some() {
            return;
        }
        self.told.chars += text[self.told.bytes..].chars().count();
        self.told.bytes = text.len();
        self.rule(text);
        if self.ending.is_some() {
            return;
        }
        self.ask(text);
        if self.ended && self.check.is_none() && self.judged.bytes == text.len() {
            self.ending = Some(Judged::Fine);
        }
    }

    fn rule(&mut self, text: &str) {
        let Some(rules) = self.rules.clone() else {
            self.ruled = text.len();
            return;
        };
        let scan = if self.ended {
            // What is longer than what is looked at again is found at last.
            let whole = format!("{}{text}", self.lead);
            rules.refused(&whole).map_or(Scan::Fine, Scan::Refused)
        } else if self.ruled == text.len() {
            return;
        } else {
            rules.scan(&self.from(text, self.ruled, OVERLAP_CHARS))
        };
        match scan {
            Scan::Fine => self.ruled = text.len(),
            Scan::Open(_) => {}
            Scan::Refused(category) => self.refuse(&category),
        }
    }

    /// What stands from `chars` characters before `at` on; from the beginning of a word, where one is near.
    fn from(&self, text: &str, at: usize, chars: usize) -> String {
        let start = word_start(text, back(text, at, chars));
        if start > 0 || self.lead.is_empty() {
            return text[start..].to_owned();
        }
        format!("{}{text}", self.lead)
    }

    fn ask(&mut self, text: &str) {
        if !self.asks {
            self.judged = self.told;
            return;
        }
        if self.check.is_some() {
            return;
        }
        let new = self.told.chars - self.judged.chars;
        if text[self.judged.bytes..].trim().is_empty() {
            // Nothing that could be judged; what comes next is judged along with it.
            if self.ended {
                self.judged = self.told;
            }
            return;
        }
        if self.ended || new >= self.window.div_ceil(2) {
            let asked = self.from(text, self.judged.bytes, CONTEXT_CHARS);
            let verdict = Box::pin(self.moderation.ask(asked, Side::Reply, self.who));
            self.check = Some(Check { upto: self.told, verdict });
        }
    }

    fn refuse(&mut self, category: &str) {
        let turn = self.who.turn.map(tracing::field::display);
        tracing::info!(turn, category, "a reply was refused by moderation");
        self.ending = Some(Judged::Refused);
        self.check = None;
    }

    fn limit(&self, text: &str) -> usize {
        match self.ending {
            Some(Judged::Refused | Judged::Unavailable) => return self.judged.bytes.min(self.ruled),
            Some(Judged::Fine) => return text.len(),
            Some(Judged::Open) | None => {}
        }
        if !self.asks {
            return self.ruled;
        }
        let rest = &text[self.judged.bytes..];
        let window = rest.char_indices().nth(self.window).map_or(rest.len(), |(at, _)| at);
        (self.judged.bytes + window).min(self.ruled)
    }
}

/// `chars` characters before the byte `at`.
fn back(text: &str, at: usize, chars: usize) -> usize {
    text[..at].char_indices().rev().take(chars).last().map_or(at, |(start, _)| start)
}

/// The beginning of the word that `at` stands in.
fn word_start(text: &str, at: usize) -> usize {
    let within = text[at..].chars().next().is_some_and(char::is_alphanumeric);
    if !within {
        return at;
    }
    let before = text[..at].char_indices().rev().take(WORD_MAX_CHARS);
    before.take_while(|(_, sign)| sign.is_alphanumeric()).last().map_or(at, |(start, _)| start)
}

/// A watched text for who holds none: more of it goes in, what may be seen comes out.
pub struct Watched {
    watch: Watch,
    text: String,
    /// Bytes that came out.
    seen: usize,
}

impl Watched {
    #[must_use]
    pub fn new(moderation: &Moderation, who: Who) -> Self {
        Self { watch: Watch::new(moderation, who, ""), text: String::new(), seen: 0 }
    }

    pub fn push(&mut self, more: &str) {
        self.text.push_str(more);
        self.watch.grown(&self.text);
    }

    /// No more comes.
    pub fn ends(&mut self) {
        self.watch.ended(&self.text);
    }

    /// What may be seen now and has not come out yet.
    pub fn take(&mut self) -> &str {
        let limit = self.watch.limit(&self.text).max(self.seen);
        let from = std::mem::replace(&mut self.seen, limit);
        &self.text[from..limit]
    }

    #[must_use]
    pub fn judged(&self) -> Judged {
        self.watch.judged()
    }

    /// Waits for the next answer, for ever where none is under way. May be dropped and called again.
    pub async fn answer(&mut self) {
        self.watch.answer().await;
        self.watch.grown(&self.text);
    }
}

#[cfg(test)]
mod tests;
