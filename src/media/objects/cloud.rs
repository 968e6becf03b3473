//! A bucket at a cloud. Plain http only where the settings allow it; what failed is tried again a few times, within the
//! time of a request, and then told.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::signer::Signer;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use secrecy::ExposeSecret;

use super::{ObjectError, Objects};
use crate::config::{StoreKind, StoreSettings};

/// Bytes of a part: the least that S3 takes.
const PART_BYTES: usize = 5 * 1024 * 1024;
const RETRIES_MAX: usize = 3;
/// From the first try to the last: who uploads waits for it.
const RETRY_WITHIN: Duration = Duration::from_secs(20);

pub fn open(settings: &StoreSettings) -> Result<Objects, ObjectError> {
    let options = ClientOptions::new()
        .with_allow_http(settings.allow_http)
        .with_connect_timeout(settings.connect_timeout())
        .with_timeout(settings.timeout());
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_WITHIN,
    };
    match settings.kind {
        StoreKind::Gcs => {
            let mut builder = GoogleCloudStorageBuilder::new()
                .with_bucket_name(&settings.bucket)
                .with_client_options(options)
                .with_retry(retry);
            if !settings.credentials_file.is_empty() {
                builder = builder.with_application_credentials(&settings.credentials_file);
            }
            if !settings.endpoint.is_empty() {
                builder = builder.with_base_url(&settings.endpoint);
            }
            Ok(made(Arc::new(builder.build()?), settings))
        }
        StoreKind::Azure => {
            let mut builder = MicrosoftAzureBuilder::new()
                .with_account(&settings.access_key_id)
                .with_access_key(settings.secret_access_key.expose_secret())
                .with_container_name(&settings.bucket)
                .with_client_options(options)
                .with_retry(retry)
                .with_allow_http(settings.allow_http);
            if !settings.endpoint.is_empty() {
                builder = builder.with_endpoint(settings.endpoint.clone());
            }
            Ok(made(Arc::new(builder.build()?), settings))
        }
        StoreKind::S3 | StoreKind::Disk => {
            let mut builder = AmazonS3Builder::new()
                .with_region(&settings.region)
                .with_bucket_name(&settings.bucket)
                .with_virtual_hosted_style_request(!settings.path_style)
                .with_client_options(options)
                .with_retry(retry)
                .with_allow_http(settings.allow_http);
            if !settings.endpoint.is_empty() {
                builder = builder.with_endpoint(settings.endpoint.trim_end_matches('/'));
            }
            if !settings.access_key_id.is_empty() {
                builder = builder
                    .with_access_key_id(&settings.access_key_id)
                    .with_secret_access_key(settings.secret_access_key.expose_secret());
            }
            if !settings.session_token.expose_secret().is_empty() {
                builder = builder.with_token(settings.session_token.expose_secret());
            }
            Ok(made(Arc::new(builder.build()?), settings))
        }
    }
}

fn made<S: ObjectStore + Signer>(store: Arc<S>, settings: &StoreSettings) -> Objects {
    Objects {
        store: store.clone(),
        kind: settings.kind,
        part_bytes: PART_BYTES,
        prefix: settings.prefix.trim_matches('/').into(),
        signer: Some(store),
        _held: None,
    }
}
