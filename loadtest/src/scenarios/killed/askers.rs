//! The people of `killed`: in each room one asks, says it again with the same `clientId` until it is acked, and all watch the
//! reply; whoever loses the connection comes back and resumes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Moment;
use crate::native::command::{self, Reply};
use crate::native::{Behaviour, Crew, Phase, Stage, ids, scan};
use crate::net::Ending;
use crate::sim::{Words, beginning, known_text};

/// A live socket that answers nothing for so long is cut, and the question asked again on a new one.
const PATIENCE: Duration = Duration::from_secs(8);
/// Signing in and joining may take so long.
const ENTRY: Duration = Duration::from_secs(5);
const MAX_FAULTS: usize = 100;

/// The question that a room waits for the reply to.
struct Question {
    id: u64,
    client_id: String,
    content: String,
    /// What the whole reply must be.
    answer: String,
    /// Sent on the present socket at this time.
    sent: Option<Moment>,
    /// Not again before this time.
    not_before: Moment,
    acked: bool,
}

/// A reply under way, as one watcher holds it.
#[derive(Default)]
struct View {
    message: String,
    attempt: u64,
    text: String,
}

#[derive(Default)]
pub struct Watcher {
    /// The replies it holds, by id.
    pub replies: BTreeMap<String, String>,
    /// It holds what came after this offset.
    pub since: u64,
    joined: bool,
    reopen_at: Option<Moment>,
    view: View,
    /// It has the whole reply to the present question.
    satisfied: bool,
}

pub struct Askers {
    members: usize,
    tokens: u32,
    run: String,
    /// By room.
    questions: Vec<Option<Question>>,
    /// By seat.
    pub watchers: Vec<Watcher>,
    pub asked: u64,
    pub resent: u64,
    pub connections: u64,
    /// Attempts that were higher than the first one.
    pub taken_up: u64,
    /// New attempts that began with text that had been said.
    pub continued: u64,
    pub faults: Vec<String>,
    random: fastrand::Rng,
    line: String,
}

impl Askers {
    pub fn new(rooms: usize, members: usize, tokens: u32, seed: u64) -> Askers {
        Askers {
            members,
            tokens,
            run: format!("{:x}", Moment::now().unix_micros()),
            questions: (0..rooms).map(|_| None).collect(),
            watchers: (0..rooms * members).map(|_| Watcher::default()).collect(),
            asked: 0,
            resent: 0,
            connections: 0,
            taken_up: 0,
            continued: 0,
            faults: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
            line: String::new(),
        }
    }

    /// A new question in each room.
    pub fn ask(&mut self) {
        for question in &mut self.questions {
            self.asked += 1;
            let content = format!("question {} of {}", self.asked, self.run);
            *question = Some(Question {
                id: self.asked,
                client_id: format!("{}-{}", self.run, self.asked),
                answer: known_text(&content, self.tokens, Words::Latin),
                content,
                sent: None,
                not_before: Moment::now(),
                acked: false,
            });
        }
        for watcher in &mut self.watchers {
            (watcher.satisfied, watcher.view) = (false, View::default());
        }
    }

    /// Whether all are live.
    pub fn are_in(&self, crew: &Crew) -> bool {
        crew.live() == self.watchers.len()
    }

    /// Whether all watchers hold the whole reply to their room's question.
    pub fn are_satisfied(&self) -> bool {
        self.watchers.iter().all(|watcher| watcher.satisfied)
    }

    /// The tokens of each reply under way that somebody has seen.
    pub fn progress(&self) -> Vec<u32> {
        let rooms = self.questions.iter().enumerate();
        let open = rooms.filter_map(|(room, question)| {
            let watchers = &self.watchers[room * self.members..(room + 1) * self.members];
            let question = question.as_ref()?;
            if watchers.iter().any(|watcher| watcher.satisfied) {
                return None;
            }
            let texts = watchers.iter().map(|watcher| watcher.view.text.as_str());
            texts.map(|text| tokens_of(text, &question.content)).max()
        });
        open.collect()
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }

