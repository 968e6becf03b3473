//! Publishing: what a public conversation may be called and filed under, and the lists of those that are public.

use greenroom_actors::domain::RoomId;
use greenroom_actors::protocol::Refusal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::{self, PublicPosition};
use super::view::PublicConversationView;
use super::{Conversations, end, reading};
use crate::error::FieldError;
use crate::http::{Page, PageQuery};
use crate::postgres::refusal;

pub use super::store::{PublicFilter, PublicOrder};

/// Characters (Unicode) of a category.
pub const CATEGORY_MAX_CHARS: usize = 60;
/// Characters (Unicode) of a tag.
pub const TAG_MAX_CHARS: usize = 40;
/// Tags of one conversation.
pub const TAGS_MAX: usize = 20;
/// Categories that are listed, the fullest first.
const CATEGORIES_MAX: i64 = 200;

/// Words with single spaces between; what is wrong with them otherwise.
fn words(field: &'static str, text: &str, most: usize) -> Result<String, FieldError> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = words.chars().count();
    if !(1..=most).contains(&length) || words.chars().any(char::is_control) {
        return Err(FieldError::new(
            field,
            format!("takes 1 to {most} characters, none of them a control character"),
        ));
    }
    Ok(words)
}

/// A category in the form in which it is stored.
pub fn category_of(text: &str) -> Result<String, FieldError> {
    words("category", text, CATEGORY_MAX_CHARS)
}

/// Tags in the form in which they are stored: small letters, each once, in the order given.
pub fn tags_of(tags: &[String]) -> Result<Vec<String>, FieldError> {
    let mut once: Vec<String> = Vec::new();
    for tag in tags {
        let tag = words("tags", tag.trim_start_matches('#'), TAG_MAX_CHARS)?.to_lowercase();
        if !once.contains(&tag) {
            once.push(tag);
        }
    }
    if once.len() > TAGS_MAX {
        return Err(FieldError::new("tags", "takes at most 20 tags"));
    }
    Ok(once)
}

/// A category of public conversations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CategoryView {
    pub category: String,
    /// Public conversations in it.
    pub conversations: u64,
}

impl Conversations {
    /// A category as this server takes it: one of the configured ones, whatever their case, or any.
    pub fn checked_category(&self, text: &str) -> Result<String, FieldError> {
        let category = category_of(text)?;
        let known = &self.settings.categories;
        if known.is_empty() {
            return Ok(category);
        }
        let lower = category.to_lowercase();
        known
            .iter()
            .find(|known| known.to_lowercase() == lower)
            .cloned()
            .ok_or_else(|| FieldError::new("category", format!("takes one of: {}", known.join(", "))))
    }

    /// A page of the public conversations.
    pub async fn listed(
        &self,
        filter: &PublicFilter,
        order: PublicOrder,
        page: &PageQuery,
    ) -> Result<Page<PublicConversationView>, Refusal> {
        let after = position(order, page)?;
        let limit = page.limit as usize;
        let mut client = self.client().await?;
        let mut found = store::listed(&client, filter, order, after, limit as i64 + 1, page.window().0)
            .await
            .map_err(|error| refusal(&error))?;
        let more = found.rooms.len() > limit;
        found.rooms.truncate(limit);
        let next = found.rooms.last().filter(|_| more).map(|last| write(order, *last));
        let rooms: Vec<RoomId> = found.rooms.iter().map(|line| line.room).collect();
        let items = store::public_views(&client, &rooms).await.map_err(|error| refusal(&error))?;
        // Those that became private between the two looks.
        let reading = reading(&mut client).await?;
        let ids: Vec<Uuid> = items.iter().map(|item| item.id).collect();
        let public = store::still_public(&reading, &ids).await.map_err(|error| refusal(&error))?;
        end(reading).await?;
        let items = items.into_iter().filter(|item| public.contains(&item.id)).collect();
        Ok(Page::new(page, items, Some(found.total.unsigned_abs()), next))
    }

    /// Categories with the number of public conversations in each, the fullest first; configured ones also when empty.
    pub async fn categories(&self) -> Result<Vec<CategoryView>, Refusal> {
        let client = self.client().await?;
        let counted = store::categories(&client, CATEGORIES_MAX).await.map_err(|error| refusal(&error))?;
        let mut views: Vec<CategoryView> = counted
            .into_iter()
            .map(|row| CategoryView {
                category: row.category,
                conversations: row.conversations.unsigned_abs(),
            })
            .collect();
        for category in &self.settings.categories {
            if !views.iter().any(|view| view.category == *category) {
                views.push(CategoryView { category: category.clone(), conversations: 0 });
            }
        }
        Ok(views)
    }
}

fn letter(order: PublicOrder) -> &'static str {
    match order {
        PublicOrder::Recent => "r",
        PublicOrder::Popular => "p",
    }
}

fn write(order: PublicOrder, position: PublicPosition) -> String {
    format!("{}.{}.{}", letter(order), position.value, position.room.uuid().simple())
}

/// Where a page begins; a cursor of another list or order is refused.
fn position(order: PublicOrder, page: &PageQuery) -> Result<Option<PublicPosition>, FieldError> {
    let read = |text: &String| {
        let (of, rest) = text.split_once('.')?;
        let (value, room) = rest.split_once('.')?;
        (of == letter(order)).then_some(())?;
        let room = RoomId::from_uuid(Uuid::try_parse(room).ok()?);
        Some(PublicPosition { value: value.parse().ok()?, room })
    };
    let none_of_ours = || FieldError::new("cursor", "is none of this list");
    page.cursor.as_ref().map(|text| read(text).ok_or_else(none_of_ours)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(tags: &[&str]) -> Result<Vec<String>, FieldError> {
        tags_of(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn categories_and_tags_come_out_in_one_form() {
        assert_eq!(category_of("  Science   fiction ").unwrap(), "Science fiction");
        assert_eq!(tags(&["#Tea", " tea ", "High  Seas"]).unwrap(), ["tea", "high seas"]);
    }

    #[test]
    fn what_is_no_category_or_tag_is_refused() {
        for text in ["", "  ", "a\0b", &"x".repeat(CATEGORY_MAX_CHARS + 1)] {
            assert_eq!(category_of(text).unwrap_err().field, "category");
        }
        for text in ["", "#", "a\u{7}b", &"ö".repeat(TAG_MAX_CHARS + 1)] {
            assert_eq!(tags(&[text]).unwrap_err().field, "tags");
        }
        let many: Vec<String> = (0..=TAGS_MAX).map(|n| n.to_string()).collect();
        assert_eq!(tags_of(&many).unwrap_err().field, "tags");
    }

    #[test]
    fn a_cursor_belongs_to_its_order() {
        let at = PublicPosition { value: -7, room: RoomId::new() };
        let page = |cursor: String| PageQuery { cursor: Some(cursor), ..PageQuery::default() };
        let recent = page(write(PublicOrder::Recent, at));
        assert_eq!(position(PublicOrder::Recent, &recent).unwrap(), Some(at));
        assert!(position(PublicOrder::Popular, &recent).is_err());
        for text in ["", ".", "r", "r.x.y", "r.1.2"] {
            assert!(position(PublicOrder::Recent, &page(text.to_owned())).is_err(), "{text}");
        }
    }
}
