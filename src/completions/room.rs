//! An answer that is a reply of a conversation: the last message is said there, and the reply's text passed on from the
//! room's events.
//!
//! The room is the one truth: what is said here has its offset like everything else, other watchers see it as it comes, and
//! a client that goes ends nothing. What was missed (a reply that was under way or done before, a tap that fell behind, a
//! node that took the reply over) is looked up: in the room's actor, then in the log.
//!
//! Text that is void may have been refused, and then the character's own words stand in its place and the reply ends with
//! them: that it begins anew is told only when it goes on for longer.

use std::time::Duration;

use data_encoding::HEXLOWER;
use greenroom_actors::domain::{
    CharacterId, ClientId, FailureCode, Finish, Message, MessageId, MessageKind, ReplyState, RoomId,
    TokenUsage, UserId, utf16_len,
};
use greenroom_actors::protocol::{Refusal, RefusalCode, ReplyWish, RoomEvent};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::Completions;
use super::answer::{End, Source, Told};
use super::store::{self, StoredReply};
use super::wire::RoomIds;
use crate::conversations::NewMessage;
use crate::error::{ApiError, ApiResult, FieldError};
use crate::postgres::refusal;
use crate::realtime::Tap;

/// Where nothing is heard for so long it is looked up how things stand.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A reply that has not ended by then is not waited for: it may wait behind others, and then take its time.
const PATIENCE: Duration = Duration::from_secs(600);
/// So long after it began anew it is not known whether the reply was refused: one that was ends at once, as soon as it is
/// stored.
const VOID_WAIT: Duration = Duration::from_secs(5);
const TOLD_MAX: usize = 64;

/// What is to be said.
pub(super) struct Saying<'a> {
    pub user: UserId,
    pub character: CharacterId,
    /// Id or slug.
    pub conversation: &'a str,
    pub text: &'a str,
    pub client_id: Option<ClientId>,
}

impl Completions {
    /// Says it and follows the reply. Answers when the message is stored.
    pub(super) async fn say(&self, saying: Saying<'_>) -> ApiResult<(RoomIds, Source)> {
        let Saying { user, character, conversation, text, client_id } = saying;
        let not_found = |refusal: Refusal| match refusal.code {
            RefusalCode::NotFound => {
                ApiError { code: "conversation_not_found".into(), ..ApiError::from(refusal) }
                    .at("metadata.conversation_id")
            }
            _ => refusal.into(),
        };
        let room = self.conversations.resolve(user, conversation).await.map_err(not_found)?;
        let said = self.conversations.said(Some(MessageKind::Text), Some(text), None).map_err(|wrong| {
            let mut error = ApiError::from(wrong);
            error.details = vec![FieldError::new("messages", error.message.clone())];
            error
        })?;
        let idempotent = client_id.is_some();
        // Before it is said, so that nothing of its reply is missed.
        let tap = self.taps.open(room);
        let new = NewMessage {
            said,
            client_id,
            reply_to: None,
            reply: ReplyWish::From(character),
            // What this API answers with is text.
            reply_kind: Some(MessageKind::Text),
        };
        let sent = self.conversations.send(user, room, new).await.map_err(|refusal| match refusal.code {
            RefusalCode::NotFound => ApiError::from(refusal).at("model"),
            // Tried again it would perhaps be said twice.
            RefusalCode::OutcomeUnknown if !idempotent => {
                let (name, value) = crate::error::NO_RETRY;
                ApiError::from(refusal).with_header(name, value)
            }
            _ => refusal.into(),
        })?;
        let Some(reply) = sent.replies.iter().find(|reply| reply.character == character) else {
            return Err(ApiError::conflict("this client id stands for a message to another character"));
        };
        let ids = RoomIds {
            conversation_id: room.uuid(),
            message_id: sent.message.id.uuid(),
            reply_id: reply.message.uuid(),
        };
        let (told, source) = mpsc::channel(TOLD_MAX);
        let follower = Follower {
            completions: self.clone(),
            room,
            reply: reply.message,
            told,
            spoken: String::new(),
            attempt: 0,
            void_until: None,
        };
        actix_web::rt::spawn(follower.follow(tap));
        Ok((ids, Source::Room(source)))
    }
}

