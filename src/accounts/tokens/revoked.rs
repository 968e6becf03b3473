//! Which access tokens hold no more although they have not ended.
//!
//! In memory and of this node alone: other nodes learn of an ended sign-in when its token is to be refreshed, at the
//! latest after a token's lifetime. For as long an entry is kept. At most [`ENTRIES_MAX`] are: when there are more,
//! the oldest make way and all tokens made up to their moment are refused, whosever they are. Their holders
//! refresh them a little early; nobody who was shut out comes in.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use greenroom_actors::domain::{SessionId, UserId};
use jiff::{SignedDuration, Timestamp};

use super::Claims;

/// About 10 MB.
const ENTRIES_MAX: usize = 65_536;
/// A token may be signed a moment after the end of its sign-in was written down.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);

pub(super) struct Revoked {
    kept_for: SignedDuration,
    entries_max: usize,
    /// Second up to which all tokens are refused.
    floor: AtomicI64,
    lists: RwLock<Lists>,
}

#[derive(Default)]
struct Lists {
    sign_ins: HashMap<SessionId, Timestamp>,
    users: HashMap<UserId, Timestamp>,
    /// Every entry once, oldest first.
    order: VecDeque<(Timestamp, Of)>,
}

#[derive(Clone, Copy)]
enum Of {
    SignIn(SessionId),
    User(UserId),
}

impl Lists {
    fn add(&mut self, of: Of, moment: Timestamp) {
        let known = match of {
            Of::SignIn(id) => self.sign_ins.insert(id, moment),
            Of::User(id) => self.users.insert(id, moment),
        };
        if known != Some(moment) {
            self.order.push_back((moment, of));
        }
    }

    /// Forgets the oldest entry; a newer one of the same stays.
    fn forget(&mut self) -> Option<Timestamp> {
        let (moment, of) = self.order.pop_front()?;
        match of {
            Of::SignIn(id) if self.sign_ins.get(&id) == Some(&moment) => drop(self.sign_ins.remove(&id)),
            Of::User(id) if self.users.get(&id) == Some(&moment) => drop(self.users.remove(&id)),
            Of::SignIn(_) | Of::User(_) => {}
        }
        Some(moment)
    }
}

impl Revoked {
    pub(super) fn new(ttl: Duration) -> Self {
        Self::bounded(ttl, ENTRIES_MAX)
    }

    fn bounded(ttl: Duration, entries_max: usize) -> Self {
        let ttl = SignedDuration::try_from(ttl).unwrap_or(SignedDuration::MAX);
        Self {
            kept_for: ttl.saturating_add(MARGIN),
            entries_max,
            floor: AtomicI64::new(i64::MIN),
            lists: RwLock::default(),
        }
    }

    pub(super) fn add(&self, user: UserId, sign_in: Option<SessionId>, moment: Timestamp) {
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        let over = moment.checked_sub(self.kept_for).unwrap_or(Timestamp::MIN);
        while lists.order.front().is_some_and(|(oldest, _)| *oldest < over) {
            lists.forget();
        }
        while lists.order.len() >= self.entries_max {
            let Some(oldest) = lists.forget() else { break };
            self.raise_floor(oldest);
        }
        lists.add(sign_in.map_or(Of::User(user), Of::SignIn), moment);
    }

    pub(super) fn raise_floor(&self, moment: Timestamp) {
        self.floor.fetch_max(moment.as_second(), Release);
    }

    /// Whether this token, whose signature holds, is refused.
    pub(super) fn covers(&self, claims: &Claims) -> bool {
        if claims.iat <= self.floor.load(Acquire) {
            return true;
        }
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        if lists.order.is_empty() {
            return false;
        }
        lists.sign_ins.contains_key(&claims.sid)
            || lists.users.get(&claims.sub).is_some_and(|moment| is_before(claims, *moment))
    }
}

