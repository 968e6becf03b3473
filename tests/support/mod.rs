//! What the server's tests share: a whole server on port 0 with a database of its own, a client for its sockets, faults.

#![allow(dead_code)] // Each test binary uses its part.

pub mod app;
pub mod browser;
pub mod chaos;
pub mod database;
pub mod socket;
pub mod stripe;
pub mod wire;
