//! Files, and replies that are spoken.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::validate::Broken;
use super::{Config, StoreSettings};

/// The first model that can.
const AUTO: &str = "auto";
/// Bytes of a file that is held in memory as a whole.
const FETCH_MAX_BYTES: u64 = 100 * 1024 * 1024;
/// Bytes of a file that is uploaded.
const UPLOAD_MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// The longest life of an address: it cannot be taken back.
pub(crate) const URL_LIFETIME_MAX_S: u64 = 7 * 24 * 3_600;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MediaSettings {
    pub store: StoreSettings,
    /// Whether who fetches a file is sent on to the cloud's own signed address.
    pub redirect: bool,
    /// Where addresses of files begin, before `/media/`; empty: at this server.
    pub cdn_base_url: String,
    /// How long an address of a file opens it at least.
    pub url_lifetime_s: u64,
    /// Of a file that is fetched to be listened to.
    pub fetch_max_bytes: u64,
    pub fetch_timeout_ms: u64,
    /// Whether files are fetched from this machine and its network too.
    pub fetch_private: bool,
    /// Of one file of each kind that is uploaded.
    pub image_max_bytes: u64,
    pub audio_max_bytes: u64,
    pub video_max_bytes: u64,
    /// Of a picture: each side, and all of it.
    pub image_max_side: u32,
    pub image_max_pixels: u64,
    /// Of memory that processing takes at once, all files together.
    pub processing_max_bytes: u64,
    /// Files of one upload.
    pub upload_max_files: usize,
    /// Uploads that come in at the same time: of one user, and in all on this node.
    pub uploads_per_user: usize,
    pub uploads_at_once: usize,
    /// How long one waits for its turn, may take as a whole, and may say nothing.
    pub upload_wait_ms: u64,
    /// Of all uploads of this node together.
    pub upload_bytes_per_s: u64,
    pub upload_timeout_ms: u64,
    pub upload_idle_ms: u64,
    /// How long what came is kept under `temp/` where nothing knows of it.
    pub temp_keep_s: u64,
    /// How long a file that failed is shown, and the row of a deleted one is kept.
    pub ended_keep_days: u32,
}

impl Default for MediaSettings {
    fn default() -> Self {
        Self {
            store: StoreSettings::default(),
            redirect: false,
            cdn_base_url: String::new(),
            url_lifetime_s: 3_600,
            fetch_max_bytes: 25 * 1024 * 1024,
            fetch_timeout_ms: 20_000,
            fetch_private: false,
            image_max_bytes: 10 * 1024 * 1024,
            audio_max_bytes: 50 * 1024 * 1024,
            video_max_bytes: 50 * 1024 * 1024,
            image_max_side: 10_000,
            image_max_pixels: 50_000_000,
            processing_max_bytes: 128 * 1024 * 1024,
            upload_max_files: 10,
            uploads_per_user: 6,
            uploads_at_once: 64,
            upload_wait_ms: 10_000,
            upload_bytes_per_s: 64 * 1024 * 1024,
            upload_timeout_ms: 600_000,
            upload_idle_ms: 30_000,
            temp_keep_s: 3_600,
            ended_keep_days: 30,
        }
    }
}

impl MediaSettings {
    /// Where else than at this server pages find files.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        let sent_on = if self.redirect { self.store.origin() } else { None };
        let origin = |address: &str| {
            let origin = url::Url::parse(address).ok()?.origin();
            origin.is_tuple().then(|| origin.ascii_serialization())
        };
        [origin(&self.cdn_base_url), sent_on.as_deref().and_then(origin)].into_iter().flatten().collect()
    }

    #[must_use]
    pub fn url_lifetime(&self) -> Duration {
        Duration::from_secs(self.url_lifetime_s)
    }

    #[must_use]
    pub fn fetch_timeout(&self) -> Duration {
        Duration::from_millis(self.fetch_timeout_ms)
    }

    #[must_use]
    pub fn upload_wait(&self) -> Duration {
        Duration::from_millis(self.upload_wait_ms)
    }

    #[must_use]
    pub fn upload_timeout(&self) -> Duration {
        Duration::from_millis(self.upload_timeout_ms)
    }

    #[must_use]
    pub fn upload_idle(&self) -> Duration {
        Duration::from_millis(self.upload_idle_ms)
    }

    #[must_use]
    pub fn temp_keep(&self) -> Duration {
        Duration::from_secs(self.temp_keep_s)
    }

    fn check_uploads(&self, broken: &mut Broken) {
        for (name, bytes) in [
            ("media.image_max_bytes", self.image_max_bytes),
            ("media.audio_max_bytes", self.audio_max_bytes),
            ("media.video_max_bytes", self.video_max_bytes),
        ] {
            broken.unless((1..=UPLOAD_MAX_BYTES).contains(&bytes), name, "takes 1 to 1073741824");
        }
        broken.unless(
            (1..=20_000).contains(&self.image_max_side),
            "media.image_max_side",
            "takes 1 to 20000",
        );
        broken.unless(
            (1..=200_000_000).contains(&self.image_max_pixels),
            "media.image_max_pixels",
            "takes 1 to 200000000: a picture takes 4 bytes of memory for each pixel while it is looked at",
        );
        broken.unless(
            (16 * 1024 * 1024..=64 * 1024 * 1024 * 1024).contains(&self.processing_max_bytes),
            "media.processing_max_bytes",
            "takes 16777216 to 68719476736",
        );
        for (name, count) in [
            ("media.upload_max_files", self.upload_max_files),
            ("media.uploads_per_user", self.uploads_per_user),
            ("media.uploads_at_once", self.uploads_at_once),
        ] {
            broken.unless((1..=1_000).contains(&count), name, "takes 1 to 1000");
        }
        for (name, span) in [
            ("media.upload_wait_ms", self.upload_wait_ms),
            ("media.upload_timeout_ms", self.upload_timeout_ms),
            ("media.upload_idle_ms", self.upload_idle_ms),
        ] {
            broken.unless((1..=3_600_000).contains(&span), name, "takes 1 to 3600000");
        }
        broken.unless(
            self.temp_keep() > self.upload_timeout() && self.temp_keep_s <= 7 * 24 * 3_600,
            "media.temp_keep_s",
            "takes longer than media.upload_timeout_ms, and at most 604800",
        );
        broken.unless(
            (64 * 1024..=1 << 36).contains(&self.upload_bytes_per_s),
            "media.upload_bytes_per_s",
            "takes 65536 to 68719476736",
        );
        broken.unless(
            (1..=3_650).contains(&self.ended_keep_days),
            "media.ended_keep_days",
            "takes 1 to 3650",
        );
    }
}

