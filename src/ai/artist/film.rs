//! Videos: begun, looked at, fetched.

use async_openai::Client;
use async_openai::error::OpenAIError;
use async_openai::traits::RequestOptionsBuilder;
use async_openai::types::InputSource;
use async_openai::types::videos::{CreateVideoRequest, ImageInput, VideoSeconds, VideoSize};
use bytes::Bytes;
use greenroom_actors::domain::Purpose;
use greenroom_actors::ports::{Calls, Cause, GenerateError, GenerateErrorKind};
use serde::Deserialize;
use serde_json::Value;

use super::family::{Filmer, cut, grok_video};
use super::fit::fitted;
use super::paint::no_picture;
use super::result::{data_url, fetched, picture_type, video_type};
use super::{
    Artist, Film, FilmRequest, FilmState, FilmTicket, Hand, begin, beside, end, nobody, offline,
    offline_back_end,
};
use crate::ai::Capable;
use crate::ai::aside::{Asking, Errand};
use crate::ai::openai::{Endpoint, Fault, is_of_content};
use crate::config::{Capability, OFFLINE};

/// Of an answer that only tells how it stands.
const WORD_MAX_BYTES: usize = 1024 * 1024;
/// Of a provider's reason.
const REASON_MAX_CHARS: usize = 400;
/// Of the name that a provider gives a video.
const ID_MAX_BYTES: usize = 512;

/// How a video stands, at OpenAI and at xAI.
#[derive(Deserialize)]
struct Job {
    #[serde(alias = "request_id", default)]
    id: String,
    #[serde(default)]
    status: String,
    progress: Option<f64>,
    error: Option<Value>,
    video: Option<Made>,
}

#[derive(Deserialize)]
struct Made {
    url: Option<String>,
    /// xAI: whether it may be shown.
    respect_moderation: Option<bool>,
}

impl Artist {
    /// Begins a video. What it costs stands in `calls`, by the seconds that the model will make.
    pub async fn begin_film(&self, request: FilmRequest, calls: &Calls) -> Result<FilmTicket, GenerateError> {
        match self.hand(Capability::Video)? {
            Hand::Model(model) => self.begun(&model, request, calls).await,
            Hand::Offline => {
                begin(&offline_back_end(), Purpose::Video, 0, request.seconds, calls);
                let id = offline::ticket(&request);
                end(&Ok(()), calls);
                Ok(FilmTicket { provider: OFFLINE.to_owned(), model: OFFLINE.to_owned(), id })
            }
        }
    }

    async fn begun(
        &self,
        model: &Capable,
        request: FilmRequest,
        calls: &Calls,
    ) -> Result<FilmTicket, GenerateError> {
        let family = Filmer::of(&model.back_end.model);
        let sides = family.sides(request.size, request.quality);
        let from = match request.from.clone() {
            None => None,
            Some(bytes) => {
                let mime = picture_type(&bytes).ok_or_else(no_picture)?;
                Some(match family {
                    // "The image must match the target video's resolution": guides/video-generation.
                    Filmer::Sora(_) => {
                        let fitted = beside(move || fitted(&bytes, sides)).await;
                        (fitted.map_err(|_| no_picture())?, "image/jpeg")
                    }
                    Filmer::Grok => (bytes, mime),
                })
            }
        };
        let seconds = family.seconds(request.seconds);
        let timeout = self.settings.video_timeout();
        let mut asking = model.admitted(timeout).await?;
        let price = model.unit_price.second(request.quality);
        begin(&model.back_end, Purpose::Video, price, seconds, calls);
        let client = model.client_within(timeout, WORD_MAX_BYTES);
        let name = &*model.back_end.model;
        let job = match family {
            Filmer::Sora(_) => {
                let source = |(bytes, _)| InputSource::Bytes { filename: "first.jpg".to_owned(), bytes };
                let form = CreateVideoRequest {
                    model: name.to_owned(),
                    prompt: cut(&request.prompt, family.prompt_max()).to_owned(),
                    size: Some(video_size(sides)),
                    seconds: Some(VideoSeconds::Other(seconds.to_string())),
                    input_reference: from.map(|from| ImageInput { source: source(from) }),
                    character_ids: None,
                };
                asking.hear(create(&client, form)).await
            }
            Filmer::Grok => {
                let from = from.map(|(bytes, mime)| data_url(&bytes, mime));
                let body = grok_video(name, &request, from);
                // The client knows no such path for videos; what it sends is the same.
                let generations = client.images().path("/videos/generations");
                let generations = generations.map_err(|error| model.fault(&error).error)?;
                asking.hear(generations.generate_byot::<_, Job>(body)).await
            }
        };
        end(&job, calls);
        let job = job?;
        if job.id.is_empty() || job.id.len() > ID_MAX_BYTES || !job.id.bytes().all(is_plain) {
            return Err(asking.broken("the video has no name"));
        }
        asking.done();
        let provider = model.back_end.provider.to_string();
        Ok(FilmTicket { provider, model: name.to_owned(), id: job.id })
    }

