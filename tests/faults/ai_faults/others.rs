//! Whoever asks for what does not fail waits for nobody whose replies do.

use std::time::Instant;

use loadtest::sim::{Settings, prompt_hash};

use super::stage::{End, Person, Provider, SOON, server, whole};

const PLAN: &str = "fault=hang,stall,hang-open;share=50%";
/// Those who hang, and replies of others meanwhile.
const HANGING: usize = 12;
const OTHERS: usize = 8;

/// Questions that this plan strikes, or spares.
fn questions(name: &str, struck: bool) -> impl Iterator<Item = String> {
    let settings = Settings { plans: vec![PLAN.parse().unwrap()], ..Settings::default() };
    let name = name.to_owned();
    (0..)
        .map(move |number| format!("{name} asks {number}"))
        .filter(move |question| settings.by_chance(prompt_hash(question), 1).is_some() == struck)
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_answered_at_once_while_replies_hang() {
    let provider = Provider::start(&[PLAN]);
    let app = server(&[("sim", &provider)], |config| {
        config.pool.first_token_timeout_ms = 4_000;
        config.pool.tries = 1;
    })
    .await;
    let mut hanging = Vec::new();
    for question in questions("hanging", true).take(HANGING) {
        let mut person = Person::enters(&app).await;
        let id = person.says_this(&question).await;
        hanging.push((person, id, question));
    }
    let begun = Instant::now();
    let mut other = Person::enters(&app).await;
    for question in questions("other", false).take(OTHERS) {
        let id = other.says_this(&question).await;
        assert_eq!(other.hears(&id).await.complete(), whole(&question));
    }
    // Each would have waited for seconds behind those that hang.
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert!(provider.stats()["streamsOpen"].as_u64().unwrap() <= HANGING as u64);
    for (mut person, id, question) in hanging {
        let heard = person.hears(&id).await;
        match heard.end {
            End::Failed(code) => assert_eq!(code, "provider_timeout", "{question}"),
            End::Reply(content, finish) => {
                assert!(
                    whole(&question).starts_with(&content) && finish == "interrupted",
                    "{question}: {finish}"
                );
            }
        }
    }
    provider.is_quiet().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_asks_for_a_pause_gets_it_and_others_go_elsewhere() {
    let house =
        Provider::start_with(&["fault=rate-limited;times=1"], |settings| settings.retry_after_seconds = 30.0);
    let spare = Provider::start(&[]);
    let app =
        server(&[("house", &house), ("spare", &spare)], |config| config.ai.fallback = vec!["spare".into()])
            .await;
    let begun = Instant::now();
    for _ in 0..3 {
        let mut person = Person::enters(&app).await;
        let (question, heard) = person.asks().await;
        assert_eq!(heard.complete(), whole(&question));
    }
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!((house.stats()["requests"].as_u64(), spare.stats()["requests"].as_u64()), (Some(1), Some(3)));
    app.stop().await;
}
