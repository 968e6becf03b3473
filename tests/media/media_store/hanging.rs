//! A store that gives no answer, and all who ask how it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use greenroom::config::StoreSettings;
use reqwest::Method;
use s3s::auth::SimpleAuth;

use super::{ACCESS, BUCKET, Cloud, SECRET};
use crate::support::app::{TestApp, eventually};

/// What each of so many that ask at once is told of the store.
async fn told(app: &TestApp) -> Vec<String> {
    join_all((0..8).map(async |_| {
        let (_, health) = app.get("/health/detailed", None).await;
        let all = health["dependencies"].as_array().unwrap();
        let storage = all.iter().find(|one| one["name"] == "storage").unwrap();
        storage["state"].as_str().unwrap().to_owned()
    }))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hangs_is_tried_once_however_many_ask_how_it_does() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let cloud = Cloud::behind(Some(SimpleAuth::from_single(ACCESS, SECRET)), move |request| {
        counted.fetch_add(usize::from(request.method() == Method::PUT), Ordering::SeqCst);
        true
    })
    .await;
    let app = TestApp::start_with(|config| {
        config.media.store = StoreSettings { timeout_ms: 60_000, ..cloud.settings() };
    })
    .await;
    let shut = cloud.gate.clone().write_owned().await;
    for _ in 0..3 {
        assert_eq!(told(&app).await, ["down"; 8]);
    }
    assert_eq!(tries.load(Ordering::SeqCst), 1, "who gives up does not begin it anew");
    drop(shut);
    eventually("it is seen to be back", async || {
        let before = tries.load(Ordering::SeqCst);
        let told = told(&app).await;
        assert!(tries.load(Ordering::SeqCst) - before <= 1, "all who ask at once hear of one");
        told == ["up"; 8]
    })
    .await;
    let temporary = cloud.folder.path().join(BUCKET).join("house/media/temp");
    let left = || std::fs::read_dir(&temporary).into_iter().flatten().count();
    eventually("what was tried with is gone", async || left() == 0).await;
    app.stop().await;
}
