//! A card as it came: its JSON, and lenient readings of it. What the specifications call a string may be a number or missing;
//! what they call a list may be one text with commas: other programs write all of that.

use serde_json::{Map, Value};

use super::{CardError, Warnings};

/// The newest version of the specification that is known here.
const NEWEST: f64 = 3.0;

/// Which form a card has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spec {
    /// Fields at the top, without a version.
    V1,
    V2,
    V3,
}

/// The JSON of a card; all of it, so that it can be given back as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    pub spec: Spec,
    root: Map<String, Value>,
}

/// The fields of version 1 and what they were called before there was one.
pub const FIRST_FIELDS: [(&str, &[&str]); 6] = [
    ("name", &["name", "char_name"]),
    ("description", &["description", "char_persona"]),
    ("personality", &["personality"]),
    ("scenario", &["scenario", "world_scenario"]),
    ("first_mes", &["first_mes", "char_greeting"]),
    ("mes_example", &["mes_example", "example_dialogue"]),
];

impl Card {
    /// Finds out which form it is; refuses what is no card.
    pub fn read(value: Value, warnings: &mut Warnings) -> Result<Self, CardError> {
        let Value::Object(root) = value else {
            return Err(CardError::invalid("card", "is JSON, but no object"));
        };
        let spec_name = root.get("spec").and_then(Value::as_str).unwrap_or_default();
        let version = root.get("spec_version").and_then(text).unwrap_or_default();
        let spec = match (spec_name, root.get("data")) {
            ("lorebook_v3", _) => {
                return Err(CardError::invalid("spec", "is a lorebook alone, not a character"));
            }
            ("chara_card_v3", Some(Value::Object(_))) => Spec::V3,
            (_, Some(Value::Object(_))) if version.starts_with('3') => Spec::V3,
            (_, Some(Value::Object(_))) => Spec::V2,
            ("chara_card_v2" | "chara_card_v3", _) => {
                return Err(CardError::invalid("data", "is missing, or no object"));
            }
            _ => Spec::V1,
        };
        let card = Self { spec, root };
        let named = card.first_field("name").is_some_and(|name| !name.trim().is_empty());
        if !named && card.root.contains_key("entries") {
            return Err(CardError::invalid("card", "is a lorebook alone, not a character"));
        }
        if !named {
            return Err(CardError::invalid(
                if spec == Spec::V1 { "name" } else { "data.name" },
                "is missing or empty",
            ));
        }
        if version.parse::<f64>().is_ok_and(|version| version > NEWEST) {
            warnings.add(
                "spec_version",
                format!("{version} is newer than what is known here: parts may have no effect"),
            );
        }
        Ok(card)
    }

    /// A card that was read before, from where it was kept.
    #[must_use]
    pub fn kept(value: &Value) -> Option<Self> {
        Self::read(value.clone(), &mut Warnings::default()).ok()
    }

    /// All of it.
    #[must_use]
    pub fn root(&self) -> &Map<String, Value> {
        &self.root
    }

    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Object(self.root)
    }

    /// Where the character's fields are.
    #[must_use]
    pub fn data(&self) -> &Map<String, Value> {
        match self.root.get("data") {
            Some(Value::Object(data)) if self.spec != Spec::V1 => data,
            _ => &self.root,
        }
    }

    /// A field of version 1 under any of its names.
    #[must_use]
    pub fn first_field(&self, name: &str) -> Option<String> {
        let names = FIRST_FIELDS.iter().find(|(field, _)| *field == name).map_or(&[][..], |(_, names)| names);
        names.iter().find_map(|name| self.data().get(*name).and_then(text))
    }

    /// A text; empty where there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        self.data().get(name).and_then(text).unwrap_or_default()
    }

    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.data().get(name).map(texts).unwrap_or_default()
    }

    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&Value> {
        self.data().get("extensions")?.get(name)
    }

    #[must_use]
    pub fn book(&self) -> Option<&Map<String, Value>> {
        self.data().get("character_book")?.as_object()
    }
}

/// A text, also where it was written as a number.
#[must_use]
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A list of texts, also where it was written as one with commas.
#[must_use]
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().filter_map(text).collect(),
        Value::String(text) => {
            text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
        }
        _ => Vec::new(),
    }
}

/// A number, also where it was written as a text.
#[must_use]
pub fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

#[must_use]
pub fn flag(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_f64().map(|number| number != 0.0),
        Value::String(text) => match text.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
