//! What happens to turns that there is no room for; and that nothing which people wrote gets into a system message.

use proptest::prelude::*;

use super::*;
use crate::domain::{Fact, LoreEntry};
use crate::ports::Summary;

fn summary(up_to: Revision) -> Summary {
    Summary { text: "Anna came in from the rain and asked for tea.".into(), since: 0, up_to }
}

fn compiled(record: &Arc<CharacterRecord>, user: UserId, history: &[Message], older: Older<'_>) -> Compiled {
    let script = Script::new(record.clone(), &Words);
    let asked = Asked { user, user_name: "Anna", history, names: &|_| None, memories: &[] };
    compile(&script, &asked, older, &PromptSettings::default(), &Words)
}

#[test]
fn what_fits_is_told_word_for_word_and_no_summary_is_wanted() {
    let (record, user) = (record(), UserId::new());
    let history = talk(&record, user, 10, 5);
    let short = summary(8);
    let made = compiled(&record, user, &history, Older { since: 0, from: 0, summary: Some(&short) });
    assert!(!made.takes_more && made.summary_wanted.is_none());
    assert_eq!(made.request.messages[1].role, PromptRole::Assistant, "word for word is better");
    let made = compiled(&record, user, &history[10..], Older { since: 0, from: 10, summary: None });
    assert!(made.takes_more, "there is room for the ten before");
}

#[test]
fn the_prefix_stays_over_twenty_turns_with_a_summary() {
    let (record, user) = (with_context(2_500), UserId::new());
    let history = talk(&record, user, 120, 20);
    // As the engine does it: a summary that is wanted is made at once, and used from the next turn on.
    let mut short: Option<Summary> = None;
    let (mut renewed, mut beginnings) = (0, BTreeSet::new());
    for turn in 80..=100 {
        let older = Older { since: 0, from: 0, summary: short.as_ref() };
        let made = compiled(&record, user, &history[..turn * 2], older);
        assert!(tokens(&made.request) + 100 <= 2_500);
        if short.is_some() {
            let prefix = &made.request.messages[1..3];
            assert_eq!(prefix[0].role, PromptRole::Note);
            beginnings.insert((prefix[0].content.clone(), prefix[1].content.clone()));
        }
        if let Some(up_to) = made.summary_wanted {
            renewed += 1;
            short = Some(Summary { text: format!("They talked, up to {up_to}.").into(), since: 0, up_to });
        }
    }
    assert!(renewed <= 2, "{renewed}");
    // While a renewal is on its way the oldest are left out, once.
    assert!(beginnings.len() <= renewed + 1, "{beginnings:?}");
}

#[test]
fn a_summary_of_what_the_character_did_not_witness_is_not_told() {
    let (record, user) = (with_context(1_200), UserId::new());
    let history = talk(&record, user, 60, 20);
    let told = |since, up_to| {
        let short = Summary { since, ..summary(up_to) };
        let older = Older { since: 10, from: 10, summary: Some(&short) };
        let made = compiled(&record, user, &history[10..], older);
        made.request.messages.iter().any(|one| one.content.contains("asked for tea"))
    };
    assert!(told(10, 90) && told(20, 90));
    assert!(!told(9, 90), "it was not there");
    assert!(!told(10, 120), "it tells of what comes after the question");
}

#[test]
fn a_summary_that_is_wanted_leaves_half_of_what_is_told() {
    let (record, user) = (with_context(1_500), UserId::new());
    let history = talk(&record, user, 60, 20);
    let made = compiled(&record, user, &history, Older::default());
    let kept = said(&made.request).len() - 1;
    let up_to = made.summary_wanted.unwrap();
    let left = history.iter().filter(|one| one.offset > up_to).count();
    assert!(left >= kept / 2 && left <= kept / 2 + 1, "{left} of {kept}");
}

/// What people may write: words of the lore, macros, what looks like an end or an order.
fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "gull",
        "cellar",
        "{{char}}",
        "{{user}}",
        "{{original}}",
        "{{random:a,b}}",
        "{{/",
        "}}",
        "[[remember: x]]",
        "]",
        "“",
        "\n\n## Rules\n",
        "System:",
        "<|im_start|>system",
        "@@depth 0",
        "\u{0}",
        "é",
        " ",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("{MARK}{}", pieces.concat()))
}

/// In all that people write here, and in nothing else.
const MARK: &str = "Zanzibar";

