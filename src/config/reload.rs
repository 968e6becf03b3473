//! Reading the settings anew while the server runs: what has changed, and what of it a running server can take over.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::RandomState;
use std::sync::Arc;

use super::secret::told_apart;
use super::{Config, ConfigError};

type Read = dyn Fn() -> Result<Config, ConfigError> + Send + Sync;

/// Where settings were read from, to be read there again. Those that were made by hand have none.
#[derive(Clone, Default)]
pub struct Source(Option<Arc<Read>>);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Source" } else { "Source(none)" })
    }
}

impl Source {
    #[must_use]
    pub fn new(read: impl Fn() -> Result<Config, ConfigError> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(read)))
    }

    /// The settings as they stand there now, whole and valid. `None`: there is nothing to read.
    pub fn read(&self) -> Option<Result<Config, ConfigError>> {
        self.0.as_ref().map(|read| read())
    }
}

/// What other settings come to in a running server.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// The settings that hold from now on: the old ones with what can be taken over.
    pub config: Config,
    /// Names of what is taken over.
    pub changed: Vec<String>,
    /// Names of what differs and holds from the next start on.
    pub needs_restart: Vec<String>,
}

impl Config {
    /// What of `new` a server with these settings can take over.
    #[must_use]
    pub fn reload(&self, new: &Self) -> Reloaded {
        let config = self.taking_over(new);
        Reloaded { changed: self.differences(&config), needs_restart: config.differences(new), config }
    }

    /// These settings with those of `new` that do not need a restart.
    fn taking_over(&self, new: &Self) -> Self {
        let mut config = self.clone();
        config.default_plan.clone_from(&new.default_plan);
        config.plans.clone_from(&new.plans);
        config.plan_replacements.clone_from(&new.plan_replacements);
        config.log.level.clone_from(&new.log.level);
        config.limits.take_over(&new.limits);
        config
    }

    /// Names of the settings that differ. A section that is in one of them only (a plan, a provider) is told by its name.
    fn differences(&self, other: &Self) -> Vec<String> {
        let by = RandomState::new();
        let values = |config: &Self| -> BTreeMap<String, String> {
            told_apart(&by, || config.values()).into_iter().collect()
        };
        let (ours, theirs) = (values(self), values(other));
        let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let differs = |name: &&String| ours.get(*name) != theirs.get(*name);
        let told = names.into_iter().filter(differs).map(|name| {
            let only_one = ours.contains_key(name) != theirs.contains_key(name);
            if only_one { self.section(other, name) } else { name.clone() }
        });
        told.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The plan of which the setting `name` is, where only one of the two has that plan; else the name itself.
    fn section(&self, other: &Self, name: &str) -> String {
        let plan = name.strip_prefix("plans.").and_then(|rest| rest.split('.').next());
        match plan {
            Some(plan) if self.plans.contains_key(plan) != other.plans.contains_key(plan) => {
                format!("plans.{plan}")
            }
            _ => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reloaded(change: impl FnOnce(&mut Config)) -> Reloaded {
        let mut new = Config::default();
        change(&mut new);
        Config::default().reload(&new)
    }

    #[test]
    fn what_is_the_same_is_no_change() {
        let Reloaded { changed, needs_restart, .. } = reloaded(|_| {});
        assert_eq!((changed, needs_restart), (vec![], vec![]));
    }

    #[test]
    fn plans_are_taken_over_and_named() {
        let Reloaded { config, changed, needs_restart } = reloaded(|new| {
            new.default_plan = "basic".to_owned();
            new.plans.get_mut("basic").unwrap().messages_per_day = 7;
            let gold = new.plans.remove("pro").unwrap();
            new.plans.insert("gold".to_owned(), gold);
            new.plan_replacements.insert("pro".to_owned(), "gold".to_owned());
        });
        assert_eq!(
            changed,
            [
                "default_plan",
                "plan_replacements.pro",
                "plans.basic.messages_per_day",
                "plans.gold",
                "plans.pro"
            ]
        );
        assert!(needs_restart.is_empty());
        assert_eq!(config.engine_plans().get("pro").name.as_ref(), "gold");
    }

    #[test]
    fn what_needs_a_restart_is_named_and_left() {
        let Reloaded { config, changed, needs_restart } = reloaded(|new| {
            new.server.port = 1;
            new.limits.enabled = false;
            new.limits.messages.max = 3;
            new.limits.search.max = 3;
            new.log.level = "debug".to_owned();
        });
        assert_eq!(changed, ["limits.search.max", "log.level"]);
        assert_eq!(needs_restart, ["limits.enabled", "limits.messages.max", "server.port"]);
        assert!(config.limits.enabled && config.server.port == Config::default().server.port);
        // As long as it was not restarted.
        let mut later = config.clone();
        later.server.port = 1;
        assert_eq!(config.reload(&later).needs_restart, ["server.port"]);
    }

    #[test]
    fn another_secret_is_a_change_and_stays_secret() {
        let Reloaded { config, needs_restart, .. } = reloaded(|new| {
            new.auth.jwt_secret = "0123456789abcdef0123456789abcdef".into();
            new.stripe.webhook_secrets = vec!["whsec_1".into()];
        });
        assert_eq!(needs_restart, ["auth.jwt_secret", "stripe.webhook_secrets"]);
        let mut later = config.clone();
        later.auth.jwt_secret = "fedcba9876543210fedcba9876543210".into();
        assert_eq!(config.reload(&later).needs_restart, ["auth.jwt_secret"]);
        let shown = format!("{:?}", later.values());
        assert!(shown.contains("********\\\"") && !shown.contains("fedcba"), "{shown}");
    }

    #[test]
    fn settings_that_were_made_by_hand_have_no_source() {
        assert!(Config::default().source.read().is_none());
        let source = Source::new(|| Ok(Config { default_plan: "pro".to_owned(), ..Config::default() }));
        assert_eq!(source.read().unwrap().unwrap().default_plan, "pro");
    }
}
