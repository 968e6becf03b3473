//! What comes in goes out: fields that are unknown here, in every place where one can be, and texts that nobody changed.

use proptest::prelude::*;

use super::*;
use crate::characters::{LoreEntry, SecondaryRule};

pub fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        "[^\0]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_/ ]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Fields whose names nobody has ever used.
fn unknown() -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map("x_[a-z]{1,6}", any_json(), 0..4)
        .prop_map(|map| map.into_iter().collect())
}

/// A card with unknown fields at the top, in `data`, `extensions`, the lorebook, an entry and an entry's extensions.
fn card(spec: &str, unknown: &[Map<String, Value>]) -> Value {
    let with = |at: usize, known: Value| {
        let mut object = unknown[at].clone();
        object.extend(known.as_object().cloned().unwrap_or_default());
        Value::Object(object)
    };
    let entry = with(
        4,
        json!({"keys": ["sea"], "content": "Salt.", "enabled": true, "insertion_order": 3,
        "use_regex": false, "extensions": with(5, json!({}))}),
    );
    let book = with(3, json!({"entries": [entry], "extensions": with(6, json!({}))}));
    let data = with(
        1,
        json!({"name": "Mira", "description": "Keeps the light.", "personality": "", "scenario": "",
        "first_mes": "Mind the step.", "mes_example": "", "creator_notes": "", "system_prompt": "",
        "post_history_instructions": "", "alternate_greetings": [], "tags": [], "creator": "", "character_version": "",
        "group_only_greetings": [], "extensions": with(2, json!({})), "character_book": book}),
    );
    with(
        0,
        json!({"spec": spec, "spec_version": if spec.ends_with('3') { "3.0" } else { "2.0" }, "data": data}),
    )
}

fn without_spec(mut card: Value) -> Value {
    card["spec"].take();
    card["spec_version"].take();
    card
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_card_that_nobody_changed_comes_back_to_the_last_field(
        unknown in proptest::collection::vec(unknown(), 7..8),
        newer in any::<bool>(),
    ) {
        let card = card(if newer { "chara_card_v3" } else { "chara_card_v2" }, &unknown);
        let imported = from_json(&card);
        let same = if newer { Version::V3 } else { Version::V2 };
        prop_assert_eq!(&exported(&imported, same), &card);
        let other = if newer { Version::V2 } else { Version::V3 };
        prop_assert_eq!(without_spec(exported(&imported, other)), without_spec(card));
    }

    #[test]
    fn unknown_fields_survive_a_change_of_everything_else(
        unknown in proptest::collection::vec(unknown(), 7..8),
    ) {
        let card = card("chara_card_v3", &unknown);
        let mut imported = from_json(&card);
        let draft = &mut imported.draft;
        draft.name = "Nora".to_owned();
        draft.greeting = "Come in.".to_owned();
        draft.talkativeness = 0.3;
        draft.extras.humor = 0.9;
        draft.lorebook.scan_depth = Some(7);
        draft.lorebook.entries[0].keys.push("salt".to_owned());
        draft.lorebook.entries[0].secondary_keys.push("wind".to_owned());
        draft.lorebook.entries.insert(0, LoreEntry { name: "New".to_owned(), content: "New.".to_owned(), enabled: true, ..LoreEntry::default() });
        let mut back = exported(&imported, Version::V3);
        prop_assert_eq!(&back["data"]["name"], "Nora");
        prop_assert_eq!(&back["data"]["extensions"]["talkativeness"], 0.3);
        let entry = back["data"]["character_book"]["entries"][1].take();
        for (at, place) in [
            (0, &back),
            (1, &back["data"]),
            (2, &back["data"]["extensions"]),
            (3, &back["data"]["character_book"]),
            (4, &entry),
            (5, &entry["extensions"]),
            (6, &back["data"]["character_book"]["extensions"]),
        ] {
            for (name, value) in &unknown[at] {
                prop_assert_eq!(&place[name], value, "{}", at);
            }
        }
    }
}

