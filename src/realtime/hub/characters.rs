//! Which sockets look at which characters, to be told when one changes. Touched when a socket subscribes or goes, and when
//! an admin changes a character; never on the way of a message.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use greenroom_actors::domain::{CharacterId, SessionId, UserId};

use super::{Hub, ShardIndex};
use crate::characters::CharacterView;
use crate::realtime::wire;

/// Characters that one socket is told of.
pub(in crate::realtime) const WATCHED_MAX: usize = 100;

#[derive(Default)]
pub(in crate::realtime) struct Watched(Mutex<Registry>);

#[derive(Default)]
struct Registry {
    sessions: HashMap<SessionId, Vec<CharacterId>>,
    characters: HashMap<CharacterId, HashMap<SessionId, ShardIndex>>,
}

/// The socket is told of as many as is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::realtime) struct TooManyWatched;

impl Watched {
    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on the socket is told.
    fn add(
        &self,
        session: SessionId,
        shard: ShardIndex,
        character: CharacterId,
    ) -> Result<(), TooManyWatched> {
        let mut registry = self.lock();
        let watched = registry.sessions.entry(session).or_default();
        if !watched.contains(&character) {
            if watched.len() >= WATCHED_MAX {
                return Err(TooManyWatched);
            }
            watched.push(character);
        }
        registry.characters.entry(character).or_default().insert(session, shard);
        Ok(())
    }

    fn remove(&self, session: SessionId, character: CharacterId) {
        let mut registry = self.lock();
        if let Some(watched) = registry.sessions.get_mut(&session) {
            watched.retain(|known| *known != character);
            if watched.is_empty() {
                registry.sessions.remove(&session);
            }
        }
        registry.forget(session, character);
    }

    fn remove_all(&self, session: SessionId) {
        let mut registry = self.lock();
        for character in registry.sessions.remove(&session).unwrap_or_default() {
            registry.forget(session, character);
        }
    }

    /// A character is gone for all but these sockets: nobody else is told any more. Answers whom it was told to, by worker.
    fn end(&self, character: CharacterId, but: &[SessionId]) -> Vec<(ShardIndex, Vec<SessionId>)> {
        let mut registry = self.lock();
        let watchers = registry.characters.remove(&character).unwrap_or_default();
        let (kept, watchers): (HashMap<_, _>, HashMap<_, _>) =
            watchers.into_iter().partition(|(session, _)| but.contains(session));
        if !kept.is_empty() {
            registry.characters.insert(character, kept);
        }
        for session in watchers.keys() {
            if let Some(watched) = registry.sessions.get_mut(session) {
                watched.retain(|known| *known != character);
                if watched.is_empty() {
                    registry.sessions.remove(session);
                }
            }
        }
        by_shard(&watchers)
    }

    fn watchers(&self, character: CharacterId) -> Vec<(ShardIndex, Vec<SessionId>)> {
        self.lock().characters.get(&character).map(by_shard).unwrap_or_default()
    }
}

impl Registry {
    fn forget(&mut self, session: SessionId, character: CharacterId) {
        if let Some(watchers) = self.characters.get_mut(&character) {
            watchers.remove(&session);
            if watchers.is_empty() {
                self.characters.remove(&character);
            }
        }
    }
}

fn by_shard(watchers: &HashMap<SessionId, ShardIndex>) -> Vec<(ShardIndex, Vec<SessionId>)> {
    let mut places: HashMap<ShardIndex, Vec<SessionId>> = HashMap::new();
    for (session, shard) in watchers {
        places.entry(*shard).or_default().push(*session);
    }
    places.into_iter().collect()
}

impl Hub {
    pub(in crate::realtime) fn watch(
        &self,
        session: SessionId,
        shard: ShardIndex,
        character: CharacterId,
    ) -> Result<(), TooManyWatched> {
        self.0.watched.add(session, shard, character)
    }

    pub(in crate::realtime) fn unwatch(&self, session: SessionId, character: CharacterId) {
        self.0.watched.remove(session, character);
    }

    pub(in crate::realtime) fn unwatch_all(&self, session: SessionId) {
        self.0.watched.remove_all(session);
    }

    /// Tells the sockets that look at this character what it is now.
    pub fn character_changed(&self, character: &CharacterView) {
        let places = self.0.watched.watchers(CharacterId::from_uuid(character.id));
        if !places.is_empty() {
            self.tell_sessions(places, &wire::character_changed(character));
        }
    }

    /// It is kept for its owner now: their sockets that look at it are told what it is, all others that it is gone.
    pub fn character_kept(&self, character: &CharacterView, owner: UserId) {
        let own = self.0.people.sessions_of(owner, None, None);
        let own: Vec<SessionId> = own.into_iter().flat_map(|(_, sessions)| sessions).collect();
        let id = CharacterId::from_uuid(character.id);
        let places = self.0.watched.end(id, &own);
        if !places.is_empty() {
            self.tell_sessions(places, &wire::character_deleted(id));
        }
        self.character_changed(character);
    }

    /// Tells the sockets that look at this character that it is gone; it is the last they hear of it.
    pub fn character_deleted(&self, character: CharacterId) {
        let places = self.0.watched.end(character, &[]);
        if !places.is_empty() {
            self.tell_sessions(places, &wire::character_deleted(character));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_told_until_it_unsubscribes_or_goes() {
        let watched = Watched::default();
        let (one, two, character, other) =
            (SessionId::new(), SessionId::new(), CharacterId::new(), CharacterId::new());
        for (session, shard) in [(one, 0), (two, 1), (one, 0)] {
            watched.add(session, shard, character).unwrap();
        }
        watched.add(one, 0, other).unwrap();
        assert_eq!(watched.watchers(character).len(), 2);
        watched.remove(two, character);
        assert_eq!(watched.watchers(character), [(0, vec![one])]);
        watched.remove_all(one);
        assert!(watched.watchers(character).is_empty() && watched.watchers(other).is_empty());
        let registry = watched.lock();
        assert!(registry.sessions.is_empty() && registry.characters.is_empty());
    }

    #[test]
    fn a_character_that_is_gone_is_told_once_and_leaves_room() {
        let (watched, one) = (Watched::default(), SessionId::new());
        let characters: Vec<_> = (0..WATCHED_MAX).map(|_| CharacterId::new()).collect();
        for character in &characters {
            watched.add(one, 0, *character).unwrap();
        }
        assert_eq!(watched.add(one, 0, CharacterId::new()), Err(TooManyWatched));
        assert_eq!(watched.end(characters[0], &[]), [(0, vec![one])]);
        assert!(watched.end(characters[0], &[]).is_empty());
        assert_eq!(watched.add(one, 0, CharacterId::new()), Ok(()));
    }
}