    /// Asks, asks again, opens and gives up what is due.
    pub fn act(&mut self, crew: &mut Crew) -> anyhow::Result<()> {
        let now = Moment::now();
        for seat in 0..self.watchers.len() {
            let (phase, opened_at) = (crew.seats()[seat].phase, crew.seats()[seat].opened_at);
            match phase {
                Phase::Live if seat.is_multiple_of(self.members) => self.say(crew, seat, now),
                Phase::Live => {}
                Phase::Away => {
                    if self.watchers[seat].reopen_at.is_none_or(|due| due <= now) {
                        self.watchers[seat].reopen_at = None;
                        self.connections += 1;
                        crew.act(|stage| stage.open(seat))?;
                    }
                }
                Phase::Opening | Phase::SigningIn | Phase::Joining => {
                    if now.since(opened_at) > ENTRY {
                        crew.act(|stage| stage.cut(seat));
                        self.gone(seat);
                    }
                }
            }
        }
        Ok(())
    }

    fn say(&mut self, crew: &mut Crew, seat: usize, now: Moment) {
        let Some(question) = self.questions[seat / self.members].as_mut().filter(|question| !question.acked)
        else {
            return;
        };
        match question.sent {
            Some(sent) if now.since(sent) > PATIENCE => {
                crew.act(|stage| stage.cut(seat));
                self.gone(seat);
            }
            None if question.not_before <= now => {
                question.sent = Some(now);
                let room = ids::room(crew.seats()[seat].room);
                let Question { id, client_id, content, .. } = question;
                command::send(&mut self.line, *id, room, client_id, content, Reply::Auto);
                crew.act(|stage| stage.send(seat, &self.line));
            }
            _ => {}
        }
    }

    fn gone(&mut self, seat: usize) {
        let pause = Duration::from_millis(self.random.u64(10..100));
        self.watchers[seat].reopen_at = Some(Moment::now().plus(pause));
        if let Some(question) =
            self.questions[seat / self.members].as_mut().filter(|_| seat.is_multiple_of(self.members))
            && !question.acked
            && question.sent.take().is_some()
        {
            self.resent += 1;
        }
    }

    /// The text of a reply under way, from `position` on. A snapshot starts at 0.
    fn hear(&mut self, seat: usize, message: &str, attempt: u64, position: u64, text: &str) {
        let Some(question) = &self.questions[seat / self.members] else {
            return self.fault(format!("seat {seat}: text of a reply before the first question"));
        };
        let view = &mut self.watchers[seat].view;
        if view.message != message {
            *view = View { message: message.to_owned(), attempt, text: String::new() };
        }
        if attempt < view.attempt {
            return;
        }
        if attempt > view.attempt {
            self.taken_up += 1;
            self.continued += u64::from(!view.text.is_empty() && text.len() > question.content.len());
            view.attempt = attempt;
            view.text.clear();
        }
        let held = view.text.len() as u64;
        view.text.truncate(position as usize);
        view.text.push_str(text);
        let known = question.answer.starts_with(&view.text);
        let shown = view.text.clone();
        if position > held {
            self.fault(format!("seat {seat}: {message} has a hole from {held} to {position}"));
        } else if !known {
            self.fault(format!("seat {seat}: {message} (attempt {attempt}) says `{shown}`"));
        }
    }

    /// A stored message, as it came live or was missed.
    fn hold(&mut self, seat: usize, message: &[u8]) {
        if scan::string(message, &["sender", "kind"]) != Some(b"character") {
            return;
        }
        let (Some(id), Some(content)) = (scan::text(message, &["id"]), scan::text(message, &["content"]))
        else {
            return self.fault(format!("not a message: {}", String::from_utf8_lossy(message)));
        };
        let Some(question) = &self.questions[seat / self.members] else { return };
        let (right, complete) =
            (content == question.answer, scan::string(message, &["finish"]) == Some(b"complete"));
        let expected = question.content.clone();
        let watcher = &mut self.watchers[seat];
        let before = watcher.replies.insert(id.clone(), content.clone());
        if before.as_ref().is_some_and(|before| *before == content) {
            return;
        }
        let twice = watcher.satisfied || before.is_some();
        watcher.satisfied |= right;
        if twice {
            self.fault(format!("seat {seat}: a second reply {id} to `{expected}`: `{content}`"));
        } else if !right {
            self.fault(format!("seat {seat}: the reply {id} to `{expected}` is `{content}`"));
        } else if !complete {
            self.fault(format!("seat {seat}: the reply {id} to `{expected}` is not complete"));
        }
    }
}

