//! Letters to people: over real SMTP and HTTP, on a real database, with every fault on the way.

mod killed;
mod mail;
mod mime;
mod outbox;
mod queue;
mod sms;
mod smtp;
mod tls;
mod webhook;
mod world;
