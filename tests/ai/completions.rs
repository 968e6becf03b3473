//! `/v1` on a whole server: the wire format, the meters, conversations, and the official clients of OpenAI.

mod world;
mod wire;
mod refusals;
mod meters;
mod rooms;
mod pictures;
mod clients;
