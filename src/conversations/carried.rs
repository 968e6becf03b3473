//! Whose an uploaded file is, and what, looked up before a message that carries it is sent.
//!
//! A message shows one's own files: another's is refused as one that there is not. A signed address of a file is as good as the
//! file: whoever was given it may pass it on, and both messages carry the same one.

use std::sync::Arc;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{Attachment, AttachmentKind, Content, MessageKind, Place, UserId};
use greenroom_actors::protocol::Refusal;

use super::{Carried, Conversations, Said};
use crate::error::FieldError;
use crate::media::files::{self, MediaFile, State};
use crate::media::{self, ObjectKey};
use crate::postgres::refusal;

const FIELD: &str = "attachment.mediaId";
const URL_FIELD: &str = "attachment.url";
const DELETED: &str = "is of a file that was deleted";

/// What a message says and carries, with its file as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Laden {
    pub kind: MessageKind,
    pub content: Content,
    pub attachment: Option<Arc<Attachment>>,
}

impl Said {
    /// Itself, where nothing of it has to be looked up.
    pub fn laden(self) -> Result<Laden, Self> {
        let attachment = match self.attachment {
            None => None,
            Some(Carried::Given(given)) => {
                let given = media::own(given);
                if matches!(given.place, Place::Object(_)) {
                    return Err(Self { attachment: Some(Carried::Given(given)), ..self });
                }
                Some(given)
            }
            Some(Carried::File(..)) => return Err(self),
        };
        Ok(Laden { kind: self.kind, content: self.content, attachment })
    }
}

impl Conversations {
    /// What this user's message carries.
    pub async fn laden(&self, user: UserId, said: Said) -> Result<Laden, Refusal> {
        let said = match said.laden() {
            Ok(laden) => return Ok(laden),
            Err(said) => said,
        };
        let client = self.client().await?;
        let Said { kind, content, attachment } = said;
        let (kind, attachment) = match attachment {
            None => (kind, None),
            Some(Carried::File(id, wanted)) => {
                let file = files::by_id(&client, id).await.map_err(|error| refusal(&error))?;
                let file = file.filter(|file| file.owner == user);
                let file = file.ok_or_else(|| FieldError::new(FIELD, "is of none of your files"))?;
                let attachment = carried(&file, FIELD)?;
                let kind = attachment.kind.message_kind();
                if wanted.is_some_and(|wanted| wanted != kind) {
                    let goes = match kind {
                        MessageKind::Audio => "is of a recording: it goes with type audio",
                        MessageKind::Media | MessageKind::Text => {
                            "is of a picture or a video: it goes with type media"
                        }
                    };
                    return Err(FieldError::new(FIELD, goes).into());
                }
                (kind, Some(Arc::new(attachment)))
            }
            Some(Carried::Given(given)) => (kind, Some(passed_on(&client, given).await?)),
        };
        Ok(Laden { kind, content, attachment })
    }
}

/// What lies where an address of ours leads. An address of a file's smaller picture is one of the file: who reads the message gets
/// all of it, and hears of its end.
async fn passed_on(client: &impl GenericClient, given: Arc<Attachment>) -> Result<Arc<Attachment>, Refusal> {
    let gone = || FieldError::new(URL_FIELD, DELETED);
    let key = ObjectKey::parse(given.place.as_str()).map_err(|_| gone())?;
    let mut file = files::by_key(client, &key).await.map_err(|error| refusal(&error))?;
    if file.is_none() {
        let holder = files::holder(client, &key).await.map_err(|error| refusal(&error))?;
        // An address opens for a while longer than there is something.
        let holder = holder.ok_or_else(gone)?;
        let Some(id) = holder.file else {
            // What is no file's is the voice of a reply.
            return match given.kind {
                AttachmentKind::Audio => Ok(given),
                AttachmentKind::Image | AttachmentKind::Video => Err(other_type().into()),
            };
        };
        file = files::by_id(client, id).await.map_err(|error| refusal(&error))?;
    }
    let file = file.ok_or_else(gone)?;
    // What was said of its kind was checked against the message's.
    if file.kind != given.kind {
        return Err(other_type().into());
    }
    Ok(Arc::new(carried(&file, URL_FIELD)?))
}

fn other_type() -> FieldError {
    FieldError::new("attachment.type", "is not what this file is")
}

/// A file that can be sent; `field` is what names it.
fn carried(file: &MediaFile, field: &'static str) -> Result<Attachment, FieldError> {
    match &file.state {
        State::Processing | State::Ready => Ok(file.into()),
        State::Failed(fault) if fault.is_empty() => {
            Err(FieldError::new(field, "is of a file that could not be read"))
        }
        State::Failed(fault) => {
            Err(FieldError::new(field, format!("is of a file that could not be read: {fault}")))
        }
        State::Deleted => Err(FieldError::new(field, DELETED)),
    }
}
