//! Accounts: who a person is, how they sign in, and how long they stay signed in.
//!
//! A sign-in is one device. It holds a family of refresh tokens of which only the newest is good, and gives out
//! access tokens that nobody has to look up. Unknown accounts and wrong passwords look and take the same.

mod api_keys;
mod cookie;
mod gates;
mod history;
mod identity;
mod links;
mod news;
mod origin;
mod otp;
mod passwords;
mod people;
mod privacy;
mod profile;
mod random;
mod recovery;
mod refresh;
mod register;
mod routes;
mod rules;
mod seed;
mod sessions;
mod sign_in;
mod standing;
mod store;
mod strength;
mod tokens;

use std::sync::{Arc, OnceLock};

use deadpool_postgres::{Client, Pool};
use greenroom_actors::domain::{Catalogue, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::config::{Config, ConfigError};
use crate::outbound::Outbound;
use crate::postgres::refusal;

pub use api_keys::{ApiKey, Holder, KeyCaller, KeyInfo, NewKey, Scope, Way};
pub use gates::Gates;
pub use history::{AuthEvent, HistoryLine};
pub use identity::{ForeignCaller, IdentityInfo};
pub use links::{LinkPurpose, LinkToken};
pub use news::tell_nodes;
pub use origin::Origin;
pub use otp::{Code, Mobile, MobileSignUp, OtpStatus, Proved, Sent, is_region};
pub use passwords::{Passwords, Verdict};
pub use people::{OnChanged, People};
pub use privacy::{Erased, Privacy, SWEEP as ERASE_SWEEP};
pub use profile::{ProfileChange, ProfileFields};
pub use random::random_hex;
pub use refresh::RefreshToken;
pub use register::NewUser;
pub use routes::{UserView, routes};
pub use seed::{DEMO_ACCOUNTS, DemoAccount, LoadPlan, MadeAdmin, Seeded};
pub use sessions::{OnEnded, SignInInfo, Which};
pub use sign_in::Opened;
pub use strength::NewPassword;
pub use tokens::{AccessTokens, Claims, Role, TokenError};

/// A person's account as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub id: UserId,
    pub username: String,
    pub display_name: String,
    pub email: Option<String>,
    pub email_verified: bool,
    /// E.164; always proved by a code.
    pub mobile: Option<String>,
    pub bio: String,
    /// BCP 47.
    pub locale: String,
    pub role: Role,
    /// Name of the plan that holds now.
    pub plan: String,
    /// When it ends by itself.
    pub plan_until: Option<Timestamp>,
    /// IANA name: where the user's days begin.
    pub time_zone: String,
    /// Counts after the next daily reset.
    pub next_time_zone: Option<String>,
    pub has_password: bool,
    pub created_at: Timestamp,
}

/// Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    pool: Pool,
    config: Arc<Config>,
    plans: Catalogue,
    tokens: AccessTokens,
    passwords: Passwords,
    outbound: Outbound,
    on_ended: OnceLock<OnEnded>,
    on_changed: OnceLock<OnChanged>,
    codes: otp::CodeKey,
    identities: identity::Identities,
}

impl Accounts {
    /// Reads or makes the signing secret.
    pub fn open(pool: Pool, config: Arc<Config>, outbound: Outbound) -> Result<Self, ConfigError> {
        let secret = config.signing_secret()?;
        let previous = &config.auth.jwt_previous_secrets;
        let previous: Vec<&[u8]> = previous.iter().map(|secret| secret.expose_secret().as_bytes()).collect();
        let tokens =
            AccessTokens::rotating(secret.expose_secret().as_bytes(), &previous, config.auth.access_ttl());
        let passwords = Passwords::new(&config.auth);
        let codes = otp::CodeKey::new(secret.expose_secret().as_bytes());
        let identities = identity::Identities::open(&config.auth)?;
        let plans = Catalogue::new(config.engine_plans());
        Ok(Self(Arc::new(Inner {
            pool,
            config,
            plans,
            tokens,
            passwords,
            outbound,
            on_ended: OnceLock::new(),
            on_changed: OnceLock::new(),
            codes,
            identities,
        })))
    }

    /// Signs and checks access tokens.
    #[must_use]
    pub fn tokens(&self) -> &AccessTokens {
        &self.0.tokens
    }

    /// The plans that accounts may have. All who ask for plans in this process should ask this one.
    #[must_use]
    pub fn plans(&self) -> &Catalogue {
        &self.0.plans
    }

    /// Name of the plan of a new account.
    fn default_plan(&self) -> Arc<str> {
        self.0.plans.current().default.name.clone()
    }

    /// The account; `not_found` if it is gone, `forbidden` if it is blocked.
    pub async fn profile(&self, user: UserId) -> Result<Profile, Refusal> {
        Ok(self.active(user).await?.profile)
    }

    async fn active(&self, user: UserId) -> Result<store::Account, Refusal> {
        let client = self.client().await?;
        standing_of(store::by_id(&client, user).await.map_err(|error| refusal(&error))?)
    }

    /// Whether the account exists and is neither blocked nor deactivated.
    pub async fn is_active(&self, user: UserId) -> Result<bool, Refusal> {
        let client = self.client().await?;
        store::is_active(&client, user).await.map_err(|error| refusal(&error))
    }

    /// Removes what is of no more use: tokens, links, codes and keys that ran out, history of long ago. Answers how many
    /// rows of tokens, links and history. To be called now and then.
    pub async fn sweep(&self) -> Result<u64, Refusal> {
        let client = self.client().await?;
        api_keys::sweep(&client).await.map_err(|error| refusal(&error))?;
        otp::sweep(&client).await.map_err(|error| refusal(&error))?;
        store::sweep(&client).await.map_err(|error| refusal(&error))
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.0.pool.get().await.map_err(|error| refusal(&error))
    }
}

/// The account, if it stands.
fn standing_of(account: Option<store::Account>) -> Result<store::Account, Refusal> {
    match account {
        Some(account) if account.blocked => {
            Err(Refusal::new(RefusalCode::Forbidden, "this account is blocked"))
        }
        Some(account) if !account.deactivated => Ok(account),
        _ => Err(Refusal::new(RefusalCode::NotFound, "there is no such account")),
    }
}
