//! Notes limits that were reached, for the feed: a word of the engine's on its way to sockets, which nobody else keeps.
//!
//! It stands before the fan-out, takes no time of the engine's, and is bounded: where more comes than can be written, or the
//! database is away, the feed misses it; the limit itself holds all the same.

use std::sync::Arc;

use deadpool_postgres::Pool;
use greenroom_actors::domain::{
    Alarm, MessageKind, Revision, RoomId, Scope, SessionId, UsageLine, UserId, Window,
};
use greenroom_actors::ports::Fanout;
use greenroom_actors::protocol::{RoomEvent, UserEvent};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::store::{self, Reached};

/// The period of what never counts anew.
const EVER: Date = Date::constant(1970, 1, 1);
/// Limits that wait to be written.
const WAITING_MAX: usize = 1_000;

/// The fan-out, which notes limits that are reached as it tells of them.
pub struct Noting {
    to: Arc<dyn Fanout>,
    reached: mpsc::Sender<Reached>,
}

impl Noting {
    /// Before `to`. The writer ends with this. Call it on the runtime that is to write.
    #[must_use]
    pub fn before(to: Arc<dyn Fanout>, pool: Pool) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Reached>(WAITING_MAX);
        tokio::spawn(async move {
            while let Some(reached) = receiver.recv().await {
                let written = async {
                    let client = pool.get().await?;
                    store::insert_reached(&client, &reached).await
                };
                if let Err(error) = written.await {
                    tracing::warn!(%error, "that a limit was reached is not in the feed");
                }
            }
        });
        Self { to, reached: sender }
    }
}

impl Fanout for Noting {
    fn to_room(&self, room: RoomId, events: Vec<RoomEvent>) {
        self.to.to_room(room, events);
    }

    fn to_user(&self, user: UserId, event: UserEvent, except: Option<SessionId>) {
        if let UserEvent::Quota { alarm: Alarm::Reached, line, .. } = &event
            && self.reached.try_send(reached(user, line, Timestamp::now())).is_err()
        {
            tracing::warn!(%user, "that a limit was reached is not in the feed: too many wait");
        }
        self.to.to_user(user, event, except);
    }

    fn resync(&self, room: RoomId, head: Revision) {
        self.to.resync(room, head);
    }
}

fn reached(user: UserId, line: &UsageLine, at: Timestamp) -> Reached {
    let (meter, character, kind) = match line.scope {
        Scope::Daily => ("day".to_owned(), None, None),
        Scope::Character(character, kind) => {
            let kind = match kind {
                MessageKind::Text => "text",
                MessageKind::Audio => "audio",
                MessageKind::Media => "media",
            };
            let window = match line.window {
                Window::Lifetime => "ever",
                Window::Day => "day",
                Window::Month => "month",
            };
            (format!("{window} {kind} {character}"), Some(character.uuid()), Some(kind))
        }
    };
    // The end of a period names it as well as its beginning does.
    let period = line.resets_at.map_or(EVER, |end| {
        let inside = end.checked_sub(SignedDuration::from_secs(1)).unwrap_or(end);
        inside.to_zoned(TimeZone::UTC).date()
    });
    Reached { user: user.uuid(), meter, period, character, kind, used: line.used.cast_signed(), at }
}
