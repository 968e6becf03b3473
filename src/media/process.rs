//! The job `media.process`: looks at what came in, makes what is to be made of it, and puts it where it belongs.
//!
//! It may run twice, and be killed at any moment: rows of objects stand before the objects, nothing is changed but by putting
//! the same again, and the file becomes ready, or failed, in one transaction that only the first one wins. A file that is
//! deleted meanwhile leaves objects to the sweep, which finds them by their rows.
//!
//! Decoding runs on threads that step back, and what all of it holds in memory is bounded (`decoding`).

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryStreamExt};
use greenroom_actors::domain::AttachmentKind;
use tokio::sync::OwnedSemaphorePermit;

use super::files::{self, FileId, Made, MediaFile, State, Variant};
use super::pictures::{self, Bounds};
use super::{Fault, FileType, Media, ObjectError, ObjectKey, films, sounds};
use crate::jobs::{Handler, Job, JobError};
use crate::postgres::refusal;

/// Bytes of a picture's beginning in which its header is looked for before the whole of it is read.
const HEADER: u64 = 256 * 1024;
/// Bytes that processing any file takes beside what is counted of it.
const BESIDE: u64 = 8 * 1024 * 1024;

pub(super) struct Processor {
    media: Media,
    bounds: Bounds,
}

/// What is to lie in the store, the original first, and what is known of it.
struct Output {
    objects: Vec<(ObjectKey, Bytes)>,
    made: Made,
}

impl Processor {
    pub(super) fn new(media: Media) -> Self {
        Self { bounds: media.bounds(), media }
    }

    async fn process(&self, id: FileId) -> Result<(), JobError> {
        let again = |error: greenroom_actors::protocol::Refusal| JobError::Again(error.message);
        let Some(file) = self.media.file(id).await.map_err(again)? else { return Ok(()) };
        if file.state != State::Processing {
            return self.leave(id).await;
        }
        match self.look(&file).await {
            Ok((output, permit)) => {
                self.put(&file, &output.objects).await?;
                drop(permit);
                self.media.finish(id, &output.made).await.map_err(again)?;
                Ok(())
            }
            Err(Stop::Fault(fault)) => {
                tracing::info!(file = %id, %fault, "a file was refused");
                self.media.fail(id, &fault.to_string()).await.map_err(again)?;
                Ok(())
            }
            Err(Stop::Gone) => {
                // Another try may have ended meanwhile.
                self.media.fail(id, "what was uploaded is gone: send it again").await.map_err(again)?;
                Ok(())
            }
            Err(Stop::Again(why)) => Err(JobError::Again(why)),
        }
    }

    /// A file that is in work no more: what came of it goes.
    async fn leave(&self, id: FileId) -> Result<(), JobError> {
        let deleted = self.media.objects().delete(&ObjectKey::temp(id)).await;
        deleted.map_err(|error| JobError::Again(error.to_string()))
    }

    async fn look(&self, file: &MediaFile) -> Result<(Output, OwnedSemaphorePermit), Stop> {
        let temp = ObjectKey::temp(file.id);
        let decoding = match file.kind {
            AttachmentKind::Image => self.picture_memory(&temp, file.bytes).await?,
            AttachmentKind::Audio | AttachmentKind::Video => 0,
        };
        // The file, and the same without what it tells.
        let permit = self.claim(decoding + 2 * file.bytes + BESIDE).await?;
        let bytes = self.media.objects().read(&temp, file.bytes).await?;
        let (file, bounds) = (file.clone(), self.bounds);
        let work = self.media.decoding.run(move || {
            let output = match file.kind {
                AttachmentKind::Image => picture(&file, &bytes, &bounds),
                AttachmentKind::Audio => sound(&file, &bytes),
                AttachmentKind::Video => film(&file, bytes),
            };
            // Held until what it counts is gone, also where nobody waits for it any more.
            output.map(|output| (output, permit))
        });
        let output = work.await.ok_or_else(|| Stop::Again("it broke off".to_owned()))?;
        output.map_err(Stop::Fault)
    }

    /// Bytes that decoding it takes, by its header.
    async fn picture_memory(&self, temp: &ObjectKey, bytes: u64) -> Result<u64, Stop> {
        let mut want = HEADER.min(bytes);
        loop {
            let parts = self.media.objects().get(temp, Some(0..want)).await?;
            let parts: Vec<Bytes> = parts.try_collect().await?;
            match pictures::look(&parts.concat(), &self.bounds) {
                // Whole pages of camera data, or a profile, before it.
                Err(Fault::Truncated) if want < bytes => want = want.saturating_mul(8).min(bytes),
                looked => return Ok(looked.map_err(Stop::Fault)?.memory),
            }
        }
    }

