//! What a conversation is called and how it is shown, as its owner changes it: checked in the one place, whichever way it
//! came.

use std::sync::Arc;

use greenroom_actors::domain::{ReplyMode, Visibility};
use greenroom_actors::protocol::DetailsChange;

use super::create::checked_title;
use super::publishing::{category_of, tags_of};
use super::slug::checked_slug;
use crate::error::FieldError;

/// Details as a client gave them; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewDetails {
    pub title: Option<String>,
    /// `private`, `unlisted` or `public`.
    pub visibility: Option<String>,
    pub slug: Option<String>,
    /// The inner `None` takes it away.
    pub category: Option<Option<String>>,
    pub tags: Option<Vec<String>>,
    /// `mention`, `turn_order`, `talkativeness` or `by_hand`.
    pub reply_mode: Option<String>,
}

impl NewDetails {
    /// What is to change, or all the fields that are wrong.
    pub fn checked(self) -> Result<DetailsChange, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let change = DetailsChange {
            title: read(self.title, &mut wrong, |title| checked_title(&title).map(Arc::from)),
            visibility: read(self.visibility, &mut wrong, |text| visibility(&text)),
            slug: read(self.slug, &mut wrong, |text| checked_slug(&text).map(Arc::from)),
            category: read(self.category, &mut wrong, |text| {
                let category = |text: String| category_of(&text).map(Arc::from);
                // An empty one is none.
                text.filter(|text| !text.trim().is_empty()).map(category).transpose()
            }),
            tags: read(self.tags, &mut wrong, |tags| {
                Ok(tags_of(&tags)?.into_iter().map(Arc::from).collect())
            }),
            reply_mode: read(self.reply_mode, &mut wrong, |text| reply_mode(&text)),
        };
        if wrong.is_empty() && change == DetailsChange::default() {
            wrong.push(FieldError::new("title", "is missing: nothing is to change"));
        }
        if wrong.is_empty() { Ok(change) } else { Err(wrong) }
    }
}

fn read<T, U>(
    given: Option<T>,
    wrong: &mut Vec<FieldError>,
    check: impl FnOnce(T) -> Result<U, FieldError>,
) -> Option<U> {
    match given.map(check)? {
        Ok(value) => Some(value),
        Err(error) => {
            wrong.push(error);
            None
        }
    }
}

fn visibility(text: &str) -> Result<Visibility, FieldError> {
    match text {
        "private" => Ok(Visibility::Private),
        "unlisted" => Ok(Visibility::Unlisted),
        "public" => Ok(Visibility::Public),
        _ => Err(FieldError::new("visibility", "takes private, unlisted or public")),
    }
}

fn reply_mode(text: &str) -> Result<ReplyMode, FieldError> {
    match text {
        "mention" => Ok(ReplyMode::Mention),
        "turn_order" => Ok(ReplyMode::TurnOrder),
        "talkativeness" => Ok(ReplyMode::Talkativeness),
        "by_hand" => Ok(ReplyMode::ByHand),
        _ => Err(FieldError::new("replyMode", "takes mention, turn_order, talkativeness or by_hand")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversations::{CATEGORY_MAX_CHARS, TAGS_MAX};

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn details_are_trimmed_and_bounded() {
        let details = NewDetails {
            title: some("  Tea "),
            visibility: some("public"),
            slug: some("tea-at-five"),
            category: Some(some(" Slice  of life ")),
            tags: Some(vec!["Tea".to_owned(), " tea ".to_owned(), "five o'clock".to_owned()]),
            reply_mode: some("turn_order"),
        };
        let change = details.checked().unwrap();
        assert_eq!(change.title.as_deref(), Some("Tea"));
        assert_eq!(
            (change.visibility, change.slug.as_deref()),
            (Some(Visibility::Public), Some("tea-at-five"))
        );
        assert_eq!(change.category.unwrap().as_deref(), Some("Slice of life"));
        assert_eq!(change.tags.unwrap(), ["tea".into(), "five o'clock".into()]);
        assert_eq!(change.reply_mode, Some(ReplyMode::TurnOrder));
    }

    #[test]
    fn a_category_is_taken_away_by_null_or_by_nothing_in_it() {
        for category in [None, some(""), some("  ")] {
            let change = NewDetails { category: Some(category), ..NewDetails::default() }.checked().unwrap();
            assert_eq!(change, DetailsChange { category: Some(None), ..DetailsChange::default() });
        }
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let details = NewDetails {
            title: some(" "),
            visibility: some("secret"),
            slug: some("A"),
            category: Some(some(&"x".repeat(CATEGORY_MAX_CHARS + 1))),
            tags: Some(vec![String::new()]),
            reply_mode: some("loud"),
        };
        let fields: Vec<_> = details.checked().unwrap_err().into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["title", "visibility", "slug", "category", "tags", "replyMode"]);
        assert_eq!(NewDetails::default().checked().unwrap_err().len(), 1, "nothing is no change");
        let many = NewDetails {
            tags: Some((0..=TAGS_MAX).map(|number| number.to_string()).collect()),
            ..NewDetails::default()
        };
        assert!(many.checked().is_err());
    }
}
