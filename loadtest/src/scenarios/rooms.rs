//! `rooms`: what a live room costs, and that one which left memory costs nothing.
//!
//! One user on one socket wakes every room with one durable message that asks for no reply, so that what is counted is
//! rooms alone: no further users, sockets or replies.

use std::time::Duration;

use anyhow::Context;

use super::{BRING_UP, Population, ServerOptions, TURN, rest};
use crate::clock::Moment;
use crate::measure::{ProcessGroup, Recorder};
use crate::native::command::{self, Reply};
use crate::native::{Behaviour, Crew, Stage, ids, scan};
use crate::net::{Ending, http};
use crate::report::{Report, Target};

const TARGET_BYTES: f64 = 14.0 * 1024.0;
/// What a room may leave behind each time that it comes and goes. What the first coming left is the allocator's: pages
/// that it keeps for the next.
const LEFT_BYTES: f64 = 512.0;
const DRAIN: Duration = Duration::from_secs(60);
/// Beyond the server's own time for idle rooms.
const LEAVE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_secs(1);
/// The allocator gives back what was not used for some 20 s.
const GIVE_BACK: Duration = Duration::from_secs(40);

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub server: ServerOptions,
    #[command(flatten)]
    pub population: Population,
    /// Memory is counted from so many live rooms on.
    #[arg(long, default_value_t = 100)]
    pub base: usize,
    /// Messages in flight.
    #[arg(long, default_value_t = 64)]
    pub window: usize,
    /// Seconds to wait before memory is read.
    #[arg(long, default_value_t = 5)]
    pub settle: u64,
    /// Do not wait until the rooms have left memory.
    #[arg(long)]
    pub stay: bool,
}

/// Wakes one room after the other.
struct Waker {
    next: usize,
    until: usize,
    answered: usize,
    line: String,
    run: String,
    refusals: Vec<String>,
    endings: Vec<String>,
}

impl Waker {
    /// All rooms once more.
    fn again(&mut self) {
        (self.next, self.answered) = (0, 0);
        self.run.push('b');
    }

    fn wake_next(&mut self, stage: &mut Stage<'_>) {
        if self.next < self.until {
            let client_id = format!("{}-{}", self.run, self.next);
            let (id, room) = (self.next as u64 + 1, ids::room(self.next));
            command::send(&mut self.line, id, room, &client_id, "Good evening", Reply::None);
            stage.send(0, &self.line);
            self.next += 1;
        }
    }
}

impl Behaviour for Waker {
    fn ack(&mut self, stage: &mut Stage<'_>, _seat: usize, id: u64, frame: &[u8], _at: Moment) {
        self.answered += 1;
        if !scan::is_true(frame, &["data", "success"]) {
            let code = scan::text(frame, &["data", "code"]).unwrap_or_else(|| "without a code".to_owned());
            self.refusals.push(format!("room {}: {code}", id - 1));
        }
        self.wake_next(stage);
    }

    fn ended(&mut self, _stage: &mut Stage<'_>, seat: usize, ending: Ending) {
        self.endings.push(format!("seat {seat}: {ending:?}"));
    }
}

/// What is there when all should have left.
struct Left {
    living: u64,
    bytes: u64,
}

/// A room in memory, as the server's admins see them.
struct Watch<'a> {
    options: &'a Options,
    token: String,
}

impl Watch<'_> {
    fn live_rooms(&self) -> anyhow::Result<u64> {
        let address = self.options.server.address()?;
        let body = http::get(address, "/api/admin/rooms?limit=1", Some(&self.token))?.json()?;
        body["total"].as_u64().context("the list of live rooms has no total")
    }

    /// Waits until no room is in memory, and for what the allocator gives back.
    fn until_all_left(
        &self,
        crew: &mut Crew,
        options: &Options,
        waker: &mut Waker,
        recorder: &mut Recorder,
    ) -> anyhow::Result<Left> {
        let begun = Moment::now();
        let mut living = self.live_rooms()?;
        while living > 0 && begun.elapsed() < LEAVE {
            rest(crew, LOOK, waker, recorder)?;
            living = self.live_rooms()?;
        }
        rest(crew, GIVE_BACK, waker, recorder)?;
        let server = options.server.server_process().context("`rooms` needs --server-pid")?;
        Ok(Left { living, bytes: server.usage().resident_bytes })
    }
}