    async fn claim(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Stop> {
        let permit = self.media.decoding.claim(bytes).await;
        permit.map_err(|_| Stop::Again("the server ends".to_owned()))
    }

    async fn put(&self, file: &MediaFile, objects: &[(ObjectKey, Bytes)]) -> Result<(), JobError> {
        let sizes: Vec<_> = objects.iter().map(|(key, bytes)| (key, bytes.len() as u64)).collect();
        let client = self.media.client().await.map_err(|error| JobError::Again(error.message))?;
        let noted = files::note_objects(&client, file, &sizes).await;
        noted.map_err(|error| JobError::Again(refusal(&error).message))?;
        drop(client);
        for (key, bytes) in objects {
            let put = self.media.objects().put(key, bytes.clone()).await;
            put.map_err(|error| JobError::Again(error.to_string()))?;
        }
        Ok(())
    }
}

/// Why a file did not become ready.
enum Stop {
    /// It never will.
    Fault(Fault),
    /// What came is not there any more.
    Gone,
    Again(String),
}

impl From<ObjectError> for Stop {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::NotFound => Self::Gone,
            error => Self::Again(error.to_string()),
        }
    }
}

/// Its row tells another type than its content.
const OTHER_TYPE: Fault = Fault::Broken("its content is of another type than was said");

fn picture(file: &MediaFile, bytes: &[u8], bounds: &Bounds) -> Result<Output, Fault> {
    let made = pictures::make(bytes, bounds)?;
    let original = match file.key.file_type() {
        same if same == made.file_type => made.original,
        // What was made here, or by a provider, and is kept in one form.
        FileType::Webp => pictures::as_webp(bytes, bounds)?,
        _ => return Err(OTHER_TYPE),
    };
    let mut objects = vec![(file.key.clone(), original)];
    let mut variants = Vec::with_capacity(made.variants.len());
    for version in made.variants {
        let key = file.key.variant(version.size);
        variants.push(Variant {
            size: version.size,
            key: key.to_string(),
            width: version.width,
            height: version.height,
            bytes: version.bytes.len() as u64,
        });
        objects.push((key, version.bytes));
    }
    let made = Made {
        width: Some(made.width),
        height: Some(made.height),
        blurhash: Some(made.blurhash),
        variants,
        ..of(file, &objects[0].1)
    };
    Ok(Output { objects, made })
}

fn sound(file: &MediaFile, bytes: &[u8]) -> Result<Output, Fault> {
    let sound = sounds::look(bytes)?;
    if !same_container(file.key.file_type(), sound.file_type) {
        return Err(OTHER_TYPE);
    }
    let original = Bytes::from(sounds::clean(bytes.to_vec(), sound.file_type)?);
    let made = Made { duration_ms: Some(sound.duration_ms), peaks: sound.peaks, ..of(file, &original) };
    Ok(Output { objects: vec![(file.key.clone(), original)], made })
}

fn film(file: &MediaFile, bytes: Bytes) -> Result<Output, Fault> {
    let film = films::look(&bytes)?;
    if !same_container(file.key.file_type(), film.file_type) {
        return Err(OTHER_TYPE);
    }
    let original = Bytes::from(films::clean(bytes.into())?);
    let made = Made {
        duration_ms: Some(film.duration_ms),
        width: Some(film.width),
        height: Some(film.height),
        ..of(file, &original)
    };
    Ok(Output { objects: vec![(file.key.clone(), original)], made })
}

fn of(file: &MediaFile, original: &Bytes) -> Made {
    Made { mime: file.mime.clone(), bytes: original.len() as u64, ..Made::default() }
}

/// Sounds and films share containers, and Opus lies in Ogg.
fn same_container(one: FileType, other: FileType) -> bool {
    let container = |file: FileType| match file {
        FileType::M4a => FileType::Mp4,
        FileType::Weba => FileType::Webm,
        FileType::Opus => FileType::Ogg,
        file => file,
    };
    container(one) == container(other)
}

impl Handler for Processor {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        async move {
            let id = job.payload["file"].as_str().and_then(|id| id.parse().ok());
            let id = id.ok_or_else(|| JobError::Never("the payload names no file".to_owned()))?;
            self.process(FileId::from_uuid(id)).await
        }
        .boxed()
    }
}
