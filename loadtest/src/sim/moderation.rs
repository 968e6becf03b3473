//! `POST /v1/moderations`: verdicts by the words that stand in a text.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::settings::Settings;

/// The categories of OpenAI's `omni-moderation`.
const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];
/// Of a category that no word speaks for.
const UNSUSPICIOUS: f64 = 0.0001;
const FLAGGED: f64 = 0.5;

#[derive(Deserialize)]
pub struct Moderation {
    #[serde(default)]
    pub model: String,
    input: Input,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Texts(Vec<String>),
    /// Together they are one.
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: String,
}

/// The answer: a verdict for each text.
pub fn judge(moderation: &Moderation, settings: &Settings) -> Value {
    let verdict = |text: &str| verdict(text, settings);
    let results: Vec<Value> = match &moderation.input {
        Input::Text(text) => vec![verdict(text)],
        Input::Texts(texts) => texts.iter().map(|text| verdict(text)).collect(),
        Input::Parts(parts) => {
            let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
            vec![verdict(&texts.join("\n"))]
        }
    };
    json!({ "id": "modr-sim", "model": moderation.model, "results": results })
}

/// Whether such a text is refused.
pub fn is_flagged(text: &str, settings: &Settings) -> bool {
    verdict(text, settings)["flagged"] == true
}

fn verdict(text: &str, settings: &Settings) -> Value {
    let text = text.to_lowercase();
    let mut scores: Map<String, Value> =
        CATEGORIES.iter().map(|category| ((*category).to_owned(), json!(UNSUSPICIOUS))).collect();
    for word in text.split(|character: char| !character.is_alphanumeric()) {
        if let Some(verdict) = settings.moderation_words.get(word) {
            let known = scores.get(&verdict.category).and_then(Value::as_f64).unwrap_or(0.0);
            scores.insert(verdict.category.clone(), json!(verdict.score.max(known)));
        }
    }
    let flagged = |score: &Value| score.as_f64().is_some_and(|score| score >= FLAGGED);
    let categories: Map<String, Value> =
        scores.iter().map(|(category, score)| (category.clone(), json!(flagged(score)))).collect();
    json!({ "flagged": scores.values().any(flagged), "categories": categories, "category_scores": scores })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(input: &Value) -> Value {
        let moderation = serde_json::from_value(json!({ "model": "m", "input": input })).unwrap();
        judge(&moderation, &Settings::default())["results"].take()
    }

    #[test]
    fn words_decide_and_nothing_within_words() {
        let found = judged(&json!("It was a BLOODBATH, and a brawl."));
        assert_eq!((&found[0]["flagged"], &found[0]["categories"]["violence"]), (&json!(true), &json!(true)));
        assert_eq!(found[0]["category_scores"]["violence"], 0.95);
        assert_eq!(found[0]["categories"].as_object().unwrap().len(), CATEGORIES.len());
        assert_eq!(judged(&json!("bloodbaths"))[0]["flagged"], false);
        let bedroom = &judged(&json!("the bedroom"))[0];
        assert_eq!(
            (&bedroom["flagged"], &bedroom["category_scores"]["sexual"]),
            (&json!(false), &json!(0.4))
        );
    }

    #[test]
    fn several_texts_get_a_verdict_each_and_parts_one_together() {
        let texts = judged(&json!(["vermin", "a river"]));
        assert_eq!((&texts[0]["flagged"], &texts[1]["flagged"]), (&json!(true), &json!(false)));
        let parts =
            judged(&json!([{ "type": "text", "text": "a river" }, { "type": "text", "text": "vermin" }]));
        assert_eq!((parts.as_array().unwrap().len(), &parts[0]["flagged"]), (1, &json!(true)));
    }
}
