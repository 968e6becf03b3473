//! What is heard of a running reply, on its way to the room (merged to the engine's pace) and into its draft.

use std::sync::Arc;

use tokio::time::Instant;

use super::compose::Composed;
use super::said::{Said, TooLong};
use super::{Arguments, Ended, TurnNews};
use crate::domain::{CharacterRecord, Content, FailureCode, Finish};
use crate::drafts::Pen;
use crate::engine::Context;
use crate::moderation::{Judged, Moderation, Watch};
use crate::pace::Pace;
use crate::pool::{Joined, Seam};

pub(super) struct Talk<'a> {
    turn: &'a Arguments,
    said: Said,
    pen: Pen,
    pace: Pace,
    /// When the text that waits is due; the first piece goes out at once.
    pub due: Option<Instant>,
    last_sent: Option<Instant>,
    /// Of what is composed, to begin anew.
    chars_left: usize,
    before: Option<Content>,
    /// Behind the message that it goes on with: what is said again of that is left out.
    seam: Seam,
    moderation: Moderation,
    /// Who speaks.
    character: Arc<CharacterRecord>,
}

impl<'a> Talk<'a> {
    pub fn new(context: &Context, turn: &'a Arguments, composed: &Composed) -> Self {
        let (chars_left, before) = (composed.chars_left, composed.before.clone());
        Self {
            turn,
            said: said(turn, &context.moderation, before.as_ref(), chars_left),
            seam: seam(before.as_ref()),
            pen: context.drafts.open(&turn.turn, &turn.bill),
            pace: context.pace.clone(),
            due: None,
            last_sent: None,
            chars_left,
            before,
            moderation: context.moderation.clone(),
            character: composed.request.character.clone(),
        }
    }

    /// The reply was taken up: what an earlier holder had let be said is shown again, as a whole.
    pub fn go_on_from(&mut self, draft: &str) -> Result<(), TooLong> {
        // What was left out is not in it.
        self.seam = Seam::default();
        self.take(draft)?;
        self.last_sent = None;
        Ok(())
    }

    /// More of what the model says.
    pub fn hear(&mut self, text: String) -> Result<(), TooLong> {
        let joined = self.seam.push(text);
        self.join(joined)
    }

    fn join(&mut self, joined: Joined) -> Result<(), TooLong> {
        match joined {
            Joined::GoesOn(more) if more.is_empty() => Ok(()),
            Joined::GoesOn(more) => self.take(&more),
            // The message stands: only what is new is added.
            Joined::Anew { text, new } => self.take(&text[new..]),
        }
    }

    fn take(&mut self, text: &str) -> Result<(), TooLong> {
        self.said.push(text)?;
        self.pen.add(text);
        let (now, merge) = (Instant::now(), self.pace.every());
        match self.last_sent {
            // A little early is on time: a timer for the rest would cost more than it merges.
            Some(sent) if now + merge / 8 < sent + merge => {
                self.due = self.due.or(Some(sent + merge));
            }
            _ => self.pass_on(),
        }
        Ok(())
    }

    pub fn pass_on(&mut self) {
        self.due = None;
        self.last_sent = Some(Instant::now());
        // First, so that a draft never knows of less than people have seen and may go on to see.
        self.pen.show(self.said.fine());
        self.said.pass_on(self.turn);
    }

    /// What was said is void.
    pub fn begin_anew(&mut self) {
        self.said = said(self.turn, &self.moderation, self.before.as_ref(), self.chars_left);
        self.seam = seam(self.before.as_ref());
        self.pen.begin_anew();
        (self.due, self.last_sent) = (None, None);
        self.turn.tell(TurnNews::Restarted);
    }

    /// Waits for the next word of who judges the text, for ever where nobody was asked, and passes on what then may be seen.
    pub async fn answer(&mut self) {
        self.said.answer().await;
        self.pass_on();
    }

    /// Whether it is over before the model came to its end: refused, or beyond anybody's judgement.
    pub fn is_cut_off(&self) -> bool {
        matches!(self.said.judged(), Judged::Refused | Judged::Unavailable)
    }

    /// How it ended that was [cut off](Self::is_cut_off).
    pub fn cut_off(self) -> Ended {
        self.pen.put_down();
        match self.said.judged() {
            Judged::Refused => self.said.refused(self.turn, &self.character),
            Judged::Unavailable | Judged::Open | Judged::Fine => self.said.unjudged(self.turn),
        }
    }

    /// A person stopped it, wherever it stood: nobody is waited for.
    pub fn stopped(self) -> Ended {
        self.pen.put_down();
        self.said.stopped(self.turn)
    }

    /// The reply's end, once all of it is judged: a message if anything was said, else it failed, with `code`.
    pub async fn ended(mut self, finish: Finish, code: Option<FailureCode>) -> Ended {
        let rest = self.seam.close();
        // Too long by what was held back: it is cut.
        let _ = self.join(rest);
        self.said.ends(finish);
        loop {
            match self.said.judged() {
                Judged::Fine => break,
                Judged::Refused | Judged::Unavailable => return self.cut_off(),
                Judged::Open => {}
            }
            self.pass_on();
            tokio::select! {
                biased;
                () = self.turn.stop.cancelled() => return self.stopped(),
                () = self.said.answer() => {}
            }
        }
        self.pen.put_down();
        self.said.ended(self.turn, finish, code)
    }
}

fn seam(before: Option<&Content>) -> Seam {
    Seam::behind(before.map_or("", Content::as_str))
}

/// A text that has not begun, and who watches it.
fn said(turn: &Arguments, moderation: &Moderation, before: Option<&Content>, chars_left: usize) -> Said {
    let before = before.map_or("", Content::as_str);
    let watch = Watch::new(moderation, turn.who(), before);
    Said::new(chars_left, watch).behind(before.chars().next_back())
}
