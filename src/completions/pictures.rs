//! Pictures that come along with messages: fetched where they came by address, really decoded, and made into what a model is shown.
//!
//! Nothing of them is kept. What is at an address is fetched by whoever may be reached by everybody
//! ([`Fetcher`](crate::outbound::fetch::Fetcher)), since an address is its sender's choice. One after the other, all within [`WITHIN`].

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use bytes::Bytes;
use data_encoding::HEXLOWER;
use greenroom_actors::completion::Line;
use greenroom_actors::ports::{InlinePicture, PromptImage};
use sha2::{Digest, Sha256};
use tokio::time::timeout_at;

use super::Completions;
use super::body::{Said, Sent, Whence, refused};
use crate::error::{ApiError, ApiResult};
use crate::media::{Fault, NotShown};
use crate::outbound::fetch::FetchError;

/// For all pictures of a request.
const WITHIN: Duration = Duration::from_secs(30);
/// What the other side must say that it sends.
const KINDS: [&str; 1] = ["image/"];

impl Completions {
    /// The lines with their pictures as they are shown.
    pub(super) async fn see(&self, said: Vec<Said>) -> ApiResult<Vec<Line>> {
        let end = tokio::time::Instant::now() + WITHIN;
        let mut lines = Vec::with_capacity(said.len());
        for Said { by, text, pictures } in said {
            let mut shown = Vec::with_capacity(pictures.len());
            for sent in pictures {
                let field = sent.field.clone();
                let seen = timeout_at(end, self.show(sent)).await;
                let late =
                    || refused(&field, "failed_to_download_image", "it took too long to get the pictures");
                shown.push(seen.unwrap_or_else(|_| Err(late()))?);
            }
            lines.push(Line { by, text, pictures: shown });
        }
        Ok(lines)
    }

    async fn show(&self, Sent { field, whence, size }: Sent) -> ApiResult<PromptImage> {
        let bytes = match whence {
            Whence::Data(bytes) => bytes,
            Whence::Address(address) => self.fetched(&address, &field).await?,
        };
        let made = self.media.shown(bytes, size).await.map_err(|error| not_shown(&error, &field))?;
        // As good as a name: the same picture has the same.
        let digest = Sha256::digest(&made.bytes);
        let name = HEXLOWER.encode(&digest);
        Ok(PromptImage {
            object: Arc::from(format!("inline/{name}.webp")),
            width: made.width,
            height: made.height,
            bytes: made.bytes.len() as u64,
            inline: Some(InlinePicture(made.bytes)),
        })
    }

    async fn fetched(&self, address: &str, field: &str) -> ApiResult<Bytes> {
        let max = self.media.settings().image_max_bytes;
        match self.fetcher.get_within(address, &KINDS, max).await {
            Ok(fetched) => Ok(fetched.bytes),
            Err(error) => {
                let code = match error {
                    FetchError::Refused(_) => "invalid_image_url",
                    FetchError::TooLarge(_) => "image_file_too_large",
                    FetchError::OtherKind => "unsupported_image_media_type",
                    FetchError::Gone(_) | FetchError::Again(_) => "failed_to_download_image",
                };
                Err(refused(field, code, error))
            }
        }
    }
}

fn not_shown(error: &NotShown, field: &str) -> ApiError {
    match error {
        NotShown::Busy => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", error.to_string()),
        NotShown::Fault(fault) => {
            let code = match fault {
                Fault::Empty => "empty_image_file",
                Fault::Unknown(_) => "invalid_image_format",
                Fault::Truncated | Fault::Broken(_) => "image_parse_error",
                Fault::TooLarge { .. } | Fault::TooManyFrames(_) | Fault::TooHeavy { .. } => {
                    "image_too_large"
                }
            };
            refused(field, code, fault)
        }
    }
}
