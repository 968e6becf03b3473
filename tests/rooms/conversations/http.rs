//! The routes: who may call them, what they answer, and that what they store is seen live.

use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use greenroom::accounts::{AccessTokens, Role};
use greenroom::control::{Control, Switches};
use greenroom::realtime::{self, Hub};
use greenroom_actors::domain::{MessageId, NodeId, RoomId, SessionId, UserId};
use greenroom_actors::protocol::RoomEvent;
use greenroom_actors::testsuite::Script;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::scope::scope;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::stage::{Stage, lone, stage};

fn routes(config: &mut ServiceConfig<'_>) {
    greenroom::characters::routes(config);
    greenroom::conversations::routes(config);
    greenroom::control::routes(config);
}

/// The routes over a stage, and tokens to call them with.
struct Site {
    stage: Stage,
    hub: Hub,
    tokens: AccessTokens,
    drain: watch::Sender<bool>,
    levels: Arc<Mutex<Vec<String>>>,
}

impl Site {
    async fn open() -> Self {
        let tokens =
            AccessTokens::new(b"a secret of at least thirty-two characters", Duration::from_secs(900));
        Self {
            stage: stage().await,
            hub: Hub::new(realtime::Settings::default()),
            tokens,
            drain: watch::Sender::new(false),
            levels: Arc::default(),
        }
    }

    fn bearer(&self, user: UserId, role: Role) -> String {
        format!("Bearer {}", self.tokens.sign(&self.tokens.claims(user, role, SessionId::new(), "premium")))
    }