struct Follower {
    completions: Completions,
    room: RoomId,
    reply: MessageId,
    told: mpsc::Sender<Told>,
    /// What was passed on of the present attempt.
    spoken: String,
    attempt: u32,
    /// What was passed on is void, and nobody was told yet; until then.
    void_until: Option<Instant>,
}

/// Whether there is more to come.
enum Course {
    Goes,
    Ended(End),
}

impl Follower {
    /// Until the reply ends, or nobody listens any more.
    async fn follow(mut self, mut tap: Tap) {
        let patience = Instant::now() + PATIENCE;
        let mut course = self.look().await;
        let end = loop {
            match course {
                Course::Ended(end) => break end,
                Course::Goes if Instant::now() >= patience => break End::failed(FailureCode::Interrupted),
                Course::Goes if self.told.is_closed() => return,
                Course::Goes => {}
            }
            if self.void_until.is_some_and(|until| Instant::now() >= until) {
                self.tell_void().await;
            }
            let wake = Instant::now() + LOOK_EVERY;
            let next = timeout_at(self.void_until.map_or(wake, |until| until.min(wake)), tap.next());
            let told = self.told.clone();
            course = tokio::select! {
                biased;
                () = told.closed() => return,
                heard = next => match heard {
                    Ok(Some(event)) => self.hear(event).await,
                    Ok(None) => {
                        tap = self.completions.taps.open(self.room);
                        self.look().await
                    }
                    Err(_) => self.look().await,
                },
            };
        };
        self.tell_void().await;
        let _ = self.told.send(Told::Ended(end)).await;
    }

    async fn hear(&mut self, event: RoomEvent) -> Course {
        match event {
            RoomEvent::Delta { message, attempt, position, text, .. } if message == self.reply => {
                if attempt < self.attempt {
                    return Course::Goes;
                }
                self.begin(attempt);
                let stands = utf16_len(&self.spoken);
                if position > stands {
                    return self.look().await;
                }
                // What came twice is left out.
                let known = (stands - position) as usize;
                let new = skip_utf16(&text, known);
                self.say(new).await;
                Course::Goes
            }
            RoomEvent::Received(message) if message.id == self.reply => self.stands(&message).await,
            RoomEvent::Status { message, state, code, offset: Some(_), .. } if message == self.reply => {
                nothing(state, code)
            }
            RoomEvent::Deleted { .. } => Course::Ended(End::failed(FailureCode::Interrupted)),
            _ => Course::Goes,
        }
    }

    /// How the reply stands now, and what was missed of it.
    async fn look(&mut self) -> Course {
        let open = self.completions.engine.open_replies(self.room).await;
        if let Some(open) = open.into_iter().find(|open| open.message == self.reply) {
            if open.attempt >= self.attempt {
                self.begin(open.attempt);
                if let Some(more) = open.text.strip_prefix(self.spoken.as_str()) {
                    self.say(more).await;
                }
            }
            return Course::Goes;
        }
        match self.stored().await {
            Ok(Some(StoredReply::Said(message))) => self.stands(&message).await,
            Ok(Some(StoredReply::Nothing(state, code))) => nothing(state, code),
            Ok(None) => Course::Ended(End::failed(FailureCode::Interrupted)),
            // Between two nodes, or the database is away for a moment.
            Ok(Some(StoredReply::Open)) | Err(_) => Course::Goes,
        }
    }

    async fn stored(&self) -> Result<Option<StoredReply>, Refusal> {
        let client = self.completions.pool.get().await.map_err(|error| refusal(&error))?;
        store::reply(&client, self.room, self.reply).await.map_err(|error| refusal(&error))
    }

    /// An attempt that is newer than the known one voids what was said.
    fn begin(&mut self, attempt: u32) {
        if attempt > self.attempt {
            self.attempt = attempt;
            self.anew();
        }
    }

    fn anew(&mut self) {
        if !std::mem::take(&mut self.spoken).is_empty() {
            self.void_until.get_or_insert(Instant::now() + VOID_WAIT);
        }
    }