/// In what form a provider is to send what it speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpeechFormat {
    #[default]
    Mp3,
    Opus,
    Aac,
    Flac,
    Wav,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeechSettings {
    /// `provider/model` that speaks, or `auto`: the first that can.
    pub model: String,
    /// `provider/model` that listens, or `auto`.
    pub transcription_model: String,
    /// Of characters that have none of their own.
    pub voice: String,
    pub format: SpeechFormat,
    /// Characters that are spoken in one request.
    pub max_chars: usize,
    pub timeout_ms: u64,
    /// Whether audio messages without a text are listened to.
    pub transcribe: bool,
    /// How long a reply waits for that.
    pub transcript_wait_ms: u64,
}

impl Default for SpeechSettings {
    fn default() -> Self {
        Self {
            model: AUTO.to_owned(),
            transcription_model: AUTO.to_owned(),
            voice: "alloy".to_owned(),
            format: SpeechFormat::default(),
            max_chars: 4_096,
            timeout_ms: 60_000,
            transcribe: true,
            transcript_wait_ms: 10_000,
        }
    }
}

/// A model of a provider by the name that settings have for it.
pub type NamedModel<'a> = (&'a str, &'a str);

impl SpeechSettings {
    /// Which model speaks; `None`: the first that can.
    #[must_use]
    pub fn speaks(&self) -> Option<NamedModel<'_>> {
        self.model.split_once('/')
    }

    /// Which model listens; `None`: the first that can.
    #[must_use]
    pub fn listens(&self) -> Option<NamedModel<'_>> {
        self.transcription_model.split_once('/')
    }

    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    #[must_use]
    pub fn transcript_wait(&self) -> Duration {
        Duration::from_millis(self.transcript_wait_ms)
    }
}

impl Config {
    pub(super) fn check_media(&self, broken: &mut Broken) {
        let (media, speech) = (&self.media, &self.speech);
        media.check_uploads(broken);
        broken.unless(
            (60..=URL_LIFETIME_MAX_S).contains(&media.url_lifetime_s),
            "media.url_lifetime_s",
            "takes 60 to 604800",
        );
        broken.unless(
            (1..=FETCH_MAX_BYTES).contains(&media.fetch_max_bytes),
            "media.fetch_max_bytes",
            "takes 1 to 104857600",
        );
        broken.unless(
            !(self.is_production() && media.fetch_private),
            "media.fetch_private",
            "is for development: in production it would open this network to whoever sends an address",
        );
        let voice = speech.voice.chars().count();
        broken.unless((1..=80).contains(&voice), "speech.voice", "takes the name of a voice");
        let known = |name: &str| {
            let provider = name.split_once('/').map(|(provider, model)| (provider, !model.is_empty()));
            name == AUTO
                || provider.is_some_and(|(name, named)| named && self.ai.providers.contains_key(name))
        };
        for (setting, name) in
            [("speech.model", &speech.model), ("speech.transcription_model", &speech.transcription_model)]
        {
            broken.unless(
                known(name),
                setting,
                "takes auto, or a provider of [ai.providers] and its model: openai/tts-1",
            );
        }
        broken.unless((100..=100_000).contains(&speech.max_chars), "speech.max_chars", "takes 100 to 100000");
        broken.unless(
            media.ended_keep_days >= self.conversations.restore_days,
            "media.ended_keep_days",
            "takes at least conversations.restore_days: what is brought back asks for the files that were deleted meanwhile",
        );
        for (name, span) in
            [("media.fetch_timeout_ms", media.fetch_timeout_ms), ("speech.timeout_ms", speech.timeout_ms)]
        {
            broken.unless((1..=600_000).contains(&span), name, "takes 1 to 600000");
        }
        broken.unless(
            speech.transcript_wait_ms <= 60_000,
            "speech.transcript_wait_ms",
            "takes at most 60000: the reply waits for it",
        );
    }
}
