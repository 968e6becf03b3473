//! Saying something by request instead of by socket: the same engine, the same answer.

use std::time::Duration;

use greenroom_actors::domain::{ClientId, MessageId, MessageKind, RoomId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode, ReplyWish, Responder, Send, Sent};
use tokio::sync::oneshot;

use super::{Conversations, NewAttachment, NotSaid, Said};

/// A message as a client gave it.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub said: Said,
    pub client_id: Option<ClientId>,
    pub reply_to: Option<MessageId>,
    pub reply: ReplyWish,
    /// What kind of message the reply is to be; `None`: what its character usually gives.
    pub reply_kind: Option<MessageKind>,
}

impl Conversations {
    /// Says something in a room; answers when it is stored.
    pub async fn send(&self, user: UserId, room: RoomId, new: NewMessage) -> Result<Sent, Refusal> {
        let laden = self.laden(user, new.said).await?;
        let (responder, answer) = Responder::channel();
        self.engine.send(
            Send {
                room,
                user,
                session: None,
                content: laden.content,
                kind: laden.kind,
                attachment: laden.attachment,
                client_id: new.client_id,
                reply_to: new.reply_to,
                reply: new.reply,
                reply_kind: new.reply_kind,
            },
            responder,
        );
        self.answered(answer).await
    }

    /// What a message says and carries, checked as far as it can be without its room.
    pub fn said(
        &self,
        kind: Option<MessageKind>,
        content: Option<&str>,
        attachment: Option<NewAttachment>,
    ) -> Result<Said, NotSaid> {
        Said::checked(kind, content, attachment, self.settings.content_max_chars)
    }

    /// Waits for the engine's answer, but not for ever.
    pub(super) async fn answered<T>(
        &self,
        answer: oneshot::Receiver<Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        match tokio::time::timeout(self.settings.answer_timeout, answer).await {
            Ok(Ok(result)) => result,
            // A responder answers even when it is dropped; a lost one is as unknown as a late one.
            Ok(Err(_)) | Err(_) => Err(Refusal::temporary(
                RefusalCode::OutcomeUnknown,
                "it may have been stored: send it again with the same clientId",
                Duration::from_secs(1),
            )),
        }
    }
}
