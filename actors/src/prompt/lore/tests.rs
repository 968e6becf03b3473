use proptest::prelude::*;

use super::*;

struct Words;

impl TokenCounter for Words {
    fn count(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }
}

fn entry(keys: &[&str], content: &str) -> LoreEntry {
    LoreEntry {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        content: content.into(),
        enabled: true,
        ..LoreEntry::default()
    }
}

fn book(entries: Vec<LoreEntry>) -> Lorebook {
    Lorebook { entries, ..Lorebook::default() }
}

fn compiled(book: &Lorebook) -> Book {
    Book::compile(book, &Macros { character: "Mara", user: "the user", original: "", seed: 1 }, &Words)
}

/// What these messages, the latest first, bring up.
fn brought(book: &Lorebook, latest_first: &[&str]) -> Vec<String> {
    let scan = Scan { latest_first, own_messages: 3, scan_depth: 4, token_budget: 1_000 };
    let book = compiled(book);
    let brought = book.brought_up(&scan);
    brought.before.iter().chain(&brought.after).map(|text| (*text).to_owned()).collect()
}

fn finds(entry: LoreEntry, text: &str) -> bool {
    !brought(&book(vec![entry]), &[text]).is_empty()
}

#[test]
fn a_plain_key_is_a_word_of_its_own() {
    let found = |key: &str, text: &str| finds(entry(&[key], "x"), text);
    assert!(found("lamp", "The LAMP is lit.") && found("lamp", "lamp") && found("Lamp", "a lamp, then"));
    assert!(!found("lamp", "a lamppost") && !found("lamp", "clamp") && !found("art", "start, arts"));
    assert!(found("north light", "by the North Light!") && !found("north light", "northlight"));
    assert!(found("C++", "I write C++14") && found("灯台", "あの灯台は古い") && found("éa", "ÉA!"));
    assert!(found("{{char}}", "who is Mara?"), "keys may name the character");
    let cased = LoreEntry { case_sensitive: true, ..entry(&["Rose"], "x") };
    assert!(finds(cased.clone(), "Rose came") && !finds(cased, "a rose"));
    assert!(!finds(entry(&[], "x"), "anything") && !finds(entry(&[" "], "x"), "any thing"));
}

#[test]
fn a_regular_expression_is_searched_and_a_wrong_one_never_matches() {
    let regex = |keys: &[&str]| LoreEntry { use_regex: true, ..entry(keys, "x") };
    assert!(finds(regex(&[r"\bdragons?\b"]), "Two DRAGONS"));
    assert!(finds(regex(&[r"/drag.ns?/i"]), "DRAGON"));
    assert!(finds(regex(&[r"[\w\s]+ of \d{4}"]), "the storm of 1871"));
    let cased = LoreEntry { case_sensitive: true, ..regex(&["Dragon"]) };
    assert!(!finds(cased, "dragon"));
    for wrong in ["(", "[a", "a{999999999}", r"(\w{500}){500}", r"(?=x)"] {
        assert!(!finds(regex(&["dragon", wrong]), "dragon a ( [a"), "{wrong}");
    }
}

#[test]
fn a_book_has_so_many_regular_expressions() {
    let regex = |n: usize| LoreEntry { use_regex: true, ..entry(&[&format!("^key{n}$")], "found") };
    let many = book((0..=REGEXES_MAX).map(regex).collect());
    assert_eq!(brought(&many, &[&format!("key{}", REGEXES_MAX - 1)]).len(), 1);
    assert_eq!(brought(&many, &[&format!("key{REGEXES_MAX}")]).len(), 0);
}

#[test]
fn a_hostile_book_comes_to_an_end() {
    // Such patterns keep a backtracking engine busy for longer than anybody lives.
    let evil =
        |n: usize| LoreEntry { use_regex: true, ..entry(&[&format!(r"([\w\s]+{n})+\w*\s*(x+x+)+y")], "x") };
    let many = book((0..12).map(evil).chain((1..400).map(|n| entry(&[&"a".repeat(n)], "x"))).collect());
    let many = compiled(&many);
    let text = format!("{} {}", "a".repeat(20_000), "xa ".repeat(10_000));
    let scan = Scan { latest_first: &[&text], own_messages: 0, scan_depth: 4, token_budget: 100 };
    assert!(many.brought_up(&scan).tokens <= 100);
}

