//! What the sockets ask of the rest of the server. `live.rs` answers with the real services; tests answer by hand.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use greenroom_actors::domain::{CharacterId, Message, MessageId, Revision, RoomId, SessionId, UserId};
use greenroom_actors::protocol::{
    Amendment, Ask, Asked, OpenReply, Refusal, Responder, Send as SendMessage, Sent, Typing,
};
use greenroom_actors::session::{self, Identity, Pacing};
use jiff::Timestamp;
use uuid::Uuid;

use crate::accounts::{Role, TokenError};
use crate::characters::CharacterView;
use crate::conversations::view::{ConversationView, MessageView};
use crate::conversations::{Change, Laden, MessageRange, NewConversation, Said, Snapshot};
use crate::http::{Page, PageQuery};

pub type Answer<'a, T> = BoxFuture<'a, Result<T, Refusal>>;

impl From<session::Role> for Role {
    fn from(role: session::Role) -> Self {
        match role {
            session::Role::User => Self::User,
            session::Role::Admin => Self::Admin,
        }
    }
}

impl From<Role> for session::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Admin => Self::Admin,
        }
    }
}

/// What a token that holds says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub identity: Identity,
    /// The sign-in that the token belongs to.
    pub sign_in: SessionId,
    /// Name of the plan that the user had when the token was made.
    pub plan: Arc<str>,
}

/// What came of a token.
pub enum Verification {
    /// Our own: known at once.
    Done(Result<Verified, TokenError>),
    /// Of an identity provider, whose keys may have to be fetched, and of an account that has to be looked up.
    Asked(Answer<'static, Verified>),
}

/// The user of a socket, as its `auth` ack names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub username: String,
    pub display_name: String,
    pub role: Role,
    /// As it is now: the token may be older.
    pub plan: Arc<str>,
    pub pacing: Pacing,
}

/// Calls that take a [`Responder`] go to the engine and never block; the others go to features and may wait for the
/// database. Features check membership themselves.
pub trait Backend: Send + Sync + 'static {
    /// Names the database; see `docs/PROTOCOL.md` §1.
    fn epoch(&self) -> Uuid;
    fn is_draining(&self) -> bool;
    fn verify(&self, token: &str) -> Verification;
    /// Refused for a user who is gone or blocked, and for a sign-in that has ended.
    fn profile(&self, user: UserId, sign_in: SessionId) -> Answer<'_, Profile>;

    fn send(&self, send: SendMessage, responder: Responder<Sent>);
    fn read(&self, room: RoomId, user: UserId, offset: Revision, responder: Responder<Revision>);
    fn typing(&self, room: RoomId, user: UserId, typing: Typing, responder: Responder<()>);
    fn stop_reply(&self, room: RoomId, user: UserId, reply: Option<MessageId>, responder: Responder<u32>);
    fn delete_room(&self, room: RoomId, user: UserId, responder: Responder<Revision>);
    fn amend(
        &self,
        room: RoomId,
        user: UserId,
        message: MessageId,
        what: Amendment,
        responder: Responder<Arc<Message>>,
    );
    fn ask(&self, ask: Ask, responder: Responder<Asked>);
    fn open_replies(&self, room: RoomId) -> BoxFuture<'_, Vec<OpenReply>>;

    fn create(&self, user: UserId, new: NewConversation) -> Answer<'_, ConversationView>;
    fn list(&self, user: UserId, page: PageQuery) -> Answer<'_, Page<ConversationView>>;
    fn messages(
        &self,
        user: UserId,
        room: RoomId,
        range: MessageRange,
        limit: usize,
    ) -> Answer<'_, (Vec<MessageView>, bool)>;
    fn snapshot(&self, user: UserId, room: RoomId, from: Option<(Uuid, Revision)>) -> Answer<'_, Snapshot>;
    fn change(&self, user: UserId, room: RoomId, change: Change) -> Answer<'_, Revision>;
    /// When these users were last seen; those of whom that is not known are left out.
    fn last_seen(&self, users: Vec<UserId>) -> Answer<'_, Vec<(UserId, Timestamp)>>;
    /// What a message carries, looked up.
    fn laden(&self, user: UserId, said: Said) -> Answer<'_, Laden>;
    fn default_room(&self, user: UserId, character: CharacterId) -> Answer<'_, RoomId>;
    /// What everybody sees of a character.
    fn character(&self, user: UserId, character: CharacterId) -> Answer<'_, Arc<CharacterView>>;
}

pub type SharedBackend = Arc<dyn Backend>;
