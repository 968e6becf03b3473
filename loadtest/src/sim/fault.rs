//! What can go wrong with a provider, and when: by the name of a model, by a script, or by chance from a seed.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What can go wrong with a provider. Those up to `EndlessLine` end the request badly; the rest is odd and ends well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// 401.
    Unauthorized,
    /// 429 with `Retry-After` in seconds.
    RateLimited,
    /// 429 with `Retry-After` as a date.
    RateLimitedDate,
    /// 429 with `retry-after-ms`.
    RateLimitedMillis,
    /// 500.
    ServerError,
    /// 503.
    Unavailable,
    /// The request is taken and never answered.
    Hang,
    /// The answer's head comes, and nothing more.
    HangOpen,
    /// The stream falls silent in the middle.
    Stall,
    /// The stream is cut in the middle.
    Broken,
    /// The connection is closed in the middle of a character of several bytes.
    CutCharacter,
    /// The stream ends properly in the middle, without a reason.
    EndEarly,
    /// The stream tells an error in the middle, and ends.
    StreamError,
    /// A data line in the middle is not JSON; the stream goes on.
    Garbage,
    /// The reply ends well without a word.
    Empty,
    /// From the middle on one line without an end.
    EndlessLine,
    /// The first token is late.
    SlowFirst,
    /// The tokens come slowly.
    SlowTokens,
    /// Far more than was allowed, as fast as it is taken.
    Huge,
    /// No usage is told though it was asked for.
    NoUsage,
    /// Each chunk tells the usage so far.
    UsageEach,
    /// The stream ends without `[DONE]`.
    NoDone,
}

impl Fault {
    /// With the names that models and plans give them.
    pub const ALL: [(Fault, &'static str); 22] = [
        (Fault::Unauthorized, "unauthorized"),
        (Fault::RateLimited, "rate-limited"),
        (Fault::RateLimitedDate, "rate-limited-date"),
        (Fault::RateLimitedMillis, "rate-limited-ms"),
        (Fault::ServerError, "server-error"),
        (Fault::Unavailable, "unavailable"),
        (Fault::Hang, "hang"),
        (Fault::HangOpen, "hang-open"),
        (Fault::Stall, "stall"),
        (Fault::Broken, "broken"),
        (Fault::CutCharacter, "cut-character"),
        (Fault::EndEarly, "end-early"),
        (Fault::StreamError, "stream-error"),
        (Fault::Garbage, "garbage"),
        (Fault::Empty, "empty"),
        (Fault::EndlessLine, "endless-line"),
        (Fault::SlowFirst, "slow-first"),
        (Fault::SlowTokens, "slow-tokens"),
        (Fault::Huge, "huge"),
        (Fault::NoUsage, "no-usage"),
        (Fault::UsageEach, "usage-each"),
        (Fault::NoDone, "no-done"),
    ];

    pub fn name(self) -> &'static str {
        Fault::ALL.iter().find(|(fault, _)| *fault == self).map_or("", |(_, name)| name)
    }

    pub fn named(name: &str) -> Option<Fault> {
        Fault::ALL.iter().find(|(_, known)| *known == name).map(|(fault, _)| *fault)
    }

    /// The status of an answer that is only an error.
    pub fn status(self) -> Option<u16> {
        match self {
            Fault::Unauthorized => Some(401),
            Fault::RateLimited | Fault::RateLimitedDate | Fault::RateLimitedMillis => Some(429),
            Fault::ServerError => Some(500),
            Fault::Unavailable => Some(503),
            _ => None,
        }
    }

    /// Whether it strikes when a part of the reply has been said.
    pub fn is_in_the_middle(self) -> bool {
        matches!(
            self,
            Fault::Stall
                | Fault::Broken
                | Fault::CutCharacter
                | Fault::EndEarly
                | Fault::StreamError
                | Fault::Garbage
                | Fault::EndlessLine
        )
    }

    /// Whether the reply still ends well, whole or cut at its limit.
    pub fn ends_well(self) -> bool {
        self >= Fault::SlowFirst
    }
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Ok,
    #[serde(untagged)]
    Fails(Fault),
}

/// Which requests are struck by what: `fault=broken,hang;share=5%;times=1;at=0.3`.
///
/// `fault` names one or several of [`Fault::ALL`], or `all`; of several each is as likely. `share` of the requests are
/// struck (all, where it is left out), each question `times` times at most, a fault in the middle of a reply after the
/// share `at` of it. A model named `sim/broken;times=1` is such a plan for the requests that name it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Plan {
    pub faults: Vec<Fault>,
    pub share: f64,
    pub times: Option<u32>,
    pub at: Option<f64>,
}

/// What a plan wants of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Struck {
    pub fault: Fault,
    /// Share of the reply after which it strikes, where the plan says.
    pub at: Option<f64>,
}