    /// How a video stands. What the provider's policy forbids, as it turns out now, is an error of
    /// [`Cause::Content`]: nobody need look again.
    pub async fn look_at(&self, ticket: &FilmTicket) -> Result<FilmState, GenerateError> {
        if ticket.provider == OFFLINE {
            return offline::state(&ticket.id, self.settings.offline_video()).map_err(no_ticket);
        }
        let model = self.model_of(ticket)?;
        let mut asking = model.admitted_for(Errand::UnderWay, self.settings.video_timeout()).await?;
        let job = self.job(&model, &mut asking, ticket).await?;
        let state = match stand(&job) {
            Ok(state) => state,
            Err(Some(refused)) => return Err(asking.failed(refused)),
            Err(None) => return Err(asking.broken("how the video stands is not understood")),
        };
        asking.done();
        Ok(state)
    }

    /// A video that is done, of at most `max` bytes; one that is larger is an error of [`Cause::TooLarge`].
    pub async fn fetch_film(&self, ticket: &FilmTicket, max: u64) -> Result<Film, GenerateError> {
        if ticket.provider == OFFLINE {
            let (id, takes) = (ticket.id.clone(), self.settings.offline_video());
            match offline::state(&id, takes).map_err(no_ticket)? {
                FilmState::Done => {}
                _ => return Err(GenerateError::new(GenerateErrorKind::Unavailable, "it is not done yet")),
            }
            let bytes = beside(move || offline::film(&id)).await?;
            if bytes.len() as u64 > max {
                let error = GenerateError::new(GenerateErrorKind::Broken, "it is larger than allowed");
                return Err(GenerateError { cause: Cause::TooLarge, ..error });
            }
            return Ok(Film { bytes, mime: "video/webm", drawn_offline: true });
        }
        let model = self.model_of(ticket)?;
        let timeout = self.settings.fetch_timeout();
        let mut asking = model.admitted_for(Errand::UnderWay, timeout).await?;
        let bytes = match Filmer::of(&ticket.model) {
            Filmer::Sora(_) => {
                let client = model.client_within(timeout, usize::try_from(max).unwrap_or(usize::MAX));
                asking.hear_file(content(&client, &ticket.id)).await?
            }
            // Its addresses do not live long: the present one.
            Filmer::Grok => {
                let job = self.job(&model, &mut asking, ticket).await?;
                let Some(url) = job.video.and_then(|made| made.url) else {
                    return Err(asking.broken("no address of the video"));
                };
                match fetched(&self.fetcher, &url, &["video/", "application/octet-stream"], max).await {
                    Ok(bytes) => bytes,
                    Err(error) => return Err(asking.lost(error)),
                }
            }
        };
        let Some(mime) = video_type(&bytes) else { return Err(asking.broken("what came is no video")) };
        asking.done();
        Ok(Film { bytes, mime, drawn_offline: false })
    }