#[test]
fn secondary_keys_count_by_their_rule() {
    let with = |rule| LoreEntry {
        secondary_keys: vec!["sea".into(), "storm".into()],
        secondary_rule: rule,
        ..entry(&["lamp"], "x")
    };
    use SecondaryRule::{AndAll, AndAny, NotAll, NotAny};
    for (text, holds) in [
        ("lamp", [false, false, true, true]),
        ("lamp sea", [true, false, false, true]),
        ("lamp sea storm", [true, true, false, false]),
        ("sea storm", [false; 4]),
    ] {
        for (rule, holds) in [AndAny, AndAll, NotAny, NotAll].into_iter().zip(holds) {
            assert_eq!(finds(with(rule), text), holds, "{rule:?} in {text:?}");
        }
    }
}

#[test]
fn constants_stand_always_and_what_is_off_never() {
    let constant = LoreEntry { constant: true, ..entry(&["nothing"], "always") };
    let off = LoreEntry { enabled: false, constant: true, ..entry(&["lamp"], "never") };
    let empty = LoreEntry { constant: true, ..entry(&[], "{{// nothing}}") };
    assert_eq!(brought(&book(vec![constant, off, empty]), &["lamp"]), ["always"]);
}

#[test]
fn only_so_many_messages_back_are_searched() {
    let talk = ["zero", "one lamp", "two", "three sea"];
    let mut book = book(vec![entry(&["lamp"], "lamp"), entry(&["sea"], "sea")]);
    assert_eq!(brought(&book, &talk), ["lamp", "sea"]);
    for (depth, expected) in [(0, &[][..]), (1, &[]), (2, &["lamp"]), (3, &["lamp"]), (4, &["lamp", "sea"])] {
        book.scan_depth = Some(depth);
        assert_eq!(brought(&book, &talk), expected, "{depth}");
    }
    // An entry may look further, or less far, than its book.
    book.scan_depth = Some(1);
    book.entries[1].content = "@@scan_depth 4\nsea".into();
    assert_eq!(brought(&book, &talk), ["sea"]);
}

#[test]
fn the_latest_text_is_searched_where_it_is_too_long() {
    let book = book(vec![entry(&["early"], "early"), entry(&["late"], "late")]);
    let long = format!("early {} late", "é ".repeat(SCAN_MAX_BYTES));
    assert_eq!(brought(&book, &[&long]), ["late"]);
    assert_eq!(brought(&book, &["x", &long, "early"]), ["late"]);
}

#[test]
fn entries_bring_up_one_another_three_times_and_no_further() {
    let mut chain =
        book((0..8).map(|n| entry(&[&format!("key{n}")], &format!("leads to key{}", n + 1))).collect());
    assert_eq!(brought(&chain, &["key0"]).len(), 1);
    chain.recursive = true;
    assert_eq!(brought(&chain, &["key0"]).len(), 1 + ROUNDS_MAX);
    // Round and round is once each; hidden keys lead on, comments do not.
    let mut round = book(vec![
        entry(&["hen"], "egg{{hidden_key: owl}}{{// fox}}"),
        entry(&["egg"], "hen"),
        entry(&["owl"], "an owl"),
        entry(&["fox"], "a fox"),
    ]);
    round.recursive = true;
    assert_eq!(brought(&round, &["hen"]), ["egg", "hen", "an owl"]);
}

#[test]
fn order_and_position_say_where_an_entry_stands() {
    let at = |order, position, text| LoreEntry { order, position, ..entry(&["k"], text) };
    use LorePosition::{AfterCharacter as After, BeforeCharacter as Before};
    let book = book(vec![
        at(5, Before, "b5"),
        at(1, After, "a1"),
        at(-2, Before, "b-2"),
        at(5, Before, "b5 too"),
        at(0, Before, "@@position after_desc\n@@depth 3\na0"),
    ]);
    assert_eq!(brought(&book, &["k"]), ["b-2", "b5", "b5 too", "a0", "a1"]);
}

#[test]
fn the_least_important_goes_first_where_the_budget_is_short() {
    let with = |priority, order, text| LoreEntry { priority, order, ..entry(&["k"], text) };
    let mut book = book(vec![
        with(0, 1, "low of four words"),
        with(9, 2, "high of four words"),
        with(5, 3, "middle"),
        with(0, 4, "low but later"),
    ]);
    book.token_budget = Some(8 + 3 * SEPARATOR_TOKENS as u32);
    assert_eq!(brought(&book, &["k"]), ["high of four words", "middle", "low but later"]);
    book.token_budget = Some(0);
    assert_eq!(brought(&book, &["k"]), [""; 0]);
}

