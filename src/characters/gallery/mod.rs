//! Galleries: pictures, videos and sounds of a character. Some are for premium plans: others see that there is something,
//! with its caption and tags, and never where it is.
//!
//! An entry stands at an address of another host, or is a file that was uploaded here (`media/uploads`): then its addresses, its smaller
//! pictures and its state are the file's. Admins keep those of all characters, the owner of an avatar its own (`own.rs`). Limits:
//! 200 entries a character, each with a caption of 500 characters and 32 tags.

mod own;
pub mod routes;
mod store;
mod view;

use deadpool_postgres::Transaction;
use greenroom_actors::domain::{CharacterId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use serde_json::json;
use uuid::Uuid;

pub use own::OwnItem;
use own::own_file;
pub use store::{forget_file, shows_file, view as count_view};
pub use view::{GalleryItemView, GalleryKind, NewItem};

use super::write::act;
use super::{Characters, Viewer, not_found, rules};
use crate::accounts::Origin;
use crate::audit::{self, Act};
use crate::error::{ApiError, ApiResult, FieldError};
use crate::http::{Caller, Page, PageQuery};
use crate::media::files::{self, FileId};
use crate::postgres::refusal;

/// Entries of one character.
pub const ITEMS_MAX: i64 = 200;
const CAPTION_MAX: usize = 500;
const TAGS_MAX: usize = 32;

/// Where an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Url(String),
    /// Something that was uploaded here.
    Media(Uuid),
}

/// What somebody may see of a gallery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Premium entries are locked.
    Ordinary,
    All,
}

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub id: Uuid,
    pub kind: GalleryKind,
    pub source: Source,
    pub thumbnail_url: Option<String>,
    pub caption: String,
    pub tags: Vec<String>,
    pub premium: bool,
    pub views: u64,
    pub created_at: jiff::Timestamp,
}

impl Characters {
    /// A page of a character's gallery, the newest first.
    pub async fn gallery(
        &self,
        viewer: Viewer,
        id_or_slug: &str,
        access: Access,
        page: &PageQuery,
    ) -> Result<Page<GalleryItemView>, Refusal> {
        let before = page.after_id()?;
        let character = self.get(viewer, id_or_slug).await?.id;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let (items, total) = store::list(&client, character, before, limit + 1, skip)
            .await
            .map_err(|error| refusal(&error))?;
        let page = Page::cut_by_id(page, items, Some(total), |item| item.id);
        let ids: Vec<FileId> = page.items.iter().filter_map(Item::file).collect();
        let found = files::by_ids(&client, &ids).await.map_err(|error| refusal(&error))?;
        Ok(page.map(|item| {
            let file = item.file().and_then(|id| found.iter().find(|file| file.id == id));
            GalleryItemView::new(&item, file, access)
        }))
    }

    /// Adds an entry to a gallery.
    pub async fn add_to_gallery(
        &self,
        admin: &Caller,
        id_or_slug: &str,
        new: NewItem,
        origin: &Origin,
    ) -> ApiResult<GalleryItemView> {
        let item = checked(new).map_err(ApiError::bad_request)?;
        let character = CharacterId::from_uuid(self.id_of(id_or_slug).await?);
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        make_room(&transaction, character).await?;
        let file = match item.file() {
            Some(id) => Some(own_file(&transaction, admin.user, id).await?),
            None => None,
        };
        if file.as_ref().is_some_and(|file| GalleryKind::from(file.kind) != item.kind) {
            return Err(FieldError::new("type", "is not what this file is").into());
        }
        add(&transaction, admin, character, &item, origin).await?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(GalleryItemView::new(&item, file.as_ref(), Access::All))
    }

    /// Adds an entry that shows a file of this server, in the transaction that takes the file in.
    pub async fn add_file_to_gallery(
        &self,
        transaction: &Transaction<'_>,
        admin: &Caller,
        character: CharacterId,
        new: NewItem,
        origin: &Origin,
    ) -> ApiResult<GalleryItemView> {
        let file = new.media_id.ok_or_else(|| FieldError::new("mediaId", "is missing"))?;
        let item = made(new, Ok(Source::Media(file))).map_err(ApiError::bad_request)?;
        make_room(transaction, character).await?;
        add(transaction, admin, character, &item, origin).await?;
        // The file comes in behind it.
        Ok(GalleryItemView { state: "processing", ..GalleryItemView::new(&item, None, Access::All) })
    }

    /// The character whose gallery is meant, by its id or its slug.
    pub async fn gallery_of(&self, id_or_slug: &str) -> Result<CharacterId, Refusal> {
        Ok(CharacterId::from_uuid(self.id_of(id_or_slug).await?))
    }

