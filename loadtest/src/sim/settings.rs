//! How the simulator behaves: its pace, and when it fails.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// What can go wrong with a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// 429 with `Retry-After`.
    RateLimited,
    /// 500.
    ServerError,
    /// The request is taken and never answered.
    Hang,
    /// The stream is cut in the middle.
    Broken,
    /// A data line in the middle is not JSON; the stream goes on.
    Garbage,
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Ok,
    #[serde(untagged)]
    Fails(Fault),
}

/// The probability of each fault, 0 to 1; together at most 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Faults {
    pub rate_limited: f64,
    pub server_error: f64,
    pub hang: f64,
    pub broken: f64,
    pub garbage: f64,
}

impl Faults {
    /// `draw` is a number from 0 to 1.
    fn pick(&self, draw: f64) -> Outcome {
        let all = [
            (self.rate_limited, Fault::RateLimited),
            (self.server_error, Fault::ServerError),
            (self.hang, Fault::Hang),
            (self.broken, Fault::Broken),
            (self.garbage, Fault::Garbage),
        ];
        let mut upper = 0.0;
        for (probability, fault) in all {
            upper += probability;
            if draw < upper {
                return Outcome::Fails(fault);
            }
        }
        Outcome::Ok
    }
}

/// Every setting can be given as a flag, and changed at run time by `PUT /sim/config`; fields that are left out there
/// keep their value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// From the request to the first token.
    pub first_token_delay_ms: f64,
    pub tokens_per_second: f64,
    /// Tokens of a reply; a request's own limit may make it shorter.
    pub length_tokens: u32,
    /// The length varies by as much as this share of it, up and down, 0 to 1. Which way follows from the prompt.
    pub length_spread: f64,
    pub faults: Faults,
    /// Of a 429 answer.
    pub retry_after_seconds: u32,
    /// The outcomes of the next requests, before probabilities count again.
    pub script: VecDeque<Outcome>,
    /// Of the faults by probability.
    pub seed: u64,
    pub model: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            first_token_delay_ms: 200.0,
            tokens_per_second: 50.0,
            length_tokens: 100,
            length_spread: 0.0,
            faults: Faults::default(),
            retry_after_seconds: 1,
            script: VecDeque::new(),
            seed: 1,
            model: "sim-1".to_owned(),
        }
    }
}

impl Settings {
    /// These settings with the fields of `change` in place of theirs.
    pub fn changed_by(&self, change: &[u8]) -> Result<Settings, String> {
        let mut own = serde_json::to_value(self).map_err(|error| error.to_string())?;
        let change: serde_json::Value = serde_json::from_slice(change).map_err(|error| error.to_string())?;
        let (Some(own_fields), serde_json::Value::Object(change)) = (own.as_object_mut(), change) else {
            return Err("the settings are a JSON object".to_owned());
        };
        own_fields.extend(change);
        let settings: Settings = serde_json::from_value(own).map_err(|error| error.to_string())?;
        settings.validate()?;
        Ok(settings)
    }

    pub fn validate(&self) -> Result<(), String> {
        let faults = &self.faults;
        let each = [faults.rate_limited, faults.server_error, faults.hang, faults.broken, faults.garbage];
        let shares = each.iter().chain([&self.length_spread]);
        for (good, what) in [
            (
                shares.into_iter().all(|share| (0.0..=1.0).contains(share)),
                "shares and probabilities are 0 to 1",
            ),
            (each.iter().sum::<f64>() <= 1.0, "the probabilities of all faults together are at most 1"),
            ((0.1..=100_000.0).contains(&self.tokens_per_second), "tokensPerSecond is 0.1 to 100000"),
            (
                (0.0..=3_600_000.0).contains(&self.first_token_delay_ms),
                "firstTokenDelayMs is at most an hour",
            ),
            ((1..=100_000).contains(&self.length_tokens), "lengthTokens is 1 to 100000"),
            (self.script.len() <= 10_000, "a script has at most 10000 outcomes"),
        ] {
            if !good {
                return Err(what.to_owned());
            }
        }
        Ok(())
    }

    /// What happens to the next request; uses up the script.
    pub fn next_outcome(&mut self, random: &mut fastrand::Rng) -> Outcome {
        self.script.pop_front().unwrap_or_else(|| self.faults.pick(random.f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_what_it_does_not_name_and_refuses_what_it_does_not_know() {
        let changed = Settings::default()
            .changed_by(
                br#"{"tokensPerSecond":10,"faults":{"hang":0.5},"script":["ok","rateLimited","broken"]}"#,
            )
            .unwrap();
        assert_eq!(changed.length_tokens, Settings::default().length_tokens);
        assert_eq!(changed.tokens_per_second, 10.0);
        assert_eq!(changed.faults.hang, 0.5);
        assert_eq!(changed.script[1], Outcome::Fails(Fault::RateLimited));
        for bad in
            ["{\"speed\":1}", "[]", "{\"tokensPerSecond\":0}", "{\"faults\":{\"hang\":0.6,\"broken\":0.6}}"]
        {
            assert!(Settings::default().changed_by(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_script_comes_before_the_probabilities() {
        let faults = Faults { hang: 1.0, ..Faults::default() };
        let mut settings = Settings {
            faults,
            script: [Outcome::Ok, Outcome::Fails(Fault::Broken)].into(),
            ..Settings::default()
        };
        let mut random = fastrand::Rng::with_seed(1);
        let outcomes: Vec<_> = (0..3).map(|_| settings.next_outcome(&mut random)).collect();
        assert_eq!(outcomes, [Outcome::Ok, Outcome::Fails(Fault::Broken), Outcome::Fails(Fault::Hang)]);
    }

    #[test]
    fn probabilities_are_met() {
        let faults = Faults { server_error: 0.25, garbage: 0.25, ..Faults::default() };
        let mut settings = Settings { faults, ..Settings::default() };
        let mut random = fastrand::Rng::with_seed(7);
        let count = |wanted, settings: &mut Settings, random: &mut fastrand::Rng| {
            (0..10_000).filter(|_| settings.next_outcome(random) == wanted).count()
        };
        let failed = count(Outcome::Fails(Fault::ServerError), &mut settings, &mut random);
        let fine = count(Outcome::Ok, &mut settings, &mut random);
        assert!(failed.abs_diff(2_500) < 200 && fine.abs_diff(5_000) < 200, "{failed} {fine}");
    }
}
