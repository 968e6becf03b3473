//! Rooms in which one member speaks, and speaks again when all have heard it; and what the server pays for that.

use std::time::Duration;

use super::{BRING_UP, Population, TURN};
use crate::clock::Moment;
use crate::measure::{Latency, ProcessGroup, Recorder};
use crate::native::command::{self, Reply};
use crate::native::{Behaviour, Crew, Dialect, Signer, Stage, ids, scan};
use crate::net::Ending;

const WARM_UP: Duration = Duration::from_millis(500);
/// A room that hears nothing for so long has lost something.
const STALLED: Duration = Duration::from_secs(10);

/// The users of one server, all live.
pub(super) struct Hall {
    pub name: &'static str,
    pub crew: Crew,
    pub rooms: Rooms,
    pub process: Option<ProcessGroup>,
}

/// Which of the seeded rooms, and how their members sign in.
pub(super) struct Where<'a> {
    pub population: &'a Population,
    pub first_room: usize,
    pub signer: Signer,
}

pub(super) struct Rooms {
    dialect: Dialect,
    first_room: usize,
    members: u64,
    pub content: String,
    run: u64,
    pub rooms: Vec<Room>,
    outstanding: u64,
    speaking: bool,
    deliveries: u64,
    pub frame_bytes: u64,
    pub heard: Latency,
    failures: Vec<String>,
    line: String,
}

#[derive(Clone, Default)]
pub(super) struct Room {
    /// Sent and heard in all, the latter by all members together.
    sent: u64,
    heard: u64,
    /// When the last ones were sent; by number modulo length.
    sent_at: [Moment; 16],
    /// Offset of the last message, on the floor.
    offset: u64,
}

impl Rooms {
    fn say(&mut self, stage: &mut Stage<'_>, number: usize) {
        let room = &mut self.rooms[number];
        room.sent += 1;
        let slot = (room.sent % 16) as usize;
        room.sent_at[slot] = Moment::now();
        let seat = number * self.members as usize;
        match self.dialect {
            Dialect::Native(_) | Dialect::SocketIo => {
                let client_id = format!("{:x}-{}", self.run, room.sent);
                let room_id = ids::room(self.first_room + number);
                command::send(&mut self.line, room.sent, room_id, &client_id, &self.content, Reply::None);
            }
            Dialect::Floor => {
                room.offset += 1;
                self.line = format!(
                    r#"{{"event":"message:receive","data":{{"offset":{},"content":"{}"}}}}"#,
                    room.offset, self.content
                );
            }
        }
        stage.send(seat, &self.line);
    }
}

impl Behaviour for Rooms {
    fn event(&mut self, stage: &mut Stage<'_>, seat: usize, event: &[u8], frame: &[u8], at: Moment) {
        if event != b"message:receive" {
            return;
        }
        self.deliveries += 1;
        self.frame_bytes = frame.len() as u64;
        let number = seat / self.members as usize;
        let room = &mut self.rooms[number];
        room.heard += 1;
        if room.heard.is_multiple_of(self.members) {
            let complete = room.heard / self.members;
            self.heard.record(at.since(room.sent_at[(complete % 16) as usize]));
            while self.speaking && self.rooms[number].sent < complete + self.outstanding {
                self.say(stage, number);
            }
        }
    }

    fn ack(&mut self, _stage: &mut Stage<'_>, _seat: usize, _id: u64, frame: &[u8], _at: Moment) {
        if !scan::is_true(frame, &["data", "success"]) {
            self.failures.push(String::from_utf8_lossy(frame).into_owned());
        }
    }

    fn ended(&mut self, _stage: &mut Stage<'_>, seat: usize, ending: Ending) {
        self.failures.push(format!("seat {seat} ended: {ending:?}"));
    }
}

/// One measurement.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measured {
    pub micros_per_delivery: f64,
    pub per_second: f64,
    pub cpu_percent: f64,
}