    /// Has the provider forget a video, where it can: OpenAI deletes those that are done, xAI keeps all for a while. One
    /// that is not there is forgotten already.
    pub async fn cancel_film(&self, ticket: &FilmTicket) -> Result<(), GenerateError> {
        if ticket.provider == OFFLINE || Filmer::of(&ticket.model) == Filmer::Grok {
            return Ok(());
        }
        let model = self.model_of(ticket)?;
        let timeout = self.settings.video_timeout();
        let mut asking = model.admitted_for(Errand::UnderWay, timeout).await?;
        let client = model.client_within(timeout, WORD_MAX_BYTES);
        match delete(&client, &ticket.id).await {
            Err(error) if crate::ai::openai::is_not_there(&error) => {}
            answer => drop(asking.hear(std::future::ready(answer)).await?),
        }
        asking.done();
        Ok(())
    }

    async fn job(
        &self,
        model: &Capable,
        asking: &mut Asking<'_>,
        ticket: &FilmTicket,
    ) -> Result<Job, GenerateError> {
        let client = model.client_within(self.settings.video_timeout(), WORD_MAX_BYTES);
        asking.hear(retrieve(&client, &ticket.id)).await
    }

    fn model_of(&self, ticket: &FilmTicket) -> Result<Capable, GenerateError> {
        if !ticket.id.bytes().all(is_plain) {
            return Err(no_ticket("its name is none"));
        }
        self.providers.capable(&ticket.provider, &ticket.model, Capability::Video).ok_or_else(nobody)
    }
}

/// What a provider says of it: `Err(None)` is nonsense, `Err(Some)` that it may not be.
fn stand(job: &Job) -> Result<FilmState, Option<Fault>> {
    let percent = job.progress.unwrap_or(0.0).clamp(0.0, 99.0) as u8;
    match job.status.as_str() {
        "queued" | "in_progress" | "pending" | "processing" => Ok(FilmState::Running { percent }),
        "completed" | "done" => match &job.video {
            Some(Made { respect_moderation: Some(false), .. }) => Err(Some(refused("it may not be shown"))),
            _ => Ok(FilmState::Done),
        },
        "failed" | "expired" | "cancelled" | "canceled" => {
            let reason = job.error.as_ref().map_or_else(|| job.status.clone(), reason);
            if is_of_content(&reason) {
                Err(Some(refused(&reason)))
            } else {
                Ok(FilmState::Failed { reason })
            }
        }
        // xAI's first answers have no status.
        "" if job.video.is_some() => Ok(FilmState::Done),
        _ => Err(None),
    }
}

fn reason(error: &Value) -> String {
    let text = match error {
        Value::String(text) => text.clone(),
        error => {
            let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("{}: {}", part("code"), part("message"))
        }
    };
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(REASON_MAX_CHARS).collect()
}

fn refused(reason: &str) -> Fault {
    let mut fault = Fault::of_prompt(GenerateErrorKind::Refused, reason);
    fault.error.cause = Cause::Content;
    fault
}

fn no_ticket(why: &'static str) -> GenerateError {
    GenerateError::new(GenerateErrorKind::Refused, format!("this is no ticket of a video: {why}"))
}

/// What a name is made of that becomes a part of a path.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'=')
}

fn video_size(sides: (u32, u32)) -> VideoSize {
    match sides {
        (720, _) => VideoSize::S720x1280,
        (1_024, _) => VideoSize::S1024x1792,
        (1_792, _) => VideoSize::S1792x1024,
        _ => VideoSize::S1280x720,
    }
}

// OpenAI has announced the end of this API, and others speak it.
#[expect(deprecated, reason = "it is the form that videos have at all of these providers")]
async fn create(client: &Client<Endpoint>, form: CreateVideoRequest) -> Result<Job, OpenAIError> {
    client.videos().create_byot(form).await
}

#[expect(deprecated, reason = "as above")]
async fn retrieve(client: &Client<Endpoint>, id: &str) -> Result<Job, OpenAIError> {
    client.videos().retrieve_byot(id).await
}

#[expect(deprecated, reason = "as above")]
async fn content(client: &Client<Endpoint>, id: &str) -> Result<Bytes, OpenAIError> {
    client.videos().download_content(id).await
}

#[expect(deprecated, reason = "as above")]
async fn delete(client: &Client<Endpoint>, id: &str) -> Result<Value, OpenAIError> {
    client.videos().delete_byot(id).await
}
