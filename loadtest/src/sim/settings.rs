//! How the simulator behaves: its pace, its words, and when it fails.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::fault::{Fault, Outcome, Plan, Struck, draw};
use super::reply::Words;

/// What it serves beside its own paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Endpoint {
    Chat,
    Moderations,
    Speech,
    Transcriptions,
    Models,
    /// Pictures, made and edited.
    Images,
    /// Videos that are begun.
    Videos,
    /// How they stand, and that they are deleted.
    VideoJobs,
    /// The content of one that is done.
    VideoContents,
}

/// How a result comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Results {
    /// In the answer, as text.
    #[default]
    Base64,
    /// At an address of the simulator's.
    Url,
    /// At an address that leads to where only this machine gets.
    Redirect,
}

/// What the moderation says of a text with a certain word in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verdict {
    pub category: String,
    /// 0 to 1; flagged from a half on.
    pub score: f64,
}

/// A text that stands in a reply in place of one of its words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Insert {
    /// Of the word, from 1.
    pub position: u32,
    pub text: String,
}

/// Every setting can be changed at run time by `PUT /sim/config`; fields that are left out there keep their value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// From the request to the first token.
    pub first_token_delay_ms: f64,
    pub tokens_per_second: f64,
    /// Tokens that are written together, each in an event of its own.
    pub tokens_per_write: u32,
    /// Tokens of a reply; a request's own limit may make it shorter.
    pub length_tokens: u32,
    /// The length varies by as much as this share of it, up and down, 0 to 1. Which way follows from the prompt.
    pub length_spread: f64,
    /// The first token tells when the request came and when it was written itself. Without, a reply follows from its
    /// question alone.
    pub stamped: bool,
    pub words: Words,
    /// Events are cut in the middle of a character, and the second half is written a little later.
    pub splits_characters: bool,
    pub insert: Option<Insert>,
    /// By chance, from the seed. The shares of all together are at most 1.
    pub plans: Vec<Plan>,
    /// The outcomes of the next requests for replies, before plans count again.
    pub script: VecDeque<Outcome>,
    /// What strikes every request of an endpoint.
    pub endpoints: BTreeMap<Endpoint, Fault>,
    /// Of the plans.
    pub seed: u64,
    /// The share of a reply after which faults in the middle strike, 0 to 1.
    pub fault_at: f64,
    /// Of a 429 answer; in seconds it is told rounded up.
    pub retry_after_seconds: f64,
    pub slow_first_ms: f64,
    pub slow_tokens_per_second: f64,
    /// Tokens of a huge reply; of a picture 100 bytes each.
    pub huge_tokens: u32,
    /// How pictures come, and the videos of xAI.
    pub results: Results,
    /// How long a video takes.
    pub video_ms: f64,
    /// Videos fail when half of them is made.
    pub videos_fail: bool,
    /// The one that requests are to carry; without, any will do, and none.
    pub api_key: Option<String>,
    /// By the word, in lower case.
    pub moderation_words: BTreeMap<String, Verdict>,
    pub model: String,
}

