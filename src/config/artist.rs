//! Pictures and videos that a model makes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Config;
use super::ai::OFFLINE;
use super::media::NamedModel;
use super::validate::Broken;

/// The first model that can.
const AUTO: &str = "auto";
const IMAGE_MAX_BYTES: usize = 100 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtistSettings {
    /// `provider/model` that makes pictures, `auto`: the first that can, or `offline`.
    pub image_model: String,
    /// The same for videos.
    pub video_model: String,
    /// For a whole picture.
    pub image_timeout_ms: u64,
    /// For one question about a video.
    pub video_timeout_ms: u64,
    /// Of a picture that is sent.
    pub image_max_bytes: usize,
    /// For a result that lies at an address.
    pub fetch_timeout_ms: u64,
    /// Whether results are fetched from this machine and its network too.
    pub fetch_private: bool,
    /// How long the offline provider takes for a video.
    pub offline_video_ms: u64,
}

impl Default for ArtistSettings {
    fn default() -> Self {
        Self {
            image_model: AUTO.to_owned(),
            video_model: AUTO.to_owned(),
            image_timeout_ms: 180_000,
            video_timeout_ms: 60_000,
            image_max_bytes: 32 * 1024 * 1024,
            fetch_timeout_ms: 120_000,
            fetch_private: false,
            offline_video_ms: 3_000,
        }
    }
}

/// Whom the settings want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedModel<'a> {
    /// The first that can.
    Any,
    Named(NamedModel<'a>),
    Offline,
}

impl ArtistSettings {
    #[must_use]
    pub fn paints(&self) -> WantedModel<'_> {
        wanted(&self.image_model)
    }

    #[must_use]
    pub fn films(&self) -> WantedModel<'_> {
        wanted(&self.video_model)
    }

    #[must_use]
    pub fn image_timeout(&self) -> Duration {
        Duration::from_millis(self.image_timeout_ms)
    }

    #[must_use]
    pub fn video_timeout(&self) -> Duration {
        Duration::from_millis(self.video_timeout_ms)
    }

    #[must_use]
    pub fn fetch_timeout(&self) -> Duration {
        Duration::from_millis(self.fetch_timeout_ms)
    }

    #[must_use]
    pub fn offline_video(&self) -> Duration {
        Duration::from_millis(self.offline_video_ms)
    }
}

fn wanted(name: &str) -> WantedModel<'_> {
    match name.split_once('/') {
        Some(named) => WantedModel::Named(named),
        None if name == OFFLINE => WantedModel::Offline,
        None => WantedModel::Any,
    }
}

impl Config {
    pub(super) fn check_artist(&self, broken: &mut Broken) {
        let artist = &self.artist;
        let known = |name: &str| match name.split_once('/') {
            Some((provider, model)) => !model.is_empty() && self.ai.providers.contains_key(provider),
            None => name == AUTO || name == OFFLINE,
        };
        for (setting, name) in
            [("artist.image_model", &artist.image_model), ("artist.video_model", &artist.video_model)]
        {
            broken.unless(
                known(name),
                setting,
                "takes auto, offline, or a provider of [ai.providers] and its model: openai/gpt-image-1.5",
            );
        }
        for (name, span) in [
            ("artist.image_timeout_ms", artist.image_timeout_ms),
            ("artist.video_timeout_ms", artist.video_timeout_ms),
            ("artist.fetch_timeout_ms", artist.fetch_timeout_ms),
        ] {
            broken.unless((1..=1_800_000).contains(&span), name, "takes 1 to 1800000");
        }
        broken.unless(artist.offline_video_ms <= 600_000, "artist.offline_video_ms", "takes at most 600000");
        broken.unless(
            (1..=IMAGE_MAX_BYTES).contains(&artist.image_max_bytes),
            "artist.image_max_bytes",
            "takes 1 to 104857600",
        );
        broken.unless(
            !(self.is_production() && artist.fetch_private),
            "artist.fetch_private",
            "is for development: in production it would open this network to what a provider answers",
        );
    }
}
