//! What is known of a model: how much it reads, what it costs, what it can do.

use std::collections::BTreeMap;

use greenroom_actors::domain::Price;
use serde::{Deserialize, Serialize};

/// Dollars of one price at most: beyond is a slip of the keyboard.
const PRICE_MAX: f64 = 100_000.0;
const MICROS_PER_DOLLAR: f64 = 1_000_000.0;
/// What binary fractions may differ from the decimal that was written.
const DECIMAL_SLACK: f64 = 0.001;

/// What a model can be asked for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// Replies of characters.
    Chat,
    /// Judging texts.
    Moderation,
    /// Text to speech.
    Speech,
    /// Speech to text.
    Transcription,
    Image,
    Video,
    /// Replies to pictures: it is shown them, where others are told that there is one.
    Vision,
}

impl Capability {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Moderation => "moderation",
            Self::Speech => "speech",
            Self::Transcription => "transcription",
            Self::Image => "image",
            Self::Video => "video",
            Self::Vision => "vision",
        }
    }
}

/// How good a picture or a video is to be.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    #[default]
    Standard,
    Hd,
    Premium,
}

impl Quality {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Hd => "hd",
            Self::Premium => "premium",
        }
    }
}

/// How a picture's sides stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Square,
    Wide,
    Tall,
}

/// One model as the settings tell of it. What is left out is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelSettings {
    /// Tokens of prompt and reply together; not known, it is not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u32>,
    /// Not known, its calls are accounted at nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceSettings>,
    pub capabilities: Vec<Capability>,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self { context_tokens: None, price: None, capabilities: vec![Capability::Chat] }
    }
}

/// In US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PriceSettings {
    /// Per million tokens, as the next two.
    #[serde(skip_serializing_if = "is_nothing")]
    pub input: f64,
    /// Of the prompt, from the provider's cache; as `input` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<f64>,
    #[serde(skip_serializing_if = "is_nothing")]
    pub output: f64,
    /// Of speech, per million characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_million_characters: Option<f64>,
    /// Of transcription, per minute of sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<f64>,
    /// Of pictures, each, by quality; one that is left out is as the one before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_image: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_image_hd: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_image_premium: Option<f64>,
    /// Of pictures that are not square; as those that are, where they are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_wide_image: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_wide_image_hd: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_wide_image_premium: Option<f64>,
    /// Of videos, per second; of the better qualities too, where `per_second_hd` is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second_hd: Option<f64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_nothing(price: &f64) -> bool {
    *price == 0.0
}

/// What is not priced by token, in micro-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitPrice {
    pub per_million_characters: u64,
    pub per_minute: u64,
    pub per_image: PicturePrice,
    /// Of a second of video: standard, and better.
    pub per_second: [u64; 2],
}

/// What a picture costs by its quality, in micro-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PicturePrice {
    pub square: [u64; 3],
    pub wide: [u64; 3],
}

impl UnitPrice {
    #[must_use]
    pub fn picture(&self, quality: Quality, shape: Shape) -> u64 {
        let by_quality = if shape == Shape::Square { &self.per_image.square } else { &self.per_image.wide };
        by_quality[quality as usize]
    }

    /// Of a second of video.
    #[must_use]
    pub fn second(&self, quality: Quality) -> u64 {
        self.per_second[usize::from(quality != Quality::Standard)]
    }
}

impl PriceSettings {
    /// Each by its name; the optional ones where they are given.
    fn named(&self) -> impl Iterator<Item = (&'static str, f64)> {
        [
            ("input", Some(self.input)),
            ("cached_input", self.cached_input),
            ("output", Some(self.output)),
            ("per_million_characters", self.per_million_characters),
            ("per_minute", self.per_minute),
            ("per_image", self.per_image),
            ("per_image_hd", self.per_image_hd),
            ("per_image_premium", self.per_image_premium),
            ("per_wide_image", self.per_wide_image),
            ("per_wide_image_hd", self.per_wide_image_hd),
            ("per_wide_image_premium", self.per_wide_image_premium),
            ("per_second", self.per_second),
            ("per_second_hd", self.per_second_hd),
        ]
        .into_iter()
        .filter_map(|(name, dollars)| Some((name, dollars?)))
    }

    /// The first one that is no price, and why.
    pub(in crate::config) fn problem(&self) -> Option<(&'static str, &'static str)> {
        self.named().find_map(|(name, dollars)| {
            if !(0.0..=PRICE_MAX).contains(&dollars) {
                return Some((name, "takes dollars, 0 to 100000"));
            }
            let micros = dollars * MICROS_PER_DOLLAR;
            ((micros - micros.round()).abs() > DECIMAL_SLACK).then_some((name, "takes at most six decimals"))
        })
    }

