//! What a message is for, as far as rules can tell.

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

/// (intent, phrases that mean it anywhere, most words that the sentence may have)
const SIGNS: [(Intent, &[&str], usize); 17] = [
    (
        Intent::Identity,
        &[
            "are you an ai",
            "are you ai",
            "are you a bot",
            "are you a robot",
            "are you human",
            "are you a human",
            "are you real",
            "are you a real",
            "a language model",
            "are you chatgpt",
            "are you a machine",
            "are you a computer",
            "what model",
            "are you offline",
            "are you a person",
            "a chatbot",
            "are you artificial",
        ],
        99,
    ),
    (
        Intent::Cannot,
        &[
            "write code",
            "write a program",
            "python",
            "javascript",
            "source code",
            "the weather today",
            "weather in",
            "weather tomorrow",
            "the news",
            "latest news",
            "translate",
            "calculate",
            "what is the time",
            "what time is",
            "what date",
            "what day is",
            "search the",
            "google",
            "look up",
            "send an email",
            "set a reminder",
            "remind me to",
            "book a",
            "stock price",
            "my homework",
            "write an essay",
            "write me an essay",
            "write a poem",
            "write me a poem",
            "draw me",
            "draw a",
            "generate an image",
            "summarize",
            "summarise",
            "square root",
            "solve",
            "capital of",
            "who won",
            "the president",
            "plus",
            "multiplied",
            "divided by",
            "open the",
            "call my",
            "order me",
        ],
        99,
    ),
    (
        Intent::Who,
        &["who are you", "your name", "about yourself", "introduce yourself", "what should i call you"],
        99,
    ),
    (
        Intent::Wellbeing,
        &[
            "how are you",
            "how do you do",
            "how is it going",
            "how have you been",
            "how do you feel",
            "what is up",
            "are you well",
            "are you okay",
            "are you ok",
            "how was your day",
            "how is your day",
            "how is your evening",
        ],
        12,
    ),
    (
        Intent::Story,
        &[
            "tell me a story",
            "tell a story",
            "a story",
            "tell me something",
            "another story",
            "tell me a secret",
            "surprise me",
            "tell me a joke",
            "a joke",
            "entertain me",
            "something interesting",
            "something funny",
        ],
        16,
    ),
    (
        Intent::Love,
        &["i love you", "i like you", "i adore you", "i missed you", "i miss you", "marry me", "kiss you"],
        12,
    ),
    (
        Intent::Rude,
        &[
            "shut up",
            "you are stupid",
            "you are an idiot",
            "you are useless",
            "i hate you",
            "you suck",
            "stupid bot",
            "you are boring",
            "you are dumb",
            "go away",
        ],
        12,
    ),
    (
        Intent::Sad,
        &[
            "i am sad",
            "i feel sad",
            "feeling sad",
            "feel down",
            "feeling down",
            "heartbroken",
            "depressed",
            "i cried",
            "i am crying",
            "passed away",
            "my heart is broken",
            "feel terrible",
            "feel awful",
            "feel blue",
            "i am unhappy",
            "miserable",
            "a bad day",
            "a terrible day",
            "a rough day",
            "a hard day",
            "broke up with",
            "a sad day",
            "feel like crying",
            "lost my",
            "grieving",
            "died",
        ],
        99,
    ),
    (
        Intent::Angry,
        &[
            "i am angry",
            "i am furious",
            "angry at",
            "angry with",
            "i am annoyed",
            "pisses me",
            "makes me mad",
            "i am mad",
            "unfair",
            "frustrated",
            "i am fed up",
        ],
        99,
    ),
    (
        Intent::Afraid,
        &[
            "i am afraid",
            "i am scared",
            "i am nervous",
            "i am anxious",
            "i am worried",
            "i am terrified",
            "nervous about",
            "worries me",
            "scares me",
            "panic",
            "i am frightened",
            "feeling anxious",
            "feel anxious",
            "scared of losing",
        ],
        99,
    ),
    (
        Intent::Lonely,
        &[
            "i am lonely",
            "i feel lonely",
            "feeling lonely",
            "i feel alone",
            "i am alone",
            "all alone",
            "nobody likes me",
        ],
        99,
    ),
    (
        Intent::Tired,
        &[
            "i am tired",
            "i am exhausted",
            "tired out",
            "worn out",
            "can not sleep",
            "i am sleepy",
            "i am burnt out",
            "exhausted",
            "need some rest",
        ],
        99,
    ),
    (Intent::Bored, &["i am bored", "nothing to do", "bored"], 99),
    (
        Intent::Happy,
        &[
            "i am happy",
            "am happy",
            "i am excited",
            "great news",
            "good news",
            "i got the job",
            "i passed",
            "i won",
            "best day",
            "i am in love",
            "a great day",
            "a good day",
            "a wonderful day",
            "i did it",
        ],
        99,
    ),
    (Intent::Thanks, &["thank you", "thanks", "thank", "cheers", "grateful", "appreciate it"], 10),
    (
        Intent::Praise,
        &[
            "you are funny",
            "you are great",
            "you are amazing",
            "you are wonderful",
            "you are kind",
            "you are sweet",
            "well said",
            "that is beautiful",
            "that was beautiful",
            "that is lovely",
            "i like that",
            "i love that",
            "that is funny",
            "haha",
            "you are brilliant",
            "that is great",
            "you are the best",
            "you are clever",
            "good answer",
            "lol",
        ],
        9,
    ),
    (
        Intent::Farewell,
        &[
            "goodbye",
            "good bye",
            "bye",
            "good night",
            "goodnight",
            "see you",
            "i have to go",
            "i must go",
            "i should go",
            "farewell",
            "talk to you later",
            "got to go",
            "gotta go",
        ],
        12,
    ),
];

