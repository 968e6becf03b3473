//! Who speaks and who listens: models of the providers that are on, chosen by the settings or by what they can.

use std::sync::Arc;

use bytes::Bytes;
use greenroom_actors::domain::{BackEnd, CallOutcome, Price, Purpose, TokenUsage};
use greenroom_actors::ports::{Calls, GenerateError};

use super::openai::{AudioFile, OpenAi};
use crate::config::{Config, ProviderKind, ProviderSettings};

/// A model that turns text into sound or sound into text. Cheap to clone.
#[derive(Clone)]
pub struct AudioModel {
    back_end: Arc<BackEnd>,
    client: OpenAi,
}

/// The models of this server; `None` where no provider has one. Cheap to clone.
#[derive(Clone, Default)]
pub struct Audio {
    pub speech: Option<AudioModel>,
    pub transcription: Option<AudioModel>,
}

impl Audio {
    /// Connects to none.
    pub fn new(config: &Config) -> Result<Self, String> {
        let speech = config.speech.speaks().map(|named| chosen(config, named)).transpose()?.flatten();
        let listens = config.speech.listens().map(|named| chosen(config, named)).transpose()?.flatten();
        Ok(Self { speech, transcription: listens })
    }
}

/// The model that the settings name; `None`: its provider is off, or cannot do such things.
fn chosen(config: &Config, (name, model): (&str, &str)) -> Result<Option<AudioModel>, String> {
    let provider = config.ai.active().find(|(active, _)| *active == name).map(|(_, provider)| provider);
    let provider = provider.filter(|provider| provider.kind == ProviderKind::OpenAiCompatible);
    provider.map(|provider| AudioModel::new(name, provider, model, Price::default())).transpose()
}

impl AudioModel {
    /// The price is per million characters (speech) or per million seconds (transcription): what its calls count in place
    /// of tokens.
    fn new(name: &str, provider: &ProviderSettings, model: &str, price: Price) -> Result<Self, String> {
        let client = OpenAi::new(provider)?;
        Ok(Self { back_end: Arc::new(BackEnd { provider: name.into(), model: model.into(), price }), client })
    }

    /// The text as sound. What it costs stands in `calls`, by its characters, whatever becomes of it.
    pub async fn speak(
        &self,
        voice: &str,
        format: &str,
        text: &str,
        calls: &Calls,
    ) -> Result<Bytes, GenerateError> {
        let prompt_tokens = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        calls.begin(
            self.back_end.clone(),
            Purpose::Speech,
            TokenUsage { prompt_tokens, ..TokenUsage::default() },
        );
        let spoken = self.client.speak(&self.back_end.model, voice, format, text).await;
        calls.end(if spoken.is_ok() { CallOutcome::Done } else { CallOutcome::Failed });
        spoken
    }

    /// What is said in the file. What it costs stands in `calls`, by its seconds.
    pub async fn transcribe(
        &self,
        file: AudioFile,
        seconds: u32,
        calls: &Calls,
    ) -> Result<String, GenerateError> {
        let usage = TokenUsage { prompt_tokens: seconds, ..TokenUsage::default() };
        calls.begin(self.back_end.clone(), Purpose::Transcription, usage);
        let heard = self.client.transcribe(&self.back_end.model, file).await;
        calls.end(if heard.is_ok() { CallOutcome::Done } else { CallOutcome::Failed });
        heard
    }
}
