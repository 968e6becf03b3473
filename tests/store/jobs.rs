//! The queue of jobs on real Postgres: order, retries, leases, nodes that die, and what admins do.

mod world;
mod queue;
mod failures;
mod leases;
mod outages;
mod admin;
