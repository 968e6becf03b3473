//! Where a provider's keys come from: fetched and cached, or read from a file; and when they are read again.
//!
//! They hold for as long as the answer says, within bounds. After that, and when a token names a key that is not
//! there, they are read again: one reading at a time, and not before [`Times::pause`] has passed since the last try,
//! whatever tokens say. While reading fails the old keys go on, for [`Times::kept_max`] at most: a provider that is
//! away for an hour signs nobody out, and a key that was withdrawn does not live for ever.
//!
//! A reading is a task of its own: it goes on when the request that asked for it is given up.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::Algorithm;
use reqwest::header::{ACCEPT, AGE, CACHE_CONTROL, HeaderMap};
use tokio::io::AsyncReadExt;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::key_set::{KeySet, PublicKey};

/// A set of keys has some kilobytes.
const DOCUMENT_MAX_BYTES: usize = 256 * 1024;
/// Where the answer does not say how long it holds.
const FRESH_DEFAULT: Duration = Duration::from_secs(600);
/// A file is looked at so often; reading it costs next to nothing.
const FILE_LOOK: Duration = Duration::from_secs(1);

pub(super) enum Source {
    Web { http: reqwest::Client, url: String },
    File(PathBuf),
}

#[derive(Clone, Copy)]
pub(super) struct Times {
    /// Between two readings.
    pub pause: Duration,
    /// How long fetched keys hold at least and at most.
    pub fresh: (Duration, Duration),
    /// How long they go on while they cannot be read.
    pub kept_max: Duration,
}

impl Times {
    pub fn new(pause: Duration) -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        Self { pause, fresh: (Duration::from_secs(60), hours(24)), kept_max: hours(24) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The provider has no such key.
    Unknown,
    /// Its keys are not known now.
    Unavailable,
}

/// One provider's keys. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(super) struct Keys(Arc<Inner>);

struct Inner {
    provider: String,
    source: Source,
    algorithms: Vec<Algorithm>,
    times: Times,
    held: RwLock<Arc<Held>>,
    /// When they were last tried to be read; held while they are.
    last_try: Arc<Mutex<Option<Instant>>>,
}

#[derive(Default)]
struct Held {
    set: KeySet,
    /// When they were read, and until when they hold.
    read: Option<(Instant, Instant)>,
}

impl Keys {
    pub fn new(provider: &str, source: Source, algorithms: Vec<Algorithm>, times: Times) -> Self {
        let times = match source {
            Source::File(_) => Times { pause: times.pause.min(FILE_LOOK), ..times },
            Source::Web { .. } => times,
        };
        Self(Arc::new(Inner {
            provider: provider.to_owned(),
            source,
            algorithms,
            times,
            held: RwLock::default(),
            last_try: Arc::default(),
        }))
    }

    /// The key that a token names and that may check this algorithm.
    pub async fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<PublicKey>, NoKey> {
        let held = self.0.held();
        let found = held.set.find(kid, algorithm);
        let fresh = held.read.is_some_and(|(_, until)| Instant::now() < until);
        if let Some(key) = &found
            && fresh
        {
            return Ok(Arc::clone(key));
        }
        self.read_again(found.is_some()).await;
        let held = self.0.held();
        let kept = held.read.is_some_and(|(read, _)| read.elapsed() <= self.0.times.kept_max);
        if !kept {
            return Err(NoKey::Unavailable);
        }
        held.set.find(kid, algorithm).ok_or(NoKey::Unknown)
    }

    /// Reads the keys if that may be done now. Who holds an old key does not wait for another's reading.
    async fn read_again(&self, has_key: bool) {
        let last_try = Arc::clone(&self.0.last_try);
        let mut guard = if has_key {
            let Ok(guard) = last_try.try_lock_owned() else { return };
            guard
        } else {
            last_try.lock_owned().await
        };
        if guard.is_some_and(|last| last.elapsed() < self.0.times.pause) {
            return;
        }
        *guard = Some(Instant::now());
        let inner = Arc::clone(&self.0);
        // That it ended is all that is of interest; a panic in it leaves the old keys.
        let _ = tokio::spawn(async move { inner.read(guard).await }).await;
    }
}

impl Inner {
    fn held(&self) -> Arc<Held> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn read(&self, _one_at_a_time: OwnedMutexGuard<Option<Instant>>) {
        let document = match &self.source {
            Source::Web { http, url } => fetch(http, url, self.times.fresh).await,
            Source::File(path) => read_file(path).await.map(|document| (document, FILE_LOOK)),
        };
        let parsed = document.and_then(|(document, fresh)| {
            let set = KeySet::parse(&document, &self.algorithms);
            set.map(|set| (set, fresh)).map_err(|why| format!("the answer {why}"))
        });
        match parsed {
            Ok((set, fresh)) => {
                let now = Instant::now();
                let held = Held { set, read: Some((now, now + fresh)) };
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(held);
            }
            Err(error) => {
                tracing::warn!(
                    provider = self.provider,
                    error,
                    "the keys of an identity provider cannot be read"
                );
            }
        }
    }
}

async fn fetch(
    http: &reqwest::Client,
    url: &str,
    bounds: (Duration, Duration),
) -> Result<(Vec<u8>, Duration), String> {
    let told = |error: reqwest::Error| error.without_url().to_string();
    let mut answer = http.get(url).header(ACCEPT, "application/json").send().await.map_err(told)?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(format!("it answers {}", answer.status()));
    }
    let fresh = freshness(answer.headers()).clamp(bounds.0, bounds.1);
    let mut document = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(told)? {
        if document.len() + piece.len() > DOCUMENT_MAX_BYTES {
            return Err("the answer is too large".to_owned());
        }
        document.extend_from_slice(&piece);
    }
    Ok((document, fresh))
}

