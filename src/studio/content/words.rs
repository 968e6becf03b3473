//! What is said: judged before anything is paid for, and made better for the provider.

use greenroom_actors::domain::{CharacterId, UserId};
use greenroom_actors::ports::{Side, Verdict, Who};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use uuid::Uuid;

use super::kinds::{Fault, Kind};
use super::{Contents, Sheet, WordsOrder, prompt};

impl Contents {
    /// How the avatar looks; refused with `not_found` where the user has no such one.
    pub(super) async fn sheet(&self, user: UserId, avatar: Option<Uuid>) -> Result<Option<Sheet>, Refusal> {
        match avatar {
            Some(avatar) => self.0.parts.sheets.of(user, CharacterId::from_uuid(avatar)).await.map(Some),
            None => Ok(None),
        }
    }

    /// A better prompt for the user to look at: nothing is made, held or kept.
    pub async fn optimize(
        &self,
        user: UserId,
        kind: Kind,
        wish: &str,
        avatar: Option<Uuid>,
    ) -> Result<String, Refusal> {
        let sheet = self.sheet(user, avatar).await?;
        self.judged(user, avatar, wish).await?;
        let better = self.improve(user, kind, wish, sheet.as_ref()).await;
        self.judged(user, avatar, &better).await?;
        Ok(better)
    }

    /// What the provider is to be told. Where no model writes, or not in time, it is put together by rule: a prompt is a help,
    /// and no reason not to make what is wanted.
    pub(super) async fn improve(
        &self,
        user: UserId,
        kind: Kind,
        wish: &str,
        sheet: Option<&Sheet>,
    ) -> String {
        let most = self.settings().optimized_max_chars;
        let order = WordsOrder {
            user,
            system: prompt::system(kind, most),
            ask: prompt::ask(wish, sheet),
            max_tokens: prompt::MAX_TOKENS,
        };
        let written =
            tokio::time::timeout(self.settings().optimize_timeout(), self.0.parts.words.write(order)).await;
        let written = match written {
            Ok(Ok(text)) => prompt::answered(&text, most),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a prompt is told as it was written");
                None
            }
            Err(_) => None,
        };
        written.unwrap_or_else(|| prompt::plain(wish, sheet, most))
    }

    /// Whether this may be said here.
    pub(super) async fn judge(&self, user: UserId, avatar: Option<Uuid>, text: &str) -> Result<(), Fault> {
        let who = Who { user: Some(user), character: avatar.map(CharacterId::from_uuid), ..Who::default() };
        match self.0.parts.moderation.check(text, Side::Message, who).await {
            Verdict::Fine => Ok(()),
            Verdict::Refused { .. } => Err(Fault::ContentRefused),
            Verdict::Unavailable => Err(Fault::Unjudged),
        }
    }

    /// The same for whoever waits for it.
    pub(super) async fn judged(&self, user: UserId, avatar: Option<Uuid>, text: &str) -> Result<(), Refusal> {
        self.judge(user, avatar, text).await.map_err(|fault| {
            let code = match fault {
                Fault::ContentRefused => RefusalCode::ContentRefused,
                _ => RefusalCode::DependencyDown,
            };
            Refusal::new(code, fault.message())
        })
    }
}
