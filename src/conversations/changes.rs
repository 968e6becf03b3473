//! What happens in a conversation beside saying something: messages change, replies are asked for by hand, members and
//! characters come and go, details change. By request or by socket, the same engine and the same answer.
//!
//! Who may do what is for the engine to say; here is looked up what a change needs of accounts and characters.

use std::sync::Arc;

use greenroom_actors::domain::{
    CharacterId, Content, Message, MessageId, MessageKind, Revision, RoomId, UserId,
};
use greenroom_actors::protocol::{
    Amendment, Ask, Asked, DetailsChange, Featured, Refusal, RefusalCode, Responder, RoomChange, Wanted,
};
use uuid::Uuid;

use super::view::ConversationView;
use super::{Conversations, not_found, slug, store};
use crate::postgres::refusal;

/// Somebody who is to become a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invited {
    Id(UserId),
    /// In any case.
    Username(String),
}

/// How a conversation is to change, as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Details(DetailsChange),
    AddMember(Invited),
    /// The caller's own id: they leave.
    RemoveMember(UserId),
    /// Hands it over.
    Owner(UserId),
    AddCharacter(CharacterId),
    RemoveCharacter(CharacterId),
}

/// What an admin is to do with the mark of a featured conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureWish {
    Set(Featured),
    Toggle,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureAnswer {
    pub room: RoomId,
    pub before: Featured,
    pub now: Featured,
}

impl Conversations {
    /// The change with its category as this server files it.
    fn filed(&self, mut details: DetailsChange) -> Result<DetailsChange, Refusal> {
        if let Some(Some(category)) = &mut details.category {
            *category = self.checked_category(category)?.into();
        }
        Ok(details)
    }

    /// Changes a stored message; answers it as it then is.
    pub async fn amend(
        &self,
        user: UserId,
        room: RoomId,
        message: MessageId,
        what: Amendment,
    ) -> Result<Arc<Message>, Refusal> {
        let (responder, answer) = Responder::channel();
        self.engine.amend(room, user, message, what, responder);
        self.answered(answer).await
    }

    /// Asks for replies without a new message.
    pub async fn ask(
        &self,
        user: UserId,
        room: RoomId,
        wanted: Wanted,
        reply_kind: Option<MessageKind>,
    ) -> Result<Asked, Refusal> {
        let (responder, answer) = Responder::channel();
        self.engine.ask(Ask { room, user, session: None, wanted, reply_kind }, responder);
        self.answered(answer).await
    }

    /// Stops one reply under way, or all of the conversation; answers how many.
    pub async fn stop(&self, user: UserId, room: RoomId, reply: Option<MessageId>) -> Result<u32, Refusal> {
        let (responder, answer) = Responder::channel();
        self.engine.stop_reply(room, user, reply, responder);
        self.answered(answer).await
    }

    /// Changes the conversation; answers the revision of that. A new member is told of the conversation.
    pub async fn change(&self, user: UserId, room: RoomId, change: Change) -> Result<Revision, Refusal> {
        let what = match change {
            Change::Details(details) => RoomChange::Details(self.filed(details)?),
            Change::RemoveMember(member) => RoomChange::RemoveMember(member),
            Change::Owner(member) => RoomChange::Owner(member),
            Change::RemoveCharacter(character) => RoomChange::RemoveCharacter(character),
            // A stranger learns nothing of accounts by asking to bring one in.
            Change::AddMember(invited) => {
                self.require_member(user, room).await?;
                RoomChange::AddMember(self.invited(&invited).await?)
            }
            Change::AddCharacter(character) => {
                self.require_member(user, room).await?;
                RoomChange::AddCharacter(self.castable(user, character).await?)
            }
        };
        let leaves = if let RoomChange::RemoveMember(member) = &what { Some(*member) } else { None };
        let joins = if let RoomChange::AddMember(member) = &what { Some(member.id) } else { None };
        let (responder, answer) = Responder::channel();
        self.engine.change(room, user, what, responder);
        let revision = self.answered(answer).await?;
        if let Some(member) = joins {
            // It is done, whether or not the new member can be told at once: it is in their list.
            match self.view(member, room).await {
                Ok(view) => (self.created)(&[member], &view),
                Err(error) => tracing::warn!(%error, %room, "a new member could not be told"),
            }
        }
        if let Some(member) = leaves
            && let Err(error) = self.leave_behind(member, room).await
        {
            // The next start of the room finds it out.
            tracing::warn!(%error, %room, "avatars of who left may still answer");
        }
        Ok(revision)
    }

    /// Avatars that somebody keeps for themselves answer no more in a room that they left.
    async fn leave_behind(&self, owner: UserId, room: RoomId) -> Result<(), Refusal> {
        let kept = {
            let client = self.client().await?;
            store::kept_in(&client, owner, room).await.map_err(|error| refusal(&error))?
        };
        self.characters.look_again(&kept).await
    }

    /// Sets the mark of a featured conversation, for an admin, who need not be in it. Only a public one gets it.
    pub async fn feature(
        &self,
        admin: UserId,
        id_or_slug: &str,
        wish: FeatureWish,
    ) -> Result<FeatureAnswer, Refusal> {
        let (room, shown, before) = {
            let client = self.client().await?;
            let id = Uuid::try_parse(id_or_slug).ok();
            let slug = Some(id_or_slug).filter(|text| id.is_none() && slug::is_slug(text));
            store::standing(&client, id, slug)
                .await
                .map_err(|error| refusal(&error))?
                .ok_or_else(not_found)?
        };
        let now = match (wish, before) {
            (FeatureWish::Set(wanted), _) => wanted,
            (FeatureWish::Toggle, Featured::Yes) => Featured::No,
            (FeatureWish::Toggle, Featured::No) => Featured::Yes,
        };
        if now == Featured::Yes && !shown {
            return Err(Refusal::new(RefusalCode::Conflict, "only a public conversation can be featured"));
        }
        let (responder, answer) = Responder::channel();
        self.engine.change(room, admin, RoomChange::Feature(now), responder);
        self.answered(answer).await?;
        Ok(FeatureAnswer { room, before, now })
    }

    /// The text of an edit.
    pub fn content(&self, text: &str) -> Result<Content, Refusal> {
        Ok(Content::parse(text, self.settings.content_max_chars)?)
    }

    /// The conversation as this member sees it.
    pub async fn seen_by(&self, user: UserId, room: RoomId) -> Result<ConversationView, Refusal> {
        self.view(user, room).await
    }

    async fn require_member(&self, user: UserId, room: RoomId) -> Result<(), Refusal> {
        if self.member_of(user, room).await? { Ok(()) } else { Err(not_found()) }
    }

    async fn invited(&self, who: &Invited) -> Result<greenroom_actors::domain::RoomMember, Refusal> {
        let client = self.client().await?;
        let found = match who {
            Invited::Id(user) => store::person(&client, *user).await,
            Invited::Username(name) => store::person_named(&client, &name.trim().to_lowercase()).await,
        };
        let no_such = || Refusal::new(RefusalCode::NotFound, "there is no such user");
        found.map_err(|error| refusal(&error))?.ok_or_else(no_such)
    }

    async fn castable(
        &self,
        user: UserId,
        character: CharacterId,
    ) -> Result<greenroom_actors::domain::RoomCharacter, Refusal> {
        let client = self.client().await?;
        let no_such = || Refusal::new(RefusalCode::NotFound, "there is no such character");
        store::castable(&client, user, character).await.map_err(|error| refusal(&error))?.ok_or_else(no_such)
    }
}
