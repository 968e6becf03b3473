//! Who makes pictures and videos: the model that the settings name, the first one that can, or the offline one where none is.
//!
//! A picture is made while somebody waits: one call. A video takes minutes: it is begun ([`Artist::begin_film`]), which gives
//! a ticket that outlives this process; whoever has it looks now and then ([`Artist::look_at`]) and fetches the result
//! ([`Artist::fetch_film`]). All calls go as those beside chat do (`aside`): places, breakers and statistics of their own,
//! one try, a time-out. What a call costs stands in the caller's `Calls`: the picture by quality and shape, the video by its
//! seconds when it is begun; looking and fetching cost nothing.
//!
//! Results are taken as bytes, or fetched from the address that a provider gives (`outbound::fetch`: public, bounded, of the
//! expected kind, by content too). What a provider's policy forbids is [`Cause::Content`](greenroom_actors::ports::Cause).
//! How the models differ is told in one place (`family`).
//!
//! Limits: prompts are cut to what the model reads; pictures `artist.image_max_bytes`; videos what the caller says.

mod family;
mod film;
mod fit;
mod offline;
mod paint;
mod result;
mod sides;

use std::sync::Arc;

use bytes::Bytes;
use greenroom_actors::domain::{BackEnd, CallOutcome, Price, Purpose, TokenUsage, UserId};
use greenroom_actors::ports::{Calls, GenerateError, GenerateErrorKind};
use serde::{Deserialize, Serialize};

pub use self::sides::{Dimensions, NoDimensions, SIDE_MAX, SIDE_MIN};
use super::{Capable, Providers};
use crate::config::{ArtistSettings, Capability, OFFLINE, ProviderKind, Quality, WantedModel};
use crate::outbound::fetch::{Fetcher, Reach};

/// Makes pictures and videos. Cheap to clone.
#[derive(Clone)]
pub struct Artist {
    providers: Providers,
    settings: Arc<ArtistSettings>,
    fetcher: Fetcher,
}

/// A picture to be made.
#[derive(Clone, Debug)]
pub struct PaintRequest {
    pub prompt: String,
    /// Models have sizes of their own: the one of the same shape is made.
    pub size: Dimensions,
    pub quality: Quality,
    /// A PNG, JPEG or WebP picture that it is to be like, where the model looks at one.
    pub reference: Option<Bytes>,
    /// Whom it is made for, for the provider's abuse tracking (hashed there).
    pub user: UserId,
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Painted {
    pub bytes: Bytes,
    /// By its content.
    pub mime: &'static str,
    /// What the provider made of the prompt, where it tells.
    pub revised_prompt: Option<String>,
    /// It is a placeholder, and says so.
    pub drawn_offline: bool,
}

/// A video to be begun.
#[derive(Clone, Debug)]
pub struct FilmRequest {
    pub prompt: String,
    /// Models have sizes of their own: the one of the same shape is made.
    pub size: Dimensions,
    /// Models have lengths of their own: the shortest that is long enough is made, or their longest.
    pub seconds: u32,
    /// The picture that it begins with: PNG, JPEG or WebP.
    pub from: Option<Bytes>,
    pub quality: Quality,
    pub user: UserId,
}

/// A video under way: to be kept by whoever began it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmTicket {
    /// As the settings name it.
    pub provider: String,
    pub model: String,
    /// The provider's name for it; at the offline provider all that it is made of.
    pub id: String,
}

/// What became of a video so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilmState {
    Running {
        /// As far as the provider tells.
        percent: u8,
    },
    Done,
    /// It will not come; `reason` is for the log.
    Failed {
        reason: String,
    },
}

/// A video.
#[derive(Clone, Debug)]
pub struct Film {
    pub bytes: Bytes,
    /// By its content: `video/mp4` or `video/webm`.
    pub mime: &'static str,
    /// It is a placeholder, and says so.
    pub drawn_offline: bool,
}

/// Who would make what is asked for next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maker {
    pub provider: String,
    pub model: String,
    /// The offline provider makes placeholders.
    pub kind: ProviderKind,
}

/// Who makes it.
enum Hand {
    Model(Box<Capable>),
    Offline,
}

