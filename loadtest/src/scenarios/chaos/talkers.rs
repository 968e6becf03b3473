//! The users of `chaos`: each says one thing at a time, says it again with the same `clientId` until it is acked, and
//! comes back and resumes whenever its socket ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::Moment;
use crate::native::command::{self, Reply};
use crate::native::{Behaviour, Crew, Phase, Stage, ids, scan};
use crate::net::Ending;

/// A live socket that answers nothing for so long is cut, and the message said again on a new one.
const PATIENCE: Duration = Duration::from_secs(8);
/// Signing in and joining may take so long.
const ENTRY: Duration = Duration::from_secs(5);
/// So many examples of a fault are kept.
const MAX_FAULTS: usize = 100;

/// A message that was acked.
#[derive(Clone, Debug)]
pub struct Said {
    pub client_id: String,
    pub message_id: String,
    pub offset: u64,
    pub wants_reply: bool,
}

struct Saying {
    id: u64,
    client_id: String,
    wants_reply: bool,
    /// Sent on the present socket at this time.
    sent: Option<Moment>,
    /// Not again before this time.
    not_before: Moment,
    /// What an earlier ack of the same message said, when it is said again on purpose.
    said_before: Option<Said>,
}

pub struct Talker {
    pub said: Vec<Said>,
    /// `(offset, id)` of each message that this user holds.
    pub seen: BTreeSet<(u64, String)>,
    /// It holds what came after this offset.
    pub since: u64,
    saying: Option<Saying>,
    next_at: Moment,
    reopen_at: Option<Moment>,
    joined: bool,
}

pub struct Talkers {
    pub users: Vec<Talker>,
    pub talking: bool,
    pub resent: u64,
    pub repeated_on_purpose: u64,
    pub reconnects: u64,
    pub cut_for_silence: u64,
    pub temporary: BTreeMap<String, u64>,
    pub faults: Vec<String>,
    run: String,
    pause: Duration,
    reply_share: f64,
    random: fastrand::Rng,
    next_id: u64,
    line: String,
}

impl Talkers {
    pub fn new(users: usize, pause: Duration, reply_share: f64, seed: u64) -> Talkers {
        let now = Moment::now();
        let talker = || Talker {
            said: Vec::new(),
            seen: BTreeSet::new(),
            since: 0,
            saying: None,
            next_at: now,
            reopen_at: Some(now),
            joined: false,
        };
        Talkers {
            users: (0..users).map(|_| talker()).collect(),
            talking: true,
            resent: 0,
            repeated_on_purpose: 0,
            reconnects: 0,
            cut_for_silence: 0,
            temporary: BTreeMap::new(),
            faults: Vec::new(),
            run: format!("{:x}", now.unix_micros()),
            pause,
            reply_share,
            random: fastrand::Rng::with_seed(seed),
            next_id: 0,
            line: String::new(),
        }
    }

    pub fn acked(&self) -> usize {
        self.users.iter().map(|user| user.said.len()).sum()
    }

    /// Whether nothing is unanswered and everybody is live.
    pub fn is_settled(&self, crew: &mut Crew) -> bool {
        crew.live() == self.users.len() && self.users.iter().all(|user| user.saying.is_none())
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }

    /// Says, says again, opens and gives up what is due.
    pub fn act(&mut self, crew: &mut Crew) -> anyhow::Result<()> {
        let now = Moment::now();
        for seat in 0..self.users.len() {
            let (phase, opened_at) = {
                let seat = &crew.seats()[seat];
                (seat.phase, seat.opened_at)
            };
            match phase {
                Phase::Live => self.talk(crew, seat, now),
                Phase::Away => {
                    if self.users[seat].reopen_at.is_none_or(|due| due <= now) {
                        self.users[seat].reopen_at = None;
                        self.reconnects += 1;
                        crew.act(|stage| stage.open(seat))?;
                    }
                }
                Phase::Opening | Phase::SigningIn | Phase::Joining => {
                    if now.since(opened_at) > ENTRY {
                        self.leave(crew, seat);
                    }
                }
            }
        }
        Ok(())
    }

    fn leave(&mut self, crew: &mut Crew, seat: usize) {
        self.cut_for_silence += 1;
        crew.act(|stage| stage.cut(seat));
        self.gone(seat);
    }

    fn gone(&mut self, seat: usize) {
        let pause = Duration::from_millis(self.random.u64(20..250));
        let user = &mut self.users[seat];
        user.reopen_at = Some(Moment::now().plus(pause));
        if let Some(saying) = &mut user.saying {
            saying.sent = None;
        }
    }

    fn talk(&mut self, crew: &mut Crew, seat: usize, now: Moment) {
        if self.users[seat].saying.is_none() && self.talking && self.users[seat].next_at <= now {
            self.begin(seat, now);
        }
        let Some(saying) = &mut self.users[seat].saying else { return };
        match saying.sent {
            Some(sent) if now.since(sent) > PATIENCE => self.leave(crew, seat),
            Some(_) => {}
            None if saying.not_before <= now => {
                saying.sent = Some(now);
                let reply = if saying.wants_reply { Reply::Auto } else { Reply::None };
                let room = ids::room(crew.seats()[seat].room);
                // The content tells who said it, for readers to whom the clientId is not shown.
                let content = format!("says {}", saying.client_id);
                command::send(&mut self.line, saying.id, room, &saying.client_id, &content, reply);
                crew.act(|stage| stage.send(seat, &self.line));
            }
            None => {}
        }
    }

