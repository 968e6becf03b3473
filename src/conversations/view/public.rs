//! What everybody sees of a conversation that is not private. Shapes of their own, not the members' with something left
//! out: what a member's view gains later is not public by accident.
//!
//! People are display names and a number within the conversation; who reacted is a count.

use std::collections::HashMap;

use greenroom_actors::domain::{Attachment, ItemRank, Message, MessageId, Revision, Sender};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    AttachmentView, ConversationCharacterView, FinishView, MessageType, SenderKind, Visibility, wire_time,
};

/// What a person is called who is not known any more.
const SOMEBODY: &str = "Somebody";

/// A conversation as everybody sees it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicConversationView {
    pub id: Uuid,
    pub slug: String,
    pub title: String,
    /// `public` or `unlisted`.
    pub visibility: Visibility,
    pub category: Option<String>,
    pub tags: Vec<String>,
    pub featured: bool,
    pub characters: Vec<ConversationCharacterView>,
    /// Display names of the people in it, the owner's first.
    pub people: Vec<String>,
    /// Messages, counted within a minute.
    pub message_count: u64,
    /// Readers, each counted once a day.
    pub views: u64,
    pub created_at: Timestamp,
    /// The last message, or a later change of the conversation itself; known within a minute.
    pub updated_at: Timestamp,
    /// Where it is read without script.
    pub page: String,
}

/// Who said something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicSenderView {
    pub kind: SenderKind,
    pub name: String,
    /// Of a person: which one of the conversation, from 1, so that two of one name are told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<u32>,
    /// Of a character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_id: Option<Uuid>,
}

/// An emoji under a message, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReactionCountView {
    pub emoji: String,
    pub count: u32,
}

/// A message as everybody sees it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicMessageView {
    pub id: Uuid,
    pub conversation_id: Uuid,
    /// Its place in the conversation.
    pub offset: Revision,
    pub sender: PublicSenderView,
    #[serde(rename = "type")]
    pub kind: MessageType,
    pub content: String,
    pub attachment: Option<AttachmentView>,
    pub reply_to: Option<Uuid>,
    pub finish: FinishView,
    pub reactions: Vec<ReactionCountView>,
    pub edited_at: Option<Timestamp>,
    /// A tombstone: nothing of it is left to read.
    pub deleted_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// What is for premium plans is not shown in public, though it was said there.
fn is_for_all(attachment: &Attachment) -> bool {
    attachment.item.is_none_or(|item| item.rank == ItemRank::Ordinary)
}

/// How those who spoke in a conversation are called in public, those who have left too.
#[derive(Clone, Debug, Default)]
pub struct Names {
    people: HashMap<Uuid, (u32, String)>,
    characters: HashMap<Uuid, ConversationCharacterView>,
}

impl Names {
    /// People in the order in which they came.
    #[must_use]
    pub fn new(
        people: impl IntoIterator<Item = (Uuid, String)>,
        characters: impl IntoIterator<Item = ConversationCharacterView>,
    ) -> Self {
        let numbered = (1..).zip(people).map(|(number, (id, name))| (id, (number, name)));
        Self {
            people: numbered.collect(),
            characters: characters.into_iter().map(|character| (character.id, character)).collect(),
        }
    }

    #[must_use]
    pub fn sender(&self, sender: Sender) -> PublicSenderView {
        match sender {
            Sender::User(user) => {
                let known = self.people.get(&user.uuid());
                PublicSenderView {
                    kind: SenderKind::User,
                    name: known.map_or(SOMEBODY, |(_, name)| name).to_owned(),
                    person: known.map(|(number, _)| *number),
                    character_id: None,
                }
            }
            Sender::Character(character) => {
                let known = self.characters.get(&character.uuid());
                PublicSenderView {
                    kind: SenderKind::Character,
                    name: known.map_or(SOMEBODY, |character| &character.name).to_owned(),
                    person: None,
                    character_id: known.map(|character| character.id),
                }
            }
        }
    }

    #[must_use]
    pub fn character(&self, id: Uuid) -> Option<&ConversationCharacterView> {
        self.characters.get(&id)
    }

    #[must_use]
    pub fn message(&self, message: &Message) -> PublicMessageView {
        let mut reactions: Vec<ReactionCountView> = Vec::new();
        for reaction in &message.changes.reactions {
            let emoji = reaction.emoji.as_str();
            match reactions.iter_mut().find(|counted| counted.emoji == emoji) {
                Some(counted) => counted.count += 1,
                None => reactions.push(ReactionCountView { emoji: emoji.to_owned(), count: 1 }),
            }
        }
        PublicMessageView {
            id: message.id.uuid(),
            conversation_id: message.room.uuid(),
            offset: message.offset,
            sender: self.sender(message.sender),
            kind: message.kind.into(),
            content: message.content.as_str().to_owned(),
            attachment: message
                .attachment
                .as_deref()
                .filter(|one| is_for_all(one))
                .map(AttachmentView::public),
            reply_to: message.reply_to.map(MessageId::uuid),
            finish: message.finish.into(),
            reactions,
            edited_at: message.changes.edited_at.map(wire_time),
            deleted_at: message.changes.deleted_at.map(wire_time),
            created_at: wire_time(message.created_at),
        }
    }
}
