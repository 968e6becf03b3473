//! Signing in with ID tokens of identity providers, over HTTP and over sockets: a whole server, and a provider that
//! publishes real keys over real HTTP.

mod console;
mod house;
mod keys;
mod linking;
mod own;
mod owners;
mod provider;
mod sockets;
mod tokens;
