//! What clients send, checked field by field.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::kinds::{Kind, Quality, State, Wording};
use super::{Contents, Filter, Wanted};
use crate::error::{ApiError, FieldError};

const CLIENT_ID_MAX_CHARS: usize = 64;

/// A picture that is wanted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = GenerateImage)]
pub(super) struct ImageBody {
    /// What is to be seen: 1 to 2000 characters.
    #[schema(example = "a lighthouse at dusk, gulls, a storm far out")]
    pub prompt: Option<String>,
    /// One of your avatars, whose looks it keeps.
    pub avatar_id: Option<Uuid>,
    /// `standard` where none is named.
    pub quality: Option<String>,
    /// One of those that `/content/costs` lists; the first where none is named.
    #[schema(example = "1024x1024")]
    pub size: Option<String>,
    /// False: the provider is told what you wrote, with the avatar's looks. True where it is left out.
    pub optimize: Option<bool>,
    /// What the provider is told in place of the prompt: what `/content/optimize` made, as you changed it.
    pub optimized_prompt: Option<String>,
    /// Your name for it, 1 to 64 characters: the same one twice is one picture, and one payment.
    pub client_id: Option<String>,
}

/// A video that is wanted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = GenerateVideo)]
pub(super) struct VideoBody {
    #[serde(flatten)]
    pub image: ImageBody,
    /// What it begins with: a picture that was made for you, or a file of yours.
    pub image_id: Option<Uuid>,
    /// One of those that `/content/costs` lists; the first where none is named.
    #[schema(example = 4)]
    pub seconds: Option<u32>,
}

/// A wish that is to be worded better.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OptimizePrompt)]
pub(super) struct OptimizeBody {
    pub prompt: Option<String>,
    pub avatar_id: Option<Uuid>,
    /// `image` where none is named.
    pub kind: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OptimizedPrompt)]
pub(super) struct OptimizedView {
    pub optimized_prompt: String,
}

/// Which contents are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListParams {
    /// `image` or `video`.
    pub kind: Option<String>,
    /// `queued`, `optimizing`, `generating`, `storing`, `done`, `failed` or `canceled`.
    pub state: Option<String>,
    pub avatar_id: Option<Uuid>,
    /// `standard`, `hd` or `premium`.
    pub quality: Option<String>,
    /// Asked for from this moment on: RFC 3339, or a day of UTC.
    pub from: Option<String>,
    /// Asked for before this moment; of a day, until its end.
    pub to: Option<String>,
}

impl ListParams {
    pub fn filter(&self) -> Result<Filter, ApiError> {
        let mut wrong = Vec::new();
        let filter = Filter {
            kind: word(&mut wrong, "kind", self.kind.as_deref(), Kind::parse, "takes image or video"),
            state: word(
                &mut wrong,
                "state",
                self.state.as_deref(),
                State::parse,
                "takes queued, optimizing, generating, storing, done, failed or canceled",
            ),
            avatar: self.avatar_id,
            quality: word(&mut wrong, "quality", self.quality.as_deref(), Quality::parse, QUALITIES),
            from: word(&mut wrong, "from", self.from.as_deref(), |text| moment(text, 0), MOMENT),
            to: word(&mut wrong, "to", self.to.as_deref(), |text| moment(text, 1), MOMENT),
        };
        if wrong.is_empty() { Ok(filter) } else { Err(ApiError::bad_request(wrong)) }
    }
}

const QUALITIES: &str = "takes standard, hd or premium";
const MOMENT: &str = "takes a moment such as 2026-01-31T12:00:00Z, or a day such as 2026-01-31";

/// A moment; a day is its beginning, `days` later.
fn moment(text: &str, days: i64) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let day: Date = text.parse().ok()?;
    let day = day.checked_add(jiff::Span::new().days(days)).ok()?;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn word<T>(
    wrong: &mut Vec<FieldError>,
    field: &'static str,
    text: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
    takes: &'static str,
) -> Option<T> {
    let text = text.filter(|text| !text.is_empty())?;
    let read = read(text);
    if read.is_none() {
        wrong.push(FieldError::new(field, takes));
    }
    read
}

/// A text of 1 to so many characters, without what is around it.
fn text(wrong: &mut Vec<FieldError>, field: &'static str, given: Option<&str>, max_chars: usize) -> String {
    let text = given.unwrap_or_default().trim();
    if given.is_none() {
        wrong.push(FieldError::new(field, "is missing"));
    } else if text.is_empty() || text.chars().count() > max_chars || text.contains('\0') {
        wrong.push(FieldError::new(field, format!("takes 1 to {max_chars} characters")));
    }
    text.to_owned()
}

impl Contents {
    pub(super) fn wanted_image(&self, body: &ImageBody) -> Result<Wanted, ApiError> {
        self.wanted(Kind::Image, body, None, None)
    }

    pub(super) fn wanted_video(&self, body: &VideoBody) -> Result<Wanted, ApiError> {
        self.wanted(Kind::Video, &body.image, body.image_id, body.seconds)
    }

    fn wanted(
        &self,
        kind: Kind,
        body: &ImageBody,
        image: Option<Uuid>,
        seconds: Option<u32>,
    ) -> Result<Wanted, ApiError> {
        let settings = self.settings();
        let mut wrong = Vec::new();
        let prompt = text(&mut wrong, "prompt", body.prompt.as_deref(), settings.prompt_max_chars);
        let optimized = body.optimized_prompt.as_deref().filter(|text| !text.trim().is_empty());
        let optimized = optimized
            .map(|given| text(&mut wrong, "optimizedPrompt", Some(given), settings.optimized_max_chars));
        let client_id = body
            .client_id
            .as_deref()
            .map(|given| text(&mut wrong, "clientId", Some(given), CLIENT_ID_MAX_CHARS));
        let quality = word(&mut wrong, "quality", body.quality.as_deref(), Quality::parse, QUALITIES);
        if !wrong.is_empty() {
            return Err(ApiError::bad_request(wrong));
        }
        let improved = body.optimize.unwrap_or(true) && optimized.is_none();
        Ok(Wanted {
            kind,
            client_id,
            prompt,
            optimized,
            wording: if improved { Wording::Improved } else { Wording::AsWritten },
            avatar: body.avatar_id,
            image,
            quality: quality.unwrap_or(Quality::Standard),
            size: body.size.clone().filter(|size| !size.is_empty()),
            seconds,
        })
    }

    /// A wish that is to be worded better.
    pub(super) fn wish(&self, body: &OptimizeBody) -> Result<(Kind, String), ApiError> {
        let mut wrong = Vec::new();
        let prompt = text(&mut wrong, "prompt", body.prompt.as_deref(), self.settings().prompt_max_chars);
        let kind = word(&mut wrong, "kind", body.kind.as_deref(), Kind::parse, "takes image or video");
        if wrong.is_empty() {
            Ok((kind.unwrap_or(Kind::Image), prompt))
        } else {
            Err(ApiError::bad_request(wrong))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_whole_day() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(moment("2026-01-31", 0), Some(at("2026-01-31T00:00:00Z")));
        assert_eq!(moment("2026-01-31", 1), Some(at("2026-02-01T00:00:00Z")));
        assert_eq!(moment("2026-01-31T12:00:00+02:00", 1), Some(at("2026-01-31T10:00:00Z")));
        for wrong in ["yesterday", "2026-02-30", "", "1"] {
            assert_eq!(moment(wrong, 0), None, "{wrong:?}");
        }
    }
}
