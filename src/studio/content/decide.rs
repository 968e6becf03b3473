//! What follows on what: pure, so that every order of things can be tried. Somebody asks, the work goes on step by step, and
//! at any moment it may fail, be cancelled, or be done; each content ends once, and with its end goes what was held for it:
//! paid when it is done, given back in every other case.

use std::time::Duration;

use super::kinds::{Fault, Kind, State, Wording};

/// Between two tries at most, however long somebody asks for patience.
pub const RETRY_MAX: Duration = Duration::from_secs(300);
/// Looks at a video that may fail one after the other: it is being made meanwhile, and what was begun is paid for upstream.
const LOOKS_FAILED_MAX: u16 = 10;

const OPTIMIZING: u8 = 5;
const GENERATING: u8 = 10;
/// How much of the whole the making of a video is, from [`GENERATING`] on.
const MAKING: u8 = 80;
const STORING: u8 = 92;

/// Where a content stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub kind: Kind,
    pub state: State,
    pub progress: u8,
    pub wording: Wording,
    /// Whether it is known what the provider is to be told in place of the prompt.
    pub worded: bool,
    /// A video is being made under a ticket.
    pub ticketed: bool,
    /// Tries in this step that failed.
    pub attempt: u16,
    pub looks: u32,
}

/// What happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A worker begins with it.
    Begun,
    /// It is known what the provider is to be told.
    Worded,
    /// The provider has begun with a video.
    Ticketed,
    /// A video is so far, in percent.
    Looked(u8),
    /// Its bytes are there, and a file's row is.
    Made,
    /// The file is still being looked at.
    Processing,
    /// The file is ready.
    Ready,
    /// It did not go; not to be tried before so long, where somebody said so.
    Failed(Fault, Option<Duration>),
    /// It never will.
    Lost(Fault),
    Canceled,
    /// Its user wants it once more.
    Again,
}

/// What becomes of what is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    Nothing,
    Hold,
    Settle,
    Release,
}

/// When it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The worker that is at it goes on.
    Same,
    Now,
    After(Duration),
    /// When its user has room for it.
    InTurn,
    Never,
}

/// What is to be done with what lies upstream and in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftovers {
    Keep,
    /// A video that is being made is ended, a file deleted.
    TakeAway,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    pub state: State,
    pub progress: u8,
    pub attempt: u16,
    pub looks: u32,
    pub charge: Charge,
    pub next: Next,
    pub leftovers: Leftovers,
    pub fault: Option<Fault>,
}

/// How patient the server is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Tries of each step.
    pub tries: u32,
    pub retry: Duration,
    pub look: Duration,
    pub looks_max: u32,
    pub store_look: Duration,
}

impl Patience {
    fn after(&self, failed: u16, asked: Option<Duration>) -> Duration {
        let doubled = self.retry.saturating_mul(2_u32.saturating_pow(u32::from(failed.saturating_sub(1))));
        doubled.max(asked.unwrap_or_default()).min(RETRY_MAX)
    }
}

/// `None`: it does not fit what stands, so it came too late, or twice: nothing follows.
#[must_use]
pub fn decide(standing: &Standing, happened: Happened, patience: &Patience) -> Option<Move> {
    use State::{Canceled, Done, Failed, Generating, Optimizing, Queued, Storing};
    let on = |state, progress: u8, next| Move {
        state,
        progress: progress.max(standing.progress),
        attempt: 0,
        looks: standing.looks,
        charge: Charge::Nothing,
        next,
        leftovers: Leftovers::Keep,
        fault: None,
    };
    let over = |state, charge, leftovers, fault| Move {
        progress: if state == Done { 100 } else { standing.progress },
        charge,
        leftovers,
        fault,
        attempt: standing.attempt,
        ..on(state, 0, Next::Never)
    };
    let fails = |fault| over(Failed, Charge::Release, Leftovers::TakeAway, Some(fault));
    Some(match (happened, standing.state) {
        (Happened::Begun, Queued) if standing.wording == Wording::Improved && !standing.worded => {
            on(Optimizing, OPTIMIZING, Next::Same)
        }
        (Happened::Begun, Queued) => on(Generating, GENERATING, Next::Same),
        (Happened::Worded, Optimizing) => on(Generating, GENERATING, Next::Now),
        (Happened::Ticketed, Generating) if standing.kind == Kind::Video && !standing.ticketed => {
            on(Generating, GENERATING, Next::After(patience.look))
        }
        (Happened::Looked(_), Generating) if standing.ticketed && standing.looks >= patience.looks_max => {
            fails(Fault::Timeout)
        }
        (Happened::Looked(percent), Generating) if standing.ticketed => {
            Move { looks: standing.looks + 1, ..on(Generating, made(percent), Next::After(patience.look)) }
        }
        (Happened::Made, Generating) => on(Storing, STORING, Next::After(patience.store_look)),
        (Happened::Processing, Storing) => on(Storing, STORING, Next::After(patience.store_look)),
        (Happened::Ready, Storing) => over(Done, Charge::Settle, Leftovers::Keep, None),
        (Happened::Failed(fault, asked), Optimizing | Generating) => {
            let failed = standing.attempt + 1;
            let most =
                if standing.ticketed { LOOKS_FAILED_MAX } else { u16::try_from(patience.tries).unwrap_or(1) };
            if fault.passes() && failed < most {
                let next = Next::After(patience.after(failed, asked));
                Move { attempt: failed, ..on(standing.state, standing.progress, next) }
            } else {
                fails(fault)
            }
        }
        (Happened::Lost(fault), state) if state.is_open() => fails(fault),
        (Happened::Canceled, state) if state.is_open() => {
            over(Canceled, Charge::Release, Leftovers::TakeAway, None)
        }
        (Happened::Again, Failed | Canceled) => {
            Move { progress: 0, looks: 0, charge: Charge::Hold, ..on(Queued, 0, Next::InTurn) }
        }
        _ => return None,
    })
}

fn made(percent: u8) -> u8 {
    GENERATING + u8::try_from(u16::from(percent.min(100)) * u16::from(MAKING) / 100).unwrap_or(MAKING)
}

#[cfg(test)]
#[path = "decide/tests.rs"]
mod tests;
