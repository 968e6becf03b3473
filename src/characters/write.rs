//! What admins do to characters: make, change, delete. Each act has its entry in the audit log and its news for all nodes
//! in the same transaction.

use greenroom_actors::domain::CharacterId;
use greenroom_actors::protocol::Refusal;
use serde_json::{Map, Value, json};

use super::draft::{CharacterDraft, FullCharacter};
use super::news::News;
use super::view::{AdminCharacterView, CharacterStatistics};
use super::{Characters, cards, not_found, rules, store};
use crate::accounts::Origin;
use crate::audit::{self, Act};
use crate::error::{ApiError, ApiResult, FieldError};
use crate::http::Caller;
use crate::postgres::refusal;

/// A slug that was made of a name and is in use is made anew.
const SLUG_TRIES: usize = 5;
/// Characters of the readable part of such a slug, and of its random tail.
const SLUG_STEM_MAX: usize = 60;
const SLUG_TAIL: usize = 5;
/// Bytes of JSON of one value in the audit log; of a longer one only the name is kept.
const AUDITED_MAX: usize = 500;

/// A character to be made.
pub(super) struct New {
    pub id: CharacterId,
    pub draft: CharacterDraft,
    /// A small PNG that is served as its picture.
    pub picture: Option<Vec<u8>>,
    /// What the audit log calls the act.
    pub action: &'static str,
}

impl Characters {
    /// Makes a character. Without a slug it gets one made of its name.
    ///
    /// Refused with all wrong fields, or `conflict` where the slug is in use.
    pub async fn create(
        &self,
        admin: &Caller,
        draft: CharacterDraft,
        origin: &Origin,
    ) -> ApiResult<FullCharacter> {
        let new = New { id: CharacterId::new(), draft, picture: None, action: "character.create" };
        self.make(admin, new, origin).await
    }

    /// The same with a picture, and under the name of the act that makes it.
    pub(super) async fn make(&self, admin: &Caller, new: New, origin: &Origin) -> ApiResult<FullCharacter> {
        let New { id, draft, picture, action } = new;
        let draft = rules::checked(draft).map_err(ApiError::bad_request)?;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let stem = stem(&draft.name);
        let mut made = None;
        for attempt in 0..SLUG_TRIES {
            let slug = match (&draft.slug, attempt) {
                (Some(slug), 0) => slug.clone(),
                (Some(_), _) => break,
                (None, 0) => stem.clone(),
                (None, _) => format!("{stem}-{}", tail()),
            };
            let inserted = store::insert(&transaction, id, &slug, &draft).await;
            made = inserted.map_err(|error| refusal(&error))?;
            if made.is_some() {
                break;
            }
        }
        let made = made.ok_or_else(slug_taken)?;
        if let Some(picture) = picture {
            let kept = cards::store::put_picture(&transaction, id, &picture).await;
            kept.map_err(|error| refusal(&error))?;
        }
        let detail = json!({ "slug": made.draft.slug, "name": made.draft.name });
        let act = Act { detail, ..act(admin, action, id, origin) };
        audit::record(&transaction, &act).await.map_err(|error| refusal(&error))?;
        store::notify(&transaction, News::Changed(id)).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        self.changed_here(News::Changed(id));
        Ok(made)
    }

    /// Changes a character by what `apply` does to its draft. A change that changes nothing is none, and leaves no entry.
    ///
    /// With a `version` it is refused with `conflict` if the character has another one by now.
    pub async fn change(
        &self,
        admin: &Caller,
        id_or_slug: &str,
        version: Option<i64>,
        apply: impl FnOnce(&mut CharacterDraft),
        origin: &Origin,
    ) -> ApiResult<FullCharacter> {
        let id = CharacterId::from_uuid(self.id_of(id_or_slug).await?);
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let before = store::lock(&transaction, id).await.map_err(|error| refusal(&error))?;
        let before = before.ok_or_else(not_found)?;
        if version.is_some_and(|version| version != before.version) {
            return Err(ApiError::conflict(format!(
                "the character was changed meanwhile: it is at version {}",
                before.version
            )));
        }
        let mut draft = before.draft.clone();
        apply(&mut draft);
        let draft = rules::checked(draft).map_err(ApiError::bad_request)?;
        if draft == before.draft {
            return Ok(before);
        }
        let slug = draft.slug.clone().unwrap_or_default();
        let after = store::update(&transaction, id, &slug, &draft).await.map_err(|error| refusal(&error))?;
        let after = after.ok_or_else(slug_taken)?;
        let detail = difference(&before, &after);
        let act = Act { detail, ..act(admin, "character.change", id, origin) };
        audit::record(&transaction, &act).await.map_err(|error| refusal(&error))?;
        store::notify(&transaction, News::Changed(id)).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        self.changed_here(News::Changed(id));
        Ok(after)
    }

