//! The AI behind a reply: a prompt goes in, pieces of text come out as they are made.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use crate::domain::{BackEnd, CharacterRecord, Counted, Finish, Purpose, TokenUsage, UserId};
use crate::pace::Pace;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptRole {
    System,
    User,
    Assistant,
    /// What the character knows of the people, in their words. A provider gets it as a user's message: nothing that
    /// people wrote has a system message's weight.
    Note,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptMessage {
    pub role: PromptRole,
    /// Holds without the pictures: of each it says that there is one, and its caption.
    pub content: String,
    /// Of a user's message, for models that see.
    pub images: Vec<PromptImage>,
}

/// A picture for models that see. The engine knows where it lies; whoever asks the model fetches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptImage {
    /// Its key in the object store.
    pub object: Arc<str>,
    /// Pixels.
    pub width: u32,
    pub height: u32,
    /// 0: not known.
    pub bytes: u64,
    /// The picture itself, where it came along with what is asked and lies in no store: `object` then is its name alone, another
    /// one for another picture, with the ending of its type.
    pub inline: Option<InlinePicture>,
}

/// A picture's file, of a type that models read.
#[derive(Clone, PartialEq, Eq)]
pub struct InlinePicture(pub Bytes);

impl fmt::Debug for InlinePicture {
    /// What people send stands in no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InlinePicture({} bytes)", self.0.len())
    }
}

/// What OpenAI counts for a picture at high detail, and for each tile of it
/// (<https://platform.openai.com/docs/guides/images-vision#calculating-costs>). Others count less.
const IMAGE_TOKENS: usize = 85;
const TILE_TOKENS: usize = 170;
const TILE_SIDE: u32 = 512;
/// It is made to fit a square of this side first, and then so small that its shorter side has at most that.
const IMAGE_SIDE_MAX: u32 = 2_048;
const SHORT_SIDE_MAX: u32 = 768;

impl PromptImage {
    /// Tokens that it takes in a prompt, by OpenAI's rule for its models that count by tiles.
    #[must_use]
    pub fn tokens(&self) -> usize {
        let (mut width, mut height) = (self.width.max(1), self.height.max(1));
        let shrink = |side: u32, from: u32, to: u32| {
            u32::try_from(u64::from(side) * u64::from(to) / u64::from(from)).unwrap_or(u32::MAX).max(1)
        };
        let longer = width.max(height);
        if longer > IMAGE_SIDE_MAX {
            (width, height) = (shrink(width, longer, IMAGE_SIDE_MAX), shrink(height, longer, IMAGE_SIDE_MAX));
        }
        let shorter = width.min(height);
        if shorter > SHORT_SIDE_MAX {
            (width, height) =
                (shrink(width, shorter, SHORT_SIDE_MAX), shrink(height, shorter, SHORT_SIDE_MAX));
        }
        let tiles = width.div_ceil(TILE_SIDE) * height.div_ceil(TILE_SIDE);
        IMAGE_TOKENS + TILE_TOKENS * tiles as usize
    }
}

/// What a message takes beside its text, as OpenAI counts.
pub const MESSAGE_TOKENS: usize = 4;

impl PromptMessage {
    /// Without pictures.
    #[must_use]
    pub fn new(role: PromptRole, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), images: Vec::new() }
    }

    /// Tokens that its text takes in a prompt.
    #[must_use]
    pub fn tokens(&self, counter: &dyn TokenCounter) -> usize {
        counter.count(&self.content) + MESSAGE_TOKENS
    }

    /// Tokens that its pictures take beside it, for a model that sees.
    #[must_use]
    pub fn image_tokens(&self) -> usize {
        self.images.iter().map(PromptImage::tokens).sum()
    }
}

/// One reply to be made. The same request goes to every try.
#[derive(Clone, Debug)]
pub struct GenerateRequest {
    /// Who speaks; carries the model settings.
    pub character: Arc<CharacterRecord>,
    /// Who is spoken with, for the provider's abuse tracking (hashed there).
    pub user: UserId,
    pub user_name: String,
    /// The system prompt first, then the history within the token budget, then what was brought up (a note, a system message)
    /// and the asked message last.
    pub messages: Vec<PromptMessage>,
    pub max_tokens: u32,
    /// 0 (always the likeliest word) to 2.
    pub temperature: f32,
    /// The reply ends before any of these.
    pub stop: Vec<String>,
    pub purpose: Purpose,
    pub freshness: Freshness,
}

