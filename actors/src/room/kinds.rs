//! What kind of message a reply is to be: by request, by its character and by the plan of who asks.
//!
//! What is asked for is given or refused. What a character usually gives is given where it can be; else it writes.

use super::{Room, State};
use crate::domain::{AudioReplies, CharacterId, MessageKind};
use crate::engine::Context;
use crate::protocol::{Refusal, RefusalCode};
use crate::user::ReplyKind;

impl Room {
    /// The kind that this is to be, as far as the plan has it.
    pub(super) fn reply_kind(
        &self,
        asked: Option<MessageKind>,
        usual: MessageKind,
    ) -> Result<ReplyKind, Refusal> {
        ReplyKind::wanted(&self.context, asked, usual)
    }

    /// What each of these speakers is to answer with.
    pub(super) fn reply_kinds(
        &self,
        state: &State,
        speakers: Vec<CharacterId>,
        asked: Option<MessageKind>,
    ) -> Result<Vec<(CharacterId, ReplyKind)>, Refusal> {
        let kind = |character| {
            let usual = usual(state, character);
            self.reply_kind(asked, usual).map(|kind| (character, kind))
        };
        speakers.into_iter().map(kind).collect()
    }
}

/// What the character usually answers with here.
pub(super) fn usual(state: &State, character: CharacterId) -> MessageKind {
    let record = state.record.as_ref().ok();
    let known = record.and_then(|record| record.character(character));
    known.map_or(MessageKind::Text, |character| character.reply_kind)
}

impl ReplyKind {
    /// The kind that a reply is to be on this node, as far as the plan has it.
    pub fn wanted(
        context: &Context,
        asked: Option<MessageKind>,
        usual: MessageKind,
    ) -> Result<Self, Refusal> {
        let missing = |kind| match kind {
            MessageKind::Audio => context.ports.speech.missing(),
            MessageKind::Text | MessageKind::Media => None,
        };
        match asked {
            Some(kind) => match missing(kind) {
                Some(why) => Err(Refusal::new(RefusalCode::ReplyTypeUnavailable, why)),
                None => Ok(Self::Asked(kind)),
            },
            None if missing(usual).is_some() => Ok(Self::Usual(MessageKind::Text)),
            None => Ok(Self::Usual(usual)),
        }
    }

    /// What it is under a plan. What was asked for and is not in the plan was refused before.
    pub fn granted(self, audio: AudioReplies) -> MessageKind {
        match self {
            Self::Asked(MessageKind::Audio) | Self::Usual(MessageKind::Audio)
                if audio == AudioReplies::Without =>
            {
                MessageKind::Text
            }
            Self::Asked(kind) | Self::Usual(kind) => kind,
        }
    }
}
