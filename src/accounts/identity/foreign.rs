//! ID tokens in the place of access tokens: whose they are, asked of the database at most once a minute.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{SessionId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Person, store, verify};
use crate::accounts::{Accounts, Role, standing};
use crate::postgres::refusal;

/// Who calls with an ID token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignCaller {
    pub user: UserId,
    /// Of the account: a provider gives no rights here.
    pub role: Role,
    /// Stands for the sign-in at the provider: the same for all tokens of one identity.
    pub session: SessionId,
    /// The user's plan, at most a minute old: good for rate limits, never for quotas.
    pub plan: String,
    /// When the token ends.
    pub expires_at: Timestamp,
}

/// What stands for the sign-ins of an identity: the start of a hash, as a UUID of version 8. Ids of our own sign-ins are
/// of version 7.
pub(super) fn session_of(issuer: &str, subject: &str) -> SessionId {
    let mut hash = Sha256::new();
    // No issuer has a zero byte in it.
    hash.update(issuer.as_bytes());
    hash.update([0]);
    hash.update(subject.as_bytes());
    let mut start = [0; 16];
    start.copy_from_slice(&hash.finalize()[..16]);
    SessionId::from_uuid(uuid::Builder::from_custom_bytes(start).into_uuid())
}

/// The account behind an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub user: UserId,
    pub role: Role,
    pub plan: String,
}

impl Accounts {
    /// Who calls with an ID token of a known provider, where that is linked to an account that may call. `None`: the
    /// token is of no provider that is known here; nothing else has been looked at.
    pub fn foreign(&self, token: &str) -> Option<BoxFuture<'static, Result<ForeignCaller, Refusal>>> {
        let provider = self.0.identities.provider_of(token)?;
        let (accounts, token) = (self.clone(), token.to_owned());
        let asked = async move {
            let person = verify::verify(&provider, &token, Timestamp::now()).await?;
            let session = session_of(&person.issuer, &person.subject);
            let owner = accounts.owner_of(session, &person).await?;
            let Owner { user, role, plan } = owner;
            Ok(ForeignCaller { user, role, session, plan, expires_at: person.expires_at })
        };
        Some(asked.boxed())
    }

    async fn owner_of(&self, session: SessionId, person: &Person) -> Result<Owner, Refusal> {
        let remembered = &self.0.identities.remembered;
        let looked_at = match remembered.get(session) {
            Ok(owner) => return Ok(owner),
            Err(looked_at) => looked_at,
        };
        let client = self.client().await?;
        let found = store::owner(&client, &person.issuer, &person.subject).await;
        let Some(account) = found.map_err(|error| refusal(&error))? else {
            return Err(Refusal::new(
                RefusalCode::Unauthenticated,
                "this identity has no account here: register with it first",
            ));
        };
        if let Some((_, refused)) = standing::refused(&account, self.0.config.auth.erase_after_days) {
            return Err(refused);
        }
        store::used(&client, &person.issuer, &person.subject).await.map_err(|error| refusal(&error))?;
        let profile = account.profile;
        let owner = Owner { user: profile.id, role: profile.role, plan: profile.plan };
        remembered.put(session, owner.clone(), looked_at);
        Ok(owner)
    }

    /// What is remembered of this user's identities holds no more, on this node.
    pub(in crate::accounts) fn forget_identities(&self, user: UserId) {
        self.0.identities.remembered.forget(user);
    }
}

/// Owners of identities that were looked up lately.
pub(super) struct Remembered {
    lists: Mutex<Lists>,
    kept_for: Duration,
    most: usize,
}

#[derive(Default)]
struct Lists {
    owners: HashMap<SessionId, (Owner, Instant)>,
    /// Counts what was forgotten: an answer that was asked for before may be too old to be kept.
    forgotten: u64,
}

impl Remembered {
    pub fn new(kept_for: Duration, most: usize) -> Self {
        Self { lists: Mutex::default(), kept_for, most }
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The owner, or where the list stands: to be given to [`put`](Self::put) with what was looked up.
    fn get(&self, session: SessionId) -> Result<Owner, u64> {
        let lists = self.lock();
        match lists.owners.get(&session) {
            Some((owner, since)) if since.elapsed() < self.kept_for => Ok(owner.clone()),
            _ => Err(lists.forgotten),
        }
    }

    fn put(&self, session: SessionId, owner: Owner, looked_at: u64) {
        let mut lists = self.lock();
        if lists.forgotten != looked_at {
            return;
        }
        if lists.owners.len() >= self.most && !lists.owners.contains_key(&session) {
            lists.owners.retain(|_, (_, since)| since.elapsed() < self.kept_for);
            if lists.owners.len() >= self.most {
                // Nobody is owed a place: who is left out is looked up.
                lists.owners.clear();
            }
        }
        lists.owners.insert(session, (owner, Instant::now()));
    }

    fn forget(&self, user: UserId) {
        let mut lists = self.lock();
        lists.forgotten += 1;
        lists.owners.retain(|_, (owner, _)| owner.user != user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(user: UserId) -> Owner {
        Owner { user, role: Role::User, plan: "free".to_owned() }
    }

    fn put(list: &Remembered, session: SessionId, user: UserId) {
        let looked_at = list.get(session).unwrap_err();
        list.put(session, owner(user), looked_at);
    }

    #[test]
    fn an_identity_has_one_session_that_no_other_has() {
        let session = session_of("https://id.example.com", "mira");
        assert_eq!(session, session_of("https://id.example.com", "mira"));
        assert_eq!(session.uuid().get_version_num(), 8);
        assert_ne!(session, session_of("https://id.example.com", "noah"));
        assert_ne!(session, session_of("https://id.example.co", "mmira"));
    }

    #[test]
    fn an_owner_is_remembered_until_forgotten_or_old() {
        let (list, user, session) =
            (Remembered::new(Duration::from_secs(60), 9), UserId::new(), SessionId::new());
        put(&list, session, user);
        assert_eq!(list.get(session), Ok(owner(user)));
        list.forget(UserId::new());
        assert_eq!(list.get(session), Ok(owner(user)));
        list.forget(user);
        assert!(list.get(session).is_err());
        let short = Remembered::new(Duration::ZERO, 9);
        put(&short, session, user);
        assert!(short.get(session).is_err());
    }

    #[test]
    fn what_was_asked_before_a_revocation_is_not_kept_after_it() {
        let (list, user, session) =
            (Remembered::new(Duration::from_secs(60), 9), UserId::new(), SessionId::new());
        let looked_at = list.get(session).unwrap_err();
        list.forget(user);
        list.put(session, owner(user), looked_at);
        assert!(list.get(session).is_err());
    }

    #[test]
    fn the_list_has_a_bound() {
        let list = Remembered::new(Duration::from_secs(60), 3);
        for _ in 0..10 {
            put(&list, SessionId::new(), UserId::new());
        }
        assert!(list.lock().owners.len() <= 3);
    }
}
