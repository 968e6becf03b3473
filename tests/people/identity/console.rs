//! The console and a provider's sign-in page: there and back, with what went out coming back.

use std::sync::Arc;

use reqwest::Url;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::house::{claims, firebase};
use super::provider::{IdentityProvider, SigningKey};
use crate::support::app::TestApp;
use crate::support::browser::Tab;

/// A sign-in page at which everybody is somebody at once; answers its address. The state that it gives back is what it
/// got, or another one where it is to lie.
async fn sign_in_page(key: Arc<SigningKey>, honest: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 8_192];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..read]).into_owned();
            let target = text.split_whitespace().nth(1).unwrap_or("/").to_owned();
            let asked = Url::parse(&format!("http://here{target}")).expect("an address");
            let of = |name: &str| {
                asked.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
            };
            let answer = match (of("redirect_uri"), of("nonce"), of("state")) {
                (Some(back), Some(nonce), Some(state)) => {
                    let mut said = claims("somebody-at-the-page");
                    said["nonce"] = json!(nonce);
                    let state = if honest { state } else { "another".to_owned() };
                    let location = format!("{back}#id_token={}&state={state}", key.sign(&said));
                    format!(
                        "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    )
                }
                _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
            };
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}/authorize")
}

async fn open(honest: bool) -> (TestApp, Tab, IdentityProvider) {
    let key = Arc::new(SigningKey::rsa("first"));
    let provider = IdentityProvider::start(&[&key]).await;
    let mut settings = firebase(&provider);
    settings.authorize_url = sign_in_page(key, honest).await;
    let app = TestApp::start_with(|config| {
        config.auth.providers.insert("firebase".to_owned(), settings);
    })
    .await;
    let tab = Tab::open(&app.url("/"), 1280, 860).await;
    tab.click("provider-firebase").await;
    (app, tab, provider)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_goes_to_the_providers_page_and_comes_back_signed_in() {
    let (app, tab, _provider) = open(true).await;
    tab.until("signed in", "document.querySelector('.shell') !== null").await;
    assert_eq!(
        tab.script("location.hash.includes('id_token')").await,
        false,
        "no token stays in the address"
    );
    tab.script("location.hash = '#/account/ways-in'").await;
    tab.until("the link", "document.querySelector('[data-testid=unlink-firebase]') !== null").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_begun_here_signs_nobody_in() {
    let (app, tab, _provider) = open(false).await;
    tab.until("the door", "document.querySelector('[data-testid=door-notice]') !== null").await;
    assert_eq!(tab.script("document.querySelector('.shell') === null").await, true);
    let (_, users) = app.get("/api/admin/users", Some(&app.admin().await.token)).await;
    let known: Vec<_> =
        users["items"].as_array().unwrap().iter().filter_map(|user| user["username"].as_str()).collect();
    assert_eq!(known.len(), 3, "the demo accounts alone: {known:?}");
    tab.close().await;
    app.stop().await;
}
