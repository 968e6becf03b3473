//! Who speaks and who listens: the model that the settings name, or the first one that can.

use std::sync::Arc;

use async_openai::types::InputSource;
use async_openai::types::audio::{
    AudioInput, AudioResponseFormat, CreateSpeechRequest, CreateTranscriptionRequest, SpeechModel,
    SpeechResponseFormat, Voice,
};
use bytes::Bytes;
use greenroom_actors::domain::{BackEnd, CallOutcome, Price, Purpose, TokenUsage};
use greenroom_actors::ports::{Calls, GenerateError, GenerateErrorKind};
use serde::Deserialize;

use super::aside::Asking;
use super::openai::WHOLE_TIMEOUT;
use super::{Capable, Providers};
use crate::config::{Capability, SpeechFormat, SpeechSettings};

/// Turns text into sound and sound into text. Cheap to clone.
#[derive(Clone)]
pub struct Audio {
    providers: Providers,
    settings: Arc<SpeechSettings>,
}

/// A file to be listened to.
#[derive(Clone, Debug)]
pub struct AudioFile {
    pub bytes: Bytes,
    /// With the ending of its format: providers look at it.
    pub name: String,
    /// How long it is: what it costs goes by that.
    pub seconds: u32,
}

#[derive(Deserialize)]
struct Transcript {
    text: String,
}

impl Audio {
    #[must_use]
    pub fn new(providers: Providers, settings: SpeechSettings) -> Self {
        Self { providers, settings: Arc::new(settings) }
    }

    /// Whether some model speaks, though it may be left alone just now.
    #[must_use]
    pub fn speaks(&self) -> bool {
        match self.settings.speaks() {
            Some((provider, model)) => self.providers.capable(provider, model, Capability::Speech).is_some(),
            None => self.providers.has_capability(Capability::Speech),
        }
    }

    /// Whether some model listens.
    #[must_use]
    pub fn listens(&self) -> bool {
        match self.settings.listens() {
            Some((provider, model)) => {
                self.providers.capable(provider, model, Capability::Transcription).is_some()
            }
            None => self.providers.has_capability(Capability::Transcription),
        }
    }

    /// The text as sound. What it costs stands in `calls`, by its characters, whatever becomes of it.
    pub async fn speak(&self, voice: &str, text: &str, calls: &Calls) -> Result<Bytes, GenerateError> {
        let model = match self.settings.speaks() {
            Some((provider, model)) => self.providers.capable(provider, model, Capability::Speech),
            None => self.providers.with_capability(Capability::Speech),
        };
        let model = model.ok_or_else(nobody)?;
        let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let mut asking = model.admitted(self.settings.timeout()).await?;
        begin(&model, Purpose::Speech, model.unit_price.per_million_characters, characters, calls);
        let request = CreateSpeechRequest {
            input: text.to_owned(),
            model: SpeechModel::Other(model.back_end.model.to_string()),
            voice: Voice::Other(voice.to_owned()),
            response_format: Some(response_format(self.settings.format)),
            ..CreateSpeechRequest::default()
        };
        let spoken = asking.hear(model.client.audio().speech().create(request)).await;
        ended(asking, spoken.map(|spoken| spoken.bytes), calls)
    }

    /// What is said in the file. What it costs stands in `calls`, by its seconds.
    pub async fn transcribe(&self, file: AudioFile, calls: &Calls) -> Result<String, GenerateError> {
        let model = match self.settings.listens() {
            Some((provider, model)) => self.providers.capable(provider, model, Capability::Transcription),
            None => self.providers.with_capability(Capability::Transcription),
        };
        let model = model.ok_or_else(nobody)?;
        // Micro-dollars per million seconds.
        let price = model.unit_price.per_minute.saturating_mul(1_000_000) / 60;
        let mut asking = model.admitted(WHOLE_TIMEOUT).await?;
        begin(&model, Purpose::Transcription, price, file.seconds, calls);
        let request = CreateTranscriptionRequest {
            file: AudioInput { source: InputSource::Bytes { filename: file.name, bytes: file.bytes } },
            model: model.back_end.model.to_string(),
            response_format: Some(AudioResponseFormat::Json),
            ..CreateTranscriptionRequest::default()
        };
        let audio = model.client.audio();
        let heard = asking.hear(audio.transcription().create_byot::<_, Transcript>(request)).await;
        ended(asking, heard.map(|heard| heard.text), calls)
    }
}

/// What such calls count in place of tokens is known beforehand.
fn begin(model: &Capable, purpose: Purpose, price: u64, units: u32, calls: &Calls) {
    let back_end =
        BackEnd { price: Price { input: price, ..Price::default() }, ..BackEnd::clone(&model.back_end) };
    calls.begin(Arc::new(back_end), purpose, TokenUsage { prompt_tokens: units, ..TokenUsage::default() });
}

fn ended<T>(asking: Asking<'_>, answer: Result<T, GenerateError>, calls: &Calls) -> Result<T, GenerateError> {
    calls.end(if answer.is_ok() { CallOutcome::Done } else { CallOutcome::Failed });
    if answer.is_ok() {
        asking.done();
    }
    answer
}

fn nobody() -> GenerateError {
    GenerateError::new(GenerateErrorKind::Unavailable, "no model that can do it is ready")
}

fn response_format(format: SpeechFormat) -> SpeechResponseFormat {
    match format {
        SpeechFormat::Mp3 => SpeechResponseFormat::Mp3,
        SpeechFormat::Opus => SpeechResponseFormat::Opus,
        SpeechFormat::Aac => SpeechResponseFormat::Aac,
        SpeechFormat::Flac => SpeechResponseFormat::Flac,
        SpeechFormat::Wav => SpeechResponseFormat::Wav,
    }
}
