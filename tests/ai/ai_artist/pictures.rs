//! Pictures.

use super::*;

#[tokio::test]
async fn a_picture_comes_as_text_or_from_its_address_and_is_accounted_by_quality_and_shape() {
    for results in [Results::Base64, Results::Url] {
        let studio = Studio::start(("gpt-image-1.5", "sora-2"), |sim| sim.results = results, |_| {});
        assert!(studio.artist.paints() && studio.artist.films());
        assert_eq!(studio.artist.painter().unwrap().model, "gpt-image-1.5");
        let calls = Calls::default();
        let request = PaintRequest {
            size: "800x1200".parse().unwrap(),
            quality: Quality::Premium,
            ..picture("a fox in the snow")
        };
        let painted = studio.artist.paint(request, &calls).await.unwrap();
        assert_eq!((painted.mime, painted.drawn_offline), ("image/png", false));
        let read = image::load_from_memory(&painted.bytes).unwrap();
        assert_eq!((read.width(), read.height()), (1_024, 1_536));
        assert_eq!(painted.revised_prompt.as_deref(), Some("a fox in the snow, revised"));
        let call = only(&calls);
        assert_eq!(
            (call.purpose, call.outcome, call.usage.prompt_tokens),
            (Purpose::Image, CallOutcome::Done, 1)
        );
        assert_eq!(call.cost_micros(), 20_000);
        let asked = studio.asked();
        assert_eq!(asked["path"], "/v1/images/generations");
        assert_eq!(asked["body"]["quality"], "high");
        assert_eq!(asked["body"]["size"], "1024x1536");
    }
}

#[tokio::test]
async fn a_reference_goes_to_the_edits_where_the_model_looks_at_one() {
    for (model, path) in [
        ("gpt-image-1.5", "/v1/images/edits"),
        ("grok-imagine-image", "/v1/images/edits"),
        ("dall-e-3", "/v1/images/generations"),
    ] {
        let studio = Studio::start((model, "sora-2"), |_| {}, |_| {});
        let request = PaintRequest { reference: Some(png(32).into()), ..picture("a fox") };
        studio.artist.paint(request, &Calls::default()).await.unwrap();
        assert_eq!(studio.asked()["path"], path, "{model}");
    }
    let studio = Studio::start(("gpt-image-1.5", "sora-2"), |_| {}, |_| {});
    let request = PaintRequest { reference: Some("<svg/>".into()), ..picture("a fox") };
    let error = studio.artist.paint(request, &Calls::default()).await.unwrap_err();
    assert_eq!((error.kind, error.cause), (GenerateErrorKind::Refused, Cause::Content));
    assert_eq!(studio.stats()["calls"]["images"], Value::Null, "nobody was asked");
}

#[tokio::test]
async fn what_the_policy_forbids_is_told_apart_costs_nothing_and_closes_no_way() {
    let studio = Studio::start(("gpt-image-1.5", "sora-2"), |_| {}, |_| {});
    for _ in 0..5 {
        let calls = Calls::default();
        let error = studio.artist.paint(picture("a bloodbath"), &calls).await.unwrap_err();
        assert_eq!((error.kind, error.cause), (GenerateErrorKind::Refused, Cause::Content), "{error}");
        let call = only(&calls);
        assert_eq!((call.outcome, call.cost_micros()), (CallOutcome::Failed, 0));
    }
    studio.artist.paint(picture("a fox"), &Calls::default()).await.unwrap();
}