/// The tokens of a part of the reply to `question`.
fn tokens_of(text: &str, question: &str) -> u32 {
    let spaces = |text: &str| text.bytes().filter(|byte| *byte == b' ').count() as u32;
    let first = beginning(question);
    if text.len() < first.len() { 0 } else { spaces(text) - spaces(&first) + 1 }
}

impl Behaviour for Askers {
    fn page(&mut self, _stage: &mut Stage<'_>, seat: usize, frame: &[u8], recovered: bool) {
        let watcher = &mut self.watchers[seat];
        if !recovered {
            let again = std::mem::replace(&mut watcher.joined, true);
            watcher.since = scan::number(frame, &["data", "offset"]).unwrap_or(0);
            if again {
                self.fault(format!("seat {seat}: a resume was answered with a snapshot"));
            }
            return;
        }
        for message in scan::items(frame, &["data", "messages"]) {
            self.hold(seat, message);
        }
        for reply in scan::items(frame, &["data", "replies"]) {
            let text = scan::text(reply, &["text"]).unwrap_or_default();
            let (Some(id), Some(attempt)) =
                (scan::text(reply, &["messageId"]), scan::number(reply, &["attempt"]))
            else {
                self.fault(format!("not a reply: {}", String::from_utf8_lossy(reply)));
                continue;
            };
            self.hear(seat, &id, attempt, 0, &text);
        }
    }

    fn event(&mut self, _stage: &mut Stage<'_>, seat: usize, event: &[u8], frame: &[u8], _at: Moment) {
        match event {
            b"message:delta" => {
                let number = |name: &str| scan::number(frame, &["data", name]);
                let text = |name: &str| scan::text(frame, &["data", name]);
                match (text("messageId"), number("attempt"), number("position"), text("text")) {
                    (Some(id), Some(attempt), Some(position), Some(text)) => {
                        self.hear(seat, &id, attempt, position, &text);
                    }
                    _ => self.fault(format!("not a delta: {}", String::from_utf8_lossy(frame))),
                }
            }
            b"message:receive" => {
                if let Some(message) = scan::find(frame, &["data", "message"]) {
                    self.hold(seat, message);
                }
            }
            b"message:status" => {
                let state = scan::string(frame, &["data", "state"]).unwrap_or_default();
                if matches!(state, b"failed" | b"stopped" | b"interrupted") {
                    self.fault(format!("seat {seat}: {}", String::from_utf8_lossy(frame)));
                    self.watchers[seat].satisfied = true;
                }
            }
            _ => {}
        }
    }

    fn ack(&mut self, _stage: &mut Stage<'_>, seat: usize, id: u64, frame: &[u8], _at: Moment) {
        let question = self.questions[seat / self.members].as_mut().filter(|question| question.id == id);
        let Some(question) = question.filter(|question| !question.acked) else { return };
        if scan::is_true(frame, &["data", "success"]) {
            question.acked = true;
            return;
        }
        let wait = scan::number(frame, &["data", "retryAfterMs"]);
        question.sent = None;
        question.not_before = Moment::now().plus(Duration::from_millis(wait.unwrap_or(200).min(5_000)));
        self.resent += 1;
        if wait.is_none() && scan::string(frame, &["data", "code"]) != Some(b"outcome_unknown") {
            self.fault(format!("seat {seat}: refused: {}", String::from_utf8_lossy(frame)));
        }
    }

    fn ended(&mut self, _stage: &mut Stage<'_>, seat: usize, _ending: Ending) {
        self.gone(seat);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_behind_what_repeats_the_question() {
        let question = "question 1 of run";
        let whole = known_text(question, 5, Words::Latin);
        assert_eq!((tokens_of("", question), tokens_of("re:que", question)), (0, 0));
        assert_eq!((tokens_of("re:question 1 of run", question), tokens_of(&whole, question)), (1, 5));
    }
}
