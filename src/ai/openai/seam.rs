//! Where a reply goes on that broke off: what is said twice is heard once.
//!
//! Models that are asked to go on often begin with the last words, or the last sentence, or all from the start. So the
//! first text is held back for as long as it repeats what was said.

/// Bytes of repeated text that are no chance.
const REPEATED_MIN: usize = 12;
/// Bytes of the beginning that are a new telling, also when it then goes another way.
const RETOLD_MIN: usize = 40;
/// Bytes at the end of what was said in which a repetition may begin, beside its very beginning.
const TAIL_BYTES: usize = 400;

/// What to do with text that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// It repeats so far: nothing to say yet.
    Held,
    /// It goes on with this.
    On(String),
    /// It is another telling of the same: it cannot be joined.
    Anew,
}

pub(super) struct Seam {
    so_far: String,
    held: String,
    joined: bool,
}

impl Seam {
    pub fn new(so_far: &str) -> Self {
        Self { so_far: so_far.to_owned(), held: String::new(), joined: false }
    }

    /// Without anything to join, all goes on as it comes.
    pub fn none() -> Self {
        Self { so_far: String::new(), held: String::new(), joined: true }
    }

    pub fn push(&mut self, text: String) -> Joined {
        if self.joined {
            return Joined::On(text);
        }
        self.held.push_str(&text);
        // Blanks before a repetition are the model's, not the text's.
        let held = self.held.trim_start();
        let mut holds = false;
        for from in self.places() {
            let rest = &self.so_far[from..];
            if let Some(new) = held.strip_prefix(rest) {
                let new = new.to_owned();
                return self.join(new);
            }
            holds |= rest.starts_with(held);
        }
        if holds {
            return Joined::Held;
        }
        let same = common(&self.so_far, held);
        if same >= RETOLD_MIN || (same >= REPEATED_MIN && same * 2 > self.so_far.len()) {
            return Joined::Anew;
        }
        let held = std::mem::take(&mut self.held);
        self.join(held)
    }

    /// What is still held at the end: a repetition without anything new, or a few letters that look like one.
    pub fn rest(&mut self) -> Option<String> {
        let held = std::mem::take(&mut self.held);
        let repeats = held.trim().len() >= REPEATED_MIN || held.trim().is_empty();
        (!self.joined && !repeats).then_some(held)
    }

    fn join(&mut self, new: String) -> Joined {
        self.joined = true;
        self.held = String::new();
        if new.is_empty() { Joined::Held } else { Joined::On(new) }
    }

    /// Where a repetition may begin, the longest first.
    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let length = self.so_far.len();
        let tail = length.saturating_sub(TAIL_BYTES);
        let last = length.saturating_sub(REPEATED_MIN);
        let starts: Vec<usize> = std::iter::once(0)
            .chain(tail.max(1)..=last)
            .filter(|at| length - at >= REPEATED_MIN && self.so_far.is_char_boundary(*at))
            .collect();
        starts.into_iter()
    }
}

/// Bytes that both begin with.
fn common(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "The lamp was lit at dusk, and the sea lay quiet. Nobody came that night, and";

    /// What is heard of pieces that come one after the other.
    fn heard(pieces: &[&str]) -> Result<String, ()> {
        let mut seam = Seam::new(SAID);
        let mut heard = String::new();
        for piece in pieces {
            match seam.push((*piece).to_owned()) {
                Joined::Held => {}
                Joined::On(text) => heard.push_str(&text),
                Joined::Anew => return Err(()),
            }
        }
        heard.push_str(&seam.rest().unwrap_or_default());
        Ok(heard)
    }

    #[test]
    fn what_goes_on_is_heard_as_it_is() {
        assert_eq!(heard(&[" no", " ship."]), Ok(" no ship.".into()));
        assert_eq!(heard(&["and", "no"]), Ok("andno".into()));
        assert_eq!(heard(&["The", " end."]), Ok("The end.".into()));
    }

    #[test]
    fn last_words_that_are_said_again_are_heard_once() {
        assert_eq!(heard(&["Nobody came that night, and", " no ship."]), Ok(" no ship.".into()));
        assert_eq!(heard(&["\n", "that ", "night, ", "and no ship."]), Ok(" no ship.".into()));
        assert_eq!(heard(&[SAID, " no ship."]), Ok(" no ship.".into()), "all from the start");
        let letters: Vec<String> = format!("{SAID} no ship.").chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(heard(&letters), Ok(" no ship.".into()));
        assert_eq!(heard(&["that night, and"]), Ok(String::new()));
    }

    #[test]
    fn another_telling_of_the_same_is_not_joined() {
        assert_eq!(heard(&["The lamp was lit at dusk, and the sea lay quiet. Then"]), Err(()));
    }

    #[test]
    fn without_a_seam_nothing_is_held() {
        let mut seam = Seam::none();
        assert_eq!(seam.push("x".into()), Joined::On("x".into()));
        assert_eq!(seam.rest(), None);
    }
}
