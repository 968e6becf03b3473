//! Dashboards: figures that equal a recount at every moment, cost the same however much there is, and are one's own alone.

mod admin;
mod cost;
mod days;
mod feed;
mod limits;
mod made;
mod recount;
mod walk;
mod world;
