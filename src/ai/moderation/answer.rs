//! What a moderation endpoint answers, in the forms that providers have for it: scores by category, or only whether.

use std::sync::Arc;

use greenroom_actors::domain::TokenUsage;
use serde_json::{Map, Value};

use crate::config::ModerationSettings;

/// Categories that are looked at.
const CATEGORIES_MAX: usize = 200;

/// Scores of one text by category: of several results the worst of each.
#[derive(Debug, PartialEq)]
pub(super) struct Scores(Vec<(String, f64)>);

impl Scores {
    /// `None`: this tells nothing of any text.
    pub fn read(answer: &Value) -> Option<Self> {
        let results = answer.get("results")?.as_array().filter(|results| !results.is_empty())?;
        let mut scores = Vec::new();
        for result in results {
            Self::of_result(result, &mut scores)?;
        }
        Some(Self(scores))
    }

    fn of_result(result: &Value, scores: &mut Vec<(String, f64)>) -> Option<()> {
        let table = |name: &str| result.get(name).and_then(Value::as_object);
        let told = table("category_scores").filter(|told| !told.is_empty());
        match (told, table("categories"), result.get("flagged").and_then(Value::as_bool)) {
            (Some(told), ..) => put(told, scores, |score| score.as_f64()),
            // It says whether, not how much.
            (None, Some(told), _) => {
                put(told, scores, |flag| flag.as_bool().map(|flag| f64::from(u8::from(flag))));
            }
            (None, None, Some(flagged)) => scores.push(("flagged".to_owned(), f64::from(u8::from(flagged)))),
            (None, None, None) => return None,
        }
        Some(())
    }

    /// The category that is furthest over its threshold, if one is.
    pub fn refused(&self, settings: &ModerationSettings) -> Option<Arc<str>> {
        let over = self.0.iter().filter_map(|(category, score)| {
            let over = score - settings.threshold_of(category);
            (over >= 0.0).then_some((category, over))
        });
        over.max_by(|left, right| left.1.total_cmp(&right.1)).map(|(category, _)| category.as_str().into())
    }
}

fn put(told: &Map<String, Value>, scores: &mut Vec<(String, f64)>, read: impl Fn(&Value) -> Option<f64>) {
    for (category, value) in told.iter().take(CATEGORIES_MAX) {
        // A category that does not apply may be null.
        let Some(score) = read(value).filter(|score| score.is_finite()) else { continue };
        match scores.iter_mut().find(|(known, _)| known == category) {
            Some((_, worst)) => *worst = worst.max(score),
            None => scores.push((category.clone(), score)),
        }
    }
}

/// Tokens, where the provider tells them.
pub(super) fn usage(answer: &Value) -> Option<TokenUsage> {
    let usage = answer.get("usage")?;
    let count = |name: &str| {
        usage.get(name).and_then(Value::as_u64).map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    };
    let prompt =
        count("prompt_tokens").or_else(|| count("input_tokens")).or_else(|| count("total_tokens"))?;
    let completion = count("completion_tokens").or_else(|| count("output_tokens")).unwrap_or_default();
    Some(TokenUsage { prompt_tokens: prompt, completion_tokens: completion, cached_tokens: 0 })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(answer: &Value, thresholds: &[(&str, f64)]) -> Option<String> {
        let thresholds = thresholds.iter().map(|(name, score)| ((*name).to_owned(), *score)).collect();
        let settings = ModerationSettings { thresholds, ..ModerationSettings::default() };
        Scores::read(answer).unwrap().refused(&settings).map(|category| category.to_string())
    }

    #[test]
    fn a_text_is_refused_by_its_scores_and_not_by_the_providers_own_flag() {
        let answer = json!({ "results": [{
            "flagged": true,
            "categories": { "hate": true, "violence": false },
            "category_scores": { "hate": 0.4, "violence": 0.6, "sexual/minors": 0.05, "illicit": null },
        }] });
        assert_eq!(refused(&answer, &[]).as_deref(), Some("violence"));
        assert_eq!(refused(&answer, &[("violence", 0.9)]), None);
        assert_eq!(
            refused(&answer, &[("violence", 1.1), ("sexual/minors", 0.01)]).as_deref(),
            Some("sexual/minors")
        );
        assert_eq!(
            refused(&answer, &[("violence", 0.6), ("hate", 0.1)]).as_deref(),
            Some("hate"),
            "the furthest over"
        );
    }

    #[test]
    fn who_tells_no_scores_is_taken_at_its_word() {
        let by_category = json!({ "results": [{ "categories": { "selfharm": true, "pii": false } }] });
        assert_eq!(refused(&by_category, &[]).as_deref(), Some("selfharm"));
        assert_eq!(refused(&by_category, &[("selfharm", 1.1)]), None);
        let by_flag = json!({ "results": [{ "flagged": true }] });
        assert_eq!(refused(&by_flag, &[]).as_deref(), Some("flagged"));
        assert_eq!(refused(&json!({ "results": [{ "flagged": false }] }), &[]), None);
    }

    #[test]
    fn of_several_results_the_worst_counts() {
        let result = |score: f64| json!({ "category_scores": { "hate": score } });
        assert_eq!(
            refused(&json!({ "results": [result(0.1), result(0.7), result(0.2)] }), &[]).as_deref(),
            Some("hate")
        );
    }

    #[test]
    fn what_tells_nothing_is_no_answer() {
        for nothing in [
            json!({}),
            json!([]),
            json!({ "results": [] }),
            json!({ "results": [{}] }),
            json!({ "results": "x" }),
            json!(null),
        ] {
            assert_eq!(Scores::read(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn tokens_are_taken_where_they_are_told() {
        let told = json!({ "results": [], "usage": { "prompt_tokens": 7, "total_tokens": 9, "completion_tokens": 2 } });
        let usage = usage(&told).unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (7, 2));
        assert!(super::usage(&json!({ "results": [] })).is_none());
    }
}
