//! Pictures of characters. One that came with a card is decoded within bounds and encoded anew, so that nothing of the file
//! is left but its pixels; where none came, one is drawn.

use std::io::Cursor;

use font8x8::{BASIC_FONTS, GREEK_FONTS, HIRAGANA_FONTS, LATIN_FONTS, UnicodeFonts};
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgba, RgbaImage};
use sha2::{Digest, Sha256};

/// Pixels of a picture that is looked at.
pub const PIXELS_MAX: u64 = 16_000_000;
/// Bytes that decoding one may take.
const DECODE_MAX_BYTES: u64 = 160 * 1024 * 1024;
/// What is kept has at most this size.
pub const WIDTH_MAX: u32 = 512;
pub const HEIGHT_MAX: u32 = 768;
pub const KEPT_MAX_BYTES: usize = 1024 * 1024;

/// The pixels of a PNG, JPEG or WebP file as a small PNG without metadata, or why it cannot be had.
pub fn taken(file: &[u8]) -> Result<Vec<u8>, &'static str> {
    const BROKEN: &str = "is no picture that can be read";
    let format = image::guess_format(file).map_err(|_| BROKEN)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP) {
        return Err("is no PNG, JPEG or WebP picture");
    }
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODE_MAX_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|_| BROKEN)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err("has more than 16 million pixels");
    }
    let orientation = decoder.orientation().map_err(|_| BROKEN)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|_| BROKEN)?;
    picture.apply_orientation(orientation);
    let (mut width, mut height) = (WIDTH_MAX, HEIGHT_MAX);
    loop {
        let small = if picture.width() > width || picture.height() > height {
            picture.resize(width, height, FilterType::CatmullRom)
        } else {
            picture.clone()
        };
        let png = encode(&if small.color().has_alpha() {
            DynamicImage::ImageRgba8(small.to_rgba8())
        } else {
            DynamicImage::ImageRgb8(small.to_rgb8())
        })?;
        if png.len() <= KEPT_MAX_BYTES {
            return Ok(png);
        }
        (width, height) = (width * 4 / 5, height * 4 / 5);
    }
}

fn encode(picture: &DynamicImage) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).map_err(|_| "cannot be written")?;
    Ok(bytes.into_inner())
}

/// Pixels of a drawn picture's sides.
const DRAWN: (u32, u32) = (512, 768);
/// Pixels of the letter's sides.
const LETTER: u32 = 256;

/// A plain picture in the character's colour with the first letter of its name; without one where there is no such letter to
/// draw. Always the same for the same character.
#[must_use]
pub fn drawn(name: &str, color: &str) -> Vec<u8> {
    let [red, green, blue] = rgb(color).unwrap_or([0x60, 0x60, 0x68]);
    let (width, height) = DRAWN;
    let shade = |part: u8, y: u32| (u32::from(part) * (5 * height - 2 * y) / (5 * height)) as u8;
    let mut picture =
        RgbaImage::from_fn(width, height, |_, y| Rgba([shade(red, y), shade(green, y), shade(blue, y), 255]));
    if let Some(letter) = letter(name) {
        let bright = u32::from(red) * 3 + u32::from(green) * 6 + u32::from(blue) > 1_700;
        let ink: [u8; 3] = if bright { [24, 24, 28] } else { [255; 3] };
        let (left, top) = ((width - LETTER) / 2, (height - LETTER) / 2);
        for (x, y, pixel) in letter.enumerate_pixels() {
            let share = u32::from(pixel[0]);
            let under = picture.get_pixel_mut(left + x, top + y);
            for part in 0..3 {
                under[part] =
                    ((u32::from(ink[part]) * share + u32::from(under[part]) * (255 - share)) / 255) as u8;
            }
        }
    }
    encode(&DynamicImage::ImageRgb8(DynamicImage::ImageRgba8(picture).to_rgb8())).unwrap_or_default()
}

