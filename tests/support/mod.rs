//! What the server's tests share: a whole server on port 0 with a database of its own, a client for its sockets, faults.

#![allow(dead_code)] // Each test binary uses its part.

pub mod app;
pub mod browser;
pub mod chaos;
pub mod clients;
pub mod database;
pub mod forms;
pub mod house;
pub mod process;
pub mod provider;
pub mod raw;
pub mod request;
pub mod schema;
pub mod socket;
pub mod stripe;
pub mod wire;