    async fn say(&mut self, text: &str) {
        if !text.is_empty() {
            self.spoken.push_str(text);
            if self.void_until.is_none() {
                let _ = self.told.send(Told::Text(text.to_owned())).await;
            }
        }
    }

    /// What was kept back since the text became void, now that it is known not to have been refused.
    async fn tell_void(&mut self) {
        if self.void_until.take().is_some() {
            let _ = self.told.send(Told::Anew).await;
            let text = std::mem::take(&mut self.spoken);
            self.say(&text).await;
        }
    }

    /// The whole text, of which the end may be missing.
    async fn all(&mut self, content: &str) {
        if !content.starts_with(self.spoken.as_str()) {
            self.anew();
        }
        let more = content.strip_prefix(self.spoken.as_str()).unwrap_or_default().to_owned();
        self.say(&more).await;
    }

    /// It is stored.
    async fn stands(&mut self, message: &Message) -> Course {
        let content = message.content.as_str();
        let void = self.void_until.is_some() || !content.starts_with(self.spoken.as_str());
        if message.finish == Finish::Refused && void {
            self.void_until = None;
            let _ = self.told.send(Told::Refused(content.to_owned())).await;
        } else {
            self.all(content).await;
        }
        Course::Ended(End { outcome: Ok(message.finish), usage: self.usage().await })
    }

    /// The accounts are written with the message. That they cannot be read just now ends no answer.
    async fn usage(&self) -> TokenUsage {
        match self.completions.pool.get().await {
            Ok(client) => store::usage(&client, self.reply).await.unwrap_or_default(),
            Err(_) => TokenUsage::default(),
        }
    }
}

/// It ended without a message.
fn nothing(state: ReplyState, code: Option<FailureCode>) -> Course {
    let outcome = match state {
        ReplyState::Stopped => Ok(Finish::Stopped),
        ReplyState::Queued | ReplyState::Thinking | ReplyState::Streaming => return Course::Goes,
        ReplyState::Interrupted => Err(FailureCode::Interrupted),
        ReplyState::Done | ReplyState::Failed => Err(code.unwrap_or(FailureCode::Internal)),
    };
    Course::Ended(End { outcome, usage: TokenUsage::default() })
}

/// `text` without its first `units` code units of UTF-16.
fn skip_utf16(text: &str, units: usize) -> &str {
    let mut left = units;
    for (at, sign) in text.char_indices() {
        if left == 0 {
            return &text[at..];
        }
        left = left.saturating_sub(sign.len_utf16());
    }
    ""
}

/// The client id that a message gets: the client's own; of a key that is too long for one its digest.
pub(super) fn client_id(given: Option<&str>, header: Option<&str>) -> ApiResult<Option<ClientId>> {
    use sha2::{Digest, Sha256};
    let wrong = |field| FieldError::new(field, "takes 1 to 64 characters, none of them a control character");
    if let Some(given) = given {
        return Ok(Some(ClientId::parse(given).map_err(|_| wrong("metadata.client_id"))?));
    }
    let Some(key) = header else { return Ok(None) };
    let long = key.chars().count() > 64;
    let key = if long { HEXLOWER.encode(&Sha256::digest(key)) } else { key.to_owned() };
    Ok(Some(ClientId::parse(&key).map_err(|_| wrong("Idempotency-Key"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_twice_is_cut_off_by_code_units() {
        assert_eq!(skip_utf16("a😀b", 0), "a😀b");
        assert_eq!(skip_utf16("a😀b", 1), "😀b");
        assert_eq!(skip_utf16("a😀b", 3), "b");
        assert_eq!(skip_utf16("a😀b", 9), "");
    }

    #[test]
    fn a_long_idempotency_key_is_told_by_its_digest() {
        let key = "k".repeat(200);
        let id = client_id(None, Some(&key)).unwrap().unwrap();
        assert_eq!(id.as_str().len(), 64);
        assert_eq!(client_id(None, Some("short")).unwrap().unwrap().as_str(), "short");
        assert_eq!(client_id(Some("own"), Some("short")).unwrap().unwrap().as_str(), "own");
        assert!(client_id(Some(""), None).is_err() && client_id(None, None).unwrap().is_none());
    }
}
