//! Which tokens hold.

use greenroom::config::{IdentityKind, IdentityProviderSettings};
use serde_json::{Value, json};

use super::house::{House, ISSUER, PROJECT, claims, claims_with};
use super::provider::{IdentityProvider, SigningKey, encode, now, sign_hs256, unsigned};
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_each_kind_of_provider_sign_in() {
    let (google, supabase, own) = (SigningKey::rsa("g1"), SigningKey::ec("s1"), SigningKey::ec("o1"));
    let (keys, project) =
        (IdentityProvider::start(&[&google]).await, IdentityProvider::start(&[&supabase]).await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, json!({"keys": [own.jwk()]}).to_string()).unwrap();
    let app = TestApp::start_with(|config| {
        let providers = &mut config.auth.providers;
        providers.insert("firebase".to_owned(), super::house::firebase(&keys));
        let settings = IdentityProviderSettings {
            kind: IdentityKind::Supabase,
            url: project.url(),
            ..IdentityProviderSettings::default()
        };
        providers.insert("supabase".to_owned(), settings);
        let settings = IdentityProviderSettings {
            issuer: "https://id.example.com".to_owned(),
            audience: vec!["web".to_owned(), "phone".to_owned()],
            keys_file: file.display().to_string(),
            algorithms: vec!["ES256".to_owned(), "RS256".to_owned()],
            ..IdentityProviderSettings::default()
        };
        providers.insert("house".to_owned(), settings);
    })
    .await;
    let base = json!({"sub": "0b4e7a4c", "iat": now(), "exp": now() + 600});
    let with = |issuer: &str, audience: Value| {
        let mut claims = base.clone();
        claims["iss"] = json!(issuer);
        claims["aud"] = audience;
        claims
    };
    let tokens = [
        ("firebase", google.sign(&with(ISSUER, json!(PROJECT)))),
        ("supabase", supabase.sign(&with(&format!("{}/auth/v1", project.url()), json!("authenticated")))),
        ("house", own.sign(&with("https://id.example.com", json!(["phone", "web"])))),
    ];
    for (name, token) in tokens {
        let (status, entered) = app.post("/api/auth/login", Some(&token), json!({})).await;
        assert_eq!(status, 201, "{name}: {entered}");
        // The same subject elsewhere is somebody else, and the ID token is as good as the access token.
        let access = entered["accessToken"].as_str().unwrap();
        for bearer in [&token, access] {
            let (status, me) = app.get("/api/auth/me", Some(bearer)).await;
            assert_eq!((status, &me["user"]["id"]), (200, &entered["user"]["id"]), "{name}");
            assert_eq!(me["identities"][0]["provider"], name);
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_algorithm_is_never_the_tokens_choice() {
    let (rsa, ec) = (SigningKey::rsa("r"), SigningKey::ec("e"));
    // Both kinds of keys are published by both: only what is pinned may use them.
    let provider = IdentityProvider::start(&[&rsa, &ec]).await;
    let app = TestApp::start_with(|config| {
        for (name, algorithm) in [("one", "RS256"), ("two", "ES256")] {
            let settings = IdentityProviderSettings {
                issuer: format!("https://{name}.example.com"),
                audience: vec!["us".to_owned()],
                jwks_url: provider.jwks_url(),
                algorithms: vec![algorithm.to_owned()],
                ..IdentityProviderSettings::default()
            };
            config.auth.providers.insert(name.to_owned(), settings);
        }
    })
    .await;
    let claims = |name: &str| {
        json!({"iss": format!("https://{name}.example.com"), "aud": "us", "sub": "mira",
            "iat": now(), "exp": now() + 600})
    };
    let header = |alg: &str, kid: &str| json!({"alg": alg, "typ": "JWT", "kid": kid});
    let jwk = rsa.jwk();
    let secrets =
        [rsa.public_bytes(), jwk.to_string().into_bytes(), jwk["n"].to_string().into_bytes(), Vec::new()];
    let mut bad: Vec<String> =
        secrets.iter().map(|secret| sign_hs256(&header("HS256", "r"), &claims("one"), secret)).collect();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        bad.push(unsigned(&header(alg, "r"), &claims("one")));
    }
    // A good signature by a key that is published, under an algorithm that is not this provider's.
    bad.push(rsa.sign(&claims("two")));
    bad.push(ec.sign(&claims("one")));
    // A header that lies about the key or the algorithm.
    bad.push(rsa.sign_as(&header("RS256", "e"), &claims("one")));
    bad.push(rsa.sign_as(&header("ES256", "e"), &claims("two")));
    bad.push(rsa.sign_as(&header("ES256", "r"), &claims("two")));
    bad.push(rsa.sign_as(&header("RS512", "r"), &claims("one")));
    // Two algorithms in one header: which counts must not be a question.
    let doubled = r#"{"alg":"none","alg":"RS256","kid":"r"}"#;
    bad.push(format!("{}.{}.", encode(doubled), encode(claims("one").to_string())));
    // The attacker's own key, brought along.
    let own = SigningKey::rsa("r");
    let mut brought = header("RS256", "r");
    brought["jwk"] = own.jwk();
    bad.push(own.sign_as(&brought, &claims("one")));
    for token in &bad {
        let (status, refused) = app.post("/api/auth/login", Some(token), json!({})).await;
        assert_eq!((status, &refused["error"]), (401, &json!("unauthenticated")), "{token}");
    }
    for good in [rsa.sign(&claims("one")), ec.sign(&claims("two"))] {
        assert_eq!(app.post("/api/auth/login", Some(&good), json!({})).await.0, 201);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_refused_for_whatever_is_wrong_with_it() {
    let house = House::open().await;
    let sign = |claims: Value| house.key.sign(&claims);
    assert_eq!(house.login(&sign(claims("somebody"))).await.0, 201);
    let header = |name: &str, value: Value| {
        let mut header = house.key.header();
        header[name] = value;
        house.key.sign_as(&header, &claims("somebody"))
    };
    let good = sign(claims("somebody"));
    let (body, signature) = good.rsplit_once('.').unwrap();
    let other_body = sign(claims("somebody else"));
    let bad = [
        ("expired", sign(claims_with("exp", json!(now() - 61)))),
        ("without an end", sign(claims_with("exp", Value::Null))),
        ("not yet valid", sign(claims_with("nbf", json!(now() + 120)))),
        ("made in the future", sign(claims_with("iat", json!(now() + 120)))),
        ("made at no time", sign(claims_with("iat", Value::Null))),
        ("signed in in the future", sign(claims_with("auth_time", json!(now() + 120)))),
        ("for another project", sign(claims_with("aud", json!("another")))),
        ("for another project too", sign(claims_with("aud", json!([PROJECT, "another"])))),
        ("for nobody", sign(claims_with("aud", json!([])))),
        ("of another project", sign(claims_with("iss", json!("https://securetoken.google.com/another")))),
        ("of nobody", sign(claims_with("iss", Value::Null))),
        ("about nobody", sign(claims_with("sub", json!("")))),
        ("about no text", sign(claims_with("sub", json!(7)))),
        ("about too much", sign(claims_with("sub", json!("a".repeat(256))))),
        ("with a control character", sign(claims_with("sub", json!("a\nb")))),
        ("too long", sign(claims_with("more", json!("a".repeat(8_192))))),
        ("an access token", header("typ", json!("at+jwt"))),
        ("a logout token", header("typ", json!("logout+jwt"))),
        ("with critical extensions", header("crit", json!(["b64"]))),
        ("with an unknown key", header("kid", json!("unknown"))),
        ("with a key name too long", header("kid", json!("k".repeat(1_000)))),
        ("with another's signature", format!("{}.{signature}", other_body.rsplit_once('.').unwrap().0)),
        ("cut", good[..good.len() - 4].to_owned()),
        ("without signature", format!("{body}.")),
        ("in four parts", format!("{good}.more")),
    ];
    for (what, token) in &bad {
        assert_eq!(house.call(token).await, 401, "{what}");
        assert_eq!(house.login(token).await.0, 401, "{what}");
    }
    assert_eq!(house.call(&good).await, 200);
    // Clocks differ a little.
    for near in [
        claims_with("exp", json!(now() - 30)),
        claims_with("nbf", json!(now() + 30)),
        claims_with("iat", json!(now() + 30)),
        claims_with("exp", json!(now() as f64 + 60.5)),
    ] {
        assert_eq!(house.call(&sign(near)).await, 200);
    }
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_without_an_account_is_told_to_register() {
    let house = House::open().await;
    let (status, refused) = house.app.get(super::house::PROTECTED, Some(&house.token("nobody"))).await;
    assert_eq!(status, 401);
    assert!(refused["message"].as_str().unwrap().contains("register"), "{refused}");
    house.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_no_id_token_is_taken() {
    let app = TestApp::start().await;
    let token = SigningKey::ec("e").sign(&claims("mira"));
    let (status, refused) = app.post("/api/auth/login", Some(&token), json!({})).await;
    assert_eq!((status, &refused["error"]), (503, &json!("feature_unavailable")));
    assert!(refused["message"].as_str().unwrap().contains("auth.providers"));
    assert_eq!(app.get(super::house::PROTECTED, Some(&token)).await.0, 401);
    // What is in the body decides: a password counts, whatever Bearer comes with it.
    let user = app.user().await;
    let body = json!({"email": user.email, "password": crate::support::app::PASSWORD});
    assert_eq!(app.post("/api/auth/login", Some(&token), body).await.0, 200);
    app.stop().await;
}
