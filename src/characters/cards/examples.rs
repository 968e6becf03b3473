//! Example dialogue: one text with `<START>` and speakers in a card, lines with their speaker here.

use greenroom_actors::domain::ExampleLine;

const START: &str = "<START>";
const USER: [&str; 3] = ["{{user}}:", "<USER>:", "You:"];
const CHARACTER: [&str; 3] = ["{{char}}:", "<BOT>:", "<CHAR>:"];

/// The lines of an example dialogue. A line without a speaker goes on what was said before; before all speakers it is the
/// character's.
#[must_use]
pub fn parse(text: &str, name: &str) -> Vec<ExampleLine> {
    let mut lines: Vec<ExampleLine> = Vec::new();
    // Whether the next line without a speaker begins one of its own.
    let mut fresh = true;
    for line in text.lines() {
        let trimmed = line.trim();
        if starts(trimmed, START).is_some_and(|rest| rest.is_empty()) {
            fresh = true;
            continue;
        }
        match speaker(trimmed, name) {
            Some((from_user, said)) => {
                lines.push(ExampleLine { from_user, text: said.trim_start().to_owned() });
                fresh = false;
            }
            None if fresh && trimmed.is_empty() => {}
            None if fresh => {
                lines.push(ExampleLine { from_user: false, text: line.trim_end().to_owned() });
                fresh = false;
            }
            None => {
                if let Some(last) = lines.last_mut() {
                    last.text.push('\n');
                    last.text.push_str(line.trim_end());
                }
            }
        }
    }
    for line in &mut lines {
        line.text = line.text.trim().to_owned();
    }
    lines.retain(|line| !line.text.is_empty());
    lines
}

fn speaker<'a>(line: &'a str, name: &str) -> Option<(bool, &'a str)> {
    let of = |list: [&str; 3]| list.into_iter().find_map(|speaker| starts(line, speaker));
    let named = || {
        Some(name.trim()).filter(|name| !name.is_empty()).and_then(|name| starts(line, &format!("{name}:")))
    };
    of(USER).map(|said| (true, said)).or_else(|| of(CHARACTER).or_else(named).map(|said| (false, said)))
}

/// What follows `start`, in any case of letters.
fn starts<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let head = text.get(..start.len())?;
    (head.eq_ignore_ascii_case(start) || head == start).then(|| &text[start.len()..])
}

/// The lines as a card has them.
#[must_use]
pub fn write(lines: &[ExampleLine]) -> String {
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        // A block for each question and what was answered to it.
        if at == 0 || (line.from_user && !lines[at - 1].from_user) {
            text.push_str(START);
            text.push('\n');
        }
        text.push_str(if line.from_user { USER[0] } else { CHARACTER[0] });
        text.push(' ');
        text.push_str(&line.text);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(from_user: bool, text: &str) -> ExampleLine {
        ExampleLine { from_user, text: text.to_owned() }
    }

    #[test]
    fn blocks_speakers_and_lines_that_go_on_are_read() {
        let text = "<START>\n{{user}}: Hello\n{{char}}: *looks up*\nMind the step.\n<start>\n{{User}}: And now?\nMira: Tea.";
        assert_eq!(
            parse(text, "Mira"),
            [
                line(true, "Hello"),
                line(false, "*looks up*\nMind the step."),
                line(true, "And now?"),
                line(false, "Tea.")
            ]
        );
        assert_eq!(parse("<START>\n\nShe reads.\nAll day.", "Mira"), [line(false, "She reads.\nAll day.")]);
        assert!(parse("<START>", "Mira").is_empty());
        assert!(parse(" \n{{user}}:", "").is_empty());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            lines in proptest::collection::vec((any::<bool>(), "[a-z*é]{1,9}( [a-z.\u{6c34}]{1,9}){0,3}(\n[a-z]{1,8})?"), 0..9)
        ) {
            let lines: Vec<_> = lines.iter().map(|(from_user, text)| line(*from_user, text)).collect();
            prop_assert_eq!(parse(&write(&lines), "Mira"), lines);
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,200}", name in "\\PC{0,9}") {
            let _ = parse(&text, &name);
            let _ = parse(&format!("<START>\n{text}\n{{{{char}}}}:{text}"), &name);
        }
    }
}
