//! A server that takes the ID tokens of one provider, and what the tests do with it.

use greenroom::config::{Config, IdentityKind, IdentityProviderSettings};
use reqwest::Method;
use serde_json::{Value, json};

use super::provider::{IdentityProvider, SigningKey, now};
use crate::support::app::TestApp;

pub const PROJECT: &str = "greenroom-tests";
pub const ISSUER: &str = "https://securetoken.google.com/greenroom-tests";
/// Any path that takes an access token.
pub const PROTECTED: &str = "/api/auth/sessions";

pub struct House {
    pub app: TestApp,
    pub provider: IdentityProvider,
    pub key: SigningKey,
}

/// Firebase, with its keys here.
pub fn firebase(provider: &IdentityProvider) -> IdentityProviderSettings {
    IdentityProviderSettings {
        kind: IdentityKind::Firebase,
        project_id: PROJECT.to_owned(),
        jwks_url: provider.jwks_url(),
        ..IdentityProviderSettings::default()
    }
}

impl House {
    pub async fn open() -> Self {
        Self::open_with(|_, _| ()).await
    }

    pub async fn open_with(change: impl FnOnce(&mut Config, &mut IdentityProviderSettings)) -> Self {
        let key = SigningKey::rsa("first");
        let provider = IdentityProvider::start(&[&key]).await;
        let mut settings = firebase(&provider);
        let app = TestApp::start_with(|config| {
            change(config, &mut settings);
            config.auth.providers.insert("firebase".to_owned(), settings);
        })
        .await;
        Self { app, provider, key }
    }

    /// A good token of this person.
    pub fn token(&self, subject: &str) -> String {
        self.key.sign(&claims(subject))
    }

    /// A good token with a verified address.
    pub fn token_with_email(&self, subject: &str, email: &str, verified: bool) -> String {
        let mut claims = claims(subject);
        claims["email"] = json!(email);
        claims["email_verified"] = json!(verified);
        self.key.sign(&claims)
    }

    pub async fn login(&self, token: &str) -> (u16, Value) {
        self.app.call(Method::POST, "/api/auth/login", Some(token), None).await
    }

    pub async fn register(&self, token: &str, body: Value) -> (u16, Value) {
        self.app.post("/api/auth/register", Some(token), body).await
    }

    /// The status of a call with this token.
    pub async fn call(&self, token: &str) -> u16 {
        self.app.get(PROTECTED, Some(token)).await.0
    }

    pub async fn me(&self, token: &str) -> Value {
        let (status, me) = self.app.get("/api/auth/me", Some(token)).await;
        assert_eq!(status, 200, "{me}");
        me
    }

    pub async fn execute(&self, sql: &str) -> u64 {
        self.app.database.pool().get().await.expect("a connection").execute(sql, &[]).await.expect("done")
    }

    pub async fn count(&self, sql: &str) -> i64 {
        self.app
            .database
            .pool()
            .get()
            .await
            .expect("a connection")
            .query_one(sql, &[])
            .await
            .expect("a row")
            .get(0)
    }

    /// Somebody whose account has proved its address.
    pub async fn verified(&self) -> crate::support::app::TestUser {
        let user = self.app.user().await;
        let changed = self
            .execute(&format!("update users set email_verified_at = now() where id = '{}'", user.id))
            .await;
        assert_eq!(changed, 1);
        user
    }
}

/// Of a token that holds for an hour.
pub fn claims(subject: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": PROJECT, "sub": subject, "iat": now() - 1, "exp": now() + 3_600,
        "auth_time": now() - 10,
    })
}

/// The same with one claim changed; null takes it away.
pub fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims("somebody");
    if value.is_null() {
        claims.as_object_mut().expect("an object").remove(name);
    } else {
        claims[name] = value;
    }
    claims
}
