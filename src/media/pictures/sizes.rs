//! From a decoded picture its smaller versions, each from the next larger one, and its blurhash.

use bytes::Bytes;
use fast_image_resize::{FilterType, MulDiv, ResizeAlg, ResizeError, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};
use webp::{Encoder, WebPConfig};

use super::Version;
use crate::media::fault::Fault;
use crate::media::files::Size;

/// Pixels of the longer side, and the quality of WebP, largest first.
const LARGE: (u32, f32) = (1_200, 90.0);
const MEDIUM: (u32, f32) = (800, 85.0);
const SMALL: (u32, f32) = (400, 80.0);
/// Pixels of the thumbnail's sides, and its quality.
const THUMBNAIL: (u32, f32) = (150, 80.0);
/// Pixels of the longer side of what a blurhash is made of: it has but a few waves.
const HASHED: u32 = 32;
/// How hard the encoder tries, of 0 to 6: libwebp's own default.
const METHOD: i32 = 4;

/// All versions, and the blurhash.
pub(super) fn make(
    picture: DynamicImage,
    orientation: Orientation,
    icc: Option<&[u8]>,
) -> Result<(Vec<Version>, String), Fault> {
    let ready = |picture| finished(picture, orientation, icc);
    let (large, strip) = first(picture)?;
    let large = ready(large);
    std::thread::scope(|scope| {
        // The large one takes as long as the others together.
        let encoded = scope.spawn(|| version(Size::Large, LARGE.1, &large));
        let mut resizer = Resizer::new();
        let medium = fitted(&mut resizer, &large, MEDIUM.0)?;
        let small = fitted(&mut resizer, medium.as_ref().unwrap_or(&large), SMALL.0)?;
        let (medium, small) =
            (medium.as_ref().unwrap_or(&large), small.as_ref().or(medium.as_ref()).unwrap_or(&large));
        let strip = strip.map(ready);
        let short = |picture: &DynamicImage| picture.width().min(picture.height());
        let source = match &strip {
            Some(strip) => strip,
            None => {
                [small, medium].into_iter().find(|picture| short(picture) >= THUMBNAIL.0).unwrap_or(&large)
            }
        };
        let thumbnail = square(&mut resizer, source)?;
        let mut versions = vec![
            version(Size::Thumbnail, THUMBNAIL.1, &thumbnail)?,
            version(Size::Small, SMALL.1, small)?,
            version(Size::Medium, MEDIUM.1, medium)?,
        ];
        let blurhash = blurhash(&mut resizer, small)?;
        versions.push(encoded.join().unwrap_or(Err(NO_ENCODING))?);
        Ok((versions, blurhash))
    })
}

/// The version of this size alone.
pub(super) fn one(
    picture: DynamicImage,
    orientation: Orientation,
    icc: Option<&[u8]>,
    size: Size,
) -> Result<Version, Fault> {
    let (large, strip) = first(picture)?;
    let ready = |picture| finished(picture, orientation, icc);
    let mut resizer = Resizer::new();
    let (side, quality) = match size {
        Size::Thumbnail => {
            let square = square(&mut resizer, &ready(strip.unwrap_or(large)))?;
            return version(size, THUMBNAIL.1, &square);
        }
        Size::Small => SMALL,
        Size::Medium => MEDIUM,
        Size::Large => LARGE,
    };
    let large = ready(large);
    let fitted = fitted(&mut resizer, &large, side)?;
    version(size, quality, fitted.as_ref().unwrap_or(&large))
}

/// All of it, as good as the large version.
pub(super) fn whole(
    picture: DynamicImage,
    orientation: Orientation,
    icc: Option<&[u8]>,
) -> Result<Bytes, Fault> {
    Ok(version(Size::Large, LARGE.1, &finished(picture, orientation, icc))?.bytes)
}

const NO_ENCODING: Fault = Fault::Broken("it cannot be made smaller");

/// The large version's pixels; and where that is a strip lower than a thumbnail, the middle of the original, from which the
/// thumbnail is cut then. The original is gone after it: it is the largest thing here.
fn first(mut picture: DynamicImage) -> Result<(DynamicImage, Option<DynamicImage>), Fault> {
    let (width, height) = picture.dimensions();
    let Some((to_width, to_height)) = fit(width, height, LARGE.0) else { return Ok((picture, None)) };
    let alpha = MulDiv::new();
    let has_alpha = picture.color().has_alpha();
    // In place: another one of its size would not do.
    if has_alpha {
        alpha.multiply_alpha_inplace(&mut picture).map_err(|_| NO_ENCODING)?;
    }
    let options = ResizeOptions::new().use_alpha(false);
    let mut resizer = Resizer::new();
    let mut resized = |width, height, options: &ResizeOptions| {
        let mut to = DynamicImage::new(width, height, picture.color());
        resizer.resize(&picture, &mut to, options).map_err(no_resizing)?;
        if has_alpha {
            alpha.divide_alpha_inplace(&mut to).map_err(|_| NO_ENCODING)?;
        }
        Ok::<_, Fault>(to)
    };
    let large = resized(to_width, to_height, &options)?;
    let strip = if to_width.min(to_height) < THUMBNAIL.0 {
        let side = width.min(height).min(THUMBNAIL.0);
        Some(resized(side, side, &options.fit_into_destination(None))?)
    } else {
        None
    };
    Ok((large, strip))
}

