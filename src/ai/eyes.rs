//! The pictures of a prompt, as a model that sees takes them: read from the object store when it is asked, or as they came along
//! with what is asked, and sent as data URLs. So no provider needs a way in, and none learns an address of ours.
//!
//! Limits: all pictures of a request together have `engine.images_max_bytes`; one that cannot be had is left out: its message
//! says in words that it is there.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use greenroom_actors::ports::{InlinePicture, PromptImage, PromptMessage};
use image::codecs::jpeg::JpegEncoder;

use crate::media::{FileType, ObjectKey, Objects};

/// Of a JPEG for those who read nothing newer.
const JPEG_QUALITY: u8 = 85;
/// Pixels of a side that are decoded for that: what is shown to models is far smaller.
const DECODED_SIDE_MAX: u32 = 4_096;

/// Which pictures a model reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reads {
    /// PNG, JPEG, WebP and GIF.
    #[default]
    All,
    /// PNG and JPEG.
    OldOnes,
}

/// Pictures as data URLs, by their key in the object store.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(HashMap<Arc<str>, Arc<str>>);

impl Seen {
    pub fn get(&self, object: &str) -> Option<&str> {
        self.0.get(object).map(|url| &**url)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tokens of those that the model gets.
    pub fn tokens(&self, messages: &[PromptMessage]) -> usize {
        let images = messages.iter().flat_map(|message| &message.images);
        images.filter(|image| self.0.contains_key(&image.object)).map(|image| image.tokens()).sum()
    }

    #[cfg(test)]
    pub fn of(object: &str, url: &str) -> Self {
        Self([(object.into(), url.into())].into_iter().collect())
    }
}

/// Reads pictures from the object store. Cheap to clone.
#[derive(Clone)]
pub(super) struct Eyes {
    objects: Objects,
    max_bytes: u64,
}

impl Eyes {
    pub fn new(objects: Objects, max_bytes: u64) -> Self {
        Self { objects, max_bytes }
    }

    /// What there is of the request's pictures; the latest first get a place.
    pub async fn look(&self, messages: &[PromptMessage], reads: Reads) -> Seen {
        let mut seen = Seen::default();
        let mut left = self.max_bytes;
        for image in messages.iter().rev().flat_map(|message| &message.images) {
            if left == 0 || seen.0.contains_key(&image.object) {
                continue;
            }
            match self.picture(image, reads, left).await {
                Ok((bytes, url)) => {
                    left = left.saturating_sub(bytes);
                    seen.0.insert(image.object.clone(), url.into());
                }
                Err(cause) => {
                    tracing::warn!(object = &*image.object, cause, "a picture is not shown to a model");
                }
            }
        }
        seen
    }

