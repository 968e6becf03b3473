//! What a user's plan opens. Asked with every look at a gallery, so what was found is kept for a few minutes; a change of
//! the account ends that at once, on all nodes.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{Catalogue, Feature, Plan, UserId};
use greenroom_actors::protocol::Refusal;
use jiff::Timestamp;

use super::{Accounts, store};
use crate::cache::{Cache, Counted};
use crate::postgres::{Stored, refusal};

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
    plans: Catalogue,
    standings: Cache<UserId, Standing>,
}

impl Gates {
    #[must_use]
    pub fn new(accounts: Accounts, plans: Catalogue) -> Self {
        Self { accounts, plans, standings: Cache::new("premium", USERS_MAX, LIFE) }
    }

    /// For the status of the caches.
    #[must_use]
    pub fn cache(&self) -> Box<dyn Counted> {
        Box::new(self.standings.clone())
    }

    /// The account has changed.
    pub fn forget(&self, user: UserId) {
        self.standings.forget(&user);
    }

    /// Whether the user's plan has the feature, or all of them. Of an account that is gone: no.
    pub async fn opens(&self, user: UserId, feature: Feature) -> Result<bool, Refusal> {
        let mut standing = self.standing(user).await?;
        if standing.as_ref().is_some_and(|known| known.until.is_some_and(|until| until <= Timestamp::now())) {
            // The plan has ended by its date.
            self.forget(user);
            standing = self.standing(user).await?;
        }
        let Some(standing) = standing else { return Ok(false) };
        Ok(self.plans.get(&standing.plan).has(feature))
    }

    /// The plan that an account has, as it stands in the caller's transaction. `None`: the account is gone.
    pub async fn plan_in(&self, client: &impl GenericClient, user: UserId) -> Stored<Option<Arc<Plan>>> {
        Ok(store::standing(client, user).await?.map(|(plan, _)| self.plans.get(&plan)))
    }

    async fn standing(&self, user: UserId) -> Result<Option<Standing>, Refusal> {
        let load = async {
            let client = self.accounts.client().await?;
            let found = store::standing(&client, user).await.map_err(|error| refusal(&error))?;
            Ok(found.map(|(plan, until)| Standing { plan: plan.into(), until }))
        };
        self.standings.get_or(user, load).await
    }
}
