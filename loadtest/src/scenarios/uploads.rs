//! `uploads`: pictures come in and are made smaller, while those who are here go on.
//!
//! The sockets' pings are an open loop, the uploads a closed one: so many are under way at any time, each of another user.
//! What is uploaded is a photograph of twelve megapixels, made here, or a file of one's choice.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;

use super::pings::Pingers;
use super::{BRING_UP, ServerOptions, TURN};
use crate::clock::Moment;
use crate::measure::Latency;
use crate::native::Signer;
use crate::net::http::Connection;
use crate::report::{Report, Target};

/// For an upload that waits for its turn.
const UPLOAD_WAIT: Duration = Duration::from_secs(60);
const PATH: &str = "/api/media/upload/image";
const FIELD: &str = "image";
const TARGET_PING_MS: f64 = 15.0;
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

/// What became of the uploads.
struct Uploads<'a> {
    took: Mutex<(Latency, BTreeMap<String, u64>)>,
    next: AtomicUsize,
    over: AtomicBool,
    picture: &'a [u8],
}

impl Uploads<'_> {
    /// Uploads for one user after another until it is over.
    fn go_on(&self, server: SocketAddrV4, users: usize, signer: &Signer) {
        let mut connection = None;
        while !self.over.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Ok(token) = signer.sign(number % users) else { return };
            let name = format!("picture-{number}.jpg");
            let begun = Moment::now();
            let opened = connection.take().map_or_else(|| Connection::open(server, UPLOAD_WAIT), Ok);
            let answer = opened
                .and_then(|mut open| Ok((open.upload(PATH, &token, (FIELD, &name, self.picture))?, open)));
            let mut took = self.took.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match answer {
                Ok((answer, open)) => {
                    connection = Some(open);
                    if answer.status == 202 {
                        took.0.record(begun.elapsed());
                        continue;
                    }
                    *took.1.entry(format!("HTTP {}", answer.status)).or_default() += 1;
                }
                Err(error) => *took.1.entry(error.kind().to_string()).or_default() += 1,
            }
            drop(took);
            // Who is refused does not hammer.
            std::thread::sleep(TURN);
        }
    }
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
    let server = options.server.address()?;
    let mut crew = options.server.crew(options.users, true, true)?;
    let signer = options.server.signer();
    for user in 0..options.users {
        crew.add(user, 0, false, &signer)?;
    }
    let names = ("ping, nobody uploads".to_owned(), format!("ping, {} upload", options.uploads));
    let mut pingers = Pingers::new(options.users, options.rate, names);
    crew.bring_up(0..options.users, BRING_UP, &mut pingers)?;
    let mut recorder = options.server.recorder("answered pings");
    pingers.ping(&mut crew, options.before, &mut recorder)?;
    pingers.meanwhile();

    let uploads = Uploads {
        took: Mutex::new((Latency::new("upload"), BTreeMap::new())),
        next: AtomicUsize::new(0),
        over: AtomicBool::new(false),
        picture: &picture,
    };
    let memory = options.server.server_process();
    let resident = memory.as_ref().map(|server| server.usage().resident_bytes);
    let mut meter = options.server.cpu_meter(&[]);
    let begun = Moment::now();
    let pinged = std::thread::scope(|scope| {
        for _ in 0..options.uploads {
            scope.spawn(|| uploads.go_on(server, options.users, &signer));
        }
        let pinged = pingers.ping(&mut crew, options.seconds, &mut recorder);
        uploads.over.store(true, Ordering::Relaxed);
        pinged
    });
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), meter.read());
    pinged?;
    let after = memory.as_ref().map(|server| server.usage().resident_bytes);
    pingers.drain(&mut crew)?;

    let (upload, refused) = uploads.took.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    report.setting("users", options.users);
    report.setting("uploads at once", options.uploads);
    report.setting("bytes of the picture", picture.len());
    report.setting("pings a second", options.rate);
    report.setting("seconds", options.seconds);
    let p99_ms = pingers.during.quantile_micros(0.99) as f64 / 1e3;
    report.aimed("p99 of ping while they upload", p99_ms, "ms", Target::AtMost(TARGET_PING_MS));
    report.figure("p99 of ping before", pingers.before.quantile_micros(0.99) as f64 / 1e3, "ms");
    // The last ones ended after the pings did; they are counted, and so is their time.
    report.figure("uploads", upload.count() as f64 / seconds, "/s");
    report.figure("files that were processed meanwhile", pingers.files as f64, "");
    if let (Some(resident), Some(after)) = (resident, after) {
        report.figure("server memory before the uploads", resident as f64 / 1e6, "MB");
        report.figure("server memory behind them", after as f64 / 1e6, "MB");
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
