//! All users of a run: opens their sockets, signs them in, joins or resumes their rooms, and checks the order of every
//! event, so that a scenario only says what its users do.

use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::Context;

use super::seat::{Phase, Seat};
use super::socketio::{self, Packet};
use super::{Signer, command, ids, scan};
use crate::clock::Moment;
use crate::measure::Tally;
use crate::net::{Driver, Ending, Sockets, Sources, Swarm};

/// How a client shows its token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SignIn {
    /// By the first frame.
    #[default]
    Frame,
    /// By the `Authorization` header of the upgrade.
    Header,
}

/// What is spoken on the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Native(SignIn),
    /// Socket.IO over a WebSocket.
    SocketIo,
    /// The fan-out floor: no sign-in, the room is in the path.
    Floor,
}

#[derive(Clone, Copy, Debug)]
pub struct CrewOptions {
    pub server: SocketAddrV4,
    pub dialect: Dialect,
    pub sources: Sources,
    /// Use the kernel's time of arrival.
    pub stamped: bool,
    /// Every change of a room is a new message, so that a resume can be checked message by message.
    pub strict: bool,
    /// So many sockets are opened at once; more wait.
    pub opening_at_once: usize,
}

/// What the users of a scenario do. Command ids 1 and up are the scenario's own.
pub trait Behaviour {
    /// The seat is signed in and, if it joins, live in its room.
    fn live(&mut self, _stage: &mut Stage<'_>, _seat: usize) {}
    /// An event that is not an ack. Its offset was checked already.
    fn event(&mut self, _stage: &mut Stage<'_>, _seat: usize, _event: &[u8], _frame: &[u8], _at: Moment) {}
    fn ack(&mut self, _stage: &mut Stage<'_>, _seat: usize, _id: u64, _frame: &[u8], _at: Moment) {}
    /// A page of what was missed, or of a fresh snapshot (`recovered` is false).
    fn page(&mut self, _stage: &mut Stage<'_>, _seat: usize, _frame: &[u8], _recovered: bool) {}
    fn ended(&mut self, _stage: &mut Stage<'_>, _seat: usize, _ending: Ending) {}
}

/// What a behaviour may act upon.
pub struct Stage<'a> {
    pub sockets: &'a mut Sockets,
    pub seats: &'a mut [Seat],
    state: &'a mut State,
}

struct State {
    options: CrewOptions,
    tally: Tally,
    live: usize,
    opening: usize,
    refusals: u64,
    last_refusal: String,
}

pub struct Crew {
    swarm: Swarm,
    seats: Vec<Seat>,
    state: State,
}

impl Crew {
    pub fn new(options: CrewOptions) -> anyhow::Result<Crew> {
        let swarm = Swarm::new(options.server, options.sources, options.stamped)?;
        let state = State {
            options,
            tally: Tally::default(),
            live: 0,
            opening: 0,
            refusals: 0,
            last_refusal: String::new(),
        };
        Ok(Crew { swarm, seats: Vec::new(), state })
    }

    /// Adds a user who is not connected yet, and says its seat.
    pub fn add(&mut self, user: usize, room: usize, joins: bool, signer: &Signer) -> anyhow::Result<usize> {
        self.seats.push(Seat::new(user, room, joins, signer.sign(user)?));
        Ok(self.seats.len() - 1)
    }

    pub fn seats(&mut self) -> &mut [Seat] {
        &mut self.seats
    }

    pub fn tally(&self) -> Tally {
        self.state.tally
    }

    /// Seats that are live now.
    pub fn live(&self) -> usize {
        self.state.live
    }

    /// Sign-ins and joins that the server refused, and what it said last.
    pub fn refusals(&self) -> (u64, &str) {
        (self.state.refusals, &self.state.last_refusal)
    }

    /// Lets the caller act outside a reaction, for example to send the first messages.
    pub fn act<R>(&mut self, act: impl FnOnce(&mut Stage<'_>) -> R) -> R {
        let sockets = self.swarm.sockets();
        act(&mut Stage { sockets, seats: &mut self.seats, state: &mut self.state })
    }

    /// Waits at most `timeout` and lets `behaviour` react to what came.
    pub fn turn(&mut self, timeout: Duration, behaviour: &mut impl Behaviour) -> anyhow::Result<()> {
        let mut reactor = Reactor { seats: &mut self.seats, state: &mut self.state, behaviour };
        self.swarm.turn(timeout, &mut reactor).context("waiting for sockets")?;
        Ok(())
    }

    /// Opens these seats, so many at once as the options say, and returns when all are live.
    pub fn bring_up(
        &mut self,
        seats: impl IntoIterator<Item = usize>,
        deadline: Duration,
        behaviour: &mut impl Behaviour,
    ) -> anyhow::Result<()> {
        let seats: Vec<usize> = seats.into_iter().collect();
        let begun = Moment::now();
        let wanted = self.state.live + seats.len();
        let mut waiting = seats.into_iter().peekable();
        let mut opened = 0usize;
        while waiting.peek().is_some() || self.state.opening > 0 {
            while self.state.opening < self.state.options.opening_at_once {
                let Some(seat) = waiting.next() else { break };
                self.act(|stage| stage.open(seat))?;
                opened += 1;
            }
            self.turn(Duration::from_millis(20), behaviour)?;
            let (refusals, last) = self.refusals();
            anyhow::ensure!(refusals == 0, "the server refused {refusals} of {opened} users: {last}");
            anyhow::ensure!(
                begun.elapsed() < deadline,
                "only {} of {wanted} users were live after {} s",
                self.state.live,
                deadline.as_secs()
            );
        }
        let (live, last) = (self.state.live, &self.state.last_refusal);
        anyhow::ensure!(
            live == wanted,
            "only {live} of {wanted} users are live; the last one ended with {last}"
        );
        Ok(())
    }
}

impl Stage<'_> {
    /// Connects a seat that is away.
    pub fn open(&mut self, number: usize) -> anyhow::Result<()> {
        let seat = &mut self.seats[number];
        let (path, token) = match self.state.options.dialect {
            Dialect::Floor => (format!("/ws?room={}", seat.room), None),
            Dialect::Native(SignIn::Frame) => ("/ws".to_owned(), None),
            Dialect::Native(SignIn::Header) => ("/ws".to_owned(), Some(&*seat.token)),
            Dialect::SocketIo => (socketio::PATH.to_owned(), None),
        };
        seat.opened_at = Moment::now();
        self.sockets
            .open(number, &path, token, seat.receive_buffer)
            .with_context(|| format!("opening socket {number}"))?;
        seat.phase = Phase::Opening;
        self.state.opening += 1;
        Ok(())
    }

    pub fn send(&mut self, seat: usize, command: &str) {
        if self.state.options.dialect != Dialect::SocketIo {
            self.sockets.send(seat, command.as_bytes());
        } else if let Some(packet) = socketio::event(command) {
            self.sockets.send(seat, packet.as_bytes());
        }
    }

    /// Ends the seat's socket at once, as a failing network would.
    pub fn cut(&mut self, seat: usize) {
        self.sockets.cut(seat);
        self.gone(seat);
    }

    fn gone(&mut self, seat: usize) {
        match std::mem::replace(&mut self.seats[seat].phase, Phase::Away) {
            Phase::Away => {}
            Phase::Live => self.state.live -= 1,
            Phase::Opening | Phase::SigningIn | Phase::Joining => self.state.opening -= 1,
        }
    }

    fn arrived(&mut self, seat: usize) {
        self.seats[seat].phase = Phase::Live;
        self.state.opening -= 1;
        self.state.live += 1;
    }

    /// Whether the seat is through; otherwise its join is on the way.
    fn signed_in(&mut self, number: usize) -> bool {
        let seat = &mut self.seats[number];
        if !seat.joins {
            self.arrived(number);
            return true;
        }
        seat.phase = Phase::Joining;
        let join = command::join(ids::room(seat.room), seat.place());
        self.send(number, &join);
        false
    }

    /// Takes the answer to a join: `None` if it was refused, else whether the seat is live now.
    fn joined(&mut self, number: usize, frame: &[u8]) -> Option<bool> {
        let (epoch, offset) =
            (scan::text(frame, &["data", "epoch"]), scan::number(frame, &["data", "offset"]));
        let (Some(epoch), Some(offset), true) = (epoch, offset, scan::is_true(frame, &["data", "success"]))
        else {
            return None;
        };
        let resumed = self.seats[number].epoch.is_some() && scan::is_true(frame, &["data", "recovered"]);
        let seat = &mut self.seats[number];
        if resumed {
            let mut revisions: Vec<u64> = scan::items(frame, &["data", "messages"])
                .filter_map(|message| scan::number(message, &["revision"]))
                .collect();
            let State { options, tally, .. } = &mut *self.state;
            seat.offsets.resumed(&mut revisions, offset, options.strict, tally);
        } else {
            seat.resets += u32::from(seat.epoch.is_some());
            seat.offsets.start(offset);
        }
        seat.epoch = Some(epoch.into());
        if scan::is_true(frame, &["data", "more"]) {
            let join = command::join(ids::room(seat.room), seat.place());
            self.send(number, &join);
            return Some(false);
        }
        self.arrived(number);
        Some(true)
    }
}

struct Reactor<'a, B> {
    seats: &'a mut Vec<Seat>,
    state: &'a mut State,
    behaviour: &'a mut B,
}

impl<B: Behaviour> Reactor<'_, B> {
    /// Counts a refusal and ends the socket.
    fn turn_away(&mut self, sockets: &mut Sockets, seat: usize, what: &str, frame: &[u8]) {
        self.state.refusals += 1;
        self.state.last_refusal = format!("{what}: {}", String::from_utf8_lossy(frame));
        let mut stage = Stage { sockets, seats: self.seats, state: self.state };
        stage.cut(seat);
        self.behaviour.ended(&mut stage, seat, Ending::Protocol("the server refused"));
    }
}

impl<B: Behaviour> Driver for Reactor<'_, B> {
    fn opened(&mut self, sockets: &mut Sockets, number: usize) {
        let mut stage = Stage { sockets, seats: self.seats, state: self.state };
        match stage.state.options.dialect {
            Dialect::Floor => {
                stage.arrived(number);
                self.behaviour.live(&mut stage, number);
            }
            // Its first packet is awaited.
            Dialect::SocketIo => stage.seats[number].phase = Phase::SigningIn,
            Dialect::Native(sign_in) => {
                stage.seats[number].phase = Phase::SigningIn;
                if sign_in == SignIn::Frame {
                    let auth = command::auth(&stage.seats[number].token);
                    stage.send(number, &auth);
                }
            }
        }
    }

    fn text(&mut self, sockets: &mut Sockets, number: usize, frame: &[u8], arrived: Moment) {
        if self.state.options.dialect != Dialect::SocketIo {
            return self.frame(sockets, number, frame, arrived);
        }
        match socketio::read(frame) {
            Packet::Native(frame) => self.frame(sockets, number, &frame, arrived),
            Packet::Open => sockets.send(number, socketio::connect(&self.seats[number].token).as_bytes()),
            Packet::Ping => sockets.send(number, socketio::PONG.as_bytes()),
            Packet::Other => {}
            Packet::Refused => self.turn_away(sockets, number, "not a packet", frame),
        }
    }

    fn ended(&mut self, sockets: &mut Sockets, number: usize, ending: Ending) {
        let mut stage = Stage { sockets, seats: self.seats, state: self.state };
        let was = stage.seats[number].phase;
        stage.gone(number);
        if was != Phase::Live {
            stage.state.last_refusal = format!("{ending:?}");
        }
        self.behaviour.ended(&mut stage, number, ending);
    }
}

impl<B: Behaviour> Reactor<'_, B> {
    fn frame(&mut self, sockets: &mut Sockets, number: usize, frame: &[u8], arrived: Moment) {
        let mut stage = Stage { sockets, seats: self.seats, state: self.state };
        let Some(event) = scan::string(frame, &["event"]) else {
            return self.turn_away(sockets, number, "not an event", frame);
        };
        if event != b"ack" {
            let seat = &mut stage.seats[number];
            if event == b"ready" && seat.phase == Phase::SigningIn && stage.signed_in(number) {
                return self.behaviour.live(&mut stage, number);
            }
            // Only a room's durable events carry an offset.
            if let Some(offset) = scan::number(frame, &["data", "offset"]) {
                stage.seats[number].offsets.event(offset, &mut stage.state.tally);
            }
            return self.behaviour.event(&mut stage, number, event, frame, arrived);
        }
        match scan::string(frame, &["id"]) {
            Some(b"auth") if scan::is_true(frame, &["data", "success"]) => {
                if stage.signed_in(number) {
                    self.behaviour.live(&mut stage, number);
                }
            }
            Some(b"auth") => self.turn_away(sockets, number, "sign-in", frame),
            Some(b"join") => {
                let first = stage.seats[number].epoch.is_none();
                let Some(live) = stage.joined(number, frame) else {
                    return self.turn_away(sockets, number, "join", frame);
                };
                let recovered = !first && scan::is_true(frame, &["data", "recovered"]);
                self.behaviour.page(&mut stage, number, frame, recovered);
                if live {
                    self.behaviour.live(&mut stage, number);
                }
            }
            Some(id) => {
                if let Some(id) = scan::digits(id) {
                    self.behaviour.ack(&mut stage, number, id, frame, arrived);
                }
            }
            None => self.turn_away(sockets, number, "an ack without an id", frame),
        }
    }
}
