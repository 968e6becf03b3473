//! `/audio/speech` and `/audio/transcriptions`. Asked with the client's own connection and key, but read here: an answer is
//! held whole, and so it has a bound.

use bytes::{Bytes, BytesMut};
use greenroom_actors::ports::{GenerateError, GenerateErrorKind};
use reqwest::multipart::{Form, Part};
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;
use serde_json::json;

use super::OpenAi;
use super::error::{self, Redact, Refusal};

/// Bytes of an answer: an hour of speech.
const SPEECH_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of a transcript with all that comes along.
const TRANSCRIPT_MAX_BYTES: usize = 4 * 1024 * 1024;

/// A file to be listened to.
#[derive(Clone, Debug)]
pub struct AudioFile {
    pub bytes: Bytes,
    /// With the ending of its format: providers look at it.
    pub name: String,
    pub mime: String,
}

#[derive(Deserialize)]
struct Transcript {
    text: String,
}

impl OpenAi {
    /// The text as sound, in this format.
    pub async fn speak(
        &self,
        model: &str,
        voice: &str,
        format: &str,
        text: &str,
    ) -> Result<Bytes, GenerateError> {
        let body = json!({ "model": model, "voice": voice, "input": text, "response_format": format });
        let request = self.inner.http.post(self.address("/audio/speech")).json(&body);
        let bytes = self.answer(request, SPEECH_MAX_BYTES).await?;
        // A success without a sound in it is none.
        if bytes.is_empty() {
            return Err(GenerateError::new(GenerateErrorKind::Broken, "no sound came"));
        }
        Ok(bytes)
    }

    /// What is said in the file.
    pub async fn transcribe(&self, model: &str, file: AudioFile) -> Result<String, GenerateError> {
        let broken = |detail: String| GenerateError::new(GenerateErrorKind::Broken, detail);
        let part = Part::stream(file.bytes)
            .file_name(file.name)
            .mime_str(&file.mime)
            .map_err(|_| broken("the file has no media type".to_owned()))?;
        let form =
            Form::new().text("model", model.to_owned()).text("response_format", "json").part("file", part);
        let request = self.inner.http.post(self.address("/audio/transcriptions")).multipart(form);
        let bytes = self.answer(request, TRANSCRIPT_MAX_BYTES).await?;
        // Not said in the error: it is what a person said.
        let transcript: Transcript =
            serde_json::from_slice(&bytes).map_err(|_| broken("the answer is no transcript".to_owned()))?;
        Ok(transcript.text)
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.inner.endpoint.base_url)
    }

    async fn answer(&self, request: RequestBuilder, max: usize) -> Result<Bytes, GenerateError> {
        let redact = Redact::new(&self.inner.endpoint.key);
        let lost = |error: reqwest::Error| error::of_request(&error, &redact);
        let mut response = request.headers(self.inner.endpoint.headers.clone()).send().await.map_err(lost)?;
        if !response.status().is_success() {
            let (status, headers) = (response.status(), response.headers().clone());
            // An error's text is cut: a long one says no more.
            let body = read(&mut response, TRANSCRIPT_MAX_BYTES).await.unwrap_or_default();
            return Err(error::of_refusal(&Refusal::new(status, &headers, &body), &redact));
        }
        match read(&mut response, max).await {
            Ok(bytes) => Ok(bytes),
            Err(Cut::Lost(error)) => Err(lost(error)),
            Err(Cut::TooLong) => {
                Err(GenerateError::new(GenerateErrorKind::Broken, format!("more than {max} bytes came")))
            }
        }
    }
}

enum Cut {
    Lost(reqwest::Error),
    TooLong,
}

async fn read(response: &mut Response, max: usize) -> Result<Bytes, Cut> {
    let mut bytes = BytesMut::new();
    while let Some(more) = response.chunk().await.map_err(Cut::Lost)? {
        if bytes.len() + more.len() > max {
            return Err(Cut::TooLong);
        }
        bytes.extend_from_slice(&more);
    }
    Ok(bytes.freeze())
}
