//! The backend of a running server: the engine, the conversations and the accounts.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{
    Catalogue, CharacterId, Message, MessageId, Plan, Revision, RoomId, SessionId, UserId,
};
use greenroom_actors::engine::Engine;
use greenroom_actors::protocol::{
    Amendment, Ask, Asked, OpenReply, Responder, Send as SendMessage, Sent, Typing,
};
use greenroom_actors::session::Identity;
use jiff::Timestamp;
use uuid::Uuid;

use super::backend::{Answer, Backend, Profile, Verification, Verified};
use super::last_seen::LastSeen;
use crate::accounts::{AccessTokens, ForeignCaller, TokenError};
use crate::characters::{CharacterView, Characters, Viewer};
use crate::conversations::view::{ConversationView, MessageView};
use crate::conversations::{Change, Conversations, Laden, MessageRange, NewConversation, Said, Snapshot};
use crate::http::{Page, PageQuery};

/// Reads a user's profile; refused for one who is gone or blocked, and for a sign-in that has ended.
pub type Profiles = Arc<dyn Fn(UserId, SessionId) -> Answer<'static, Profile> + Send + Sync>;

/// Whose ID token it is; `None` where it is of no provider that is known.
pub type ForeignTokens = Arc<dyn Fn(&str) -> Option<Answer<'static, ForeignCaller>> + Send + Sync>;

pub struct LiveBackend {
    pub epoch: Uuid,
    pub engine: Engine,
    pub conversations: Conversations,
    pub characters: Characters,
    pub tokens: AccessTokens,
    pub foreign: ForeignTokens,
    pub profiles: Profiles,
    pub last_seen: LastSeen,
    /// Tell whose plan is premium.
    pub plans: Catalogue,
}

/// The name itself, kept once for all sockets that have the plan of that name.
fn named(name: &str, plan: &Plan) -> Arc<str> {
    if *plan.name == *name { plan.name.clone() } else { name.into() }
}

impl LiveBackend {
    fn of_foreign(&self, asked: Answer<'static, ForeignCaller>) -> Answer<'static, Verified> {
        let plans = self.plans.clone();
        async move {
            let caller = asked.await?;
            let plan = plans.get(&caller.plan);
            let identity = Identity {
                user: caller.user,
                role: caller.role.into(),
                premium: plan.premium,
                expires_at: caller.expires_at,
            };
            Ok(Verified { identity, sign_in: caller.session, plan: named(&caller.plan, &plan) })
        }
        .boxed()
    }
}

impl Backend for LiveBackend {
    fn epoch(&self) -> Uuid {
        self.epoch
    }

    fn is_draining(&self) -> bool {
        self.engine.is_draining()
    }

    fn verify(&self, token: &str) -> Verification {
        match self.tokens.verify(token) {
            Ok(claims) => {
                let plan = self.plans.get(&claims.plan);
                let identity = Identity {
                    user: claims.sub,
                    role: claims.role.into(),
                    premium: plan.premium,
                    expires_at: claims.expires_at(),
                };
                let plan = named(&claims.plan, &plan);
                Verification::Done(Ok(Verified { identity, sign_in: claims.sid, plan }))
            }
            Err(TokenError::Invalid) => match (self.foreign)(token) {
                Some(asked) => Verification::Asked(self.of_foreign(asked)),
                None => Verification::Done(Err(TokenError::Invalid)),
            },
            Err(error) => Verification::Done(Err(error)),
        }
    }

    fn profile(&self, user: UserId, sign_in: SessionId) -> Answer<'_, Profile> {
        (self.profiles)(user, sign_in)
    }

    fn send(&self, send: SendMessage, responder: Responder<Sent>) {
        self.engine.send(send, responder);
    }

    fn read(&self, room: RoomId, user: UserId, offset: Revision, responder: Responder<Revision>) {
        self.engine.read(room, user, offset, responder);
    }

    fn typing(&self, room: RoomId, user: UserId, typing: Typing, responder: Responder<()>) {
        self.engine.typing(room, user, typing, responder);
    }

    fn stop_reply(&self, room: RoomId, user: UserId, reply: Option<MessageId>, responder: Responder<u32>) {
        self.engine.stop_reply(room, user, reply, responder);
    }

    fn delete_room(&self, room: RoomId, user: UserId, responder: Responder<Revision>) {
        self.engine.delete_room(room, user, responder);
    }

    fn amend(
        &self,
        room: RoomId,
        user: UserId,
        message: MessageId,
        what: Amendment,
        responder: Responder<Arc<Message>>,
    ) {
        self.engine.amend(room, user, message, what, responder);
    }

    fn ask(&self, ask: Ask, responder: Responder<Asked>) {
        self.engine.ask(ask, responder);
    }

    fn open_replies(&self, room: RoomId) -> BoxFuture<'_, Vec<OpenReply>> {
        self.engine.open_replies(room).boxed()
    }

    fn create(&self, user: UserId, new: NewConversation) -> Answer<'_, ConversationView> {
        self.conversations.create(user, new).boxed()
    }

    fn list(&self, user: UserId, page: PageQuery) -> Answer<'_, Page<ConversationView>> {
        async move { self.conversations.list(user, &page).await }.boxed()
    }

    fn messages(
        &self,
        user: UserId,
        room: RoomId,
        range: MessageRange,
        limit: usize,
    ) -> Answer<'_, (Vec<MessageView>, bool)> {
        self.conversations.messages(user, room, range, limit).boxed()
    }

    fn snapshot(&self, user: UserId, room: RoomId, from: Option<(Uuid, Revision)>) -> Answer<'_, Snapshot> {
        self.conversations.snapshot(user, room, from).boxed()
    }

    fn change(&self, user: UserId, room: RoomId, change: Change) -> Answer<'_, Revision> {
        self.conversations.change(user, room, change).boxed()
    }

    fn last_seen(&self, users: Vec<UserId>) -> Answer<'_, Vec<(UserId, Timestamp)>> {
        async move { self.last_seen.read(&users).await }.boxed()
    }

    fn laden(&self, user: UserId, said: Said) -> Answer<'_, Laden> {
        self.conversations.laden(user, said).boxed()
    }

    fn default_room(&self, user: UserId, character: CharacterId) -> Answer<'_, RoomId> {
        self.conversations.default_room(user, character).boxed()
    }

    fn character(&self, user: UserId, character: CharacterId) -> Answer<'_, Arc<CharacterView>> {
        self.characters.view(Viewer::User(user), character).boxed()
    }
}
