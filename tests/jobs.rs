//! The queue of jobs on real Postgres: order, retries, leases, nodes that die, and what admins do.

mod support;

#[path = "jobs/world.rs"]
mod world;
#[path = "jobs/queue.rs"]
mod queue;
#[path = "jobs/failures.rs"]
mod failures;
#[path = "jobs/leases.rs"]
mod leases;
#[path = "jobs/outages.rs"]
mod outages;
#[path = "jobs/admin.rs"]
mod admin;
