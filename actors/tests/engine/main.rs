//! The engine in memory: rooms, turns, quotas, sessions and what they promise, with faults at will.

mod amended;
mod amends;
mod asked;
mod broken;
mod cast;
mod characters;
mod completions;
mod decide;
mod drafts;
mod judged_messages;
mod judged_replies;
mod members;
mod memory;
mod quota;
mod random;
mod replies;
mod sends;
mod stopped;
mod tail;
mod voices;
