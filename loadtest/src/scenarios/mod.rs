//! The scenarios: each drives a running server (or, for `chaos`, one of its own) and gives a [`Report`].

mod audit;
mod beside;
pub mod chaos;
pub mod chat;
pub mod dashboards;
pub mod enumeration;
pub mod fanout;
pub mod faults;
mod hall;
pub mod idle;
pub mod logins;
pub mod killed;
mod options;
mod pings;
pub mod reading;
pub mod relay;
pub mod rooms;
pub mod send;
mod server;
mod steady;
mod streams;
pub mod slow;
pub mod socketio;
pub mod storm;
pub mod uploads;
pub mod webhooks;

pub use audit::{Stored, read_rooms};
pub use options::{Population, ServerOptions, address_of};

use std::time::Duration;

use crate::clock::Moment;
use crate::measure::Recorder;
use crate::native::{Behaviour, Crew};

/// For the users to be signed in and joined.
const BRING_UP: Duration = Duration::from_secs(120);
/// How long a turn waits when nothing else is due.
const TURN: Duration = Duration::from_millis(20);

/// Reacts to nothing.
struct Still;

impl Behaviour for Still {}

/// Lets the sockets live for `duration` and samples meanwhile.
fn rest(
    crew: &mut Crew,
    duration: Duration,
    behaviour: &mut impl Behaviour,
    recorder: &mut Recorder,
) -> anyhow::Result<()> {
    let begun = Moment::now();
    while begun.elapsed() < duration {
        crew.turn(TURN, behaviour)?;
        recorder.tick(Moment::now(), crew.live() as u64);
    }
    Ok(())
}