#[test]
fn every_card_of_another_program_survives_in_both_versions() {
    for (name, file) in all() {
        let imported = import(&file).unwrap();
        let came = imported.card.root().clone();
        for version in [Version::V2, Version::V3] {
            let back = exported(&imported, version);
            // What stood at the top stands there still, in the card's own version or beside it.
            for (field, value) in
                came.iter().filter(|(field, _)| !["spec", "spec_version", "data"].contains(&field.as_str()))
            {
                assert_eq!(&back[field], value, "{name} {version:?} {field}");
            }
            let again = from_json(&back);
            let same = if version == Version::V2 && imported.card.spec == Spec::V3 {
                without_lore(&again.draft) == without_lore(&imported.draft)
            } else {
                again.draft == imported.draft
            };
            assert!(same, "{name} {version:?}: {:#?}\n{:#?}", again.draft, imported.draft);
            assert_eq!(exported(&again, version), back, "{name}: a second time changes nothing");
        }
        if imported.card.spec == Spec::V3 {
            assert!(holds(&exported(&imported, Version::V3), &imported.card.clone().into_value()), "{name}");
        }
    }
}

/// Whether all of `part` stands in `whole` as it is; what a specification demands may have been added.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| holds(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| holds(whole, part))
        }
        (whole, part) => whole == part,
    }
}

/// Decorators are taken out where the older version is asked for.
fn without_lore(draft: &Draft) -> Draft {
    let mut draft = draft.clone();
    for entry in &mut draft.lorebook.entries {
        entry.content.clear();
    }
    draft
}

#[test]
fn decorators_are_not_given_to_programs_that_would_say_them() {
    let risu = of("risuai.json");
    let content =
        |card: &Value| card["data"]["character_book"]["entries"][0]["content"].as_str().unwrap().to_owned();
    assert_eq!(
        content(&exported(&risu, Version::V2)),
        "Silences are shelved by length, then by who broke them."
    );
    assert!(content(&exported(&risu, Version::V3)).starts_with("@@depth 3"));
}

#[test]
fn a_change_is_told_in_every_place_that_tells_it() {
    let mut imported = of("sillytavern.json");
    imported.draft.description = "New.".to_owned();
    imported.draft.tags = vec!["new".to_owned()];
    imported.draft.lorebook.entries[1].secondary_rule = SecondaryRule::NotAll;
    let back = exported(&imported, Version::V2);
    assert_eq!((&back["description"], &back["data"]["description"]), (&json!("New."), &json!("New.")));
    assert_eq!(back["tags"], json!(["new"]));
    assert_eq!(back["data"]["character_book"]["entries"][1]["extensions"]["selectiveLogic"], 1);
    assert_eq!(
        back["data"]["character_book"]["entries"][0],
        imported.card.root()["data"]["character_book"]["entries"][0]
    );
    assert_eq!(from_json(&back).draft, imported.draft);
    let risu = of("risuai.json");
    let mut changed = of("risuai.json");
    changed.draft.greeting = "Hush.".to_owned();
    assert_eq!(exported(&risu, Version::V3)["data"]["modification_date"], 1_718_900_000);
    assert_eq!(exported(&changed, Version::V3)["data"]["modification_date"], 2);
    assert_eq!(exported(&changed, Version::V3)["data"]["creation_date"], 1_718_000_000);
}

#[test]
fn a_character_of_ours_becomes_a_card_and_the_same_character_again() {
    let mut draft = of("sillytavern.json").draft;
    draft.extras.tagline = "Mends what time broke".to_owned();
    draft.extras.category = "companions".to_owned();
    draft.extras.knowledge = vec!["The 5:40 is never late.".to_owned()];
    draft.extras.humor = 0.7;
    draft.extras.voice = Some("alto".to_owned());
    for version in [Version::V2, Version::V3] {
        let source = Source { card: None, now: &draft, created: 100, updated: 200 };
        let card = export(&source, version);
        assert_eq!(from_json(&card).draft, draft, "{version:?}");
        assert_eq!(card["data"]["creation_date"], 100);
        let picture = drawn(&draft.name, &draft.extras.color);
        let png = into_png(&picture, &export(&source, Version::V2), &export(&source, Version::V3)).unwrap();
        let again = import(&png.into()).unwrap();
        assert_eq!((again.draft, again.card.spec), (draft.clone(), Spec::V3));
        assert_eq!(again.picture.as_deref(), Some(&picture[..]), "the picture, too");
    }
}

#[test]
fn the_main_icon_that_did_not_come_along_is_the_picture_itself() {
    let charx = of("risuai.charx");
    let card = in_picture(exported(&charx, Version::V3));
    assert_eq!(card["data"]["assets"][1]["uri"], "ccdefault:");
    assert_eq!(card["data"]["assets"][0]["uri"], "embeded://assets/other/image/1.png");
}