impl Default for Settings {
    fn default() -> Settings {
        let verdict = |word: &str, category: &str, score| {
            (word.to_owned(), Verdict { category: category.to_owned(), score })
        };
        Settings {
            first_token_delay_ms: 200.0,
            tokens_per_second: 50.0,
            tokens_per_write: 1,
            length_tokens: 100,
            length_spread: 0.0,
            stamped: true,
            words: Words::Latin,
            splits_characters: false,
            insert: None,
            plans: Vec::new(),
            script: VecDeque::new(),
            endpoints: BTreeMap::new(),
            seed: 1,
            fault_at: 0.5,
            retry_after_seconds: 1.0,
            slow_first_ms: 5_000.0,
            slow_tokens_per_second: 2.0,
            huge_tokens: 200_000,
            results: Results::default(),
            video_ms: 200.0,
            videos_fail: false,
            api_key: None,
            moderation_words: [
                verdict("bloodbath", "violence", 0.95),
                verdict("brawl", "violence", 0.6),
                verdict("vermin", "hate", 0.9),
                verdict("nuisance", "harassment", 0.55),
                verdict("bedroom", "sexual", 0.4),
            ]
            .into(),
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
        let shares = [self.length_spread, self.fault_at];
        let shares = shares.into_iter().chain(self.moderation_words.values().map(|verdict| verdict.score));
        let hour = 0.0..=3_600_000.0;
        let pace = 0.1..=100_000.0;
        for (good, what) in [
            (
                shares.into_iter().all(|share| (0.0..=1.0).contains(&share)),
                "shares, spreads and scores are 0 to 1",
            ),
            (
                self.plans.iter().map(|plan| plan.share).sum::<f64>() <= 1.0,
                "the shares of all plans are at most 1",
            ),
            (pace.contains(&self.tokens_per_second), "tokensPerSecond is 0.1 to 100000"),
            (pace.contains(&self.slow_tokens_per_second), "slowTokensPerSecond is 0.1 to 100000"),
            ((1..=1_000).contains(&self.tokens_per_write), "tokensPerWrite is 1 to 1000"),
            (hour.contains(&self.first_token_delay_ms), "firstTokenDelayMs is at most an hour"),
            (hour.contains(&self.video_ms), "videoMs is at most an hour"),
            (hour.contains(&self.slow_first_ms), "slowFirstMs is at most an hour"),
            ((0.0..=3_600.0).contains(&self.retry_after_seconds), "retryAfterSeconds is at most an hour"),
            ((1..=100_000).contains(&self.length_tokens), "lengthTokens is 1 to 100000"),
            ((1..=1_000_000).contains(&self.huge_tokens), "hugeTokens is 1 to 1000000"),
            (self.script.len() <= 10_000, "a script has at most 10000 outcomes"),
        ] {
            if !good {
                return Err(what.to_owned());
            }
        }
        Ok(())
    }

    /// What strikes the `nth` request (from 1) for a reply to the question with this hash, by this model. Uses up the
    /// script.
    pub fn strikes(&mut self, model: &str, question: u64, nth: u32) -> Option<Struck> {
        if let Some(fault) = self.endpoints.get(&Endpoint::Chat) {
            return Some(Struck { fault: *fault, at: None });
        }
        if let Some(plan) = Plan::of_model(model) {
            return plan.pick(draw(self.seed, question, nth), nth);
        }
        match self.script.pop_front() {
            Some(Outcome::Ok) => None,
            Some(Outcome::Fails(fault)) => Some(Struck { fault, at: None }),
            None => self.by_chance(question, nth),
        }
    }

    /// What the plans alone say of a request, for whoever wants to know beforehand.
    pub fn by_chance(&self, question: u64, nth: u32) -> Option<Struck> {
        let mut draw = draw(self.seed, question, nth);
        for plan in &self.plans {
            if draw < plan.share {
                return plan.pick(draw, nth);
            }
            draw -= plan.share;
        }
        None
    }

    /// What strikes a request of another endpoint by this model.
    pub fn strikes_at(&self, endpoint: Endpoint, model: &str) -> Option<Fault> {
        let by_model = || Plan::of_model(model)?.faults.first().copied();
        self.endpoints.get(&endpoint).copied().or_else(by_model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_what_it_does_not_name_and_refuses_what_it_does_not_know() {
        let changed = Settings::default()
            .changed_by(
                br#"{"tokensPerSecond":10,"plans":["fault=hang;share=50%"],"script":["ok","rateLimited","broken"],
                    "endpoints":{"moderations":"unavailable"}}"#,
            )
            .unwrap();
        assert_eq!(changed.length_tokens, Settings::default().length_tokens);
        assert_eq!(changed.tokens_per_second, 10.0);
        assert_eq!(changed.plans[0].share, 0.5);
        assert_eq!(changed.script[1], Outcome::Fails(Fault::RateLimited));
        assert_eq!(changed.strikes_at(Endpoint::Moderations, "m"), Some(Fault::Unavailable));
        for bad in [
            "{\"speed\":1}",
            "[]",
            "{\"tokensPerSecond\":0}",
            "{\"plans\":[\"fault=hang;share=60%\",\"fault=broken;share=60%\"]}",
            "{\"plans\":[\"fault=flood\"]}",
        ] {
            assert!(Settings::default().changed_by(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_model_comes_before_the_script_and_the_script_before_the_plans() {
        let mut settings = Settings {
            plans: vec!["fault=hang".parse().unwrap()],
            script: [Outcome::Ok, Outcome::Fails(Fault::Broken)].into(),
            ..Settings::default()
        };
        let fault = |struck: Option<Struck>| struck.map(|struck| struck.fault);
        assert_eq!(fault(settings.strikes("sim/empty", 1, 1)), Some(Fault::Empty));
        let outcomes: Vec<_> = (1..=3).map(|nth| fault(settings.strikes("m", 1, nth))).collect();
        assert_eq!(outcomes, [None, Some(Fault::Broken), Some(Fault::Hang)]);
        settings.endpoints.insert(Endpoint::Chat, Fault::Unavailable);
        assert_eq!(fault(settings.strikes("sim/empty", 1, 1)), Some(Fault::Unavailable));
    }

    #[test]
    fn several_plans_share_the_requests() {
        let plans = ["fault=hang;share=25%", "fault=garbage;share=25%;times=1"];
        let settings =
            Settings { plans: plans.map(|plan| plan.parse().unwrap()).to_vec(), ..Settings::default() };
        let count = |wanted: Option<Fault>, nth| {
            (0..10_000).filter(|q| settings.by_chance(*q, nth).map(|struck| struck.fault) == wanted).count()
        };
        assert!(count(Some(Fault::Hang), 1).abs_diff(2_500) < 200);
        assert!(count(Some(Fault::Garbage), 1).abs_diff(2_500) < 200);
        assert_eq!(count(Some(Fault::Garbage), 2), 0);
    }
}
