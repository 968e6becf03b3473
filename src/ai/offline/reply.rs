//! One answer, from what was said and who says it.

use greenroom_actors::ports::GenerateRequest;

use super::facts::{self, Fact, Key};
use super::intent::{self, Intent};
use super::lore::{Line, Lore, is_content};
use super::recall::{self, Answer};
use super::talk::Talk;
use super::voice::{Voice, hash};
use super::words::{Word, find, sentences, turned};

/// Tries to find an answer that was not given before.
const TRIES: u64 = 24;
/// Questions of one message that are answered from memory.
const ASKS_MAX: usize = 3;
/// Facts of one message that are remembered: as many as a model is asked for.
const LEARNED_MAX: usize = 3;

/// The character's answer to the last message of `request`. The same request gets the same answer; an answer that
/// stands in its history is not given again.
#[must_use]
pub fn reply(request: &GenerateRequest) -> String {
    let talk = Talk::new(request);
    let record = &request.character;
    let lore = Lore::new(record, &talk.lore);
    let seed = hash(&format!("{}\n{}\n{}\n{}", record.name, talk.asked, talk.told.len(), talk.own.len()));
    let mut text = String::new();
    for salt in 0..TRIES {
        let seed = seed.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        text = Reply::new(request, &talk, &lore, seed).text();
        if !talk.own.iter().any(|said| said.trim() == text) {
            return text;
        }
    }
    // A long talk with a character that has little to say.
    let times = talk.own.iter().filter(|said| said.starts_with(&text)).count() + 1;
    format!("{text} That makes {times} times that I have said so.")
}

/// What the last message told of its author that the notes do not have yet, in that person's words.
#[must_use]
pub fn learned(request: &GenerateRequest) -> Vec<String> {
    let talk = Talk::new(request);
    let known = facts::all(talk.noted.iter().copied());
    let new = facts::told(talk.asked).into_iter().filter(|fact| !known.contains(fact));
    new.take(LEARNED_MAX).map(|fact| recall::own_words(&fact)).collect()
}

struct Reply<'a> {
    account_name: &'a str,
    talk: &'a Talk<'a>,
    lore: &'a Lore,
    voice: Voice<'a>,
    parts: Vec<String>,
}

impl<'a> Reply<'a> {
    fn new(request: &'a GenerateRequest, talk: &'a Talk<'a>, lore: &'a Lore, seed: u64) -> Self {
        let voice = Voice::new(&request.character, seed, &talk.own);
        Self { account_name: &request.user_name, talk, lore, voice, parts: Vec::new() }
    }

    fn text(mut self) -> String {
        let asked = self.talk.asked;
        if self.talk.picture {
            self.voice.fill("caption", asked.trim_end_matches(['.', '!', '?']));
            self.say(if asked.is_empty() { "picture" } else { "captioned" });
            if asked.is_empty() {
                self.ask(100);
                return self.parts.join(" ");
            }
        }
        let before = self.talk.noted.iter().chain(&self.talk.told).copied();
        let known = facts::all(before.chain([asked]));
        if let Some(name) = known.iter().find(|fact| fact.key == Key::Name) {
            self.voice.fill("user", &name.value);
        }
        if let Some(topic) = topic(asked) {
            self.voice.fill("topic", &topic);
        }
        let told = facts::told(asked);
        let asks = recall::asked(asked);
        if !asks.is_empty() {
            self.recall(asks.iter().take(ASKS_MAX).map(|ask| recall::answer(ask, &known, self.account_name)));
        } else {
            self.answer(intent::of(asked), &told);
        }
        self.parts.join(" ")
    }

    fn recall(&mut self, answers: impl Iterator<Item = Answer>) {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for answer in answers {
            match answer {
                Answer::Known(answer) => known.push(answer),
                Answer::Unknown(what) => unknown.push(what),
            }
        }
        if !known.is_empty() {
            self.voice.fill("answer", &known.join(". "));
            self.say("recall");
        }
        if !unknown.is_empty() {
            self.voice.fill("what", &unknown.join(" or "));
            self.say("unknown");
        }
        self.say(if known.is_empty() { "instead" } else { "exchange" });
        self.tell(&[]);
    }

