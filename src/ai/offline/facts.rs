//! What people tell of themselves, read from plain sentences.

use super::vocabulary::{VOCABULARY, lists};
use super::words::{Sentence, Word, capital, find, opens_question, sentences, turned};

/// What a fact is about. One that can be true once (a name, a home) replaces the earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Name,
    Home,
    Origin,
    Job,
    Age,
    Birthday,
    Like,
    Dislike,
    Pastime,
    /// The favourite thing of a kind: `colour`.
    Favourite(String),
    /// A kind of animal: `dog`.
    Pet(String),
    /// A person: `sister`.
    Kin(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub key: Key,
    /// In words that fit after "you" or "your …": empty for a pet or a person without a name.
    pub value: String,
}

/// Things of one kind (likings, pastimes) that are kept; the oldest goes.
const MANY_MAX: usize = 8;
const VALUE_MAX_WORDS: usize = 8;

/// All that was told in `lines`, oldest first, corrected by what was told later.
pub fn all<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Fact> {
    let mut known = Vec::new();
    for fact in lines.into_iter().flat_map(told) {
        learn(&mut known, fact);
    }
    known
}

fn learn(known: &mut Vec<Fact>, fact: Fact) {
    match fact.key {
        Key::Like | Key::Dislike | Key::Pastime => {
            // What is liked now is not disliked any more, and the other way round.
            known.retain(|old| {
                !(old.value == fact.value && matches!(old.key, Key::Like | Key::Dislike | Key::Pastime))
            });
            let full = known.iter().filter(|old| old.key == fact.key).count() == MANY_MAX;
            if let Some(oldest) = known.iter().position(|old| full && old.key == fact.key) {
                known.remove(oldest);
            }
        }
        // "My dog barks" does not forget the dog's name.
        _ if fact.value.is_empty() && known.iter().any(|old| old.key == fact.key) => return,
        _ => known.retain(|old| old.key != fact.key),
    }
    known.push(fact);
}

/// The facts of one message.
pub fn told(text: &str) -> Vec<Fact> {
    sentences(text).iter().flat_map(|sentence| declared(sentence).into_iter().flat_map(read)).collect()
}

/// The words of a sentence up to where it becomes a question.
fn declared(sentence: &Sentence) -> Option<&[Word]> {
    let mut end = 0;
    for part in sentence.words.split(|word| word.low == ",") {
        if opens_question(part, sentence.marked) {
            break;
        }
        end += part.len() + 1;
    }
    let words = &sentence.words[..end.saturating_sub(1).min(sentence.words.len())];
    (!words.is_empty()).then_some(words)
}

fn read(words: &[Word]) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |key: Key, value: Option<String>| {
        facts.extend(value.filter(|value| !value.is_empty()).map(|value| Fact { key, value }));
    };
    let after =
        |phrases: &[&str]| phrases.iter().find_map(|phrase| find(words, phrase)).map(|place| &words[place..]);

    add(
        Key::Name,
        after(&["my name is", "call me", "i am called", "they call me", "i go by"]).and_then(name),
    );
    if let Some(rest) = after(&["i am"]) {
        add(Key::Name, introduced(rest));
        add(Key::Age, age(rest));
    }
    add(
        Key::Home,
        after(&["i live in", "i am living in", "i moved to", "i now live in", "i live near"]).map(place),
    );
    let from = ["i am from", "i come from", "i grew up in", "i was born in"];
    add(
        Key::Origin,
        after(&from).or_else(|| introduced_from(words)).map(place).filter(|v| !v.starts_with(['1', '2'])),
    );
    add(Key::Birthday, after(&["my birthday is", "my birthday is on", "i was born on"]).map(value));
    add(Key::Job, job(words));
    likings(words, &mut facts);
    companions(words, &mut facts);
    facts
}

/// A name: the next word, and further ones as long as they are written like names.
fn name(rest: &[Word]) -> Option<String> {
    let first = rest.first()?;
    let no_name = [
        "not", "a", "an", "the", "what", "later", "back", "when", "maybe", "crazy", "on", "at", "your", "my",
    ];
    if no_name.contains(&first.low.as_str())
        || !first.raw.chars().all(|c| c.is_alphabetic() || c == '-' || c == '\'')
    {
        return None;
    }
    let more = rest[1..].iter().take(2).take_while(|word| capitalised(word));
    Some(std::iter::once(first).chain(more).map(|word| capital(&word.raw)).collect::<Vec<_>>().join(" "))
}

