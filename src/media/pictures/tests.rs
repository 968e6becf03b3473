//! What is left of a hostile file, and what is refused.

use std::io::{Cursor, Write as _};

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ExtendedColorType, Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use img_parts::png::{Png, PngChunk};
use img_parts::webp::WebP;
use img_parts::{ImageEXIF, ImageICC};
use proptest::prelude::*;

use super::*;

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

#[test]
fn what_is_too_large_is_refused_by_its_header() {
    // A few bytes that say what they are not: nothing may be decoded.
    let png_head = |width: u32, height: u32| {
        let body = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        let chunk = PngChunk::new(*b"IHDR", body.into()).encoder().bytes();
        [b"\x89PNG\r\n\x1a\n".as_slice(), &chunk].concat()
    };
    let too_large =
        |width, height| matches!(look(&png_head(width, height), &bounds()), Err(Fault::TooLarge { .. }));
    assert!(
        too_large(10_001, 1)
            && too_large(1, 10_001)
            && too_large(7_100, 7_100)
            && too_large(u32::MAX, u32::MAX)
    );
    let fits = look(&png_head(10_000, 5_000), &bounds()).unwrap();
    assert_eq!((fits.width, fits.height), (10_000, 5_000));
    assert_eq!(look(&png_head(0, 5), &bounds()).unwrap_err(), Fault::Broken("it has no pixels"));
    let wide = jpeg(&marked(10_001, 2));
    assert!(matches!(make(&wide, &bounds()), Err(Fault::TooLarge { width: 10_001, .. })));
}

#[test]
fn a_bomb_bursts_nothing() {
    // 50 megapixels of nothing in 250 KB: within the bounds, and decoded in bounded memory.
    let bomb = coded(&DynamicImage::new_luma8(7_000, 7_000), ImageFormat::Png);
    assert!(bomb.len() < 300_000, "{}", bomb.len());
    let made = make(&bomb, &bounds()).unwrap();
    assert_eq!((version(&made, Size::Large).width, made.width), (1_200, 7_000));
    let poor = Bounds { memory: 10_000_000, ..bounds() };
    assert!(matches!(make(&bomb, &poor), Err(Fault::TooHeavy { .. })));
    // A text that unpacks to a gigabyte is not unpacked; a profile that does is dropped.
    let mut png = Png::from_bytes(png(marked(30, 20)).into()).unwrap();
    let zeros = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 30_000_000], 9);
    png.chunks_mut().insert(1, PngChunk::new(*b"zTXt", [b"a\0\0", zeros.as_slice()].concat().into()));
    png.chunks_mut().insert(1, PngChunk::new(*b"iCCP", [b"a\0\0", zeros.as_slice()].concat().into()));
    let made = make(&png.encoder().bytes(), &bounds());
    assert!(made.is_err() || made.unwrap().original.len() < 10_000);
}

#[test]
fn what_is_cut_off_is_said_to_be() {
    let files = [told_jpeg(6, &odd_profile()), png(marked(90, 60)), webp_of(&marked(90, 60)), gif(2)];
    let ends = [HTML.len() + 4 + SECRET.len(), 0, 0, 0];
    for (file, behind) in files.iter().zip(ends) {
        let whole = file.len() - behind;
        for cut in [whole - 1, whole / 2, 40] {
            let fault = make(&file[..cut], &bounds()).unwrap_err();
            assert!(matches!(fault, Fault::Truncated | Fault::Broken(_)), "{cut} of {whole}: {fault}");
        }
        assert_eq!(make(&file[..whole - 1], &bounds()).unwrap_err(), Fault::Truncated);
    }
}

#[test]
fn what_is_no_picture_is_refused_by_its_content() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("a.png", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&png(marked(9, 9))).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    let others: [&[u8]; 7] = [
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>",
        b"<?xml version=\"1.0\"?><svg/>",
        HTML,
        b"%PDF-1.7",
        b"BM\x10\0\0\0",
        b"\x89PNG",
        &zip,
    ];
    for other in others {
        assert!(matches!(make(other, &bounds()), Err(Fault::Unknown(_))), "{other:?}");
    }
    assert_eq!(make(b"", &bounds()).unwrap_err(), Fault::Empty);
    // A type in name alone.
    let made = make(&png(marked(9, 9)), &bounds()).unwrap();
    assert_eq!(made.file_type, FileType::Png);
}

#[test]
fn sixteen_bits_and_greys_and_palettes_become_pictures() {
    let deep = DynamicImage::new_rgba16(300, 200);
    for picture in [
        deep,
        DynamicImage::new_luma8(300, 200),
        DynamicImage::new_luma_a8(300, 200),
        DynamicImage::new_luma16(300, 200),
    ] {
        let made = make(&coded(&picture, ImageFormat::Png), &bounds()).unwrap();
        assert_eq!(version(&made, Size::Large).width, 300);
    }
    let mut grey = Vec::new();
    JpegEncoder::new(&mut grey).encode(&[128; 64 * 64], 64, 64, ExtendedColorType::L8).unwrap();
    assert_eq!(make(&grey, &bounds()).unwrap().width, 64);
    let mut webp = make(&grey, &bounds()).unwrap().variants.pop().unwrap().bytes.to_vec();
    assert_eq!(make(&webp, &bounds()).unwrap().width, 64, "what is made here is taken here");
    webp = as_webp(&png(marked(70, 30)), &bounds()).unwrap().to_vec();
    assert_eq!(make(&webp, &bounds()).unwrap().width, 70);
}

fn seeds() -> Vec<Vec<u8>> {
    let mut webp = WebP::from_bytes(webp_of(&marked(40, 30)).into()).unwrap();
    webp.set_icc_profile(Some(odd_profile().into()));
    let alpha = RgbaImage::from_fn(40, 30, |x, y| Rgba([9, 9, 200, (x * y) as u8]));
    let mut png = Png::from_bytes(coded(&alpha.into(), ImageFormat::Png).into()).unwrap();
    png.set_icc_profile(Some(odd_profile().into()));
    vec![
        told_jpeg(6, &odd_profile()),
        jpeg(&marked(40, 30)),
        png.encoder().bytes().to_vec(),
        webp.encoder().bytes().to_vec(),
        webp_of(&marked(40, 30)),
        gif(3),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever is changed in a file, it is a picture within the bounds or a fault; and what is kept of it is taken again, as it is.
    #[test]
    fn a_broken_file_is_a_fault_and_never_an_accident(
        which in 0_usize..6,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
        doubled in prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
    ) {
        let mut file = seeds().swap_remove(which);
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        if let Some((from, to)) = doubled {
            let (from, to) = (from.index(file.len()), to.index(file.len()));
            let piece = file[from.min(to)..from.max(to)].to_vec();
            file.splice(to..to, piece);
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        let small = Bounds { side: 2_000, pixels: 1_000_000, memory: 30_000_000, ..bounds() };
        let _ = look(&file, &small);
        if let Ok(made) = make(&file, &small) {
            prop_assert!(made.width <= 2_000 && made.height <= 2_000);
            prop_assert_eq!(made.variants.len(), 4);
            let again = clean::clean(&made.original, made.file_type, &small).unwrap();
            prop_assert_eq!(again.original, made.original.to_vec());
        }
    }
}