pub fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("rooms", "memory of a live room, and of one that left");
    options.population.check()?;
    let rooms = options.population.rooms;
    anyhow::ensure!(
        options.population.users == 1 && options.population.members == 1,
        "one user owns all rooms: --users 1 --members 1"
    );
    anyhow::ensure!(rooms > options.base, "there must be more rooms than the {} of the base", options.base);
    let server = options.server.server_process().context("`rooms` needs --server-pid")?;
    let signer = options.server.signer();
    let watch = Watch { options, token: signer.sign_admin(0)? };
    let mut crew = options.server.crew(1, false, true)?;
    crew.add(0, 0, false, &signer)?;
    let mut waker = Waker {
        next: 0,
        until: 0,
        answered: 0,
        line: String::new(),
        run: format!("{:x}", Moment::now().unix_micros()),
        refusals: Vec::new(),
        endings: Vec::new(),
    };
    let mut recorder = options.server.recorder("rooms woken");
    crew.bring_up(0..1, BRING_UP, &mut waker)?;

    let before = wake(&mut crew, options, &mut waker, options.base, &server, &mut recorder)?;
    let begun = Moment::now();
    let after = wake(&mut crew, options, &mut waker, rooms, &server, &mut recorder)?;
    let waking = begun.elapsed().as_secs_f64() - options.settle as f64;
    let live = watch.live_rooms()?;

    let added = (rooms - options.base) as f64;
    let per_room = after.saturating_sub(before) as f64 / added;
    options.population.describe(&mut report);
    report.setting("base", options.base);
    report.aimed("memory per live room", per_room, "bytes", Target::AtMost(TARGET_BYTES));
    report.figure(format!("server memory at {}", options.base), before as f64 / 1e6, "MB");
    report.figure(format!("server memory at {rooms}"), after as f64 / 1e6, "MB");
    report.figure("rooms woken", added / waking, "/s");
    report.verdict.none("no message is refused", &waker.refusals, &format!("{rooms} rooms"));
    report.verdict.none("the socket stays open", &waker.endings, "one socket");
    report.verdict.check("all rooms live", live == rooms as u64, format!("{live} of {rooms}"));
    if !options.stay {
        let first = watch.until_all_left(&mut crew, options, &mut waker, &mut recorder)?;
        waker.again();
        wake(&mut crew, options, &mut waker, rooms, &server, &mut recorder)?;
        let second = watch.until_all_left(&mut crew, options, &mut waker, &mut recorder)?;
        let per_room = |more: u64, less: u64| more.saturating_sub(less) as f64 / added;
        report.figure("held by the allocator, per room", per_room(first.bytes, before), "bytes");
        let left = per_room(second.bytes, first.bytes);
        report.aimed("left behind by a room that came and went", left, "bytes", Target::AtMost(LEFT_BYTES));
        let stayed = first.living.max(second.living);
        report.verdict.check("idle rooms leave memory", stayed == 0, format!("{stayed} of {rooms} stayed"));
    }
    report.series = recorder.series();
    Ok(report)
}

/// Wakes the rooms up to `until` and answers the memory that the server then holds, in bytes.
fn wake(
    crew: &mut Crew,
    options: &Options,
    waker: &mut Waker,
    until: usize,
    server: &ProcessGroup,
    recorder: &mut Recorder,
) -> anyhow::Result<u64> {
    waker.until = until;
    crew.act(|stage| (0..options.window.max(1)).for_each(|_| waker.wake_next(stage)));
    let begun = Moment::now();
    while waker.answered < until && waker.endings.is_empty() && begun.elapsed() < DRAIN {
        crew.turn(TURN, waker)?;
        recorder.tick(Moment::now(), waker.answered as u64);
    }
    anyhow::ensure!(waker.answered == until, "only {} of {until} messages were answered", waker.answered);
    rest(crew, Duration::from_secs(options.settle), waker, recorder)?;
    Ok(server.usage().resident_bytes)
}
