//! Files: uploads, what is made of them, avatars and generated content.

#[path = "../support/mod.rs"]
mod support;

mod avatars;
mod content;
mod media_store;
mod processing;
mod uploads;
