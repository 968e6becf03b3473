//! Who is connected: the signed-in sockets by user and by session, and the rooms in which a user was shown as online.
//! Touched when a socket comes, goes or joins, never on the way of a message.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greenroom_actors::domain::{RoomId, SessionId, UserId};
use greenroom_actors::protocol::Presence;
use jiff::Timestamp;

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
        registry.sessions.insert(info.id, Entry { info, shard });
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
mod tests {
    use greenroom_actors::domain::UserId;

    use super::*;
    use crate::accounts::Role;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const GRACE: Duration = Duration::from_secs(3);

    fn info(user: UserId) -> SessionInfo {
        SessionInfo {
            id: SessionId::new(),
            user,
            username: None,
            role: Role::User,
            sign_in: SessionId::new(),
            address: None,
            connected_at: Timestamp::UNIX_EPOCH,
            presence: Presence::Online,
            rooms: 0,
        }
    }

    #[test]
    fn a_user_is_away_when_all_their_sockets_are_and_offline_without_one() {
        let (people, user) = (People::default(), UserId::new());
        let (one, two) = (info(user), info(user));
        people.add(one.clone(), 0, 2).unwrap();
        people.add(two.clone(), 1, 2).unwrap();
        assert_eq!(people.add(info(user), 0, 2), Err(TooMany));
        people.update(one.id, |info| info.presence = Presence::Away);
        assert_eq!(people.presence(user), Presence::Online);
        people.update(two.id, |info| info.presence = Presence::Away);
        assert_eq!(people.presence(user), Presence::Away);
        assert!(!people.remove(one.id, NOW));
        people.remove(two.id, NOW);
        assert_eq!((people.presence(user), people.counts()), (Presence::Offline, (0, 0)));
    }

    #[test]
    fn who_comes_back_in_time_was_never_gone() {
        let (people, user, room) = (People::default(), UserId::new(), RoomId::new());
        let one = info(user);
        people.add(one.clone(), 0, 2).unwrap();
        assert!(people.show(user, room, NOW));
        assert!(!people.show(user, room, NOW));
        assert!(people.remove(one.id, NOW));
        let two = info(user);
        people.add(two.clone(), 0, 2).unwrap();
        assert_eq!(people.forget(user, later(NOW, GRACE), GRACE), None);
        let left = later(NOW, GRACE);
        assert!(people.remove(two.id, left));
        assert_eq!(people.forget(user, later(NOW, GRACE), GRACE), None, "it has the whole time again");
        assert_eq!(people.forget(user, later(left, GRACE), GRACE), Some((vec![room], left)));
        assert_eq!(people.forget(user, later(left, GRACE), GRACE), None);
    }

    #[test]
    fn a_users_sockets_are_found_by_worker_and_by_sign_in() {
        let (people, user) = (People::default(), UserId::new());
        let (one, two) = (info(user), info(user));
        people.add(one.clone(), 0, 9).unwrap();
        people.add(two.clone(), 1, 9).unwrap();
        assert_eq!(people.sessions_of(user, None, Some(one.id)), [(1, vec![two.id])]);
        assert_eq!(people.sessions_of(user, Some(one.sign_in), None), [(0, vec![one.id])]);
        assert_eq!(people.list(1, None).len(), 1);
        let first = people.list(1, None)[0].id;
        assert_eq!(people.list(9, Some(first)).len(), 1);
    }

    #[test]
    fn one_who_changes_again_and_again_is_told_of_once_a_span() {
        let (people, user, room) = (People::default(), UserId::new(), RoomId::new());
        let one = info(user);
        people.add(one.clone(), 0, 2).unwrap();
        assert!(people.show(user, room, NOW));
        let set = |presence| people.update(one.id, |info| info.presence = presence);
        let told = |told: Option<Told>| told.map(|told| (told.presence, told.rooms));
        let after = |spans: u32| later(NOW, GRACE * spans);
        set(Presence::Away);
        assert_eq!(told(people.changed(user, after(1), GRACE)), Some((Presence::Away, vec![room])));
        for _ in 0..3 {
            set(Presence::Online);
            assert!(people.changed(user, after(1), GRACE).is_none());
            set(Presence::Away);
            assert!(people.changed(user, after(1), GRACE).is_none());
        }
        assert!(people.settled(after(2), GRACE).is_empty(), "it is as it was told");
        set(Presence::Online);
        assert_eq!(told(people.changed(user, after(2), GRACE)), Some((Presence::Online, vec![room])));
        set(Presence::Away);
        assert!(people.changed(user, after(2), GRACE).is_none());
        assert!(people.settled(after(2), GRACE).is_empty());
        assert_eq!(told(people.settled(after(3), GRACE).pop()), Some((Presence::Away, vec![room])));
        people.hide(user, room);
        set(Presence::Online);
        assert_eq!(told(people.changed(user, after(4), GRACE)), Some((Presence::Online, vec![])));
    }

    #[test]
    fn who_was_seen_is_told_once_and_who_is_connected_each_time() {
        let (people, [here, gone]) = (People::default(), [UserId::new(), UserId::new()]);
        let one = info(gone);
        people.add(info(here), 0, 2).unwrap();
        people.add(one.clone(), 0, 2).unwrap();
        people.remove(one.id, NOW);
        assert_eq!(people.left_at(gone), Some(NOW));
        assert_eq!(people.absent([here, gone].into_iter()), [gone]);
        let now = later(NOW, GRACE);
        let mut seen = people.take_seen(now);
        seen.sort_by_key(|(_, at)| *at);
        assert_eq!(seen, [(gone, NOW), (here, now)]);
        assert_eq!(people.take_seen(now), [(here, now)]);
    }
}
