//! The Greenroom server: HTTP, sockets, Postgres and AI providers around the engine in `greenroom-actors`.
//! `ARCHITECTURE.md` is the map.

pub mod config;
pub mod error;
pub mod http;
pub mod realtime;
pub mod accounts;
pub mod audit;
pub mod billing;
pub mod cache;
pub mod characters;
pub mod completions;
pub mod conversations;
pub mod ai;
pub mod insights;
pub mod jobs;
pub mod media;
pub mod memory;
pub mod outbound;
pub mod voices;
pub mod summaries;
pub mod control;
pub mod studio;
mod threads;
pub mod postgres;
pub mod app;
pub mod cli;
