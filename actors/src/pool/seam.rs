//! Where an answer goes on from what was said before: a model that was asked to go on likes to say again what it had said,
//! its last words or all from the beginning.
//!
//! What is said again is left out. A model that tells it from the beginning and then goes another way has begun anew: no part
//! of what was said may stand beside it. Text is held back only as long as it may be such a repetition: as a rule a few
//! signs, at most what was said.

/// Bytes at the end of what was said in which repeated last words are looked for.
const LOOK_BACK: usize = 400;
/// Characters of repeated last words: what is shorter may be meant ("no, no").
const REPEATED_MIN_CHARS: usize = 10;
/// Characters that are told as they were from the beginning, before it goes another way: so many are no chance where the
/// break was in the middle of a sentence ...
const RETOLD_MIN_CHARS: usize = 10;
/// ... or half of what was said, if so many; ...
const RETOLD_HALF_MIN_CHARS: usize = 3;
/// ... and so many behind a sentence, where the next one may well begin as the first one did.
const RETOLD_BEHIND_SENTENCE_MIN_CHARS: usize = 40;
/// Of the part of a word that stands before a place in it.
const WORD_MAX_CHARS: usize = 20;

#[derive(Debug, Default)]
pub(crate) struct Seam {
    /// All that was said; empty once the seam is closed.
    said: String,
    held: String,
}

/// What more of the text is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// It goes on with this; empty while it is not known.
    GoesOn(String),
    /// It is told anew: all of it. From the byte `new` on, where a word begins, it is another than it was.
    Anew { text: String, new: usize },
}

impl Seam {
    /// In front of text that goes on from `said`.
    pub fn behind(said: &str) -> Self {
        Self { said: said.trim_start().to_owned(), held: String::new() }
    }

    /// More of the text; answers what of it is new.
    pub fn push(&mut self, more: String) -> Joined {
        if self.said.is_empty() {
            return Joined::GoesOn(more);
        }
        self.held.push_str(&more);
        let new = self.held.trim_start();
        let may_go_on = |end: &str| end.len() > new.len() && end.starts_with(new);
        if may_go_on(&self.said) || ends(&self.said).any(may_go_on) {
            Joined::GoesOn(String::new())
        } else {
            self.close()
        }
    }

    /// The text has ended: what is held back was no repetition, or a whole one.
    pub fn close(&mut self) -> Joined {
        let (said, held) = (std::mem::take(&mut self.said), std::mem::take(&mut self.held));
        let new = held.trim_start();
        if said.is_empty() || new.is_empty() {
            return Joined::GoesOn(held);
        }
        if let Some(more) = new.strip_prefix(said.as_str()) {
            return Joined::GoesOn(more.to_owned());
        }
        let enough = |end: &&str| end.chars().count() >= REPEATED_MIN_CHARS;
        let repeated = ends(&said).filter(enough).find(|end| new.starts_with(end)).map_or(0, str::len);
        let same = in_common(&said, new);
        if same > repeated && is_retold(&said, &said[..same]) {
            // One that ends within what was said says nothing new.
            return match same == new.len() {
                true => Joined::GoesOn(String::new()),
                false => Joined::Anew { text: new.to_owned(), new: word_start(new, same) },
            };
        }
        Joined::GoesOn(if repeated > 0 { new[repeated..].to_owned() } else { held })
    }
}

/// What the last bytes of `text` may end with, the longest first.
fn ends(text: &str) -> impl Iterator<Item = &str> {
    let from = text.ceil_char_boundary(text.len().saturating_sub(LOOK_BACK));
    text[from..].char_indices().map(move |(at, _)| &text[from + at..])
}

/// Bytes that both begin with.
fn in_common(one: &str, other: &str) -> usize {
    let same = one.char_indices().zip(other.chars()).take_while(|((_, one), other)| one == other);
    same.last().map_or(0, |((at, sign), _)| at + sign.len_utf8())
}

/// Where the word begins that `at` stands in; in a script without spaces it is `at`.
fn word_start(text: &str, at: usize) -> usize {
    let in_word = |sign: &char| sign.is_alphanumeric();
    if !text[at..].chars().next().is_some_and(|sign| in_word(&sign)) {
        return at;
    }
    let word = text[..at].chars().rev().take(WORD_MAX_CHARS + 1).take_while(in_word);
    let (chars, bytes) = word.fold((0, 0), |(chars, bytes), sign| (chars + 1, bytes + sign.len_utf8()));
    if chars > WORD_MAX_CHARS { at } else { at - bytes }
}

