//! The users of `faults`: each asks once in a round, and follows what comes of it.

use std::collections::BTreeMap;

use crate::clock::Moment;
use crate::measure::Latency;
use crate::native::command::{self, Reply};
use crate::native::{Behaviour, Stage, ids, scan};
use crate::net::Ending;
use crate::sim::{Settings, Words, known_text, prompt_hash};

/// So many examples of a fault are kept.
const MAX_EXAMPLES: usize = 100;

struct Question {
    id: u64,
    content: String,
    asked: Moment,
    struck: bool,
    attempt: u64,
    text: String,
}

pub(super) struct Crowd {
    /// By seat; gone when it came to its end.
    questions: Vec<Option<Question>>,
    run: String,
    round: String,
    settings: Settings,
    first: Latency,
    line: String,
    /// Not asked yet in this round.
    waiting: usize,
    pub asked: u64,
    pub struck: u64,
    pub whole: u64,
    pub parts: u64,
    pub failed: BTreeMap<String, u64>,
    pub hanging: Vec<String>,
    pub silent: Vec<String>,
    pub wrong: Vec<String>,
    pub unprovoked: Vec<String>,
}

fn note(examples: &mut Vec<String>, example: String) {
    if examples.len() < MAX_EXAMPLES {
        examples.push(example);
    }
}

impl Crowd {
    pub fn new(users: usize) -> Crowd {
        Crowd {
            questions: (0..users).map(|_| None).collect(),
            run: format!("{:x}", Moment::now().unix_micros()),
            round: String::new(),
            settings: Settings::default(),
            first: Latency::new(""),
            line: String::new(),
            waiting: 0,
            asked: 0,
            struck: 0,
            whole: 0,
            parts: 0,
            failed: BTreeMap::new(),
            hanging: Vec::new(),
            silent: Vec::new(),
            wrong: Vec::new(),
            unprovoked: Vec::new(),
        }
    }

    pub fn begin(&mut self, round: &str, settings: &Settings) {
        self.round = round.to_owned();
        self.settings = settings.clone();
        self.first = Latency::new(format!("first text of others, {round}"));
        self.waiting = self.questions.len();
    }

    /// Messages of this round that have not come to their end.
    pub fn open(&self) -> usize {
        self.waiting + self.questions.iter().flatten().count()
    }

    pub fn ended_count(&self) -> u64 {
        self.whole + self.parts + self.failed.values().sum::<u64>()
    }

    pub fn ask(&mut self, stage: &mut Stage<'_>, seat: usize) {
        self.asked += 1;
        self.waiting -= 1;
        let content = format!("question {} of {}", self.asked, self.run);
        let struck = self.settings.by_chance(prompt_hash(&content), 1).is_some();
        self.struck += u64::from(struck);
        let room = ids::room(stage.seats[seat].room);
        let client_id = format!("{}-{}", self.run, self.asked);
        command::send(&mut self.line, self.asked, room, &client_id, &content, Reply::Auto);
        stage.send(seat, &self.line);
        let (id, asked) = (self.asked, Moment::now());
        self.questions[seat] = Some(Question { id, content, asked, struck, attempt: 0, text: String::new() });
    }

    /// What has not come to its end hangs.
    pub fn end_round(&mut self) -> Latency {
        for (seat, question) in self.questions.iter_mut().enumerate() {
            if let Some(question) = question.take() {
                let (round, content, text) = (&self.round, &question.content, &question.text);
                note(&mut self.hanging, format!("{round}, seat {seat}: `{content}` stands at `{text}`"));
            }
        }
        std::mem::replace(&mut self.first, Latency::new(""))
    }

    /// Whether `text` is the beginning of what the provider says to this, however much it says.
    fn is_of(&self, content: &str, text: &str) -> bool {
        let usual = known_text(content, self.settings.length_tokens, Words::Latin);
        usual.starts_with(text)
            || text.starts_with(&usual)
                && known_text(content, self.settings.huge_tokens, Words::Latin).starts_with(text)
    }

