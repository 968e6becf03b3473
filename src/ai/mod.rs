//! The AI behind the characters: providers, which of them speaks for whom, and the counting of tokens.
//!
//! [`Providers`] is the engine's `Generator`; [`Tokens`] its `TokenCounter`. A provider is any server with an
//! OpenAI-compatible API (`openai`), or the built-in one for when there is none ([`offline`]). Tries, deadlines and
//! the order of jobs are the engine's pool's; here is one request at a time.

mod audio;
pub mod offline;
mod openai;
mod providers;
mod routes;
mod status;
mod tokens;

pub use audio::{Audio, AudioModel};
pub use openai::AudioFile;
pub use providers::{ProviderError, Providers};
pub use routes::routes;
pub use status::{ProviderState, ProviderStatus};
pub use tokens::Tokens;
