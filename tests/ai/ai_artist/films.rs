//! Videos.

use std::time::Duration;

use greenroom::ai::{FilmState, FilmTicket};

use super::*;

const MAX: u64 = 50_000_000;

async fn until_done(artist: &Artist, ticket: &FilmTicket) -> Vec<u8> {
    let mut seen = Vec::new();
    loop {
        match artist.look_at(ticket).await.unwrap() {
            FilmState::Running { percent } => seen.push(percent),
            FilmState::Done => break,
            FilmState::Failed { reason } => panic!("{reason}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(seen.is_sorted(), "{seen:?}");
    seen
}

#[tokio::test]
async fn a_video_is_begun_looked_at_and_fetched_at_openai_and_at_xai() {
    for (model, path) in [("sora-2", "/v1/videos"), ("grok-imagine-video", "/v1/videos/generations")] {
        let studio = Studio::start(("gpt-image-1.5", model), |sim| sim.video_ms = 150.0, |_| {});
        let calls = Calls::default();
        let request = FilmRequest { from: Some(png(64).into()), ..film("a fox in the snow") };
        let ticket = studio.artist.begin_film(request, &calls).await.unwrap();
        assert_eq!(studio.asked()["path"], path);
        let call = only(&calls);
        // Sora makes 8 seconds of the 5 that were asked for.
        let seconds = if model == "sora-2" { 8 } else { 5 };
        assert_eq!((call.purpose, call.usage.prompt_tokens), (Purpose::Video, seconds));
        assert_eq!(call.cost_micros(), u64::from(seconds) * 100_000);
        // It outlives the process that began it.
        let kept = serde_json::to_string(&ticket).unwrap();
        let ticket: FilmTicket = serde_json::from_str(&kept).unwrap();
        until_done(&studio.artist, &ticket).await;
        let film = studio.artist.fetch_film(&ticket, MAX).await.unwrap();
        assert_eq!((film.mime, film.drawn_offline), ("video/webm", false));
        // One that is too large is told as such, however often it is asked for: it is nobody's fault.
        for _ in 0..4 {
            let error = studio.artist.fetch_film(&ticket, 100).await.unwrap_err();
            assert_eq!((error.kind, error.cause), (GenerateErrorKind::Broken, Cause::TooLarge), "{error}");
        }
        studio.artist.fetch_film(&ticket, MAX).await.unwrap();
        studio.artist.cancel_film(&ticket).await.unwrap();
        studio.artist.cancel_film(&ticket).await.unwrap();
        if model == "sora-2" {
            let error = studio.artist.look_at(&ticket).await.unwrap_err();
            assert_eq!(error.kind, GenerateErrorKind::Refused, "it is gone");
        }
    }
}

#[tokio::test]
async fn a_video_that_fails_and_one_that_may_not_be_are_told_apart() {
    for model in ["sora-2", "grok-imagine-video"] {
        let studio = Studio::start(("gpt-image-1.5", model), |sim| sim.videos_fail = true, |_| {});
        let ticket = studio.artist.begin_film(film("a fox"), &Calls::default()).await.unwrap();
        let FilmState::Failed { reason } = studio.artist.look_at(&ticket).await.unwrap() else {
            panic!("it did not fail")
        };
        assert!(reason.contains("server_error"), "{reason}");
        let ticket = studio.artist.begin_film(film("a bloodbath"), &Calls::default()).await.unwrap();
        let error = studio.artist.look_at(&ticket).await.unwrap_err();
        assert_eq!((error.kind, error.cause), (GenerateErrorKind::Refused, Cause::Content));
    }
}

#[tokio::test]
async fn looking_at_a_video_fails_in_ways_that_pass_and_the_video_is_fetched_afterwards() {
    let studio = Studio::start(("gpt-image-1.5", "sora-2"), |_| {}, |own| own.video_timeout_ms = 300);
    let ticket = studio.artist.begin_film(film("a fox"), &Calls::default()).await.unwrap();
    let change = |body: &str| {
        let answer = http::put(studio.sim.address(), "/sim/config", body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200);
    };
    change(r#"{"endpoints":{"videoJobs":"hang"}}"#);
    assert_eq!(studio.artist.look_at(&ticket).await.unwrap_err().kind, GenerateErrorKind::Timeout);
    change(r#"{"endpoints":{"videoJobs":"garbage"}}"#);
    assert_eq!(studio.artist.look_at(&ticket).await.unwrap_err().kind, GenerateErrorKind::Broken);
    change(r#"{"endpoints":{}}"#);
    assert_eq!(studio.artist.look_at(&ticket).await.unwrap(), FilmState::Done);
    studio.artist.fetch_film(&ticket, MAX).await.unwrap();
}

#[tokio::test]
async fn a_ticket_that_was_tampered_with_leads_nowhere() {
    let studio = Studio::start(("gpt-image-1.5", "sora-2"), |_| {}, |_| {});
    let ticket = studio.artist.begin_film(film("a fox"), &Calls::default()).await.unwrap();
    let forged = FilmTicket { id: "../chat/completions".to_owned(), ..ticket.clone() };
    assert_eq!(studio.artist.look_at(&forged).await.unwrap_err().kind, GenerateErrorKind::Refused);
    let elsewhere = FilmTicket { provider: "nobody".to_owned(), ..ticket };
    assert_eq!(studio.artist.look_at(&elsewhere).await.unwrap_err().kind, GenerateErrorKind::Unavailable);
}

#[tokio::test]
async fn without_a_model_a_short_labelled_video_is_made() {
    let artist = offline();
    let calls = Calls::default();
    let ticket = artist.begin_film(film("a fox in the snow"), &calls).await.unwrap();
    assert_eq!(only(&calls).cost_micros(), 0);
    assert_eq!(artist.look_at(&ticket).await.unwrap(), FilmState::Done);
    let film = artist.fetch_film(&ticket, MAX).await.unwrap();
    assert_eq!((film.mime, film.drawn_offline), ("video/webm", true));
    if let Ok(folder) = std::env::var("GREENROOM_KEEP_FILMS") {
        std::fs::write(format!("{folder}/film.webm"), &film.bytes).unwrap();
        let painted = artist.paint(picture("a fox in the snow"), &Calls::default()).await.unwrap();
        std::fs::write(format!("{folder}/picture.png"), &painted.bytes).unwrap();
    }
    artist.cancel_film(&ticket).await.unwrap();
}
