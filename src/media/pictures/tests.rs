//! What is made of pictures, and what is left of what they told.

use std::io::Cursor;

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use img_parts::png::{Png, PngChunk};
use img_parts::webp::WebP;
use img_parts::{ImageEXIF, ImageICC};

use super::*;

mod refused;

/// What must be nowhere in what is kept.
const SECRET: &[u8] = b"51.4779N 0.0015W by Ada";
const HTML: &[u8] = b"<html><script>alert(document.domain)</script></html>";

fn bounds() -> Bounds {
    Bounds::default()
}

/// Red in the upper left quarter, so that one sees which way it is turned.
fn marked(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        if x < width / 2 && y < height / 2 {
            Rgb([250, 10, 10])
        } else {
            Rgb([10, 10, (x * 200 / width) as u8])
        }
    })
}

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut file = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut file, 90);
    picture.write_with_encoder(encoder).unwrap();
    file
}

fn coded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn png(picture: RgbImage) -> Vec<u8> {
    coded(&picture.into(), ImageFormat::Png)
}

fn webp_of(picture: &RgbImage) -> Vec<u8> {
    webp::Encoder::from_rgb(picture, picture.width(), picture.height()).encode(80.0).to_vec()
}

/// A camera's block: the orientation, a maker's note, and a thumbnail behind it.
fn exif_block(orientation: u8) -> Vec<u8> {
    let mut block = b"MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    block.extend_from_slice(&[orientation, 0, 0]);
    block.extend_from_slice(b"\x88\x25\0\x02\0\0\0\x17\0\0\0\x26\0\0\0\0");
    block.extend_from_slice(SECRET);
    block.extend_from_slice(&jpeg(&marked(16, 16)));
    block
}

fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xff, marker];
    out.extend_from_slice(&(body.len() as u16 + 2).to_be_bytes());
    out.extend_from_slice(body);
    out
}

/// All that cameras, editors and attackers put into a JPEG.
fn told_jpeg(orientation: u8, icc: &[u8]) -> Vec<u8> {
    let plain = jpeg(&marked(400, 200));
    let mut file = plain[..2].to_vec();
    file.extend(segment(0xe1, &[b"Exif\0\0", exif_block(orientation).as_slice()].concat()));
    file.extend(segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>", SECRET].concat()));
    file.extend(segment(0xe2, &[b"ICC_PROFILE\0\x01\x01", icc].concat()));
    file.extend(segment(0xe2, &[b"MPF\0", SECRET].concat()));
    file.extend(segment(0xed, &[b"Photoshop 3.0\08BIM", SECRET].concat()));
    file.extend(segment(0xee, &[b"Adobe\0\x64\0\0\0\0\x01", SECRET].concat()));
    file.extend(segment(0xfe, HTML));
    // Between two segments.
    file.extend_from_slice(SECRET);
    file.extend_from_slice(&plain[2..]);
    // Behind the picture: a page, an archive, another picture.
    file.extend_from_slice(HTML);
    file.extend_from_slice(b"PK\x03\x04");
    file.extend_from_slice(SECRET);
    file
}

/// Colours whose red is green: one sees whether it is used.
fn odd_profile() -> Vec<u8> {
    let mut profile = moxcms::ColorProfile::new_srgb();
    std::mem::swap(&mut profile.red_colorant, &mut profile.green_colorant);
    profile.encode().unwrap()
}

fn holds(file: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(file, what).is_some()
}

fn assert_silent(file: &[u8]) {
    for secret in [SECRET, HTML, b"PK\x03\x04", b"xmpmeta", b"Photoshop", b"MPF\0", b"script"] {
        assert!(!holds(file, secret), "{}", String::from_utf8_lossy(secret));
    }
}

fn version(made: &Made, size: Size) -> &Version {
    made.variants.iter().find(|version| version.size == size).unwrap()
}

fn shown(file: &[u8]) -> DynamicImage {
    image::load_from_memory(file).unwrap()
}

fn is_red(pixel: Rgba<u8>) -> bool {
    pixel.0[0] > 150 && pixel.0[2] < 100
}

#[test]
fn nothing_of_what_a_jpeg_told_is_left_but_its_way_up_and_its_colours() {
    let icc = odd_profile();
    let file = told_jpeg(6, &icc);
    assert!(holds(&file, SECRET) && holds(&file, HTML));
    let made = make(&file, &bounds()).unwrap();
    assert_silent(&made.original);
    // The thumbnail in the block, and what was behind the end.
    assert_eq!(memchr::memmem::find_iter(&made.original, b"\xff\xd8\xff").count(), 1);
    assert!(made.original.ends_with(&[0xff, 0xd9]));
    assert!(made.original.len() < file.len());
    assert_eq!(memchr::memmem::find_iter(&made.original, b"Exif").count(), 1);
    assert!(holds(&made.original, &icc), "the profile stays");
    // The same pixels, and turned as before.
    let before = image::load_from_memory(&file).unwrap();
    assert_eq!(before.as_bytes(), shown(&made.original).as_bytes());
    assert_eq!(clean::clean(&made.original, FileType::Jpeg, &bounds()).unwrap().orientation.to_exif(), 6);
    assert_eq!((made.width, made.height), (200, 400));
    for version in &made.variants {
        assert_silent(&version.bytes);
        for chunk in [b"EXIF", b"ICCP", b"XMP "] {
            assert!(!holds(&version.bytes, chunk));
        }
    }
}

#[test]
fn each_way_up_is_applied_to_the_smaller_versions() {
    // Where the upper left quarter is after it.
    let corner = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0), (1, 0), (1, 1), (0, 1)];
    for (orientation, (across, down)) in (1..=8).zip(corner) {
        let made = make(&told_jpeg(orientation, b""), &bounds()).unwrap();
        let turned = orientation >= 5;
        let large = version(&made, Size::Large);
        assert_eq!(
            (large.width, large.height),
            if turned { (200, 400) } else { (400, 200) },
            "{orientation}"
        );
        let picture = shown(&large.bytes).into_rgba8();
        for (x, y) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let (width, height) = picture.dimensions();
            let pixel = *picture.get_pixel(width / 4 + x * width / 2, height / 4 + y * height / 2);
            assert_eq!(is_red(pixel), (x, y) == (across, down), "{orientation}: {x} {y} {pixel:?}");
        }
    }
}

