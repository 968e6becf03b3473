//! What the families of models want to be told, and how. By the name of the model: an operator may reach the same model by
//! another address.

use serde_json::{Map, Value, json};

use super::{Dimensions, FilmRequest, PaintRequest};
use crate::ai::openai::pseudonym;
use crate::config::{Quality, Shape};

/// Shapes that xAI makes: docs.x.ai/developers/model-capabilities/images/generation, "Aspect ratio".
const GROK_IMAGE_RATIOS: [&str; 7] = ["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"];
/// docs.x.ai/developers/model-capabilities/video/generation: the same.
const GROK_VIDEO_RATIOS: [&str; 7] = GROK_IMAGE_RATIOS;
const GROK_VIDEO_SECONDS: (u32, u32) = (1, 15);
/// Lengths of Sora: platform.openai.com/docs/api-reference/videos/create, `seconds`.
const SORA_SECONDS: [u32; 3] = [4, 8, 12];

/// Families of models for pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Painter {
    GptImage,
    DallE3,
    DallE2,
    /// `grok-imagine-…`
    GrokImagine,
    /// Earlier ones of xAI: "`quality`, `size` or `style` are not supported by xAI API currently".
    Grok,
    /// Of whatever else speaks the API: as little as possible.
    Other,
}

/// Whether a family looks at a picture, and how it takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum References {
    /// `/images/edits` as a form.
    Form,
    /// `/images/edits` in JSON, with the picture as a data URL: docs.x.ai/developers/model-capabilities/images/editing.
    Json,
    None,
}

impl Painter {
    pub fn of(model: &str) -> Self {
        let is = |start: &str| model.rsplit('/').next().unwrap_or(model).starts_with(start);
        if is("gpt-image") || is("chatgpt-image") {
            Self::GptImage
        } else if is("dall-e-3") {
            Self::DallE3
        } else if is("dall-e-2") {
            Self::DallE2
        } else if is("grok-imagine") {
            Self::GrokImagine
        } else if is("grok") {
            Self::Grok
        } else {
            Self::Other
        }
    }

    pub fn references(self) -> References {
        match self {
            // platform.openai.com/docs/api-reference/images/createEdit: "gpt-image models and dall-e-2".
            Self::GptImage | Self::DallE2 => References::Form,
            Self::GrokImagine => References::Json,
            Self::DallE3 | Self::Grok | Self::Other => References::None,
        }
    }

    /// Characters of a prompt that are read: platform.openai.com/docs/api-reference/images/create, `prompt`; others do not
    /// tell.
    pub fn prompt_max(self) -> usize {
        match self {
            Self::GptImage => 32_000,
            Self::DallE2 => 1_000,
            Self::DallE3 | Self::GrokImagine | Self::Grok | Self::Other => 4_000,
        }
    }

    /// The size by the name that the family has for one of this shape: images/create, `size`.
    pub fn size(self, size: Dimensions) -> Option<String> {
        let sized = |square: &str, wide: &str, tall: &str| {
            let name = match size.shape() {
                Shape::Square => square,
                Shape::Wide => wide,
                Shape::Tall => tall,
            };
            Some(name.to_owned())
        };
        match self {
            Self::GptImage => sized("1024x1024", "1536x1024", "1024x1536"),
            Self::DallE3 => sized("1024x1024", "1792x1024", "1024x1792"),
            Self::DallE2 => Some("1024x1024".to_owned()),
            Self::GrokImagine | Self::Grok => None,
            Self::Other => Some(size.to_string()),
        }
    }

    /// The quality by the family's name: images/create, `quality`.
    pub fn quality(self, quality: Quality) -> Option<&'static str> {
        match (self, quality) {
            (Self::GptImage, Quality::Standard) => Some("low"),
            (Self::GptImage, Quality::Hd) => Some("medium"),
            (Self::GptImage, Quality::Premium) => Some("high"),
            (Self::DallE3, Quality::Standard) => Some("standard"),
            (Self::DallE3, Quality::Hd | Quality::Premium) => Some("hd"),
            (Self::DallE2 | Self::GrokImagine | Self::Grok | Self::Other, _) => None,
        }
    }

    /// The body of a request in JSON.
    pub fn body(self, model: &str, request: &PaintRequest) -> Map<String, Value> {
        let mut body = Map::new();
        let mut set = |name: &str, value: Value| {
            body.insert(name.to_owned(), value);
        };
        set("model", json!(model));
        set("prompt", json!(cut(&request.prompt, self.prompt_max())));
        set("n", json!(1));
        if let Some(size) = self.size(request.size) {
            set("size", json!(size));
        }
        if let Some(quality) = self.quality(request.quality) {
            set("quality", json!(quality));
        }
        match self {
            // "This parameter isn't supported for the GPT image models, which always return base64-encoded images."
            Self::GptImage | Self::Other => {}
            Self::DallE3 | Self::DallE2 | Self::GrokImagine | Self::Grok => {
                set("response_format", json!("b64_json"));
            }
        }
        if self == Self::GrokImagine {
            set("aspect_ratio", json!(request.size.nearest(&GROK_IMAGE_RATIOS)));
            set("resolution", json!(if request.quality == Quality::Premium { "2k" } else { "1k" }));
        }
        if self != Self::Other {
            set("user", json!(pseudonym(request.user)));
        }
        body
    }
}

/// Families of models for videos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filmer {
    /// OpenAI's `/videos`, and whoever does as it does.
    Sora(SoraSizes),
    /// xAI's `/videos/generations`.
    Grok,
}

