//! The text of an answer on its way out: hidden lines and NUL are taken out, stop sequences end it, and so does its longest.

use super::stops::{Passed, Stops};
use crate::domain::Finish;
use crate::turn::Remember;

pub(super) struct Spoken {
    stop: Vec<String>,
    chars_max: usize,
    /// What a character would note for itself is not kept: it belongs to no conversation.
    remember: Remember,
    stops: Stops,
    chars_left: usize,
    /// Whether anything but white space was passed on.
    said: bool,
}

/// What is to be passed on, and whether that is the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub text: String,
    pub end: Option<Finish>,
}

/// Whether text went out that nobody but its reader can take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touched {
    Yes,
    No,
}

impl Spoken {
    pub fn new(stop: &[String], chars_max: usize) -> Self {
        Self {
            stop: stop.to_vec(),
            chars_max,
            remember: Remember::default(),
            stops: Stops::new(stop),
            chars_left: chars_max,
            said: false,
        }
    }

    pub fn push(&mut self, more: &str) -> Said {
        let plain = if more.contains('\0') { &more.replace('\0', "") } else { more };
        let seen = self.remember.filter(plain);
        self.pass(&seen)
    }

    /// The text ended by itself; what was held back comes out.
    pub fn end(&mut self, finish: Finish) -> Said {
        let (rest, _) = self.remember.end(finish);
        let mut said = self.pass(&rest);
        if said.end.is_none() {
            let held = self.stops.end();
            said.text.push_str(&self.cut(&held).0);
        }
        said
    }

    pub fn has_said(&self) -> bool {
        self.said
    }

    /// The text begins anew. Answers whether any of it was passed on.
    pub fn reset(&mut self) -> Touched {
        let touched = if self.chars_left == self.chars_max { Touched::No } else { Touched::Yes };
        *self = Self::new(&std::mem::take(&mut self.stop), self.chars_max);
        touched
    }

    fn pass(&mut self, more: &str) -> Said {
        let (text, end) = match self.stops.push(more) {
            Passed::Text(text) => (text, None),
            Passed::Last(text) => (text, Some(Finish::Complete)),
        };
        let (text, long) = self.cut(&text);
        Said { text, end: if long { Some(Finish::Length) } else { end } }
    }

    /// No longer than it may be.
    fn cut(&mut self, text: &str) -> (String, bool) {
        let mut out = String::with_capacity(text.len());
        for sign in text.chars() {
            if self.chars_left == 0 {
                return (out, true);
            }
            self.chars_left -= 1;
            self.said |= !sign.is_whitespace();
            out.push(sign);
        }
        (out, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(said: Said) -> String {
        assert_eq!(said.end, None);
        said.text
    }

    #[test]
    fn hidden_lines_and_stop_sequences_are_not_passed_on() {
        let mut spoken = Spoken::new(&["STOP".to_owned()], 100);
        assert!(!spoken.has_said());
        assert_eq!(text(spoken.push("Hi.\n[[remember: I like ")), "Hi.");
        assert_eq!(text(spoken.push("tea]] ST")), "\n");
        assert_eq!(text(spoken.push("ART")), "START");
        assert_eq!(spoken.push(" ST\0OP y"), Said { text: " ".into(), end: Some(Finish::Complete) });
    }

    #[test]
    fn text_that_begins_anew_has_all_of_its_bounds_again() {
        let mut spoken = Spoken::new(&["STOP".to_owned()], 4);
        assert_eq!(text(spoken.push("STO")), "");
        assert_eq!(spoken.reset(), Touched::No, "it was held back");
        assert_eq!(text(spoken.push("P no")), "P no");
        assert_eq!(spoken.reset(), Touched::Yes);
        assert_eq!(text(spoken.push("one ")), "one ");
    }

    #[test]
    fn an_answer_is_cut_at_its_longest() {
        let mut spoken = Spoken::new(&[], 3);
        assert_eq!(spoken.push("abcd"), Said { text: "abc".into(), end: Some(Finish::Length) });
    }

    #[test]
    fn what_was_held_back_comes_with_the_end() {
        let mut spoken = Spoken::new(&["STOP".to_owned()], 100);
        assert_eq!(text(spoken.push("a ST")), "a ");
        assert_eq!(spoken.end(Finish::Complete), Said { text: "ST".into(), end: None });
    }
}
