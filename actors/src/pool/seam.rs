//! Where an answer goes on from what was said before: a model that was asked to go on likes to repeat the last words.
//!
//! What is repeated is taken out. Text is held back only as long as it may be such a repetition: as a rule a few signs.

/// Bytes at the end of what was said in which a repetition is looked for; so much is held back at most.
const LOOK_BACK: usize = 400;
/// Characters of a repetition: what is shorter may be meant ("no, no").
const REPEATED_MIN_CHARS: usize = 10;
/// The same, where all that was said is repeated: then it was begun anew.
const WHOLE_MIN_CHARS: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Seam {
    /// The end of what was said; empty once the seam is closed.
    tail: String,
    /// `tail` is all that was said.
    whole: bool,
    held: String,
}

impl Seam {
    /// In front of text that goes on from `said`.
    pub fn behind(said: &str) -> Self {
        let from = said.ceil_char_boundary(said.len().saturating_sub(LOOK_BACK));
        Self { tail: said[from..].to_owned(), whole: from == 0, held: String::new() }
    }

    /// More of the text; answers what of it is new.
    pub fn push(&mut self, more: String) -> String {
        if self.tail.is_empty() {
            return more;
        }
        self.held.push_str(&more);
        let new = self.held.trim_start();
        let may_go_on = |end: &str| end.len() > new.len() && end.starts_with(new);
        if ends(&self.tail).any(may_go_on) { String::new() } else { self.close() }
    }

    /// The text has ended: what is held back was no repetition, or a whole one.
    pub fn close(&mut self) -> String {
        let (tail, held) = (std::mem::take(&mut self.tail), std::mem::take(&mut self.held));
        let new = held.trim_start();
        let enough = |end: &str| {
            let least =
                if self.whole && end.len() == tail.len() { WHOLE_MIN_CHARS } else { REPEATED_MIN_CHARS };
            end.chars().count() >= least
        };
        match ends(&tail).find(|end| enough(end) && new.starts_with(end)) {
            Some(repeated) => new[repeated.len()..].to_owned(),
            None => held,
        }
    }
}

/// What `text` may end with, the longest first.
fn ends(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(at, _)| &text[at..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out behind `said`, however it is cut.
    fn after(said: &str, new: &str, size: usize) -> String {
        let mut seam = Seam::behind(said);
        let signs: Vec<char> = new.chars().collect();
        let mut out: String = signs.chunks(size).map(|piece| seam.push(piece.iter().collect())).collect();
        out.push_str(&seam.close());
        out
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
            assert_eq!(after("No, no", ", no, no.", size), ", no, no.");
            assert_eq!(after("Schöne Grüße aus Köl", "Grüße aus Köln!", size), "n!");
        }
    }

    #[test]
    fn little_is_held_back() {
        let mut seam = Seam::behind("It rained all day, and");
        assert_eq!(seam.push(" a".into()), "");
        assert_eq!(seam.push(" dog barked".into()), " a dog barked");
        assert_eq!(seam.push(" all day, and".into()), " all day, and", "a seam is closed once");
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_same_comes_out(said in "[ab ]{0,30}", new in "[ab ]{0,40}", size in 1_usize..7) {
            prop_assert_eq!(after(&said, &new, size), after(&said, &new, 1_000));
        }

        #[test]
        fn what_was_said_and_comes_again_as_a_whole_is_said_once(said in "[a-z]{3,30}", more in "[0-9]{0,9}") {
            prop_assert_eq!(after(&said, &format!("{said}{more}"), 2), more);
        }
    }
}