fn capitalised(word: &Word) -> bool {
    let mut chars = word.raw.chars();
    chars.next().is_some_and(char::is_uppercase) && chars.next().is_some_and(char::is_lowercase)
}

/// "I'm Anna": a name only where it is written as one and nothing follows that a name would not have.
fn introduced(rest: &[Word]) -> Option<String> {
    let first = rest.first().filter(|word| capitalised(word))?;
    if lists(&VOCABULARY.no_name, &first.low) || first.low.ends_with("'s") {
        return None;
    }
    let follows = rest.iter().skip_while(|word| capitalised(word)).map(|word| word.low.as_str()).next();
    let free = [",", "and", "from", "by", "but", "i", "the", "your"];
    follows.is_none_or(|word| free.contains(&word)).then(|| name(rest)).flatten()
}

/// "I'm Anna from Lisbon".
fn introduced_from(words: &[Word]) -> Option<&[Word]> {
    let rest = &words[find(words, "i am")?..];
    introduced(rest)?;
    find(rest, "from").filter(|place| *place <= 4).map(|place| &rest[place..])
}

fn age(rest: &[Word]) -> Option<String> {
    let number =
        rest.first().filter(|word| word.raw.parse::<u8>().is_ok_and(|age| (3..=120).contains(&age)))?;
    let next = rest.get(1).map_or("years", |word| word.low.as_str());
    ["years", "year", ",", "and", "now", "today"].contains(&next).then(|| number.raw.clone())
}

/// The value in words after "you": `are a nurse`, `work at the harbour`.
fn job(words: &[Word]) -> Option<String> {
    let after = |phrase: &str| find(words, phrase).map(|place| &words[place..]);
    for phrase in ["i work as", "my job is", "i earn my living as", "i am working as"] {
        if let Some(rest) = after(phrase) {
            return Some(format!("work as {}", value(rest)));
        }
    }
    for place in ["at", "for", "in", "with", "on"] {
        if let Some(rest) = after(&format!("i work {place}")) {
            return Some(format!("work {place} {}", value(rest)));
        }
    }
    let rest = after("i am a").or_else(|| after("i am an"))?;
    let first = rest.first()?;
    let article = if "aeiou".contains(first.low.chars().next()?) { "an" } else { "a" };
    let job = value(rest);
    (!lists(&VOCABULARY.no_trade, &first.low) && job.split(' ').count() <= 4)
        .then(|| format!("are {article} {job}"))
}

fn likings(words: &[Word], facts: &mut Vec<Fact>) {
    let adverbs =
        ["really", "also", "just", "still", "do", "absolutely", "truly", "always", "quite", "so", "secretly"];
    for (place, _) in words.iter().enumerate().filter(|(_, word)| word.low == "i") {
        let rest = &words[place + 1..];
        let skipped = rest.iter().take_while(|word| adverbs.contains(&word.low.as_str())).count();
        let negated = rest.get(skipped).is_some_and(|word| word.low == "not");
        let starts = &rest[skipped + usize::from(negated)..];
        let skipped = starts.iter().take_while(|word| adverbs.contains(&word.low.as_str())).count();
        let [verb, object @ ..] = &starts[skipped..] else { continue };
        let key = match (verb.low.as_str(), negated) {
            ("like" | "love" | "adore" | "enjoy", false) | ("mind" | "hate", true) => Key::Like,
            ("like" | "love" | "enjoy", true) | ("hate" | "dislike" | "loathe" | "detest", false) => {
                Key::Dislike
            }
            ("can", false) if find(object, "not stand") == Some(2) => {
                facts.extend(liked(Key::Dislike, &object[2..]));
                continue;
            }
            ("play" | "collect" | "study" | "paint" | "write" | "grow" | "build" | "practise", false) => {
                let thing = value(object);
                if !thing.is_empty() {
                    facts.push(Fact { key: Key::Pastime, value: format!("{} {thing}", verb.low) });
                }
                continue;
            }
            ("am", false) if find(object, "learning") == Some(1) => {
                facts
                    .push(Fact { key: Key::Pastime, value: format!("are learning {}", value(&object[1..])) });
                continue;
            }
            ("am", false) => {
                let fond = ["fond of", "a fan of", "a big fan of", "into", "crazy about", "a huge fan of"];
                let Some(end) = fond
                    .iter()
                    .find_map(|fond| find(object, fond).filter(|end| *end == fond.split(' ').count()))
                else {
                    continue;
                };
                facts.extend(liked(Key::Like, &object[end..]));
                continue;
            }
            _ => continue,
        };
        facts.extend(liked(key, object));
    }
    for word in ["favourite", "favorite"] {
        if let Some(place) = find(words, &format!("my {word}")) {
            let rest = &words[place..];
            if let Some(is) =
                rest.iter().position(|word| word.low == "is" || word.low == "are").filter(|is| *is <= 3)
            {
                let kind = rest[..is].iter().map(|word| word.low.as_str()).collect::<Vec<_>>().join(" ");
                let thing = value(&rest[is + 1..]);
                if !kind.is_empty() && !thing.is_empty() {
                    facts.push(Fact { key: Key::Favourite(kind), value: thing });
                }
            }
        }
    }
}

