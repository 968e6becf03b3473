//! The form of an upload, read part by part: files go to `temp/`, texts are few and short.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::stream::Fuse;
use futures_util::{StreamExt, TryStreamExt};
use greenroom_actors::domain::AttachmentKind;

use super::Uploads;
use super::body::{Body, Clock, too_large};
use super::kind::{self, Looked, Whole};
use crate::error::{ApiError, ApiResult, FieldError};
use crate::media::temp::Temp;
use crate::media::{FileType, ObjectKey, keep};

/// What a form may have beside its files, and beside each of them.
const FORM_BYTES: u64 = 64 * 1024;
const PART_BYTES: u64 = 8 * 1024;
/// Texts of a form, and bytes of each.
const TEXTS_MAX: usize = 64;
const TEXT_MAX_BYTES: usize = 8 * 1024;
/// Bytes that tell what a file is, and bytes that most pictures tell their size in.
const TYPE_BYTES: usize = 4 * 1024;
const HEAD_BYTES: usize = 64 * 1024;
/// Bytes in which a size is looked for that stands behind pages of camera data, or a profile. Counted by nobody, so not many:
/// where it stands further behind, the job finds it.
const FURTHER_BYTES: u64 = 512 * 1024;

/// What a form is to hold.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// The parts that are files.
    pub field: &'static str,
    pub kinds: &'static [AttachmentKind],
    pub files: Files,
    /// The parts that are texts; others are passed over.
    pub texts: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Files {
    One,
    Several,
}

/// A file that came as a whole and is of a type that was wanted.
#[derive(Debug)]
pub(super) struct Arrived {
    pub temp: Temp,
    pub kind: AttachmentKind,
    pub file_type: FileType,
    pub name: Option<String>,
}

/// One file of the form, in its order.
#[derive(Debug)]
pub(super) struct Came {
    pub name: Option<String>,
    pub file: Result<Arrived, ApiError>,
}

/// All that came.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub files: Vec<Came>,
    pub texts: Vec<(String, String)>,
}

/// A file's bytes, as they come.
type Pieces<'a> = Fuse<&'a mut Field>;

/// Why a part was not taken.
enum Unfit {
    /// The file; the others may be.
    File(ApiError),
    /// The request ends with it.
    Request(ApiError),
}

impl From<ApiError> for Unfit {
    fn from(error: ApiError) -> Self {
        Self::Request(error)
    }
}

impl Uploads {
    /// Reads a form. One that wants one file ends with the first that is refused.
    pub(super) async fn read(
        &self,
        request: &HttpRequest,
        payload: Payload,
        wanted: Wanted,
    ) -> ApiResult<Form> {
        let count = self.files_max(wanted.files) as u64;
        let largest = wanted.kinds.iter().map(|kind| self.max_bytes(*kind)).max().unwrap_or_default();
        let (body, checked) = Body::new(request, payload, FORM_BYTES + count * (largest + PART_BYTES));
        let read = match checked {
            Ok(()) => self.parts(Multipart::new(request.headers(), body.clone()), wanted).await,
            Err(error) => Err(error),
        };
        if read.is_err() {
            body.linger().await;
        }
        read
    }

    fn files_max(&self, files: Files) -> usize {
        match files {
            Files::One => 1,
            Files::Several => self.media.settings().upload_max_files,
        }
    }

    async fn parts(&self, mut parts: Multipart, wanted: Wanted) -> ApiResult<Form> {
        let clock = Clock::start(self.media.settings());
        let most = self.files_max(wanted.files);
        let mut form = Form::default();
        let mut texts = 0;
        while let Some(part) = clock.next(&mut parts).await? {
            let mut part = part.map_err(|error| broken(&error))?;
            let field = part.name().unwrap_or_default().to_owned();
            if field == wanted.field {
                if form.files.len() == most {
                    return Err(FieldError::new(wanted.field, format!("takes at most {most} files")).into());
                }
                let came = self.file(&mut part, wanted, clock).await?;
                if wanted.files == Files::One {
                    came.file.as_ref().map_err(Clone::clone)?;
                }
                form.files.push(came);
                continue;
            }
            if is_file(&part) {
                let message = format!("is no field of this form: send the file as `{}`", wanted.field);
                return Err(FieldError::new(shown(&field), message).into());
            }
            texts += 1;
            if texts > TEXTS_MAX {
                return Err(ApiError::malformed("the form has too many fields"));
            }
            let text = text(&mut part, &field, clock).await?;
            if wanted.texts.contains(&field.as_str()) {
                form.texts.push((field, text));
            }
        }
        if form.files.is_empty() {
            return Err(FieldError::new(wanted.field, "is missing").into());
        }
        Ok(form)
    }

