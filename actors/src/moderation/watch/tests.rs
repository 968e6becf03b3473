use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use proptest::prelude::*;
use tokio::sync::oneshot;

use super::*;
use crate::moderation::ModerationSettings;
use crate::ports::{Moderator, NoModerator};

/// Answers when the test does.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<Question>>>);

/// A text, and where its judgement goes.
type Question = (String, oneshot::Sender<Verdict>);

impl Moderator for Asked {
    fn judges(&self, side: Side) -> bool {
        side == Side::Reply
    }

    fn check(&self, text: String, _: Side, _: Who) -> BoxFuture<'static, Verdict> {
        let (sender, verdict) = oneshot::channel();
        self.0.lock().unwrap().push((text, sender));
        verdict.map(|verdict| verdict.unwrap_or(Verdict::Unavailable)).boxed()
    }
}

impl Asked {
    fn open(&self) -> Option<String> {
        self.0.lock().unwrap().last().map(|(text, _)| text.clone())
    }

    fn answer(&self, verdict: Verdict) {
        let (_, sender) = self.0.lock().unwrap().pop().expect("something was asked");
        let _ = sender.send(verdict);
    }
}

fn moderation(patterns: &[&str], moderator: impl Moderator, window_chars: usize) -> Moderation {
    let rules = Rules::new(patterns.iter().map(|pattern| ("house", *pattern))).unwrap();
    let settings =
        ModerationSettings { rules: Arc::new(rules), window_chars, ..ModerationSettings::default() };
    Moderation::new(settings, Arc::new(moderator))
}

fn refused() -> Verdict {
    Verdict::Refused { category: "test".into() }
}

fn watch(moderation: &Moderation) -> Watch {
    Watch::new(moderation, Who::default(), "")
}

/// Takes in an answer that is there.
fn take(watch: &mut Watch, text: &str) {
    watch.answer().now_or_never().expect("the answer is there");
    watch.grown(text);
}

/// One thing that happens to a text under watch.
#[derive(Clone, Debug)]
enum Step {
    Grows(String),
    /// The answer that is under way comes.
    Answer,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let grows = "[a-z ä😀\u{301}]{0,90}".prop_map(Step::Grows);
    prop::collection::vec(prop_oneof![3 => grows, 2 => Just(Step::Answer)], 1..60)
}

proptest! {
    #[test]
    fn however_it_comes_no_more_than_a_window_is_seen_beyond_what_was_found_fine(
        steps in steps(), window in 1_usize..=200,
    ) {
        let asked = Asked::default();
        let mut watch = watch(&moderation(&[], asked.clone(), window));
        let (mut text, mut passed, mut fine) = (String::new(), 0, 0);
        // What the open question goes up to.
        let mut upto = 0;
        let note = |asked: &Asked, text: &str, upto: &mut usize| {
            if let Some(open) = asked.open() && *upto == 0 {
                assert!(text.ends_with(&open), "all that is new, and some of what is not");
                *upto = text.len();
            }
        };
        for step in steps {
            match step {
                Step::Grows(more) => {
                    text.push_str(&more);
                    watch.grown(&text);
                }
                Step::Answer if asked.open().is_some() => {
                    asked.answer(Verdict::Fine);
                    (fine, upto) = (upto, 0);
                    take(&mut watch, &text);
                }
                Step::Answer => {}
            }
            note(&asked, &text, &mut upto);
            passed = watch.limit(&text).max(passed);
            prop_assert!(text.is_char_boundary(passed));
            prop_assert!(text[fine..passed.max(fine)].chars().count() <= window);
            prop_assert!(passed >= fine, "what was found fine is not held back");
        }
        // At last all of it is judged and seen.
        watch.ended(&text);
        while watch.judged() == Judged::Open {
            asked.answer(Verdict::Fine);
            take(&mut watch, &text);
        }
        prop_assert_eq!(watch.judged(), Judged::Fine);
        prop_assert_eq!(watch.limit(&text), text.len());
    }

    #[test]
    fn a_phrase_is_found_wherever_it_is_cut(cuts in prop::collection::vec(1_usize..40, 1..40), before in 0_usize..600) {
        let text = format!("{} the forbidden fruit of it", "word ".repeat(before / 5));
        let mut by_rules = watch(&moderation(&["forbidden fruit"], NoModerator, 200));
        let asked = Asked::default();
        let mut by_judge = watch(&moderation(&[], asked.clone(), 50));
        let (mut at, mut cuts) = (0, cuts.into_iter().cycle());
        let mut judge_saw_it = false;
        let mut answers = |watch: &mut Watch, so_far: &str| {
            while let Some(open) = asked.open() {
                judge_saw_it |= open.contains("forbidden fruit");
                asked.answer(Verdict::Fine);
                take(watch, so_far);
            }
        };
        while at < text.len() {
            at = (at + cuts.next().unwrap()).min(text.len());
            by_rules.grown(&text[..at]);
            by_judge.grown(&text[..at]);
            answers(&mut by_judge, &text[..at]);
            let seen = &text[..by_rules.limit(&text[..at])];
            prop_assert!(!seen.contains("forbidden fruit"));
        }
        by_rules.ended(&text);
        by_judge.ended(&text);
        answers(&mut by_judge, &text);
        prop_assert_eq!(by_rules.judged(), Judged::Refused);
        prop_assert!(judge_saw_it);
    }
}

