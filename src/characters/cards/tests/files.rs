//! What the cards of other programs become.

use greenroom_actors::domain::ExampleLine;

use super::*;
use crate::characters::{LorePosition, SecondaryRule};

fn line(from_user: bool, text: &str) -> ExampleLine {
    ExampleLine { from_user, text: text.to_owned() }
}

#[test]
fn a_card_of_sillytavern_is_read_with_all_that_is_used() {
    for name in ["sillytavern.json", "sillytavern.png"] {
        let imported = of(name);
        let draft = &imported.draft;
        assert_eq!(imported.card.spec, Spec::V3, "the newer card wins");
        assert_eq!(draft.name, "Odalys Wren");
        assert!(draft.greeting.contains("says {{char}}"), "macros stay as they are written");
        assert!(draft.description.contains("<b>Trade:</b>"), "HTML is text");
        assert_eq!(draft.alternate_greetings.len(), 2);
        assert_eq!(
            draft.system_prompt.as_deref(),
            Some("Write {{char}} as a person of few words. {{original}}")
        );
        assert_eq!(draft.post_history.as_deref(), Some("Keep {{char}} in the room."));
        assert_eq!(draft.tags, ["clocks", "slice of life", "Original"]);
        assert_eq!(draft.talkativeness, 0.35);
        assert_eq!(draft.examples.len(), 4);
        assert_eq!(draft.examples[0], line(true, "Can you fix it?"));
        assert_eq!(
            draft.examples[3],
            line(false, "Eleven years, four months.\nThe clock over the door says twelve. It exaggerates.")
        );
        assert_eq!(imported.picture.is_some(), name.ends_with("png"));
        assert!(
            warned(&imported, "extensions.regex_scripts") && warned(&imported, "extensions.depth_prompt")
        );
    }
}

#[test]
fn the_lore_of_sillytavern_means_here_what_it_means_there() {
    let book = of("sillytavern.json").draft.lorebook;
    let [arch, backwards, brandt, always] = &book.entries[..] else { panic!("{book:?}") };
    assert_eq!((arch.name.as_str(), arch.position), ("Arch", LorePosition::AfterCharacter));
    assert!(!arch.use_regex, "it says so of all its keys");
    assert_eq!(arch.keys, ["the arch", "railway"]);
    assert!(backwards.use_regex);
    assert_eq!(backwards.keys, ["/back(?:wards|ward)/i", "reverse"]);
    assert_eq!(
        (&backwards.secondary_keys[..], backwards.secondary_rule),
        (&["watch".to_owned(), "clock".to_owned()][..], SecondaryRule::AndAll)
    );
    assert_eq!((brandt.secondary_rule, brandt.order, brandt.priority), (SecondaryRule::NotAny, 40, 40));
    assert!(always.constant && always.keys.is_empty() && always.enabled);
    for (number, rule) in [
        (0, SecondaryRule::AndAny),
        (1, SecondaryRule::NotAll),
        (2, SecondaryRule::NotAny),
        (3, SecondaryRule::AndAll),
    ] {
        let entry = json!({"keys": ["a.b"], "secondary_keys": ["c"], "selective": true, "content": "x",
            "use_regex": true, "extensions": {"selectiveLogic": number}});
        let card =
            json!({"spec": "chara_card_v2", "data": {"name": "A", "character_book": {"entries": [entry]}}});
        let entry = from_json(&card).draft.lorebook.entries.remove(0);
        assert_eq!((entry.secondary_rule, entry.use_regex, entry.keys[0].as_str()), (rule, false, "a.b"));
    }
}

#[test]
fn a_card_of_chub_is_read() {
    for name in ["chub.json", "chub.png"] {
        let imported = of(name);
        let draft = &imported.draft;
        assert_eq!((draft.name.as_str(), imported.card.spec), ("Tamsin Oake", Spec::V2));
        assert_eq!((draft.lorebook.scan_depth, draft.lorebook.token_budget), (Some(4), Some(500)));
        assert!(draft.lorebook.recursive);
        let [gerald, house, unused] = &draft.lorebook.entries[..] else { panic!("{draft:?}") };
        assert_eq!((gerald.order, gerald.priority, gerald.case_sensitive), (10, 10, false));
        assert_eq!(house.secondary_keys, ["tide", "flood"]);
        assert!(house.case_sensitive && !unused.enabled);
        assert_eq!(draft.system_prompt, None);
    }
}