impl Artist {
    /// Fails where no client can be made; says why.
    pub fn new(providers: Providers, settings: ArtistSettings) -> Result<Self, String> {
        let reach = if settings.fetch_private { Reach::Private } else { Reach::Public };
        let fetcher = Fetcher::new(reach, settings.image_max_bytes as u64, settings.fetch_timeout())?;
        Ok(Self { providers, settings: Arc::new(settings), fetcher })
    }

    /// Whether pictures are made at all, though who makes them may be left alone just now.
    #[must_use]
    pub fn paints(&self) -> bool {
        self.makes(Capability::Image)
    }

    /// Whether videos are made at all.
    #[must_use]
    pub fn films(&self) -> bool {
        self.makes(Capability::Video)
    }

    /// Who makes pictures at this moment; `None`: nobody.
    #[must_use]
    pub fn painter(&self) -> Option<Maker> {
        self.maker(Capability::Image)
    }

    /// Who makes videos at this moment; `None`: nobody.
    #[must_use]
    pub fn filmer(&self) -> Option<Maker> {
        self.maker(Capability::Video)
    }

    fn wanted(&self, capability: Capability) -> WantedModel<'_> {
        if capability == Capability::Video { self.settings.films() } else { self.settings.paints() }
    }

    fn makes(&self, capability: Capability) -> bool {
        match self.wanted(capability) {
            WantedModel::Named((provider, model)) => {
                self.providers.capable(provider, model, capability).is_some()
            }
            WantedModel::Any => self.providers.has_capability(capability) || self.has_offline(),
            WantedModel::Offline => self.has_offline(),
        }
    }

    fn maker(&self, capability: Capability) -> Option<Maker> {
        Some(match self.hand(capability).ok()? {
            Hand::Model(model) => Maker {
                provider: model.back_end.provider.to_string(),
                model: model.back_end.model.to_string(),
                kind: ProviderKind::OpenAiCompatible,
            },
            Hand::Offline => {
                Maker { provider: OFFLINE.to_owned(), model: OFFLINE.to_owned(), kind: ProviderKind::Offline }
            }
        })
    }

    /// Placeholders stand in where no model is to be had at all, not for one that is down: who asks would rather wait.
    fn hand(&self, capability: Capability) -> Result<Hand, GenerateError> {
        let model = match self.wanted(capability) {
            WantedModel::Named((provider, model)) => self.providers.capable(provider, model, capability),
            WantedModel::Any => self.providers.with_capability(capability),
            WantedModel::Offline => None,
        };
        if let Some(model) = model {
            return Ok(Hand::Model(Box::new(model)));
        }
        let none = match self.wanted(capability) {
            WantedModel::Named(_) => false,
            WantedModel::Any => !self.providers.has_capability(capability),
            WantedModel::Offline => true,
        };
        if none && self.has_offline() { Ok(Hand::Offline) } else { Err(nobody()) }
    }

    fn has_offline(&self) -> bool {
        self.providers.is_on(OFFLINE)
    }
}

fn nobody() -> GenerateError {
    GenerateError::new(GenerateErrorKind::Unavailable, "no model that can do it is ready")
}

/// What such calls count in place of tokens, pictures or seconds, is known beforehand. `price`: micro-dollars for each.
fn begin(back_end: &BackEnd, purpose: Purpose, price: u64, units: u32, calls: &Calls) {
    let price = Price { input: price.saturating_mul(1_000_000), ..Price::default() };
    let back_end = BackEnd { price, ..back_end.clone() };
    calls.begin(Arc::new(back_end), purpose, TokenUsage { prompt_tokens: units, ..TokenUsage::default() });
}

fn end<T>(answer: &Result<T, GenerateError>, calls: &Calls) {
    calls.end(if answer.is_ok() { CallOutcome::Done } else { CallOutcome::Failed });
}

/// The account of what was made here: free.
fn offline_back_end() -> BackEnd {
    BackEnd { provider: OFFLINE.into(), model: OFFLINE.into(), price: Price::default() }
}

/// Drawing takes a while: not on a thread that others wait for.
async fn beside<T: Send + 'static>(
    draw: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, GenerateError> {
    let drawn = tokio::task::spawn_blocking(draw).await;
    let drawn = drawn.unwrap_or_else(|_| Err("the drawing broke off".to_owned()));
    drawn.map_err(|detail| GenerateError::new(GenerateErrorKind::Broken, detail))
}
