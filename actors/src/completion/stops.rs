//! Stop sequences: the text ends before the first of them, wherever its pieces are cut, and also where the provider never
//! heard of them.

/// A pure filter. Held back is no more than the beginning of what may become a stop sequence.
#[derive(Debug)]
pub(super) struct Stops {
    stops: Vec<String>,
    held: String,
}

/// What came of a piece.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passed {
    Text(String),
    /// The text before a stop sequence: nothing comes after it.
    Last(String),
}

impl Stops {
    /// Empty sequences stop nothing.
    pub fn new(stops: &[String]) -> Self {
        Self { stops: stops.iter().filter(|stop| !stop.is_empty()).cloned().collect(), held: String::new() }
    }

    pub fn push(&mut self, more: &str) -> Passed {
        if self.stops.is_empty() {
            return Passed::Text(more.to_owned());
        }
        self.held.push_str(more);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return Passed::Last(std::mem::take(&mut self.held));
        }
        let rest = self.held.split_off(self.sure());
        Passed::Text(std::mem::replace(&mut self.held, rest))
    }

    /// The text has ended: what was held back was no stop sequence.
    pub fn end(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Bytes that are not the beginning of a stop sequence.
    fn sure(&self) -> usize {
        let longest = self.stops.iter().map(String::len).max().unwrap_or_default();
        let from = self.held.len().saturating_sub(longest - 1);
        let ends = self.held.char_indices().map(|(at, _)| at).filter(|at| *at >= from);
        let begins = |at: &usize| self.stops.iter().any(|stop| stop.starts_with(&self.held[*at..]));
        ends.into_iter().find(begins).unwrap_or(self.held.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stopped(text: &str, stops: &[&str], size: usize) -> (String, bool) {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut filter = Stops::new(&stops);
        let signs: Vec<char> = text.chars().collect();
        let mut seen = String::new();
        for piece in signs.chunks(size) {
            match filter.push(&piece.iter().collect::<String>()) {
                Passed::Text(text) => seen.push_str(&text),
                Passed::Last(text) => return (seen + &text, true),
            }
        }
        (seen + &filter.end(), false)
    }

    #[test]
    fn the_text_ends_before_a_stop_sequence_wherever_it_is_cut() {
        for size in 1..9 {
            assert_eq!(stopped("one two END three", &["END"], size), ("one two ".into(), true));
            assert_eq!(stopped("ENEND", &["END"], size), ("EN".into(), true));
            assert_eq!(stopped("aab", &["ab", "b"], size), ("a".into(), true), "the first one that begins");
            assert_eq!(stopped("grün 🙂🙂!", &["🙂!"], size), ("grün 🙂".into(), true));
            assert_eq!(stopped("one EN", &["END"], size), ("one EN".into(), false), "none after all");
            assert_eq!(stopped("one", &[""], size), ("one".into(), false));
        }
    }

    #[test]
    fn only_what_may_become_a_stop_sequence_is_held_back() {
        let mut filter = Stops::new(&["\nUser:".to_owned()]);
        assert_eq!(filter.push("Hello"), Passed::Text("Hello".into()));
        assert_eq!(filter.push(" there\nUs"), Passed::Text(" there".into()));
        assert_eq!(filter.push("ually"), Passed::Text("\nUsually".into()));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_it_ends_at_the_same_place(
            text in "[abé]{0,30}", stops in prop::collection::vec("[abé]{1,4}", 0..4), size in 1_usize..7,
        ) {
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let (seen, hit) = stopped(&text, &stops, size);
            prop_assert!(stops.iter().all(|stop| !seen.contains(stop)));
            prop_assert!(text.starts_with(&seen));
            let end = stops.iter().filter_map(|stop| text.find(stop)).min();
            // A shorter sequence that ends sooner may be met before a longer one that begins before it.
            prop_assert_eq!(hit, end.is_some());
            prop_assert!(hit || seen == text);
        }
    }
}
