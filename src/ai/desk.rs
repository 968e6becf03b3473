//! What admins switch at providers: kept in the database, and the same on all nodes.
//!
//! A change is told in the transaction that makes it. A node that hears of one, or listens again after a break, reads them
//! all: they are few. The node that made it does not wait for that.

use std::time::Duration;

use deadpool_postgres::{Client, Pool};
use greenroom_actors::protocol::Refusal;
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinHandle;
use utoipa::ToSchema;

use super::store::{self, Switch};
use super::{ProviderView, Providers};
use crate::accounts::Origin;
use crate::audit::{self, Act};
use crate::error::{ApiError, ApiResult};
use crate::http::Caller;
use crate::postgres::{Connector, refusal};

/// Between two tries to connect.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// For connecting.
const DEADLINE: Duration = Duration::from_secs(10);

/// What is to be switched; what is left out stays.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchBody {
    /// Whether it is asked at all.
    pub enabled: Option<bool>,
    /// Lets replies under way end and sends new ones elsewhere.
    pub draining: Option<bool>,
}

/// Switches providers. Cheap to clone.
#[derive(Clone)]
pub struct ProviderDesk {
    providers: Providers,
    pool: Pool,
}

impl ProviderDesk {
    #[must_use]
    pub fn new(providers: Providers, pool: Pool) -> Self {
        Self { providers, pool }
    }

    /// Takes over what stands in the database.
    pub async fn load(&self) -> Result<(), Refusal> {
        let client = self.client().await?;
        let switches = store::switches(&client).await.map_err(|error| refusal(&error))?;
        switches.iter().for_each(|switch| self.follow(switch));
        Ok(())
    }

    /// Switches a provider, on all nodes. What stands already is no change.
    pub async fn switch(
        &self,
        admin: &Caller,
        name: &str,
        body: SwitchBody,
        origin: &Origin,
    ) -> ApiResult<ProviderView> {
        let provider = self.providers.shared().by_name.get(name);
        let provider = provider.ok_or_else(|| ApiError::not_found("provider"))?;
        if body.enabled.is_none() && body.draining.is_none() {
            return Err(ApiError::malformed("takes enabled, draining or both"));
        }
        if body.enabled == Some(true) && !provider.is_active() {
            let why = "the settings have it off, or it has no key: they have to change first";
            return Err(ApiError::conflict(why));
        }
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let before = store::lock(&transaction, name).await.map_err(|error| refusal(&error))?;
        let after = Switch {
            name: name.to_owned(),
            enabled: body.enabled.unwrap_or(before.enabled),
            draining: body.draining.unwrap_or(before.draining),
        };
        if after != before {
            store::write(&transaction, &after, admin.user).await.map_err(|error| refusal(&error))?;
            let of = |it: &Switch| json!({ "enabled": it.enabled, "draining": it.draining });
            let detail = json!({ "before": of(&before), "after": of(&after) });
            let act = Act::new(admin, "provider.switch", ("provider", name.to_owned()), origin);
            let act = Act { detail, ..act };
            audit::record(&transaction, &act).await.map_err(|error| refusal(&error))?;
        }
        transaction.commit().await.map_err(|error| refusal(&error))?;
        if after != before {
            tracing::warn!(admin = %admin.user, provider = name, ?body, "an admin switched a provider");
        }
        self.follow(&after);
        self.providers.view_of(name).ok_or_else(|| ApiError::not_found("provider"))
    }

    /// Listens on a connection of its own until it is aborted, and follows.
    #[must_use]
    pub fn listen(&self, connector: &Connector) -> JoinHandle<()> {
        let (desk, connector) = (self.clone(), connector.with_setup("providers", "SELECT 1"));
        tokio::spawn(async move { desk.hear(&connector).await })
    }

    async fn hear(&self, connector: &Connector) {
        let mut pause = RETRY_MIN;
        loop {
            match tokio::time::timeout(DEADLINE, connector.listen(store::CHANNEL)).await {
                Ok(Ok(mut listening)) => {
                    // What was switched before it listened.
                    let mut followed = self.load().await;
                    while followed.is_ok() && listening.heard().await.is_some() {
                        pause = RETRY_MIN;
                        followed = self.load().await;
                    }
                    tracing::debug!("switched providers are not told for now");
                }
                Ok(Err(error)) => tracing::debug!(%error, "switched providers cannot be listened for"),
                Err(_) => tracing::debug!("switched providers cannot be listened for: no answer in time"),
            }
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    fn follow(&self, switch: &Switch) {
        // One that the settings no longer know keeps its row, for when it is back.
        if let Some(provider) = self.providers.shared().by_name.get(&switch.name) {
            provider.switch(switch.enabled, switch.draining);
        }
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.pool.get().await.map_err(|error| refusal(&error))
    }
}
