//! Passwords: argon2id, off the async threads, and never more at a time than the operator allows.
//!
//! Each hash takes a core and some 19 MB for tens of milliseconds. Beyond the bound requests wait, and beyond the
//! queue's bound they are refused: a flood of sign-ins cannot take the machine down.
//!
//! Hashes of older systems (bcrypt) are checked under the same bounds, and are replaced at the next right sign-in. Until
//! then a wrong password takes bcrypt's time at them, and not that of an account that is not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use tokio::sync::Semaphore;

use super::strength::weakness;
use crate::config::AuthSettings;
use crate::threads::Threads;

/// How far the threads that hash step back.
const NICE: i32 = 10;
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Each step doubles the time; beyond this one check takes a core for seconds. Older systems took 10 to 12.
const BCRYPT_COST_MAX: u32 = 14;

/// Cheap to clone; all clones share the bound.
#[derive(Clone)]
pub struct Passwords(Arc<Inner>);

struct Inner {
    argon: Argon2<'static>,
    /// Verified in place of the hash of an account that is not there: takes as long as a real one.
    dummy: String,
    permits: Arc<Semaphore>,
    threads: Threads,
    waiting: AtomicUsize,
    waiting_max: usize,
}

/// What came of checking a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Right,
    /// Right, but hashed with settings of before or by an older system: to be hashed anew.
    Outdated,
    Wrong,
}

impl Passwords {
    /// Settings that argon2 does not take were refused when they were read; here they fall back to its own.
    #[must_use]
    pub fn new(settings: &AuthSettings) -> Self {
        let params =
            Params::new(settings.argon2_memory_kib, settings.argon2_iterations, 1, None).unwrap_or_default();
        Self(Arc::new(Inner {
            dummy: dummy(&params),
            argon: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            permits: Arc::new(Semaphore::new(settings.hash_concurrency.max(1))),
            threads: Threads::start("hash", settings.hash_concurrency, NICE),
            waiting: AtomicUsize::new(0),
            waiting_max: settings.hash_queue_max,
        }))
    }

    /// The hash to keep, as a PHC string. Refused with `overloaded` when too many wait.
    pub async fn hash(&self, password: &str) -> Result<String, Refusal> {
        let password = password.to_owned();
        self.run(move |inner| hash(&inner.argon, &password)).await?.map_err(|cause| {
            tracing::error!(cause, "a password could not be hashed");
            Refusal::new(RefusalCode::Internal, "the password could not be hashed")
        })
    }

    /// Checks a password against a kept hash. Without one it takes as long, and is `Wrong`.
    pub async fn verify(&self, password: &str, kept: Option<&str>) -> Result<Verdict, Refusal> {
        let (password, kept) = (password.to_owned(), kept.map(str::to_owned));
        self.run(move |inner| inner.verify(&password, kept.as_deref())).await
    }

    /// Why a password is too easily guessed, where it is; see [`super::strength`].
    pub(super) async fn weakness(
        &self,
        password: &str,
        known: Vec<String>,
    ) -> Result<Option<String>, Refusal> {
        let password = password.to_owned();
        self.run(move |_| weakness(&password, &known)).await
    }

    /// Requests that wait for their turn now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let busy = || {
            Refusal::temporary(RefusalCode::Overloaded, "too many sign-ins at once: try again", RETRY_AFTER)
        };
        let inner = Arc::clone(&self.0);
        let permit = match Arc::clone(&inner.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let place = Waiting::take(&inner).ok_or_else(busy)?;
                let permit = Arc::clone(&inner.permits).acquire_owned().await.map_err(|_| busy())?;
                drop(place);
                permit
            }
        };
        // The permit goes with the job: a request that is given up still holds its core until it has hashed.
        let job = Arc::clone(&inner);
        let done = inner.threads.run(move || {
            let _permit = permit;
            work(&job)
        });
        done.await.ok_or_else(|| {
            tracing::error!("hashing a password broke off");
            Refusal::new(RefusalCode::Internal, "the password could not be checked")
        })
    }
}

/// A place in the queue, given back when dropped.
struct Waiting(Arc<Inner>);