fn liked(key: Key, object: &[Word]) -> Option<Fact> {
    let first = object.first()?.low.as_str();
    let vague = [
        "you", "it", "that", "this", "them", "him", "her", "how", "what", "when", "your", "we", "where", ",",
    ];
    if vague.contains(&first) {
        return None;
    }
    let value = value(object);
    (!value.is_empty()).then_some(Fact { key, value })
}

/// Pets and people, with the name where one is given.
fn companions(words: &[Word], facts: &mut Vec<Fact>) {
    for (place, word) in words.iter().enumerate() {
        let (low, owned) = word.low.strip_suffix("'s").map_or((word.low.as_str(), false), |low| (low, true));
        let key = if lists(&VOCABULARY.pets, low) {
            Key::Pet(low.to_owned())
        } else if lists(&VOCABULARY.kin, low) {
            Key::Kin(low.to_owned())
        } else {
            continue;
        };
        let before = words[..place].iter().rev().take(4).map(|word| word.low.as_str());
        let mine = before.clone().next() == Some("my")
            || before.clone().any(|word| word == "my")
                && before.clone().all(|word| !["her", "his", "their", "your", ","].contains(&word));
        let had = before.clone().any(|word| word == "have" || word == "got")
            && before.clone().any(|word| word == "i");
        if !mine && !had {
            continue;
        }
        let rest = &words[place + 1..];
        let named = ["is called", "is named", "called", "named", "name is"].iter().find_map(|phrase| {
            find(rest, phrase)
                .filter(|end| *end <= phrase.split(' ').count())
                .and_then(|end| name(&rest[end..]))
        });
        let shown = rest.first().filter(|next| capitalised(next) && !owned).and_then(|_| name(rest));
        let value = named.or(shown).unwrap_or_default();
        facts.push(Fact { key, value });
    }
}

/// A place, without the company that one has there.
fn place(rest: &[Word]) -> String {
    let value = value(rest);
    value.split(" with ").next().unwrap_or_default().to_owned()
}

/// What is named next, up to where the sentence turns elsewhere, seen from the other side.
fn value(rest: &[Word]) -> String {
    let rest = match rest.first().map(|word| word.low.as_str()) {
        Some("called" | "named" | "on") => &rest[1..],
        _ => rest,
    };
    let mut end = 0;
    while let Some(word) = rest.get(end).filter(|_| end < VALUE_MAX_WORDS) {
        let next = rest.get(end + 1).map_or("", |next| next.low.as_str());
        let turns = match word.low.as_str() {
            "," | "but" | "because" | "so" | "which" | "though" | "although" | "since" | "while"
            | "unless" => true,
            "and" => ["i", "my", "am", "he", "she", "we", "it", "you", "have", "do", "what", "work", "live"]
                .contains(&next),
            "i" | "when" | "if" | "as" | "by" => end > 0,
            _ => false,
        };
        if turns {
            break;
        }
        end += 1;
    }
    let trailing = [
        "too",
        "very",
        "much",
        "lot",
        "really",
        "now",
        "actually",
        "please",
        "though",
        "well",
        "a",
        "the",
        "most",
        "more",
        "than",
        "anything",
        "anymore",
        "and",
        "currently",
        "myself",
        "for",
        "in",
    ];
    while end > 0 && trailing.contains(&rest[end - 1].low.as_str()) {
        end -= 1;
    }
    turned(&rest[..end])
}
