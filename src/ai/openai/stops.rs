//! Stop sequences for models that know none: the text is cut here.

/// What is left of text that came.
pub(super) struct Cut {
    pub text: String,
    /// A sequence was met: there is nothing after this.
    pub stopped: bool,
}

/// Holds back what may be the beginning of a sequence.
pub(super) struct Stops {
    sequences: Vec<String>,
    held: String,
}

impl Stops {
    pub fn at(sequences: &[String]) -> Self {
        let sequences = sequences.iter().filter(|one| !one.is_empty()).cloned().collect();
        Self { sequences, held: String::new() }
    }

    pub fn push(&mut self, text: String) -> Cut {
        if self.sequences.is_empty() {
            return Cut { text, stopped: false };
        }
        self.held.push_str(&text);
        if let Some(at) = self.sequences.iter().filter_map(|one| self.held.find(one)).min() {
            self.held.truncate(at);
            return Cut { text: std::mem::take(&mut self.held), stopped: true };
        }
        let kept = self.sequences.iter().map(|one| beginning(&self.held, one)).max().unwrap_or_default();
        let text: String = self.held.drain(..self.held.len() - kept).collect();
        Cut { text, stopped: false }
    }

    /// At the end: it was no sequence after all.
    pub fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes at the end of `text` that `sequence` begins with.
fn beginning(text: &str, sequence: &str) -> usize {
    let ends = sequence.char_indices().map(|(at, _)| at).filter(|at| text.ends_with(&sequence[..*at]));
    ends.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(pieces: &[&str], sequences: &[&str]) -> String {
        let sequences: Vec<String> = sequences.iter().map(|one| (*one).to_owned()).collect();
        let mut stops = Stops::at(&sequences);
        let mut heard = String::new();
        for piece in pieces {
            let cut = stops.push((*piece).to_owned());
            heard.push_str(&cut.text);
            if cut.stopped {
                return heard;
            }
        }
        heard + &stops.rest()
    }

    #[test]
    fn a_sequence_cuts_also_where_it_comes_in_parts() {
        assert_eq!(heard(&["Yes.\nUs", "er: no"], &["\nUser:"]), "Yes.");
        assert_eq!(heard(&["a", "b", "c", "d"], &["bd", "cd"]), "ab");
        assert_eq!(heard(&["eins \u{e4}\u{f6}", "\u{fc} zwei"], &["\u{f6}\u{fc}"]), "eins \u{e4}");
    }

    #[test]
    fn what_only_begins_as_one_is_told() {
        assert_eq!(heard(&["Yes.\nUs", "ually"], &["\nUser:"]), "Yes.\nUsually");
        assert_eq!(heard(&["Yes.\n"], &["\nUser:"]), "Yes.\n");
        assert_eq!(heard(&["Yes."], &[]), "Yes.");
    }
}
