//! Secrets: never printed, and the signing secret that a development server makes for itself.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde::Serializer;

use super::{Config, ConfigError};
use crate::accounts::random_hex;

/// The file in `data_dir` with a development server's signing secret.
pub const SIGNING_SECRET_FILE: &str = "jwt_secret";
/// What stands for a secret wherever settings are shown.
pub(super) const MASK: &str = "********";

thread_local! {
    /// What is shown of secrets on this thread: by this key, which no other process has, two can be told apart.
    static TOLD_APART_BY: RefCell<Option<RandomState>> = const { RefCell::new(None) };
}

/// Runs `show` so that masked secrets that differ look different, by this key, and still tell nothing.
pub(super) fn told_apart<T>(by: &RandomState, show: impl FnOnce() -> T) -> T {
    TOLD_APART_BY.set(Some(by.clone()));
    let shown = show();
    TOLD_APART_BY.set(None);
    shown
}

fn mask(secret: &SecretString) -> Cow<'static, str> {
    let secret = secret.expose_secret();
    if secret.is_empty() {
        return Cow::Borrowed("");
    }
    TOLD_APART_BY.with_borrow(|by| match by {
        Some(by) => Cow::Owned(format!("{MASK}{:016x}", by.hash_one(secret))),
        None => Cow::Borrowed(MASK),
    })
}

/// Shows whether a secret is set and nothing more.
pub(super) fn masked<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&mask(secret))
}

/// The same for a list of them.
pub(super) fn masked_list<S: Serializer>(secrets: &[SecretString], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(secrets.iter().map(mask))
}

impl Config {
    /// What access tokens are signed with: the configured secret or, in development, one that is made once and kept
    /// in `data_dir`, so that a restart signs nobody out.
    pub fn signing_secret(&self) -> Result<SecretString, ConfigError> {
        if !self.auth.jwt_secret.expose_secret().is_empty() {
            return Ok(self.auth.jwt_secret.clone());
        }
        if self.is_production() {
            return Err(ConfigError::invalid("auth.jwt_secret", "production needs JWT_SECRET"));
        }
        kept(&self.data_dir).map_err(|error| {
            ConfigError::invalid(
                "data_dir",
                format!("cannot keep the signing secret in {}: {error}", self.data_dir.display()),
            )
        })
    }
}

fn kept(folder: &Path) -> io::Result<SecretString> {
    let path = folder.join(SIGNING_SECRET_FILE);
    match fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= 32 => return Ok(text.trim().into()),
        // A file that was cut short by a crash is made anew.
        Ok(_) => fs::remove_file(&path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(folder)?,
        Err(error) => return Err(error),
    }
    // Written aside and then linked into place: of two processes that start at once, one wins and both use its secret.
    let secret = random_hex::<32>();
    let aside = folder.join(format!("{SIGNING_SECRET_FILE}.{}", random_hex::<8>()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, &path);
    fs::remove_file(&aside)?;
    match linked {
        Ok(()) => Ok(secret.into()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok(fs::read_to_string(&path)?.trim().into())
        }
        Err(error) => Err(error),
    }
}