    pub async fn remove_from_gallery(
        &self,
        admin: &Caller,
        id_or_slug: &str,
        item: Uuid,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        let character = CharacterId::from_uuid(self.id_of(id_or_slug).await?);
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let gone =
            store::delete(&transaction, character.uuid(), item).await.map_err(|error| refusal(&error))?;
        if !gone {
            return Err(no_item());
        }
        let detail = json!({ "item": item });
        let act = Act { detail, ..act(admin, "character.gallery_remove", character, origin) };
        audit::record(&transaction, &act).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))
    }

    /// Counts that the user looked at an entry: once, however often. Answers how many have. Refused with `None` for an
    /// entry that is locked for them.
    pub async fn look_at(
        &self,
        user: UserId,
        access: Access,
        id_or_slug: &str,
        item: Uuid,
    ) -> Result<Option<u64>, Refusal> {
        let character = self.get(Viewer::User(user), id_or_slug).await?.id;
        let client = self.client().await?;
        let premium = store::is_premium(&client, character, item).await.map_err(|error| refusal(&error))?;
        if premium.ok_or_else(no_item)? && access == Access::Ordinary {
            return Ok(None);
        }
        let views = store::view(&client, item, user.uuid()).await.map_err(|error| refusal(&error))?;
        views.ok_or_else(no_item).map(Some)
    }
}

impl Item {
    /// What it is of what was uploaded here.
    fn file(&self) -> Option<FileId> {
        match self.source {
            Source::Media(id) => Some(FileId::from_uuid(id)),
            Source::Url(_) => None,
        }
    }
}

/// There is such a character, and its gallery takes one more. Locked, so that the count holds when two add at once.
async fn make_room(transaction: &Transaction<'_>, character: CharacterId) -> ApiResult<()> {
    let there = super::store::lock(transaction, character).await.map_err(|error| refusal(&error))?;
    there.ok_or_else(not_found)?;
    let count = store::count(transaction, character.uuid()).await.map_err(|error| refusal(&error))?;
    if count >= ITEMS_MAX {
        return Err(ApiError::conflict("a gallery holds at most 200 entries: delete one first"));
    }
    Ok(())
}

/// Adds it where there is [room](make_room), and notes which admin did.
async fn add(
    transaction: &Transaction<'_>,
    admin: &Caller,
    character: CharacterId,
    item: &Item,
    origin: &Origin,
) -> ApiResult<()> {
    store::insert(transaction, character.uuid(), item).await.map_err(|error| refusal(&error))?;
    let detail = json!({ "item": item.id, "kind": item.kind, "premium": item.premium });
    let act = Act { detail, ..act(admin, "character.gallery_add", character, origin) };
    audit::record(transaction, &act).await.map_err(|error| ApiError::from(refusal(&error)))
}

fn no_item() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "there is no such entry in this gallery")
}

fn checked(new: NewItem) -> Result<Item, Vec<FieldError>> {
    let fault = |field: &'static str, message: &'static str| Err(FieldError::new(field, message));
    let source = match (new.url.as_deref().map(rules::address), new.media_id) {
        (Some(Ok(url)), None) => Ok(Source::Url(url)),
        (Some(Err(message)), None) => fault("url", message),
        (Some(_), Some(_)) => fault("url", "does not go together with mediaId"),
        (None, Some(id)) => Ok(Source::Media(id)),
        (None, None) => fault("url", "is missing"),
    };
    made(new, source)
}

/// An entry with that source, if all the rest of it is as it should be.
fn made(new: NewItem, source: Result<Source, FieldError>) -> Result<Item, Vec<FieldError>> {
    let NewItem { kind, url: _, media_id: _, thumbnail_url, caption, tags, premium } = new;
    let (source, mut faults) = match source {
        Ok(source) => (Some(source), Vec::new()),
        Err(fault) => (None, vec![fault]),
    };
    let mut fault = |field: &'static str, message: &'static str| faults.push(FieldError::new(field, message));
    let thumbnail_url = thumbnail_url.as_deref().map(rules::address).transpose();
    if let Err(message) = &thumbnail_url {
        fault("thumbnailUrl", message);
    }
    let caption = caption.trim().to_owned();
    let tags: Vec<String> = tags.iter().map(|tag| tag.trim().to_owned()).collect();
    faults.extend(wrong_words(&caption, &tags));
    match (source, faults.is_empty()) {
        (Some(source), true) => Ok(Item {
            id: Uuid::now_v7(),
            kind,
            source,
            thumbnail_url: thumbnail_url.unwrap_or_default(),
            caption,
            tags,
            premium,
            views: 0,
            created_at: jiff::Timestamp::now(),
        }),
        _ => Err(faults),
    }
}

/// What is wrong with caption and trimmed tags.
fn wrong_words(caption: &str, tags: &[String]) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if caption.chars().count() > CAPTION_MAX || caption.contains('\0') {
        faults.push(FieldError::new("caption", "takes at most 500 characters and no NUL"));
    }
    let fits = |tag: &String| (1..=rules::NAME_MAX).contains(&tag.chars().count()) && !tag.contains('\0');
    if tags.len() > TAGS_MAX || !tags.iter().all(fits) {
        faults.push(FieldError::new("tags", "takes at most 32 tags of 1 to 80 characters"));
    }
    faults
}
