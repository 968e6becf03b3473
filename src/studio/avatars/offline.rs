//! A profile by rules, for when there is no model: out of the description's own sentences, with traits that its words speak of.
//! Always the same for the same words; it invents nothing that was not said but the manner of saying it.

use greenroom_actors::prompt;

use super::profile::{Profile, Wish, blank};
use crate::characters::{ExampleLine, Speaker};

/// Traits of one whose description speaks of none.
const PLAIN: [&[&str]; 4] =
    [&["warm", "curious"], &["calm", "patient"], &["playful", "witty"], &["thoughtful", "gentle"]];
/// Traits at most.
const TRAITS_MAX: usize = 4;
/// Facts at most, and characters of a tagline.
const FACTS_MAX: usize = 8;
const TAGLINE_MAX: usize = 120;

/// FNV-1a: the same on every machine.
pub(super) fn seed(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The profile of what was asked for.
pub(super) fn profile(wish: &Wish) -> Profile {
    let mut draft = blank(wish);
    let name = wish.name.as_str();
    let seed = seed(&format!("{name}\n{}", wish.description));
    let sentences = sentences(&wish.description);
    let first = sentences.first().map_or(wish.description.as_str(), String::as_str);
    if draft.traits.is_empty() {
        draft.traits = traits(&wish.description, seed);
    }
    let manner = match draft.traits.as_slice() {
        [] => "in an open way".to_owned(),
        traits => traits.join(", "),
    };
    draft.tagline = first.trim_end_matches('.').chars().take(TAGLINE_MAX).collect();
    draft.description = wish.description.clone();
    draft.personality = format!(
        "{name} is this: {} {name}'s manner is {manner}. {name} keeps to what was said here, asks when something is not known, \
         and answers in a few sentences.",
        ended(&wish.description)
    );
    draft.scenario = format!("{name} and {{{{user}}}} have just met and have time to talk.");
    draft.greeting = match seed % 3 {
        0 => format!("Hello, {{{{user}}}}. I'm {name}. What brings you here?"),
        1 => format!("Ah, {{{{user}}}}! {name}, at your service. Where shall we begin?"),
        _ => format!("Good to meet you, {{{{user}}}}. My name is {name}. Tell me something about yourself."),
    };
    draft.alternate_greetings = vec![format!("There you are, {{{{user}}}}. I was just thinking of you.")];
    draft.tone = draft.traits.first().cloned().unwrap_or_else(|| "open".to_owned());
    draft.examples = vec![
        ExampleLine { from: Speaker::User, text: "Who are you?".to_owned() },
        ExampleLine { from: Speaker::Character, text: format!("I'm {name}. {}", ended(first)) },
    ];
    draft.knowledge = sentences.iter().take(FACTS_MAX).cloned().collect();
    let appearance = format!(
        "{name}: {} Nothing else was said of how {name} looks; main colour {}.",
        ended(&wish.description),
        draft.color
    );
    Profile { appearance: appearance.chars().take(super::profile::APPEARANCE_MAX).collect(), draft }
}

fn traits(description: &str, seed: u64) -> Vec<String> {
    let low = description.to_lowercase();
    let words: Vec<&str> = low.split(|sign: char| !sign.is_alphanumeric() && sign != '-').collect();
    let spoken_of = prompt::traits().iter().filter(|one| words.contains(&one.name));
    let found: Vec<String> = spoken_of.map(|one| one.name.to_owned()).take(TRAITS_MAX).collect();
    if !found.is_empty() {
        return found;
    }
    let plain = PLAIN[seed as usize % PLAIN.len()].iter();
    plain.filter(|name| prompt::trait_named(name).is_some()).map(|name| (*name).to_owned()).collect()
}

fn sentences(text: &str) -> Vec<String> {
    let parts = text.split_inclusive(['.', '!', '?', '\n']).map(str::trim);
    parts.filter(|part| part.chars().any(char::is_alphanumeric)).map(ended).collect()
}

/// With an end.
fn ended(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?', '…']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::characters::{Visibility, checked_draft};

    fn wish(description: &str) -> Wish {
        Wish {
            name: "Nadia".to_owned(),
            description: description.to_owned(),
            category: None,
            tags: Vec::new(),
            traits: Vec::new(),
            color: None,
            visibility: Visibility::Private,
        }
    }

    #[test]
    fn the_same_words_are_the_same_profile_and_it_is_a_whole_one() {
        let asked = wish("A dry, patient pilot who grows tea! She lives on a hill");
        let made = profile(&asked);
        assert_eq!(made, profile(&asked));
        assert_eq!(made.draft.traits, ["dry", "patient"]);
        assert_eq!(made.draft.knowledge, ["A dry, patient pilot who grows tea!", "She lives on a hill."]);
        assert!(made.draft.greeting.contains("Nadia") && made.appearance.contains("grows tea"));
        checked_draft(made.draft).unwrap();
    }

    #[test]
    fn whatever_is_said_becomes_a_character_within_all_bounds() {
        for description in ["x", "火を守る人", &"very long. ".repeat(400), "\n\n.\n", "{{user}} {{char}}"]
        {
            let made = profile(&wish(description));
            checked_draft(made.draft).unwrap_or_else(|faults| panic!("{description:.20}: {faults:?}"));
        }
    }
}
