//! One picture of 12 megapixels to all its versions. `cargo bench --bench pictures` measures it; `benches/pictures/compare.sh`
//! measures it against `sharp` on the same file (docs/MEDIA.md).

use std::io::Write as _;
use std::time::Instant;

use greenroom::media::pictures::{Bounds, look, make};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(at) = arguments.iter().position(|argument| argument == "--file") else { return divan::main() };
    let file = std::fs::read(&arguments[at + 1]).expect("a picture");
    let runs = arguments.get(at + 2).and_then(|runs| runs.parse().ok()).unwrap_or(10);
    // The first one warms up.
    for run in 0..=runs {
        let begun = Instant::now();
        let made = make(&file, &Bounds::default()).expect("a good picture");
        let millis = begun.elapsed().as_secs_f64() * 1_000.0;
        let bytes: usize = made.variants.iter().map(|version| version.bytes.len()).sum();
        if run > 0 {
            writeln!(std::io::stdout(), "{millis:.1} {bytes}").expect("somebody reads");
        }
    }
}

/// Structure at all scales and some grain, as in a photograph.
fn photograph(width: u32, height: u32) -> Vec<u8> {
    let mut seed = 1_u32;
    let picture = RgbImage::from_fn(width, height, |x, y| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (x, y) = (x as f32, y as f32);
        let waves = (x / 390.0).sin() * (y / 270.0).cos() * 60.0 + (x / 31.0 + y / 47.0).sin() * 25.0;
        let detail = ((x / 5.0).sin() + (y / 7.0).sin()) * 8.0 + (seed >> 29) as f32;
        let level = |base: f32, part: f32| (base + waves * part + detail).clamp(0.0, 255.0) as u8;
        image::Rgb([level(120.0, 1.0), level(110.0, 0.7), level(100.0, -0.5)])
    });
    let mut file = Vec::new();
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut file, 88)).expect("memory");
    file
}

#[divan::bench(sample_count = 10)]
fn all_versions_of_12_megapixels(bencher: divan::Bencher<'_, '_>) {
    let file = photograph(4_000, 3_000);
    bencher.bench(|| make(divan::black_box(&file), &Bounds::default()).expect("a good picture"));
}

#[divan::bench]
fn a_look_at_the_header(bencher: divan::Bencher<'_, '_>) {
    let file = photograph(400, 300);
    bencher.bench(|| look(divan::black_box(&file), &Bounds::default()).expect("a good picture"));
}
