//! Character cards: the files in which other programs share characters, read into ours and written from ours.
//!
//! Read are versions 1, 2 and 3 as JSON, in a PNG and as CHARX. A card is a stranger's file: sizes, depths and what is unpacked
//! are bounded, nothing of it is run, no address in it is fetched and no path in it is used. All of its JSON is kept in
//! `characters.card`, so that what has no place here comes back at export.
//!
//! The reading and writing is pure; around it stand `desk.rs` (one at a time, off the threads that others wait for), `routes.rs`
//! and `store.rs` (pictures).

mod card;
mod container;
mod desk;
mod draft;
mod examples;
mod export;
mod json;
mod lore;
mod mapping;
mod picture;
pub mod routes;
pub(super) mod store;
pub(crate) mod upload;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use card::{Card, Spec};
pub use container::{into_charx, into_png};
pub(super) use desk::is_picture_path;
pub use desk::{Desk, Format};
pub use draft::{Draft, Extras};
pub use export::{Source, Version, export, in_picture};
pub use picture::drawn;

use crate::error::FieldError;

/// Warnings of one import; further ones are left out.
const WARNINGS_MAX: usize = 100;

/// What kind of refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardErrorKind {
    /// Not a card, or a broken one.
    Invalid,
    /// Over one of the bounds.
    TooLarge,
    /// Another kind of file.
    Unsupported,
}

/// Why a file is not taken as a card.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct CardError {
    pub kind: CardErrorKind,
    /// The part of the card that is wrong; `card` for all of it.
    pub field: &'static str,
    /// For a person to read.
    pub message: String,
}

impl CardError {
    fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self { kind: CardErrorKind::Invalid, field, message: message.into() }
    }

    fn too_large(field: &'static str, message: impl Into<String>) -> Self {
        Self { kind: CardErrorKind::TooLarge, field, message: message.into() }
    }

    fn unsupported(message: impl Into<String>) -> Self {
        Self { kind: CardErrorKind::Unsupported, field: "card", message: message.into() }
    }
}

/// What of a card was not taken, was shortened, or has no effect here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings(Vec<FieldError>);

impl Warnings {
    fn add(&mut self, field: &'static str, message: impl Into<String>) {
        if self.0.len() < WARNINGS_MAX {
            self.0.push(FieldError::new(field, message.into()));
        }
    }

    #[must_use]
    pub fn into_list(self) -> Vec<FieldError> {
        self.0
    }
}

/// A card that was read.
#[derive(Debug)]
pub struct Imported {
    pub card: Card,
    pub draft: Draft,
    /// A small PNG without metadata.
    pub picture: Option<Vec<u8>>,
    pub warnings: Warnings,
}

/// Reads a file. It takes up to a second of computing where the picture is large: not for a thread that others wait for.
pub fn import(file: &Bytes) -> Result<Imported, CardError> {
    let mut warnings = Warnings::default();
    let opened = container::open(file, &mut warnings)?;
    let card = Card::read(opened.value, &mut warnings)?;
    let draft = Draft::of(&card, &mut warnings);
    let picture = opened.picture.and_then(|picture| match picture::taken(&picture) {
        Ok(picture) => Some(picture),
        Err(why) => {
            warnings.add("picture", format!("{why}; it was not taken"));
            None
        }
    });
    Ok(Imported { card, draft, picture, warnings })
}
