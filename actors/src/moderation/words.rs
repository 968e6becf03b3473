//! How a character says that it would rather not: by its own manner, never with a word of what was said or of the rule.
//!
//! The pools are chosen by how formal it is and by its tone; which phrase of a pool it is hangs on a hash of the text, so that
//! the same text gets the same answer.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::domain::{CharacterId, CharacterRecord, Dials, MessageId};

/// From here on a dial is heard.
const HIGH: f32 = 0.65;
const LOW: f32 = 0.35;
/// Words in a tone or a trait that make it a warm one, a grave one, a playful one.
const WARM: [&str; 12] = [
    "warm", "gentle", "kind", "tender", "caring", "sweet", "soft", "friendly", "patient", "motherly", "calm",
    "sooth",
];
const GRAVE: [&str; 11] =
    ["stern", "grave", "serious", "solemn", "cold", "dry", "deadpan", "strict", "stoic", "blunt", "reserved"];
const PLAYFUL: [&str; 10] =
    ["playful", "cheeky", "witty", "wry", "humor", "humour", "funny", "mischiev", "sarcast", "silly"];
/// Emoji for who uses many.
const FACES: [&str; 4] = ["🙈", "😅", "💛", "🌱"];

/// What of a character its refusals hang on.
#[derive(Clone, Debug, PartialEq)]
pub struct Manner {
    name: String,
    register: Register,
    emoji: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Register {
    Plain,
    Formal,
    Casual,
    Warm,
    Grave,
    Playful,
}

impl Manner {
    #[must_use]
    pub fn of(character: &CharacterRecord) -> Self {
        let words = character.traits.iter().map(String::as_str);
        Self::new(&character.name, &character.tone, words, character.dials)
    }

    /// Of one of whom no more is known than its name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.trim().to_owned(), register: Register::Plain, emoji: false }
    }

    fn new<'a>(name: &str, tone: &str, traits: impl Iterator<Item = &'a str>, dials: Dials) -> Self {
        let tone = tone.to_lowercase();
        let traits: Vec<String> = traits.map(str::to_lowercase).collect();
        let tone_is = |stems: &[&str]| stems.iter().any(|stem| tone.contains(stem));
        let is = |stems: &[&str]| stems.iter().any(|stem| traits.iter().any(|one| one.contains(stem)));
        // Its tone says most, then how formal it is, then what it is like.
        let register = if tone_is(&PLAYFUL) {
            Register::Playful
        } else if tone_is(&GRAVE) {
            Register::Grave
        } else if tone_is(&WARM) {
            Register::Warm
        } else if dials.formality >= HIGH {
            Register::Formal
        } else if dials.humor >= HIGH || is(&PLAYFUL) {
            Register::Playful
        } else if dials.empathy >= HIGH || is(&WARM) {
            Register::Warm
        } else if dials.formality <= LOW {
            Register::Casual
        } else if is(&GRAVE) {
            Register::Grave
        } else {
            Register::Plain
        };
        Self { name: name.trim().to_owned(), register, emoji: dials.emoji >= HIGH }
    }
}

/// Chooses among the phrases for a person's text.
#[must_use]
pub fn seed(character: CharacterId, text: &str) -> u64 {
    hash((character, text))
}

/// Chooses among the phrases for a reply.
#[must_use]
pub fn seed_of_reply(reply: MessageId) -> u64 {
    hash(reply)
}

fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// To a person whose message was not taken.
#[must_use]
pub fn would_rather_not(manner: &Manner, seed: u64) -> String {
    let pool: &[&str] = match manner.register {
        Register::Plain => &[
            "{name} would rather not talk about that. Shall we find something else?",
            "{name} shakes their head. \u{201c}Let us talk about something else.\u{201d}",
            "\u{201c}That is not for me,\u{201d} says {name}. \u{201c}What else is on your mind?\u{201d}",
            "{name} leaves that where it is. \u{201c}Ask me something else?\u{201d}",
        ],
        Register::Formal => &[
            "{name} inclines their head. \u{201c}I would rather we left that alone. May I suggest another subject?\u{201d}",
            "\u{201c}Forgive me, but I must decline,\u{201d} says {name}. \u{201c}Let us speak of something else.\u{201d}",
            "{name} pauses. \u{201c}I should prefer not to go into that. What else may I do for you?\u{201d}",
            "\u{201c}With respect, not that,\u{201d} says {name}. \u{201c}Pray choose another topic.\u{201d}",
        ],
        Register::Casual => &[
            "{name} waves it off. \u{201c}Nah, let\u{2019}s not. What else is up?\u{201d}",
            "\u{201c}I\u{2019}ll pass on that one,\u{201d} says {name}. \u{201c}Got anything else?\u{201d}",
            "{name} shrugs. \u{201c}Not my thing. Let\u{2019}s talk about something else.\u{201d}",
            "\u{201c}Let\u{2019}s skip that,\u{201d} says {name}. \u{201c}Tell me about your day instead?\u{201d}",
        ],
        Register::Warm => &[
            "{name} smiles gently. \u{201c}I\u{2019}d rather not go there, but I\u{2019}m glad to talk about anything else.\u{201d}",
            "\u{201c}Let\u{2019}s leave that be,\u{201d} says {name} kindly. \u{201c}I\u{2019}m still here. What else is on your mind?\u{201d}",
            "{name} takes a soft breath. \u{201c}That\u{2019}s not something I want to talk about. Shall we try something else together?\u{201d}",
            "\u{201c}Not that, if you don\u{2019}t mind,\u{201d} says {name} warmly. \u{201c}Tell me something else?\u{201d}",
        ],
        Register::Grave => &[
            "{name} is silent for a moment. \u{201c}No. We will speak of something else.\u{201d}",
            "\u{201c}I do not talk about that,\u{201d} says {name}. \u{201c}Go on with something else.\u{201d}",
            "{name} looks up. \u{201c}Not that. Anything else, perhaps.\u{201d}",
            "\u{201c}There are things I leave alone,\u{201d} says {name}. \u{201c}That is one. Ask me another.\u{201d}",
        ],
        Register::Playful => &[
            "{name} puts both hands over their ears. \u{201c}La la la. Next subject, please!\u{201d}",
            "\u{201c}Nice try,\u{201d} says {name}. \u{201c}I\u{2019}d sooner talk about anything else. Go on, surprise me.\u{201d}",
            "{name} raises an eyebrow. \u{201c}Let\u{2019}s pretend that never came up, shall we?\u{201d}",
            "\u{201c}My lips are sealed on that one,\u{201d} says {name}. \u{201c}Try me with something else!\u{201d}",
        ],
    };
    told(manner, pool, seed)
}

