//! Pings at a steady rate, first alone and then while something else is done over and over: so many at any time, each for
//! another user. What `logins` and `uploads` share.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::pings::Pingers;
use super::{BRING_UP, ServerOptions, TURN};
use crate::clock::Moment;
use crate::measure::{CpuUsed, Latency, Recorder};
use crate::net::http::{Answer, Connection};

/// What is done beside the pings.
pub(super) struct Deed<'a, R> {
    /// One of it: `login`.
    pub name: &'a str,
    /// So many at any time, each on a connection of its own.
    pub at_once: usize,
    /// For an answer.
    pub wait: Duration,
    /// The status of one that went well.
    pub wanted: u16,
    /// Makes the request with this number, outside of what is measured; `None` ends whoever asked.
    pub prepare: &'a (dyn Fn(usize) -> Option<R> + Sync),
    pub ask: &'a (dyn Fn(&mut Connection, &R) -> io::Result<Answer> + Sync),
}

/// The pings' side.
pub(super) struct Pace<'a> {
    /// Sockets, each of a user of its own.
    pub users: usize,
    /// Of all together, a second.
    pub rate: f64,
    /// Seconds alone, and seconds beside the deed.
    pub before: f64,
    pub seconds: f64,
    /// What the latencies of both are called.
    pub names: (&'a str, String),
}

pub(super) struct Measured {
    pub pingers: Pingers,
    pub recorder: Recorder,
    pub done: Latency,
    /// By status or kind of error.
    pub refused: BTreeMap<String, u64>,
    /// From the first deed to the end of the last.
    pub seconds: f64,
    pub cpu: CpuUsed,
    /// Bytes of the server, before the deeds and behind them.
    pub resident: Option<(u64, u64)>,
}

struct Deeds {
    took: Mutex<(Latency, BTreeMap<String, u64>)>,
    next: AtomicUsize,
    over: AtomicBool,
}

impl Deeds {
    /// One after another until it is over.
    fn go_on<R>(&self, server: std::net::SocketAddrV4, deed: &Deed<'_, R>) {
        let mut connection = None;
        while !self.over.load(Ordering::Relaxed) {
            let Some(request) = (deed.prepare)(self.next.fetch_add(1, Ordering::Relaxed)) else { return };
            let begun = Moment::now();
            let opened = connection.take().map_or_else(|| Connection::open(server, deed.wait), Ok);
            let answer = opened.and_then(|mut open| Ok(((deed.ask)(&mut open, &request)?, open)));
            let mut took = self.took.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match answer {
                Ok((answer, open)) => {
                    connection = Some(open);
                    if answer.status == deed.wanted {
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

pub(super) fn measure<R>(
    options: &ServerOptions,
    pace: Pace<'_>,
    deed: &Deed<'_, R>,
) -> anyhow::Result<Measured> {
    let server = options.address()?;
    let mut crew = options.crew(pace.users, true, true)?;
    let signer = options.signer();
    for user in 0..pace.users {
        crew.add(user, 0, false, &signer)?;
    }
    let mut pingers = Pingers::new(pace.users, pace.rate, (pace.names.0.to_owned(), pace.names.1));
    crew.bring_up(0..pace.users, BRING_UP, &mut pingers)?;
    let mut recorder = options.recorder("answered pings");
    pingers.ping(&mut crew, pace.before, &mut recorder)?;
    pingers.meanwhile();

    let deeds = Deeds {
        took: Mutex::new((Latency::new(deed.name), BTreeMap::new())),
        next: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };
    let memory = options.server_process();
    let resident = memory.as_ref().map(|server| server.usage().resident_bytes);
    let mut meter = options.cpu_meter(&[]);
    let begun = Moment::now();
    let pinged = std::thread::scope(|scope| {
        for _ in 0..deed.at_once {
            scope.spawn(|| deeds.go_on(server, deed));
        }
        let pinged = pingers.ping(&mut crew, pace.seconds, &mut recorder);
        deeds.over.store(true, Ordering::Relaxed);
        pinged
    });
    // The last ones ended after the pings did; they are counted, and so is their time.
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), meter.read());
    pinged?;
    let after = memory.as_ref().map(|server| server.usage().resident_bytes);
    pingers.drain(&mut crew)?;
    let (done, refused) = deeds.took.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(Measured { pingers, recorder, done, refused, seconds, cpu, resident: resident.zip(after) })
}
