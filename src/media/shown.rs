//! A picture that comes along with a question, for a model to look at: really decoded, within the bounds of uploads, made smaller and
//! freed of all that it tells beside its pixels. Nothing of it is kept.

use std::time::Duration;

use bytes::Bytes;

use super::files::Size;
use super::pictures::{self, Version};
use super::{Fault, Media};

/// How long it waits for its turn: who asks waits for it.
const WAIT: Duration = Duration::from_secs(10);
/// Bytes that it takes beside what decoding does, times its own.
const COPIES: u64 = 3;

/// Why it is not shown.
#[derive(Debug, thiserror::Error)]
pub enum NotShown {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error("too many pictures are looked at just now")]
    Busy,
}

impl Media {
    /// The version of this size, as WebP. PNG, JPEG, WebP or GIF by content, whatever it was called.
    pub async fn shown(&self, bytes: Bytes, size: Size) -> Result<Version, NotShown> {
        let bounds = self.bounds();
        let takes = pictures::look(&bytes, &bounds)?.memory + COPIES * bytes.len() as u64;
        let claimed = tokio::time::timeout(WAIT, self.decoding.claim(takes)).await;
        let Ok(Ok(permit)) = claimed else { return Err(NotShown::Busy) };
        let work = self.decoding.run(move || {
            let made = pictures::version(&bytes, &bounds, size);
            // Held until what it counts is gone, also where nobody waits for it any more.
            drop(bytes);
            drop(permit);
            made
        });
        Ok(work.await.ok_or(NotShown::Busy)??)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::ImageFormat;

    use super::*;
    use crate::media::pictures::Bounds;

    fn picture(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(width, height).write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn one_version_is_as_large_as_it_is_called_and_never_larger_than_the_picture() {
        let of = |bytes: &[u8], size| pictures::version(bytes, &Bounds::default(), size).unwrap();
        let large = picture(2_000, 1_000);
        for (size, width, height) in [
            (Size::Thumbnail, 150, 150),
            (Size::Small, 400, 200),
            (Size::Medium, 800, 400),
            (Size::Large, 1_200, 600),
        ] {
            let made = of(&large, size);
            assert_eq!((made.size, made.width, made.height), (size, width, height));
            let decoded = image::load_from_memory_with_format(&made.bytes, ImageFormat::WebP).unwrap();
            assert_eq!((decoded.width(), decoded.height()), (width, height));
        }
        let made = of(&picture(30, 20), Size::Large);
        assert_eq!((made.width, made.height), (30, 20));
    }

    #[test]
    fn what_is_cut_off_within_its_pixels_is_no_picture() {
        let whole = picture(300, 200);
        let cut = pictures::version(&whole[..whole.len() - 20], &Bounds::default(), Size::Medium);
        assert!(matches!(cut, Err(Fault::Truncated | Fault::Broken(_))), "{cut:?}");
    }
}