impl Waiting {
    fn take(inner: &Arc<Inner>) -> Option<Self> {
        let free = |waiting: usize| (waiting < inner.waiting_max).then_some(waiting + 1);
        inner.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).ok()?;
        Some(Self(Arc::clone(inner)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inner {
    fn verify(&self, password: &str, kept: Option<&str>) -> Verdict {
        if let Some(parts) = kept.and_then(|kept| kept.parse::<bcrypt::HashParts>().ok()) {
            return if is_right_by_bcrypt(password, &parts) { Verdict::Outdated } else { Verdict::Wrong };
        }
        let parsed = PasswordHash::new(kept.unwrap_or(&self.dummy));
        let Ok(parsed) = parsed else {
            tracing::error!("an account holds a password hash of an unknown form");
            return self.verify(password, None);
        };
        let right = self.argon.verify_password(password.as_bytes(), &parsed).is_ok();
        if !right || kept.is_none() {
            return Verdict::Wrong;
        }
        let params = Params::try_from(&parsed);
        let current = params.is_ok_and(|params| {
            (params.m_cost(), params.t_cost()) == (self.argon.params().m_cost(), self.argon.params().t_cost())
        });
        if current { Verdict::Right } else { Verdict::Outdated }
    }
}

/// bcrypt sees the first 72 bytes, and so did the system that made the hash.
fn is_right_by_bcrypt(password: &str, parts: &bcrypt::HashParts) -> bool {
    if parts.get_cost() > BCRYPT_COST_MAX {
        tracing::error!(
            cost = parts.get_cost(),
            "an account holds a bcrypt hash that costs too much to check"
        );
        return false;
    }
    bcrypt::verify(password, &parts.to_string()).unwrap_or(false)
}

/// A hash of no password: random in place of what a password would give. Making it costs nothing, checking it the same.
fn dummy(params: &Params) -> String {
    // Hexadecimal digits are also digits of base 64; the last one leaves no bits over.
    let digits = super::random_hex::<32>();
    let (salt, output) = (&digits[..21], &digits[21..63]);
    format!("$argon2id$v=19$m={},t={},p=1${salt}A${output}A", params.m_cost(), params.t_cost())
}

fn hash(argon: &Argon2<'_>, password: &str) -> Result<String, String> {
    argon.hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(memory_kib: u32, concurrency: usize, queue: usize) -> Passwords {
        Passwords::new(&AuthSettings {
            argon2_memory_kib: memory_kib,
            argon2_iterations: 1,
            hash_concurrency: concurrency,
            hash_queue_max: queue,
            ..AuthSettings::default()
        })
    }

    #[test]
    fn what_stands_in_for_a_missing_account_is_a_whole_hash() {
        let inner = passwords(64, 1, 1).0;
        let parsed = PasswordHash::new(&inner.dummy).unwrap();
        assert_eq!(Params::try_from(&parsed).unwrap().m_cost(), 64);
        assert_eq!(parsed.hash.unwrap().as_bytes().len(), 32);
        assert!(parsed.salt.is_some());
    }

    #[tokio::test]
    async fn a_password_is_told_from_another_and_from_none() {
        let passwords = passwords(64, 2, 4);
        let kept = passwords.hash("correct horse").await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$"));
        assert_ne!(kept, passwords.hash("correct horse").await.unwrap(), "each has a salt of its own");
        assert_eq!(passwords.verify("correct horse", Some(&kept)).await.unwrap(), Verdict::Right);
        assert_eq!(passwords.verify("battery staple", Some(&kept)).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.verify("correct horse", None).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.verify("correct horse", Some("$2b$10$x")).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_hash_of_older_settings_is_known_as_such() {
        let kept = passwords(64, 1, 1).hash("correct horse").await.unwrap();
        assert_eq!(
            passwords(128, 1, 1).verify("correct horse", Some(&kept)).await.unwrap(),
            Verdict::Outdated
        );
        assert_eq!(passwords(128, 1, 1).verify("wrong", Some(&kept)).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_bcrypt_hash_of_an_older_system_is_right_and_outdated() {
        let passwords = passwords(64, 1, 1);
        for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
            let parts = bcrypt::hash_with_result("correct horse", 4).unwrap();
            let kept = parts.format_for_version(version);
            assert_eq!(
                passwords.verify("correct horse", Some(&kept)).await.unwrap(),
                Verdict::Outdated,
                "{kept}"
            );
            assert_eq!(passwords.verify("battery staple", Some(&kept)).await.unwrap(), Verdict::Wrong);
        }
        let costly = bcrypt::hash("correct horse", 4).unwrap().replacen("$04$", "$31$", 1);
        assert_eq!(passwords.verify("correct horse", Some(&costly)).await.unwrap(), Verdict::Wrong);
        let broken = "$2b$10$ü";
        assert_eq!(passwords.verify("correct horse", Some(broken)).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn beyond_the_queue_requests_are_refused_and_come_through_later() {
        let passwords = passwords(64, 1, 1);
        let held = Arc::clone(&passwords.0.permits).acquire_owned().await.unwrap();
        let waiting = tokio::spawn({
            let passwords = passwords.clone();
            async move { passwords.hash("one").await }
        });
        while passwords.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        let refused = passwords.hash("two").await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (RefusalCode::Overloaded, Some(RETRY_AFTER)));
        drop(held);
        assert!(waiting.await.unwrap().is_ok());
        assert!(passwords.hash("two").await.is_ok());
        assert_eq!(passwords.waiting(), 0);
    }
}