/// Whether text that begins as `said` began, for as long as `same`, is no chance.
fn is_retold(said: &str, same: &str) -> bool {
    let (all, same) = (said.chars().count(), same.chars().count());
    let last = said.trim_end().chars().next_back();
    let in_a_sentence =
        !said.ends_with('\n') && last.is_some_and(|sign| sign.is_alphanumeric() || sign == ',');
    if in_a_sentence {
        same >= RETOLD_MIN_CHARS || (same >= RETOLD_HALF_MIN_CHARS && 2 * same >= all)
    } else {
        same >= RETOLD_BEHIND_SENTENCE_MIN_CHARS
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out behind `said`, however it is cut, and what a reader holds then.
    fn joined(said: &str, new: &str, size: usize) -> (String, String) {
        let mut seam = Seam::behind(said);
        let signs: Vec<char> = new.chars().collect();
        let (mut out, mut held) = (String::new(), said.to_owned());
        let mut take = |joined| match joined {
            Joined::GoesOn(more) => {
                out.push_str(&more);
                held.push_str(&more);
            }
            Joined::Anew { text, .. } => {
                assert!(out.is_empty(), "it is known before anything is passed on");
                out.push_str(&text);
                held = text;
            }
        };
        signs.chunks(size).for_each(|piece| take(seam.push(piece.iter().collect())));
        take(seam.close());
        (out, held)
    }

    fn after(said: &str, new: &str, size: usize) -> String {
        joined(said, new, size).0
    }

    #[test]
    fn repeated_last_words_are_said_once() {
        let said = "Once upon a time there was a little";
        for size in [1, 3, 100] {
            assert_eq!(after(said, "there was a little house.", size), " house.");
            assert_eq!(after(said, " there was a little house.", size), " house.");
            assert_eq!(after(said, "Once upon a time there was a little house.", size), " house.");
            assert_eq!(after(said, " house.", size), " house.");
            assert_eq!(after(said, " there was more.", size), " there was more.");
            assert_eq!(after("Well, ", "Well, I see.", size), "I see.");
            assert_eq!(after("I", "I see.", size), " see.");
            assert_eq!(after("No, no", ", no, no.", size), ", no, no.");
            assert_eq!(after("Schöne Grüße aus Köl", "Grüße aus Köln!", size), "n!");
        }
    }

    #[test]
    fn what_is_told_from_the_beginning_and_goes_another_way_begins_anew() {
        let long = "Once upon a time there was a little".to_owned() + &" and then".repeat(200);
        for (said, new) in [
            ("Once upon a time there was a little", "Once upon a time there was a dog."),
            ("Once upon a time there was a little", "\nOnce upon a time. The end."),
            ("Once upon a", "Once upon the hill"),
            ("the cat sat on the cat sat", "the cat sat on a mat."),
            (&long, &format!("{}, it ended.", &long[..1_000])),
        ] {
            for size in [1, 3, 10_000] {
                assert_eq!(joined(said, new, size).1, new.trim_start(), "{said} | {new}");
            }
        }
        let joined = Seam::behind("Once upon a time there").push("Once upon a hill".to_owned());
        assert_eq!(joined, Joined::Anew { text: "Once upon a hill".into(), new: 12 });
        let joined = Seam::behind("Once upon a time").push("Once upon a tide".to_owned());
        assert_eq!(joined, Joined::Anew { text: "Once upon a tide".into(), new: 12 }, "a whole word");
        assert_eq!(after(&long, &format!("{long}, it ended."), 7), ", it ended.", "however long it is");
        assert_eq!(after(&long, &long[..500], 7), "", "nothing new");
    }

    #[test]
    fn a_sentence_that_begins_as_the_first_one_did_goes_on() {
        let said = "I have a dream. I have another.";
        assert_eq!(after(said, " I have a third.", 2), " I have a third.");
        assert_eq!(after("The first day:\n", "The first night:", 2), "The first night:");
        assert_eq!(after("No, I said to", "No one", 2), "No one");
    }

    #[test]
    fn little_is_held_back() {
        let held = |seam: &mut Seam, more: &str| match seam.push(more.to_owned()) {
            Joined::GoesOn(more) => more,
            Joined::Anew { .. } => panic!("it goes on"),
        };
        let mut seam = Seam::behind("It rained all day, and");
        assert_eq!(held(&mut seam, " a"), "");
        assert_eq!(held(&mut seam, " dog barked"), " a dog barked");
        assert_eq!(held(&mut seam, " all day, and"), " all day, and", "a seam is closed once");
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_same_comes_out(said in "[ab ]{0,30}", new in "[ab ]{0,40}", size in 1_usize..7) {
            prop_assert_eq!(joined(&said, &new, size), joined(&said, &new, 1_000));
        }

        #[test]
        fn what_was_said_and_comes_again_as_a_whole_is_said_once(said in "[a-z]{1,900}", more in "[0-9]{0,9}") {
            prop_assert_eq!(after(&said, &format!("{said}{more}"), 2), more);
        }

        /// Whatever a model makes of being asked to go on, no reader holds the beginning twice.
        #[test]
        fn no_beginning_stands_twice(
            said in "[a-z]{10}[a-z ,]{0,600}[a-z]",
            told in 10_usize..700,
            other in "[A-Z][A-Z ,]{0,50}",
            size in 1_usize..40,
        ) {
            let new = format!("{}{other}", &said[..told.min(said.len())]);
            let (_, held) = joined(&said, &new, size);
            prop_assert_eq!(&held, &new, "all again and on, or anew: it reads as the model last told it");
            let (_, held) = joined(&said, &other, size);
            prop_assert_eq!(held, format!("{said}{other}"), "what is new goes on");
        }
    }
}