/// Whether the token was made before this moment. It knows its second; within the same one its sign-in decides:
/// sign-ins have ids with the millisecond in which they were opened. An id that has none counts as old.
fn is_before(claims: &Claims, moment: Timestamp) -> bool {
    let second = moment.as_second();
    let opened_ms = || {
        let (seconds, nanos) = claims.sid.uuid().get_timestamp()?.to_unix();
        i64::try_from(seconds).ok()?.checked_mul(1_000)?.checked_add(i64::from(nanos / 1_000_000))
    };
    claims.iat < second
        || (claims.iat == second && opened_ms().is_none_or(|opened| opened <= moment.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use uuid::{NoContext, Uuid};

    use super::*;
    use crate::accounts::Role;

    const SECOND: i64 = 1_800_000_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(SECOND * 1_000 + ms).unwrap()
    }

    /// A sign-in that was opened at that millisecond.
    fn sign_in(ms: i64) -> SessionId {
        let time = at(ms);
        let nanos = u32::try_from(time.subsec_nanosecond()).unwrap();
        let time = uuid::Timestamp::from_unix(NoContext, time.as_second().try_into().unwrap(), nanos);
        SessionId::from_uuid(Uuid::new_v7(time))
    }

    fn claims(user: UserId, sid: SessionId, second: i64) -> Claims {
        let (iat, exp) = (SECOND + second, SECOND + second + 900);
        Claims { sub: user, role: Role::User, sid, plan: String::new(), iat, exp }
    }

    fn list(entries_max: usize) -> Revoked {
        Revoked::bounded(Duration::from_secs(900), entries_max)
    }

    #[test]
    fn within_the_second_of_a_revocation_the_sign_in_tells_before_from_after() {
        let (list, user) = (list(10), UserId::new());
        list.add(user, None, at(500));
        // Opened long before, a moment before, and just then.
        for (opened, second) in [(-60_000, -1), (-60_000, 0), (499, 0), (500, 0)] {
            assert!(list.covers(&claims(user, sign_in(opened), second)), "{opened} {second}");
        }
        // Signed in anew in the same second, and refreshed in the next one.
        assert!(!list.covers(&claims(user, sign_in(501), 0)));
        assert!(!list.covers(&claims(user, sign_in(-60_000), 1)));
        assert!(!list.covers(&claims(UserId::new(), sign_in(-60_000), -1)));
        // An id without a time is not taken for a new one.
        assert!(list.covers(&claims(user, SessionId::from_uuid(Uuid::from_u128(7)), 0)));
    }

    #[test]
    fn an_entry_lives_as_long_as_a_token_may() {
        let (list, user, ended) = (list(10), UserId::new(), sign_in(0));
        list.add(user, Some(ended), at(0));
        list.add(UserId::new(), None, at(900_000));
        assert!(list.covers(&claims(user, ended, 0)));
        list.add(UserId::new(), None, at(931_000));
        assert!(!list.covers(&claims(user, ended, 0)));
        assert_eq!(list.lists.read().unwrap().order.len(), 2);
    }

    #[test]
    fn a_newer_revocation_of_a_user_outlives_the_older_one() {
        let (list, user) = (list(10), UserId::new());
        list.add(user, None, at(0));
        list.add(user, None, at(600_000));
        list.add(UserId::new(), None, at(931_000));
        assert!(list.covers(&claims(user, sign_in(0), 599)));
    }

    #[test]
    fn over_the_bound_older_tokens_of_everybody_are_refused_and_newer_ones_hold() {
        let list = list(3);
        let ended: Vec<(UserId, SessionId)> = (0..5).map(|_| (UserId::new(), sign_in(0))).collect();
        for (second, (user, sid)) in (0..).zip(&ended) {
            list.add(*user, Some(*sid), at(second * 1_000));
        }
        // The first two have made way: their tokens are still refused, and so are all as old as those.
        for (second, (user, sid)) in (0..).zip(&ended) {
            assert!(list.covers(&claims(*user, *sid, second)), "{second}");
        }
        let (bystander, sid) = (UserId::new(), sign_in(-1));
        assert!(list.covers(&claims(bystander, sid, 1)));
        assert!(!list.covers(&claims(bystander, sid, 2)));
        assert_eq!(list.lists.read().unwrap().order.len(), 3);
        assert_eq!(list.lists.read().unwrap().sign_ins.len(), 3);
    }
}
