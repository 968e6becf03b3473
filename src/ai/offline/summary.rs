//! A summary by rules: who said what, in their own words, the most telling first and then in the order in which it was said.
//!
//! It invents nothing: each sentence is one that was said, quoted, with its speaker's name before it.

use greenroom_actors::ports::GenerateRequest;

use crate::ai::tokens::estimate;
use crate::summaries::prompt;

/// Characters of one quoted sentence.
const SENTENCE_MAX_CHARS: usize = 160;
/// Part of the whole that the summary so far may keep.
const BEFORE_SHARE: (usize, usize) = (1, 2);

/// The summary that `request` asks for.
#[must_use]
pub fn summary(request: &GenerateRequest) -> String {
    let asked = request.messages.last().map_or("", |message| message.content.as_str());
    let (before, said) = prompt::read(asked);
    let most = request.max_tokens as usize;
    let mut kept = newest_within(before.lines().collect(), most * BEFORE_SHARE.0 / BEFORE_SHARE.1);
    let mut left = most.saturating_sub(kept.iter().map(|line| estimate(line)).sum());

    let mut candidates: Vec<(usize, usize, String)> = Vec::new();
    for (place, (speaker, text)) in said.iter().enumerate() {
        let best = sentences(text).map(|sentence| (weight(sentence), sentence)).max_by_key(|(w, _)| *w);
        let Some((weight, sentence)) = best.filter(|(weight, _)| *weight > 0) else { continue };
        let cut: String = sentence.trim().chars().take(SENTENCE_MAX_CHARS).collect();
        candidates.push((weight, place, format!("{speaker} said: “{}”", cut.replace(['“', '”'], "'"))));
    }
    candidates.sort_by_key(|(weight, place, _)| (std::cmp::Reverse(*weight), std::cmp::Reverse(*place)));
    let mut chosen: Vec<(usize, String)> = Vec::new();
    for (_, place, line) in candidates {
        let tokens = estimate(&line) + 1;
        if tokens <= left && !chosen.iter().any(|(_, known)| *known == line) {
            left -= tokens;
            chosen.push((place, line));
        }
    }
    chosen.sort_unstable();
    kept.extend(chosen.into_iter().map(|(_, line)| line));
    if kept.is_empty() {
        let speakers: std::collections::BTreeSet<&str> = said.iter().map(|(speaker, _)| *speaker).collect();
        return format!("{} talked.", speakers.into_iter().collect::<Vec<_>>().join(" and "));
    }
    kept.join("\n")
}

fn newest_within(lines: Vec<&str>, most: usize) -> Vec<String> {
    let mut left = most;
    let mut kept: Vec<String> = lines
        .into_iter()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .map_while(|line| {
            left = left.checked_sub(estimate(line) + 1)?;
            Some(line.trim().to_owned())
        })
        .collect();
    kept.reverse();
    kept
}

/// What stands between the ends of sentences.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '!', '?', '。', '！', '？']).map(str::trim).filter(|one| !one.is_empty())
}

/// How much a sentence tells: of oneself most, questions and small talk nothing.
fn weight(sentence: &str) -> usize {
    let low = format!(" {} ", sentence.to_lowercase().replace(['’', ','], " "));
    let words = low.split_whitespace().count();
    if words < 3 || sentence.trim_end().ends_with('?') {
        return 0;
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
        let text = made("Mara said: “Long ago.”", &lines, 120);
        assert!(estimate(&text) <= 130, "{}", estimate(&text));
        assert!(
            text.starts_with("Mara said: “Long ago.”\nAnna said: “I promise to work on my plan.”"),
            "{text}"
        );
    }
}