/// In place of a reply that was broken off.
#[must_use]
pub fn thought_better(manner: &Manner, seed: u64) -> String {
    let pool: &[&str] = match manner.register {
        Register::Plain => &[
            "On second thought, I would rather not go on with that. Shall we talk about something else?",
            "I had better stop here. Ask me something else?",
            "No, I will leave that unsaid. What else is on your mind?",
        ],
        Register::Formal => &[
            "Forgive me; on reflection I would rather not continue with that. May I suggest another subject?",
            "I find I must leave that unsaid. What else may I do for you?",
            "Permit me to begin again with something else: I should prefer not to pursue this.",
        ],
        Register::Casual => &[
            "Actually, scratch that. Let\u{2019}s talk about something else.",
            "Hm, no, I\u{2019}ll leave that one. What else is up?",
            "You know what, let\u{2019}s skip it. Got anything else?",
        ],
        Register::Warm => &[
            "I\u{2019}d rather not go on with that, if it\u{2019}s all the same to you. I\u{2019}m glad to talk about anything else.",
            "Let me stop there. I\u{2019}m still here; what else is on your mind?",
            "I think we are better off leaving that be. Shall we try something else together?",
        ],
        Register::Grave => &[
            "No. I will not go on with that.",
            "That is better left unsaid. Speak of something else.",
            "I have said enough about that. Ask me another.",
        ],
        Register::Playful => &[
            "And that is where I put my hand over my own mouth. Next subject?",
            "Oops, that was about to go somewhere I don\u{2019}t. Let\u{2019}s try something else!",
            "My inner censor has just fallen off its chair. Quick, another topic!",
        ],
    };
    told(manner, pool, seed)
}

fn told(manner: &Manner, pool: &[&str], seed: u64) -> String {
    let at = |len: usize| usize::try_from(seed % len as u64).unwrap_or_default();
    let name = if manner.name.is_empty() { "Your companion" } else { &manner.name };
    let mut text = pool[at(pool.len())].replace("{name}", name);
    if manner.emoji {
        text.push(' ');
        text.push_str(FACES[at(FACES.len())]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manner(tone: &str, dials: Dials) -> Manner {
        Manner::new("Ada", tone, std::iter::empty(), dials)
    }

    #[test]
    fn a_character_declines_in_its_own_manner_and_by_its_name() {
        let usual = Dials::default();
        let all = [
            manner("", usual),
            manner("", Dials { formality: 0.9, ..usual }),
            manner("", Dials { formality: 0.1, ..usual }),
            manner("gentle", usual),
            manner("Deadpan", usual),
            manner("cheeky", usual),
        ];
        let told: Vec<String> = all.iter().map(|manner| would_rather_not(manner, 7)).collect();
        for (index, one) in told.iter().enumerate() {
            assert!(one.contains("Ada"), "{one}");
            assert!(!told[..index].contains(one), "each has words of its own: {one}");
        }
        assert_eq!(told[0], would_rather_not(&all[0], 7), "the same seed, the same words");
        assert_ne!(told[0], would_rather_not(&all[0], 8));
    }

    #[test]
    fn who_uses_many_emoji_ends_with_one() {
        let dials = Dials { emoji: 0.9, ..Dials::default() };
        let text = thought_better(&manner("", dials), 3);
        assert!(FACES.iter().any(|face| text.ends_with(face)), "{text}");
    }

    #[test]
    fn a_name_that_is_not_known_leaves_a_whole_sentence() {
        assert!(would_rather_not(&Manner::named(" "), 0).starts_with("Your companion would"));
    }
}
