//! What it serves beside replies: moderation, speech, transcription, pictures, videos, and the list of models.

use serde::Deserialize;
use serde_json::{Value, json};

use super::audio::{self, Format};
use super::chat::refuse;
use super::connection::State;
use super::fault::Fault;
use super::moderation::{Moderation, judge};
use super::request::Request;
use super::server::Simulator;
use super::settings::Endpoint;
use super::stream::{STREAM_HEAD, error};

/// OpenAI takes no longer texts for speech.
const MAX_SPOKEN_CHARACTERS: usize = 4_096;

#[derive(Deserialize)]
struct Speech {
    #[serde(default)]
    model: String,
    input: String,
    response_format: Option<String>,
    speed: Option<f64>,
}

/// A whole answer.
pub(super) struct Answer {
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

/// A request that is refused with this status.
pub(super) struct Wrong {
    pub status: u16,
    pub what: String,
    pub code: &'static str,
}

impl From<String> for Wrong {
    fn from(what: String) -> Wrong {
        Wrong { status: 400, what, code: "invalid_request_error" }
    }
}

impl Answer {
    pub fn json(body: &Value) -> Answer {
        Answer { content_type: "application/json", body: body.to_string().into_bytes() }
    }
}

impl Simulator {
    pub(super) fn serve_other(&mut self, number: usize, endpoint: Endpoint, request: &Request<'_>) {
        let made = match endpoint {
            Endpoint::Moderations => self.moderate(request).map_err(Wrong::from),
            Endpoint::Speech => speak(request).map_err(Wrong::from),
            Endpoint::Transcriptions => transcribe(request).map_err(Wrong::from),
            Endpoint::Images => self.paint(request),
            Endpoint::Videos => self.begin_film(request),
            Endpoint::VideoJobs | Endpoint::VideoContents => self.film(request),
            Endpoint::Models | Endpoint::Chat => Ok((String::new(), self.models())),
        };
        let (model, answer) = match made {
            Ok(made) => made,
            Err(Wrong { status, what, code }) => {
                self.stats.bad_request();
                return self.answer(number, status, &error(&what, code), request.keep_alive);
            }
        };
        let fault = self.settings.strikes_at(endpoint, &model);
        let Some(connection) = self.connections[number].as_mut() else { return };
        if let Some(fault) = fault {
            self.stats.failed(fault);
            if refuse(connection, &self.settings, fault, request.keep_alive) {
                return;
            }
        }
        let body = match fault {
            Some(Fault::Hang | Fault::HangOpen | Fault::Stall) => {
                if fault != Some(Fault::Hang) {
                    connection.outgoing.extend_from_slice(STREAM_HEAD);
                }
                self.stats.opened();
                connection.state = State::Hanging;
                return;
            }
            Some(Fault::Broken | Fault::CutCharacter | Fault::EndEarly) => {
                // Half of it, under a head that promises all.
                let half = answer.body.len() / 2;
                connection.answer_with(200, "", answer.content_type, &answer.body, false);
                let kept = connection.outgoing.len() - half;
                connection.outgoing.truncate(kept);
                return;
            }
            Some(Fault::Garbage | Fault::StreamError) => b"<!oops>".to_vec(),
            Some(Fault::Empty) => Vec::new(),
            Some(Fault::Huge)
                if matches!(endpoint, Endpoint::Images | Endpoint::VideoJobs | Endpoint::VideoContents) =>
            {
                vec![b' '; self.settings.huge_tokens as usize * 100]
            }
            _ => answer.body,
        };
        connection.answer_with(200, "", answer.content_type, &body, request.keep_alive);
    }

    fn moderate(&self, request: &Request<'_>) -> Result<(String, Answer), String> {
        let asked: Moderation = serde_json::from_slice(&request.body).map_err(|what| what.to_string())?;
        let answer = Answer::json(&judge(&asked, &self.settings));
        Ok((asked.model, answer))
    }

    /// Its own model, and one for each fault.
    fn models(&self) -> Answer {
        let faulty = Fault::ALL.iter().map(|(_, name)| format!("sim/{name}"));
        let models = std::iter::once(self.settings.model.clone()).chain(faulty);
        let listed: Vec<_> = models
            .map(|id| json!({ "id": id, "object": "model", "created": 0, "owned_by": "sim" }))
            .collect();
        Answer::json(&json!({ "object": "list", "data": listed }))
    }
}

fn speak(request: &Request<'_>) -> Result<(String, Answer), String> {
    let asked: Speech = serde_json::from_slice(&request.body).map_err(|what| what.to_string())?;
    let name = asked.response_format.as_deref().unwrap_or("mp3");
    let format = Format::named(name).ok_or_else(|| format!("no response_format `{name}` here"))?;
    let characters = asked.input.chars().count();
    if !(1..=MAX_SPOKEN_CHARACTERS).contains(&characters) {
        return Err(format!("input has 1 to {MAX_SPOKEN_CHARACTERS} characters, not {characters}"));
    }
    let body = audio::speech(&asked.input, asked.speed.unwrap_or(1.0), format);
    Ok((asked.model, Answer { content_type: format.content_type(), body }))
}

fn transcribe(request: &Request<'_>) -> Result<(String, Answer), String> {
    let part = |name: &str| audio::part(&request.body, request.content_type, name);
    let text = |name: &str| part(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let file = part("file").ok_or("there is no part `file`")?;
    let said = audio::transcript(file);
    let answer = match text("response_format").as_deref().unwrap_or("json") {
        "json" => Answer::json(&json!({ "text": said })),
        "text" => {
            Answer { content_type: "text/plain; charset=utf-8", body: format!("{said}\n").into_bytes() }
        }
        "verbose_json" => {
            let seconds = audio::duration(&said, 1.0).as_secs_f64();
            let whole =
                json!({ "task": "transcribe", "language": "english", "duration": seconds, "text": said });
            Answer::json(&whole)
        }
        other => return Err(format!("no response_format `{other}` here")),
    };
    Ok((text("model").unwrap_or_default(), answer))
}