async fn read_file(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let file = tokio::fs::File::open(path).await.map_err(|error| error.to_string())?;
    let mut document = Vec::new();
    let most = DOCUMENT_MAX_BYTES as u64 + 1;
    file.take(most).read_to_end(&mut document).await.map_err(|error| error.to_string())?;
    if document.len() > DOCUMENT_MAX_BYTES { Err("the file is too large".to_owned()) } else { Ok(document) }
}

/// How long an answer says that it holds (RFC 9111 §4.2.1, without heuristics).
fn freshness(headers: &HeaderMap) -> Duration {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives: Vec<String> =
        values.flat_map(|value| value.split(',')).map(|one| one.trim().to_ascii_lowercase()).collect();
    if directives.iter().any(|one| one == "no-store" || one == "no-cache") {
        return Duration::ZERO;
    }
    let seconds = |text: &str| text.trim_matches('"').parse::<u64>().ok();
    let max_age = directives.iter().find_map(|one| seconds(one.strip_prefix("max-age=")?));
    let age = headers.get(AGE).and_then(|value| seconds(value.to_str().ok()?)).unwrap_or(0);
    max_age.map_or(FRESH_DEFAULT, |max_age| Duration::from_secs(max_age.saturating_sub(age)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn document(kid: &str) -> String {
        let part = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
        json!({"keys": [{"kty": "EC", "crv": "P-256", "x": part, "y": part, "kid": kid}]}).to_string()
    }

    fn keys(path: PathBuf, kept_max: Duration) -> Keys {
        let times = Times { kept_max, ..Times::new(Duration::ZERO) };
        let keys = Keys::new("test", Source::File(path), vec![Algorithm::ES256], times);
        // A file holds for a second; here it is read at each look.
        assert_eq!(keys.0.times.pause, Duration::ZERO);
        keys
    }

    /// Makes what is held old.
    fn age(keys: &Keys, by: Duration) {
        let held = keys.0.held();
        let set = KeySet::parse(document("a").as_bytes(), &[Algorithm::ES256]).unwrap();
        let read = held.read.map(|(read, _)| (read.checked_sub(by).unwrap(), read.checked_sub(by).unwrap()));
        *keys.0.held.write().unwrap() = Arc::new(Held { set, read });
    }

    #[tokio::test]
    async fn a_file_that_changes_is_read_again_and_one_that_is_gone_leaves_the_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let keys = keys(path.clone(), Duration::from_secs(3_600));
        let find = async |kid: &str| keys.find(Some(kid), Algorithm::ES256).await.map(drop);
        assert_eq!(find("a").await, Err(NoKey::Unavailable));
        fs::write(&path, document("a")).unwrap();
        assert_eq!(find("a").await, Ok(()));
        assert_eq!(find("b").await, Err(NoKey::Unknown));
        fs::write(&path, document("b")).unwrap();
        assert_eq!(find("b").await, Ok(()));
        fs::write(&path, "half a docum").unwrap();
        age(&keys, Duration::from_secs(60));
        assert_eq!(find("a").await, Ok(()));
        fs::remove_file(&path).unwrap();
        assert_eq!(find("a").await, Ok(()));
        // The set is known, and has no such key.
        assert_eq!(find("b").await, Err(NoKey::Unknown));
    }

    #[tokio::test]
    async fn keys_that_cannot_be_read_again_do_not_live_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        fs::write(&path, document("a")).unwrap();
        let keys = keys(path.clone(), Duration::from_secs(3_600));
        assert!(keys.find(Some("a"), Algorithm::ES256).await.is_ok());
        fs::remove_file(&path).unwrap();
        age(&keys, Duration::from_secs(3_601));
        assert_eq!(keys.find(Some("a"), Algorithm::ES256).await.err(), Some(NoKey::Unavailable));
    }

    #[test]
    fn an_answer_says_how_long_it_holds() {
        let headers = |pairs: &[(&str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                let name: reqwest::header::HeaderName = name.parse().unwrap();
                headers.append(name, value.parse().unwrap());
            }
            freshness(&headers).as_secs()
        };
        assert_eq!(headers(&[]), 600);
        assert_eq!(headers(&[("cache-control", "public, max-age=19302, must-revalidate")]), 19_302);
        assert_eq!(
            headers(&[("cache-control", "public"), ("cache-control", "Max-Age=300"), ("age", "100")]),
            200
        );
        assert_eq!(headers(&[("cache-control", "max-age=100"), ("age", "500")]), 0);
        assert_eq!(headers(&[("cache-control", "no-store")]), 0);
        assert_eq!(headers(&[("cache-control", "max-age=-5")]), 600);
    }
}
