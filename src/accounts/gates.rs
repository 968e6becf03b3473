//! What a user's plan opens. Asked with every look at a gallery, so what was found is kept for a few minutes; a change of
//! the account ends that at once, on all nodes.

use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;

use super::{Accounts, store};
use crate::cache::{Cache, Counted};
use crate::config::Config;
use crate::postgres::refusal;

const LIFE: Duration = Duration::from_secs(300);
/// Users of whom it is known.
const USERS_MAX: u64 = 50_000;

/// A plan as it stands, and until when.
#[derive(Clone, Debug)]
struct Standing {
    plan: Arc<str>,
    until: Option<Timestamp>,
}

/// Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Gates {
    accounts: Accounts,
    config: Arc<Config>,
    plans: Cache<UserId, Standing>,
}

impl Gates {
    #[must_use]
    pub fn new(accounts: Accounts, config: Arc<Config>) -> Self {
        Self { accounts, config, plans: Cache::new("premium", USERS_MAX, LIFE) }
    }

    /// For the status of the caches.
    #[must_use]
    pub fn cache(&self) -> Box<dyn Counted> {
        Box::new(self.plans.clone())
    }

    /// The account has changed.
    pub fn forget(&self, user: UserId) {
        self.plans.forget(&user);
    }

    /// Whether the user's plan has the feature, or all of them. Of an account that is gone: no.
    pub async fn opens(&self, user: UserId, feature: &str) -> Result<bool, Refusal> {
        let mut standing = self.standing(user).await?;
        if standing.as_ref().is_some_and(|known| known.until.is_some_and(|until| until <= Timestamp::now())) {
            // The plan has ended by its date.
            self.forget(user);
            standing = self.standing(user).await?;
        }
        let Some(standing) = standing else { return Ok(false) };
        let plans = &self.config.plans;
        let plan = plans.get(&*standing.plan).or_else(|| plans.get(&self.config.default_plan));
        Ok(plan.is_some_and(|plan| plan.has(feature)))
    }

    async fn standing(&self, user: UserId) -> Result<Option<Standing>, Refusal> {
        let load = async {
            let client = self.accounts.client().await?;
            let found = store::standing(&client, user).await.map_err(|error| refusal(&error))?;
            Ok(found.map(|(plan, until)| Standing { plan: plan.into(), until }))
        };
        self.plans.get_or(user, load).await
    }
}