    /// Chooses what to say next: mostly something new, sometimes what was acked already.
    fn begin(&mut self, seat: usize, now: Moment) {
        self.next_id += 1;
        let pause = self.pause.mul_f64(0.5 + self.random.f64());
        let (again, reply) = (self.random.u32(..20) == 0, self.random.f64() < self.reply_share);
        let pick = self.random.usize(..);
        let user = &mut self.users[seat];
        user.next_at = now.plus(pause);
        let said_before = (again && !user.said.is_empty()).then(|| user.said[pick % user.said.len()].clone());
        let (client_id, wants_reply) = match &said_before {
            Some(said) => (said.client_id.clone(), said.wants_reply),
            None => (format!("{}-{seat}-{}", self.run, self.next_id), reply),
        };
        self.repeated_on_purpose += u64::from(said_before.is_some());
        let id = self.next_id;
        user.saying = Some(Saying { id, client_id, wants_reply, sent: None, not_before: now, said_before });
    }

    fn acked_now(&mut self, seat: usize, saying: Saying, frame: &[u8]) {
        let message_id = scan::text(frame, &["data", "message", "id"]);
        let (Some(message_id), Some(offset)) =
            (message_id, scan::number(frame, &["data", "message", "offset"]))
        else {
            return self.fault(format!("an ack without a message: {}", String::from_utf8_lossy(frame)));
        };
        let said = Said { client_id: saying.client_id, message_id, offset, wants_reply: saying.wants_reply };
        match saying.said_before {
            None => self.users[seat].said.push(said),
            Some(before) => {
                let same = before.message_id == said.message_id && before.offset == said.offset;
                if !same || !scan::is_true(frame, &["data", "duplicate"]) {
                    self.fault(format!("said again, {before:?} became {said:?}"));
                }
            }
        }
    }

    fn hold(&mut self, seat: usize, message: &[u8]) {
        let (id, offset) = (scan::text(message, &["id"]), scan::number(message, &["offset"]));
        if let (Some(id), Some(offset)) = (id, offset) {
            self.users[seat].seen.insert((offset, id));
        }
    }
}

impl Behaviour for Talkers {
    fn page(&mut self, _stage: &mut Stage<'_>, seat: usize, frame: &[u8], recovered: bool) {
        let user = &mut self.users[seat];
        if !recovered {
            if user.joined {
                let frame = String::from_utf8_lossy(&frame[..frame.len().min(200)]).into_owned();
                self.fault(format!("seat {seat}: a resume was answered with a snapshot: {frame}"));
            }
            let user = &mut self.users[seat];
            user.joined = true;
            user.seen.clear();
            user.since = scan::number(frame, &["data", "offset"]).unwrap_or(0);
            return;
        }
        for message in scan::items(frame, &["data", "messages"]) {
            // A message that was only changed since is held already.
            if scan::number(message, &["offset"]).is_some_and(|offset| offset > self.users[seat].since) {
                self.hold(seat, message);
            }
        }
    }

    fn event(&mut self, _stage: &mut Stage<'_>, seat: usize, event: &[u8], frame: &[u8], _at: Moment) {
        if event == b"message:receive"
            && let Some(message) = scan::find(frame, &["data", "message"])
        {
            self.hold(seat, message);
        }
    }

    fn ack(&mut self, _stage: &mut Stage<'_>, seat: usize, id: u64, frame: &[u8], _at: Moment) {
        let Some(saying) = self.users[seat].saying.take_if(|saying| saying.id == id) else { return };
        if scan::is_true(frame, &["data", "success"]) {
            return self.acked_now(seat, saying, frame);
        }
        let code = scan::text(frame, &["data", "code"]).unwrap_or_default();
        let known = [
            "rate_limited",
            "room_busy",
            "overloaded",
            "dependency_down",
            "outcome_unknown",
            "draining",
            "internal",
        ];
        if !known.contains(&code.as_str()) {
            return self.fault(format!("seat {seat}: `{}` was refused with `{code}`", saying.client_id));
        }
        *self.temporary.entry(code).or_default() += 1;
        self.resent += 1;
        let wait = scan::number(frame, &["data", "retryAfterMs"]).unwrap_or(200).min(5_000);
        let not_before = Moment::now().plus(Duration::from_millis(wait));
        self.users[seat].saying = Some(Saying { sent: None, not_before, ..saying });
    }

    fn ended(&mut self, _stage: &mut Stage<'_>, seat: usize, _ending: Ending) {
        self.resent +=
            u64::from(self.users[seat].saying.as_ref().is_some_and(|saying| saying.sent.is_some()));
        self.gone(seat);
    }
}
