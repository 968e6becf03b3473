//! Addresses of objects that open them for a while: `/media/<key>?expires=…&signature=…`.
//!
//! Whoever may read a message gets such an address of what it carries, a new one at each reading. It is signed under a key
//! made from the signing secret, so nothing has to be kept, and it opens this object alone. Ends are rounded up: within a
//! quarter of its life the address of an object is the same, and a browser asks for it once.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenroom_actors::domain::{Attachment, Place};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::ObjectKey;

/// Sets this key apart from whatever else is made from the signing secret.
const KEY_LABEL: &[u8] = b"greenroom: addresses of media";
/// Where objects are given out.
pub const FOLDER: &str = "/media/";
/// The shortest life of an address: what was just read must still open.
pub const LIFETIME_MIN: Duration = Duration::from_secs(60);

/// Why an address does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shut {
    #[error("this address is not signed, or not for this")]
    Forged,
    #[error("this address has expired: read the message again for a new one")]
    Expired,
}

/// This process's, as its log and its metrics are: a message is shown in many places, and none of them has a say in how.
static INSTALLED: RwLock<Option<Links>> = RwLock::new(None);

/// Where a client finds what lies there; nothing of what is gone. Before [`Links::install`] nothing opens it.
#[must_use]
pub fn address(place: &Place) -> String {
    match place {
        Place::Url(url) => url.to_string(),
        Place::Object(key) => match Links::installed() {
            Some(links) => links.sign(key, Timestamp::now()),
            None => format!("{FOLDER}{key}"),
        },
        Place::Gone => String::new(),
    }
}

/// See [`Links::own`].
#[must_use]
pub fn own(attachment: Arc<Attachment>) -> Arc<Attachment> {
    match Links::installed() {
        Some(links) => links.own(attachment),
        None => attachment,
    }
}

/// Signs and opens addresses. Cheap to clone.
#[derive(Clone)]
pub struct Links {
    /// The first one signs; all of them open. Never empty.
    keys: Arc<[hmac::Key]>,
    lifetime: Duration,
}

impl Links {
    /// `present` signs; what a previous secret signed still opens.
    pub fn new<'a>(
        present: &'a SecretString,
        previous: impl IntoIterator<Item = &'a SecretString>,
        lifetime: Duration,
    ) -> Self {
        let keys = std::iter::once(present).chain(previous).map(key).collect();
        Self { keys, lifetime: lifetime.max(LIFETIME_MIN) }
    }

    /// All addresses that this process gives are signed by these from now on.
    pub fn install(self) {
        *INSTALLED.write().unwrap_or_else(PoisonError::into_inner) = Some(self);
    }

    #[must_use]
    pub fn installed() -> Option<Self> {
        INSTALLED.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An address that opens the object from `now` on, for the usual span and at most a quarter more.
    #[must_use]
    pub fn sign(&self, key: &str, now: Timestamp) -> String {
        let seconds = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX / 8);
        let step = (seconds / 4).max(1);
        let end = (now.as_second() / step + 1) * step + seconds;
        self.until(key, end)
    }

    /// An address that opens the object until then (seconds of Unix time).
    #[must_use]
    pub fn until(&self, key: &str, expires: i64) -> String {
        let signature = hmac::sign(&self.keys[0], &signed(key, expires));
        format!("{FOLDER}{key}?expires={expires}&signature={}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Whether the signature is of this key and this end, and the end is to come. Compared in constant time.
    pub fn open(&self, key: &str, expires: i64, signature: &str, now: Timestamp) -> Result<(), Shut> {
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Shut::Forged)?;
        let text = signed(key, expires);
        let holds = self.keys.iter().any(|key| hmac::verify(key, &text, &signature).is_ok());
        match (holds, expires > now.as_second()) {
            (true, true) => Ok(()),
            (true, false) => Err(Shut::Expired),
            (false, _) => Err(Shut::Forged),
        }
    }

    /// A file of ours whose signed address somebody was given becomes the object itself: whoever reads the message gets an
    /// address of their own. What is not signed proves nothing, and stays as it is.
    #[must_use]
    pub fn own(&self, attachment: Arc<Attachment>) -> Arc<Attachment> {
        let Place::Url(url) = &attachment.place else { return attachment };
        match self.opened(url, Timestamp::now()) {
            Some(key) => {
                Arc::new(Attachment { place: Place::Object((&key).into()), ..Attachment::clone(&attachment) })
            }
            None => attachment,
        }
    }

    /// The object that this address of ours opens at this moment.
    fn opened(&self, url: &str, now: Timestamp) -> Option<ObjectKey> {
        let base = Url::parse("https://own.invalid").ok()?;
        let url = base.join(url).ok().filter(|url| url.origin() == base.origin())?;
        let key = ObjectKey::parse(url.path().strip_prefix(FOLDER)?).ok()?;
        let query = |name| {
            let mut pairs = form_urlencoded::parse(url.query()?.as_bytes());
            pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
        };
        let expires = query("expires")?.parse().ok()?;
        self.open(key.as_str(), expires, &query("signature")?, now).ok()?;
        Some(key)
    }
}