impl Plan {
    /// The plan in the name of a model; `None` where it names none.
    pub fn of_model(model: &str) -> Option<Plan> {
        let plan = model.strip_prefix("sim/")?;
        format!("fault={plan}").parse().ok()
    }

    /// What it wants of the `nth` request (from 1) with the same question, which drew this number from 0 to 1.
    pub fn pick(&self, draw: f64, nth: u32) -> Option<Struck> {
        if draw >= self.share || self.times.is_some_and(|times| nth > times) {
            return None;
        }
        let which = draw / self.share * self.faults.len() as f64;
        let fault = *self.faults.get(which as usize)?;
        Some(Struck { fault, at: self.at })
    }
}

/// The number from 0 to 1 that the `nth` request with this question draws: from the seed alone, so that a run can be
/// repeated though its requests come in another order.
pub fn draw(seed: u64, question: u64, nth: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (seed, question, nth).hash(&mut hasher);
    (hasher.finish() >> 11) as f64 / (1u64 << 53) as f64
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Plan, String> {
        let mut plan = Plan { faults: Vec::new(), share: 1.0, times: None, at: None };
        for part in text.split(';').map(str::trim) {
            let Some((key, value)) = part.split_once('=') else {
                return Err(format!("`{part}` is not key=value"));
            };
            let bad = || format!("`{part}` is not understood");
            match key {
                "fault" if value == "all" => plan.faults = Fault::ALL.map(|(fault, _)| fault).to_vec(),
                "fault" => {
                    let named = |name: &str| Fault::named(name).ok_or_else(|| format!("no fault `{name}`"));
                    plan.faults = value.split(',').map(named).collect::<Result<_, _>>()?;
                }
                "share" => plan.share = share(value).ok_or_else(bad)?,
                "times" => plan.times = Some(value.parse().map_err(|_| bad())?),
                "at" => plan.at = Some(share(value).ok_or_else(bad)?),
                _ => return Err(bad()),
            }
        }
        if plan.faults.is_empty() {
            return Err("a plan names a fault".to_owned());
        }
        Ok(plan)
    }
}

/// `5%` or `0.05`.
fn share(text: &str) -> Option<f64> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    (0.0..=1.0).contains(&share).then_some(share)
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.faults.iter().map(|fault| fault.name()).collect();
        write!(formatter, "fault={};share={}", names.join(","), self.share)?;
        if let Some(times) = self.times {
            write!(formatter, ";times={times}")?;
        }
        self.at.map_or(Ok(()), |at| write!(formatter, ";at={at}"))
    }
}

impl TryFrom<String> for Plan {
    type Error = String;

    fn try_from(text: String) -> Result<Plan, String> {
        text.parse()
    }
}

impl From<Plan> for String {
    fn from(plan: Plan) -> String {
        plan.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_as_it_is_written() {
        let plan: Plan = "fault=broken,hang;share=5%;times=1;at=0.3".parse().unwrap();
        assert_eq!(plan.faults, [Fault::Broken, Fault::Hang]);
        assert_eq!((plan.share, plan.times, plan.at), (0.05, Some(1), Some(0.3)));
        assert_eq!(plan.to_string().parse::<Plan>().unwrap(), plan);
        assert_eq!("fault=all".parse::<Plan>().unwrap().faults.len(), Fault::ALL.len());
        for bad in ["", "broken", "fault=none", "share=5%", "fault=hang;share=101%", "fault=hang;often=1"] {
            assert!(bad.parse::<Plan>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_model_can_be_a_plan() {
        let plan = Plan::of_model("sim/rate-limited-ms;times=2").unwrap();
        assert_eq!((plan.faults, plan.times), (vec![Fault::RateLimitedMillis], Some(2)));
        assert_eq!((Plan::of_model("sim-1"), Plan::of_model("sim/other")), (None, None));
        for (fault, name) in Fault::ALL {
            assert_eq!(Plan::of_model(&format!("sim/{name}")).unwrap().faults, [fault]);
        }
    }

    #[test]
    fn shares_are_met_and_follow_from_the_seed() {
        let plan: Plan = "fault=hang,broken;share=20%".parse().unwrap();
        let of = |seed| (0..10_000).map(|question| plan.pick(draw(seed, question, 1), 1)).collect::<Vec<_>>();
        let count = |fault| of(7).iter().flatten().filter(|struck| struck.fault == fault).count();
        assert!(count(Fault::Hang).abs_diff(1_000) < 150 && count(Fault::Broken).abs_diff(1_000) < 150);
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn a_question_is_struck_so_often_and_no_more() {
        let plan: Plan = "fault=hang;times=2".parse().unwrap();
        let struck: Vec<_> = (1..=4).map(|nth| plan.pick(0.5, nth).is_some()).collect();
        assert_eq!(struck, [true, true, false, false]);
    }
}
