//! Text as the rules read it: sentences of words, contractions taken apart.

/// A word as written and in lower case. A comma is a word too: it ends what somebody names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub low: String,
    pub raw: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    pub words: Vec<Word>,
    /// It ends with a question mark.
    pub marked: bool,
}

/// Words that only lead in: they do not decide what a sentence is.
const FILLERS: [&str; 16] = [
    "so", "and", "but", "well", "ok", "okay", "hey", "hi", "hello", "then", "now", "oh", "please", "hmm",
    "also", "dear",
];
const ASKING: [&str; 9] = ["what", "who", "whom", "where", "when", "why", "how", "which", "whose"];
const HELPERS: [&str; 22] = [
    "is", "are", "was", "were", "do", "does", "did", "can", "could", "will", "would", "am", "have", "has",
    "had", "should", "may", "might", "many", "much", "old", "about",
];
/// Openings of a sentence that asks for something without a question word.
const REQUESTS: [&str; 8] = ["remember", "tell", "guess", "recall", "remind", "say", "explain", "describe"];

pub fn sentences(text: &str) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.replace(['’', '`'], "'").chars().chain(['\n']) {
        if c.is_alphanumeric() || c == '\'' || c == '-' {
            word.push(c);
            continue;
        }
        push(&mut words, &word);
        word.clear();
        match c {
            ',' | '(' | ')' => words.push(Word { low: ",".into(), raw: ",".into() }),
            '.' | '!' | '?' | ';' | ':' | '\n' | '…' if !words.is_empty() => {
                sentences.push(Sentence { words: std::mem::take(&mut words), marked: c == '?' });
            }
            _ => {}
        }
    }
    sentences
}

fn push(words: &mut Vec<Word>, raw: &str) {
    let raw = raw.trim_matches(['\'', '-']);
    if raw.is_empty() {
        return;
    }
    let low = raw.to_lowercase();
    let mut plain = |word: &str| words.push(Word { low: word.to_owned(), raw: word.to_owned() });
    let whole = match low.as_str() {
        "im" | "i'm" => ["i", "am"],
        "dont" | "don't" => ["do", "not"],
        "doesn't" => ["does", "not"],
        "didn't" | "didnt" => ["did", "not"],
        "can't" | "cant" => ["can", "not"],
        "cannot" => ["can", "not"],
        "isn't" => ["is", "not"],
        "aren't" => ["are", "not"],
        "won't" => ["will", "not"],
        "haven't" => ["have", "not"],
        "wasn't" => ["was", "not"],
        "name's" | "names" => ["name", "is"],
        "whats" => ["what", "is"],
        "whos" => ["who", "is"],
        _ => ["", ""],
    };
    if !whole[0].is_empty() {
        whole.iter().for_each(|part| plain(part));
        return;
    }
    for (ending, rest) in [("'ve", "have"), ("'re", "are"), ("'ll", "will"), ("'d", "would")] {
        if let Some(stem) = low.strip_suffix(ending) {
            plain(stem);
            plain(rest);
            return;
        }
    }
    if let Some(stem) = low.strip_suffix("'s") {
        let is = ["what", "who", "where", "when", "how", "it", "that", "there", "he", "she", "this", "here"];
        if is.contains(&stem) {
            plain(stem);
            plain("is");
            return;
        }
    }
    words.push(Word { low, raw: raw.to_owned() });
}

impl Sentence {
    /// Parts between commas.
    pub fn parts(&self) -> impl Iterator<Item = &[Word]> {
        self.words.split(|word| word.low == ",").filter(|part| !part.is_empty())
    }

    /// Whether it asks something, with or without the mark.
    pub fn asks(&self) -> bool {
        self.marked || self.parts().any(|part| opens_question(part, false))
    }
}

/// Whether these words begin as a question does. In a sentence with a question mark an opening word is enough.
pub fn opens_question(part: &[Word], marked: bool) -> bool {
    let low: Vec<&str> =
        part.iter().map(|word| word.low.as_str()).skip_while(|word| FILLERS.contains(word)).take(2).collect();
    match low[..] {
        [] => false,
        [first, ..] if REQUESTS.contains(&first) => true,
        [first, ..] if marked => ASKING.contains(&first) || HELPERS.contains(&first) || first == "you",
        [first, second] if ASKING.contains(&first) => HELPERS.contains(&second),
        [first, second] => {
            HELPERS.contains(&first) && ["you", "i", "we", "it", "there", "my"].contains(&second)
        }
        [first] => ASKING.contains(&first),
        [_, _, ..] => false,
    }
}

/// Where `phrase` (words with spaces) stands in `words`: the place after it.
pub fn find(words: &[Word], phrase: &str) -> Option<usize> {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    words
        .windows(phrase.len())
        .position(|window| window.iter().zip(&phrase).all(|(word, wanted)| word.low == *wanted))
        .map(|place| place + phrase.len())
}

pub fn has(words: &[Word], phrase: &str) -> bool {
    find(words, phrase).is_some()
}

pub fn has_any(words: &[Word], phrases: &[impl AsRef<str>]) -> bool {
    phrases.iter().any(|phrase| has(words, phrase.as_ref()))
}

/// The words as the other one would say them: I becomes you.
pub fn turned(words: &[Word]) -> String {
    let mut said: Vec<String> = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let next = words.get(place + 1).map_or("", |next| next.low.as_str());
        let turned = match (word.low.as_str(), next) {
            ("i" | "me", _) => "you".to_owned(),
            ("my", _) => "your".to_owned(),
            ("mine", _) => "yours".to_owned(),
            ("myself", _) => "yourself".to_owned(),
            ("your", _) => "my".to_owned(),
            ("yours", _) => "mine".to_owned(),
            ("you", _) => "me".to_owned(),
            ("am", _) => "are".to_owned(),
            ("was", _) if said.last().is_some_and(|last| last == "you") => "were".to_owned(),
            (",", _) => {
                if let Some(last) = said.last_mut() {
                    last.push(',');
                }
                continue;
            }
            ("can", "not") => "cannot".to_owned(),
            ("not", _) if said.last().is_some_and(|last| last == "cannot") => continue,
            _ => word.raw.clone(),
        };
        said.push(turned);
    }
    said.join(" ").trim_end_matches(',').to_owned()
}

/// With a capital at its beginning.
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// Without the capital of a sentence's beginning, where it is only that.
pub fn lower_start(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next();
    let word_like = chars.clone().next().is_some_and(|second| second.is_lowercase());
    match first {
        Some(first) if word_like || text.starts_with("A ") => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}
