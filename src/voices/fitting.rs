//! Which entry of a gallery fits what was asked and said: by its tags and the words of its caption. Pure.

use std::collections::HashSet;

/// A tag that was named, a word of the caption, and the same where the reply alone says it.
const TAG_ASKED: u32 = 6;
const WORD_ASKED: u32 = 3;
const TAG_SAID: u32 = 2;
const WORD_SAID: u32 = 1;
/// It is a video and one was asked for, or a picture.
const KIND_ASKED: u32 = 4;
/// Shorter words say nothing of what a picture shows.
const WORD_MIN_CHARS: usize = 3;
/// What people ask for pictures with, and what stands in every caption.
const EMPTY_WORDS: [&str; 32] = [
    "the", "and", "you", "your", "for", "with", "from", "this", "that", "these", "those", "are", "was",
    "have", "has", "can", "could", "would", "please", "show", "send", "see", "look", "give", "another",
    "one", "some", "any", "what", "how", "her", "his",
];
const PICTURES: [&str; 8] = ["picture", "photo", "image", "selfie", "pic", "drawing", "painting", "portrait"];
const VIDEOS: [&str; 4] = ["video", "clip", "film", "movie"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Picture,
    Video,
}

/// An entry, as far as it can fit.
#[derive(Clone, Debug)]
pub(super) struct Candidate<T> {
    pub item: T,
    pub shown: Shown,
    pub caption: String,
    pub tags: Vec<String>,
    /// Where it was last shown in this room; `None`: never.
    pub last_shown: Option<i64>,
}

/// The one that fits best; of several the one that was shown longest ago, and of those the first. `None`: none has anything
/// to do with it, unless something to see was asked for in particular: then any will do.
pub(super) fn best<T>(candidates: Vec<Candidate<T>>, asked: &str, said: &str) -> Option<T> {
    let (asked, said) = (words(asked), words(said));
    let any = |of: &[&str]| of.iter().any(|word| asked.contains(*word));
    let (video, picture) = (any(&VIDEOS), any(&PICTURES));
    let score = |one: &Candidate<T>| {
        let kind = match one.shown {
            Shown::Picture => picture,
            Shown::Video => video,
        };
        let tags = one.tags.iter().map(|tag| words(tag)).filter(|tag| !tag.is_empty());
        let tags: u32 =
            tags.map(|tag| rated(tag.iter(), &asked, &said, (TAG_ASKED, TAG_SAID), All::Words)).sum();
        let caption = rated(words(&one.caption).iter(), &asked, &said, (WORD_ASKED, WORD_SAID), All::Each);
        u32::from(kind) * KIND_ASKED + tags + caption
    };
    candidates
        .into_iter()
        .map(|one| (score(&one), one))
        .filter(|(score, _)| *score > 0)
        .min_by_key(|(score, one)| (std::cmp::Reverse(*score), one.last_shown.unwrap_or(i64::MIN)))
        .map(|(_, one)| one.item)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum All {
    /// They count together: all must be there.
    Words,
    /// Each counts.
    Each,
}

fn rated<'a>(
    words: impl Iterator<Item = &'a String> + Clone,
    asked: &HashSet<String>,
    said: &HashSet<String>,
    (by_asker, by_reply): (u32, u32),
    all: All,
) -> u32 {
    match all {
        All::Words if words.clone().all(|word| asked.contains(word)) => by_asker,
        All::Words if words.clone().all(|word| said.contains(word)) => by_reply,
        All::Words => 0,
        All::Each => words
            .map(
                |word| {
                    if asked.contains(word) { by_asker } else { u32::from(said.contains(word)) * by_reply }
                },
            )
            .sum(),
    }
}

/// The words that say something, in small letters and without the plural's s.
fn words(text: &str) -> HashSet<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= WORD_MIN_CHARS && !EMPTY_WORDS.contains(word))
        .map(|word| {
            word.strip_suffix('s').filter(|stem| stem.len() >= WORD_MIN_CHARS).unwrap_or(word).to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(
        item: &'static str,
        caption: &str,
        tags: &[&str],
        last_shown: Option<i64>,
    ) -> Candidate<&'static str> {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        Candidate { item, shown: Shown::Picture, caption: caption.to_owned(), tags, last_shown }
    }

    fn gallery() -> Vec<Candidate<&'static str>> {
        vec![
            one("tower", "The lighthouse at dusk", &["lighthouse", "sea"], None),
            one("cat", "My cat on the stairs", &["cats", "home"], Some(4)),
            one("kitten", "A kitten in a box", &["cat"], Some(9)),
            Candidate { shown: Shown::Video, ..one("storm", "Waves in the storm", &["sea"], None) },
        ]
    }

    #[test]
    fn what_was_asked_for_weighs_more_than_what_was_said() {
        assert_eq!(best(gallery(), "Show me the lighthouse, please", "Here is my cat"), Some("tower"));
        assert_eq!(best(gallery(), "And now?", "This is the lighthouse"), Some("tower"));
        assert_eq!(best(gallery(), "A video of the sea?", "With pleasure"), Some("storm"));
    }

    #[test]
    fn of_two_that_fit_as_well_the_one_comes_that_was_not_shown_of_late() {
        let two = || {
            vec![
                one("a", "", &["sea"], Some(7)),
                one("b", "", &["sea"], Some(3)),
                one("c", "", &["sea"], Some(5)),
            ]
        };
        assert_eq!(best(two(), "The sea!", ""), Some("b"));
        let mut fresh = two();
        fresh.push(one("d", "", &["sea"], None));
        assert_eq!(best(fresh, "The sea!", ""), Some("d"));
    }

    #[test]
    fn what_has_nothing_to_do_with_it_is_not_shown() {
        assert_eq!(best(gallery(), "How are you?", "I am well, and you?"), None);
        assert_eq!(best(Vec::<Candidate<u8>>::new(), "A picture of you", ""), None);
        assert_eq!(best(gallery(), "Can you show me one?", "Yes."), None);
    }

    #[test]
    fn who_asks_for_a_picture_gets_one_whatever_is_on_it() {
        assert_eq!(best(gallery(), "Send me a picture", "Here you are"), Some("tower"));
    }

    #[test]
    fn a_tag_of_two_words_is_one_thing() {
        let gallery = || vec![one("pie", "", &["apple pie"], None), one("tree", "", &["apple tree"], None)];
        assert_eq!(best(gallery(), "An apple pie?", ""), Some("pie"));
        assert_eq!(best(gallery(), "An apple?", ""), None);
    }
}
