//! Hidden lines of a reply: `[[remember: I have a dog called Rex]]`, as the system message asks for them.
//!
//! They are taken out of the stream before anybody sees them, wherever its pieces are cut; what only looks like one comes
//! through unharmed. Held back is no more than the beginning of what may become one, and the line break before it.

use crate::domain::{FACT_MAX_CHARS, Fact, Finish};

/// Facts of one reply; further ones are hidden and forgotten.
const FACTS_MAX: usize = 3;
const WORD: &str = "remember";
/// Of a hidden line, with the spaces and quotation marks around the fact.
const HELD_MAX_CHARS: usize = FACT_MAX_CHARS + 20;
const SPACES_MAX: usize = 2;

/// A pure filter: pieces of the model's text in, what people see out; the facts are kept.
#[derive(Debug, Default)]
pub(crate) struct Remember {
    /// White space from a line break on, which goes along with a hidden line that follows.
    gap: String,
    state: State,
    /// A hidden line ended, and nothing was seen since: the white space around it goes with it.
    hid: bool,
    facts: Vec<Fact>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Seen,
    /// A hidden line has ended: what is left of its line is white space.
    After,
    /// The first signs of a hidden line, as they were written.
    Opening(String),
    /// Within a hidden line.
    Hidden { text: String, chars: usize },
}

impl Remember {
    /// Takes more of the reply; answers what of it is to be seen.
    pub fn filter(&mut self, more: &str) -> String {
        let mut out = String::with_capacity(more.len());
        for sign in more.chars() {
            self.sign(sign, &mut out);
        }
        out
    }

    /// The end of the reply: what was held back and turns out to be plain text, and all facts. A line that is not closed
    /// counts where the reply was `complete`; where it was cut off, so was the fact.
    pub fn end(&mut self, finish: Finish) -> (String, Vec<Fact>) {
        let mut out = String::new();
        match std::mem::take(&mut self.state) {
            State::Seen if !self.hid => out.push_str(&std::mem::take(&mut self.gap)),
            State::Seen | State::After => {}
            State::Opening(opening) => {
                // A single bracket is text. What is cut off in the middle of the word is nobody's to see.
                if finish == Finish::Complete || opening.len() < 2 {
                    self.show(&opening, &mut out);
                }
            }
            State::Hidden { text, .. } => {
                if finish == Finish::Complete {
                    self.keep(text.strip_suffix(']').unwrap_or(&text));
                }
            }
        }
        (out, std::mem::take(&mut self.facts))
    }

    fn sign(&mut self, sign: char, out: &mut String) {
        match &mut self.state {
            State::Seen => self.plain(sign, out),
            State::After => match sign {
                '\n' => {
                    // The hidden line goes with one of the two breaks around it.
                    self.state = State::Seen;
                    if self.gap.is_empty() {
                        self.gap.push('\n');
                    }
                }
                ' ' | '\t' | '\r' => {}
                _ => {
                    self.state = State::Seen;
                    self.plain(sign, out);
                }
            },
            State::Opening(opening) => {
                opening.push(sign);
                if opens(opening) {
                    if opening.ends_with(':') {
                        self.state = State::Hidden { text: String::new(), chars: 0 };
                    }
                    return;
                }
                // Only alike: all but the last sign was plain, and that may begin a line anew.
                let State::Opening(mut opening) = std::mem::take(&mut self.state) else { return };
                opening.pop();
                if sign == '[' && opening == "[[" {
                    // Of three the first is a sign by itself.
                    self.show("[", out);
                    self.state = State::Opening(opening);
                    return;
                }
                self.show(&opening, out);
                self.plain(sign, out);
            }
            State::Hidden { text, chars } => {
                let closed = sign == ']' && text.ends_with(']');
                if closed {
                    text.pop();
                }
                if closed || sign == '\n' {
                    let text = std::mem::take(text);
                    self.keep(&text);
                    (self.state, self.hid) = (State::After, true);
                    if sign == '\n' {
                        self.sign(sign, &mut String::new());
                    }
                    return;
                }
                *chars += 1;
                // What is too long is hidden to its end, and cut. The sign that may close it is kept all the same.
                if *chars > HELD_MAX_CHARS {
                    text.pop();
                }
                text.push(sign);
            }
        }
    }

    fn plain(&mut self, sign: char, out: &mut String) {
        match sign {
            '[' => self.state = State::Opening("[".to_owned()),
            '\n' => self.gap.push(sign),
            _ if sign.is_whitespace() && !self.gap.is_empty() => self.gap.push(sign),
            _ => {
                self.show("", out);
                out.push(sign);
            }
        }
    }

    /// Lets plain text out, with what was held back before it.
    fn show(&mut self, text: &str, out: &mut String) {
        out.push_str(&std::mem::take(&mut self.gap));
        out.push_str(text);
        self.hid = false;
    }

    fn keep(&mut self, text: &str) {
        let Some(fact) = Fact::cut(text.trim_matches(|sign: char| sign.is_whitespace() || sign == '"'))
        else {
            return;
        };
        if self.facts.len() < FACTS_MAX && !self.facts.iter().any(|known| known.key() == fact.key()) {
            self.facts.push(fact);
        }
    }
}

