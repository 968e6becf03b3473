//! Questions about what was told before, and their answers.

use super::facts::{Fact, Key};
use super::vocabulary::{VOCABULARY, lists};
use super::words::{Word, capital, find, has_any, lower_start, sentences, turned};

/// What is asked of the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    About(Key),
    /// Any animal.
    Pets,
    /// "Do I like rain?"
    Liking(String),
    /// All that is known.
    Everything,
}

pub enum Answer {
    /// One or more sentences without the last full stop.
    Known(String),
    /// Not told yet: what was asked for.
    Unknown(String),
}

/// What the message asks to be reminded of.
pub fn asked(text: &str) -> Vec<Ask> {
    let mut asks = Vec::new();
    for sentence in sentences(text).iter().filter(|sentence| sentence.asks()) {
        let whole = question(&sentence.words);
        // "Where do I live, and what is my dog called?"
        let parts = sentence.words.split(|word| word.low == "," || word.low == "and");
        let mut each: Vec<Ask> = parts.filter_map(question).collect();
        if each.len() < 2 {
            each = whole.into_iter().collect();
        }
        each.retain(|ask| !asks.contains(ask));
        asks.extend(each);
    }
    asks
}

fn question(words: &[Word]) -> Option<Ask> {
    let any = |phrases: &[&str]| has_any(words, phrases);
    let about = |key| Some(Ask::About(key));
    // "Do you like my dog?" asks the character.
    if any(&["do you like", "do you love", "would you like", "what do you think", "how do you like"]) {
        return None;
    }
    if any(&["my name", "who am i", "who i am", "am i called", "you call me", "i am called"]) {
        return about(Key::Name);
    }
    if any(&[
        "am i from",
        "i am from",
        "i come from",
        "i grow up",
        "i grew up",
        "my home town",
        "my hometown",
    ]) {
        return about(Key::Origin);
    }
    if any(&["i live", "i am living", "am i living", "my home", "my city", "my town", "my house"]) {
        return about(Key::Home);
    }
    if any(&["old am i", "i am old", "old i am", "my age"]) {
        return about(Key::Age);
    }
    if any(&["my birthday", "was i born", "i was born"]) {
        return about(Key::Birthday);
    }
    if any(&["my job", "my work", "my profession", "for a living", "i work", "i am working", "my trade"])
        || words.ends_with_phrase("what do i do")
        || words.ends_with_phrase("what i do")
    {
        return about(Key::Job);
    }
    if let Some(place) = find(words, "my favourite").or_else(|| find(words, "my favorite")) {
        let ends = ["is", "was", "again", ",", "are"];
        let kind =
            words[place..].iter().map(|word| word.low.as_str()).take_while(|word| !ends.contains(word));
        return about(Key::Favourite(kind.take(3).collect::<Vec<_>>().join(" ")));
    }
    if let Some(key) = companion(words) {
        return about(key);
    }
    if any(&["my pet", "my pets", "pets do i", "pet do i", "animals do i"]) {
        return Some(Ask::Pets);
    }
    likings(words).or_else(|| {
        any(&["about me", "did i tell you", "have i told you", "what i told you", "i said about"])
            .then_some(Ask::Everything)
    })
}

/// "What is my dog called?", "who is my sister?", "do I have a cat?"
fn companion(words: &[Word]) -> Option<Key> {
    let wanted = has_any(
        words,
        &["name", "called", "remember", "who is", "what is", "recall", "do i have", "have i got"],
    );
    words.iter().enumerate().filter(|_| wanted).find_map(|(place, word)| {
        let low = word.low.strip_suffix("'s").unwrap_or(&word.low);
        let mine =
            place > 0 && words[..place].iter().rev().take(3).any(|word| word.low == "my" || word.low == "i");
        let known = |list: &[String]| mine && lists(list, low);
        if known(&VOCABULARY.pets) {
            Some(Key::Pet(low.to_owned()))
        } else if known(&VOCABULARY.kin) {
            Some(Key::Kin(low.to_owned()))
        } else {
            None
        }
    })
}

