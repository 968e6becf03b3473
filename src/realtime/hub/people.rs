//! Who is connected: the signed-in sockets by user and by session, and the rooms in which a user was shown as online.
//! Touched when a socket comes, goes or joins, never on the way of a message.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greenroom_actors::domain::{RoomId, SessionId, UserId};
use greenroom_actors::protocol::Presence;
use jiff::Timestamp;

use super::plans::Served;
use super::{SessionInfo, ShardIndex};

/// Rooms in which one user is shown as online; beyond, the oldest are no longer told.
const SHOWN_MAX: usize = 256;

#[derive(Default)]
pub(in crate::realtime) struct People(Mutex<Registry>);

#[derive(Default)]
struct Registry {
    sessions: BTreeMap<SessionId, Entry>,
    users: HashMap<UserId, Person>,
    /// Users of whom something is to be told once they have been quiet for long enough.
    unsettled: Vec<UserId>,
    /// Those whose last socket went since that was last written, and when.
    left: HashMap<UserId, Timestamp>,
}

struct Entry {
    info: SessionInfo,
    shard: ShardIndex,
    served: Served,
}

#[derive(Default)]
struct Person {
    sessions: Vec<SessionId>,
    /// Where others were told of this user, to be told of changes.
    shown: Vec<RoomId>,
    /// What they were told, and when.
    told: Option<(Presence, Timestamp)>,
    /// When the last socket went; of no meaning while there is one.
    left_at: Timestamp,
}

/// What the rooms in which a user is shown are to be told of them.
pub(super) struct Told {
    pub(super) user: UserId,
    pub(super) presence: Presence,
    pub(super) rooms: Vec<RoomId>,
}

/// The user has as many sockets as is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::realtime) struct TooMany;

impl People {
    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A socket signed in.
    pub(in crate::realtime) fn add(
        &self,
        info: SessionInfo,
        shard: ShardIndex,
        served: Served,
        per_user_max: usize,
    ) -> Result<(), TooMany> {
        let mut registry = self.lock();
        // Most have one socket.
        let person = registry
            .users
            .entry(info.user)
            .or_insert_with(|| Person { sessions: Vec::with_capacity(1), ..Person::default() });
        if person.sessions.len() >= per_user_max {
            return Err(TooMany);
        }
        person.sessions.push(info.id);
        registry.sessions.insert(info.id, Entry { info, shard, served });
        Ok(())
    }

    /// A socket went. True when it was its user's last one: the user is [`forget`](Self::forget)-able.
    pub(in crate::realtime) fn remove(&self, session: SessionId, now: Timestamp) -> bool {
        let registry = &mut *self.lock();
        let Some(entry) = registry.sessions.remove(&session) else { return false };
        let Some(person) = registry.users.get_mut(&entry.info.user) else { return false };
        person.sessions.retain(|known| *known != session);
        if person.sessions.is_empty() {
            person.left_at = now;
            registry.left.insert(entry.info.user, now);
        }
        if person.sessions.is_empty() && person.shown.is_empty() {
            registry.users.remove(&entry.info.user);
            return false;
        }
        person.sessions.is_empty()
    }

    /// The rooms in which the user was shown, and when their last socket went, if that is `grace` ago; `None` if one
    /// came back meanwhile, though it may have gone again.
    pub(in crate::realtime) fn forget(
        &self,
        user: UserId,
        now: Timestamp,
        grace: Duration,
    ) -> Option<(Vec<RoomId>, Timestamp)> {
        let mut registry = self.lock();
        let person = registry.users.get(&user)?;
        if !person.sessions.is_empty() || now < later(person.left_at, grace) {
            return None;
        }
        registry.users.remove(&user).map(|person| (person.shown, person.left_at))
    }

    /// What is to be told now that the user's sockets say something else together: at once, or, where something was told
    /// a moment ago, by [`settled`](Self::settled).
    pub(super) fn changed(&self, user: UserId, now: Timestamp, merge: Duration) -> Option<Told> {
        let registry = &mut *self.lock();
        let presence = registry.users.get(&user).map(|person| registry.presence(person))?;
        let person = registry.users.get_mut(&user)?;
        if presence == Presence::Offline || person.told.is_some_and(|(told, _)| told == presence) {
            return None;
        }
        if person.told.is_some_and(|(_, at)| now < later(at, merge)) {
            if !registry.unsettled.contains(&user) {
                registry.unsettled.push(user);
            }
            return None;
        }
        person.told = Some((presence, now));
        Some(Told { user, presence, rooms: person.shown.clone() })
    }

    /// What is to be told of those who changed more often than others are told.
    pub(super) fn settled(&self, now: Timestamp, merge: Duration) -> Vec<Told> {
        let unsettled = std::mem::take(&mut self.lock().unsettled);
        // Those whose time has not come are put back.
        unsettled.into_iter().filter_map(|user| self.changed(user, now, merge)).collect()
    }

    /// Those of `users` who are not connected at all.
    pub(super) fn absent(&self, users: impl Iterator<Item = UserId>) -> Vec<UserId> {
        let registry = self.lock();
        users.filter(|user| registry.users.get(user).is_none_or(|one| one.sessions.is_empty())).collect()
    }

    /// When the user's last socket went, where that is not written yet.
    pub(super) fn left_at(&self, user: UserId) -> Option<Timestamp> {
        self.lock().left.get(&user).copied()
    }

