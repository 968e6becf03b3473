//! The AI behind the characters: providers, which of them speaks for whom, and the counting of tokens.
//!
//! [`Providers`] is the engine's `Generator`; [`Tokens`] its `TokenCounter`. A provider is any server with an
//! OpenAI-compatible API (`openai`), or the built-in one for when there is none ([`offline`]). Tries, deadlines and
//! the order of jobs are the engine's pool's; here is one request at a time.

mod answers;
mod estimate;
pub mod offline;
mod openai;
mod providers;
mod routes;
mod status;
mod tokens;
mod trial;
pub mod usage;

pub use answers::Answers;
pub use estimate::Estimates;
pub use providers::{ProviderError, Providers};
pub use routes::routes;
pub use status::{ProviderState, ProviderStatus};
pub use tokens::Tokens;
pub use usage::AiUsage;
