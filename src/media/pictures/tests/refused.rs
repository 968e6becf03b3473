//! What is refused, and what a broken file comes to.

use std::io::Write as _;

use image::ExtendedColorType;
use proptest::prelude::*;

use super::*;

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
    // One that takes more than the picture may is not even read.
    png.chunks_mut()
        .insert(1, PngChunk::new(*b"tEXt", [b"a\0".as_slice(), &[b'a'; 2_000_000]].concat().into()));
    let poor = Bounds { memory: 1_000_000, ..bounds() };
    let made = make(&png.encoder().bytes(), &poor).unwrap();
    assert!(made.original.len() < 10_000);
}

/// Where a frame of it stands: its left, top, width and height follow.
fn frame_at(gif: &[u8]) -> usize {
    memchr::memmem::find(gif, &[0x2c, 0, 0, 0, 0, 64, 0, 48, 0]).unwrap() + 1
}

#[test]
fn a_frame_of_a_gif_is_no_larger_than_its_screen() {
    let mut file = gif(2);
    let at = frame_at(&file);
    // It sticks out, and is cut off there.
    file[at] = 10;
    assert_eq!(make(&file, &bounds()).unwrap().width, 64);
    for (side, larger) in [(4, 65), (6, 49)] {
        let mut file = gif(2);
        file[at + side] = larger;
        assert_eq!(make(&file, &bounds()).unwrap_err(), UNFIT);
    }
    // A screen of one pixel, and a hundred million behind it: they are not even begun.
    file[6..10].copy_from_slice(&[1, 0, 1, 0]);
    file[at + 4..at + 8].copy_from_slice(&[0x10, 0x27, 0x10, 0x27]);
    assert_eq!(make(&file, &bounds()).unwrap_err(), UNFIT);
    let head = header::read(&file).unwrap();
    assert!(matches!(decode::decode(&file, &head, &bounds()), Err(Fault::TooHeavy { .. })));
}

const UNFIT: Fault = Fault::Broken("a frame does not fit into the picture");
const OTHER_SIZE: Fault = Fault::Broken("it is of another size than it says");

fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
    for (kind, body) in chunks {
        file.extend_from_slice(*kind);
        file.extend_from_slice(&(body.len() as u32).to_le_bytes());
        file.extend_from_slice(body);
        file.resize(file.len() + body.len() % 2, 0);
    }
    let size = (file.len() as u32 - 8).to_le_bytes();
    file[4..8].copy_from_slice(&size);
    file
}

fn whole24(value: u32) -> [u8; 3] {
    let [a, b, c, _] = value.to_le_bytes();
    [a, b, c]
}

/// The head of a file of this size.
fn extended(flags: u8, width: u32, height: u32) -> Vec<u8> {
    [&[flags, 0, 0, 0][..], &whole24(width - 1), &whole24(height - 1)].concat()
}

#[test]
fn a_webp_is_of_the_size_that_it_says() {
    let picture = marked(60, 40);
    let plain = |file: Vec<u8>| (<[u8; 4]>::try_from(&file[12..16]).unwrap(), file[20..].to_vec());
    let lossless = webp::Encoder::from_rgb(&picture, 60, 40).encode_lossless().to_vec();
    for file in [webp_of(&picture), lossless] {
        let (kind, data) = plain(file);
        let of = |width, height| riff(&[(b"VP8X", &extended(0, width, height)), (&kind, &data)]);
        assert_eq!(make(&of(60, 40), &bounds()).unwrap().width, 60);
        for (width, height) in [(1, 1), (60, 39), (61, 40)] {
            assert_eq!(make(&of(width, height), &bounds()).unwrap_err(), OTHER_SIZE, "{width} {height}");
        }
        // Of a frame in an animation.
        let animated = |(x, y): (u32, u32), (width, height): (u32, u32)| {
            let place = [x / 2, y / 2, width - 1, height - 1].map(whole24).concat();
            let frame = [&place[..], &[100, 0, 0, 0], &riff(&[(&kind, &data)])[12..]].concat();
            riff(&[(b"VP8X", &extended(2, 80, 50)), (b"ANIM", &[0; 6]), (b"ANMF", &frame)])
        };
        assert_eq!(make(&animated((20, 10), (60, 40)), &bounds()).unwrap().width, 80);
        for (place, size, fault) in [
            ((0, 0), (1, 1), OTHER_SIZE),
            ((0, 0), (60, 41), OTHER_SIZE),
            ((22, 0), (60, 40), UNFIT),
            ((0, 12), (60, 40), UNFIT),
        ] {
            assert_eq!(make(&animated(place, size), &bounds()).unwrap_err(), fault, "{place:?} {size:?}");
        }
        // A second head is none.
        let (first, second) = (extended(0, 60, 40), extended(0, 9_000, 5_000));
        let twice = riff(&[(b"VP8X", &first), (b"VP8X", &second), (&kind, &data)]);
        assert_eq!(make(&twice, &bounds()).unwrap().width, 60);
    }
}

#[test]
fn what_is_claimed_by_the_header_is_enough() {
    // Its transparency, of one colour, is told behind its size.
    let mut png = Png::from_bytes(png(marked(2_500, 2_000)).into()).unwrap();
    png.chunks_mut().insert(1, PngChunk::new(*b"tRNS", vec![0, 250, 0, 10, 0, 10].into()));
    assert_eq!(make(&png.encoder().bytes(), &bounds()).unwrap().width, 2_500);
    let memory = |flags| {
        let file = riff(&[(b"VP8X", &extended(flags, 100, 100))]);
        look(&file, &bounds()).unwrap().memory
    };
    assert!(memory(0) < memory(0x10) && memory(0x10) < memory(0x02), "alpha, and an animation's screen");
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
