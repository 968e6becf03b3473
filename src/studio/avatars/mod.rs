//! Avatars: characters that users own. Written by a model from a few words, or taken from a card; changed, shared and taken away by
//! their owner; talked with as any character. Who may see one is said in `characters/access.rs`.
//!
//! **Making one** costs credits, and is a job: in one transaction the credits are held, the avatar stands as `writing` and the job
//! is in the queue (`create.rs`); in another one it is written and paid, or failed and paid back (`write.rs`). Between them a model is
//! asked and nothing is kept, so that a node may die at any moment: the job is taken again by another, and whoever comes second
//! finds nothing to do. Where a job is lost all the same, a sweep gives the credits back; and the hold ends by itself.
//!
//! Owned here: the table `avatar_writings`. Limits: so many avatars as the plan has; `[avatars]` in the settings; the bounds of a
//! character (`characters/rules.rs`), whatever a model says.

mod cards;
mod change;
mod create;
mod gallery;
mod judge;
mod offline;
mod profile;
mod routes;
mod store;
mod thumbnail;
mod view;
mod write;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Client, Pool};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{CharacterId, UserId};
use greenroom_actors::moderation::Moderation;
use greenroom_actors::protocol::{Notification, Refusal, RefusalCode};

pub use change::AvatarChange;
pub use create::NewAvatar;
pub use routes::routes;
pub use view::{AvatarLimitView, AvatarStatsView, AvatarView};
pub use write::{SWEEP, WRITE};

use crate::accounts::Gates;
use crate::ai::Writer;
use crate::characters::{Characters, FullCharacter, Making};
use crate::config::AvatarSettings;
use crate::jobs::Handlers;
use crate::media::Media;
use crate::media::files::{self, MediaFile, Purpose, State};
use crate::postgres::refusal;
use crate::studio::content::{Maker, Sheet, Sheets};

/// How long the credits of a writing are held at most: by then its job has ended, or nothing will come of it.
const HELD_FOR: Duration = Duration::from_secs(6 * 3_600);

/// An avatar for those who make pictures of it.
#[derive(Clone, Debug)]
pub struct Avatar {
    pub character: FullCharacter,
    /// How it looks; empty: nobody said.
    pub appearance: String,
    /// `None`: none was made yet.
    pub thumbnail: Option<MediaFile>,
}

/// What it is made of.
pub struct Parts {
    pub pool: Pool,
    pub characters: Characters,
    pub gates: Gates,
    pub media: Media,
    pub writer: Writer,
    /// Paints their pictures; where it has no model, they are drawn.
    pub painter: Arc<dyn Maker>,
    pub moderation: Moderation,
    pub settings: AvatarSettings,
    /// Tells the sockets of an owner how a writing ended; must not block.
    pub tell: Arc<dyn Fn(UserId, Notification) + Send + Sync>,
    /// Further tries of a job after the first one failed.
    pub job_retries: u32,
}

/// Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Avatars(Arc<Parts>);

impl Avatars {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// What does the jobs of this part.
    #[must_use]
    pub fn handlers(&self) -> Handlers {
        vec![
            (WRITE, Arc::new(write::Writing(self.clone()))),
            (thumbnail::DRAW, Arc::new(thumbnail::Drawing(self.clone()))),
            (SWEEP.kind, Arc::new(write::Sweeper(self.clone()))),
        ]
    }

    /// One of the user's avatars, for pictures of it; `not_found` where it is not theirs, `conflict` where it is not written yet.
    pub async fn of(&self, user: UserId, id: CharacterId) -> Result<Avatar, Refusal> {
        let owned = self.0.characters.owned_one(user, &id.to_string()).await?;
        let character = owned.character;
        if character.access.making != Making::Ready {
            return Err(Refusal::new(RefusalCode::Conflict, "the avatar is not written yet"));
        }
        let client = self.client().await?;
        let thumbnails = files::thumbnails(&client, user, &[id.uuid()]).await;
        let thumbnail = thumbnails.map_err(|error| refusal(&error))?.pop();
        Ok(Avatar { appearance: character.appearance.clone(), character, thumbnail })
    }

    /// To be told of each file that changed: a thumbnail that is ready takes the place of the one before.
    pub fn file_changed(&self, file: &MediaFile) {
        let Some(character) = file.character.filter(|_| file.purpose == Purpose::Avatar) else { return };
        if file.state != State::Ready {
            return;
        }
        let (avatars, owner, id) = (self.clone(), file.owner, file.id);
        tokio::spawn(async move {
            if let Err(error) = avatars.thumbnail_ready(owner, character, id).await {
                tracing::warn!(%error, %character, "an older thumbnail stays for now");
            }
        });
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.0.pool.get().await.map_err(|error| refusal(&error))
    }
}

/// What pictures of an avatar are made by.
impl Sheets for Avatars {
    fn of(&self, user: UserId, avatar: CharacterId) -> BoxFuture<'static, Result<Sheet, Refusal>> {
        let avatars = self.clone();
        async move {
            let Avatar { character, appearance, thumbnail } = Avatars::of(&avatars, user, avatar).await?;
            let thumbnail = thumbnail.map(|file| file.id);
            Ok(Sheet { name: character.draft.name.clone(), appearance, thumbnail })
        }
        .boxed()
    }
}

fn not_found() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "there is no such avatar")
}
