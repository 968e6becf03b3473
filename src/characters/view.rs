//! What the public sees of a character: never its prompt, its knowledge or how it was told to be.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CharacterView {
    pub id: Uuid,
    #[schema(example = "mira-the-lighthouse-keeper")]
    pub slug: String,
    pub name: String,
    /// One line.
    pub tagline: String,
    pub description: String,
    pub category: String,
    pub tags: Vec<String>,
    /// What it says when a conversation with it begins.
    pub greeting: String,
    pub avatar_url: Option<String>,
    /// Its accent, as `#rrggbb`.
    #[schema(example = "#7a5cff")]
    pub color: String,
}