/// Whether a hidden line may begin so: in any case of letters, with a space or two around the word.
fn opens(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("[[") else { return "[[".starts_with(text) };
    let word = rest.trim_start_matches(' ');
    let letters = word.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (name, tail) = word.split_at(letters);
    let end = tail.trim_start_matches(' ');
    let few = |longer: &str, shorter: &str| longer.len() - shorter.len() <= SPACES_MAX;
    let named = if tail.is_empty() { WORD.get(..letters) } else { Some(WORD) };
    few(rest, word)
        && few(tail, end)
        && matches!(end, "" | ":")
        && named.is_some_and(|word| name.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is seen of a reply that comes in pieces of so many characters, and the facts.
    fn cut(text: &str, size: usize, finish: Finish) -> (String, Vec<String>) {
        let mut filter = Remember::default();
        let signs: Vec<char> = text.chars().collect();
        let mut seen: String =
            signs.chunks(size).map(|piece| filter.filter(&piece.iter().collect::<String>())).collect();
        let (rest, facts) = filter.end(finish);
        seen.push_str(&rest);
        (seen, facts.iter().map(|fact| fact.as_str().to_owned()).collect())
    }

    fn of(text: &str) -> (String, Vec<String>) {
        let whole = cut(text, usize::MAX, Finish::Complete);
        for size in 1..8 {
            assert_eq!(cut(text, size, Finish::Complete), whole, "{text:?} in pieces of {size}");
        }
        whole
    }

    fn seen(text: &str) -> String {
        let (seen, facts) = of(text);
        assert_eq!(facts, [""; 0], "{text:?}");
        seen
    }

    #[test]
    fn a_hidden_line_is_kept_and_never_seen() {
        let rex = ["I have a dog called Rex".to_owned()];
        for text in [
            "What a dog!\n[[remember: I have a dog called Rex]]",
            "What a dog!\n\n[[Remember:I have a dog called Rex]] \n",
            "What a dog!\n[[ REMEMBER : \"I have a dog called Rex\" ]]",
            "What a dog!\n[[remember: I have a dog called Rex",
            "What a dog!\n[[remember: I have a dog called Rex]",
        ] {
            let (seen, facts) = of(text);
            assert_eq!((seen.as_str(), &facts[..]), ("What a dog!", &rex[..]), "{text:?}");
        }
        assert_eq!(of("a\n[[remember: x]]\nb"), ("a\nb".into(), vec!["x".into()]));
        assert_eq!(of("[[remember: x]]\nb").0, "\nb");
        assert_eq!(of("a [[remember: x]] b").0, "a b");
        assert_eq!(of("a\n[[remember: x\nb"), ("a\nb".into(), vec!["x".into()]));
        assert_eq!(of("a\n[[remember: x]]\n[[remember: y]]\n"), ("a".into(), vec!["x".into(), "y".into()]));
    }

    #[test]
    fn what_only_looks_alike_is_not_lost() {
        for text in [
            "[",
            "[[",
            "[[[",
            "[[rem",
            "[[remember",
            "[[remember the day]]",
            "[[remembers: x]]",
            "[remember: x]",
            "[ [remember: x]]",
            "array[[0]]",
            "a\n\n[[x]]\n",
            "\n",
            " \n ",
            "[[re member: x]]",
            "[[   remember: x]]",
            "[x][[y]][",
            "[[[[",
        ] {
            assert_eq!(seen(text), text);
        }
        assert_eq!(of("[[[remember: x]]"), ("[".into(), vec!["x".into()]));
    }

    #[test]
    fn a_line_that_is_cut_off_is_neither_seen_nor_believed() {
        for text in ["Well.\n[[", "Well.\n[[rem", "Well.\n[[remember: I have a d"] {
            for finish in [Finish::Length, Finish::Stopped, Finish::Interrupted] {
                assert_eq!(cut(text, 3, finish), ("Well.".into(), vec![]), "{text:?}");
            }
        }
        assert_eq!(cut("Well [", 1, Finish::Stopped).0, "Well [");
        let (seen, facts) = cut("Well.\n[[remember: one]]\n[[remember: tw", 2, Finish::Length);
        assert_eq!((seen.as_str(), facts), ("Well.", vec!["one".to_owned()]));
    }

    #[test]
    fn facts_are_few_short_and_each_once() {
        let (seen, facts) =
            of("[[remember: a]][[remember: A.]][[remember: b]][[remember: c]][[remember: d]]");
        assert_eq!((seen.as_str(), facts), ("", vec!["a".into(), "b".into(), "c".to_owned()]));
        let (seen, facts) = of(&format!("x[[remember: {}]]y", "é".repeat(1_000)));
        assert_eq!((seen.as_str(), facts[0].chars().count()), ("xy", FACT_MAX_CHARS));
        assert_eq!(of("x[[remember: ]]y"), ("xy".into(), vec![]));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_same_is_seen(text in r"([a-c \n\[\]:]|\[\[remember: ?|\[\[|\]\]){0,40}", size in 1_usize..9) {
            prop_assert_eq!(cut(&text, size, Finish::Complete), cut(&text, usize::MAX, Finish::Complete));
            let hidden = text.to_lowercase().replace(' ', "").contains("[[remember:");
            if !hidden {
                prop_assert_eq!(cut(&text, size, Finish::Complete).0, text);
            }
        }
    }
}