fn key(secret: &SecretString) -> hmac::Key {
    let master = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&master, KEY_LABEL).as_ref())
}

/// No key has the separator in it.
fn signed(key: &str, expires: i64) -> Vec<u8> {
    format!("{key}\0{expires}").into_bytes()
}

#[cfg(test)]
mod tests {
    use greenroom_actors::domain::AttachmentKind;

    use super::*;

    const KEY: &str = "content/1/audio_1.mp3";

    fn links(secret: &str) -> Links {
        Links::new(&secret.into(), [], Duration::from_secs(3_600))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn parts(url: &str) -> (i64, String) {
        let url = Url::parse("http://x").unwrap().join(url).unwrap();
        let mut pairs = url.query_pairs().map(|(_, value)| value.into_owned());
        (pairs.next().unwrap().parse().unwrap(), pairs.next().unwrap())
    }

    #[test]
    fn an_address_opens_its_object_until_its_end() {
        let links = links("one secret");
        let (expires, signature) = parts(&links.sign(KEY, at(1_000_000)));
        assert!((1_003_600..=1_004_500).contains(&expires));
        assert_eq!(links.open(KEY, expires, &signature, at(1_000_000)), Ok(()));
        assert_eq!(links.open(KEY, expires, &signature, at(expires)), Err(Shut::Expired));
        assert_eq!(links.open(KEY, expires + 1, &signature, at(0)), Err(Shut::Forged));
        assert_eq!(links.open("content/1/audio_2.mp3", expires, &signature, at(0)), Err(Shut::Forged));
        for forged in ["", "AAAA", "not base64!", &signature[1..]] {
            assert_eq!(links.open(KEY, expires, forged, at(0)), Err(Shut::Forged), "{forged}");
        }
    }

    #[test]
    fn another_secret_signs_nothing_and_a_previous_one_still_opens() {
        let (old, new) = ("the secret of yesterday".into(), "the secret of today".into());
        let (expires, signature) = parts(&links("the secret of yesterday").until(KEY, 500));
        let both = Links::new(&new, [&old], Duration::from_secs(60));
        assert_eq!(both.open(KEY, expires, &signature, at(0)), Ok(()));
        assert_eq!(links("the secret of today").open(KEY, expires, &signature, at(0)), Err(Shut::Forged));
    }

    #[test]
    fn within_a_quarter_of_its_life_an_address_stays_the_same() {
        let links = links("one secret");
        assert_eq!(links.sign(KEY, at(9_000)), links.sign(KEY, at(9_899)));
        assert_ne!(links.sign(KEY, at(9_000)), links.sign(KEY, at(9_900)));
    }

    #[test]
    fn only_a_signed_address_becomes_the_object() {
        let links = links("one secret");
        let sent = |url: &str| {
            let attachment = Attachment::new(Place::Url(url.into()), AttachmentKind::Audio);
            links.own(Arc::new(attachment)).place.clone()
        };
        let now = Timestamp::now();
        assert_eq!(sent(&links.sign(KEY, now)), Place::Object(KEY.into()));
        let expired = links.until(KEY, now.as_second() - 1);
        let forged = links.sign(KEY, now).replace("audio_1", "audio_2");
        let bare = format!("/media/{KEY}");
        let elsewhere = format!("https://example.com{}", links.sign(KEY, now));
        for url in [&expired, &forged, &bare, &elsewhere] {
            assert_eq!(sent(url), Place::Url(url.as_str().into()));
        }
    }
}
