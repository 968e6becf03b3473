//! Which characters a list shows, and in which order.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::view::CharacterView;
use super::{Characters, cursor, store};
use crate::error::FieldError;
use crate::http::{Page, PageQuery};
use crate::postgres::refusal;
use greenroom_actors::protocol::Refusal;

/// Characters (Unicode) of one filter.
const FILTER_MAX_CHARS: usize = 100;

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// From A to Z.
    #[default]
    Name,
    Newest,
    /// Who is spoken with most of late.
    Popular,
    /// By the average, as if five ratings of 3 stood beside the real ones.
    Rating,
}

/// Which characters a list shows: those that fit all that is given, each of at most 100 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CharacterFilter {
    /// Equal but for case.
    pub category: Option<String>,
    /// One of the character's tags, equal but for case.
    pub tag: Option<String>,
    /// One of the character's traits.
    #[serde(rename = "trait")]
    #[param(rename = "trait")]
    pub with_trait: Option<String>,
    /// Only premium ones, or only others.
    pub premium: Option<bool>,
    /// Stands in the name, the tagline, the description or a tag.
    pub q: Option<String>,
}

/// The order, for reading a query.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SortParams {
    /// `name` without it.
    #[serde(default)]
    #[param(inline)]
    pub sort: Sort,
}

impl CharacterFilter {
    /// Without the blank ones, or what is wrong.
    pub fn checked(self) -> Result<Self, FieldError> {
        let check = |field: &'static str, value: Option<String>| match value.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) if text.chars().count() > FILTER_MAX_CHARS || text.contains('\0') => {
                Err(FieldError::new(field, "takes at most 100 characters"))
            }
            Some(text) => Ok(Some(text.to_owned())),
        };
        Ok(Self {
            category: check("category", self.category)?,
            tag: check("tag", self.tag)?,
            with_trait: check("trait", self.with_trait)?,
            premium: self.premium,
            q: check("q", self.q)?,
        })
    }
}

impl Characters {
    /// A page of the characters. The filter is to be a [checked](CharacterFilter::checked) one.
    ///
    /// Going by cursor, what is made or deleted meanwhile neither repeats nor hides others. Of an order whose values
    /// move (`popular`, `rating`) one that moved over the cursor may be seen again, or not at all.
    pub async fn list(
        &self,
        filter: &CharacterFilter,
        sort: Sort,
        page: &PageQuery,
    ) -> Result<Page<CharacterView>, Refusal> {
        let after = cursor::position(sort, page)?;
        let (skip, limit) = page.window();
        let client = self.client().await?;
        let total = self
            .counts()
            .get_or(filter.clone(), async { store::count(&client, filter).await.map(Some) })
            .await
            .map_err(|error| refusal(&error))?;
        let found = store::list(&client, filter, sort, after.as_ref(), limit + 1, skip)
            .await
            .map_err(|error| refusal(&error))?;
        let page = Page::cut(page, found, total, |(_, position)| cursor::write(sort, position));
        Ok(page.map(|(view, _)| view))
    }
}