#[test]
fn decorators_are_followed_or_taken_off() {
    let decorated = |content: &str| brought(&book(vec![entry(&["lamp"], content)]), &["the lamp at sea"]);
    assert_eq!(decorated("@@unknown 5\n@@role user\n\nText"), ["Text"]);
    assert_eq!(decorated("@@activate_only_after 3\nText"), ["Text"]);
    assert_eq!(decorated("@@activate_only_after 4\nText"), [""; 0]);
    assert_eq!(decorated("@@activate_only_every 2\nText"), [""; 0]);
    assert_eq!(decorated("@@activate_only_every 0\nText"), ["Text"], "a value that makes no sense");
    assert_eq!(decorated("@@additional_keys sea, sky\nText"), ["Text"]);
    assert_eq!(decorated("@@additional_keys sky\nText"), [""; 0]);
    assert_eq!(decorated("@@exclude_keys sky, sea\nText"), [""; 0]);
    assert_eq!(decorated("@@dont_activate\nText"), [""; 0]);
    assert_eq!(decorated("@@dont_activate\n@@activate\nText"), ["Text"]);
    assert_eq!(
        decorated("@@risu_only 4\n@@@other_only\n@@@exclude_keys sea\nText"),
        [""; 0],
        "the stand-in counts"
    );
    assert_eq!(
        decorated("@@scan_depth 5\n@@@exclude_keys sea\nText"),
        ["Text"],
        "and not where it is not needed"
    );
    let always = entry(&["absent"], "@@activate\nText");
    assert_eq!(brought(&book(vec![always]), &["x"]), ["Text"]);
}

fn any_entry() -> impl Strategy<Value = LoreEntry> {
    let words = || prop::collection::vec("(a|b|c|d|ab|é|[a-z]{2}|\\(|\\[a)", 0..3);
    let rule = prop::sample::select(vec![
        SecondaryRule::AndAny,
        SecondaryRule::AndAll,
        SecondaryRule::NotAny,
        SecondaryRule::NotAll,
    ]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (
        words(),
        words(),
        rule,
        flags,
        "(@@[a-z_]{1,12} [a-z0-9]{0,3}\n)?[abcd é{}:,]{0,30}",
        -3..3_i32,
        -3..3_i32,
    )
        .prop_map(|(keys, secondary_keys, secondary_rule, flags, content, order, priority)| LoreEntry {
            name: String::new(),
            keys,
            secondary_keys,
            secondary_rule,
            use_regex: flags.0,
            case_sensitive: flags.1,
            content,
            enabled: true,
            constant: flags.2,
            order,
            priority,
            position: if flags.3 { LorePosition::AfterCharacter } else { LorePosition::BeforeCharacter },
        })
}

proptest! {
    #[test]
    fn the_budget_is_never_passed_and_the_same_talk_brings_up_the_same(
        entries in prop::collection::vec(any_entry(), 0..20),
        talk in prop::collection::vec("[a-d é]{0,40}", 0..6),
        recursive: bool,
        token_budget in 0..60_usize,
        own in prop::option::of(0..60_u32),
    ) {
        let book = Lorebook { recursive, token_budget: own, entries, ..Lorebook::default() };
        let latest_first: Vec<&str> = talk.iter().map(String::as_str).collect();
        let scan = Scan { latest_first: &latest_first, own_messages: 2, scan_depth: 3, token_budget };
        let book = compiled(&book);
        let brought = book.brought_up(&scan);
        let all = || brought.before.iter().chain(&brought.after);
        let counted: usize = all().map(|text| Words.count(text) + SEPARATOR_TOKENS).sum();
        prop_assert_eq!(counted, brought.tokens);
        prop_assert!(counted <= token_budget.min(own.map_or(usize::MAX, |own| own as usize)));
        prop_assert_eq!(&book.brought_up(&scan), &brought);
        let order = |text: &str| book.entries.iter().position(|entry| std::ptr::eq(entry.text.as_str(), text)).unwrap();
        for list in [&brought.before, &brought.after] {
            let places: Vec<_> = list.iter().map(|text| (book.entries[order(text)].order, order(text))).collect();
            prop_assert!(places.is_sorted(), "{places:?}");
        }
    }
}
