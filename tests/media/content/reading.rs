//! Lists, filters, numbers, and who sees what.

use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{AVATAR, Act, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_or_changes_what_is_anothers() {
    let stage = Stage::start().await;
    let (user, other) = (stage.user(20).await, stage.user(20).await);
    let id = stage.asked(&user, "image", json!({ "prompt": "mine" })).await;
    stage.until(&user, &id, "done").await;
    let one = format!("/api/content/{id}");
    let paths = [
        (Method::GET, "/api/content".to_owned()),
        (Method::POST, "/api/content/generate/image".to_owned()),
        (Method::POST, "/api/content/generate/video".to_owned()),
        (Method::POST, "/api/content/optimize".to_owned()),
        (Method::GET, "/api/content/costs".to_owned()),
        (Method::GET, "/api/content/stats".to_owned()),
        (Method::GET, one.clone()),
        (Method::DELETE, one.clone()),
        (Method::POST, format!("{one}/retry")),
        (Method::POST, format!("{one}/cancel")),
    ];
    for (method, path) in paths {
        let body = (method == Method::POST).then(|| json!({ "prompt": "x" }));
        let (status, answer) = stage.app.call(method.clone(), &path, None, body.clone()).await;
        assert_eq!(status, 401, "{method} {path} {answer}");
        if path.starts_with(&one) {
            let (status, answer) = stage.app.call(method.clone(), &path, Some(&other.token), body).await;
            assert_eq!(status, 404, "{method} {path} {answer}");
        }
    }
    let (_, list) = stage.app.get("/api/content", Some(&other.token)).await;
    assert_eq!((&list["items"], &list["total"]), (&json!([]), &json!(0)));
    assert_eq!(stage.get(&user, &id).await["state"], "done");
    assert_eq!(stage.app.get("/api/content/no-id", Some(&user.token)).await.0, 404);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_by_filter_and_by_page_and_are_counted() {
    let stage = Stage::start().await;
    let user = stage.user(200).await;
    let mut ids = Vec::new();
    for (kind, body) in [
        ("image", json!({ "prompt": "a", "quality": "hd" })),
        ("image", json!({ "prompt": "b", "avatarId": AVATAR })),
        ("video", json!({ "prompt": "c" })),
    ] {
        let id = stage.asked(&user, kind, body).await;
        stage.until(&user, &id, "done").await;
        ids.push(id);
    }
    let refused = Act::Fail(greenroom_actors::ports::GenerateErrorKind::Refused);
    stage.provider.paint.lock().unwrap().push_back(refused);
    let failed = stage.asked(&user, "image", json!({ "prompt": "d" })).await;
    stage.until(&user, &failed, "failed").await;
    ids.push(failed);
    let found = async |query: &str| {
        let (status, list) = stage.app.get(&format!("/api/content?{query}"), Some(&user.token)).await;
        assert_eq!(status, 200, "{list}");
        let items: Vec<String> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        assert!(list["total"].as_u64().unwrap() >= items.len() as u64);
        (items, list["nextCursor"].clone())
    };
    let of = |at: &[usize]| at.iter().map(|at| ids[*at].clone()).collect::<Vec<_>>();
    assert_eq!(found("").await.0, of(&[3, 2, 1, 0]));
    assert_eq!(found("kind=video").await.0, of(&[2]));
    assert_eq!(found("state=failed").await.0, of(&[3]));
    assert_eq!(found("quality=hd").await.0, of(&[0]));
    assert_eq!(found(&format!("avatarId={AVATAR}")).await.0, of(&[1]));
    assert_eq!(found("kind=image&state=done").await.0, of(&[1, 0]));
    assert_eq!(found("from=2020-01-01&to=2020-12-31").await.0, of(&[]));
    assert_eq!(found("from=2020-01-01T00:00:00Z").await.0.len(), 4);
    let (first, cursor) = found("limit=3").await;
    assert_eq!(first, of(&[3, 2, 1]));
    let (rest, end) = found(&format!("limit=3&cursor={}", cursor.as_str().unwrap())).await;
    assert_eq!((rest, end), (of(&[0]), Value::Null));
    assert_eq!(found("limit=2&page=2").await.0, of(&[1, 0]));
    for wrong in ["kind=sound", "state=new", "quality=x", "from=soon", "avatarId=1", "limit=0"] {
        assert_eq!(
            stage.app.get(&format!("/api/content?{wrong}"), Some(&user.token)).await.0,
            400,
            "{wrong}"
        );
    }
    let (_, stats) = stage.app.get("/api/content/stats", Some(&user.token)).await;
    assert_eq!(stats["total"], 4, "{stats}");
    assert_eq!(stats["byKind"], json!({ "image": 3, "video": 1 }));
    assert_eq!(stats["byState"], json!({ "done": 3, "failed": 1 }));
    assert_eq!(stats["credits"], 8 + 5 + 15);
    assert_eq!(stats["thisMonth"], json!({ "total": 4, "done": 3, "credits": 28 }));
    assert_eq!(stage.credits(&user).await, (200 - 28, 0));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_has_so_many_under_way_and_no_more() {
    let stage = Stage::start_with(|config| {
        config.content.open_per_user = 2;
        config.content.running_per_user = 1;
    })
    .await;
    let user = stage.user(50).await;
    stage.provider.paint.lock().unwrap().push_back(Act::Wait);
    let body = || json!({ "prompt": "x", "optimize": false });
    let first = stage.asked(&user, "image", body()).await;
    stage.provider.entered(1).await;
    let second = stage.asked(&user, "image", body()).await;
    let (status, answer) = stage.ask(&user, "image", body()).await;
    assert_eq!((status, &answer["error"]), (429, &json!("rate_limited")), "{answer}");
    let path = "/api/content/generate/image";
    let refused = stage.app.send(Method::POST, path, Some(&user.token), Some(json!({ "prompt": "x" }))).await;
    assert_eq!(refused.headers()["retry-after"], "10");
    assert_eq!(stage.credits(&user).await, (40, 10));
    stage.provider.on.notify_one();
    stage.until(&user, &first, "done").await;
    stage.until(&user, &second, "done").await;
    let third = stage.asked(&user, "image", body()).await;
    stage.until(&user, &third, "done").await;
    stage.stop().await;
}
