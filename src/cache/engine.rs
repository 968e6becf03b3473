//! The copies that the engine keeps for its prompts, beside the caches of the features.

use std::time::Duration;

use greenroom_actors::engine::{CopyNumbers, Engine, EngineSnapshot};

use super::{CacheNumbers, Counted};
use crate::config::EngineSettings;

/// Sets of facts that the engine keeps; see its `copies`.
const FACT_SETS_MAX: u64 = 10_000;

struct OfEngine {
    name: &'static str,
    engine: Engine,
    look: fn(&EngineSnapshot) -> CopyNumbers,
    capacity: u64,
    life: Duration,
}

impl Counted for OfEngine {
    fn numbers(&self) -> CacheNumbers {
        let CopyNumbers { hits, misses, held } = (self.look)(&self.engine.snapshot());
        CacheNumbers { name: self.name, hits, misses, size: held, capacity: self.capacity, life: self.life }
    }
}

/// The tails of live rooms, of which there are as many as rooms (their capacity is told as 0), and what characters remember.
#[must_use]
pub fn of_engine(engine: &Engine, settings: &EngineSettings) -> [Box<dyn Counted>; 2] {
    let of = |name, look, capacity, life_ms| -> Box<dyn Counted> {
        Box::new(OfEngine {
            name,
            engine: engine.clone(),
            look,
            capacity,
            life: Duration::from_millis(life_ms),
        })
    };
    let tails: fn(&EngineSnapshot) -> CopyNumbers = |snapshot| snapshot.tails;
    let memories: fn(&EngineSnapshot) -> CopyNumbers = |snapshot| snapshot.memories;
    [
        of("room-tails", tails, 0, settings.idle_ms),
        of("memories", memories, FACT_SETS_MAX, settings.memories_fresh_ms),
    ]
}
