//! Characters as models: `character/<slug>`.

use std::sync::Arc;

use actix_web::http::StatusCode;
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::RefusalCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Completions;
use crate::characters::{CharacterView, Viewer};
use crate::error::{ApiError, ApiResult};

/// Models that a list names: OpenAI's has no pages. Others can be asked for by name all the same.
const MODELS_MAX: u32 = 1_000;
const PREFIX: &str = "character/";
const OWNER: &str = "greenroom";

/// A character, as a model.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Model {
    /// `character/<slug>`
    #[schema(example = "character/hanne-brekke")]
    id: String,
    /// Always `model`.
    object: &'static str,
    /// When the character was made, in seconds since 1970.
    created: i64,
    owned_by: &'static str,
    /// What the character is called.
    name: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelList {
    /// Always `list`.
    object: &'static str,
    data: Vec<Model>,
}

impl Model {
    fn new(slug: &str, name: &str, created_at: Timestamp) -> Self {
        let (id, name) = (name_of(slug), name.to_owned());
        Self { id, object: "model", created: created_at.as_second(), owned_by: OWNER, name }
    }
}

impl From<&CharacterView> for Model {
    fn from(view: &CharacterView) -> Self {
        Self::new(&view.slug, &view.name, view.created_at)
    }
}

/// What a model of this character is called.
pub(super) fn name_of(slug: &str) -> String {
    format!("{PREFIX}{slug}")
}

impl Completions {
    pub(super) async fn models(&self, user: UserId) -> ApiResult<ModelList> {
        let listed = self.characters.listed(user, MODELS_MAX).await?;
        let data = listed.iter().map(|one| Model::new(&one.slug, &one.name, one.created_at)).collect();
        Ok(ModelList { object: "list", data })
    }

    /// The character of that model; its id serves as well as its slug.
    pub(super) async fn model(&self, user: UserId, model: &str) -> ApiResult<Arc<CharacterView>> {
        let Some(character) = model.strip_prefix(PREFIX) else { return Err(no_model(model)) };
        self.characters.get(Viewer::User(user), character).await.map_err(|refusal| match refusal.code {
            RefusalCode::NotFound => no_model(model),
            _ => refusal.into(),
        })
    }
}

pub(super) fn no_model(model: &str) -> ApiError {
    let shown: String = model.chars().take(100).collect();
    let message = format!("The model `{shown}` does not exist or you do not have access to it.");
    ApiError::new(StatusCode::NOT_FOUND, "model_not_found", message).at("model")
}
