//! How large a picture or a video is to be.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::config::Shape;
pub use crate::config::{SIDE_MAX, SIDE_MIN};

/// Width and height in pixels, 64 to 4096 each; written `1024x1536`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dimensions {
    width: u32,
    height: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no size: two sides of {SIDE_MIN} to {SIDE_MAX} pixels, such as 1024x1536")]
pub struct NoDimensions;

impl Dimensions {
    pub fn new(width: u32, height: u32) -> Result<Self, NoDimensions> {
        let fits = |side| (SIDE_MIN..=SIDE_MAX).contains(&side);
        if fits(width) && fits(height) { Ok(Self { width, height }) } else { Err(NoDimensions) }
    }

    #[must_use]
    pub fn width(self) -> u32 {
        self.width
    }

    #[must_use]
    pub fn height(self) -> u32 {
        self.height
    }

    /// Up to a tenth off is still square.
    #[must_use]
    pub fn shape(self) -> Shape {
        if self.width * 10 > self.height * 11 {
            Shape::Wide
        } else if self.height * 10 > self.width * 11 {
            Shape::Tall
        } else {
            Shape::Square
        }
    }

    /// The one of these `width:height` that comes nearest.
    pub(super) fn nearest<'a>(self, ratios: &[&'a str]) -> &'a str {
        let own = (f64::from(self.width) / f64::from(self.height)).ln();
        let off = |ratio: &str| {
            let (width, height) = ratio.split_once(':').unwrap_or((ratio, "1"));
            let side = |text: &str| text.parse::<f64>().unwrap_or(1.0);
            ((side(width) / side(height)).ln() - own).abs()
        };
        ratios.iter().copied().min_by(|one, other| off(one).total_cmp(&off(other))).unwrap_or("1:1")
    }
}

impl fmt::Display for Dimensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Dimensions {
    type Err = NoDimensions;

    fn from_str(text: &str) -> Result<Self, NoDimensions> {
        let (width, height) = text.split_once(['x', 'X']).ok_or(NoDimensions)?;
        let side =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        Self::new(side(width).ok_or(NoDimensions)?, side(height).ok_or(NoDimensions)?)
    }
}

impl TryFrom<String> for Dimensions {
    type Error = NoDimensions;

    fn try_from(text: String) -> Result<Self, NoDimensions> {
        text.parse()
    }
}

impl From<Dimensions> for String {
    fn from(size: Dimensions) -> Self {
        size.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_as_it_is_written_and_nothing_else_is_one() {
        let size: Dimensions = "1024x1536".parse().unwrap();
        assert_eq!((size.width(), size.height(), size.to_string().as_str()), (1_024, 1_536, "1024x1536"));
        for wrong in
            ["", "1024", "1024x", "x1024", "63x64", "64x4097", "+64x64", "64x64x64", "1e3x64", "64 x 64"]
        {
            assert_eq!(wrong.parse::<Dimensions>(), Err(NoDimensions), "{wrong}");
        }
    }

    #[test]
    fn a_shape_is_told_from_the_sides() {
        let shape = |text: &str| text.parse::<Dimensions>().unwrap().shape();
        assert_eq!((shape("512x512"), shape("550x500")), (Shape::Square, Shape::Square));
        assert_eq!((shape("720x1280"), shape("1280x720")), (Shape::Tall, Shape::Wide));
        let nearest =
            |text: &str| text.parse::<Dimensions>().unwrap().nearest(&["1:1", "16:9", "9:16", "4:3"]);
        assert_eq!((nearest("1280x720"), nearest("1024x768"), nearest("720x1280")), ("16:9", "4:3", "9:16"));
    }
}