/// The letter, large and with its edges smoothed.
fn letter(name: &str) -> Option<image::GrayImage> {
    let first = name.chars().find(|letter| letter.is_alphanumeric())?;
    let first = first.to_uppercase().next().unwrap_or(first);
    let fonts: [&dyn Fn(char) -> Option<[u8; 8]>; 4] = [
        &|letter| BASIC_FONTS.get(letter),
        &|letter| LATIN_FONTS.get(letter),
        &|letter| GREEK_FONTS.get(letter),
        &|letter| HIRAGANA_FONTS.get(letter),
    ];
    let rows = fonts.iter().find_map(|font| font(first))?;
    let dots = image::GrayImage::from_fn(8, 8, |x, y| {
        image::Luma([if rows[y as usize] >> x & 1 == 1 { 255 } else { 0 }])
    });
    let mut large = image::imageops::resize(&dots, LETTER, LETTER, FilterType::CatmullRom);
    // What was blurred by growing gets its edge back, a few pixels wide.
    for pixel in large.pixels_mut() {
        pixel[0] = ((i32::from(pixel[0]) - 104) * 6).clamp(0, 255) as u8;
    }
    Some(large)
}

#[must_use]
pub fn is_color(text: &str) -> bool {
    rgb(text).is_some()
}

fn rgb(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
    Some([part(0)?, part(2)?, part(4)?])
}

/// A colour that goes with a name: neither pale nor glaring, and always the same.
#[must_use]
pub fn color_of(name: &str) -> String {
    let hash = Sha256::digest(name.as_bytes());
    let hue = f32::from(u16::from_be_bytes([hash[0], hash[1]])) / 65_536.0 * 6.0;
    let [low, high] = [70.0_f32, 160.0];
    let slope =
        |hue: f32| (low + (high - low) * (2.0 - (hue.rem_euclid(6.0) - 3.0).abs()).clamp(0.0, 1.0)) as u8;
    // Each of the three parts is highest a third of the way round from the others.
    let [red, green, blue] = [slope(hue + 3.0), slope(hue + 1.0), slope(hue - 1.0)];
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(png: &[u8]) -> DynamicImage {
        image::load_from_memory_with_format(png, ImageFormat::Png).unwrap()
    }

    #[test]
    fn a_picture_is_made_small_and_keeps_its_shape() {
        let large = DynamicImage::ImageRgb8(image::RgbImage::from_fn(1000, 2000, |x, y| {
            image::Rgb([x as u8, y as u8, 7])
        }));
        let small = open(&taken(&encode(&large).unwrap()).unwrap());
        assert_eq!((small.width(), small.height()), (384, 768));
        let tiny = DynamicImage::ImageRgba8(RgbaImage::from_pixel(3, 2, Rgba([1, 2, 3, 4])));
        assert_eq!(open(&taken(&encode(&tiny).unwrap()).unwrap()), tiny);
    }

    #[test]
    fn noise_is_made_smaller_until_it_fits() {
        let mut seed = 1_u32;
        let noise = image::RgbImage::from_fn(512, 768, |_, _| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            image::Rgb([(seed >> 24) as u8, (seed >> 16) as u8, (seed >> 8) as u8])
        });
        assert!(taken(&encode(&DynamicImage::ImageRgb8(noise)).unwrap()).unwrap().len() <= KEPT_MAX_BYTES);
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        for file in [&b""[..], b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"<svg onload=alert(1)>"]
        {
            assert!(taken(file).is_err());
        }
    }

    #[test]
    fn a_picture_is_drawn_for_every_name() {
        for name in ["Mira", "Ängström", "Ωmega", "Зоя", "水", "", "\u{1f3ad}", "9"] {
            let png = drawn(name, &color_of(name));
            assert_eq!((open(&png).width(), open(&png).height()), DRAWN);
            assert_eq!(png, drawn(name, &color_of(name)));
            assert!(is_color(&color_of(name)));
        }
        assert_ne!(drawn("Mira", "#336699"), drawn("Nora", "#336699"));
        assert!(!is_color("#33669") && !is_color("336699") && !is_color("#+1+2+3") && !is_color("#ééé"));
    }
}
