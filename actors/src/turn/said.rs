//! The text of a running reply: all of it, and what has not been passed on yet.

use super::remember::Remember;
use super::{Arguments, Ended, Ending, TurnNews};
use crate::domain::{FailureCode, Finish, MemoryId, ReplyState};
use crate::ports::Draft;

pub(super) struct Said {
    /// What the text goes on from ends with this.
    behind: Option<char>,
    /// Takes out what is for the character's memory alone.
    remember: Remember,
    text: String,
    /// Bytes of `text` that the room has been told.
    passed: usize,
    chars_left: usize,
    /// A space was set before the text.
    set_off: bool,
}

/// The reply reached its longest; it was cut there.
#[derive(Debug)]
pub(super) struct TooLong;

impl Said {
    pub fn new(max_chars: usize) -> Self {
        Self {
            behind: None,
            remember: Remember::default(),
            text: String::new(),
            passed: 0,
            chars_left: max_chars,
            set_off: false,
        }
    }

    /// The text goes on from one that ends with `last`.
    pub fn behind(self, last: Option<char>) -> Self {
        Self { behind: last, ..self }
    }

    /// Takes more text. NUL, which Postgres cannot store, is left out, and so are hidden lines. Where it goes on from a
    /// word and a model begins with another one, a space comes between.
    pub fn push(&mut self, more: &str) -> Result<(), TooLong> {
        let seen = self.remember.filter(more);
        self.add(&seen)
    }

    fn add(&mut self, more: &str) -> Result<(), TooLong> {
        if let (Some(last), Some(first)) = (self.behind, more.chars().next()) {
            self.behind = None;
            if !last.is_whitespace() && first.is_alphanumeric() && self.chars_left > 0 {
                self.chars_left -= 1;
                self.text.push(' ');
                self.set_off = true;
            }
        }
        for c in more.chars().filter(|c| *c != '\0') {
            if self.chars_left == 0 {
                return Err(TooLong);
            }
            self.chars_left -= 1;
            self.text.push(c);
        }
        Ok(())
    }

    /// Tells the room what it has not heard yet.
    pub fn pass_on(&mut self, turn: &Arguments) {
        if self.passed < self.text.len() {
            turn.tell(TurnNews::Text(self.text[self.passed..].to_owned()));
            self.passed = self.text.len();
        }
    }

    /// Bytes of the text that the room has been told, and whether it begins with a space that no model wrote.
    pub fn shown(&self) -> (usize, bool) {
        (self.passed, self.set_off)
    }

    /// What people had been shown of a draft.
    pub fn of_draft(draft: &Draft, max_chars: usize) -> String {
        let mut said = Self::new(max_chars);
        // Too long is cut.
        let _ = said.push(&draft.text);
        let shown = said.text.floor_char_boundary(draft.shown);
        said.text.truncate(shown);
        said.text
    }

    /// The reply's end: a message if anything was said, else `state` with `code`.
    pub fn ended(
        mut self,
        turn: &Arguments,
        state: ReplyState,
        finish: Finish,
        code: Option<FailureCode>,
    ) -> Ended {
        let (rest, facts) = self.remember.end(finish);
        // Too long by these few signs: they are cut as any others.
        let _ = self.add(&rest);
        self.pass_on(turn);
        let outcome = if self.text.trim().is_empty() {
            Ending::Nothing { state, code }
        } else {
            Ending::Said { text: self.text, finish, attachment: None }
        };
        // What a character says to another is no fact of the person's.
        let told = if turn.turn.depth == 0 { facts } else { Vec::new() };
        let memories = told.into_iter().map(|fact| (MemoryId::new(), fact)).collect();
        Ended { memories, ..Ended::of(outcome) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_set_off_from_what_was_said() {
        let after = |last, more: &[&str]| {
            let mut said = Said::new(100).behind(Some(last));
            more.iter().for_each(|more| said.push(more).unwrap());
            said.text
        };
        assert_eq!(after('n', &["a ", "time"]), " a time");
        assert_eq!(after('n', &[" a time"]), " a time");
        assert_eq!(after('n', &[", they say"]), ", they say");
        assert_eq!(after(' ', &["a time"]), "a time");
    }

    #[test]
    fn a_reply_is_cut_at_its_longest_and_holds_no_nul() {
        let mut said = Said::new(5);
        said.push("a\0b").unwrap();
        assert!(said.push("cdef").is_err());
        assert_eq!(said.text, "abcde");
    }

    #[test]
    fn a_hidden_line_is_no_part_of_the_text() {
        let mut said = Said::new(5);
        said.push("abc\n[[rem").unwrap();
        assert_eq!(said.text, "abc");
        said.push("ember: I like tea]").unwrap();
        said.push("]").unwrap();
        assert_eq!(said.text, "abc", "nor does it count against the longest");
    }
}