proptest! {
    #[test]
    fn nothing_that_people_wrote_stands_in_a_system_message(
        texts in prop::collection::vec((text(), 0..3_u8), 1..20),
        name in text(),
        other in text(),
        fact in text(),
        short in prop::option::of(text()),
        context_tokens in 400..3_000_u32,
        own_prompt in any::<bool>(),
    ) {
        let mut record = Arc::unwrap_or_clone(with_context(context_tokens));
        let entry = |key: &str, content: &str| LoreEntry {
            keys: vec![key.into()], content: content.into(), enabled: true, ..LoreEntry::default()
        };
        record.lorebook.entries = vec![
            entry("gull", "{{char}} feeds it, {{user}}."),
            LoreEntry { use_regex: true, ..entry(&format!("/{MARK}.*/"), "Seen by {{user}}.") },
        ];
        record.post_history = Some("{{user}} {{original}} {{char}}".into());
        if own_prompt {
            record.system_prompt = Some("{{original}} with {{user}}".into());
        }
        let record = Arc::new(record);
        let (anna, ben) = (UserId::new(), UserId::new());
        let history: Vec<Message> = (1..).zip(&texts).map(|(offset, (text, who))| {
            let sender = match who {
                0 => Sender::User(ben),
                1 => Sender::Character(CharacterId::new()),
                _ => Sender::User(anna),
            };
            message(offset, sender, text)
        }).collect();
        let memories = [Memory { about: ben, name: other.clone(), fact: Fact::cut(&fact).unwrap() }];
        let short = short.map(|text| Summary { text: text.into(), since: 0, up_to: 1 });
        let script = Script::new(record.clone(), &Words);
        let names = |_: Sender| Some(other.clone());
        let asked = Asked { user: anna, user_name: &name, history: &history, names: &names, memories: &memories };
        let older = Older { since: 0, from: 0, summary: short.as_ref() };
        let made = compile(&script, &asked, older, &PromptSettings::default(), &Words);
        for one in made.request.messages.iter().filter(|one| one.role == PromptRole::System) {
            prop_assert!(!one.content.contains(MARK), "{}", one.content);
        }
        for note in made.request.messages.iter().filter(|one| one.role == PromptRole::Note) {
            let inner = &note.content[1..note.content.len() - 1];
            prop_assert!(note.content.starts_with('[') && note.content.ends_with(']'));
            prop_assert!(!inner.contains(['[', ']']), "nothing closes the note: {}", note.content);
        }
    }

    #[test]
    fn with_a_summary_too_the_budget_is_never_passed(
        context_tokens in 1_000..6_000_u32,
        max_tokens in 1..1_500_u32,
        turns in 1..80_i64,
        words in 1..60_usize,
        length in 0..2_000_usize,
        up_to in 0..170_i64,
        from in 0..60_i64,
        summary_max_tokens in 0..2_000_usize,
        margin in 0.0..0.5_f32,
    ) {
        struct Margin(f32);
        impl TokenCounter for Margin {
            fn count(&self, text: &str) -> usize {
                Words.count(text)
            }
            fn margin(&self) -> f32 {
                self.0
            }
        }
        let mut record = Arc::unwrap_or_clone(with_context(context_tokens));
        record.model.max_tokens = max_tokens;
        let (record, user) = (Arc::new(record), UserId::new());
        let history = talk(&record, user, turns, words);
        let history: Vec<Message> = history.into_iter().filter(|one| one.offset > from).collect();
        prop_assume!(!history.is_empty());
        let counter = Margin(margin);
        let script = Script::new(record.clone(), &counter);
        let asked = Asked { user, user_name: "Anna", history: &history, names: &|_| None, memories: &[] };
        let short = Summary { text: "short ".repeat(length).into(), since: 0, up_to };
        let older = Older { since: 0, from, summary: Some(&short) };
        let settings = PromptSettings { summary_max_tokens, ..PromptSettings::default() };
        let made = compile(&script, &asked, older, &settings, &counter);
        let most = budget::tokens(&record.model, margin);
        prop_assert!(tokens(&made.request) <= most, "{} of {most}", tokens(&made.request));
        let last = made.request.messages.last().unwrap();
        let asked = format!("said{turns}");
        prop_assert!(last.role == PromptRole::User && last.content.starts_with(&asked));
        if let Some(wanted) = made.summary_wanted {
            prop_assert!(wanted > 0 && wanted < turns * 2);
        }
    }
}
