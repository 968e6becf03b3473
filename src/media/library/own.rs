//! What one has, how much that is, and how the files of all do.

use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};
use serde_json::json;

use crate::accounts::Origin;
use crate::audit::{self, Act};
use crate::http::Finding;
use crate::http::{Caller, Page, PageQuery};
use crate::jobs;
use crate::media::files::{self, FileId, FileView, MediaFile, Wanted};
use crate::media::{Media, ObjectKey, PROCESS};
use crate::postgres::refusal;

/// How much a user has and may have.
pub(super) struct Room {
    pub plan: String,
    /// Bytes.
    pub used: u64,
    /// `None` is no limit.
    pub most: Option<u64>,
}

/// Files that are being looked at.
pub(super) struct Work {
    pub waiting: u64,
    pub running: u64,
    pub files: u64,
}

impl Media {
    /// A page of the user's files, the newest first.
    pub async fn list(
        &self,
        owner: UserId,
        wanted: Wanted,
        page: &PageQuery,
    ) -> Result<Page<FileView>, Refusal> {
        let before = page.after_id()?;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let (found, total) = files::list(&client, owner, wanted, before, (limit + 1, skip))
            .await
            .map_err(|error| refusal(&error))?;
        let page = Page::cut_by_id(page, found, Some(total), |file| file.id.uuid());
        Ok(page.map(|file| FileView::from(&file)))
    }

    /// The file whose original lies there; deleted ones too.
    pub(super) async fn file_at(&self, key: &ObjectKey) -> Result<Option<MediaFile>, Refusal> {
        let client = self.client().await?;
        files::by_key(&client, key).await.map_err(|error| refusal(&error))
    }

    /// Deletes anybody's file, and notes who did.
    pub(super) async fn delete_as_admin(
        &self,
        admin: &Caller,
        id: FileId,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let known = files::by_id(&transaction, id).await.map_err(|error| refusal(&error))?;
        let known = known.ok_or_else(super::changes::no_file)?;
        let detail =
            json!({ "owner": known.owner.uuid(), "purpose": known.purpose, "key": known.key.as_str() });
        let act = Act { detail, ..Act::new(admin, "media.delete", ("file", id.to_string()), origin) };
        audit::record(&transaction, &act).await.map_err(|error| refusal(&error))?;
        self.delete_in(transaction, id).await.map(drop)
    }

    pub(super) async fn room(&self, user: UserId) -> Result<Room, Refusal> {
        let client = self.client().await?;
        let used = files::total(&client, user).await.map_err(|error| refusal(&error))?;
        let plan = match self.gates() {
            Some(gates) => gates.plan_in(&client, user).await.map_err(|error| refusal(&error))?,
            None => None,
        };
        let plan = plan.ok_or_else(|| Refusal::new(RefusalCode::NotFound, "there is no such account"))?;
        Ok(Room { plan: plan.name.to_string(), used, most: plan.media_bytes })
    }

    pub(super) async fn in_work(&self) -> Result<Work, Refusal> {
        let client = self.client().await?;
        let (waiting, running) = jobs::open(&client, PROCESS).await.map_err(|error| refusal(&error))?;
        let files = files::in_work(&client).await.map_err(|error| refusal(&error))?;
        Ok(Work { waiting, running, files })
    }

    /// How the store of files does, for the health of all.
    pub async fn finding(&self) -> Finding {
        if self.answers().await {
            Finding::up()
        } else {
            Finding::down(format!("the store of files ({}) takes nothing", self.objects().kind()))
        }
    }

    /// Whether the store takes objects and gives them away, as was found a few seconds ago at most.
    pub(super) async fn answers(&self) -> bool {
        self.probes.answers(self.objects()).await
    }
}
