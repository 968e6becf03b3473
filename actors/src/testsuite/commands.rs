//! Commands as tests give them: sent, and their answer awaited.

use std::sync::Arc;

use super::TestEngine;
use crate::domain::{Content, Emoji, Message, MessageId, MessageKind, Revision, RoomId, UserId};
use crate::protocol::{Amendment, Ask, Asked, Refusal, Responder, RoomChange, Wanted};

/// The text as a message's content.
#[must_use]
pub fn content(text: &str) -> Content {
    Content::parse(text, 5_000).expect("a valid text")
}

#[must_use]
pub fn emoji(text: &str) -> Emoji {
    Emoji::parse(text).expect("an emoji")
}

impl TestEngine {
    pub async fn amend(
        &self,
        room: RoomId,
        user: UserId,
        message: MessageId,
        what: Amendment,
    ) -> Result<Arc<Message>, Refusal> {
        let (responder, answer) = Responder::channel();
        self.engine.amend(room, user, message, what, responder);
        answer.await.expect("every command is answered")
    }

    pub async fn ask(&self, room: RoomId, user: UserId, wanted: Wanted) -> Result<Asked, Refusal> {
        self.ask_for(room, user, wanted, None).await
    }

    /// As [`ask`](Self::ask), for replies of this kind.
    pub async fn ask_for(
        &self,
        room: RoomId,
        user: UserId,
        wanted: Wanted,
        reply_kind: Option<MessageKind>,
    ) -> Result<Asked, Refusal> {
        let (responder, answer) = Responder::channel();
        self.engine.ask(Ask { room, user, session: None, wanted, reply_kind }, responder);
        answer.await.expect("every command is answered")
    }

    pub async fn change(&self, room: RoomId, user: UserId, what: RoomChange) -> Result<Revision, Refusal> {
        let (responder, answer) = Responder::channel();
        self.engine.change(room, user, what, responder);
        answer.await.expect("every command is answered")
    }

    /// Stops one reply or all; answers how many.
    pub async fn stop(&self, room: RoomId, user: UserId, reply: Option<MessageId>) -> Result<u32, Refusal> {
        let (responder, answer) = Responder::channel();
        self.engine.stop_reply(room, user, reply, responder);
        answer.await.expect("every command is answered")
    }
}
