//! What a conversation is called and how it is shown, as its owner changes it: checked in the one place, whichever way it
//! came.

use std::sync::Arc;

use greenroom_actors::domain::{ReplyMode, Visibility};
use greenroom_actors::protocol::DetailsChange;
use uuid::Uuid;

use super::create::checked_title;
use super::slug::is_slug;
use crate::error::FieldError;

/// Characters of a slug that somebody chose.
const SLUG_CHARS: std::ops::RangeInclusive<usize> = 3..=80;
/// Words that stand where a slug would in a path.
const RESERVED_SLUGS: [&str; 6] = ["featured", "categories", "search", "stats", "public", "new"];
/// Characters (Unicode) of a category.
pub const CATEGORY_MAX_CHARS: usize = 60;
pub const TAGS_MAX: usize = 10;
/// Characters (Unicode) of a tag.
pub const TAG_MAX_CHARS: usize = 30;

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
            slug: read(self.slug, &mut wrong, |text| slug(&text)),
            category: read(self.category, &mut wrong, |text| {
                let word = |text: String| word("category", &text, CATEGORY_MAX_CHARS);
                // An empty one is none.
                text.filter(|text| !text.trim().is_empty()).map(word).transpose()
            }),
            tags: read(self.tags, &mut wrong, tags),
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

/// One that can be read, that is no id, and that no path of ours is called.
fn slug(text: &str) -> Result<Arc<str>, FieldError> {
    let text = text.trim();
    let plain =
        is_slug(text) && SLUG_CHARS.contains(&text.len()) && !text.starts_with('-') && !text.ends_with('-');
    if !plain || Uuid::try_parse(text).is_ok() {
        return Err(FieldError::new(
            "slug",
            "takes 3 to 80 lower case letters, digits and hyphens, no hyphen at either end, and no id",
        ));
    }
    if RESERVED_SLUGS.contains(&text) {
        return Err(FieldError::new("slug", "is reserved"));
    }
    Ok(text.into())
}

/// A short text of one line, its blanks made single.
fn word(field: &'static str, text: &str, max_chars: usize) -> Result<Arc<str>, FieldError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let word = words.join(" ");
    let fits = !word.is_empty() && word.chars().count() <= max_chars;
    if fits && !word.chars().any(char::is_control) {
        Ok(word.into())
    } else {
        Err(FieldError::new(
            field,
            format!("takes 1 to {max_chars} characters, none of them a control character"),
        ))
    }
}

/// Each once, whatever its case, as it stood first.
fn tags(given: Vec<String>) -> Result<Vec<Arc<str>>, FieldError> {
    if given.len() > TAGS_MAX {
        return Err(FieldError::new("tags", format!("takes at most {TAGS_MAX} tags")));
    }
    let mut tags: Vec<Arc<str>> = Vec::with_capacity(given.len());
    for tag in given {
        let tag = word("tags", &tag, TAG_MAX_CHARS)?;
        if !tags.iter().any(|known| known.to_lowercase() == tag.to_lowercase()) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(change.tags.unwrap(), ["Tea".into(), "five o'clock".into()]);
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
        let many = NewDetails { tags: Some(vec!["a".to_owned(); TAGS_MAX + 1]), ..NewDetails::default() };
        assert!(many.checked().is_err());
    }

    #[test]
    fn a_slug_is_no_id_and_no_path_of_ours() {
        for wrong in [
            "ab",
            "-abc",
            "abc-",
            "a b",
            "a_b",
            "öäü",
            "search",
            "01980000-0000-7000-8000-000000000000",
            &"a".repeat(81),
        ] {
            assert_eq!(slug(wrong).unwrap_err().field, "slug", "{wrong}");
        }
        assert!(slug("a1-b2").is_ok());
    }
}