    fn delta(&mut self, seat: usize, frame: &[u8], at: Moment) {
        let number = |name: &str| scan::number(frame, &["data", name]);
        let (Some(attempt), Some(position), Some(text)) =
            (number("attempt"), number("position"), scan::text(frame, &["data", "text"]))
        else {
            return note(&mut self.wrong, format!("not a delta: {}", String::from_utf8_lossy(frame)));
        };
        let Some(question) = self.questions[seat].as_mut() else {
            return note(&mut self.wrong, format!("seat {seat}: a delta behind the end"));
        };
        if attempt < question.attempt {
            return;
        }
        let begins = question.attempt == 0;
        if attempt > question.attempt {
            question.attempt = attempt;
            question.text.clear();
        }
        if begins && !question.struck {
            self.first.record(at.since(question.asked));
        }
        let held = question.text.len();
        if position > held as u64 {
            note(&mut self.wrong, format!("seat {seat}: a hole from {held} to {position}"));
        }
        question.text.truncate(position as usize);
        question.text.push_str(&text);
        let (content, text) = (question.content.clone(), question.text.clone());
        if !self.is_of(&content, &text) {
            note(&mut self.wrong, format!("seat {seat}: `{content}` streams `{text}`"));
        }
    }

    fn reply(&mut self, seat: usize, frame: &[u8]) {
        let field = |name: &str| scan::text(frame, &["data", "message", name]).unwrap_or_default();
        let (content, finish) = (field("content"), field("finish"));
        let Some(question) = self.questions[seat].take() else {
            return note(&mut self.wrong, format!("seat {seat}: a second reply: `{content}`"));
        };
        let whole = known_text(&question.content, self.settings.length_tokens, Words::Latin);
        let complete = finish == "complete";
        if complete && content == whole {
            self.whole += 1;
        } else {
            self.parts += 1;
            if !question.struck {
                let example = format!("{}: `{}` is `{content}` ({finish})", self.round, question.content);
                note(&mut self.unprovoked, example);
            }
        }
        let too_short = complete && content.len() < whole.len();
        if too_short || !self.is_of(&question.content, &content) || !content.starts_with(&question.text) {
            let example = format!("seat {seat}: `{}` is stored as `{content}` ({finish})", question.content);
            note(&mut self.wrong, example);
        }
    }

    fn fails(&mut self, seat: usize, code: Option<String>, what: &str) {
        let Some(question) = self.questions[seat].take() else { return };
        if !question.struck {
            let example = format!("{}: `{}`: {what} {code:?}", self.round, question.content);
            note(&mut self.unprovoked, example);
        }
        match code {
            Some(code) => *self.failed.entry(code).or_default() += 1,
            None => note(&mut self.silent, format!("seat {seat}: `{}`: {what}", question.content)),
        }
    }
}

impl Behaviour for Crowd {
    fn event(&mut self, _stage: &mut Stage<'_>, seat: usize, event: &[u8], frame: &[u8], at: Moment) {
        match event {
            b"message:delta" => self.delta(seat, frame, at),
            b"message:receive"
                if scan::string(frame, &["data", "message", "sender", "kind"]) == Some(b"character") =>
            {
                self.reply(seat, frame);
            }
            b"message:status" => {
                let state = scan::text(frame, &["data", "state"]).unwrap_or_default();
                if matches!(state.as_str(), "failed" | "stopped" | "interrupted") {
                    self.fails(seat, scan::text(frame, &["data", "code"]), &state);
                }
            }
            _ => {}
        }
    }

    fn ack(&mut self, _stage: &mut Stage<'_>, seat: usize, id: u64, frame: &[u8], _at: Moment) {
        let asked = self.questions[seat].as_ref().is_some_and(|question| question.id == id);
        if asked && !scan::is_true(frame, &["data", "success"]) {
            self.fails(seat, scan::text(frame, &["data", "code"]), "refused");
        }
    }

    fn ended(&mut self, _stage: &mut Stage<'_>, seat: usize, ending: Ending) {
        note(&mut self.wrong, format!("seat {seat} ended: {ending:?}"));
    }
}