    async fn call(
        &self,
        bearer: Option<&str>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let levels = self.levels.clone();
        let set_level = move |level: &str| {
            levels.lock().unwrap().push(level.to_owned());
            Ok(())
        };
        let switches = Switches::new(self.drain.clone(), Arc::new(set_level));
        let (engine, pool) = (self.stage.engine.clone(), self.stage.pool.clone());
        let control = Control::new(NodeId::new(), engine, pool, switches, self.hub.clone());
        let (app, _) = App::new()
            .app_data(web::Data::new(self.tokens.clone()))
            .app_data(web::Data::new(self.stage.characters.clone()))
            .app_data(web::Data::new(self.stage.conversations.clone()))
            .app_data(web::Data::new(control))
            .into_utoipa_app()
            .service(scope("/api").configure(routes))
            .split_for_parts();
        let service = init_service(app).await;
        let mut request = TestRequest::default().method(method).uri(path);
        if let Some(bearer) = bearer {
            request = request.insert_header((header::AUTHORIZATION, bearer));
        }
        if let Some(body) = body {
            request = request.set_json(body);
        }
        let response: ServiceResponse<_> = match service.call(request.to_request()).await {
            Ok(response) => response.map_into_boxed_body(),
            Err(error) => {
                let response = error.error_response();
                ServiceResponse::new(TestRequest::default().to_http_request(), response)
            }
        };
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body()).await.unwrap();
        (status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_for_the_right_caller() {
    let site = Site::open().await;
    let user = site.stage.user("mira").await;
    let (as_user, as_admin) = (site.bearer(user, Role::User), site.bearer(user, Role::Admin));
    let id = Uuid::now_v7();
    let (get, post) = (Method::GET, Method::POST);
    let of_users = [
        (get.clone(), "/api/conversations?scope=own".to_owned(), None),
        (post.clone(), "/api/conversations".to_owned(), Some(json!({"characterId": id}))),
        (get.clone(), format!("/api/conversations/{id}/stats"), None),
        (Method::DELETE, format!("/api/conversations/{id}"), None),
        (get.clone(), format!("/api/conversations/{id}/export"), None),
        (get.clone(), format!("/api/conversations/{id}/search?q=x"), None),
        (post.clone(), format!("/api/conversations/{id}/restore"), None),
        (post.clone(), format!("/api/conversations/{id}/messages"), Some(json!({"content": "x"}))),
        (post.clone(), format!("/api/conversations/{id}/read"), Some(json!({"offset": 1}))),
    ];
    for (method, path, body) in of_users {
        assert_eq!(site.call(None, method.clone(), &path, body.clone()).await.0, 401, "{method} {path}");
        let (status, answer) = site.call(Some(&as_user), method.clone(), &path, body).await;
        let expected =
            if (&method, path.as_str()) == (&get, "/api/conversations?scope=own") { 200 } else { 404 };
        assert_eq!(status, expected, "{method} {path}: {answer}");
    }
    // Nobody may read what is public; this is not there.
    for path in [format!("/api/conversations/{id}"), format!("/api/conversations/{id}/messages")] {
        assert_eq!(site.call(None, get.clone(), &path, None).await.0, 404, "{path}");
    }
    assert_eq!(site.call(None, get.clone(), "/api/conversations", None).await.0, 200);
    let of_admins = [
        (get.clone(), "/api/admin/overview", None, 200),
        (get.clone(), "/api/admin/rooms", None, 200),
        (get.clone(), "/api/admin/actors", None, 200),
        (get.clone(), "/api/admin/pool", None, 200),
        (get.clone(), "/api/admin/sessions", None, 200),
        (Method::DELETE, "/api/admin/sessions/0198c0de-0000-7000-8000-000000000000", None, 404),
        (
            post.clone(),
            "/api/admin/broadcast",
            Some(json!({"title": "Tonight", "body": "We move house."})),
            202,
        ),
        (Method::PUT, "/api/admin/log-level", Some(json!({"level": "debug"})), 200),
        (post, "/api/admin/drain", None, 202),
    ];
    for (method, path, body, expected) in of_admins {
        assert_eq!(site.call(None, method.clone(), path, body.clone()).await.0, 401, "{method} {path}");
        assert_eq!(
            site.call(Some(&as_user), method.clone(), path, body.clone()).await.0,
            403,
            "{method} {path}"
        );
        assert!(!*site.drain.borrow());
        assert_eq!(
            site.call(Some(&as_admin), method.clone(), path, body).await.0,
            expected,
            "{method} {path}"
        );
    }
    assert!(*site.drain.borrow());
    assert_eq!(*site.levels.lock().unwrap(), ["debug"]);
    assert_eq!(site.call(None, get, "/api/characters", None).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_sees_nothing_of_a_characters_prompt() {
    let site = Site::open().await;
    let ada = site.stage.character("ada").await;
    for path in
        ["/api/characters/ada".to_owned(), format!("/api/characters/{ada}"), "/api/characters".to_owned()]
    {
        let (status, body) = site.call(None, Method::GET, &path, None).await;
        assert_eq!(status, 200);
        assert!(!body.to_string().contains("a secret of ada") && !body.to_string().contains("a fact of ada"));
        let character = if path.ends_with("characters") { &body["items"][0] } else { &body };
        let mut fields: Vec<&String> = character.as_object().unwrap().keys().collect();
        fields.sort();
        assert_eq!(
            fields,
            [
                "alternateGreetings",
                "avatarUrl",
                "category",
                "color",
                "createdAt",
                "description",
                "dials",
                "greeting",
                "id",
                "name",
                "premium",
                "replyType",
                "slug",
                "statistics",
                "tagline",
                "tags",
                "talkativeness",
                "tone",
                "traits",
                "updatedAt",
                "version",
                "voice",
            ]
        );
    }
    let (status, body) = site.call(None, Method::GET, "/api/characters/nobody", None).await;
    assert_eq!((status, &body["error"]), (404, &json!("not_found")));
    let (_, body) = site.call(None, Method::GET, "/api/characters?q=ada&limit=1&page=2", None).await;
    assert_eq!(body, json!({"items": [], "page": 2, "limit": 1, "total": 1, "nextCursor": null}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_told_by_field() {
    let site = Site::open().await;
    let user = site.stage.user("mira").await;
    let room = site.stage.empty_room(user).await;
    let bearer = site.bearer(user, Role::Admin);
    let one = Uuid::now_v7();
    let messages = format!("/api/conversations/{room}/messages");
    let with = |query: &str| format!("{messages}?{query}");
    let long = "x".repeat(5_001);
    for (method, path, body, field) in [
        (Method::POST, "/api/conversations".to_owned(), json!({}), "characterId"),
        (
            Method::POST,
            "/api/conversations".to_owned(),
            json!({"characterId": one, "characterIds": [one]}),
            "characterIds",
        ),
        (Method::POST, "/api/conversations".to_owned(), json!({"characterIds": []}), "characterIds"),
        (Method::POST, "/api/conversations".to_owned(), json!({"characterId": one, "title": " "}), "title"),
        (Method::POST, messages.clone(), json!({}), "content"),
        (Method::POST, messages.clone(), json!({"content": " "}), "content"),
        (Method::POST, messages.clone(), json!({"content": long}), "content"),
        (Method::POST, messages.clone(), json!({"content": "x", "type": "audio"}), "attachment"),
        (Method::POST, messages.clone(), json!({"content": "x", "clientId": ""}), "clientId"),
        (Method::POST, messages.clone(), json!({"content": "x", "reply": "someone"}), "reply"),
        (Method::POST, format!("/api/conversations/{room}/read"), json!({"offset": -1}), "offset"),
        (Method::GET, with("before=1&after=1"), Value::Null, "after"),
        (Method::GET, with("limit=101"), Value::Null, "limit"),
        (Method::GET, "/api/conversations?cursor=nonsense".to_owned(), Value::Null, "cursor"),
        (Method::GET, "/api/characters?cursor=nonsense".to_owned(), Value::Null, "cursor"),
        (Method::GET, format!("/api/characters?q={}", "x".repeat(101)), Value::Null, "q"),
        (Method::GET, "/api/admin/rooms?cursor=x".to_owned(), Value::Null, "cursor"),
        (Method::GET, "/api/admin/sessions?cursor=x".to_owned(), Value::Null, "cursor"),
        (Method::POST, "/api/admin/broadcast".to_owned(), json!({"title": " ", "body": "x"}), "title"),
        (
            Method::POST,
            "/api/admin/broadcast".to_owned(),
            json!({"title": "x", "body": "x", "level": "shrill"}),
            "body",
        ),
        (Method::PUT, "/api/admin/log-level".to_owned(), json!({"level": "loud"}), "level"),
    ] {
        let body = (!body.is_null()).then_some(body);
        let (status, answer) = site.call(Some(&bearer), method.clone(), &path, body).await;
        assert_eq!(
            (status, &answer["details"][0]["field"]),
            (400, &json!(field)),
            "{method} {path}: {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_made_spoken_in_read_and_deleted() {
    let site = Site::open().await;
    let user = site.stage.user("mira").await;
    let ada = site.stage.character("ada").await;
    let bearer = site.bearer(user, Role::User);
    let call = async |method, path: &str, body| site.call(Some(&bearer), method, path, body).await;

    let (status, made) =
        call(Method::POST, "/api/conversations", Some(json!({"characterId": ada.uuid()}))).await;
    assert_eq!((status, &made["conversation"]["title"]), (201, &json!("Name of ada")));
    let room: RoomId = made["conversation"]["id"].as_str().unwrap().parse().unwrap();
    let home = format!("/api/conversations/{}", made["conversation"]["slug"].as_str().unwrap());

    let say = json!({"content": " Good evening ", "clientId": "a1"});
    let (status, sent) = call(Method::POST, &format!("{home}/messages"), Some(say.clone())).await;
    assert_eq!(
        (status, &sent["duplicate"], &sent["message"]["content"]),
        (201, &json!(false), &json!("Good evening"))
    );
    assert_eq!(sent["message"]["clientId"], "a1");
    let reply: MessageId = sent["replies"][0]["messageId"].as_str().unwrap().parse().unwrap();
    let said = site.stage.fanout.end_of(room, reply).await.unwrap();

    let (status, again) = call(Method::POST, &format!("{home}/messages"), Some(say)).await;
    assert_eq!(
        (status, &again["duplicate"], &again["message"]["id"]),
        (200, &json!(true), &sent["message"]["id"])
    );
    let other = json!({"content": "Something else", "clientId": "a1"});
    assert_eq!(call(Method::POST, &format!("{home}/messages"), Some(other)).await.0, 409);

    let (_, read) = call(Method::GET, &format!("{home}/messages"), None).await;
    let contents: Vec<&str> =
        read["items"].as_array().unwrap().iter().map(|m| m["content"].as_str().unwrap()).collect();
    assert_eq!(contents, ["Hello from ada.", "Good evening", &said]);
    assert_eq!((&read["hasMore"], &read["items"][1]["replies"]), (&json!(false), &json!([])));
    assert_eq!(read["items"][2]["replyTo"], sent["message"]["id"]);
    let live = site.stage.fanout.room(room);
    assert!(
        live.iter()
            .any(|event| matches!(event, RoomEvent::Received(m) if m.content.as_str() == "Good evening"))
    );

    let (status, mark) = call(Method::POST, &format!("{home}/read"), Some(json!({"offset": 3}))).await;
    assert_eq!((status, mark), (200, json!({"offset": 3})));
    // A mark never moves back.
    assert_eq!(call(Method::POST, &format!("{home}/read"), Some(json!({"offset": 1}))).await.0, 200);
    site.stage.fanout.wait(room, |event| matches!(event, RoomEvent::Read { .. }).then_some(())).await;
    let (_, listed) = call(Method::GET, "/api/conversations", None).await;
    assert_eq!((&listed["items"][0]["readOffset"], &listed["total"]), (&json!(3), &json!(1)));

    assert_eq!(call(Method::DELETE, &home, None).await, (204, Value::Null));
    assert_eq!(call(Method::GET, &home, None).await.0, 404);
    let (_, listed) = call(Method::GET, "/api/conversations", None).await;
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_may_speak_but_not_delete() {
    let site = Site::open().await;
    let (owner, guest) = (site.stage.user("owner").await, site.stage.user("guest").await);
    let new = greenroom::conversations::NewConversation {
        members: vec![guest],
        ..lone(site.stage.character("ada").await)
    };
    let made = site.stage.conversations.create(owner, new).await.unwrap();
    let bearer = site.bearer(guest, Role::User);
    let home = format!("/api/conversations/{}", made.id);
    let say = json!({"content": "Good evening", "reply": "none"});
    let (status, sent) = site.call(Some(&bearer), Method::POST, &format!("{home}/messages"), Some(say)).await;
    assert_eq!((status, &sent["replies"]), (201, &json!([])));
    let (status, body) = site.call(Some(&bearer), Method::DELETE, &home, None).await;
    assert_eq!((status, &body["error"]), (403, &json!("forbidden")));
    assert_eq!(site.call(Some(&bearer), Method::GET, &home, None).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_under_way_is_told_as_it_is_now() {
    let site = Site::open().await;
    let user = site.stage.user("mira").await;
    let made = site.stage.conversations.create(user, lone(site.stage.character("ada").await)).await.unwrap();
    let bearer = site.bearer(user, Role::Admin);
    let messages = format!("/api/conversations/{}/messages", made.id);
    site.stage.generator.script(Script::Held(vec!["One ", "two."]));
    let (_, sent) =
        site.call(Some(&bearer), Method::POST, &messages, Some(json!({"content": "Count"}))).await;
    let reply: MessageId = sent["replies"][0]["messageId"].as_str().unwrap().parse().unwrap();
    site.stage.generator.let_go(1);
    let room = RoomId::from_uuid(made.id);
    site.stage
        .fanout
        .wait(room, |event| {
            matches!(event, RoomEvent::Delta { message, .. } if *message == reply).then_some(())
        })
        .await;
    let (_, read) = site.call(Some(&bearer), Method::GET, &messages, None).await;
    assert_eq!(read["items"][1]["replies"][0]["state"], "streaming");
    let (_, rooms) = site.call(Some(&bearer), Method::GET, "/api/admin/rooms", None).await;
    assert_eq!((&rooms["total"], &rooms["items"][0]["id"]), (&json!(1), &json!(made.id)));
    assert_eq!((&rooms["items"][0]["turns"], &rooms["items"][0]["members"]), (&json!(1), &json!(1)));
    let (_, overview) = site.call(Some(&bearer), Method::GET, "/api/admin/overview", None).await;
    assert_eq!((&overview["turns"], &overview["pool"]["running"]), (&json!(1), &json!(1)));
    site.stage.generator.let_go(10);
    assert_eq!(site.stage.fanout.end_of(room, reply).await.unwrap(), "One two.");
}

#[test]
fn each_operation_is_documented_once_and_each_schema_is_there() {
    let (_, api) = App::new().into_utoipa_app().service(scope("/api").configure(routes)).split_for_parts();
    let api = serde_json::to_value(api).unwrap();
    let mut names = Vec::new();
    for (path, operations) in api["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            names.push(operation["operationId"].as_str().unwrap().to_owned());
        }
    }
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "an operation stands twice: {names:?}");
    assert!(names.iter().any(|name| name == "searchMessages" || name == "listConversations"), "{names:?}");
    for reference in api.to_string().split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(api["components"]["schemas"][name].is_object(), "{name}");
    }
}