    /// Its bytes as it lies in the store or came along, and its data URL.
    async fn picture(&self, image: &PromptImage, reads: Reads, most: u64) -> Result<(u64, String), String> {
        let key = ObjectKey::parse(&image.object).map_err(|error| error.to_string())?;
        let file = key.file_type();
        if !matches!(file, FileType::Png | FileType::Jpeg | FileType::Webp | FileType::Gif) {
            return Err("this is no picture that models read".to_owned());
        }
        let bytes = match &image.inline {
            Some(InlinePicture(bytes)) if bytes.len() as u64 <= most => bytes.clone(),
            Some(_) => return Err(format!("it is larger than {most} bytes")),
            None => self.objects.read(&key, most).await.map_err(|error| error.to_string())?,
        };
        let size = bytes.len() as u64;
        let is_old = matches!(file, FileType::Png | FileType::Jpeg);
        let (mime, bytes) = if reads == Reads::All || is_old {
            (file.mime(), bytes)
        } else {
            let made = tokio::task::spawn_blocking(move || jpeg(&bytes)).await;
            (FileType::Jpeg.mime(), made.map_err(|error| error.to_string())??)
        };
        Ok((size, format!("data:{mime};base64,{}", STANDARD.encode(bytes))))
    }
}

/// The same as JPEG; blocks. What is clear becomes white.
fn jpeg(bytes: &[u8]) -> Result<Bytes, String> {
    let mut reader = image::ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(DECODED_SIDE_MAX), Some(DECODED_SIDE_MAX));
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| error.to_string())?.into_rgba8();
    let (width, height) = picture.dimensions();
    let on_white = image::RgbImage::from_fn(width, height, |x, y| {
        let image::Rgba([red, green, blue, alpha]) = *picture.get_pixel(x, y);
        let mixed = |part: u8| {
            let (part, alpha) = (u32::from(part), u32::from(alpha));
            u8::try_from((part * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
        };
        image::Rgb([mixed(red), mixed(green), mixed(blue)])
    });
    let mut made = Vec::new();
    JpegEncoder::new_with_quality(&mut made, JPEG_QUALITY)
        .encode_image(&on_white)
        .map_err(|error| error.to_string())?;
    Ok(made.into())
}

#[cfg(test)]
mod tests {
    use greenroom_actors::ports::PromptRole;

    use super::*;

    fn picture(alpha: u8) -> image::DynamicImage {
        image::RgbaImage::from_pixel(8, 6, image::Rgba([200, 10, 10, alpha])).into()
    }

    fn encoded(format: image::ImageFormat) -> Bytes {
        let mut bytes = Vec::new();
        picture(255).write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes.into()
    }

    fn asking(objects: &[&str]) -> Vec<PromptMessage> {
        let image = |object: &&str| PromptImage {
            object: (*object).into(),
            width: 8,
            height: 6,
            bytes: 9,
            inline: None,
        };
        let message = |object| PromptMessage {
            images: vec![image(object)],
            ..PromptMessage::new(PromptRole::User, "[image]")
        };
        objects.iter().map(message).collect()
    }

    #[tokio::test]
    async fn pictures_are_read_within_their_bytes_and_what_is_none_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::local(folder.path()).unwrap();
        let (png, webp) = (encoded(image::ImageFormat::Png), encoded(image::ImageFormat::WebP));
        for (key, bytes) in [("a/a.png", &png), ("a/b.webp", &webp), ("a/c.mp3", &png)] {
            objects.put(&ObjectKey::parse(key).unwrap(), bytes.clone()).await.unwrap();
        }
        let request = asking(&["a/a.png", "a/b.webp", "a/c.mp3", "a/gone.png", "../x"]);
        let eyes = Eyes::new(objects.clone(), 1_000_000);
        let seen = eyes.look(&request, Reads::All).await;
        let url = |mime: &str, bytes: &[u8]| format!("data:{mime};base64,{}", STANDARD.encode(bytes));
        assert_eq!(seen.get("a/a.png"), Some(&*url("image/png", &png)));
        assert_eq!(seen.get("a/b.webp"), Some(&*url("image/webp", &webp)));
        assert_eq!((seen.0.len(), seen.tokens(&request)), (2, 2 * 255));
        // Of those that it does not read it gets another form.
        let seen = eyes.look(&request, Reads::OldOnes).await;
        assert_eq!(seen.get("a/a.png"), Some(&*url("image/png", &png)));
        let made = seen.get("a/b.webp").unwrap().strip_prefix("data:image/jpeg;base64,").unwrap();
        let made = image::load_from_memory(&STANDARD.decode(made).unwrap()).unwrap().into_rgb8();
        assert_eq!(made.dimensions(), (8, 6));
        assert!(made.get_pixel(4, 3).0[0] > 180);
        // What came along is not looked for in the store, and has the same bound.
        let mut along = asking(&["inline/1.webp"]);
        along[0].images[0].inline = Some(InlinePicture(webp.clone()));
        let seen = eyes.look(&along, Reads::All).await;
        assert_eq!(seen.get("inline/1.webp"), Some(&*url("image/webp", &webp)));
        let small = Eyes::new(objects.clone(), webp.len() as u64 - 1);
        assert!(small.look(&along, Reads::All).await.is_empty());
        // The latest gets the place.
        let narrow = Eyes::new(objects, webp.len() as u64).look(&request, Reads::All).await;
        assert_eq!((narrow.0.len(), narrow.get("a/b.webp").is_some()), (1, true));
    }

    #[test]
    fn what_is_clear_becomes_white() {
        let mut clear = Vec::new();
        picture(0).write_to(&mut Cursor::new(&mut clear), image::ImageFormat::Png).unwrap();
        let made = image::load_from_memory(&jpeg(&clear).unwrap()).unwrap().into_rgb8();
        assert!(made.get_pixel(2, 2).0.iter().all(|part| *part > 250));
        assert!(jpeg(b"no picture").is_err());
    }
}
