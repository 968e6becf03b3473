//! Pictures.

use async_openai::traits::RequestOptionsBuilder;
use async_openai::types::InputSource;
use async_openai::types::images::{
    CreateImageEditRequest, ImageEditInput, ImageInput, ImageModel, ImageQuality, ImageSize,
};
use bytes::Bytes;
use greenroom_actors::domain::Purpose;
use greenroom_actors::ports::{Calls, Cause, GenerateError, GenerateErrorKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::family::{Painter, References, cut};
use super::result::{data_url, fetched, from_base64, picture_type};
use super::{Artist, Hand, PaintRequest, Painted, begin, beside, end, offline, offline_back_end};
use crate::ai::Capable;
use crate::ai::openai::pseudonym;
use crate::config::{Capability, Quality};

/// Of a prompt that a provider made of ours.
const REVISED_MAX_CHARS: usize = 4_000;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Vec<Made>,
}

#[derive(Deserialize)]
struct Made {
    b64_json: Option<String>,
    url: Option<String>,
    revised_prompt: Option<String>,
}

impl Artist {
    /// A picture. What it costs stands in `calls`, whatever becomes of it.
    pub async fn paint(&self, request: PaintRequest, calls: &Calls) -> Result<Painted, GenerateError> {
        match self.hand(Capability::Image)? {
            Hand::Model(model) => self.painted(&model, &request, calls).await,
            Hand::Offline => {
                begin(&offline_back_end(), Purpose::Image, 0, 1, calls);
                let drawn = beside(move || offline::picture(&request.prompt, request.size)).await;
                end(&drawn, calls);
                Ok(Painted { bytes: drawn?, mime: "image/png", revised_prompt: None, drawn_offline: true })
            }
        }
    }

    async fn painted(
        &self,
        model: &Capable,
        request: &PaintRequest,
        calls: &Calls,
    ) -> Result<Painted, GenerateError> {
        let family = Painter::of(&model.back_end.model);
        let reference = match request.reference.clone().filter(|_| family.references() != References::None) {
            None => None,
            Some(bytes) => Some((picture_type(&bytes).ok_or_else(no_picture)?, bytes)),
        };
        let timeout = self.settings.image_timeout();
        let mut asking = model.admitted(timeout).await?;
        let price = model.unit_price.picture(request.quality, request.size.shape());
        begin(&model.back_end, Purpose::Image, price, 1, calls);
        // As text it takes a third more, and the provider's words beside it.
        let client = model.client_within(timeout, self.settings.image_max_bytes / 3 * 4 + 64 * 1024);
        let name = &*model.back_end.model;
        let answer = match (reference, family.references()) {
            (Some((mime, bytes)), References::Form) => {
                let form = form(family, name, request, (mime, bytes));
                asking.hear(client.images().edit_byot::<_, Answer>(form)).await
            }
            (Some((mime, bytes)), References::Json) => {
                let mut body = family.body(name, request);
                let picture = json!({ "type": "image_url", "url": data_url(&bytes, mime) });
                body.insert("image".to_owned(), picture);
                let edits = client.images().path("/images/edits");
                let edits = edits.map_err(|error| model.fault(&error).error)?;
                asking.hear(edits.generate_byot::<_, Answer>(Value::Object(body))).await
            }
            _ => {
                let body = Value::Object(family.body(name, request));
                asking.hear(client.images().generate_byot::<_, Answer>(body)).await
            }
        };
        // From here on it was made, and is paid for.
        end(&answer, calls);
        let Some(made) = answer?.data.into_iter().next() else {
            return Err(asking.broken("no picture in the answer"));
        };
        let bytes = match (made.b64_json, made.url) {
            (Some(text), _) => match from_base64(&text, self.settings.image_max_bytes) {
                Ok(bytes) => bytes,
                Err(why) => return Err(asking.broken(&format!("the picture: {why}"))),
            },
            (None, Some(url)) => {
                let max = self.settings.image_max_bytes as u64;
                match fetched(&self.fetcher, &url, &["image/", "application/octet-stream"], max).await {
                    Ok(bytes) => bytes,
                    Err(error) => return Err(asking.lost(error)),
                }
            }
            (None, None) => return Err(asking.broken("neither a picture nor an address of one")),
        };
        let Some(mime) = picture_type(&bytes) else {
            return Err(asking.broken("what came is no picture"));
        };
        asking.done();
        let revised_prompt = made.revised_prompt.filter(|text| !text.trim().is_empty());
        let revised_prompt = revised_prompt.map(|text| cut(&text, REVISED_MAX_CHARS).to_owned());
        Ok(Painted { bytes, mime, revised_prompt, drawn_offline: false })
    }
}

/// A request to make a picture like another one.
fn form(
    family: Painter,
    model: &str,
    request: &PaintRequest,
    (mime, bytes): (&'static str, Bytes),
) -> CreateImageEditRequest {
    let quality = match (family, request.quality) {
        (Painter::GptImage, Quality::Standard) => Some(ImageQuality::Low),
        (Painter::GptImage, Quality::Hd) => Some(ImageQuality::Medium),
        (Painter::GptImage, Quality::Premium) => Some(ImageQuality::High),
        _ => None,
    };
    let ending = mime.trim_start_matches("image/");
    let source = InputSource::Bytes { filename: format!("reference.{ending}"), bytes };
    CreateImageEditRequest {
        image: ImageEditInput::Image(ImageInput { source }),
        prompt: cut(&request.prompt, family.prompt_max()).to_owned(),
        model: ImageModel::Other(model.to_owned()),
        n: Some(1),
        size: family.size(request.size).map(ImageSize::Other),
        quality,
        safety_identifier: Some(pseudonym(request.user)),
        ..CreateImageEditRequest::default()
    }
}

pub(super) fn no_picture() -> GenerateError {
    let error = GenerateError::new(GenerateErrorKind::Refused, "the picture to begin with is none");
    GenerateError { cause: Cause::Content, ..error }
}
