//! What comes in: form encoding with brackets (`items[0][price]=…`, `expand[]=…`).

use serde_json::{Map, Value};

use super::errors::ApiError;

const PAIRS_MAX: usize = 2_000;
const DEPTH_MAX: usize = 8;

/// The parameters of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Map<String, Value>);

impl Params {
    pub fn read(text: &str) -> Result<Self, ApiError> {
        let mut root = Map::new();
        for (n, (name, value)) in url::form_urlencoded::parse(text.as_bytes()).enumerate() {
            let (first, rest) = name.split_once('[').unwrap_or((&name, ""));
            let mut path = vec![first];
            if !rest.is_empty() {
                let rest = rest.strip_suffix(']').ok_or_else(|| ApiError::unknown_param(&name))?;
                path.extend(rest.split("]["));
            }
            if n >= PAIRS_MAX || path.len() > DEPTH_MAX {
                return Err(ApiError::invalid("The request has too many parameters."));
            }
            insert(&mut root, &path, value.into_owned());
        }
        let lists = |(name, value): (String, Value)| match name.as_str() {
            "metadata" => (name, value),
            _ => (name, with_lists(value)),
        };
        Ok(Self(root.into_iter().map(lists).collect()))
    }

    pub fn of(value: &Value) -> Self {
        Self(value.as_object().cloned().unwrap_or_default())
    }

    /// Refuses what is not among them: nothing that was asked for is passed over.
    pub fn known(&self, names: &[&str]) -> Result<(), ApiError> {
        match self.0.keys().find(|key| *key != "expand" && !names.contains(&key.as_str())) {
            Some(other) => Err(ApiError::unknown_param(other)),
            None => Ok(()),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// `None` where it is empty too: that is how one unsets.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    pub fn needed(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| ApiError::missing_param(name))
    }

    pub fn int(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let read = |text: &str| {
            text.parse().map_err(|_| ApiError::wrong_param(name, format!("Invalid integer: {text}")))
        };
        self.text(name).map(read).transpose()
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(ApiError::wrong_param(name, format!("Invalid boolean: {other}"))),
        }
    }

    /// One of a few words.
    pub fn word<'a>(&'a self, name: &str, words: &[&str]) -> Result<Option<&'a str>, ApiError> {
        match self.text(name) {
            Some(word) if !words.contains(&word) => {
                let message = format!("Invalid {name}: must be one of {}", words.join(", "));
                Err(ApiError::wrong_param(name, message))
            }
            word => Ok(word),
        }
    }

    pub fn inner(&self, name: &str) -> Self {
        self.0.get(name).map(Self::of).unwrap_or_default()
    }

    pub fn list(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub fn words(&self, name: &str) -> Vec<&str> {
        self.list(name).iter().filter_map(Value::as_str).collect()
    }

    /// What was, with what is given: an empty value takes a key away.
    pub fn metadata(&self, before: &Value) -> Value {
        let mut all = before.as_object().cloned().unwrap_or_default();
        for (key, value) in self.0.get("metadata").and_then(Value::as_object).into_iter().flatten() {
            match value.as_str() {
                Some("") => drop(all.remove(key)),
                _ => drop(all.insert(key.clone(), value.clone())),
            }
        }
        Value::Object(all)
    }
}

fn insert(map: &mut Map<String, Value>, path: &[&str], value: String) {
    let Some((first, rest)) = path.split_first() else { return };
    // `[]`: the next one.
    let key = if first.is_empty() { map.len().to_string() } else { (*first).to_owned() };
    if rest.is_empty() {
        map.insert(key, Value::String(value));
        return;
    }
    let inner = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !inner.is_object() {
        *inner = Value::Object(Map::new());
    }
    if let Value::Object(inner) = inner {
        insert(inner, rest, value);
    }
}

/// Where all keys are numbers it is a list, in their order.
fn with_lists(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let numbers: Option<Vec<u32>> = map.keys().map(|key| key.parse().ok()).collect();
    match numbers {
        Some(_) if !map.is_empty() => {
            let mut all: Vec<_> =
                map.into_iter().map(|(key, value)| (key.parse().unwrap_or(u32::MAX), value)).collect();
            all.sort_by_key(|(number, _)| *number);
            Value::Array(all.into_iter().map(|(_, value)| with_lists(value)).collect())
        }
        _ => Value::Object(
            map.into_iter()
                .map(|(key, value)| if key == "metadata" { (key, value) } else { (key, with_lists(value)) })
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_make_lists_and_objects() {
        let text =
            "items[0][price]=price_1&items[0][quantity]=1&expand[]=a.b&expand[]=c&metadata[0]=x&name=A+b%26";
        let read = Params::read(text).unwrap();
        let wanted = json!({
            "items": [{ "price": "price_1", "quantity": "1" }],
            "expand": ["a.b", "c"],
            "metadata": { "0": "x" },
            "name": "A b&",
        });
        assert_eq!(Value::Object(read.0), wanted);
        assert!(Params::read("items[0=1").is_err());
    }
}
