//! Drafts: what running replies had said at some moment, so that whoever takes one up after a crash can go on from there.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::StoreError;
use crate::domain::{BackEnd, CallOutcome, Counted, MessageId, TokenUsage};

/// A running reply as it stood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// All that the model said, with the lines that people never see: only the filter of a turn may read it.
    pub text: String,
    /// Bytes of what people see of it that the room had been told and that were found fine.
    pub shown: usize,
    /// The calls that were made for it.
    pub calls: Vec<DraftCall>,
}

/// A call to a model as far as it was known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftCall {
    pub id: Uuid,
    pub back_end: Arc<BackEnd>,
    /// How it had ended; a call that was under way has died with its node.
    pub ended: Option<CallOutcome>,
    /// Told by the provider, or counted by length: four bytes a token.
    pub usage: TokenUsage,
    pub counted: Counted,
    pub first_token: Option<Duration>,
    pub took: Duration,
}

/// A draft on its way to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDraft {
    pub turn: MessageId,
    /// Only the holder of the turn's present fence may write.
    pub fence: i32,
    pub draft: Draft,
}

/// Keeps one draft of each open turn. It belongs to no room's log: no revision, no order among rooms, and a draft that
/// is lost costs no more than the text since the one before.
pub trait DraftStore: Send + Sync + 'static {
    /// Stores those whose turns are open under that fence, and leaves the others; also those that somebody is busy with
    /// at this moment. A turn's end erases its draft.
    fn write(&self, drafts: Vec<NewDraft>) -> BoxFuture<'_, Result<(), StoreError>>;
}