#[test]
fn the_smaller_versions_are_in_srgb() {
    let picture =
        shown(&version(&make(&told_jpeg(1, &odd_profile()), &bounds()).unwrap(), Size::Large).bytes)
            .into_rgb8();
    let pixel = picture.get_pixel(50, 50).0;
    assert!(pixel[1] > 200 && pixel[0] < 100, "what that profile calls red is green: {pixel:?}");
    // One that is none is dropped, and nothing is lost.
    let made = make(&told_jpeg(1, b"no profile"), &bounds()).unwrap();
    assert!(!holds(&made.original, b"ICC_PROFILE"));
}

#[test]
fn sizes_are_those_of_the_contract_and_never_larger_than_the_original() {
    let sizes = |width, height| -> Vec<(u32, u32)> {
        let made = make(&jpeg(&marked(width, height)), &bounds()).unwrap();
        let of = |size| version(&made, size);
        [Size::Thumbnail, Size::Small, Size::Medium, Size::Large]
            .map(|size| (of(size).width, of(size).height))
            .to_vec()
    };
    assert_eq!(sizes(2_000, 1_500), [(150, 150), (400, 300), (800, 600), (1_200, 900)]);
    assert_eq!(sizes(900, 1_800), [(150, 150), (200, 400), (400, 800), (600, 1_200)]);
    assert_eq!(sizes(500, 100), [(100, 100), (400, 80), (500, 100), (500, 100)]);
    assert_eq!(sizes(60, 90), [(60, 60), (60, 90), (60, 90), (60, 90)]);
    assert_eq!(sizes(1, 1), [(1, 1); 4]);
    // A strip's thumbnail is cut from the strip itself.
    assert_eq!(sizes(6_000, 300), [(150, 150), (400, 20), (800, 40), (1_200, 60)]);
    assert_eq!(sizes(10_000, 1), [(1, 1), (400, 1), (800, 1), (1_200, 1)]);
}

#[test]
fn a_blurhash_tells_the_colours() {
    let red = make(&jpeg(&RgbImage::from_pixel(300, 200, Rgb([255, 0, 0]))), &bounds()).unwrap();
    let pixels = blurhash::decode(&red.blurhash, 4, 4, 1.0).unwrap();
    assert!(pixels.chunks(4).all(|pixel| pixel[0] > 230 && pixel[1] < 25 && pixel[2] < 25), "{pixels:?}");
}

#[test]
fn transparency_is_kept() {
    let picture = RgbaImage::from_fn(500, 500, |x, _| Rgba([200, 30, 30, if x < 250 { 0 } else { 255 }]));
    let made = make(&coded(&picture.into(), ImageFormat::Png), &bounds()).unwrap();
    for version in &made.variants {
        let picture = shown(&version.bytes).into_rgba8();
        let middle = picture.height() / 2;
        assert_eq!(picture.get_pixel(2, middle).0[3], 0, "{:?}", version.size);
        let solid = picture.get_pixel(picture.width() - 3, middle).0;
        assert!(solid[3] == 255 && solid[0] > 180, "{solid:?}");
    }
}