    /// Exact: a price of at most six decimals is a whole number of micro-dollars.
    #[must_use]
    pub fn per_tokens(&self) -> Price {
        Price {
            input: micros(self.input),
            cached_input: micros(self.cached_input.unwrap_or(self.input)),
            output: micros(self.output),
        }
    }

    #[must_use]
    pub fn per_unit(&self) -> UnitPrice {
        UnitPrice {
            per_million_characters: micros(self.per_million_characters.unwrap_or_default()),
            per_minute: micros(self.per_minute.unwrap_or_default()),
            per_image: self.per_picture(),
            per_second: [self.per_second, self.per_second_hd.or(self.per_second)]
                .map(|dollars| micros(dollars.unwrap_or_default())),
        }
    }

    fn per_picture(&self) -> PicturePrice {
        let hd = self.per_image_hd.or(self.per_image);
        let square = [self.per_image, hd, self.per_image_premium.or(hd)];
        let wide_hd = self.per_wide_image_hd.or(self.per_wide_image);
        let wide = [self.per_wide_image, wide_hd, self.per_wide_image_premium.or(wide_hd)];
        let micros = |dollars: Option<f64>| micros(dollars.unwrap_or_default());
        let wide = [wide[0].or(square[0]), wide[1].or(square[1]), wide[2].or(square[2])];
        PicturePrice { square: square.map(micros), wide: wide.map(micros) }
    }
}

/// Negative and absurd ones are refused when settings are checked.
fn micros(dollars: f64) -> u64 {
    (dollars.clamp(0.0, PRICE_MAX) * MICROS_PER_DOLLAR).round() as u64
}

/// A model with all that can be told of one: the names that its settings have.
pub(in crate::config) fn with_all() -> ModelSettings {
    let price = PriceSettings {
        input: 1.0,
        cached_input: Some(1.0),
        output: 1.0,
        per_million_characters: Some(1.0),
        per_minute: Some(1.0),
        per_image: Some(1.0),
        per_image_hd: Some(1.0),
        per_image_premium: Some(1.0),
        per_wide_image: Some(1.0),
        per_wide_image_hd: Some(1.0),
        per_wide_image_premium: Some(1.0),
        per_second: Some(1.0),
        per_second_hd: Some(1.0),
    };
    ModelSettings { context_tokens: Some(1), price: Some(price), capabilities: Vec::new() }
}

/// The models of one provider, by the names that it has for them.
pub type Models = BTreeMap<String, ModelSettings>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_becomes_micro_dollars_to_the_last_digit() {
        let price =
            PriceSettings { input: 0.075, cached_input: None, output: 4.5, ..PriceSettings::default() };
        assert_eq!(price.per_tokens(), Price { input: 75_000, cached_input: 75_000, output: 4_500_000 });
        let finest = PriceSettings { input: 0.000_001, ..price };
        assert_eq!((finest.problem(), finest.per_tokens().input), (None, 1));
        for cents in 0..10_000_u64 {
            let price = PriceSettings { input: cents as f64 / 100.0, ..price };
            assert_eq!((price.problem(), price.per_tokens().input), (None, cents * 10_000));
        }
    }

    #[test]
    fn a_picture_costs_by_its_quality_and_shape_and_a_second_by_its_quality() {
        let none = PriceSettings::default();
        let flat = PriceSettings { per_image: Some(0.02), per_second: Some(0.05), ..none }.per_unit();
        assert_eq!(flat.picture(Quality::Premium, Shape::Tall), 20_000);
        assert_eq!((flat.second(Quality::Standard), flat.second(Quality::Premium)), (50_000, 50_000));
        let graded = PriceSettings {
            per_image: Some(0.009),
            per_image_hd: Some(0.034),
            per_image_premium: Some(0.133),
            per_wide_image: Some(0.013),
            per_wide_image_premium: Some(0.2),
            per_second: Some(0.3),
            per_second_hd: Some(0.5),
            ..none
        };
        let graded = graded.per_unit();
        assert_eq!(graded.picture(Quality::Hd, Shape::Square), 34_000);
        assert_eq!(graded.picture(Quality::Hd, Shape::Wide), 13_000, "as the one before it");
        assert_eq!(graded.picture(Quality::Premium, Shape::Wide), 200_000);
        assert_eq!(graded.second(Quality::Hd), 500_000);
    }

    #[test]
    fn what_is_no_price_is_named() {
        let problem = |input| PriceSettings { input, ..PriceSettings::default() }.problem();
        assert_eq!(problem(-0.01), Some(("input", "takes dollars, 0 to 100000")));
        assert_eq!(problem(f64::NAN), Some(("input", "takes dollars, 0 to 100000")));
        assert_eq!(problem(0.000_000_1), Some(("input", "takes at most six decimals")));
        let minute = PriceSettings { per_minute: Some(-1.0), ..PriceSettings::default() };
        assert_eq!(minute.problem().map(|(name, _)| name), Some("per_minute"));
    }
}
