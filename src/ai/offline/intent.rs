//! What a message is for, as far as rules can tell.

use super::vocabulary::VOCABULARY;
use super::words::{Sentence, Word, has_any, sentences};

/// In the order in which they are looked for: the first that fits is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Asks what it is talking to.
    Identity,
    /// Asks for something that takes tools or a model.
    Cannot,
    Who,
    Wellbeing,
    Story,
    Love,
    Rude,
    Sad,
    Angry,
    Afraid,
    Lonely,
    Tired,
    Bored,
    Happy,
    Thanks,
    Praise,
    Farewell,
    Greeting,
    More,
    Yes,
    No,
    Opinion,
    Question,
    Statement,
}

impl Intent {
    /// Whether the message is a matter of feeling, which is answered before anything else in it.
    pub fn is_feeling(self) -> bool {
        use Intent::{Afraid, Angry, Bored, Happy, Lonely, Sad, Tired};
        matches!(self, Sad | Angry | Afraid | Lonely | Tired | Bored | Happy)
    }
}

/// (intent, name of the phrases that mean it anywhere, most words that the sentence may have)
const SIGNS: [(Intent, &str, usize); 17] = [
    (Intent::Identity, "identity", 99),
    (Intent::Cannot, "cannot", 99),
    (Intent::Who, "who", 99),
    (Intent::Wellbeing, "wellbeing", 12),
    (Intent::Story, "story", 16),
    (Intent::Love, "love", 12),
    (Intent::Rude, "rude", 12),
    (Intent::Sad, "sad", 99),
    (Intent::Angry, "angry", 99),
    (Intent::Afraid, "afraid", 99),
    (Intent::Lonely, "lonely", 99),
    (Intent::Tired, "tired", 99),
    (Intent::Bored, "bored", 99),
    (Intent::Happy, "happy", 99),
    (Intent::Thanks, "thanks", 10),
    (Intent::Praise, "praise", 9),
    (Intent::Farewell, "farewell", 12),
];

/// Words that change nothing of what is meant.
const INTENSIFIERS: [&str; 10] =
    ["really", "very", "so", "quite", "pretty", "just", "such", "extremely", "rather", "totally"];

pub fn of(text: &str) -> Intent {
    let mut sentences = sentences(text);
    for sentence in &mut sentences {
        sentence.words.retain(|word| !INTENSIFIERS.contains(&word.low.as_str()));
    }
    let all: Vec<Word> = sentences.iter().flat_map(|sentence| sentence.words.iter().cloned()).collect();
    for (intent, signs, most_words) in SIGNS {
        if sentences.iter().any(|sentence| {
            sentence.words.len() <= most_words && has_any(&sentence.words, VOCABULARY.signs(signs))
        }) {
            return intent;
        }
    }
    let short = all.len() <= 4;
    if all.len() == 3 && has_any(&all, &["what are you"]) {
        return Intent::Who;
    }
    let opens = |signs: &str| {
        VOCABULARY.signs(signs).iter().any(|phrase| {
            let words: Vec<&str> = phrase.split(' ').collect();
            all.len() >= words.len() && all.iter().zip(&words).all(|(word, wanted)| word.low == *wanted)
        })
    };
    if opens("opens_greetings") && all.len() <= 6 && !sentences.iter().any(Sentence::asks) {
        return Intent::Greeting;
    }
    if all.len() <= 3 && opens("opens_more") || all.len() <= 5 && has_any(&all, &["tell me more", "go on"]) {
        return Intent::More;
    }
    if short && opens("opens_yes") {
        return Intent::Yes;
    }
    if short && opens("opens_no") {
        return Intent::No;
    }
    if sentences
        .iter()
        .any(|sentence| sentence.asks() && has_any(&sentence.words, VOCABULARY.signs("asks_opinion")))
    {
        return Intent::Opinion;
    }
    if sentences.iter().any(Sentence::asks) { Intent::Question } else { Intent::Statement }
}
