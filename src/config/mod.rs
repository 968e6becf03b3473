//! Settings: typed, validated, and refused when they name something that does not exist.
//!
//! Three layers, the later one wins: the defaults of these types, `config.toml` (or `--config FILE`), the environment.
//! `config.toml` in the repository documents every setting; a test holds it to these types.

mod accounts;
mod ai;
mod artist;
mod billing;
mod avatars;
mod characters;
mod content;
mod conversations;
mod database;
mod engine;
mod environment;
mod identity;
mod jobs;
mod known;
mod limits;
mod load;
mod log;
mod media;
mod moderation;
mod network;
mod outbound;
mod plans;
mod realtime;
mod reload;
mod secret;
mod server;
mod store;
mod validate;

use std::collections::BTreeMap;
use std::path::PathBuf;

use greenroom_actors::domain::Catalogue;
use serde::{Deserialize, Serialize};

pub use accounts::{AdminSettings, AuthSettings, OtpSettings};
pub use ai::{
    AiSettings, BreakerSettings, Capability, Continues, ModelSettings, Models, OFFLINE, PicturePrice,
    PriceSettings, ProviderKind, ProviderSettings, Quality, Shape, UnitPrice, parted,
};
pub use artist::{ArtistSettings, WantedModel};
pub use avatars::AvatarSettings;
pub use billing::{BillingSettings, KeyMode, PAYMENT_MAX_CENTS, StripeSettings};
pub use characters::CharacterSettings;
pub use content::{ContentSettings, SIDE_MAX, SIDE_MIN};
pub use conversations::{ConversationsSettings, SearchSettings};
pub use database::DatabaseSettings;
pub use engine::{EngineSettings, JournalSettings, PoolSettings, RecoverySetting};
pub use environment::{UsualName, usual_names};
pub use identity::{ALGORITHMS, IdentityKind, IdentityProviderSettings};
pub use jobs::JobSettings;
pub use known::{Leaf, env_name};
pub use limits::{LimitSettings, RateSettings};
pub use load::{CONFIG_FILE, ConfigError, Problem, names_not_needed, names_not_understood};
pub use log::{LogFormat, LogSettings, Logging};
pub(crate) use media::URL_LIFETIME_MAX_S;
pub use media::{MediaSettings, SpeechFormat, SpeechSettings};
pub use moderation::{AUTO as MODERATION_AUTO, NONE as MODERATION_NONE};
pub use moderation::{ModerationSettings, OnOutage, RefusedReplySetting};
pub use network::Network;
pub use outbound::{MailSettings, MailTls, SmsSettings};
pub use plans::{
    FeatureSetting, PerCharacterSettings, PlanSettings, ServiceClass, TermSetting, WindowSetting,
};
pub use realtime::RealtimeSettings;
pub use reload::{Reloaded, Source};
pub use secret::SIGNING_SECRET_FILE;
pub use server::ServerSettings;
pub use store::{StoreKind, StoreSettings};

/// Where the server stands: `development` is easy to start and closed to the outside, `production` is the other way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    #[default]
    Development,
    Production,
}

impl Environment {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }
}

/// All settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    pub environment: Environment,
    /// Folder of what the server keeps: the private database and, in development, the signing secret.
    pub data_dir: PathBuf,
    /// Name of the plan that a new account has.
    pub default_plan: String,
    pub server: ServerSettings,
    pub database: DatabaseSettings,
    pub auth: AuthSettings,
    pub admin: AdminSettings,
    pub limits: LimitSettings,
    pub mail: MailSettings,
    pub sms: SmsSettings,
    pub realtime: RealtimeSettings,
    pub engine: EngineSettings,
    pub pool: PoolSettings,
    pub journal: JournalSettings,
    pub jobs: JobSettings,
    pub ai: AiSettings,
    pub artist: ArtistSettings,
    pub speech: SpeechSettings,
    pub media: MediaSettings,
    pub content: ContentSettings,
    pub moderation: ModerationSettings,
    pub characters: CharacterSettings,
    pub avatars: AvatarSettings,
    pub conversations: ConversationsSettings,
    pub search: SearchSettings,
    pub billing: BillingSettings,
    pub stripe: StripeSettings,
    pub log: LogSettings,
    pub plans: BTreeMap<String, PlanSettings>,
    /// Plans that are no more, and what those who have one have instead.
    pub plan_replacements: BTreeMap<String, String>,
    /// Where these were read from.
    #[serde(skip)]
    pub source: Source,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            environment: Environment::default(),
            data_dir: PathBuf::from("data"),
            default_plan: "free".to_owned(),
            server: ServerSettings::default(),
            database: DatabaseSettings::default(),
            auth: AuthSettings::default(),
            admin: AdminSettings::default(),
            limits: LimitSettings::default(),
            mail: MailSettings::default(),
            sms: SmsSettings::default(),
            realtime: RealtimeSettings::default(),
            engine: EngineSettings::default(),
            pool: PoolSettings::default(),
            journal: JournalSettings::default(),
            jobs: JobSettings::default(),
            ai: AiSettings::default(),
            artist: ArtistSettings::default(),
            speech: SpeechSettings::default(),
            media: MediaSettings::default(),
            content: ContentSettings::default(),
            moderation: ModerationSettings::default(),
            characters: CharacterSettings::default(),
            avatars: AvatarSettings::default(),
            conversations: ConversationsSettings::default(),
            search: SearchSettings::default(),
            billing: BillingSettings::default(),
            stripe: StripeSettings::default(),
            log: LogSettings::default(),
            plans: plans::shipped(),
            plan_replacements: BTreeMap::new(),
            source: Source::default(),
        }
    }
}

impl Config {
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }

    /// Whether the demo accounts are made at the start: only where nobody outside can reach them.
    #[must_use]
    pub fn has_demo_accounts(&self) -> bool {
        !self.is_production()
    }

    /// Every limit of the engine, as the engine takes them.
    #[must_use]
    pub fn engine_settings(&self) -> greenroom_actors::settings::Settings {
        greenroom_actors::settings::Settings {
            plans: Catalogue::new(self.engine_plans()),
            room: greenroom_actors::settings::RoomSettings {
                messages_per_minute: self.limits.effective().messages.per_minute(),
                ..self.engine.room()
            },
            turn: greenroom_actors::settings::TurnSettings {
                voice_timeout: self.speech.timeout(),
                transcript_wait: self.speech.transcript_wait(),
                ..self.engine.turn()
            },
            pool: self.pool.engine(),
            journal: self.journal.engine(),
            supervision: self.engine.supervision(),
            moderation: self.moderation.engine(),
        }
    }
}

#[cfg(test)]
mod tests;
