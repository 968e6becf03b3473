//! Another provider stands in: with the same prompt, and without a word twice.

use greenroom::config::Continues;

use super::stage::{End, Person, Provider, outcomes, server, whole};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stands_in_is_told_the_very_same_prompt() {
    let (house, spare) = (Provider::start(&[]), Provider::start(&[]));
    let app =
        server(&[("house", &house), ("spare", &spare)], |config| config.ai.fallback = vec!["spare".into()])
            .await;
    let mut person = Person::enters(&app).await;
    for fault in ["unauthorized", "server-error", "unavailable", "hang", "empty", "rate-limited"] {
        house.fails(&[&format!("fault={fault}")]);
        let (question, heard) = person.asks().await;
        assert_eq!(heard.complete(), whole(&question), "{fault}");
        assert_eq!((heard.attempts.len(), &heard.streamed), (1, &whole(&question)), "{fault}");
        let said = outcomes(&app, &heard.id).await;
        assert_eq!(said.last().map(String::as_str), Some("spare done"), "{fault}: {said:?}");
        let (first, second) = (house.asked().pop().unwrap(), spare.asked().pop().unwrap());
        assert_eq!(first["messages"], second["messages"], "{fault}");
        assert!(second["messages"].to_string().contains(&question), "{fault}");
    }
    assert_eq!(person.used(&app).await, 6);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_is_continued_elsewhere_without_a_word_twice() {
    let (house, spare) = (Provider::start(&[]), Provider::start(&[]));
    let app =
        server(&[("house", &house), ("spare", &spare)], |config| config.ai.fallback = vec!["spare".into()])
            .await;
    let mut person = Person::enters(&app).await;
    for fault in ["broken", "cut-character", "end-early", "stream-error", "stall", "garbage", "endless-line"]
    {
        house.fails(&[&format!("fault={fault};at=0.6")]);
        let (question, heard) = person.asks().await;
        assert_eq!(heard.complete(), whole(&question), "{fault}");
        assert_eq!((heard.attempts.len(), &heard.streamed), (1, &whole(&question)), "{fault}");
        assert_eq!(outcomes(&app, &heard.id).await, ["house failed", "spare done"], "{fault}");
    }
    let stats = spare.stats();
    assert_eq!((stats["continued"].as_u64(), stats["continuedForeign"].as_u64()), (Some(7), Some(0)));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_go_on_the_text_is_replaced_and_not_doubled() {
    let (house, spare) = (Provider::start(&["fault=broken;at=0.6"]), Provider::start(&[]));
    let app = server(&[("house", &house), ("spare", &spare)], |config| {
        config.ai.fallback = vec!["spare".into()];
        for provider in ["house", "spare"] {
            config.ai.providers.get_mut(provider).unwrap().continues = Continues::Never;
        }
    })
    .await;
    let mut person = Person::enters(&app).await;
    let (question, heard) = person.asks().await;
    assert_eq!((heard.complete(), &heard.streamed), (whole(&question).as_str(), &whole(&question)));
    assert_eq!(heard.attempts.len(), 2, "the text began anew: {:?}", heard.attempts);
    assert_eq!(spare.stats()["continued"], 0);
    assert_eq!(person.used(&app).await, 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_fail_the_reply_fails_once() {
    let (house, spare) = (Provider::start(&["fault=server-error"]), Provider::start(&["fault=hang"]));
    let app = server(&[("house", &house), ("spare", &spare)], |config| {
        config.ai.fallback = vec!["spare".into()];
        config.pool.tries = 1;
    })
    .await;
    let mut person = Person::enters(&app).await;
    let (_, heard) = person.asks().await;
    let End::Failed(code) = &heard.end else { panic!("{heard:?}") };
    assert!(code.starts_with("provider_"), "{code}");
    assert_eq!(person.used(&app).await, 0);
    let calls = outcomes(&app, &heard.id).await;
    assert!(calls.iter().all(|call| call.ends_with("failed")), "{calls:?}");
    house.is_quiet().await;
    spare.is_quiet().await;
    app.stop().await;
}
