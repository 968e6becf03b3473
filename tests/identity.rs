//! Signing in with ID tokens of identity providers, over HTTP and over sockets: a whole server, and a provider that
//! publishes real keys over real HTTP.

#[path = "identity/console.rs"]
mod console;
#[path = "identity/house.rs"]
mod house;
#[path = "identity/keys.rs"]
mod keys;
#[path = "identity/linking.rs"]
mod linking;
#[path = "identity/own.rs"]
mod own;
#[path = "identity/owners.rs"]
mod owners;
#[path = "identity/provider.rs"]
mod provider;
#[path = "identity/sockets.rs"]
mod sockets;
mod support;
#[path = "identity/tokens.rs"]
mod tokens;
