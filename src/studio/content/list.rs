//! What one has had made: looked up, listed, counted.

use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;
use uuid::Uuid;

use super::kinds::{Kind, Quality, State};
use super::store::{self, lists};
use super::{Content, ContentView, Contents, StatsView, no_content};
use crate::http::{Page, PageQuery};
use crate::media::files::{self, FileId};
use crate::postgres::refusal;

/// Which contents are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub kind: Option<Kind>,
    pub state: Option<State>,
    pub avatar: Option<Uuid>,
    pub quality: Option<Quality>,
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this one.
    pub to: Option<Timestamp>,
}

impl Contents {
    /// A page of the user's contents, the newest first.
    pub async fn list(
        &self,
        user: UserId,
        filter: &Filter,
        page: &PageQuery,
    ) -> Result<Page<ContentView>, Refusal> {
        let before = page.after_id()?;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let (found, total) = lists::list(&client, user, filter, before, (limit + 1, skip))
            .await
            .map_err(|error| refusal(&error))?;
        let page = Page::cut_by_id(page, found, Some(total), |content| content.id);
        let ids: Vec<FileId> =
            page.items.iter().filter_map(|content| content.file.map(FileId::from_uuid)).collect();
        let files = files::by_ids(&client, &ids).await.map_err(|error| refusal(&error))?;
        Ok(page.map(|content| {
            let file = content.file.and_then(|id| files.iter().find(|file| file.id.uuid() == id));
            ContentView::new(&content, file)
        }))
    }

    /// One of the user's.
    pub async fn get(&self, user: UserId, id: Uuid) -> Result<ContentView, Refusal> {
        let client = self.client().await?;
        let content = store::by_id(&client, user, id).await.map_err(|error| refusal(&error))?;
        drop(client);
        self.view(&content.ok_or_else(no_content)?).await
    }

    pub(super) async fn view(&self, content: &Content) -> Result<ContentView, Refusal> {
        let file = match content.file {
            Some(id) => self.media().file(FileId::from_uuid(id)).await?,
            None => None,
        };
        Ok(ContentView::new(content, file.as_ref()))
    }

    pub async fn stats(&self, user: UserId) -> Result<StatsView, Refusal> {
        let client = self.client().await?;
        lists::stats(&client, user).await.map_err(|error| refusal(&error))
    }
}
