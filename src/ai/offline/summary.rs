//! A summary by rules: who said what, in their own words, the most telling first and then in the order in which it was said.
//!
//! It invents nothing: each sentence is one that was said, quoted, with its speaker's name before it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use greenroom_actors::ports::GenerateRequest;

use crate::ai::tokens::estimate;
use crate::summaries::prompt;

/// Characters of one quoted sentence.
const SENTENCE_MAX_CHARS: usize = 160;
/// Between a speaker and what they said.
const SAID: &str = " said: “";
/// Of lines that another provider wrote: above small talk, below what people told of themselves.
const OTHERS_WEIGHT: usize = 3;

/// The summary that `request` asks for.
#[must_use]
pub fn summary(request: &GenerateRequest) -> String {
    let asked = request.messages.last().map_or("", |message| message.content.as_str());
    let (before, said) = prompt::read(asked);
    let own = request.character.name.as_str();
    let kept = before.lines().map(str::trim).filter(|line| !line.is_empty());
    let kept = kept.map(|line| match line.split_once(SAID) {
        Some((speaker, sentence)) => (weight(speaker, own, sentence).max(1), line.to_owned()),
        // Written by another.
        None => (OTHERS_WEIGHT, line.to_owned()),
    });
    let new = said.iter().filter_map(|(speaker, text)| {
        let weighed = sentences(text).map(|sentence| (weight(speaker, own, sentence), sentence));
        let (weight, sentence) =
            weighed.max_by_key(|(weight, _)| *weight).filter(|(weight, _)| *weight > 0)?;
        let cut: String = sentence.chars().take(SENTENCE_MAX_CHARS).collect();
        Some((weight, format!("{speaker}{SAID}{}”", cut.replace(['“', '”'], "'"))))
    });
    let lines: Vec<(usize, String)> = kept.chain(new).collect();
    let chosen = telling_most(&lines, request.max_tokens as usize);
    if chosen.is_empty() {
        let speakers: BTreeSet<&str> = said.iter().map(|(speaker, _)| *speaker).collect();
        return format!("{} talked.", speakers.into_iter().collect::<Vec<_>>().join(" and "));
    }
    chosen.join("\n")
}

/// Those that tell most, of equal ones the latest, within `most` tokens and in their order.
fn telling_most(lines: &[(usize, String)], most: usize) -> Vec<&str> {
    let mut by_weight: Vec<usize> = (0..lines.len()).collect();
    by_weight.sort_by_key(|at| (Reverse(lines[*at].0), Reverse(*at)));
    let (mut left, mut known, mut chosen) = (most, BTreeSet::new(), Vec::new());
    for at in by_weight {
        let line = lines[at].1.as_str();
        let tokens = estimate(line) + 1;
        if tokens <= left && known.insert(line) {
            left -= tokens;
            chosen.push(at);
        }
    }
    chosen.sort_unstable();
    chosen.into_iter().map(|at| lines[at].1.as_str()).collect()
}

/// What stands between the ends of sentences.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '!', '?', '。', '！', '？']).map(str::trim).filter(|one| !one.is_empty())
}

/// How much a sentence tells: of oneself most, questions and small talk nothing. What the character said of itself it knows.
fn weight(speaker: &str, own: &str, sentence: &str) -> usize {
    let low = format!(" {} ", sentence.to_lowercase().replace(['’', ','], " "));
    let words = low.split_whitespace().count();
    if words < 3 || sentence.trim_end_matches('”').ends_with('?') {
        return 0;
    }
    if speaker == own {
        return 1;
    }
    let of_oneself = [" i ", " my ", " i'm ", " we ", " our "].iter().any(|word| low.contains(word));
    let telling =
        [" promise", " want", " need", " plan", " live", " work", " love", " hate", " name", " called "]
            .iter()
            .filter(|word| low.contains(*word))
            .count();
    1 + usize::from(of_oneself) * 3 + telling * 2 + usize::from(sentence.chars().any(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use greenroom_actors::domain::UserId;
    use greenroom_actors::testsuite::character;

    use super::*;

    fn made(before: &str, lines: &[&str], max_tokens: usize) -> String {
        let record = Arc::new(character("Mara"));
        summary(&prompt::request(&record, UserId::new(), before, &lines.join("\n"), max_tokens))
    }

    #[test]
    fn it_says_who_said_what_and_invents_nothing() {
        let lines = [
            "Anna: Hi there! I live in Oslo with my dog Rex.",
            "Mara: Is that so?",
            "Anna: Ok.",
            "Mara: The lamp was lit in 1871.",
        ];
        let text = made("", &lines, 400);
        assert_eq!(
            text,
            "Anna said: “I live in Oslo with my dog Rex.”\nMara said: “The lamp was lit in 1871.”"
        );
        let more = made(&text, &["Anna: I want to see the lamp."], 400);
        assert_eq!(more, format!("{text}\nAnna said: “I want to see the lamp.”"));
        assert_eq!(made("", &["Anna: Hm?", "Mara: Hm."], 400), "Anna and Mara talked.");
    }

    #[test]
    fn it_keeps_to_its_tokens_and_what_tells_most() {
        let lines: Vec<String> =
            (0..60).map(|n| format!("Anna: Some small thing number {n} here.")).collect();
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        lines.insert(3, "Anna: I promise to work on my plan.");
        let text = made("Ben said: “I love old maps.”\nMara said: “Long ago it was.”", &lines, 120);
        assert!(estimate(&text) <= 120, "{}", estimate(&text));
        for told in
            ["Ben said: “I love old maps.”", "Anna said: “I promise to work on my plan.”", "number 59 "]
        {
            assert!(text.contains(told), "{text}");
        }
        assert!(!text.contains("number 0 "), "{text}");
    }
}
