//! `uploads`: pictures come in and are made smaller, while those who are here go on.
//!
//! The sockets' pings are an open loop, the uploads a closed one: so many are under way at any time, each of another user.
//! What is uploaded is a photograph of twelve megapixels, made here, or a file of one's choice.

use std::io::Cursor;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::ServerOptions;
use super::beside::{Deed, Measured, Pace, measure};
use crate::measure::peak_bytes;
use crate::report::{Report, Target};

/// For an upload that waits for its turn.
const UPLOAD_WAIT: Duration = Duration::from_secs(60);
const PATH: &str = "/api/media/upload/image";
const FIELD: &str = "image";
const TARGET_PING_MS: f64 = 15.0;
const TARGET_MEMORY_MB: f64 = 400.0;
/// Pixels: twelve million.
const SIDES: (u32, u32) = (4_000, 3_000);
const QUALITY: u8 = 85;

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    /// Sockets, each of a user of its own; the uploads are of the same users.
    #[arg(long, default_value_t = 1_000)]
    pub users: usize,
    /// Uploads under way at a time.
    #[arg(long, default_value_t = 50)]
    pub uploads: usize,
    /// The picture; left out, a JPEG of 12 megapixels is made.
    #[arg(long)]
    pub picture: Option<PathBuf>,
    /// Pings a second of all sockets together.
    #[arg(long, default_value_t = 1_000.0)]
    pub rate: f64,
    /// Seconds of pings before anybody uploads.
    #[arg(long, default_value_t = 5.0)]
    pub before: f64,
    /// Seconds of pings and uploads.
    #[arg(long, default_value_t = 20.0)]
    pub seconds: f64,
}

/// A photograph of nothing: broad colours with a grain, which compress about as one of a camera does.
fn photograph() -> anyhow::Result<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(12);
    let (width, height) = SIDES;
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        let grain = i32::from(random.u8(..24)) - 12;
        let wave = |phase: f32| {
            let at = (x as f32 / 310.0 + phase).sin() + (y as f32 / 170.0 - phase).cos();
            u8::try_from(((at + 2.0) * 60.0) as i32 + 8 + grain.max(-8)).unwrap_or(u8::MAX)
        };
        image::Rgb([wave(0.0), wave(1.3), wave(2.9)])
    });
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(Cursor::new(&mut bytes), QUALITY)
        .encode_image(&picture)?;
    Ok(bytes)
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("uploads", "pictures are uploaded, while those who are here go on");
    anyhow::ensure!(options.users > 0 && options.rate > 0.0, "users and rate are above 0");
    let picture = match &options.picture {
        Some(path) => std::fs::read(path).with_context(|| path.display().to_string())?,
        None => photograph()?,
    };
    let signer = options.server.signer();
    let request = |number: usize| {
        let token = signer.sign(number % options.users).ok()?;
        Some((token, format!("picture-{number}.jpg")))
    };
    let deed = Deed {
        name: "upload",
        at_once: options.uploads,
        wait: UPLOAD_WAIT,
        wanted: 202,
        prepare: &request,
        ask: &|open, (token, name): &(String, String)| open.upload(PATH, token, (FIELD, name, &picture)),
    };
    let pace = Pace {
        users: options.users,
        rate: options.rate,
        before: options.before,
        seconds: options.seconds,
        names: ("ping, nobody uploads", format!("ping, {} upload", options.uploads)),
    };
    let Measured { pingers, recorder, done: upload, refused, seconds, cpu, resident } =
        measure(&options.server, pace, &deed)?;

    report.setting("users", options.users);
    report.setting("uploads at once", options.uploads);
    report.setting("bytes of the picture", picture.len());
    report.setting("pings a second", options.rate);
    report.setting("seconds", options.seconds);
    let p99_ms = pingers.during.quantile_micros(0.99) as f64 / 1e3;
    report.aimed("p99 of ping while they upload", p99_ms, "ms", Target::AtMost(TARGET_PING_MS));
    report.figure("p99 of ping before", pingers.before.quantile_micros(0.99) as f64 / 1e3, "ms");
    report.figure("uploads", upload.count() as f64 / seconds, "/s");
    report.figure("files that were processed meanwhile", pingers.files as f64, "");
    if let Some((before, after)) = resident {
        report.figure("server memory before the uploads", before as f64 / 1e6, "MB");
        report.figure("server memory behind them", after as f64 / 1e6, "MB");
    }
    if let Some(peak) = options.server.server_pid.and_then(peak_bytes) {
        report.aimed("server memory at most", peak as f64 / 1e6, "MB", Target::AtMost(TARGET_MEMORY_MB));
    }
    cpu.describe(&mut report, upload.count(), "upload");
    report.latencies = vec![pingers.before.summary(), pingers.during.summary(), upload.summary()];
    report.series = recorder.series();
    let verdict = &mut report.verdict;
    pingers.judge(verdict);
    verdict.check("files come in", upload.count() > 0, format!("{} uploads", upload.count()));
    let refusals: u64 = refused.values().sum();
    verdict.check("no upload is refused", refusals == 0, format!("{refusals} refused {refused:?}"));
    Ok(report)
}