#[test]
fn a_card_of_risuai_is_read_from_all_three_kinds_of_file() {
    for name in ["risuai.json", "risuai.png", "risuai.charx"] {
        let imported = of(name);
        let draft = &imported.draft;
        assert_eq!((draft.name.as_str(), imported.card.spec), ("Ione Marsh", Spec::V3), "{name}");
        let [silences, bell, cards] = &draft.lorebook.entries[..] else { panic!("{draft:?}") };
        assert!(silences.content.starts_with("@@depth 3\n"), "decorators stay");
        assert!(!silences.use_regex && bell.use_regex && cards.use_regex);
        assert!(warned(&imported, "character_book.entries"), "look-behind cannot be run");
        assert!(warned(&imported, "nickname") && warned(&imported, "group_only_greetings"));
        assert_eq!(warned(&imported, "assets"), name != "risuai.json");
        assert_eq!(imported.picture.is_some(), name != "risuai.json");
    }
    let jpeg = [b"\xff\xd8\xff\xe0 a picture before it ".as_slice(), &file("risuai.charx")].concat();
    assert_eq!(import(&jpeg.into()).unwrap().draft, of("risuai.charx").draft);
}

#[test]
fn cards_of_agnai_and_of_version_1_are_read() {
    let agnai = of("agnai.json");
    assert_eq!(agnai.draft.examples.len(), 4);
    assert_eq!(agnai.draft.lorebook.entries[0].priority, 3);
    for name in ["tavernai.json", "tavernai.png", "tavernai_itxt.png"] {
        let imported = of(name);
        assert_eq!((imported.draft.name.as_str(), imported.card.spec), ("Petra Voss", Spec::V1));
        assert_eq!(
            imported.draft.examples,
            [line(true, "Do they sting?"), line(false, "Only the punctual ones.")]
        );
    }
    let pygmalion = of("pygmalion.json").draft;
    assert_eq!((pygmalion.name.as_str(), pygmalion.scenario.as_str()), ("Quill", "A field."));
    assert_eq!(pygmalion.description, "Quill is a scarecrow who reads weather.");
}

#[test]
fn of_a_broken_newer_card_in_a_picture_the_older_one_is_taken() {
    let good = json!({"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Older"}});
    let text = into_png(&drawn("A", "#336699"), &good, &good).unwrap();
    let mut broken = Png::from_bytes(text.into()).unwrap();
    for chunk in broken.chunks_mut() {
        if chunk.contents().starts_with(b"ccv3\0") {
            *chunk = PngChunk::new(*b"tEXt", Bytes::from_static(b"ccv3\0!!!"));
        }
    }
    let imported = import(&bytes(broken)).unwrap();
    assert!(imported.draft.name == "Older" && warned(&imported, "ccv3"));
}

#[test]
fn texts_beyond_their_bound_are_shortened_for_use_and_given_back_whole() {
    let long = "word ".repeat(10_000);
    let entries: Vec<Value> = (0..1_005).map(|n| json!({"keys": [n.to_string()], "content": long.get(..9_000), "extensions": {}, "enabled": true, "insertion_order": n})).collect();
    let card = json!({"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Long", "description": long,
        "tags": (0..100).map(|n| n.to_string()).collect::<Vec<_>>(), "extensions": {}, "character_book": {"extensions": {}, "entries": entries[..].iter().map(|entry| { let mut entry = entry.clone(); entry["content"] = json!("short"); entry }).collect::<Vec<_>>()}}});
    let imported = from_json(&card);
    assert_eq!(imported.draft.description.chars().count(), 15_999);
    assert_eq!((imported.draft.tags.len(), imported.draft.lorebook.entries.len()), (64, 500));
    for field in ["description", "tags", "character_book"] {
        assert!(warned(&imported, field), "{field}");
    }
    let back = exported(&imported, Version::V2);
    assert_eq!(back["data"]["description"], card["data"]["description"]);
    assert_eq!(back["data"]["character_book"], card["data"]["character_book"]);
}
