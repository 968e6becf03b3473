//! Something of its gallery for a character to show: what fits what was asked and said, and what all who will see it may.

use std::sync::Arc;

use deadpool_postgres::Pool;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{Attachment, AttachmentKind, Feature, GalleryItem, ItemRank, Place, UserId};
use greenroom_actors::ports::{Audience, Gallery, GalleryWish, StoreError};

use super::fitting;
use super::store::{self, Entry, Source};
use crate::accounts::Gates;
use crate::media::files::{self, MediaFile, State};
use crate::postgres::store_error;

/// The engine's gallery. Cheap to clone.
#[derive(Clone)]
pub struct Shows {
    pool: Pool,
    gates: Gates,
}

impl Shows {
    #[must_use]
    pub fn new(pool: Pool, gates: Gates) -> Self {
        Self { pool, gates }
    }

    async fn find(&self, wish: GalleryWish) -> Result<Option<Arc<Attachment>>, StoreError> {
        let premium = self.may_see_all(&wish).await;
        let client = self.pool.get().await.map_err(|error| store_error(&error))?;
        let candidates = store::candidates(&client, wish.character, wish.room, premium)
            .await
            .map_err(|error| store_error(&error))?;
        let Some(entry) = fitting::best(candidates, wish.asked.as_str(), &wish.said) else { return Ok(None) };
        // That a look is not counted keeps nobody from it.
        if let Err(error) = store::seen(&client, entry.id, &[wish.user]).await {
            tracing::warn!(%error, "a look at a gallery was not counted");
        }
        let file = match entry.source {
            Source::Url(_) => None,
            Source::File(id) => {
                let file = files::by_id(&client, id).await.map_err(|error| store_error(&error))?;
                // Deleted a moment ago: there is nothing to show.
                let Some(file) = file.filter(|file| file.state == State::Ready) else { return Ok(None) };
                Some(file)
            }
        };
        Ok(Some(Arc::new(attachment(entry, file.as_ref()))))
    }

    /// Whether everybody who will see it has the premium gallery. Where that is not known, they have not.
    async fn may_see_all(&self, wish: &GalleryWish) -> bool {
        if wish.audience == Audience::Everybody {
            return false;
        }
        let mut asked: Vec<UserId> = wish.members.to_vec();
        if !asked.contains(&wish.user) {
            asked.push(wish.user);
        }
        for user in asked {
            match self.gates.opens(user, Feature::PremiumGallery).await {
                Ok(true) => {}
                Ok(false) | Err(_) => return false,
            }
        }
        true
    }
}

impl Gallery for Shows {
    fn find(&self, wish: GalleryWish) -> BoxFuture<'static, Result<Option<Arc<Attachment>>, StoreError>> {
        let this = self.clone();
        async move { Self::find(&this, wish).await }.boxed()
    }
}

fn attachment(entry: Entry, file: Option<&MediaFile>) -> Attachment {
    let rank = if entry.premium { ItemRank::Premium } else { ItemRank::Ordinary };
    let item = Some(GalleryItem { id: entry.id, rank });
    let kind = if entry.video { AttachmentKind::Video } else { AttachmentKind::Image };
    match (file, entry.source) {
        (Some(file), _) => Attachment { item, ..file.into() },
        (None, Source::Url(url)) => Attachment { item, ..Attachment::new(Place::Url(url.into()), kind) },
        (None, Source::File(_)) => Attachment { item, ..Attachment::new(Place::Gone, kind) },
    }
}
