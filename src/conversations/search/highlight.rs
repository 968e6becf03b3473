//! The place of a text that fits a search, as pieces of plain text: never HTML, so nothing in them can be.

use serde::Serialize;
use utoipa::ToSchema;

/// Characters of an excerpt, about.
const EXCERPT_CHARS: usize = 240;
/// Of them before the first word that fits.
const BEFORE_CHARS: usize = 60;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SegmentView {
    pub text: String,
    /// Whether it is what was looked for.
    #[serde(rename = "match")]
    pub fits: bool,
}

/// The part of `content` around the first of `words`, in which all of them are marked where they stand as whole words.
/// Without any it is the beginning.
pub(super) fn excerpt(content: &str, words: &[String]) -> Vec<SegmentView> {
    let marks = marks(content, words);
    let first = marks.first().map_or(0, |(start, _)| *start);
    let from = back(content, first, BEFORE_CHARS);
    let to = content[from..].char_indices().nth(EXCERPT_CHARS).map_or(content.len(), |(at, _)| from + at);
    let mut segments = Vec::new();
    let mut at = from;
    let mut push = |text: &str, fits: bool| {
        if !text.is_empty() {
            segments.push(SegmentView { text: text.to_owned(), fits });
        }
    };
    for (start, end) in marks {
        // The last one may be cut by the end.
        if start >= to {
            break;
        }
        push(&content[at..start], false);
        push(&content[start..end.min(to)], true);
        at = end.min(to);
    }
    push(&content[at..to], false);
    segments
}

/// So many characters before `at`, or from the beginning.
fn back(content: &str, at: usize, characters: usize) -> usize {
    content[..at].char_indices().rev().take(characters).last().map_or(at, |(start, _)| start)
}

/// Where the words stand, in order and without overlaps.
fn marks(content: &str, words: &[String]) -> Vec<(usize, usize)> {
    let whole = |start: usize, end: usize| {
        let before = content[..start].chars().next_back();
        let after = content[end..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    };
    let mut marks: Vec<(usize, usize)> = words
        .iter()
        .filter(|word| !word.is_empty())
        .flat_map(|word| content.match_indices(word.as_str()))
        .map(|(start, text)| (start, start + text.len()))
        .filter(|(start, end)| whole(*start, *end))
        .collect();
    // Of those that begin together the longest.
    marks.sort_unstable_by_key(|(start, end)| (*start, std::cmp::Reverse(*end)));
    let mut last = 0;
    marks.retain(|(start, end)| {
        let free = *start >= last;
        if free {
            last = *end;
        }
        free
    });
    marks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(content: &str, words: &[&str]) -> Vec<(String, bool)> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        excerpt(content, &words).into_iter().map(|segment| (segment.text, segment.fits)).collect()
    }

    #[test]
    fn whole_words_are_marked_where_they_stand() {
        let found = shown("The lamp, lamplight; Lamp <b>lamp</b>", &["lamp", "Lamp"]);
        let marked: Vec<&str> = found.iter().filter(|(_, fits)| *fits).map(|(text, _)| &**text).collect();
        assert_eq!(marked, ["lamp", "Lamp", "lamp"]);
        let whole: String = found.iter().map(|(text, _)| &**text).collect();
        assert_eq!(whole, "The lamp, lamplight; Lamp <b>lamp</b>");
    }

    #[test]
    fn a_long_text_is_cut_around_what_fits() {
        let content = format!("{} harbour {}", "ä ".repeat(400), "ö ".repeat(400));
        let found = shown(&content, &["harbour"]);
        assert!(found.iter().any(|(text, fits)| *fits && text == "harbour"));
        let length: usize = found.iter().map(|(text, _)| text.chars().count()).sum();
        assert_eq!(length, EXCERPT_CHARS);
        assert_eq!(shown("", &["x"]), []);
    }

    proptest! {
        #[test]
        fn an_excerpt_is_a_part_of_its_text(content in "\\PC{0,400}", word in "\\PC{1,4}") {
            let text: String = excerpt(&content, &[word]).into_iter().map(|segment| segment.text).collect();
            prop_assert!(content.contains(&text));
        }
    }
}