    fn answer(&mut self, intent: Intent, told: &[Fact]) {
        let asked = self.talk.asked;
        if intent == Intent::Identity || intent == Intent::Cannot {
            self.say(if intent == Intent::Identity { "identity" } else { "cannot" });
            self.say("instead");
            self.tell(&[]);
            return;
        }
        if let Some(fact) = told.last() {
            let noted = recall::noted(&told[0]);
            let said =
                if told.len() == 1 { noted } else { format!("{noted}, and {}", recall::noted_also(fact)) };
            self.voice.fill("said", &said);
            self.say("learned");
        }
        let example = self.lore.example(asked).filter(|line| !self.voice.was_said(&line.text));
        let related = self.fresh(self.lore.related(asked));
        let again = self.lore.related(asked).into_iter().next().filter(|_| related.is_empty());
        match intent {
            Intent::Question | Intent::Opinion | Intent::Statement | Intent::Who if example.is_some() => {
                self.parts.extend(example.map(|line| line.text.clone()));
                self.ask(30);
            }
            Intent::Question if !related.is_empty() => {
                if self.voice.chance("lead", 50) {
                    self.say_if_about("topic");
                }
                self.tell(&related);
                self.ask(45);
            }
            Intent::Opinion if !related.is_empty() => {
                self.say_if_about("opinion");
                self.tell(&related);
                self.ask(60);
            }
            Intent::Question | Intent::Opinion if again.is_some() => {
                self.say("again");
                self.parts.extend(again.map(|line| line.text.clone()));
                self.ask(60);
            }
            Intent::Question | Intent::Opinion => {
                self.say("aside");
                self.tell(&[]);
                self.ask(60);
            }
            Intent::Statement => {
                if told.is_empty() {
                    self.mirror();
                }
                self.say(if told.is_empty() && !related.is_empty() { "also" } else { "exchange" });
                self.tell(&related);
                self.ask(70);
            }
            Intent::Story => {
                self.say("story");
                self.tell(&related);
                self.say("also");
                self.tell(&[]);
            }
            Intent::More => {
                self.say("also");
                self.tell(&self.fresh(self.lore.related(self.talk.own.last().copied().unwrap_or_default())));
                self.ask(40);
            }
            Intent::Farewell | Intent::Who => {
                self.say(situation(intent));
                self.say("also");
                self.tell(&[]);
            }
            _ => {
                if intent != Intent::Greeting || told.is_empty() {
                    self.say(situation(intent));
                }
                if let Some(line) = example.filter(|_| intent.is_feeling()) {
                    self.parts.push(line.text.clone());
                } else {
                    if intent.is_feeling() && related.is_empty() {
                        self.say(if intent == Intent::Happy { "exchange" } else { "comfort" });
                    }
                    self.tell(&related);
                }
                self.ask(if intent.is_feeling() { 50 } else { 65 });
            }
        }
    }

    fn say(&mut self, situation: &str) {
        self.parts.extend(self.voice.phrase(situation));
    }

    /// A phrase that names the topic, where there is one to name.
    fn say_if_about(&mut self, situation: &str) {
        if topic(self.talk.asked).is_some() {
            self.say(situation);
        }
    }

    fn ask(&mut self, percent: u64) {
        if self.voice.chance("ask", percent) {
            self.say("ask");
        }
    }

    /// What they said, turned round: "So you went to the market."
    fn mirror(&mut self) {
        let sentence = sentences(self.talk.asked).into_iter().find(|sentence| {
            let i = sentence.words.first().is_some_and(|word| word.low == "i" || word.low == "my");
            i && (3..=11).contains(&sentence.words.len())
        });
        if let Some(sentence) = sentence {
            self.voice.fill("mirror", &turned(&sentence.words));
            self.say("mirror");
        }
    }

    /// Something of the character's own: the first of `wanted`, else what was not said for longest.
    fn tell(&mut self, wanted: &[&Line]) {
        let line = wanted.iter().find(|line| !self.told_here(line)).map(|line| line.text.clone());
        self.parts.push(line.unwrap_or_else(|| self.other()));
    }

    fn told_here(&self, line: &Line) -> bool {
        self.parts.contains(&line.text)
    }

    fn fresh(&self, lines: Vec<&'a Line>) -> Vec<&'a Line> {
        lines.into_iter().filter(|line| !self.voice.was_said(&line.text)).collect()
    }

    fn other(&self) -> String {
        let last_said = |line: &Line| self.talk.own.iter().rposition(|said| said.contains(&line.text));
        let lines = self.lore.free();
        let from = (self.voice.seed() >> 8) as usize % lines.len();
        let rotated = lines[from..].iter().chain(&lines[..from]).filter(|line| !self.told_here(line));
        // `None` stands before all places: never said comes first.
        let line = rotated.min_by_key(|line| last_said(line)).unwrap_or(&lines[from]);
        line.text.clone()
    }
}

fn situation(intent: Intent) -> &'static str {
    match intent {
        Intent::Identity => "identity",
        Intent::Cannot => "cannot",
        Intent::Who => "who",
        Intent::Wellbeing => "wellbeing",
        Intent::Story => "story",
        Intent::Love => "love",
        Intent::Rude => "rude",
        Intent::Sad => "sad",
        Intent::Angry => "angry",
        Intent::Afraid => "afraid",
        Intent::Lonely => "lonely",
        Intent::Tired => "tired",
        Intent::Bored => "bored",
        Intent::Happy => "happy",
        Intent::Thanks => "thanks",
        Intent::Praise => "praise",
        Intent::Farewell => "farewell",
        Intent::Greeting => "greet",
        Intent::More => "also",
        Intent::Yes => "yes",
        Intent::No => "no",
        Intent::Opinion => "opinion",
        Intent::Question | Intent::Statement => "aside",
    }
}

/// What a question is about, where it says so plainly: "about the sea", "your sister".
fn topic(asked: &str) -> Option<String> {
    let sentences = sentences(asked);
    let sentence = sentences.iter().find(|sentence| sentence.asks())?;
    let words = &sentence.words;
    for sign in
        ["about", "think of", "do you like", "do you love", "believe in", "what is", "afraid of", "what are"]
    {
        if let Some(place) = find(words, sign) {
            return thing(&words[place..]);
        }
    }
    find(words, "your").and_then(|place| thing(&words[place - 1..]))
}

/// The thing named at the beginning of `rest`, in three words at most.
fn thing(rest: &[Word]) -> Option<String> {
    let small = ["the", "a", "an", "your", "my", "being", "of"];
    let end =
        rest.iter().take(4).take_while(|word| small.contains(&word.low.as_str()) || is_content(word)).count();
    let thing = &rest[..end];
    (thing.iter().any(is_content) && end < 4).then(|| turned(thing))
}
