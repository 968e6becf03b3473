//! A character as a card. Where it came from one, that is what is given back, and only what was changed since is written
//! over it: so every field that is unknown here, and every text that was too long to be used, survives.

use serde_json::{Map, Value, json};

use super::card::{Card, FIRST_FIELDS, Spec};
use super::container::embedded;
use super::draft::{Draft, EXTENSION, Extras};
use super::{Warnings, examples, lore};
use crate::characters::Lorebook;

/// The version that a card is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V2,
    V3,
}

/// What is to be exported.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The card that the character came from.
    pub card: Option<&'a Card>,
    /// The character as it is now.
    pub now: &'a Draft,
    /// Seconds since 1970.
    pub created: i64,
    pub updated: i64,
}

/// The card, in this version.
#[must_use]
pub fn export(source: &Source<'_>, version: Version) -> Value {
    let was = source.card.map(|card| Draft::of(card, &mut Warnings::default()));
    let mut data = base(source.card);
    write(&mut data, source.card, was.as_ref(), source.now);
    complete(&mut data, version);
    dates(&mut data, source, was.as_ref());
    let of_newer = source.card.is_none_or(|card| card.spec == Spec::V3);
    if version == Version::V2 && of_newer {
        without_decorators(&mut data);
    }
    let mut root = source.card.map(|card| card.root().clone()).unwrap_or_default();
    mirror(&mut root, &data, was.as_ref(), source.now);
    let (spec, number) = match version {
        Version::V2 => ("chara_card_v2", "2.0"),
        Version::V3 => ("chara_card_v3", "3.0"),
    };
    root.insert("spec".to_owned(), spec.into());
    let newer = source.card.is_some_and(|card| card.spec == Spec::V3) && version == Version::V3;
    // One that is newer than what is known here stays so.
    if !(newer && root.contains_key("spec_version")) {
        root.insert("spec_version".to_owned(), number.into());
    }
    root.insert("data".to_owned(), Value::Object(data));
    Value::Object(root)
}

/// The fields of the card that it came from. Of a card of version 1 those that it has; the others stay beside them.
fn base(card: Option<&Card>) -> Map<String, Value> {
    let Some(card) = card else { return Map::new() };
    if card.spec != Spec::V1 {
        return card.data().clone();
    }
    let first = FIRST_FIELDS
        .iter()
        .filter_map(|(name, _)| Some(((*name).to_owned(), card.first_field(name)?.into())));
    let mut data: Map<String, Value> = first.collect();
    // Some wrote fields of version 2 where those of version 1 are.
    for name in LATER_TEXTS.iter().chain(LATER_LISTS).chain(&["extensions", "character_book"]) {
        if let Some(value) = card.root().get(*name) {
            data.insert((*name).to_owned(), value.clone());
        }
    }
    if let Some(notes) = card.root().get("creatorcomment").filter(|_| !data.contains_key("creator_notes")) {
        data.insert("creator_notes".to_owned(), notes.clone());
    }
    if let Some(value) = card.root().get("talkativeness") {
        let extensions = data.entry("extensions").or_insert_with(|| json!({}));
        if let Some(extensions) = extensions.as_object_mut() {
            extensions.entry("talkativeness").or_insert_with(|| value.clone());
        }
    }
    data
}

const LATER_TEXTS: &[&str] =
    &["creator_notes", "system_prompt", "post_history_instructions", "creator", "character_version"];
const LATER_LISTS: &[&str] = &["alternate_greetings", "tags"];

/// Writes what differs from what came.
fn write(data: &mut Map<String, Value>, card: Option<&Card>, was: Option<&Draft>, now: &Draft) {
    let mut put = |name: &str, same: bool, value: Value| {
        if !same {
            data.insert(name.to_owned(), value);
        }
    };
    let same = |field: fn(&Draft) -> &str| was.is_some_and(|was| field(was) == field(now));
    put("name", same(|draft| &draft.name), json!(now.name));
    put("description", same(|draft| &draft.description), json!(now.description));
    put("personality", same(|draft| &draft.personality), json!(now.personality));
    put("scenario", same(|draft| &draft.scenario), json!(now.scenario));
    put("first_mes", same(|draft| &draft.greeting), json!(now.greeting));
    let of = |prompt: fn(&Draft) -> &Option<String>| was.is_some_and(|was| prompt(was) == prompt(now));
    let text = |prompt: &Option<String>| json!(prompt.as_deref().unwrap_or_default());
    put("system_prompt", of(|draft| &draft.system_prompt), text(&now.system_prompt));
    put("post_history_instructions", of(|draft| &draft.post_history), text(&now.post_history));
    put(
        "alternate_greetings",
        was.is_some_and(|was| {
            was.alternate_greetings == now.alternate_greetings && was.greeting == now.greeting
        }),
        json!(now.alternate_greetings),
    );
    put(
        "mes_example",
        was.is_some_and(|was| was.examples == now.examples),
        examples::write(&now.examples).into(),
    );
    put("tags", was.is_some_and(|was| was.tags == now.tags), json!(now.tags));
    let none = Lorebook::default();
    let before = was.map_or(&none, |was| &was.lorebook);
    if let Some(book) = lore::write(card.and_then(Card::book), before, &now.lorebook) {
        put("character_book", false, book);
    }
    let extensions = data.entry("extensions").or_insert_with(|| json!({}));
    if !extensions.is_object() {
        *extensions = json!({});
    }
    let Some(extensions) = extensions.as_object_mut() else { return };
    if was.is_none_or(|was| was.talkativeness != now.talkativeness) {
        extensions.insert("talkativeness".to_owned(), short(now.talkativeness));
    }
    if was.is_none_or(|was| was.extras != now.extras) {
        write_extras(extensions, &now.extras);
    }
}

