//! Ratings: one of each signed-in user for each character, from 1 to 5, changed by rating again.
//!
//! Nobody has to have talked with a character first: how it looks and greets may be rated too. The sums are kept by the
//! database with each rating, so that they are exact however many rate at once.

use greenroom_actors::domain::{CharacterId, UserId};
use greenroom_actors::protocol::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Characters, Viewer, not_found, store};
use crate::error::FieldError;
use crate::postgres::refusal;

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub struct RatingBody {
    /// 1 to 5.
    #[schema(minimum = 1, maximum = 5)]
    pub rating: i16,
}

/// One's own rating, and what all of them come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RatingView {
    pub rating: i16,
    /// Of all.
    pub average: f64,
    /// How many have rated it.
    pub ratings: u64,
}

impl Characters {
    /// Rates a character, or changes the user's rating of it.
    pub async fn rate(&self, user: UserId, id_or_slug: &str, rating: i16) -> Result<RatingView, Refusal> {
        if !(1..=5).contains(&rating) {
            return Err(FieldError::new("rating", "takes 1 to 5").into());
        }
        let id = self.get(Viewer::User(user), id_or_slug).await?.id;
        let mut client = self.client().await?;
        let rated =
            store::rate(&mut client, id, user.uuid(), rating).await.map_err(|error| refusal(&error))?;
        let (ratings, sum) = rated.ok_or_else(not_found)?;
        self.forget(CharacterId::from_uuid(id));
        Ok(RatingView { rating, average: sum as f64 / ratings.max(1) as f64, ratings })
    }
}