impl Hall {
    /// `length` is how many characters each message has.
    pub fn open(
        name: &'static str,
        mut crew: Crew,
        at: &Where<'_>,
        dialect: Dialect,
        length: usize,
        process: Option<ProcessGroup>,
    ) -> anyhow::Result<Hall> {
        let population = at.population;
        let seats = population.seat_from(at.first_room, &mut crew, true, &at.signer)?;
        let rooms = Rooms {
            dialect,
            first_room: at.first_room,
            members: population.members as u64,
            content: "x".repeat(length),
            run: Moment::now().unix_micros(),
            rooms: vec![Room::default(); population.rooms],
            outstanding: 1,
            speaking: false,
            deliveries: 0,
            frame_bytes: 0,
            heard: Latency::new(name),
            failures: Vec::new(),
            line: String::new(),
        };
        let mut hall = Hall { name, crew, rooms, process };
        hall.crew.bring_up(0..seats, BRING_UP, &mut hall.rooms)?;
        Ok(hall)
    }

    /// Lets the rooms speak with so many outstanding, measures after a warm-up, and waits until all was heard.
    pub fn measure(
        &mut self,
        outstanding: u64,
        seconds: f64,
        recorder: &mut Recorder,
    ) -> anyhow::Result<Measured> {
        let Hall { crew, rooms, process, .. } = self;
        rooms.outstanding = outstanding;
        rooms.speaking = true;
        crew.act(|stage| {
            for room in 0..rooms.rooms.len() {
                (0..outstanding).for_each(|_| rooms.say(stage, room));
            }
        });
        let usage =
            |process: &Option<ProcessGroup>| process.as_ref().map(ProcessGroup::usage).unwrap_or_default();
        let mut start = (Moment::now(), usage(process), rooms.deliveries);
        let mut warm = false;
        let (mut last, mut last_at) = (rooms.deliveries, Moment::now());
        recorder.resume(last_at, last);
        let measured = loop {
            crew.turn(TURN, rooms)?;
            let now = Moment::now();
            recorder.tick(now, rooms.deliveries);
            if rooms.deliveries != last {
                (last, last_at) = (rooms.deliveries, now);
            }
            anyhow::ensure!(rooms.failures.is_empty(), "{}: {}", self.name, rooms.failures[0]);
            anyhow::ensure!(now.since(last_at) < STALLED, "{}: nothing was heard for {STALLED:?}", self.name);
            let passed = now.since(start.0);
            if !warm && passed >= WARM_UP {
                warm = true;
                rooms.heard.clear();
                start = (now, usage(process), rooms.deliveries);
            } else if warm && passed.as_secs_f64() >= seconds {
                let deliveries = (rooms.deliveries - start.2).max(1) as f64;
                let cpu = usage(process).cpu_seconds - start.1.cpu_seconds;
                break Measured {
                    micros_per_delivery: cpu / deliveries * 1e6,
                    per_second: deliveries / passed.as_secs_f64(),
                    cpu_percent: cpu / passed.as_secs_f64() * 100.0,
                };
            }
        };
        rooms.speaking = false;
        let stopped = Moment::now();
        let rest = |rooms: &Rooms| rooms.rooms.iter().any(|room| room.heard < room.sent * rooms.members);
        while rest(rooms) && stopped.elapsed() < STALLED {
            crew.turn(TURN, rooms)?;
        }
        Ok(measured)
    }

    /// Deliveries that never came.
    pub fn unheard(&self) -> u64 {
        self.rooms.rooms.iter().map(|room| (room.sent * self.rooms.members).saturating_sub(room.heard)).sum()
    }
}

/// The round in the middle, by CPU.
pub(super) fn median(rounds: &[Measured]) -> Measured {
    let mut sorted = rounds.to_vec();
    sorted.sort_by(|a, b| a.micros_per_delivery.total_cmp(&b.micros_per_delivery));
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
