//! The OpenAI-compatible API at `/v1`: any client of it can talk with a character, which is its model.
//!
//! Without more an answer belongs to no conversation: the client sends the whole history, the engine's
//! [`complete`](greenroom_actors::engine::Engine::complete) meters it as a message to that character, and nothing of what was said is
//! kept. With `metadata.conversation_id` the last message is said in that conversation and the character's reply there
//! is passed on (`room.rs`); who else watches sees both, as always.
//!
//! Pictures that come along are decoded and shown to models that see (`pictures.rs`); others are told that there is one.
//!
//! It owns the wire format (`body.rs` in, `wire.rs` and `sse.rs` out); the form of errors under `/v1` is
//! [`ErrorForm`](crate::error::ErrorForm)'s, since they are made by everybody. Limits stand at the tops of `body.rs`
//! and what is in `body/`.

mod answer;
mod body;
mod models;
mod pictures;
mod room;
mod routes;
mod sse;
mod store;
mod wire;

use deadpool_postgres::Pool;
use greenroom_actors::engine::Engine;

pub use routes::routes;

use crate::characters::Characters;
use crate::conversations::Conversations;
use crate::media::Media;
use crate::outbound::fetch::Fetcher;
use crate::realtime::Taps;

/// Cheap to clone.
#[derive(Clone)]
pub struct Completions {
    pool: Pool,
    engine: Engine,
    characters: Characters,
    conversations: Conversations,
    taps: Taps,
    media: Media,
    fetcher: Fetcher,
}

impl Completions {
    #[must_use]
    pub fn new(
        pool: Pool,
        engine: Engine,
        characters: Characters,
        conversations: Conversations,
        taps: Taps,
        media: Media,
        fetcher: Fetcher,
    ) -> Self {
        Self { pool, engine, characters, conversations, taps, media, fetcher }
    }
}
