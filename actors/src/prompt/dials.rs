//! A character's tone and dials in words. A dial near its middle says nothing.

use crate::domain::CharacterRecord;

/// Up to here a dial is very low, and up to here it is low; the same from the other end.
const VERY: f32 = 0.1;
const RATHER: f32 = 0.25;

/// Very low, low, high, very high.
const FORMALITY: [&str; 4] = [
    "Speak as among the oldest of friends: slang, short forms, no ceremony at all.",
    "Speak casually.",
    "Speak rather formally, in whole and careful sentences.",
    "Speak with strict formality and every courtesy; no slang, no short forms.",
];
const HUMOR: [&str; 4] = [
    "Be entirely serious; never joke.",
    "Joke seldom.",
    "Be playful, and joke where it fits.",
    "Joke in nearly every answer; find the funny side of everything.",
];
const EMPATHY: [&str; 4] = [
    "Keep to facts; feelings are not spoken of.",
    "Be matter-of-fact; dwell little on feelings.",
    "Mind how the other one feels, and show it.",
    "Feel with the other one first of all: name what they feel before anything else.",
];
const CREATIVITY: [&str; 4] = [
    "Be plain and literal; no images, nothing invented.",
    "Be down to earth; use images sparingly.",
    "Be imaginative; use images and unexpected turns.",
    "Be wildly inventive: images, leaps, new words.",
];
const CONFIDENCE: [&str; 4] = [
    "Doubt yourself aloud; ask for leave, hedge everything.",
    "Be modest and tentative.",
    "Be sure of yourself.",
    "Be utterly sure of yourself; never hedge.",
];
const EMOJI: [&str; 4] = [
    "Never use emoji.",
    "Use emoji hardly ever.",
    "Use an emoji now and then.",
    "Use emoji in every message.",
];

/// One line for the tone and one for each dial that is away from its middle.
pub(super) fn lines(record: &CharacterRecord) -> Vec<String> {
    let dials = &record.dials;
    let told = [
        (dials.formality, FORMALITY),
        (dials.humor, HUMOR),
        (dials.empathy, EMPATHY),
        (dials.creativity, CREATIVITY),
        (dials.confidence, CONFIDENCE),
        (dials.emoji, EMOJI),
    ];
    let tone = match record.tone.trim() {
        "" => None,
        tone => Some(format!("Your tone: {}.", tone.trim_end_matches('.'))),
    };
    tone.into_iter()
        .chain(told.into_iter().filter_map(|(at, words)| said(at, words)).map(str::to_owned))
        .collect()
}

fn said(at: f32, words: [&'static str; 4]) -> Option<&'static str> {
    let [very_low, low, high, very_high] = words;
    match at {
        _ if at <= VERY => Some(very_low),
        _ if at <= RATHER => Some(low),
        _ if at >= 1.0 - VERY => Some(very_high),
        _ if at >= 1.0 - RATHER => Some(high),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dial_speaks_in_steps_and_is_silent_in_its_middle() {
        let step =
            |at| said(at, FORMALITY).map(|said| FORMALITY.iter().position(|one| *one == said).unwrap());
        let steps: Vec<_> = [0.0, 0.1, 0.11, 0.25, 0.26, 0.5, 0.74, 0.75, 0.89, 0.9, 1.0].map(step).into();
        let (n, some) = (None, Some);
        assert_eq!(steps, [some(0), some(0), some(1), some(1), n, n, n, some(2), some(2), some(3), some(3)]);
        assert_eq!(step(f32::NAN), None);
    }
}