/// Eight bits of red, green and blue, with transparency where there is some; the right way up; in sRGB.
fn finished(picture: DynamicImage, orientation: Orientation, icc: Option<&[u8]>) -> DynamicImage {
    let mut picture = if picture.color().has_alpha() {
        let pixels = picture.into_rgba8();
        if pixels.pixels().all(|pixel| pixel.0[3] == u8::MAX) {
            DynamicImage::from(DynamicImage::from(pixels).into_rgb8())
        } else {
            DynamicImage::from(pixels)
        }
    } else {
        DynamicImage::from(picture.into_rgb8())
    };
    picture.apply_orientation(orientation);
    match icc {
        Some(icc) => in_srgb(picture, icc),
        None => picture,
    }
}

/// A profile that is none, or of other colours than the decoder gives, changes nothing.
fn in_srgb(mut picture: DynamicImage, icc: &[u8]) -> DynamicImage {
    let Ok(profile) = ColorProfile::new_from_slice(icc) else { return picture };
    if profile.color_space != DataColorSpace::Rgb {
        return picture;
    }
    let layout = if picture.color().has_alpha() { Layout::Rgba } else { Layout::Rgb };
    let srgb = ColorProfile::new_srgb();
    let Ok(transform) = profile.create_transform_8bit(layout, &srgb, layout, TransformOptions::default())
    else {
        return picture;
    };
    let pixels = match &mut picture {
        DynamicImage::ImageRgb8(pixels) => pixels.as_flat_samples_mut().samples,
        DynamicImage::ImageRgba8(pixels) => pixels.as_flat_samples_mut().samples,
        _ => return picture,
    };
    let from = pixels.to_vec();
    if transform.transform(&from, pixels).is_err() {
        pixels.copy_from_slice(&from);
    }
    picture
}

/// Width and height within a square of `max` pixels, with their proportion; `None` where they are within it already.
fn fit(width: u32, height: u32, max: u32) -> Option<(u32, u32)> {
    let longer = width.max(height);
    let side = |side: u32| {
        let (side, longer, max) = (u64::from(side), u64::from(longer), u64::from(max));
        // Rounded; never nothing.
        u32::try_from(((side * max * 2 + longer) / (longer * 2)).max(1)).unwrap_or(max as u32)
    };
    (longer > max).then(|| (side(width), side(height)))
}

fn fitted(resizer: &mut Resizer, picture: &DynamicImage, max: u32) -> Result<Option<DynamicImage>, Fault> {
    let Some((width, height)) = fit(picture.width(), picture.height(), max) else { return Ok(None) };
    let mut to = DynamicImage::new(width, height, picture.color());
    resizer.resize(picture, &mut to, &ResizeOptions::new()).map_err(no_resizing)?;
    Ok(Some(to))
}

/// The middle of it, of 150 by 150 pixels or as many as there are.
fn square(resizer: &mut Resizer, picture: &DynamicImage) -> Result<DynamicImage, Fault> {
    let side = picture.width().min(picture.height()).min(THUMBNAIL.0);
    let mut to = DynamicImage::new(side, side, picture.color());
    resizer
        .resize(picture, &mut to, &ResizeOptions::new().fit_into_destination(None))
        .map_err(no_resizing)?;
    Ok(to)
}

fn blurhash(resizer: &mut Resizer, picture: &DynamicImage) -> Result<String, Fault> {
    let (width, height) = fit(picture.width(), picture.height(), HASHED).unwrap_or(picture.dimensions());
    let mut to = DynamicImage::new(width, height, picture.color());
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box));
    resizer.resize(picture, &mut to, &options).map_err(no_resizing)?;
    let mut pixels = to.into_rgba8();
    // What is transparent shows the page: white, as most are.
    for pixel in pixels.pixels_mut() {
        let alpha = u16::from(pixel.0[3]);
        for part in &mut pixel.0[..3] {
            *part = ((u16::from(*part) * alpha + 255 * (255 - alpha)) / 255) as u8;
        }
    }
    let (across, down) = if width >= height { (4, 3) } else { (3, 4) };
    blurhash::encode(across, down, width, height, &pixels).map_err(|_| NO_ENCODING)
}

fn version(size: Size, quality: f32, picture: &DynamicImage) -> Result<Version, Fault> {
    let (width, height) = picture.dimensions();
    let encoder = match picture {
        DynamicImage::ImageRgb8(pixels) => Encoder::from_rgb(pixels, width, height),
        DynamicImage::ImageRgba8(pixels) => Encoder::from_rgba(pixels, width, height),
        _ => return Err(NO_ENCODING),
    };
    let mut config = WebPConfig::new().map_err(|()| NO_ENCODING)?;
    config.quality = quality;
    config.method = METHOD;
    config.alpha_compression = 1;
    let encoded = encoder.encode_advanced(&config).map_err(|_| NO_ENCODING)?;
    Ok(Version { size, bytes: encoded.to_vec().into(), width, height })
}

fn no_resizing(_: ResizeError) -> Fault {
    NO_ENCODING
}
