//! Who may see a file.

use std::time::Duration;

use greenroom_actors::domain::{Feature, UserId};
use greenroom_actors::protocol::Refusal;
use reqwest::Method;
use url::Url;

use crate::characters::gallery;
use crate::media::files::{self, MediaFile, Purpose};
use crate::media::{Media, ObjectKey, keep};
use crate::postgres::refusal;

impl Media {
    /// The object's address at the store itself, good for so long, where readers are sent on to it. `None`: they come here, or to
    /// the CDN whose origin this server is.
    pub(super) async fn elsewhere(
        &self,
        key: &ObjectKey,
        lifetime: Duration,
    ) -> Result<Option<Url>, Refusal> {
        if !self.settings().redirect || !self.settings().cdn_base_url.is_empty() {
            return Ok(None);
        }
        self.objects().signed(Method::GET, key, lifetime).await.map_err(|error| keep::store_away(&error))
    }

    /// Whether the user may see it: its owner; members of a room in which a message carries it; what a gallery shows everybody who
    /// may see the character, where it is for premium plans those who have one; an avatar's thumbnail whoever is in a room with that
    /// avatar. Of a file that is not there, nobody.
    pub async fn may_read(&self, user: UserId, file: &MediaFile) -> Result<bool, Refusal> {
        if file.state == files::State::Deleted {
            return Ok(false);
        }
        if file.owner == user {
            return Ok(true);
        }
        let client = self.client().await?;
        if files::is_carried_to(&client, user, &file.key).await.map_err(|error| refusal(&error))? {
            return Ok(true);
        }
        let premium = gallery::shows_file(&client, user, file.id.uuid()).await;
        let premium = premium.map_err(|error| refusal(&error))?;
        if premium == Some(false) {
            return Ok(true);
        }
        if let (Purpose::Avatar, Some(character)) = (file.purpose, file.character)
            && files::meets(&client, user, character.uuid()).await.map_err(|error| refusal(&error))?
        {
            return Ok(true);
        }
        // Plans are read through a connection of their own.
        drop(client);
        match (premium, self.gates()) {
            (Some(true), Some(gates)) => gates.opens(user, Feature::PremiumGallery).await,
            _ => Ok(false),
        }
    }

    /// The same of an object by its key: part of a file, or a recording that was made for a message. With the file that it is
    /// part of.
    pub(in crate::media) async fn reach(
        &self,
        user: UserId,
        key: &ObjectKey,
    ) -> Result<Option<Option<MediaFile>>, Refusal> {
        let client = self.client().await?;
        let file = files::by_key(&client, key).await.map_err(|error| refusal(&error))?;
        let holder = files::holder(&client, key).await.map_err(|error| refusal(&error))?;
        let file = match (file, holder.and_then(|holder| holder.file)) {
            (Some(file), _) => Some(file),
            (None, Some(id)) => files::by_id(&client, id).await.map_err(|error| refusal(&error))?,
            (None, None) => None,
        };
        let Some(file) = file else {
            let own = holder.is_some_and(|holder| holder.user == Some(user));
            let carried =
                own || files::is_carried_to(&client, user, key).await.map_err(|error| refusal(&error))?;
            return Ok(carried.then_some(None));
        };
        drop(client);
        Ok(self.may_read(user, &file).await?.then_some(Some(file)))
    }
}
