//! Accounts that nobody signed up for.

use greenroom::accounts::LoadPlan;
use greenroom::config::Environment;
use greenroom_actors::protocol::RefusalCode;
use serde_json::json;

use super::world::{world, world_with};

#[actix_web::test]
async fn demo_accounts_are_made_once_and_taken_away_again() {
    let world = world().await;
    world.register("mira").await;
    assert_eq!(world.accounts.seed_demo().await.unwrap(), 3);
    assert_eq!(world.accounts.seed_demo().await.unwrap(), 0);
    for (email, password, role, plan) in [
        ("testuser1@example.com", "TestPassword123!", "user", "free"),
        ("testadmin@example.com", "AdminPassword123!", "admin", "free"),
        ("premium@example.com", "PremiumPassword123!", "user", "premium"),
    ] {
        let answer = world.post("/api/auth/login", json!({"email": email, "password": password})).await;
        let user = &answer.body["user"];
        assert_eq!(
            (answer.status, user["role"].as_str(), user["plan"].as_str()),
            (200, Some(role), Some(plan))
        );
    }
    assert_eq!(world.accounts.clean_seeded().await.unwrap().users, 3);
    assert_eq!(world.count("select count(*) from users").await, 1, "who signed up stays");
}

#[actix_web::test]
async fn production_is_never_seeded_but_gets_its_first_admin() {
    let world = world_with(|config| {
        config.environment = Environment::Production;
        config.admin.email = "boss@example.com".to_owned();
        config.admin.password = "a password for the boss".into();
    })
    .await;
    assert_eq!(world.accounts.seed_demo().await.unwrap_err().code, RefusalCode::Forbidden);
    let load = LoadPlan { users: 1, rooms: 0, members: 0, plan: "free".to_owned() };
    assert_eq!(world.accounts.seed_load(&load).await.unwrap_err().code, RefusalCode::Forbidden);
    let given = world.accounts.seed_load_password(1, "a known password", 0).await;
    assert_eq!(given.unwrap_err().code, RefusalCode::Forbidden);
    let filled = world.accounts.seed_load_messages(&load, &[]).await;
    assert_eq!(filled.unwrap_err().code, RefusalCode::Forbidden);
    assert!(world.accounts.ensure_admin().await.unwrap());
    assert!(!world.accounts.ensure_admin().await.unwrap(), "once");
    let boss = json!({"email": "boss@example.com", "password": "a password for the boss"});
    assert_eq!(world.post("/api/auth/login", boss).await.body["user"]["role"], "admin");
}

#[actix_web::test]
async fn a_crowd_has_ids_that_a_load_generator_can_compute() {
    let world = world().await;
    let load = LoadPlan { users: 10_000, rooms: 1_000, members: 20, plan: "pro".to_owned() };
    let made = world.accounts.seed_load(&load).await.unwrap();
    assert_eq!((made.users, made.rooms, made.characters), (10_000, 1_000, 1));
    let same = world.accounts.seed_load(&load).await.unwrap();
    assert_eq!((same.users, same.rooms, same.characters), (0, 0, 0));
    assert_eq!(world.count("select count(*) from users where plan = 'pro' and seeded").await, 10_000);
    assert_eq!(world.count("select count(*) from room_members").await, 20_000);
    assert_eq!(world.count("select count(*) from heads where last_revision = 0").await, 1_000);
    assert_eq!(world.count("select count(*) from room_characters").await, 1_000);
    // Room 503 (0x1f7) holds users 10060 to 10079, counted round: 60 (0x3c) is the first.
    let members = world
        .count(
            "select count(*) from room_members where room_id = '00000000-0000-7001-8000-0000000001f7'
                and user_id between '00000000-0000-7000-8000-00000000003c' and '00000000-0000-7000-8000-00000000004f'",
        )
        .await;
    assert_eq!(members, 20);
    let owner = "select count(*) from rooms where id = '00000000-0000-7001-8000-0000000001f7'
        and owner_id = '00000000-0000-7000-8000-00000000003c'";
    assert_eq!(world.count(owner).await, 1);
    let gone = world.accounts.clean_seeded().await.unwrap();
    assert_eq!((gone.users, gone.rooms, gone.characters), (10_000, 1_000, 1));
    assert_eq!(world.count("select count(*) from heads").await, 0);
}

#[actix_web::test]
async fn a_crowd_with_a_password_can_sign_in_unless_it_is_blocked() {
    let world = world().await;
    let load = LoadPlan { users: 4, rooms: 0, members: 1, plan: "free".to_owned() };
    world.accounts.seed_load(&load).await.unwrap();
    assert_eq!(world.accounts.seed_load_password(4, "one for all of them", 1).await.unwrap(), 4);
    for (name, status) in [("load-0", 200), ("load-2@example.com", 200), ("load-3", 403), ("load-4", 401)] {
        let body = json!({"username": name, "password": "one for all of them"});
        assert_eq!(world.post("/api/auth/login", body).await.status, status, "{name}");
    }
    assert_eq!(world.count("select count(*) from users where mobile = '+4915100000002'").await, 1);
    assert_eq!(world.accounts.clean_seeded().await.unwrap().users, 4);
}

#[actix_web::test]
async fn rooms_of_a_crowd_are_filled_with_messages_whose_words_are_known() {
    let world = world().await;
    let load = LoadPlan { users: 1, rooms: 3, members: 1, plan: "free".to_owned() };
    world.accounts.seed_load(&load).await.unwrap();
    assert_eq!(world.accounts.seed_load_messages(&load, &[20_100, 7]).await.unwrap(), 20_107);
    assert_eq!(
        world.accounts.seed_load_messages(&load, &[20_100, 9]).await.unwrap(),
        2,
        "only what is missing"
    );
    for (room, messages) in [(0, 20_100), (1, 9), (2, 0)] {
        let whole = format!(
            "select count(*) from heads h where room_id = '00000000-0000-7001-8000-00000000000{room}'
                and last_revision = {messages}
                and (select count(*) from messages m where m.room_id = h.room_id and m.revision = m.\"offset\"
                    and m.\"offset\" between 1 and {messages} and m.client_id = m.id::text) = {messages}"
        );
        assert_eq!(world.count(&whole).await, 1, "room {room}");
    }
    // The load generator has the same message among its own tests.
    let known = "select count(*) from messages where room_id = '00000000-0000-7001-8000-000000000000'
        and \"offset\" = 12345 and content = 'baka babo biku babo bimu bili kike bule belo kuto'
        and sender_kind = 0 and sender_id = '00000000-0000-7000-8000-000000000000'";
    assert_eq!(world.count(known).await, 1);
    assert_eq!(world.count("select count(*) from messages where sender_kind = 1").await, 10_054);
    let too_many = world.accounts.seed_load_messages(&load, &[1, 1, 1, 1]).await;
    assert_eq!(too_many.unwrap_err().code, RefusalCode::BadRequest);
}

#[actix_web::test]
async fn a_crowd_that_cannot_be_is_refused() {
    let world = world().await;
    for load in [
        LoadPlan { users: 0, rooms: 1, members: 1, plan: "free".to_owned() },
        LoadPlan { users: 5, rooms: 1, members: 6, plan: "free".to_owned() },
        LoadPlan { users: 5, rooms: 1, members: 2, plan: "gold".to_owned() },
    ] {
        assert_eq!(world.accounts.seed_load(&load).await.unwrap_err().code, RefusalCode::BadRequest);
    }
}
