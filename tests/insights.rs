//! Dashboards: figures that equal a recount at every moment, cost the same however much there is, and are one's own alone.

#[path = "insights/admin.rs"]
mod admin;
#[path = "insights/cost.rs"]
mod cost;
#[path = "insights/days.rs"]
mod days;
#[path = "insights/feed.rs"]
mod feed;
#[path = "insights/limits.rs"]
mod limits;
#[path = "insights/made.rs"]
mod made;
#[path = "insights/recount.rs"]
mod recount;
mod support;
#[path = "insights/walk.rs"]
mod walk;
#[path = "insights/world.rs"]
mod world;