/// Over what is there, so that what a later version added survives.
fn write_extras(extensions: &mut Map<String, Value>, extras: &Extras) {
    let Ok(Value::Object(mut own)) = serde_json::to_value(extras) else { return };
    for (name, number) in [
        ("formality", extras.formality),
        ("humor", extras.humor),
        ("empathy", extras.empathy),
        ("creativity", extras.creativity),
        ("confidence", extras.confidence),
        ("emoji", extras.emoji),
        ("temperature", extras.temperature),
    ] {
        own.insert(name.to_owned(), short(number));
    }
    match extensions.get_mut(EXTENSION) {
        Some(Value::Object(there)) => there.extend(own),
        _ => {
            extensions.insert(EXTENSION.to_owned(), Value::Object(own));
        }
    }
}

/// A number without the digits that it has only because it was short.
fn short(number: f32) -> Value {
    number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// What the specifications demand and is not there.
fn complete(data: &mut Map<String, Value>, version: Version) {
    let first = FIRST_FIELDS.iter().map(|(name, _)| name);
    for name in first.chain(LATER_TEXTS) {
        data.entry(*name).or_insert_with(|| json!(""));
    }
    for name in LATER_LISTS {
        data.entry(*name).or_insert_with(|| json!([]));
    }
    if version == Version::V3 {
        data.entry("group_only_greetings").or_insert_with(|| json!([]));
    }
    let Some(book) = data.get_mut("character_book").and_then(Value::as_object_mut) else { return };
    book.entry("extensions").or_insert_with(|| json!({}));
    book.entry("entries").or_insert_with(|| json!([]));
    let entries = book.get_mut("entries").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten().filter_map(Value::as_object_mut) {
        entry.entry("extensions").or_insert_with(|| json!({}));
        // Said only where it says what was meant: SillyTavern's keys between slashes are told by not saying it.
        let plain = |key: &Value| key.as_str().is_some_and(|key| !key.starts_with('/'));
        if version == Version::V3
            && entry.get("keys").and_then(Value::as_array).is_some_and(|keys| keys.iter().all(plain))
        {
            entry.entry("use_regex").or_insert_with(|| json!(false));
        }
    }
}

/// A card that is given back as it came keeps its dates, too.
fn dates(data: &mut Map<String, Value>, source: &Source<'_>, was: Option<&Draft>) {
    match was {
        None => {
            data.insert("creation_date".to_owned(), source.created.into());
            data.insert("modification_date".to_owned(), source.updated.into());
        }
        Some(was) if was != source.now && source.card.is_some_and(|card| card.spec == Spec::V3) => {
            data.insert("modification_date".to_owned(), source.updated.into());
        }
        Some(_) => {}
    }
}

/// Programs that know version 2 would say decorators aloud.
fn without_decorators(data: &mut Map<String, Value>) {
    let entries =
        data.get_mut("character_book").and_then(|book| book.get_mut("entries")).and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten() {
        let Some(Value::String(content)) = entry.get_mut("content") else { continue };
        let mut rest = content.as_str();
        while rest.trim_start().starts_with("@@") {
            rest = rest.trim_start().split_once('\n').map_or("", |(_, below)| below);
        }
        if rest.len() < content.len() {
            *content = rest.trim_start_matches(['\r', '\n']).to_owned();
        }
    }
}

/// Many programs write the fields of version 1 beside `data`, too: they are not to tell of an older character.
fn mirror(root: &mut Map<String, Value>, data: &Map<String, Value>, was: Option<&Draft>, now: &Draft) {
    if was.is_none_or(|was| was == now) {
        return;
    }
    for (name, names) in FIRST_FIELDS {
        for name_there in names {
            if let (Some(there), Some(value)) = (root.get_mut(*name_there), data.get(name)) {
                *there = value.clone();
            }
        }
    }
    let talkativeness = data.get("extensions").and_then(|extensions| extensions.get("talkativeness"));
    for (name, value) in [("tags", data.get("tags")), ("talkativeness", talkativeness)] {
        if let (Some(there), Some(value)) = (root.get_mut(name), value) {
            *there = value.clone();
        }
    }
}

/// The card as it stands in a picture that is its own: where its main icon was in a file that did not come along, it is that
/// picture now.
#[must_use]
pub fn in_picture(mut card: Value) -> Value {
    let assets = card.pointer_mut("/data/assets").and_then(Value::as_array_mut);
    for asset in assets.into_iter().flatten() {
        let is_main = asset["type"] == "icon" && asset["name"] == "main";
        let elsewhere =
            asset["uri"].as_str().is_some_and(|uri| embedded(uri).is_some() || uri.starts_with("__asset:"));
        if is_main && elsewhere {
            asset["uri"] = "ccdefault:".into();
        }
    }
    card
}
