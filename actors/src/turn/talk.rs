//! What is heard of a running reply, on its way to the room (merged to the settings' span) and into its draft.

use std::time::Duration;

use tokio::time::Instant;

use super::compose::Composed;
use super::said::{Said, TooLong};
use super::{Arguments, Ended, TurnNews};
use crate::domain::{FailureCode, Finish, ReplyState};
use crate::drafts::Pen;
use crate::engine::Context;

pub(super) struct Talk<'a> {
    turn: &'a Arguments,
    said: Said,
    pen: Pen,
    merge: Duration,
    /// When the text that waits is due; the first piece goes out at once.
    pub due: Option<Instant>,
    last_sent: Option<Instant>,
    /// Of what is composed, to begin anew.
    chars_left: usize,
    behind: Option<char>,
}

impl<'a> Talk<'a> {
    pub fn new(context: &Context, turn: &'a Arguments, composed: &Composed) -> Self {
        let (chars_left, behind) = (composed.chars_left, composed.behind);
        Self {
            turn,
            said: Said::new(chars_left).behind(behind),
            pen: context.drafts.open(&turn.turn, &turn.bill),
            merge: context.settings.turn.delta_merge,
            due: None,
            last_sent: None,
            chars_left,
            behind,
        }
    }

    /// The reply was taken up: what an earlier holder had let be said is shown again, as a whole.
    pub fn go_on_from(&mut self, draft: &str) -> Result<(), TooLong> {
        self.hear(draft)?;
        self.last_sent = None;
        Ok(())
    }

    /// More of what the model says.
    pub fn hear(&mut self, text: &str) -> Result<(), TooLong> {
        self.said.push(text)?;
        self.pen.add(text);
        let now = Instant::now();
        match self.last_sent {
            // A little early is on time: a timer for the rest would cost more than it merges.
            Some(sent) if now + self.merge / 8 < sent + self.merge => {
                self.due = self.due.or(Some(sent + self.merge));
            }
            _ => self.pass_on(),
        }
        Ok(())
    }

    pub fn pass_on(&mut self) {
        self.due = None;
        self.last_sent = Some(Instant::now());
        self.said.pass_on(self.turn);
        self.pen.show(self.said.shown());
    }

    /// What was said is void.
    pub fn begin_anew(&mut self) {
        self.said = Said::new(self.chars_left).behind(self.behind);
        self.pen.begin_anew();
        (self.due, self.last_sent) = (None, None);
        self.turn.tell(TurnNews::Restarted);
    }

    /// The reply's end: a message if anything was said, else `state` with `code`.
    pub fn ended(self, state: ReplyState, finish: Finish, code: Option<FailureCode>) -> Ended {
        self.pen.put_down();
        self.said.ended(self.turn, state, finish, code)
    }
}