    /// Deletes a character: it is in no list any more and answers nobody. Conversations keep what was said in them.
    pub async fn delete(&self, admin: &Caller, id_or_slug: &str, origin: &Origin) -> Result<(), Refusal> {
        let id = CharacterId::from_uuid(self.id_of(id_or_slug).await?);
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let before = store::lock(&transaction, id).await.map_err(|error| refusal(&error))?;
        let before = before.ok_or_else(not_found)?;
        store::delete(&transaction, id).await.map_err(|error| refusal(&error))?;
        let detail = json!({ "slug": before.draft.slug, "name": before.draft.name });
        let act = Act { detail, ..act(admin, "character.delete", id, origin) };
        audit::record(&transaction, &act).await.map_err(|error| refusal(&error))?;
        store::notify(&transaction, News::Deleted(id)).await.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        self.changed_here(News::Deleted(id));
        Ok(())
    }
}

pub(super) fn act<'a>(
    admin: &'a Caller,
    action: &'static str,
    character: CharacterId,
    origin: &'a Origin,
) -> Act<'a> {
    Act::new(admin, action, ("character", character.to_string()), origin)
}

fn slug_taken() -> ApiError {
    let details = vec![FieldError::new("slug", "is in use")];
    ApiError { details, ..ApiError::conflict("another character has this slug") }
}

/// The fields that changed, with what they were and what they are; of long ones the name alone.
fn difference(before: &FullCharacter, after: &FullCharacter) -> Value {
    let flat = |character: &FullCharacter| {
        let view = AdminCharacterView::new(character.clone(), CharacterStatistics::default());
        let mut fields = Map::new();
        flatten("", &serde_json::to_value(view).unwrap_or_default(), &mut fields);
        fields
    };
    let (before, after) = (flat(before), flat(after));
    let told = ["version", "updatedAt"];
    let changed = after
        .iter()
        .filter(|(name, value)| !told.contains(&name.as_str()) && before.get(name.as_str()) != Some(value));
    let (mut fields, mut was, mut is) = (Vec::new(), Map::new(), Map::new());
    for (name, value) in changed {
        fields.push(name.clone());
        let old = before.get(name).cloned().unwrap_or_default();
        if old.to_string().len().max(value.to_string().len()) <= AUDITED_MAX {
            was.insert(name.clone(), old);
            is.insert(name.clone(), value.clone());
        }
    }
    json!({ "fields": fields, "before": was, "after": is })
}

/// `{"settings": {"ai": {"model": …}}}` as `settings.ai.model`.
fn flatten(path: &str, value: &Value, into: &mut Map<String, Value>) {
    match value {
        Value::Object(fields) if path != "settings.lorebook" => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, into);
            }
        }
        value => {
            into.insert(path.to_owned(), value.clone());
        }
    }
}

/// A name's letters and digits of ASCII.
pub(super) fn stem(name: &str) -> String {
    let mut stem = String::with_capacity(SLUG_STEM_MAX);
    for sign in name.chars() {
        if stem.len() >= SLUG_STEM_MAX {
            break;
        }
        if sign.is_ascii_alphanumeric() {
            stem.push(sign.to_ascii_lowercase());
        } else if !stem.is_empty() && !stem.ends_with('-') {
            stem.push('-');
        }
    }
    stem.truncate(stem.trim_end_matches('-').len());
    // What reads as an id would never be found by its slug.
    let usable = !stem.is_empty() && !rules::is_reserved(&stem) && uuid::Uuid::try_parse(&stem).is_err();
    if usable { stem } else { format!("character-{}", tail()) }
}

pub(super) fn tail() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    (0..SLUG_TAIL).map(|_| char::from(ALPHABET[fastrand::usize(..ALPHABET.len())])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_readable_slug_that_is_no_id_and_no_path() {
        assert_eq!(stem("Hanne Brekke (the 2nd)!"), "hanne-brekke-the-2nd");
        for name in ["Зоя", "traits", "0197f000-0000-7000-8000-000000000000", "---"] {
            assert!(stem(name).starts_with("character-"), "{name}");
        }
    }
}