    async fn file(&self, part: &mut Field, wanted: Wanted, clock: Clock) -> ApiResult<Came> {
        let name = part.content_disposition().and_then(|told| told.get_filename()).and_then(keep::plain_name);
        // A field that has ended may not be asked again.
        let mut part = part.fuse();
        let file = match self.arrive(&mut part, wanted, clock).await {
            Ok((temp, kind, file_type)) => Ok(Arrived { temp, kind, file_type, name: name.clone() }),
            Err(Unfit::Request(error)) => return Err(error),
            Err(Unfit::File(error)) => Err(error),
        };
        if file.is_err() && wanted.files == Files::Several {
            // The others come behind it. What is far too large ends with the bound of the body.
            while let Some(piece) = clock.next(&mut part).await? {
                piece.map_err(|error| broken(&error))?;
            }
        }
        Ok(Came { name, file })
    }

    async fn arrive(
        &self,
        part: &mut Pieces<'_>,
        wanted: Wanted,
        clock: Clock,
    ) -> Result<(Temp, AttachmentKind, FileType), Unfit> {
        let mut head = BytesMut::new();
        let mut whole = fill(part, &mut head, TYPE_BYTES, clock).await?;
        if head.is_empty() {
            return Err(Unfit::File(FieldError::new(wanted.field, "is an empty file").into()));
        }
        let (kind, file_type) = kind::told(&head, wanted.kinds).map_err(Unfit::File)?;
        let settings = self.media.settings();
        let mut looked = Looked::Fits;
        if kind == AttachmentKind::Image {
            if whole == Whole::No {
                whole = fill(part, &mut head, HEAD_BYTES, clock).await?;
            }
            looked = kind::look(&head, settings, whole);
        }
        if let Looked::Refused(error) = looked {
            return Err(Unfit::File(error));
        }
        let max = self.max_bytes(kind);
        let mut incoming = self.media.incoming(max);
        let (mut next, mut read) = (Some(head.freeze()), 0);
        while let Some(piece) = next {
            read += piece.len() as u64;
            if read > max {
                return Err(Unfit::File(file_too_large(kind, max)));
            }
            let bytes = piece.len();
            incoming.push(piece).await.map_err(|error| keep::store_away(&error)).map_err(ApiError::from)?;
            self.flow.pass(bytes).await;
            next = match clock.next(part).await? {
                Some(piece) => Some(piece.map_err(|error| broken(&error))?),
                None => None,
            };
        }
        let temp =
            incoming.finish().await.map_err(|error| keep::store_away(&error)).map_err(ApiError::from)?;
        if matches!(looked, Looked::Unknown)
            && let Looked::Refused(error) = self.look_further(&temp, read).await?
        {
            return Err(Unfit::File(error));
        }
        Ok((temp, kind, file_type))
    }

    /// Looks into a longer beginning of what came, of so many bytes.
    async fn look_further(&self, temp: &Temp, bytes: u64) -> ApiResult<Looked> {
        let (want, whole) =
            if bytes > FURTHER_BYTES { (FURTHER_BYTES, Whole::No) } else { (bytes, Whole::Yes) };
        let parts = self.media.objects().get(&ObjectKey::temp(temp.id()), Some(0..want)).await;
        let parts: Result<Vec<Bytes>, _> = match parts {
            Ok(parts) => parts.try_collect().await,
            Err(error) => Err(error),
        };
        let head = parts.map_err(|error| keep::store_away(&error))?.concat();
        Ok(kind::look(&head, self.media.settings(), whole))
    }
}

/// Reads on until so many bytes are there, or all of the part.
async fn fill(part: &mut Pieces<'_>, head: &mut BytesMut, bytes: usize, clock: Clock) -> ApiResult<Whole> {
    while head.len() < bytes {
        match clock.next(part).await? {
            Some(piece) => head.extend_from_slice(&piece.map_err(|error| broken(&error))?),
            None => return Ok(Whole::Yes),
        }
    }
    Ok(Whole::No)
}

async fn text(part: &mut Field, field: &str, clock: Clock) -> ApiResult<String> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = clock.next(part).await? {
        bytes.extend_from_slice(&piece.map_err(|error| broken(&error))?);
        if bytes.len() > TEXT_MAX_BYTES {
            return Err(FieldError::new(shown(field), "is too long").into());
        }
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| FieldError::new(shown(field), "is no text in UTF-8").into())
}

/// Whether a part is sent as a file, and not as a text.
fn is_file(part: &Field) -> bool {
    let named = part.content_disposition().is_some_and(|told| told.get_filename().is_some());
    named || part.content_type().is_some_and(|of| of.type_() != "text")
}

/// A field's name as it may stand in an answer.
fn shown(field: &str) -> String {
    let plain: String = field.chars().filter(|c| !c.is_control()).take(64).collect();
    if plain.is_empty() { "form".to_owned() } else { plain }
}

fn broken(error: &MultipartError) -> ApiError {
    match error {
        MultipartError::Payload(PayloadError::Overflow) => too_large(),
        MultipartError::Payload(_) | MultipartError::Incomplete => ApiError::malformed("the body broke off"),
        error => ApiError::malformed(format!("the form cannot be read: {error}")),
    }
}

fn file_too_large(kind: AttachmentKind, max: u64) -> ApiError {
    let what = match kind {
        AttachmentKind::Image => "a picture",
        AttachmentKind::Audio => "a sound",
        AttachmentKind::Video => "a video",
    };
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("{what} has at most {max} bytes"))
}