/// Sizes that a model makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoraSizes {
    Small,
    /// `sora-2-pro` has larger ones: platform.openai.com/docs/guides/video-generation.
    Large,
}

impl Filmer {
    pub fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        if name.starts_with("grok") {
            Self::Grok
        } else if name.starts_with("sora-2-pro") {
            Self::Sora(SoraSizes::Large)
        } else {
            Self::Sora(SoraSizes::Small)
        }
    }

    /// Width and height that are made.
    pub fn sides(self, size: Dimensions, quality: Quality) -> (u32, u32) {
        let large = self == Self::Sora(SoraSizes::Large) && quality != Quality::Standard;
        let (long, short) = if large { (1_792, 1_024) } else { (1_280, 720) };
        // There is no square one.
        if size.shape() == Shape::Tall { (short, long) } else { (long, short) }
    }

    /// The length that is made, in seconds.
    pub fn seconds(self, wanted: u32) -> u32 {
        match self {
            Self::Sora(_) => {
                let longest = SORA_SECONDS[SORA_SECONDS.len() - 1];
                SORA_SECONDS.into_iter().find(|seconds| *seconds >= wanted).unwrap_or(longest)
            }
            Self::Grok => wanted.clamp(GROK_VIDEO_SECONDS.0, GROK_VIDEO_SECONDS.1),
        }
    }

    /// xAI's prompts have 4,096 characters at most; OpenAI's as many as those of pictures.
    pub fn prompt_max(self) -> usize {
        match self {
            Self::Sora(_) => 32_000,
            Self::Grok => 4_096,
        }
    }
}

/// What xAI is asked for a video: docs.x.ai/developers/model-capabilities/video/generation, and /image-to-video.
pub fn grok_video(model: &str, request: &FilmRequest, from: Option<String>) -> Value {
    let mut body = json!({
        "model": model,
        "prompt": cut(&request.prompt, Filmer::Grok.prompt_max()),
        "duration": Filmer::Grok.seconds(request.seconds),
        "resolution": if request.quality == Quality::Standard { "480p" } else { "720p" },
        "user": pseudonym(request.user),
    });
    match from {
        // The video takes the picture's shape.
        Some(url) => body["image"] = json!({ "url": url }),
        None => body["aspect_ratio"] = json!(request.size.nearest(&GROK_VIDEO_RATIOS)),
    }
    body
}

/// So many characters of a text.
pub fn cut(text: &str, max: usize) -> &str {
    text.char_indices().nth(max).map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use greenroom_actors::domain::UserId;

    use super::*;

    fn request(size: &str, quality: Quality) -> PaintRequest {
        PaintRequest {
            prompt: "a \u{1f98a} fox".to_owned(),
            size: size.parse().unwrap(),
            quality,
            reference: None,
            user: UserId::from_uuid(uuid::Uuid::from_u128(7)),
        }
    }

    fn body(model: &str, size: &str, quality: Quality) -> Value {
        let mut body = Painter::of(model).body(model, &request(size, quality));
        assert_eq!(body.remove("n"), Some(json!(1)));
        assert_eq!(body.remove("model"), Some(json!(model)));
        body.remove("prompt");
        if let Some(user) = body.remove("user") {
            assert_eq!(user.as_str().unwrap().len(), 32);
        }
        Value::Object(body)
    }

    #[test]
    fn each_family_is_told_what_it_understands_and_nothing_else() {
        for (model, size, quality, told) in [
            (
                "gpt-image-1.5",
                "800x1200",
                Quality::Standard,
                json!({ "size": "1024x1536", "quality": "low" }),
            ),
            (
                "openai/gpt-image-1",
                "512x512",
                Quality::Premium,
                json!({ "size": "1024x1024", "quality": "high" }),
            ),
            (
                "dall-e-3",
                "1200x800",
                Quality::Premium,
                json!({ "size": "1792x1024", "quality": "hd", "response_format": "b64_json" }),
            ),
            (
                "dall-e-2",
                "1200x800",
                Quality::Hd,
                json!({ "size": "1024x1024", "response_format": "b64_json" }),
            ),
            (
                "grok-imagine-image",
                "1200x800",
                Quality::Premium,
                json!({ "aspect_ratio": "3:2", "resolution": "2k", "response_format": "b64_json" }),
            ),
            ("grok-2-image", "1200x800", Quality::Hd, json!({ "response_format": "b64_json" })),
            ("flux-dev", "1200x800", Quality::Hd, json!({ "size": "1200x800" })),
        ] {
            assert_eq!(body(model, size, quality), told, "{model}");
        }
    }

    #[test]
    fn a_video_has_the_lengths_and_sizes_of_its_model() {
        let sora = Filmer::of("sora-2");
        assert_eq!([1, 4, 5, 12, 60].map(|seconds| sora.seconds(seconds)), [4, 4, 8, 12, 12]);
        assert_eq!([0, 7, 60].map(|seconds| Filmer::Grok.seconds(seconds)), [1, 7, 15]);
        let size = |text: &str| text.parse::<Dimensions>().unwrap();
        assert_eq!(sora.sides(size("1080x1920"), Quality::Premium), (720, 1_280));
        assert_eq!(Filmer::of("sora-2-pro").sides(size("1024x1024"), Quality::Hd), (1_792, 1_024));
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!((cut("a\u{1f98a}b", 2), cut("ab", 2), cut("", 1)), ("a\u{1f98a}", "ab", ""));
    }
}