#[test]
fn nothing_of_what_a_png_told_is_left() {
    let mut file = Png::from_bytes(png(marked(300, 200)).into()).unwrap();
    let texts: [([u8; 4], &[u8]); 6] = [
        (*b"tEXt", b"Author\0"),
        (*b"zTXt", b"Comment\0\0"),
        (*b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0"),
        (*b"tIME", b"\x07\xea\x01\x01\0\0\0"),
        (*b"eXIf", b""),
        (*b"prVt", b""),
    ];
    for (kind, head) in texts {
        let body = if &kind == b"eXIf" { exif_block(3) } else { [head, SECRET].concat() };
        file.chunks_mut().insert(1, PngChunk::new(kind, body.into()));
    }
    let icc = odd_profile();
    file.set_icc_profile(Some(icc.clone().into()));
    let mut file = file.encoder().bytes().to_vec();
    file.extend_from_slice(b"PK\x03\x04");
    file.extend_from_slice(HTML);
    let made = make(&file, &bounds()).unwrap();
    assert_silent(&made.original);
    assert_eq!(shown(&file).as_bytes(), shown(&made.original).as_bytes());
    let parts = clean::clean(&made.original, FileType::Png, &bounds()).unwrap();
    assert_eq!((parts.orientation.to_exif(), parts.icc), (3, Some(icc)));
}

#[test]
fn nothing_of_what_a_webp_told_is_left() {
    let mut file = WebP::from_bytes(webp_of(&marked(300, 200)).into()).unwrap();
    let icc = odd_profile();
    file.set_icc_profile(Some(icc.clone().into()));
    file.set_exif(Some(exif_block(8).into()));
    let mut file = file.encoder().bytes().to_vec();
    for (kind, body) in [(b"XMP ", SECRET), (b"ABCD", HTML)] {
        file.extend_from_slice(kind);
        file.extend_from_slice(&(body.len() as u32).to_le_bytes());
        file.extend_from_slice(body);
        file.resize(file.len() + body.len() % 2, 0);
    }
    let size = (file.len() as u32 - 8).to_le_bytes();
    file[4..8].copy_from_slice(&size);
    file.extend_from_slice(b"PK\x03\x04");
    let made = make(&file, &bounds()).unwrap();
    assert_silent(&made.original);
    assert_eq!((made.width, made.height), (200, 300));
    let parts = clean::clean(&made.original, FileType::Webp, &bounds()).unwrap();
    assert_eq!((parts.orientation.to_exif(), parts.icc), (8, Some(icc)));
    assert_eq!(shown(&file).as_bytes(), shown(&made.original).as_bytes());
}

fn gif(frames: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file);
    encoder.set_repeat(image::codecs::gif::Repeat::Infinite).unwrap();
    for at in 0..frames {
        let colour = if at == 0 { Rgba([250, 0, 0, 255]) } else { Rgba([0, 0, 250, 255]) };
        encoder.encode_frame(Frame::new(RgbaImage::from_pixel(64, 48, colour))).unwrap();
    }
    drop(encoder);
    file
}

#[test]
fn a_gif_keeps_its_animation_and_nothing_it_told_and_its_first_frame_is_the_still() {
    let plain = gif(3);
    let mut file = plain[..plain.len() - 1].to_vec();
    for (label, body) in [(0xfe_u8, HTML), (0xfe, SECRET)] {
        file.extend_from_slice(&[0x21, label, body.len() as u8]);
        file.extend_from_slice(body);
        file.push(0);
    }
    file.extend_from_slice(b"\x21\xff\x0bXMP DataXMP");
    file.push(SECRET.len() as u8);
    file.extend_from_slice(SECRET);
    file.extend_from_slice(&[0, 0x3b]);
    file.extend_from_slice(b"*/=1;alert(1)//PK\x03\x04");
    file.extend_from_slice(HTML);
    let made = make(&file, &bounds()).unwrap();
    assert_silent(&made.original);
    assert!(!holds(&made.original, b"alert") && holds(&made.original, b"NETSCAPE2.0"));
    let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(&made.original)).unwrap();
    assert_eq!(image::AnimationDecoder::into_frames(decoder).collect_frames().unwrap().len(), 3);
    assert!(is_red(shown(&version(&made, Size::Small).bytes).into_rgba8().get_pixel(30, 20).to_owned()));
    // Its beginning as a comment of a script makes it 10,799 pixels wide.
    let mut script = b"GIF89a/*".to_vec();
    script.extend_from_slice(&plain[8..]);
    assert!(matches!(make(&script, &bounds()), Err(Fault::TooLarge { width: 10_799, .. })));
    let few = Bounds { frames: 2, ..bounds() };
    assert_eq!(make(&plain, &few).unwrap_err(), Fault::TooManyFrames(2));
}
