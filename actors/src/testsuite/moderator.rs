//! A moderator that judges as its script says, and keeps what it was asked.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use super::lock;
use crate::ports::{Moderator, Side, Verdict, Who};

/// How texts are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Those that hold this are refused.
    Refuse(&'static str),
    /// Those that hold this are judged only when the test lets it ([`ScriptedModerator::let_go`]).
    Hold(&'static str),
    /// Those that hold this are never judged.
    Hang(&'static str),
    /// Those that hold this make it panic.
    Panic(&'static str),
}

/// Judges nothing until it is told to; then all is fine but for what its judgements say.
#[derive(Default)]
pub struct ScriptedModerator {
    messages: AtomicBool,
    replies: AtomicBool,
    out: AtomicBool,
    judgements: Mutex<Vec<Judgement>>,
    asked: Mutex<Vec<(String, Side, Who)>>,
    changed: Arc<Notify>,
    waiting: Arc<AtomicUsize>,
}

impl ScriptedModerator {
    /// Judges these sides.
    #[must_use]
    pub fn of(sides: &[Side], judgements: impl IntoIterator<Item = Judgement>) -> Self {
        let moderator = Self::default();
        moderator.messages.store(sides.contains(&Side::Message), SeqCst);
        moderator.replies.store(sides.contains(&Side::Reply), SeqCst);
        lock(&moderator.judgements).extend(judgements);
        moderator
    }

    /// Adds to what it goes by.
    pub fn judge(&self, judgement: Judgement) {
        lock(&self.judgements).push(judgement);
    }

    /// Whether it can be reached; what is asked meanwhile is `Unavailable`.
    pub fn set_out(&self, out: bool) {
        self.out.store(out, SeqCst);
    }

    /// Lets all that hold `text` and are held be judged.
    pub fn let_go(&self, text: &'static str) {
        lock(&self.judgements).retain(|one| *one != Judgement::Hold(text));
        self.changed.notify_waiters();
    }

    /// What it was asked about, in order.
    pub fn asked(&self, side: Side) -> Vec<String> {
        lock(&self.asked).iter().filter(|(_, of, _)| *of == side).map(|(text, ..)| text.clone()).collect()
    }

    /// Whom it was asked for.
    pub fn whom(&self, side: Side) -> Vec<Who> {
        lock(&self.asked).iter().filter(|(_, of, _)| *of == side).map(|(.., who)| *who).collect()
    }

    /// Texts that are held now; those that were given up are not.
    pub fn waiting(&self) -> usize {
        self.waiting.load(SeqCst)
    }
}

struct Waits(Arc<AtomicUsize>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Moderator for Arc<ScriptedModerator> {
    fn judges(&self, side: Side) -> bool {
        match side {
            Side::Message => self.messages.load(SeqCst),
            Side::Reply => self.replies.load(SeqCst),
        }
    }

    fn check(&self, text: String, side: Side, who: Who) -> BoxFuture<'static, Verdict> {
        lock(&self.asked).push((text.clone(), side, who));
        let moderator = self.clone();
        Box::pin(async move {
            let of = |judgement: &Judgement| match judgement {
                Judgement::Refuse(part)
                | Judgement::Hold(part)
                | Judgement::Hang(part)
                | Judgement::Panic(part) => text.contains(part),
            };
            let by: Vec<Judgement> =
                lock(&moderator.judgements).iter().filter(|one| of(one)).copied().collect();
            if by.iter().any(|one| matches!(one, Judgement::Panic(_))) {
                panic!("as the script says");
            }
            // Only what is kept waiting counts: any other is judged in this very poll.
            let waits =
                by.iter().any(|one| matches!(one, Judgement::Hold(_) | Judgement::Hang(_))).then(|| {
                    moderator.waiting.fetch_add(1, SeqCst);
                    Waits(moderator.waiting.clone())
                });
            if by.iter().any(|one| matches!(one, Judgement::Hang(_))) {
                std::future::pending::<()>().await;
            }
            for hold in by.iter().filter(|one| matches!(one, Judgement::Hold(_))) {
                loop {
                    let changed = moderator.changed.notified();
                    if !lock(&moderator.judgements).contains(hold) {
                        break;
                    }
                    changed.await;
                }
            }
            drop(waits);
            if moderator.out.load(SeqCst) {
                return Verdict::Unavailable;
            }
            if by.iter().any(|one| matches!(one, Judgement::Refuse(_))) {
                return Verdict::Refused { category: "scripted".into() };
            }
            Verdict::Fine
        })
    }
}