fn likings(words: &[Word]) -> Option<Ask> {
    let any = |phrases: &[&str]| has_any(words, phrases);
    if any(&[
        "do i hate",
        "i hate",
        "do i dislike",
        "i dislike",
        "do i not like",
        "i do not like",
        "i can not stand",
    ]) {
        return Some(Ask::About(Key::Dislike));
    }
    if any(&[
        "do i play",
        "i play",
        "do i collect",
        "i collect",
        "am i learning",
        "my hobby",
        "my hobbies",
        "my pastime",
    ]) {
        return Some(Ask::About(Key::Pastime));
    }
    for verb in ["like", "love", "enjoy", "adore"] {
        let Some(place) = find(words, &format!("do i {verb}")).or_else(|| find(words, &format!("i {verb}")))
        else {
            continue;
        };
        let open = has_any(words, &["what", "which", "things", "everything", "anything"]);
        let object: Vec<&str> = words[place..].iter().map(|word| word.low.as_str()).collect();
        let vague =
            object.is_empty() || ["most", "best", "again", "to", "doing", "eating"].contains(&object[0]);
        return Some(if open || vague { Ask::About(Key::Like) } else { Ask::Liking(object.join(" ")) });
    }
    any(&["my likes", "my taste", "my passion", "my passions"]).then_some(Ask::About(Key::Like))
}

/// The answer from what is known. `account_name` is what the person is signed in as.
pub fn answer(ask: &Ask, known: &[Fact], account_name: &str) -> Answer {
    let of =
        |wanted: &dyn Fn(&Key) -> bool| known.iter().filter(|fact| wanted(&fact.key)).collect::<Vec<_>>();
    let found = match ask {
        Ask::About(Key::Origin) => {
            let origin = of(&|key| *key == Key::Origin);
            if origin.is_empty() { of(&|key| *key == Key::Home) } else { origin }
        }
        Ask::About(Key::Favourite(kind)) => {
            let same = of(&|key| matches!(key, Key::Favourite(known) if same_kind(known, kind)));
            if same.is_empty() && kind.is_empty() {
                of(&|key| matches!(key, Key::Favourite(_)))
            } else {
                same
            }
        }
        Ask::About(Key::Like) => of(&|key| matches!(key, Key::Like | Key::Favourite(_))),
        Ask::About(key) => of(&|known| known == key),
        Ask::Pets => of(&|key| matches!(key, Key::Pet(_))),
        Ask::Liking(object) => {
            let touches = |fact: &&Fact| {
                matches!(fact.key, Key::Like | Key::Dislike | Key::Favourite(_))
                    && overlaps(&fact.value, object)
            };
            known.iter().filter(touches).collect()
        }
        Ask::Everything => known.iter().collect(),
    };
    if !found.is_empty() {
        return Answer::Known(statements(&found));
    }
    let mut what = match ask {
        Ask::About(key) => wanted(key),
        Ask::Pets => "about any animal of yours".to_owned(),
        Ask::Liking(object) => format!("whether you like {object}"),
        Ask::Everything => "anything of yourself".to_owned(),
    };
    if *ask == Ask::About(Key::Name) && !account_name.is_empty() {
        what = format!("your name, only that the door has you down as {account_name}");
    }
    Answer::Unknown(what)
}

fn same_kind(known: &str, asked: &str) -> bool {
    let plain = |text: &str| text.replace("color", "colour");
    plain(known) == plain(asked)
}

fn overlaps(value: &str, object: &str) -> bool {
    let (value, object) = (value.to_lowercase(), object.to_lowercase());
    value.contains(&object) || object.contains(&value)
}

fn wanted(key: &Key) -> String {
    match key {
        Key::Name => "your name".into(),
        Key::Home => "where you live".into(),
        Key::Origin => "where you come from".into(),
        Key::Job => "what you do for a living".into(),
        Key::Age => "how old you are".into(),
        Key::Birthday => "when your birthday is".into(),
        Key::Like => "what you like".into(),
        Key::Dislike => "what you can't stand".into(),
        Key::Pastime => "how you spend your free hours".into(),
        Key::Favourite(kind) if kind.is_empty() => "what your favourite is".into(),
        Key::Favourite(kind) => format!("what your favourite {kind} is"),
        Key::Pet(kind) => format!("about a {kind} of yours"),
        Key::Kin(who) => format!("your {who}'s name"),
    }
}

