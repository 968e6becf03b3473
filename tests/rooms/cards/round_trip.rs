//! In and out again.

use serde_json::json;

use super::*;

const FILES: [&str; 12] = [
    "sillytavern.json",
    "sillytavern.png",
    "chub.json",
    "chub.png",
    "risuai.json",
    "risuai.png",
    "risuai.charx",
    "agnai.json",
    "tavernai.json",
    "tavernai.png",
    "tavernai_itxt.png",
    "pygmalion.json",
];

#[tokio::test(flavor = "multi_thread")]
async fn cards_of_other_programs_become_characters_and_come_back_the_same() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for name in FILES {
        let made = import(&app, &admin, kind(name), file(name)).await;
        let id = made["id"].as_str().unwrap();
        let before = character(&app, &admin, id).await;
        for format in ["v3", "png"] {
            let response = download(&app, &admin, id, format).await;
            assert_eq!(response.status(), 200, "{name} {format}");
            let type_of = response.headers()["content-type"].to_str().unwrap().to_owned();
            assert_eq!(type_of, if format == "png" { "image/png" } else { "application/json" });
            let attachment = response.headers()["content-disposition"].to_str().unwrap().to_owned();
            assert!(attachment.starts_with("attachment; filename="), "{attachment}");
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
            let bytes = response.bytes().await.unwrap().to_vec();
            let again = import(&app, &admin, &type_of, bytes).await;
            assert_eq!(
                character(&app, &admin, again["id"].as_str().unwrap()).await,
                before,
                "{name} {format}"
            );
        }
        let v2 = card(&app, &admin, id, "v2").await;
        assert_eq!((&v2["spec"], &v2["spec_version"]), (&json!("chara_card_v2"), &json!("2.0")));
        assert_eq!(v2["data"]["name"], made["name"]);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_come_back_to_the_byte_wherever_they_stand() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let odd = json!({"n": [1, -2, 0.5, 1e25, 18_446_744_073_709_551_615_u64, null, true], "ü ": {"": "\u{1f3ad}\"\\\u{1}"}, "<script>": "alert(1)"});
    let came = json!({
        "spec": "chara_card_v3", "spec_version": "3.0", "x_top": odd,
        "data": {
            "name": "Kept", "description": "d", "personality": "", "scenario": "", "first_mes": "Hello, {{user}}.",
            "mes_example": "free text\n<START>\nodd: form", "creator_notes": "n", "system_prompt": "",
            "post_history_instructions": "", "alternate_greetings": ["  spaced  "], "tags": ["A", "a", "b"],
            "creator": "c", "character_version": "7", "group_only_greetings": ["all of you"], "nickname": "K",
            "source": ["https://example.invalid/1"], "creation_date": 1, "modification_date": 2,
            "creator_notes_multilingual": {"de": "n"}, "x_data": odd,
            "assets": [{"type": "icon", "uri": "https://example.invalid/never-fetched.png", "name": "main", "ext": "png"}],
            "extensions": {"x_extension": odd, "talkativeness": "0.25", "greenroom": {"x_own": odd, "tagline": "T"}},
            "character_book": {"x_book": odd, "name": "B", "extensions": {"x_book_extension": odd}, "entries": [
                {"keys": ["k"], "content": "@@depth 2\nc", "enabled": true, "insertion_order": 7, "use_regex": false,
                 "id": 99, "x_entry": odd, "extensions": {"x_entry_extension": odd}}]},
        },
    });
    let made = import(&app, &admin, "application/json", came.to_string().into_bytes()).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["talkativeness"], 0.25);
    assert_eq!(made["avatarUrl"], json!(null), "no address of a card is fetched or shown");
    assert_eq!(card(&app, &admin, id, "v3").await, came);

    // What is changed is written, and nothing else.
    let change = json!({"greeting": "Changed.", "tone": "dry"});
    let (status, changed) =
        app.call(Method::PUT, &format!("/api/characters/{id}"), Some(&admin.token), Some(change)).await;
    assert_eq!(status, 200, "{changed}");
    let mut expected = came.clone();
    expected["data"]["first_mes"] = json!("Changed.");
    let mut back = card(&app, &admin, id, "v3").await;
    assert!(back["data"]["modification_date"].as_i64().unwrap() > 1_700_000_000);
    back["data"]["modification_date"] = json!(2);
    let own = back["data"]["extensions"]["greenroom"].clone();
    assert_eq!((&own["x_own"], &own["tone"], &own["tagline"]), (&odd, &json!("dry"), &json!("T")));
    back["data"]["extensions"]["greenroom"] = expected["data"]["extensions"]["greenroom"].clone();
    back["data"]["alternate_greetings"] = expected["data"]["alternate_greetings"].clone();
    assert_eq!(back, expected);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_character_is_talked_with_changed_exported_and_imported_again() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let made = import(&app, &admin, "image/png", file("sillytavern.png")).await;
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(made["slug"], "odalys-wren");
    assert!(
        made["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|warning| warning["field"] == "extensions.regex_scripts")
    );

    // Its greeting opens the conversation.
    let (status, room) = app.post("/api/conversations", Some(&user.token), json!({"characterId": id})).await;
    assert_eq!(status, 201, "{room}");
    let room = room["conversation"]["id"].as_str().unwrap();
    let (_, messages) = app.get(&format!("/api/conversations/{room}/messages"), Some(&user.token)).await;
    let first = messages["items"][0]["content"].as_str().unwrap();
    assert!(first.starts_with("*The bell over the door rings twice"), "{first}");

    let change = json!({"description": "She mends clocks.", "settings": {"lorebook": made["settings"]["lorebook"]}, "tags": ["clocks"]});
    let path = format!("/api/characters/{id}");
    assert_eq!(app.call(Method::PUT, &path, Some(&admin.token), Some(change)).await.0, 200);
    let changed = character(&app, &admin, &id).await;
    for format in ["v2", "v3", "png"] {
        let bytes = download(&app, &admin, &id, format).await.bytes().await.unwrap().to_vec();
        let kind = if format == "png" { "image/png" } else { "application/json" };
        let again = import(&app, &admin, kind, bytes).await;
        assert_eq!(character(&app, &admin, again["id"].as_str().unwrap()).await, changed, "{format}");
    }
    let back = card(&app, &admin, &id, "v3").await;
    let came: Value = serde_json::from_slice(&file("sillytavern.json")).unwrap();
    assert_eq!(back["description"], "She mends clocks.", "also where version 1 had it");
    assert_eq!(back["data"]["character_book"]["entries"], came["data"]["character_book"]["entries"]);
    assert_eq!(back["data"]["extensions"], came["data"]["extensions"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shipped_character_can_be_exported_and_is_the_same_when_it_comes_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, list) = app.get("/api/characters?limit=100", None).await;
    for listed in list["items"].as_array().unwrap() {
        let id = listed["id"].as_str().unwrap();
        let before = character(&app, &admin, id).await;
        for format in ["v2", "v3"] {
            let exported = card(&app, &admin, id, format).await;
            let again = import(&app, &admin, "application/json", exported.to_string().into_bytes()).await;
            assert_eq!(again["warnings"], json!([]), "{format}");
            assert_eq!(character(&app, &admin, again["id"].as_str().unwrap()).await, before, "{format}");
        }
    }
    let id = list["items"][0]["id"].as_str().unwrap();
    let png = download(&app, &admin, id, "png").await.bytes().await.unwrap();
    assert!(png.starts_with(b"\x89PNG"), "one is drawn");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_of_a_card_is_kept_small_and_served_to_all() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for name in ["chub.png", "risuai.charx"] {
        let made = import(&app, &admin, kind(name), file(name)).await;
        let path = made["avatarUrl"].as_str().unwrap().to_owned();
        assert_eq!(path, format!("/api/characters/{}/picture", made["id"].as_str().unwrap()));
        let response = app.send(Method::GET, &path, None, None).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"image/png".parse().unwrap())
        );
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert!(response.headers()["cache-control"].to_str().unwrap().contains("public"));
        let tag = response.headers()["etag"].clone();
        let bytes = response.bytes().await.unwrap();
        assert!(
            bytes.starts_with(b"\x89PNG") && !bytes.windows(5).any(|window| window == b"chara"),
            "no metadata"
        );
        let again = app.http.get(app.url(&path)).header("If-None-Match", tag).send().await.unwrap();
        assert_eq!(again.status(), 304);
        // It can be sent back as it is read, and is in the card.
        let body = json!({"avatarUrl": path});
        let change = app
            .call(
                Method::PUT,
                &format!("/api/characters/{}", made["slug"].as_str().unwrap()),
                Some(&admin.token),
                Some(body),
            )
            .await;
        assert_eq!(change.0, 200, "{}", change.1);
        let png =
            download(&app, &admin, made["id"].as_str().unwrap(), "png").await.bytes().await.unwrap().to_vec();
        let other = import(&app, &admin, "image/png", png).await;
        let other = app.send(Method::GET, other["avatarUrl"].as_str().unwrap(), None, None).await;
        assert_eq!(other.bytes().await.unwrap(), bytes, "the same picture");
        let gone = app
            .call(
                Method::DELETE,
                &format!("/api/characters/{}", made["id"].as_str().unwrap()),
                Some(&admin.token),
                None,
            )
            .await;
        assert_eq!(gone.0, 204);
        assert_eq!(app.get(&path, None).await.0, 404, "gone with its character");
    }
    let without = import(&app, &admin, "application/json", file("chub.json")).await;
    assert_eq!(
        app.get(&format!("/api/characters/{}/picture", without["id"].as_str().unwrap()), None).await.0,
        404
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_comes_in_a_form_too_and_a_dry_run_makes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (kind, body) = form("card", &file("risuai.charx"));
    let before = app.get("/api/characters", None).await.1["total"].clone();
    let (status, would) =
        send(&app, &format!("{IMPORT}?dryRun=true"), Some(&admin.token), &kind, body.clone()).await;
    assert_eq!((status, &would["dryRun"], &would["name"]), (200, &json!(true), &json!("Ione Marsh")));
    assert_eq!(app.get("/api/characters", None).await.1["total"], before);
    let made = import(&app, &admin, &kind, body).await;
    assert_eq!((&made["dryRun"], &made["warnings"]), (&json!(false), &would["warnings"]));
    assert_eq!(made["settings"]["lorebook"], would["settings"]["lorebook"]);
    // Told apart by what is in it, not by what it is called.
    let misnamed = import(&app, &admin, "image/png", file("chub.json")).await;
    assert_eq!(misnamed["name"], "Tamsin Oake");

    let acts = app.get("/api/admin/audit?action=character.import", Some(&admin.token)).await.1;
    assert_eq!(acts["items"].as_array().unwrap().len(), 2, "a dry run is no act");
    assert_eq!(
        acts["items"][1]["target"]["id"].as_str().or(acts["items"][1]["targetId"].as_str()),
        made["id"].as_str()
    );
    app.stop().await;
}
