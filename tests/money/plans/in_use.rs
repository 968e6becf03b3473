//! A server does not start without a plan that somebody has, unless its settings say what stands in its place.

use greenroom::app::App;
use greenroom::config::Config;
use secrecy::SecretString;

use super::World;
use crate::support::database::TestDatabase;

/// The settings of a server on this database.
fn on(database: &TestDatabase, change: impl FnOnce(&mut Config)) -> (Config, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
    config.server.port = 0;
    config.database.url = SecretString::from(database.url());
    change(&mut config);
    (config, folder)
}

async fn start(database: &TestDatabase, change: impl FnOnce(&mut Config)) -> Result<App, String> {
    let (config, _folder) = on(database, change);
    App::start(config).await.map_err(|error| format!("{error:#}"))
}

async fn refused(database: &TestDatabase, plan: &str) -> String {
    match start(database, |config| drop(config.plans.remove(plan))).await {
        Err(error) => error,
        Ok(_) => panic!("it starts without {plan}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_plan_is_held_by_is_found() {
    let world = World::start().await;
    let users = [world.app.user().await, world.app.user().await, world.app.user().await];
    let client = world.app.database.pool().get().await.unwrap();
    let change = async |sql: &str| {
        client.batch_execute(&sql.replace("$1", &format!("'{}'", users[0].id))).await.unwrap();
    };
    change("update users set plan = 'pro', base_plan = 'starter' where id = $1").await;
    change(
        "insert into plan_grants (id, user_id, plan, starts_at, ends_at)
         values (gen_random_uuid(), $1, 'enterprise', now(), now() + interval '1 day')",
    )
    .await;
    drop(client);
    let database = world.app.ended().await;
    for plan in ["pro", "starter", "enterprise"] {
        let error = refused(&database, plan).await;
        assert!(error.contains(&format!("plans.{plan}: 1 person has this plan")), "{error}");
        assert!(error.contains("[plan_replacements]"), "{error}");
    }
    let client = database.pool().get().await.unwrap();
    let change = async |sql: &str| {
        client.batch_execute(&sql.replace("$1", &format!("'{}'", users[1].id))).await.unwrap();
    };
    // One whose end is over is had no more; what comes after it is.
    change("update plan_grants set taken_at = now()").await;
    change("update users set plan = 'basic', base_plan = null where plan = 'pro'").await;
    change(
        "update users set plan = 'enterprise', plan_until = now() - interval '1 s', plan_after = 'pro'
         where id = $1",
    )
    .await;
    let error = refused(&database, "pro").await;
    assert!(error.contains("plans.pro: 1 person has"), "{error}");
    let app = start(&database, |config| drop(config.plans.remove("enterprise"))).await.unwrap();
    app.stop().await;
    change(
        "insert into subscriptions (id, user_id, customer_id, item_id, price_id, plan, status, cancel_at_period_end,
            current_period_start, current_period_end, created_at)
         values ('sub_1', $1, 'cus_1', 'si_1', 'price_1', 'enterprise', 'past_due', false, now(), now(), now())",
    )
    .await;
    assert!(refused(&database, "enterprise").await.contains("plans.enterprise: 1 person has"));
    change("update subscriptions set status = 'canceled'").await;
    let app = start(&database, |config| {
        config.plans.remove("enterprise");
        config.plans.remove("pro");
        config.plan_replacements.insert("pro".to_owned(), "premium".to_owned());
    })
    .await
    .unwrap();
    let user = users[1].id.parse().unwrap();
    assert_eq!(app.engine().usage(user).await.unwrap().plan.as_ref(), "premium");
    app.stop().await;
}

#[test]
fn replacements_are_checked_by_their_names() {
    let read = |text: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::from_layers(Some(file.path()), &[].into()).map_err(|error| error.to_string())
    };
    let config = read("[plan_replacements]\ngold = \"pro\"\n").unwrap();
    assert_eq!(config.engine_plans().get("gold").name.as_ref(), "pro");
    for (text, told) in [
        ("[plan_replacements]\ngold = \"lead\"\n", "plan_replacements.gold: there is no plan \"lead\""),
        ("[plan_replacements]\npro = \"basic\"\n", "plan_replacements.pro: is a plan that is there"),
        ("[plan_replacements]\n\"Gold!\" = \"basic\"\n", "plan_replacements.Gold!: a name has"),
        ("[plan_replacements]\ngold = 5\n", "plan_replacements.gold"),
        ("[plans.free]\nstripe_price = \"price_1\"\n", "plans.free.stripe_price"),
        ("[plans.pro]\nprice_cents = 49\n", "plans.pro.price_cents"),
        ("[plans.pro]\nterm = \"endless\"\n", "plans.pro.term"),
        ("[plans.premium]\ndays = 0\n", "plans.premium.term"),
        ("[plans.\"Gold!\"]\nprice_cents = 0\n", "plans.Gold!"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(told), "{text}{error}");
    }
}
