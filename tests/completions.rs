//! `/v1` on a whole server: the wire format, the meters, conversations, and the official clients of OpenAI.

mod support;

#[path = "ai_openai/provider.rs"]
#[allow(dead_code)]
mod provider;
#[path = "socketio/client.rs"]
#[allow(dead_code)]
mod client;
#[path = "completions/world.rs"]
mod world;
#[path = "completions/wire.rs"]
mod wire;
#[path = "completions/refusals.rs"]
mod refusals;
#[path = "completions/meters.rs"]
mod meters;
#[path = "completions/rooms.rs"]
mod rooms;
#[path = "completions/pictures.rs"]
mod pictures;
#[path = "completions/clients.rs"]
mod clients;