/// Words that change nothing of what is meant.
const INTENSIFIERS: [&str; 10] =
    ["really", "very", "so", "quite", "pretty", "just", "such", "extremely", "rather", "totally"];

const GREETINGS: [&str; 14] = [
    "hello",
    "hi",
    "hey",
    "good morning",
    "good evening",
    "good afternoon",
    "good day",
    "greetings",
    "hiya",
    "howdy",
    "yo",
    "hello there",
    "ahoy",
    "good to see you",
];
const YES: [&str; 16] = [
    "yes",
    "yeah",
    "yep",
    "sure",
    "ok",
    "okay",
    "of course",
    "right",
    "exactly",
    "true",
    "absolutely",
    "definitely",
    "indeed",
    "i see",
    "fine",
    "agreed",
];
const NO: [&str; 9] =
    ["no", "nope", "nah", "not really", "never", "no way", "i do not", "not at all", "no thanks"];
const MORE: [&str; 12] = [
    "tell me more",
    "more",
    "go on",
    "continue",
    "and then",
    "what happened",
    "what else",
    "why",
    "how so",
    "why not",
    "keep going",
    "another one",
];
const OPINION: [&str; 7] = [
    "do you think",
    "your opinion",
    "your view",
    "do you like",
    "do you believe",
    "do you love",
    "what about",
];

pub fn of(text: &str) -> Intent {
    let mut sentences = sentences(text);
    for sentence in &mut sentences {
        sentence.words.retain(|word| !INTENSIFIERS.contains(&word.low.as_str()));
    }
    let all: Vec<Word> = sentences.iter().flat_map(|sentence| sentence.words.iter().cloned()).collect();
    for (intent, signs, most_words) in SIGNS {
        if sentences
            .iter()
            .any(|sentence| sentence.words.len() <= most_words && has_any(&sentence.words, signs))
        {
            return intent;
        }
    }
    let short = all.len() <= 4;
    if all.len() == 3 && has_any(&all, &["what are you"]) {
        return Intent::Who;
    }
    let opens = |phrases: &[&str]| {
        phrases.iter().any(|phrase| {
            let words: Vec<&str> = phrase.split(' ').collect();
            all.len() >= words.len() && all.iter().zip(&words).all(|(word, wanted)| word.low == *wanted)
        })
    };
    if opens(&GREETINGS) && all.len() <= 6 && !sentences.iter().any(Sentence::asks) {
        return Intent::Greeting;
    }
    if all.len() <= 3 && opens(&MORE) || all.len() <= 5 && has_any(&all, &["tell me more", "go on"]) {
        return Intent::More;
    }
    if short && opens(&YES) {
        return Intent::Yes;
    }
    if short && opens(&NO) {
        return Intent::No;
    }
    if sentences.iter().any(|sentence| sentence.asks() && has_any(&sentence.words, &OPINION)) {
        return Intent::Opinion;
    }
    if sentences.iter().any(Sentence::asks) { Intent::Question } else { Intent::Statement }
}
