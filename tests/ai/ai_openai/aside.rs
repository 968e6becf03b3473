//! What a provider is asked beside replies: how it fares with that, and that replies go on.

use greenroom::ai::{Audio, Capability};
use greenroom::config::{ModelSettings, SpeechSettings};
use greenroom_actors::ports::Calls;
use serde_json::{Value, json};

use super::*;

struct Voice {
    provider: Provider,
    providers: Providers,
    audio: Audio,
}

impl Voice {
    async fn start(change: impl FnOnce(&mut AiSettings)) -> Self {
        let provider = Provider::start().await;
        let providers = chain::settled(&provider, |settings| {
            let voice = ModelSettings { capabilities: vec![Capability::Speech], ..ModelSettings::default() };
            settings.providers.get_mut("one").unwrap().models.insert("loud".into(), voice);
            change(settings);
        });
        let settings = SpeechSettings { timeout_ms: 2_000, ..SpeechSettings::default() };
        let audio = Audio::new(providers.clone(), settings);
        Self { provider, providers, audio }
    }

    async fn speak(&self) -> Result<(), GenerateError> {
        self.audio.speak("alloy", "Hello", &Calls::default()).await.map(drop)
    }

    async fn replies(&self) {
        heard_of(&self.providers, request(|_| {})).await.end.unwrap();
    }

    fn view(&self) -> Value {
        serde_json::to_value(self.providers.view_of("one").unwrap()).unwrap()
    }
}

#[tokio::test]
async fn a_voice_that_is_down_is_seen_and_left_alone_and_closes_no_chat() {
    let voice = Voice::start(|settings| {
        settings.breaker.failures = 3;
        settings.breaker.open_ms = 500;
    })
    .await;
    voice.replies().await;
    voice.provider.script((0..3).map(|_| Act::Status(503, None)));
    for _ in 0..3 {
        let error = voice.speak().await.unwrap_err();
        assert_eq!(error.by.unwrap().model.as_ref(), "loud");
    }
    assert!(voice.speak().await.is_err());
    assert_eq!(voice.provider.asked().len(), 4, "it is left alone");
    let view = voice.view();
    assert_eq!((&view["state"], &view["breaker"]["state"]), (&json!("degraded"), &json!("closed")), "{view}");
    let model = view["models"].as_array().unwrap().iter().find(|model| model["name"] == "loud").unwrap();
    assert_eq!((&model["breaker"]["state"], &model["breaker"]["failures"]), (&json!("open"), &json!(3)));
    assert_eq!(view["requests"], json!({ "total": 4, "failed": 3 }));
    let detail = view["lastError"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("loud: 503") && !detail.contains("sk-test-key"), "{detail}");
    voice.replies().await;
    assert_eq!(voice.view()["state"], "degraded", "a reply says nothing of the voice");
    tokio::time::sleep(Duration::from_millis(600)).await;
    voice.speak().await.unwrap();
    let view = voice.view();
    assert!(
        view["state"] == "up" && view["models"].as_array().unwrap().iter().all(|it| it["breaker"].is_null())
    );
}

#[tokio::test]
async fn a_voice_that_asks_to_be_left_alone_or_refuses_the_key_keeps_no_reply_waiting() {
    let voice = Voice::start(|_| {}).await;
    voice.provider.script([Act::Status(401, None), Act::Status(429, Some("60"))]);
    assert_eq!(voice.speak().await.unwrap_err().kind, GenerateErrorKind::Refused);
    assert_eq!(voice.view()["state"], "degraded");
    assert_eq!(voice.speak().await.unwrap_err().kind, GenerateErrorKind::RateLimited);
    assert!(voice.speak().await.is_err());
    assert_eq!(voice.provider.asked().len(), 2, "it was asked no more");
    assert_eq!(voice.view()["pausedUntil"], Value::Null);
    voice.replies().await;
}

#[tokio::test]
async fn speaking_has_places_of_its_own_and_one_that_is_silent_has_failed() {
    let voice = Voice::start(|settings| {
        settings.providers.get_mut("one").unwrap().concurrency = 1;
        settings.place_wait_ms = 200;
    })
    .await;
    voice.provider.script([Act::Hang]);
    let (silent, ()) = tokio::join!(voice.speak(), async {
        voice.provider.open().await;
        assert_eq!(
            voice.view()["concurrency"],
            json!({ "limit": 1, "running": 0, "waiting": 0, "aside": 1 })
        );
        let error = voice.speak().await.unwrap_err();
        assert!(error.to_string().contains("no place"), "{error}");
        voice.replies().await;
    });
    assert_eq!(silent.unwrap_err().kind, GenerateErrorKind::Timeout);
    assert_eq!(voice.view()["errors"], json!([{ "kind": "timeout", "count": 1 }]));
    voice.provider.none_open().await;
    // Who is no longer waited for in time says nothing.
    voice.provider.script([Act::Hang]);
    assert!(tokio::time::timeout(Duration::from_millis(300), voice.speak()).await.is_err());
    assert_eq!(voice.view()["requests"]["failed"], 1);
    assert_eq!(voice.view()["concurrency"]["aside"], 0);
}
