//! Pictures and videos that people have made by a model.
//!
//! **One move at a time.** What follows on what is decided in [`decide`], pure; each move is one transaction, under the lock
//! of its user: the row, what is held or paid for it (`billing::ledger`), the file that came of it and the job that goes on
//! commit together or not at all. Each move raises the row's `step`, and a job names the step that it is for: one that runs
//! twice, or comes after a cancellation, has nothing to do. So a server may die at any moment: whoever takes the job again
//! stands where the row stands.
//!
//! **Nothing that was made is lost, nothing is paid twice.** A video's ticket is stored before it is looked at; bytes lie in
//! the store before a row names them. What dies between the provider's answer and that is asked for again, at the house's
//! cost. A round is held for when it is asked for, paid when its file is ready, and given back in every other case. A hold
//! lasts a day longer than any round may (`content.give_up_s`, watched by the sweep), so none ends before its round.
//!
//! Owned here: the table `content`. Bounds: `[content]` in the settings, in words, sizes, seconds, bytes, tries, looks and time;
//! of one user so many under way and so many of these worked on; others wait in the order in which they came.

mod ask;
mod body;
pub mod costs;
pub mod decide;
mod ends;
mod films;
mod kinds;
mod list;
mod maker;
mod moves;
mod news;
mod outside;
mod prompt;
mod records;
mod routes;
mod store;
mod sweep;
mod view;
mod words;
mod work;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deadpool_postgres::{Client, Pool};
use greenroom_actors::domain::UserId;
use greenroom_actors::moderation::Moderation;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use tokio::runtime::Handle;
use uuid::Uuid;

pub use ask::Wanted;
pub use decide::RETRY_MAX;
pub use kinds::{Fault, Kind, Quality, State, Wording};
pub use list::Filter;
pub use maker::{
    Film, FilmOrder, FilmState, Maker, Nobody, Offer, PaintOrder, Painted, Sheet, Sheets, Ticket, Words,
    WordsOrder,
};
pub use news::{Change, OnChanged};
pub use outside::by_artist;
pub use records::{ContentRecord, forget, records};
pub use routes::routes;
pub use store::open;
pub use sweep::SWEEP;
pub use view::{AnswerView, ContentView, FaultView, MonthView, StatsView};

use crate::config::ContentSettings;
use crate::jobs::Handlers;
use crate::media::Media;
use crate::postgres::refusal;
use decide::{Patience, Standing};

/// A content as it stands in its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub id: Uuid,
    pub user: UserId,
    /// What its client calls it.
    pub client_id: Option<String>,
    pub kind: Kind,
    pub state: State,
    /// 0 to 100.
    pub progress: u8,
    pub prompt: String,
    pub optimized_prompt: Option<String>,
    pub wording: Wording,
    pub avatar: Option<Uuid>,
    /// What it is made from, as the client named it, and the file.
    pub image: Option<Uuid>,
    pub source: Option<Uuid>,
    pub quality: Quality,
    pub size: String,
    pub seconds: Option<u32>,
    pub credits: i64,
    pub hold: Option<Uuid>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub ticket: Option<Ticket>,
    pub file: Option<Uuid>,
    /// Code and message.
    pub error: Option<(String, String)>,
    /// Rounds, from 1.
    pub tries: u16,
    pub attempt: u16,
    pub looks: u32,
    pub step: i32,
    /// It is one of those of its user's that are worked on.
    pub turn: bool,
    pub created_at: Timestamp,
    /// Of this round.
    pub asked_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

impl Content {
    fn standing(&self) -> Standing {
        Standing {
            kind: self.kind,
            state: self.state,
            progress: self.progress,
            wording: self.wording,
            worded: self.optimized_prompt.is_some(),
            ticketed: self.ticket.is_some(),
            attempt: self.attempt,
            looks: self.looks,
        }
    }

    /// What the provider is told.
    fn told(&self) -> &str {
        self.optimized_prompt.as_deref().unwrap_or(&self.prompt)
    }
}

/// What it is built of.
#[derive(Clone)]
pub struct Parts {
    pub pool: Pool,
    pub media: Media,
    pub maker: Arc<dyn Maker>,
    pub words: Arc<dyn Words>,
    pub sheets: Arc<dyn Sheets>,
    pub moderation: Moderation,
    pub settings: ContentSettings,
}

/// Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Contents(Arc<Inner>);

struct Inner {
    parts: Parts,
    on_changed: Mutex<Vec<OnChanged>>,
    told: Mutex<news::Told>,
}

impl Contents {
    /// To be called on a runtime.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        news::describe();
        let contents = Self(Arc::new(Inner { parts, on_changed: Mutex::default(), told: Mutex::default() }));
        contents.hear_of_files();
        contents
    }

    /// When a result's file is ready, it goes on at once instead of at its next look.
    fn hear_of_files(&self) {
        let (inner, runtime) = (Arc::downgrade(&self.0), Handle::current());
        self.0.parts.media.on_changed(Arc::new(move |file| {
            if file.purpose != crate::media::files::Purpose::Content {
                return;
            }
            let Some(inner) = inner.upgrade() else { return };
            let id = file.id;
            runtime.spawn(async move {
                if let Err(error) = Self(inner).file_changed(id).await {
                    tracing::debug!(%error, file = %id, "a result is looked at later");
                }
            });
        }));
    }

    /// What does the jobs of this feature.
    #[must_use]
    pub fn handlers(&self) -> Handlers {
        let mut handlers = work::handlers(self);
        handlers.push((SWEEP.kind, Arc::new(sweep::Sweeper(self.clone()))));
        handlers
    }

    fn settings(&self) -> &ContentSettings {
        &self.0.parts.settings
    }

    fn media(&self) -> &Media {
        &self.0.parts.media
    }

    fn patience(&self) -> Patience {
        let settings = self.settings();
        Patience {
            tries: settings.tries,
            retry: settings.retry(),
            look: settings.video_look(),
            looks_max: settings.video_looks_max,
            store_look: settings.store_look(),
        }
    }

    /// For how long credits are held: longer than any round lasts.
    fn hold_for(&self) -> Duration {
        self.settings().give_up() + Duration::from_secs(24 * 3_600)
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.0.parts.pool.get().await.map_err(|error| refusal(&error))
    }
}

fn no_content() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "there is no such content")
}
