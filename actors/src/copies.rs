//! What prompts are made of and is kept in memory, so that composing one asks no database: what characters remember of
//! people (here), and how often that and the rooms' tails (`room/tail.rs`) spared a read.
//!
//! Facts of a person who is alone with the character are kept by person, since all such rooms know the same ones; facts of
//! a room of several by room. Who changes one commits first and then forgets the copy here; what was read before a
//! forgetting is not kept after it. Bounds: [`SETS_MAX`] sets of facts, and the age that the settings allow.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{CharacterId, Memory, RoomId, UserId};

/// Sets of facts in memory, each of at most `memories_max` facts; when they are as many, all are let go.
const SETS_MAX: usize = 10_000;

/// Whose facts a prompt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Circle {
    /// All that this one told the character, anywhere.
    Alone(UserId),
    /// What those in the room told there.
    Among(RoomId),
}

/// Shared by all actors of one engine.
pub(crate) struct Copies {
    facts: Mutex<Facts>,
    fresh: Duration,
    pub tails: Reads,
    pub memories: Reads,
}

/// How often a copy answered, and how often the database had to.
#[derive(Default)]
pub(crate) struct Reads {
    pub hits: AtomicU64,
    pub misses: AtomicU64,
    /// Copies that are held now.
    pub held: AtomicU64,
}

/// Numbers of one kind of copies, for the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyNumbers {
    pub hits: u64,
    pub misses: u64,
    pub held: u64,
}

impl Reads {
    pub fn hit(&self) {
        self.hits.fetch_add(1, Relaxed);
    }

    pub fn missed(&self) {
        self.misses.fetch_add(1, Relaxed);
    }

    pub fn numbers(&self) -> CopyNumbers {
        CopyNumbers {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            held: self.held.load(Relaxed),
        }
    }
}

#[derive(Default)]
struct Facts {
    alone: HashMap<UserId, HashMap<CharacterId, Set>>,
    among: HashMap<RoomId, HashMap<CharacterId, Set>>,
    sets: usize,
    /// Counts what was forgotten.
    forgotten: u64,
}

struct Set {
    facts: Arc<[Memory]>,
    read_at: Instant,
}

/// When a read began: what it finds is kept only if nothing was forgotten since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadBegan(u64);

