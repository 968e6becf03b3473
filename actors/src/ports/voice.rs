//! How a finished reply gets its voice, or its picture. Both come after the text: without them it stands as a text.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use uuid::Uuid;

use super::StoreError;
use crate::domain::{
    AiCall, Attachment, BackEnd, CallOutcome, CharacterId, CharacterRecord, Content, Counted, MessageId,
    Purpose, RoomId, TokenUsage, UserId,
};

/// A text to be spoken.
#[derive(Clone, Debug)]
pub struct SpeakRequest {
    /// Who speaks; carries the voice.
    pub character: Arc<CharacterRecord>,
    /// For whom: it is accounted to them, and the file is theirs.
    pub user: UserId,
    pub room: RoomId,
    /// The message that will carry it.
    pub message: MessageId,
    pub text: Arc<str>,
}

/// Why a text was not spoken. For the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpeechError(pub String);

/// Speaks texts and keeps the files.
pub trait Speech: Send + Sync + 'static {
    /// Why nothing can be spoken at present, for a person: it names the setting. `None`: it can.
    fn missing(&self) -> Option<String>;

    /// An audio attachment with its duration. Dropping the future ends the work upstream; what it had cost by then stands
    /// in `calls`.
    fn speak(
        &self,
        request: SpeakRequest,
        calls: Calls,
    ) -> BoxFuture<'static, Result<Arc<Attachment>, SpeechError>>;
}

/// What a reply would be shown with.
#[derive(Clone, Debug)]
pub struct GalleryWish {
    pub character: CharacterId,
    pub room: RoomId,
    /// Who asked.
    pub user: UserId,
    /// All who will see it: an entry that one of them may not see is not chosen.
    pub members: Arc<[UserId]>,
    /// Whether it is read by others too.
    pub audience: Audience,
    pub asked: Content,
    pub said: Arc<str>,
}

/// Who else reads what is said in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    #[default]
    Members,
    /// Whoever knows its address.
    Everybody,
}

/// Finds something fitting in a character's gallery.
pub trait Gallery: Send + Sync + 'static {
    /// A picture or a video; `None` where nothing fits.
    fn find(&self, wish: GalleryWish) -> BoxFuture<'static, Result<Option<Arc<Attachment>>, StoreError>>;
}

/// The calls that are made for one thing, written by who makes them and read by who accounts them: also one that was broken
/// off, which never told its end. Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Vec<Call>>>);

#[derive(Debug)]
struct Call {
    id: Uuid,
    back_end: Arc<BackEnd>,
    purpose: Purpose,
    usage: TokenUsage,
    asked: Instant,
    ended: Option<(Instant, CallOutcome)>,
}

impl Calls {
    /// A back end is asked. What it is charged by is known beforehand: `usage`.
    pub fn begin(&self, back_end: Arc<BackEnd>, purpose: Purpose, usage: TokenUsage) {
        let asked = Instant::now();
        self.lock().push(Call { id: Uuid::now_v7(), back_end, purpose, usage, asked, ended: None });
    }

    /// The last one that was asked has ended.
    pub fn end(&self, outcome: CallOutcome) {
        if let Some(call) = self.lock().last_mut() {
            call.ended.get_or_insert((Instant::now(), outcome));
        }
    }

    /// What was charged in the end, where the back end told it.
    pub fn told(&self, usage: TokenUsage) {
        if let Some(call) = self.lock().last_mut() {
            call.usage = usage;
        }
    }

    /// All of them, once. One without an end was stopped.
    #[must_use]
    pub fn take(&self) -> Vec<AiCall> {
        let calls = std::mem::take(&mut *self.lock());
        let call = |call: Call| {
            let (ended, outcome) = call.ended.unwrap_or_else(|| (Instant::now(), CallOutcome::Stopped));
            AiCall {
                id: call.id,
                back_end: call.back_end,
                purpose: call.purpose,
                outcome,
                // What was refused or never answered is not charged.
                usage: if outcome == CallOutcome::Failed { TokenUsage::default() } else { call.usage },
                counted: Counted::Here,
                first_token: None,
                took: ended - call.asked,
            }
        };
        calls.into_iter().map(call).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
