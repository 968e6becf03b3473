//! The AI behind the characters: providers, which of them speaks for whom, and the counting of tokens.
//!
//! [`Providers`] is the engine's `Generator`; [`Tokens`] its `TokenCounter`. A provider is any server with an
//! OpenAI-compatible API (`openai`), or the built-in one for when there is none ([`offline`]). A character has a chain of
//! back ends (`chain`), of which the first that stands ready is asked (`route`): one that failed too often (`breaker`), asked
//! to be left alone, is full (`limits`) or was switched off (`desk`) is passed over. Each call is watched to its end (`call`),
//! which is all that is known of how a provider fares. Tries, deadlines and the order of jobs are the engine's pool's; here
//! is one call at a time. Models that see are shown the pictures of a prompt (`eyes`). Other parts get their clients from here too ([`Providers::with_capability`]); their calls have places
//! and breakers of their own (`aside`).

mod answers;
mod artist;
mod aside;
mod audio;
mod breaker;
mod call;
mod capable;
mod chain;
mod dead;
mod desk;
mod estimate;
mod eyes;
mod limits;
mod moderation;
pub mod offline;
mod once;
mod openai;
mod provider;
mod providers;
mod route;
mod routes;
mod statistics;
mod status;
mod store;
mod tokens;
mod trial;
pub mod usage;
mod writer;

pub use answers::Answers;
pub use artist::{
    Artist, Dimensions, Film, FilmRequest, FilmState, FilmTicket, Maker, NoDimensions, PaintRequest, Painted,
    SIDE_MAX, SIDE_MIN,
};
pub use audio::{Audio, AudioFile};
pub use capable::Capable;
pub use dead::{DeadReplies, routes as dead_routes};
pub use desk::ProviderDesk;
pub use estimate::Estimates;
pub use moderation::ProviderModeration;
pub use once::ask;
pub use openai::Endpoint;
pub use providers::{ProviderError, Providers};
pub use routes::{pages, routes};
pub use status::{ModelView, PriceView, ProviderState, ProviderStatus, ProviderView, describe_metrics};
pub use tokens::Tokens;
pub use usage::AiUsage;
pub use writer::{WriteRequest, Writer, Written};

pub use crate::config::{Capability, Quality};