#[tokio::test]
async fn each_fault_is_an_error_of_its_kind_and_the_breaker_opens_for_pictures_alone() {
    for (fault, kind) in [
        (Fault::RateLimited, GenerateErrorKind::RateLimited),
        (Fault::ServerError, GenerateErrorKind::Unavailable),
        (Fault::Unauthorized, GenerateErrorKind::Refused),
        (Fault::Hang, GenerateErrorKind::Timeout),
        (Fault::Garbage, GenerateErrorKind::Broken),
        (Fault::Empty, GenerateErrorKind::Broken),
    ] {
        let strikes = |sim: &mut Settings| {
            sim.endpoints.insert(Endpoint::Images, fault);
        };
        let studio = Studio::start(("gpt-image-1.5", "sora-2"), strikes, |own| {
            if fault == Fault::Hang {
                own.image_timeout_ms = 300;
            }
        });
        let calls = Calls::default();
        let error = studio.artist.paint(picture("a fox"), &calls).await.unwrap_err();
        assert_eq!((error.kind, error.cause), (kind, Cause::Call), "{fault:?}: {error}");
        assert!(!error.to_string().contains(KEY), "{error}");
        assert_eq!(only(&calls).cost_micros(), 0);
        if fault == Fault::ServerError {
            for _ in 0..5 {
                studio.artist.paint(picture("a fox"), &Calls::default()).await.unwrap_err();
            }
            assert_eq!(studio.stats()["calls"]["images"], 3, "then it is left alone");
            assert!(studio.artist.paints(), "though it is still who paints");
            studio.artist.begin_film(film("a fox"), &Calls::default()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_taken() {
    let huge = |sim: &mut Settings| {
        sim.endpoints.insert(Endpoint::Images, Fault::Huge);
    };
    let studio = Studio::start(("gpt-image-1.5", "sora-2"), huge, |own| own.image_max_bytes = 100_000);
    let error = studio.artist.paint(picture("a fox"), &Calls::default()).await.unwrap_err();
    assert!(matches!(error.kind, GenerateErrorKind::Broken | GenerateErrorKind::Unavailable), "{error}");
    let at_address = |sim: &mut Settings| sim.results = Results::Url;
    let studio = Studio::start(("gpt-image-1.5", "sora-2"), at_address, |own| own.image_max_bytes = 100);
    let error = studio.artist.paint(picture("a fox"), &Calls::default()).await.unwrap_err();
    assert_eq!(error.kind, GenerateErrorKind::Broken, "{error}");
}

#[tokio::test]
async fn an_address_that_leads_inside_is_not_followed() {
    let at_address = |sim: &mut Settings| sim.results = Results::Url;
    let studio = Studio::start(("gpt-image-1.5", "sora-2"), at_address, |own| own.fetch_private = false);
    let calls = Calls::default();
    let error = studio.artist.paint(picture("a fox"), &calls).await.unwrap_err();
    assert_eq!(error.kind, GenerateErrorKind::Broken, "{error}");
    assert!(only(&calls).cost_micros() > 0, "it was made, and is paid for");
    let redirected = |sim: &mut Settings| sim.results = Results::Redirect;
    let studio = Studio::start(("gpt-image-1.5", "sora-2"), redirected, |_| {});
    studio.artist.paint(picture("a fox"), &Calls::default()).await.unwrap_err();
}

#[tokio::test]
async fn without_a_model_a_placeholder_is_drawn_that_says_so_and_costs_nothing() {
    let artist = offline();
    assert!(artist.paints() && artist.films());
    assert_eq!(artist.painter().unwrap().provider, "offline");
    let calls = Calls::default();
    let painted = artist.paint(picture("a fox in the snow"), &calls).await.unwrap();
    assert!(painted.drawn_offline && painted.revised_prompt.is_none());
    let call = only(&calls);
    assert_eq!((call.back_end.provider.as_ref(), call.cost_micros()), ("offline", 0));
    let read = image::load_from_memory(&painted.bytes).unwrap();
    assert_eq!((read.width(), read.height()), (1_024, 1_024));
}

#[tokio::test]
async fn a_placeholder_does_not_stand_in_for_a_model_that_is_down() {
    let strikes = |sim: &mut Settings| {
        sim.endpoints.insert(Endpoint::Images, Fault::ServerError);
    };
    let studio = Studio::start(("gpt-image-1.5", "sora-2"), strikes, |_| {});
    for _ in 0..6 {
        let error: GenerateError =
            studio.artist.paint(picture("a fox"), &Calls::default()).await.unwrap_err();
        assert_eq!(error.kind, GenerateErrorKind::Unavailable);
    }
    let named = Studio::start(
        ("gpt-image-1.5", "sora-2"),
        |_| {},
        |own| {
            own.image_model = "house/gpt-image-1.5".to_owned();
        },
    );
    named.artist.paint(picture("a fox"), &Calls::default()).await.unwrap();
    assert!(named.providers.has_capability(Capability::Image));
}
