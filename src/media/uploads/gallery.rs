//! Uploads into a character's gallery: each file becomes an entry, in one transaction with its row.
//!
//! A text of the form that is given once is for all files; one that is given as often as there are files is for each in
//! its order. Tags are separated by commas.

use greenroom_actors::domain::CharacterId;

use super::Uploads;
use super::form::{Arrived, Form};
use crate::accounts::Origin;
use crate::characters::Characters;
use crate::characters::gallery::{GalleryItemView, GalleryKind, NewItem};
use crate::error::{ApiError, ApiResult, FieldError};
use crate::http::Caller;
use crate::media::files::{MediaFile, Purpose};
use crate::media::{NewFile, ObjectKey, Source};
use crate::postgres::refusal;

/// The texts of the form.
pub(super) const TEXTS: [&str; 3] = ["caption", "tags", "premium"];

/// What the form says of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    caption: String,
    tags: Vec<String>,
    premium: bool,
}

/// What the form says of each of its files.
pub(super) fn entries(form: &Form) -> Result<Vec<Entry>, Vec<FieldError>> {
    let count = form.files.len();
    let mut faults = Vec::new();
    let mut said = |field: &'static str| {
        let texts: Vec<&str> =
            form.texts.iter().filter(|(name, _)| name == field).map(|(_, text)| text.trim()).collect();
        match texts.len() {
            0 => vec![""; count],
            1 => vec![texts[0]; count],
            given if given == count => texts,
            _ => {
                faults.push(FieldError::new(field, "is given once, or once for each file"));
                vec![""; count]
            }
        }
    };
    let (captions, tags, premium) = (said("caption"), said("tags"), said("premium"));
    let mut entries = Vec::with_capacity(count);
    for ((caption, tags), premium) in captions.into_iter().zip(tags).zip(premium) {
        let premium = match premium {
            "" | "false" | "0" | "off" => false,
            "true" | "1" | "on" => true,
            _ => {
                faults.push(FieldError::new("premium", "takes true or false"));
                false
            }
        };
        let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
        entries.push(Entry { caption: caption.to_owned(), tags, premium });
    }
    faults.dedup();
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

impl Uploads {
    /// Takes a file into the gallery.
    pub(super) async fn take_for_gallery(
        &self,
        admin: &Caller,
        character: CharacterId,
        characters: &Characters,
        (arrived, entry): (Arrived, Entry),
        origin: &Origin,
    ) -> ApiResult<(MediaFile, GalleryItemView)> {
        let Arrived { temp, kind, file_type, name } = arrived;
        let Entry { caption, tags, premium } = entry;
        let item = NewItem {
            kind: GalleryKind::from(kind),
            url: None,
            media_id: Some(temp.id().uuid()),
            thumbnail_url: None,
            caption,
            tags,
            premium,
        };
        let new = NewFile {
            owner: admin.user,
            purpose: Purpose::Gallery,
            character: Some(character),
            kind,
            name,
            key: ObjectKey::of_gallery(character, temp.id(), file_type),
        };
        let mut client = self.media.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let item = characters.add_file_to_gallery(&transaction, admin, character, item, origin).await?;
        let file = self.media.take_in(&transaction, new, Source::Temp(temp)).await?;
        transaction.commit().await.map_err(|error| ApiError::from(refusal(&error)))?;
        Ok((file, item))
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::Came;
    use super::*;

    fn form(files: usize, texts: &[(&str, &str)]) -> Form {
        let came = || Came { name: None, file: Err(ApiError::internal()) };
        Form {
            files: (0..files).map(|_| came()).collect(),
            texts: texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        }
    }

    #[test]
    fn a_text_is_for_all_files_or_one_for_each() {
        let said =
            [("caption", "By the sea"), ("tags", "beach, ,sun"), ("premium", "true"), ("premium", "false")];
        let entries = entries(&form(2, &said)).unwrap();
        let entry = |premium| Entry {
            caption: "By the sea".to_owned(),
            tags: vec!["beach".to_owned(), "sun".to_owned()],
            premium,
        };
        assert_eq!(entries, [entry(true), entry(false)]);
    }

    #[test]
    fn texts_that_fit_no_file_are_refused() {
        let said = [("caption", "one"), ("caption", "two"), ("premium", "perhaps")];
        let faults = entries(&form(3, &said)).unwrap_err();
        let fields: Vec<&str> = faults.iter().map(|fault| &*fault.field).collect();
        assert_eq!(fields, ["caption", "premium"]);
    }
}