/// Whether an answer that was kept will do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// Where the character's settings allow it.
    #[default]
    Any,
    /// The model is asked: another answer than the one before is wanted.
    Fresh,
}

/// One try at a request.
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    /// From 0.
    pub number: u32,
    /// What was said before an earlier try broke: the answer is to go on from exactly there, where the back end can.
    pub so_far: Option<Arc<str>>,
    /// Back ends that failed at this request, in order; another is asked where there is one.
    pub failed: Vec<Arc<BackEnd>>,
    /// Filled by the generator, before it asks.
    pub chosen: Chosen,
    /// How often more of the text is wanted once the first is there: nothing is gained by reading it more often.
    pub pace: Pace,
}

/// Who was asked in one try. A generator says it as soon as it has chosen: a try that runs out of time is dropped before
/// it could tell in any other way. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Chosen(Arc<OnceLock<Arc<BackEnd>>>);

impl Chosen {
    /// The first one counts: a generator asks one back end in one try.
    pub fn set(&self, back_end: Arc<BackEnd>) {
        let _ = self.0.set(back_end);
    }

    #[must_use]
    pub fn get(&self) -> Option<Arc<BackEnd>> {
        self.0.get().cloned()
    }
}

/// An answer that has begun.
pub struct Opened {
    pub back_end: Arc<BackEnd>,
    pub start: Start,
    pub pieces: PieceStream,
}

/// Where an answer starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the beginning: what an earlier try said is void.
    Anew,
    /// Behind [`Attempt::so_far`].
    Continues,
    /// Kept from an earlier answer to the very same request; no provider was asked.
    Cached,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// More of the text; never empty.
    Text(String),
    /// The last piece of every stream that ended well.
    End { finish: Finish, usage: TokenUsage, counted: Counted },
}

pub type PieceStream = BoxStream<'static, Result<Piece, GenerateError>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerateErrorKind {
    /// It cannot be reached, or answered with a server error.
    Unavailable,
    /// It asks to be left alone for a while.
    RateLimited,
    /// It did not answer in time.
    Timeout,
    /// It refused this request and would refuse it again: bad key, unknown model, content policy.
    Refused,
    /// Its stream broke or made no sense.
    Broken,
}

/// `detail` is for the log only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}: {detail}")]
pub struct GenerateError {
    pub kind: GenerateErrorKind,
    pub retry_after: Option<Duration>,
    pub detail: String,
    pub cause: Cause,
    /// Who failed; `None` where nobody was asked.
    pub by: Option<Arc<BackEnd>>,
    pub next: NextTry,
}

/// What a failure is laid to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// Whoever was asked, or how.
    #[default]
    Call,
    /// What was asked for: its policy forbids that, and would forbid it again.
    Content,
    /// What came of it is larger than whoever asked takes, and would be again.
    TooLarge,
}

/// When another try may be worth it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NextTry {
    /// After a pause: the same back end, or none, would be asked.
    #[default]
    AfterPause,
    /// At once: another back end stands ready.
    Elsewhere,
}

impl GenerateError {
    #[must_use]
    pub fn new(kind: GenerateErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            retry_after: None,
            detail: detail.into(),
            cause: Cause::default(),
            by: None,
            next: NextTry::default(),
        }
    }
}

/// Dropping the future or the stream ends the work upstream at once.
pub trait Generator: Send + Sync + 'static {
    fn generate(
        &self,
        request: Arc<GenerateRequest>,
        attempt: Attempt,
    ) -> BoxFuture<'static, Result<Opened, GenerateError>>;
}

/// Counts tokens as the model's tokeniser would, or a little more.
pub trait TokenCounter: Send + Sync + 'static {
    fn count(&self, text: &str) -> usize;

    /// The share by which models of other makers may count more than this, 0 to 1: prompts leave it free.
    fn margin(&self) -> f32 {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_counts_by_its_tiles() {
        let tokens = |width, height| {
            PromptImage { object: "a/b".into(), width, height, bytes: 0, inline: None }.tokens()
        };
        // The three examples of OpenAI's page, and the smallest.
        assert_eq!(tokens(1_024, 1_024), 765);
        assert_eq!(tokens(2_048, 4_096), 1_105);
        assert_eq!(tokens(800, 600), 765);
        assert_eq!(tokens(1, 1), 255);
        assert_eq!(tokens(u32::MAX, 1), 85 + 4 * 170);
    }
}
