//! At Google: its XML interface is what the server of these tests speaks, and this is its door. The token that a service
//! account signs for itself, and addresses that are signed by `GOOG4-RSA-SHA256`, are checked against the account's public
//! key, as <https://cloud.google.com/storage/docs/authentication/canonical-requests> has it.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use data_encoding::HEXLOWER;
use greenroom::config::{StoreKind, StoreSettings};
use greenroom::media::{ObjectError, Objects};
use http::Request;
use http::header::AUTHORIZATION;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::{BUCKET, Cloud, comes_and_goes, goes_up_in_parts, key};

const ACCOUNT: &str = "greenroom@house.iam.gserviceaccount.com";
/// What addresses are signed for, whatever stands in the place of it.
const HOST: &str = "storage.googleapis.com";

/// The bucket, and the file with the key of an account that may use it.
struct Google {
    cloud: Cloud,
    credentials: tempfile::NamedTempFile,
}

fn credentials(pair: &RsaKeyPair) -> tempfile::NamedTempFile {
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(pair).unwrap();
    let lines = STANDARD.encode(der.as_ref());
    let private_key = format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n");
    let file = tempfile::NamedTempFile::new().unwrap();
    let account = json!({
        "type": "service_account", "client_email": ACCOUNT, "private_key_id": "first", "private_key": private_key
    });
    std::fs::write(file.path(), account.to_string()).unwrap();
    file
}

impl Google {
    async fn start() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pair.public_key().as_ref().to_vec();
        let cloud = Cloud::behind(None, move |request| admits(&public, request)).await;
        Self { cloud, credentials: credentials(&pair) }
    }

    fn settings(&self) -> StoreSettings {
        StoreSettings {
            kind: StoreKind::Gcs,
            bucket: BUCKET.to_owned(),
            prefix: "house/media".to_owned(),
            endpoint: format!("http://{}", self.cloud.address),
            allow_http: true,
            credentials_file: self.credentials.path().to_str().unwrap().to_owned(),
            timeout_ms: 5_000,
            ..StoreSettings::default()
        }
    }

    fn objects(&self) -> Objects {
        Objects::open(&self.settings(), Path::new("/nowhere")).unwrap()
    }
}

/// Who is let in shows no further papers: the server behind the door knows none of these.
fn admits<B>(public: &[u8], request: &mut Request<B>) -> bool {
    match request.headers_mut().remove(AUTHORIZATION) {
        Some(shown) => shown.to_str().unwrap().strip_prefix("Bearer ").is_some_and(|token| {
            let mut rules = Validation::new(Algorithm::RS256);
            rules.set_issuer(&[ACCOUNT]);
            rules.set_required_spec_claims(&["exp", "iss", "sub"]);
            let claims = decode::<Value>(token, &DecodingKey::from_rsa_der(public), &rules);
            claims
                .is_ok_and(|token| token.claims["scope"] == "https://www.googleapis.com/auth/cloud-platform")
        }),
        None => signed(public, request).unwrap_or_default(),
    }
}

/// Whether the address itself admits.
fn signed<B>(public: &[u8], request: &Request<B>) -> Option<bool> {
    let (told, signature) = request.uri().query()?.split_once("&X-Goog-Signature=")?;
    let address = Url::parse(&format!("https://{HOST}/?{told}")).ok()?;
    let of = |name: &str| {
        let found = address.query_pairs().find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned())
    };
    let (date, credential) = (of("X-Goog-Date")?, of("X-Goog-Credential")?);
    let scope = credential.strip_prefix(ACCOUNT)?.strip_prefix('/')?;
    let (method, path) = (request.method(), request.uri().path());
    let canonical = format!("{method}\n{path}\n{told}\nhost:{HOST}\n\nhost\nUNSIGNED-PAYLOAD");
    let digest = digest(&SHA256, canonical.as_bytes());
    let digest = HEXLOWER.encode(digest.as_ref());
    let text = format!("GOOG4-RSA-SHA256\n{date}\n{scope}\n{digest}");
    let signature = HEXLOWER.decode(signature.as_bytes()).ok()?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
    let from = DateTime::strptime("%Y%m%dT%H%M%SZ", &date).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let until = from + SignedDuration::from_secs(of("X-Goog-Expires")?.parse().ok()?);
    Some(key.verify(text.as_bytes(), &signature).is_ok() && Timestamp::now() < until)
}

#[tokio::test]
async fn an_object_comes_out_of_it_as_it_went_in_and_is_gone_when_it_is_deleted() {
    let google = Google::start().await;
    let objects = google.objects();
    assert_eq!(objects.kind(), "gcs");
    comes_and_goes(&google.cloud, &objects).await;
}

#[tokio::test]
async fn a_large_object_goes_up_in_parts_and_what_breaks_off_leaves_nothing() {
    let google = Google::start().await;
    goes_up_in_parts(&google.cloud, &google.objects()).await;
}

#[tokio::test]
async fn a_signed_address_opens_its_object_by_its_method_for_a_while() {
    let google = Google::start().await;
    let objects = google.objects();
    let key = key("a.png");
    objects.put(&key, Bytes::from_static(b"a picture")).await.unwrap();
    let client = reqwest::Client::new();
    let minute = Duration::from_secs(60);
    for method in [Method::GET, Method::HEAD] {
        let url = objects.signed(method.clone(), &key, minute).await.unwrap().unwrap();
        let answer = client.request(method.clone(), url.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{method}");
        assert_eq!(answer.headers()["content-type"], "image/png");
        assert_eq!(answer.headers()["content-disposition"], "inline");
        let other = if method == Method::GET { Method::DELETE } else { Method::GET };
        assert_eq!(client.request(other, url.clone()).send().await.unwrap().status(), 403);
        let longer = url.as_str().replace("X-Goog-Expires=60", "X-Goog-Expires=600");
        assert_ne!(longer, url.as_str());
        assert_eq!(client.request(method, longer).send().await.unwrap().status(), 403);
    }
    let brief = objects.signed(Method::GET, &key, Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(client.get(brief).send().await.unwrap().status(), 403, "it has expired");
}

#[tokio::test]
async fn a_key_of_another_account_is_told_without_being_shown() {
    let google = Google::start().await;
    let stranger = credentials(&RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    let file = stranger.path().to_str().unwrap().to_owned();
    let settings = StoreSettings { credentials_file: file, ..google.settings() };
    let objects = Objects::open(&settings, Path::new("/nowhere")).unwrap();
    let Err(ObjectError::Store(why)) = objects.probe().await else { panic!("it was let in") };
    assert!(why.contains("403") && !why.contains("Bearer") && !why.contains("eyJ"), "{why}");
}
