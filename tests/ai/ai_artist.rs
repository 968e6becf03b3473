//! Pictures and videos by providers, against the simulator over HTTP, and placeholders without one.

mod films;
mod pictures;

use greenroom::ai::{Artist, FilmRequest, PaintRequest, Providers, Quality};
use greenroom::config::{
    AiSettings, ArtistSettings, Capability, ModelSettings, PriceSettings, ProviderKind, ProviderSettings,
};
use greenroom_actors::domain::{AiCall, CallOutcome, Purpose, UserId};
use greenroom_actors::ports::{Calls, Cause, GenerateError, GenerateErrorKind};
use loadtest::net::http;
use loadtest::sim::{Background, Endpoint, Fault, Results, Settings};
use serde_json::Value;

const KEY: &str = "sk-artist";

/// An artist whose only provider is a simulator.
struct Studio {
    sim: Background,
    providers: Providers,
    artist: Artist,
}

impl Studio {
    /// With one model for pictures and one for videos.
    fn start(
        (image, video): (&str, &str),
        sim: impl FnOnce(&mut Settings),
        own: impl FnOnce(&mut ArtistSettings),
    ) -> Self {
        let mut settings = Settings { api_key: Some(KEY.to_owned()), video_ms: 0.0, ..Settings::default() };
        sim(&mut settings);
        let sim = Background::start(0, settings).expect("a simulator");
        let model = |capability| {
            let price = PriceSettings {
                per_image: Some(0.01),
                per_image_premium: Some(0.2),
                per_wide_image: Some(0.02),
                per_second: Some(0.1),
                ..PriceSettings::default()
            };
            ModelSettings { price: Some(price), capabilities: vec![capability], ..ModelSettings::default() }
        };
        let provider = ProviderSettings {
            base_url: format!("http://{}/v1", sim.address()),
            api_key: KEY.to_owned().into(),
            model: "house".to_owned(),
            models: [
                (image.to_owned(), model(Capability::Image)),
                (video.to_owned(), model(Capability::Video)),
            ]
            .into(),
            ..ProviderSettings::default()
        };
        let offline = ProviderSettings { kind: ProviderKind::Offline, ..ProviderSettings::default() };
        let mut ai = AiSettings {
            default_provider: "house".to_owned(),
            providers: [("house".to_owned(), provider), ("offline".to_owned(), offline)].into(),
            ..AiSettings::default()
        };
        ai.breaker.failures = 3;
        let mut settings = ArtistSettings {
            fetch_private: true,
            image_timeout_ms: 20_000,
            video_timeout_ms: 20_000,
            fetch_timeout_ms: 20_000,
            ..ArtistSettings::default()
        };
        own(&mut settings);
        let providers = Providers::new(&ai).unwrap();
        let artist = Artist::new(providers.clone(), settings).unwrap();
        Self { sim, providers, artist }
    }

    fn stats(&self) -> Value {
        let answer = http::get(self.sim.address(), "/sim/stats", None).unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// The body of the latest request.
    fn asked(&self) -> Value {
        let answer = http::get(self.sim.address(), "/sim/asked", None).unwrap();
        let asked: Value = serde_json::from_slice(&answer.body).unwrap();
        asked["items"].as_array().unwrap().last().unwrap().clone()
    }
}

fn offline() -> Artist {
    let providers = Providers::new(&AiSettings::default()).unwrap();
    let settings = ArtistSettings { offline_video_ms: 0, ..ArtistSettings::default() };
    Artist::new(providers, settings).unwrap()
}

fn picture(prompt: &str) -> PaintRequest {
    PaintRequest {
        prompt: prompt.to_owned(),
        size: "1024x1024".parse().unwrap(),
        quality: Quality::Standard,
        reference: None,
        user: UserId::new(),
    }
}

fn film(prompt: &str) -> FilmRequest {
    FilmRequest {
        prompt: prompt.to_owned(),
        size: "1280x720".parse().unwrap(),
        seconds: 5,
        from: None,
        quality: Quality::Standard,
        user: UserId::new(),
    }
}

/// The only call.
fn only(calls: &Calls) -> AiCall {
    let mut made = calls.take();
    assert_eq!(made.len(), 1);
    made.remove(0)
}

fn png(side: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(side, side).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
