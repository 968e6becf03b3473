//! Who makes what is asked for, as ports: it is outside, slow, and fails in every way; tests need its faults at will.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use greenroom_actors::domain::{CharacterId, UserId};
use greenroom_actors::ports::{GenerateError, GenerateErrorKind};
use greenroom_actors::protocol::{Refusal, RefusalCode};

use super::kinds::{Kind, Quality};
/// A video under way, and how far it is. The ticket is kept, so that whoever comes after a crash asks for the same one.
pub use crate::ai::{FilmState, FilmTicket as Ticket};
use crate::media::FileType;
use crate::media::files::FileId;

/// What can be asked of whoever makes things of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// As the model takes them; empty: those of the settings.
    pub sizes: Vec<String>,
    /// Of videos, likewise.
    pub seconds: Vec<u32>,
    /// No model is asked: what is made only says what it stands for.
    pub placeholders: bool,
}

/// A picture to be made.
#[derive(Clone, Debug)]
pub struct PaintOrder {
    pub user: UserId,
    pub prompt: String,
    pub size: String,
    pub quality: Quality,
    /// A picture that it is to be like.
    pub reference: Option<Bytes>,
}

/// A video to be made.
#[derive(Clone, Debug)]
pub struct FilmOrder {
    pub user: UserId,
    pub prompt: String,
    pub size: String,
    pub seconds: u32,
    pub quality: Quality,
    /// The picture that it begins with.
    pub from: Option<Bytes>,
}

/// A picture that was made.
#[derive(Clone, Debug)]
pub struct Painted {
    pub bytes: Bytes,
    pub file_type: FileType,
    pub provider: String,
    pub model: String,
}

/// A video as it comes.
pub struct Film {
    pub file_type: FileType,
    pub bytes: BoxStream<'static, Result<Bytes, GenerateError>>,
}

/// Makes pictures and videos. Dropping a future ends the work upstream as far as that can be.
pub trait Maker: Send + Sync + 'static {
    /// `None`: nobody makes such things here at present.
    fn offer(&self, kind: Kind) -> Option<Offer>;

    fn paint(&self, order: PaintOrder) -> BoxFuture<'static, Result<Painted, GenerateError>>;

    fn begin_film(&self, order: FilmOrder) -> BoxFuture<'static, Result<Ticket, GenerateError>>;

    fn look_at(&self, ticket: Ticket) -> BoxFuture<'static, Result<FilmState, GenerateError>>;

    /// At most `max` bytes of it.
    fn fetch_film(&self, ticket: Ticket, max: u64) -> BoxFuture<'static, Result<Film, GenerateError>>;

    /// Ends the making of a video; one that has ended, or that cannot be ended, is fine.
    fn cancel_film(&self, ticket: Ticket) -> BoxFuture<'static, Result<(), GenerateError>>;
}

/// A request for words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordsOrder {
    pub user: UserId,
    /// What the model is to do.
    pub system: String,
    /// What it is to do it with: data, whatever stands in it.
    pub ask: String,
    pub max_tokens: u32,
}

/// Makes better prompts.
pub trait Words: Send + Sync + 'static {
    fn write(&self, order: WordsOrder) -> BoxFuture<'static, Result<String, Refusal>>;
}

/// What keeps a character the same from picture to picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    pub name: String,
    /// How it looks.
    pub appearance: String,
    /// A picture of it.
    pub thumbnail: Option<FileId>,
}

/// Finds a user's avatars.
pub trait Sheets: Send + Sync + 'static {
    /// Refused with `not_found` where the user has no such avatar.
    fn of(&self, user: UserId, avatar: CharacterId) -> BoxFuture<'static, Result<Sheet, Refusal>>;
}

/// Where there is nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

fn nobody<T: Send + 'static>() -> BoxFuture<'static, Result<T, GenerateError>> {
    let error = GenerateError::new(GenerateErrorKind::Unavailable, "nobody makes such things here");
    Box::pin(std::future::ready(Err(error)))
}

impl Maker for Nobody {
    fn offer(&self, _: Kind) -> Option<Offer> {
        None
    }

    fn paint(&self, _: PaintOrder) -> BoxFuture<'static, Result<Painted, GenerateError>> {
        nobody()
    }

    fn begin_film(&self, _: FilmOrder) -> BoxFuture<'static, Result<Ticket, GenerateError>> {
        nobody()
    }

    fn look_at(&self, _: Ticket) -> BoxFuture<'static, Result<FilmState, GenerateError>> {
        nobody()
    }

    fn fetch_film(&self, _: Ticket, _: u64) -> BoxFuture<'static, Result<Film, GenerateError>> {
        nobody()
    }

    fn cancel_film(&self, _: Ticket) -> BoxFuture<'static, Result<(), GenerateError>> {
        nobody()
    }
}

impl Words for Nobody {
    fn write(&self, _: WordsOrder) -> BoxFuture<'static, Result<String, Refusal>> {
        let refusal = Refusal::new(RefusalCode::FeatureUnavailable, "nobody writes here");
        Box::pin(std::future::ready(Err(refusal)))
    }
}

impl Sheets for Nobody {
    fn of(&self, _: UserId, _: CharacterId) -> BoxFuture<'static, Result<Sheet, Refusal>> {
        let refusal = Refusal::new(RefusalCode::NotFound, "there is no such avatar");
        Box::pin(std::future::ready(Err(refusal)))
    }
}
