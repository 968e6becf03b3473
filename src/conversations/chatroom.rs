//! Chatrooms: an older word for conversations with the assistant, the one character that the operator chose for them.

use greenroom_actors::domain::{CharacterId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};

use super::view::ConversationView;
use super::{Conversations, NewConversation};
use crate::characters::Viewer;

impl Conversations {
    /// Makes a conversation with the assistant. Where there is none: `feature_unavailable`, which names the setting.
    pub async fn create_chatroom(
        &self,
        user: UserId,
        title: Option<String>,
    ) -> Result<ConversationView, Refusal> {
        let slug = &self.settings.assistant_character;
        let unavailable = |why: &str| {
            let message = format!("this server does not offer it: conversations.assistant_character {why}");
            Refusal::new(RefusalCode::FeatureUnavailable, message)
        };
        if slug.is_empty() {
            return Err(unavailable("is not set"));
        }
        let assistant = match self.characters.get(Viewer::Nobody, slug).await {
            Ok(assistant) => CharacterId::from_uuid(assistant.id),
            Err(error) if error.code == RefusalCode::NotFound => {
                return Err(unavailable("names no character"));
            }
            Err(error) => return Err(error),
        };
        let new = NewConversation { characters: vec![assistant], title, ..NewConversation::default() };
        self.create(user, new).await
    }
}
