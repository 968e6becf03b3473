//! `docs/protocol.schema.json`, taken more strictly than clients are to take it: fields that it does not name are errors.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = serde_json::from_str(include_str!("../../docs/protocol.schema.json")).expect("JSON");
    close(&mut schema);
    schema
});

static VALIDATORS: LazyLock<Mutex<HashMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);

/// Lets no object have fields that its schema does not name.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let is_object = map.get("type") == Some(&json!("object")) && map.contains_key("properties");
            // The outer object of a client's frame is said in two places.
            let apart = map.get("oneOf").is_some_and(|of| of[0].get("properties").is_some());
            if is_object && !apart && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            map.values_mut().for_each(close);
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

fn validator(name: &str) -> &'static Validator {
    let mut validators = VALIDATORS.lock().expect("no panic under the lock");
    validators.entry(name.to_owned()).or_insert_with(|| {
        let mut schema = SCHEMA.clone();
        let root = schema.as_object_mut().expect("an object");
        root.remove("anyOf");
        root.insert("$ref".to_owned(), json!(format!("#/$defs/{name}")));
        Box::leak(Box::new(jsonschema::draft202012::new(&schema).expect("a schema")))
    })
}

/// What is wrong with `value` as a `$defs` entry of that name; empty when nothing is.
pub fn errors(name: &str, value: &Value) -> Vec<String> {
    validator(name).iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

pub fn assert_valid(name: &str, value: &Value) {
    let errors = errors(name, value);
    assert!(errors.is_empty(), "not a {name}: {errors:#?}\n{value:#}");
}