impl Copies {
    /// `fresh`: how old a set of facts may be. Zero keeps none.
    pub fn new(fresh: Duration) -> Self {
        Self { facts: Mutex::default(), fresh, tails: Reads::default(), memories: Reads::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The facts as they were read or, where they have to be read again, from when on that counts.
    pub fn facts(&self, circle: Circle, character: CharacterId) -> Result<Arc<[Memory]>, ReadBegan> {
        let facts = self.lock();
        let set = match circle {
            Circle::Alone(user) => facts.alone.get(&user).and_then(|sets| sets.get(&character)),
            Circle::Among(room) => facts.among.get(&room).and_then(|sets| sets.get(&character)),
        };
        match set.filter(|set| set.read_at.elapsed() < self.fresh) {
            Some(set) => {
                self.memories.hit();
                Ok(set.facts.clone())
            }
            None => {
                self.memories.missed();
                Err(ReadBegan(facts.forgotten))
            }
        }
    }

    /// For who reads them whatever is held.
    pub fn read_begins(&self) -> ReadBegan {
        self.memories.missed();
        ReadBegan(self.lock().forgotten)
    }

    pub fn keep(&self, circle: Circle, character: CharacterId, read: &[Memory], began: ReadBegan) {
        let mut facts = self.lock();
        if facts.forgotten != began.0 || self.fresh.is_zero() {
            return;
        }
        if facts.sets >= SETS_MAX {
            *facts = Facts { forgotten: facts.forgotten, ..Facts::default() };
        }
        let set = Set { facts: read.into(), read_at: Instant::now() };
        let before = match circle {
            Circle::Alone(user) => facts.alone.entry(user).or_default().insert(character, set),
            Circle::Among(room) => facts.among.entry(room).or_default().insert(character, set),
        };
        facts.sets += usize::from(before.is_none());
        self.memories.held.store(facts.sets as u64, Relaxed);
    }

    /// What this person told was changed, or how they are called.
    pub fn forget_person(&self, user: UserId) {
        self.forget(|facts| drop_sets(&mut facts.alone, &user) + clear(&mut facts.among));
    }

    /// Something was learned or taken back in this room, by this person; or who is in it changed.
    pub fn forget_in(&self, room: RoomId, user: Option<UserId>) {
        self.forget(|facts| {
            drop_sets(&mut facts.among, &room) + user.map_or(0, |user| drop_sets(&mut facts.alone, &user))
        });
    }

    fn forget(&self, drop: impl FnOnce(&mut Facts) -> usize) {
        let mut facts = self.lock();
        facts.forgotten += 1;
        let gone = drop(&mut facts);
        facts.sets -= gone;
        self.memories.held.store(facts.sets as u64, Relaxed);
    }
}

fn drop_sets<K: Eq + Hash>(sets: &mut HashMap<K, HashMap<CharacterId, Set>>, key: &K) -> usize {
    sets.remove(key).map_or(0, |gone| gone.len())
}

/// Rooms of several that a person is in are not known here, and such a change is rare.
fn clear<K>(sets: &mut HashMap<K, HashMap<CharacterId, Set>>) -> usize {
    std::mem::take(sets).values().map(HashMap::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Fact;

    fn told(text: &str) -> Vec<Memory> {
        vec![Memory { about: UserId::new(), name: "Anna".into(), fact: Fact::parse(text).unwrap() }]
    }

    fn count(copies: &Copies, circle: Circle, character: CharacterId) -> Option<usize> {
        copies.facts(circle, character).ok().map(|facts| facts.len())
    }

    #[tokio::test(start_paused = true)]
    async fn facts_are_kept_until_they_are_old_or_forgotten() {
        let copies = Copies::new(Duration::from_secs(5));
        let (user, room, character) = (UserId::new(), RoomId::new(), CharacterId::new());
        let circles = [Circle::Alone(user), Circle::Among(room)];
        let read = |circle| {
            let began = copies.facts(circle, character).unwrap_err();
            copies.keep(circle, character, &told("I like tea"), began);
            assert_eq!(count(&copies, circle, character), Some(1));
        };
        circles.into_iter().for_each(read);
        assert_eq!(copies.memories.numbers(), CopyNumbers { hits: 2, misses: 2, held: 2 });
        copies.forget_in(room, None);
        assert_eq!(circles.map(|circle| count(&copies, circle, character)), [Some(1), None]);
        copies.forget_person(user);
        assert_eq!(circles.map(|circle| count(&copies, circle, character)), [None, None]);
        assert_eq!(copies.memories.numbers().held, 0);
        circles.into_iter().for_each(read);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(circles.map(|circle| count(&copies, circle, character)), [None, None]);
    }

    #[tokio::test]
    async fn what_was_read_before_a_change_is_not_kept_after_it() {
        let copies = Copies::new(Duration::from_secs(5));
        let (user, character) = (UserId::new(), CharacterId::new());
        let began = copies.facts(Circle::Alone(user), character).unwrap_err();
        copies.forget_person(user);
        copies.keep(Circle::Alone(user), character, &told("I like tea"), began);
        assert_eq!(count(&copies, Circle::Alone(user), character), None);
    }

    #[tokio::test]
    async fn no_more_is_kept_than_there_is_room_for() {
        let copies = Copies::new(Duration::from_secs(5));
        let character = CharacterId::new();
        for _ in 0..SETS_MAX + 10 {
            let circle = Circle::Alone(UserId::new());
            let began = copies.facts(circle, character).unwrap_err();
            copies.keep(circle, character, &[], began);
        }
        assert_eq!(copies.memories.numbers().held, 10);
    }
}
