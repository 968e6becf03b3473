//! The text of a running reply: all of it, and what has not been passed on yet. Passed on is only what those who watch it
//! let be seen.

use super::remember::Remember;
use super::{Arguments, Ended, Ending, TurnNews};
use crate::domain::{CharacterRecord, Fact, FailureCode, Finish, MemoryId, ReplyState, Trouble};
use crate::moderation::{Judged, Watch, words};
use crate::ports::Draft;

pub(super) struct Said {
    /// What the text goes on from ends with this.
    behind: Option<char>,
    /// It goes on from something.
    goes_on: bool,
    /// Takes out what is for the character's memory alone.
    remember: Remember,
    facts: Vec<Fact>,
    watch: Watch,
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
    pub fn new(max_chars: usize, watch: Watch) -> Self {
        Self {
            behind: None,
            goes_on: false,
            remember: Remember::default(),
            facts: Vec::new(),
            watch,
            text: String::new(),
            passed: 0,
            chars_left: max_chars,
            set_off: false,
        }
    }

    /// The text goes on from one that ends with `last`.
    pub fn behind(self, last: Option<char>) -> Self {
        Self { behind: last, goes_on: last.is_some(), ..self }
    }

    /// Takes more text. NUL, which Postgres cannot store, is left out, and so are hidden lines. Where it goes on from a
    /// word and a model begins with another one, a space comes between.
    pub fn push(&mut self, more: &str) -> Result<(), TooLong> {
        let seen = self.remember.filter(more);
        let added = self.add(&seen);
        self.watch.grown(&self.text);
        added
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

    /// Tells the room what it has not heard yet, as far as that may be seen.
    pub fn pass_on(&mut self, turn: &Arguments) {
        let limit = self.watch.limit(&self.text);
        if self.passed < limit {
            turn.tell(TurnNews::Text(self.text[self.passed..limit].to_owned()));
            self.passed = limit;
        }
    }

    /// Bytes of the text that were found fine and that the room has been told when all is passed on, and whether it begins
    /// with a space that no model wrote.
    pub fn fine(&self) -> (usize, bool) {
        (self.watch.found_fine(&self.text), self.set_off)
    }

    /// What people had been shown of a draft and may go on to see: nothing that was not judged yet.
    pub fn of_draft(draft: &Draft, max_chars: usize) -> String {
        let mut said = Self::new(max_chars, Watch::nobody());
        // Too long is cut.
        let _ = said.push(&draft.text);
        let shown = said.text.floor_char_boundary(draft.shown);
        said.text.truncate(shown);
        said.text
    }

    pub fn judged(&self) -> Judged {
        self.watch.judged()
    }

    /// Waits for whoever was asked about the text, for ever where nobody was.
    pub async fn answer(&mut self) {
        self.watch.answer().await;
        self.watch.grown(&self.text);
    }

    /// No more comes: it ends so, once all of it is found fine.
    pub fn ends(&mut self, finish: Finish) {
        self.flush(finish);
        self.watch.ended(&self.text);
    }

    fn flush(&mut self, finish: Finish) {
        let (rest, facts) = self.remember.end(finish);
        // Too long by these few signs: they are cut as any others.
        let _ = self.add(&rest);
        self.facts.extend(facts);
    }

    /// All of it was found fine: a message if anything was said, else it failed, with `code`.
    pub fn ended(mut self, turn: &Arguments, finish: Finish, code: Option<FailureCode>) -> Ended {
        self.pass_on(turn);
        self.becomes(turn, ReplyState::Failed, finish, code)
    }

    /// A person stopped it: what was seen of it stands.
    pub fn stopped(mut self, turn: &Arguments) -> Ended {
        self.flush(Finish::Stopped);
        self.pass_on(turn);
        if self.passed < self.text.len() {
            self.text.truncate(self.passed);
            self.facts.clear();
        }
        self.becomes(turn, ReplyState::Stopped, Finish::Stopped, None)
    }

    /// Nobody could judge it any more: it broke off behind what was found fine.
    pub fn unjudged(mut self, turn: &Arguments) -> Ended {
        self.text.truncate(self.watch.found_fine(&self.text));
        self.facts.clear();
        if self.passed > self.text.len() {
            turn.tell(TurnNews::Restarted);
            self.passed = 0;
        }
        self.watch = Watch::nobody();
        self.pass_on(turn);
        let trouble =
            Trouble::new("moderation could not be asked, and what was not judged may not pass", None, 1);
        let code = Some(FailureCode::ProviderUnavailable);
        let ended = self.becomes(turn, ReplyState::Failed, Finish::Interrupted, code);
        Ended { trouble: Some(trouble), ..ended }
    }

    /// In its place the character says that it would rather not. Nothing is remembered of it.
    pub fn refused(self, turn: &Arguments, character: &CharacterRecord) -> Ended {
        let manner = words::Manner::of(character);
        let mut text = words::thought_better(&manner, words::seed_of_reply(turn.turn.message));
        if self.goes_on {
            text.insert_str(0, "\n\n");
        }
        if self.passed > 0 {
            turn.tell(TurnNews::Restarted);
        }
        turn.tell(TurnNews::Text(text.clone()));
        Ended::of(Ending::Refused { text })
    }

    fn becomes(
        self,
        turn: &Arguments,
        state: ReplyState,
        finish: Finish,
        code: Option<FailureCode>,
    ) -> Ended {
        let outcome = if self.text.trim().is_empty() {
            Ending::Nothing { state, code }
        } else {
            Ending::Said { text: self.text, finish, attachment: None }
        };
        // What a character says to another is no fact of the person's.
        let told = if turn.turn.depth == 0 { self.facts } else { Vec::new() };
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
            let mut said = Said::new(100, Watch::nobody()).behind(Some(last));
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
        let mut said = Said::new(5, Watch::nobody());
        said.push("a\0b").unwrap();
        assert!(said.push("cdef").is_err());
        assert_eq!(said.text, "abcde");
    }

    #[test]
    fn a_hidden_line_is_no_part_of_the_text() {
        let mut said = Said::new(5, Watch::nobody());
        said.push("abc\n[[rem").unwrap();
        assert_eq!(said.text, "abc");
        said.push("ember: I like tea]").unwrap();
        said.push("]").unwrap();
        assert_eq!(said.text, "abc", "nor does it count against the longest");
    }
}