#[test]
fn where_nobody_looks_all_is_seen_at_once() {
    let mut watch = watch(&moderation(&[], NoModerator, 200));
    let text = "x".repeat(5_000);
    watch.grown(&text);
    assert_eq!((watch.limit(&text), watch.judged()), (5_000, Judged::Fine));
    assert!(watch.answer().now_or_never().is_none());
}

#[test]
fn what_may_yet_become_another_word_waits_for_the_next_piece() {
    let mut watch = watch(&moderation(&["ass"], NoModerator, 200));
    watch.grown("He is an ass");
    assert_eq!((watch.limit("He is an ass"), watch.judged()), (0, Judged::Open));
    watch.grown("He is an assistant");
    assert_eq!(watch.limit("He is an assistant"), 18);
    watch.grown("He is an assistant, an ass");
    assert_eq!(watch.limit("He is an assistant, an ass"), 18);
    watch.ended("He is an assistant, an ass");
    assert_eq!(watch.judged(), Judged::Refused);
}

#[test]
fn a_piece_that_begins_within_a_word_is_read_from_its_beginning() {
    let mut watch = watch(&moderation(&["ass"], NoModerator, 200));
    let mut text = String::new();
    // The place from which is looked again comes to stand at every letter.
    for _ in 0..700 {
        text.push_str("class");
        watch.grown(&text);
        text.push(' ');
        watch.grown(&text);
    }
    watch.ended(&text);
    assert_eq!(watch.judged(), Judged::Fine);
}

#[test]
fn half_a_window_is_asked_about_and_one_question_at_a_time() {
    let asked = Asked::default();
    let mut watch = watch(&moderation(&[], asked.clone(), 200));
    let text = "a".repeat(1_000);
    watch.grown(&text[..99]);
    assert_eq!(asked.open(), None);
    watch.grown(&text[..100]);
    assert_eq!(asked.open().map(|text| text.len()), Some(100));
    watch.grown(&text[..700]);
    assert_eq!((asked.0.lock().unwrap().len(), watch.limit(&text[..700])), (1, 200));
    asked.answer(Verdict::Fine);
    take(&mut watch, &text[..700]);
    assert_eq!(watch.limit(&text[..700]), 300);
    assert_eq!(asked.open().map(|text| text.len()), Some(700), "what is new, behind what stood before it");
}

#[test]
fn what_is_refused_or_cannot_be_judged_ends_the_watch() {
    for (verdict, ending) in [(refused(), Judged::Refused), (Verdict::Unavailable, Judged::Unavailable)] {
        let asked = Asked::default();
        let mut watch = watch(&moderation(&[], asked.clone(), 200));
        let text = "a".repeat(150);
        watch.grown(&text);
        asked.answer(verdict);
        take(&mut watch, &text);
        assert_eq!((watch.judged(), watch.found_fine(&text)), (ending, 0));
        watch.ended(&text);
        assert_eq!((watch.judged(), asked.open()), (ending, None));
    }
}

#[test]
fn a_text_that_goes_on_is_judged_behind_what_it_goes_on_from() {
    let rules = moderation(&["forbidden fruit"], NoModerator, 200);
    let mut watch = Watch::new(&rules, Who::default(), "It was the forbidden");
    watch.grown(" fruit, and");
    assert_eq!(watch.judged(), Judged::Refused);
    let asked = Asked::default();
    let mut watch = Watch::new(&moderation(&[], asked.clone(), 200), Who::default(), "Once upon");
    watch.ended(" a time");
    assert_eq!(asked.open().as_deref(), Some("Once upon a time"));
}

#[test]
fn what_comes_out_is_what_may_be_seen_and_each_of_it_once() {
    let mut rules = Watched::new(&moderation(&["forbidden"], NoModerator, 200), Who::default());
    let mut seen = String::new();
    for more in ["It is ", "forb", "idden, ", "they say."] {
        rules.push(more);
        seen.push_str(rules.take());
    }
    rules.ends();
    assert_eq!((seen.as_str(), rules.take()), ("It is forb", ""));
    assert_eq!(rules.judged(), Judged::Refused);
    let asked = Asked::default();
    let mut judged = Watched::new(&moderation(&[], asked.clone(), 200), Who::default());
    judged.push("a short one");
    judged.ends();
    assert_eq!((judged.take().to_owned(), judged.judged()), ("a short one".to_owned(), Judged::Open));
    asked.answer(Verdict::Fine);
    judged.answer().now_or_never().unwrap();
    assert_eq!(judged.take(), "");
    assert_eq!(judged.judged(), Judged::Fine);
}
