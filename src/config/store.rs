//! Where files lie: on this machine's disk, or at a cloud.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::Config;
use super::validate::Broken;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    #[default]
    Disk,
    /// Amazon's, and all that speak as it does.
    S3,
    Gcs,
    Azure,
}

impl StoreKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreSettings {
    pub kind: StoreKind,
    /// Bucket, or container at Azure.
    pub bucket: String,
    /// Folder in the bucket; empty: the whole of it.
    pub prefix: String,
    pub region: String,
    /// Another address than the cloud's own.
    pub endpoint: String,
    /// The bucket stands in the path (`endpoint/bucket/key`), not in the host.
    pub path_style: bool,
    /// Whether the address may be plain http.
    pub allow_http: bool,
    /// Key and secret at S3; account and its key at Azure. Empty at S3: the role of the machine.
    pub access_key_id: String,
    #[serde(serialize_with = "super::secret::masked")]
    pub secret_access_key: SecretString,
    #[serde(serialize_with = "super::secret::masked")]
    pub session_token: SecretString,
    /// File with the key of a service account at GCS. Empty: the role of the machine.
    pub credentials_file: String,
    /// For one request, without what it carries.
    pub connect_timeout_ms: u64,
    pub timeout_ms: u64,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            kind: StoreKind::default(),
            bucket: String::new(),
            prefix: String::new(),
            region: "us-east-1".to_owned(),
            endpoint: String::new(),
            path_style: true,
            allow_http: false,
            access_key_id: String::new(),
            secret_access_key: SecretString::default(),
            session_token: SecretString::default(),
            credentials_file: String::new(),
            connect_timeout_ms: 5_000,
            timeout_ms: 60_000,
        }
    }
}

impl StoreSettings {
    /// Where the store's own addresses lead; `None` on a disk.
    #[must_use]
    pub fn origin(&self) -> Option<String> {
        let Self { bucket, region, endpoint, access_key_id: account, .. } = self;
        if self.kind != StoreKind::Disk && !endpoint.is_empty() {
            return Some(endpoint.clone());
        }
        match self.kind {
            StoreKind::Disk => None,
            StoreKind::S3 if self.path_style => Some(format!("https://s3.{region}.amazonaws.com")),
            StoreKind::S3 => Some(format!("https://{bucket}.s3.{region}.amazonaws.com")),
            StoreKind::Gcs => Some("https://storage.googleapis.com".to_owned()),
            StoreKind::Azure => Some(format!("https://{account}.blob.core.windows.net")),
        }
    }

    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

impl Config {
    pub(super) fn check_store(&self, broken: &mut Broken) {
        let store = &self.media.store;
        let cloud = store.kind != StoreKind::Disk;
        broken.unless(
            !cloud || !store.bucket.is_empty(),
            "media.store.bucket",
            "is missing: the bucket (STORAGE_BUCKET), or kind = \"disk\"",
        );
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
        broken.unless(
            store.prefix.chars().all(plain) && !store.prefix.split('/').any(|part| part.starts_with('.')),
            "media.store.prefix",
            "takes letters, digits, -, _ and / between folders",
        );
        let secure = store.endpoint.starts_with("https://");
        broken.unless(
            store.endpoint.is_empty() || secure || store.endpoint.starts_with("http://"),
            "media.store.endpoint",
            "takes an address: https://s3.example.com",
        );
        broken.unless(
            store.endpoint.is_empty() || secure || store.allow_http,
            "media.store.endpoint",
            "is plain http, which anybody on the way reads: allow_http = true permits it",
        );
        broken.unless(
            store.access_key_id.is_empty() == store.secret_access_key.expose_secret().is_empty(),
            "media.store.secret_access_key",
            "goes with access_key_id: both, or none for the role of the machine",
        );
        broken.unless(
            store.kind != StoreKind::Azure || !store.access_key_id.is_empty(),
            "media.store.access_key_id",
            "is missing: the account at Azure",
        );
        for (name, span) in [
            ("media.store.connect_timeout_ms", store.connect_timeout_ms),
            ("media.store.timeout_ms", store.timeout_ms),
        ] {
            broken.unless((1..=600_000).contains(&span), name, "takes 1 to 600000");
        }
        let base = &self.media.cdn_base_url;
        broken.unless(
            base.is_empty() || base.starts_with("https://") || base.starts_with("http://"),
            "media.cdn_base_url",
            "takes an address: https://cdn.example.com",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MediaSettings;

    #[test]
    fn pages_may_show_files_from_where_they_are_sent_and_from_nowhere_else() {
        let store = StoreSettings { kind: StoreKind::S3, bucket: "b".to_owned(), ..StoreSettings::default() };
        let mut media = MediaSettings { store, ..MediaSettings::default() };
        assert_eq!(media.origins(), Vec::<String>::new());
        media.redirect = true;
        assert_eq!(media.origins(), ["https://s3.us-east-1.amazonaws.com"]);
        media.store.endpoint = "http://minio:9000/".to_owned();
        media.cdn_base_url = "https://cdn.example.com/files".to_owned();
        assert_eq!(media.origins(), ["https://cdn.example.com", "http://minio:9000"]);
    }
}