    /// Those who are connected, or were since this was last asked, and when they were seen last.
    pub(super) fn take_seen(&self, now: Timestamp) -> Vec<(UserId, Timestamp)> {
        let mut registry = self.lock();
        let mut seen: HashMap<_, _> = std::mem::take(&mut registry.left);
        let connected = registry.users.iter().filter(|(_, person)| !person.sessions.is_empty());
        seen.extend(connected.map(|(user, _)| (*user, now)));
        seen.into_iter().collect()
    }

    /// Changes what is known of a session.
    pub(in crate::realtime) fn update(&self, session: SessionId, change: impl FnOnce(&mut SessionInfo)) {
        if let Some(entry) = self.lock().sessions.get_mut(&session) {
            change(&mut entry.info);
        }
    }

    /// Calls `serve` with what each socket goes by of its user's plan.
    pub(super) fn each_served(&self, mut serve: impl FnMut(&mut Served)) {
        self.lock().sessions.values_mut().for_each(|entry| serve(&mut entry.served));
    }

    /// The same with the sockets of one user.
    pub(super) fn served(&self, user: UserId, mut serve: impl FnMut(&mut Served)) {
        let registry = &mut *self.lock();
        for session in registry.users.get(&user).into_iter().flat_map(|person| &person.sessions) {
            if let Some(entry) = registry.sessions.get_mut(session) {
                serve(&mut entry.served);
            }
        }
    }

    /// The user is shown in this room from now on. True when they were not before.
    pub(super) fn show(&self, user: UserId, room: RoomId, now: Timestamp) -> bool {
        let registry = &mut *self.lock();
        let Some(presence) = registry.users.get(&user).map(|person| registry.presence(person)) else {
            return false;
        };
        let Some(person) = registry.users.get_mut(&user) else { return false };
        if person.shown.contains(&room) {
            return false;
        }
        if person.shown.len() == SHOWN_MAX {
            person.shown.remove(0);
        }
        person.shown.push(room);
        person.told.get_or_insert((presence, now));
        true
    }

    /// The user is not shown in this room any more.
    pub(super) fn hide(&self, user: UserId, room: RoomId) {
        if let Some(person) = self.lock().users.get_mut(&user) {
            person.shown.retain(|shown| *shown != room);
        }
    }

    /// Those of `users` who are shown in this room and connected.
    pub(super) fn present(
        &self,
        room: RoomId,
        users: impl Iterator<Item = UserId>,
    ) -> Vec<(UserId, Presence)> {
        let registry = self.lock();
        users
            .filter_map(|user| {
                let person = registry.users.get(&user)?;
                let presence = registry.presence(person);
                (presence != Presence::Offline && person.shown.contains(&room)).then_some((user, presence))
            })
            .collect()
    }

    pub(super) fn presence(&self, user: UserId) -> Presence {
        let registry = self.lock();
        registry.users.get(&user).map_or(Presence::Offline, |person| registry.presence(person))
    }

    pub(super) fn shard_of(&self, session: SessionId) -> Option<ShardIndex> {
        self.lock().sessions.get(&session).map(|entry| entry.shard)
    }

    /// The user's sockets by worker: all, or those of one sign-in, without `except`.
    pub(super) fn sessions_of(
        &self,
        user: UserId,
        sign_in: Option<SessionId>,
        except: Option<SessionId>,
    ) -> Vec<(ShardIndex, Vec<SessionId>)> {
        let registry = self.lock();
        let mut places: Vec<(ShardIndex, Vec<SessionId>)> = Vec::new();
        for session in registry.users.get(&user).into_iter().flat_map(|person| &person.sessions) {
            let Some(entry) = registry.sessions.get(session) else { continue };
            if except == Some(*session) || sign_in.is_some_and(|sign_in| sign_in != entry.info.sign_in) {
                continue;
            }
            match places.iter_mut().find(|(shard, _)| *shard == entry.shard) {
                Some((_, sessions)) => sessions.push(*session),
                None => places.push((entry.shard, vec![*session])),
            }
        }
        places
    }

    pub(super) fn list(&self, limit: usize, cursor: Option<SessionId>) -> Vec<SessionInfo> {
        let from = cursor.map_or(Bound::Unbounded, Bound::Excluded);
        let registry = self.lock();
        registry
            .sessions
            .range((from, Bound::Unbounded))
            .take(limit)
            .map(|(_, entry)| entry.info.clone())
            .collect()
    }

    /// Signed-in sockets, and users.
    pub(super) fn counts(&self) -> (u64, u64) {
        let registry = self.lock();
        let users = registry.users.values().filter(|person| !person.sessions.is_empty()).count();
        (registry.sessions.len() as u64, users as u64)
    }

    pub(in crate::realtime) fn name(&self, session: SessionId, username: Arc<str>) {
        self.update(session, |info| info.username = Some(username));
    }
}

impl Registry {
    /// Online with one socket that is; away when all are.
    fn presence(&self, person: &Person) -> Presence {
        let mut sessions = person.sessions.iter().filter_map(|session| self.sessions.get(session)).peekable();
        if sessions.peek().is_none() {
            Presence::Offline
        } else if sessions.any(|entry| entry.info.presence == Presence::Online) {
            Presence::Online
        } else {
            Presence::Away
        }
    }
}

fn later(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