/// Everything found, as sentences; likings of one sort share one.
fn statements(found: &[&Fact]) -> String {
    let mut said = Vec::new();
    for (key, verb) in [(Key::Like, "like"), (Key::Dislike, "can't stand")] {
        let values: Vec<&str> =
            found.iter().filter(|fact| fact.key == key).map(|fact| fact.value.as_str()).collect();
        if !values.is_empty() {
            said.push(format!("You {verb} {}", joined(&values)));
        }
    }
    let others = found.iter().filter(|fact| !matches!(fact.key, Key::Like | Key::Dislike));
    let mut all: Vec<String> = others.map(|fact| statement(fact)).collect();
    all.append(&mut said);
    all.join(". ")
}

fn joined(values: &[&str]) -> String {
    match values {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [some @ .., last] => format!("{} and {last}", some.join(", ")),
    }
}

/// The fact as a sentence to the one whom it is about, without a full stop.
pub fn statement(fact: &Fact) -> String {
    let value = &fact.value;
    match &fact.key {
        Key::Name => format!("Your name is {value}"),
        Key::Home => format!("You live in {value}"),
        Key::Origin => format!("You come from {value}"),
        Key::Job | Key::Pastime => format!("You {value}"),
        Key::Age => format!("You are {value}"),
        Key::Birthday => format!("Your birthday is {value}"),
        Key::Like => format!("You like {value}"),
        Key::Dislike => format!("You can't stand {value}"),
        Key::Favourite(kind) => format!("Your favourite {kind} is {value}"),
        Key::Pet(kind) | Key::Kin(kind) if value.is_empty() => format!("You have a {kind}"),
        Key::Pet(kind) | Key::Kin(kind) => format!("Your {kind} is called {value}"),
    }
}

/// The fact as the one whom it is about would say it: what is read again by the same rules.
pub fn own_words(fact: &Fact) -> String {
    let value = &turned_back(&fact.value);
    match &fact.key {
        Key::Name => format!("My name is {value}"),
        Key::Home => format!("I live in {value}"),
        Key::Origin => format!("I come from {value}"),
        Key::Job | Key::Pastime => {
            value.strip_prefix("are ").map_or_else(|| format!("I {value}"), |rest| format!("I am {rest}"))
        }
        Key::Age => format!("I am {value} years old"),
        Key::Birthday => format!("My birthday is {value}"),
        Key::Like => format!("I like {value}"),
        Key::Dislike => format!("I can't stand {value}"),
        Key::Favourite(kind) => format!("My favourite {kind} is {value}"),
        Key::Pet(kind) | Key::Kin(kind) if value.is_empty() => format!("I have a {kind}"),
        Key::Pet(kind) | Key::Kin(kind) => format!("My {kind} is called {value}"),
    }
}

/// Values are kept as seen from the other side.
fn turned_back(value: &str) -> String {
    let words: Vec<Word> = sentences(value).into_iter().flat_map(|sentence| sentence.words).collect();
    let other_side = |word: &Word| ["you", "your", "yours", "yourself"].contains(&word.low.as_str());
    if words.iter().any(other_side) { turned(&words) } else { value.to_owned() }
}

/// The fact in as few words as will do, for taking note of it.
pub fn noted(fact: &Fact) -> String {
    let value = &fact.value;
    match &fact.key {
        Key::Name | Key::Home | Key::Origin | Key::Birthday | Key::Like => capital(value),
        Key::Favourite(kind) => format!("{}, of every {kind} there is", capital(value)),
        Key::Pet(kind) | Key::Kin(kind) if value.is_empty() => format!("A {kind}"),
        Key::Pet(kind) | Key::Kin(kind) => format!("A {kind} called {value}"),
        Key::Dislike => format!("Not {value}, then"),
        Key::Job | Key::Pastime => capital(value.strip_prefix("are ").unwrap_or(&format!("You {value}"))),
        Key::Age => format!("All of {value} years"),
    }
}

/// The same after "and".
pub fn noted_also(fact: &Fact) -> String {
    match fact.key {
        Key::Like => fact.value.clone(),
        Key::Name | Key::Home | Key::Origin | Key::Birthday | Key::Favourite(_) => noted(fact),
        _ => lower_start(&noted(fact)),
    }
}

/// Whether a sentence's last words are these, but for an "again" or a "now".
trait EndsWith {
    fn ends_with_phrase(&self, phrase: &str) -> bool;
}

impl EndsWith for [Word] {
    fn ends_with_phrase(&self, phrase: &str) -> bool {
        find(self, phrase).is_some_and(|end| {
            self[end..].iter().all(|word| ["again", "now", ",", "for", "work"].contains(&word.low.as_str()))
        })
    }
}
