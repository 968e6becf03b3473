//! What is asked of AI providers: by characters, by clients of the OpenAI API, and what it cost.

#[path = "../support/mod.rs"]
mod support;

mod ai_artist;
mod ai_openai;
mod ai_status;
mod ai_usage;
mod completions;
mod voices;
