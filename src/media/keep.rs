//! The one way by which a file comes in: its bytes lie under `temp/`, its row stands as `processing`, and the job that looks
//! at it is in the queue, in one transaction. It counts against its owner's total from that moment on.

use bytes::Bytes;
use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{AttachmentKind, CharacterId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;
use serde_json::json;

use super::files::{self, FileId, MediaFile, Purpose, State};
use super::temp::{self, Incoming, Temp};
use super::{FileType, Media, ObjectError, ObjectKey};
use crate::jobs::{NewJob, QueueName, enqueue};
use crate::postgres::refusal;

/// The job that looks at a file: its payload is `{"file": <id>}`, its key the id.
pub const PROCESS: &str = "media.process";
/// Characters of a name that are kept.
const NAME_MAX_CHARS: usize = 200;

/// A file that is to be kept.
#[derive(Clone, Debug)]
pub struct NewFile {
    pub owner: UserId,
    pub purpose: Purpose,
    /// Of gallery and avatar.
    pub character: Option<CharacterId>,
    pub kind: AttachmentKind,
    /// As its owner's device called it; whatever it is, only a harmless text of it is kept.
    pub name: Option<String>,
    /// Where its original is to lie; names are in [`ObjectKey`]. Its ending says in which form the original is kept: what comes
    /// in another one is brought into it.
    pub key: ObjectKey,
}

/// Where its bytes are.
#[derive(Debug)]
pub enum Source {
    /// Small enough to be in memory: pictures that were made here.
    Bytes(Bytes),
    /// Stored already: see [`Media::stage`] and [`Media::incoming`].
    Temp(Temp),
}

impl Media {
    /// Stores bytes under `temp/`, to be taken within a transaction later. Dropped without that, they are gone again.
    pub async fn stage(&self, bytes: Bytes) -> Result<Temp, Refusal> {
        temp::stage(self.objects(), bytes).await.map_err(|error| store_away(&error))
    }

    /// A file that comes piece by piece, of at most `max` bytes.
    #[must_use]
    pub fn incoming(&self, max: u64) -> Incoming {
        Incoming::begin(self.objects(), max)
    }

    /// Takes a file in: it is `processing` from then on.
    pub async fn take(&self, new: NewFile, source: Source) -> Result<MediaFile, Refusal> {
        let source = match source {
            Source::Bytes(bytes) => Source::Temp(self.stage(bytes).await?),
            Source::Temp(temp) => Source::Temp(temp),
        };
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let file = self.take_in(&transaction, new, source).await?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(file)
    }

    /// The same in the caller's transaction, best as its last act: it takes a lock of the owner's, so that their total holds
    /// exactly. Where the bytes are large, [stage](Self::stage) them before the transaction begins.
    ///
    /// Only [`Purpose::Upload`] is refused for want of room (`quota_exceeded`): what was generated has been paid for. Who is
    /// about to have something made asks [`has_room`](Self::has_room) first. A transaction that is rolled back leaves the
    /// object to the sweep.
    pub async fn take_in(
        &self,
        client: &impl GenericClient,
        new: NewFile,
        source: Source,
    ) -> Result<MediaFile, Refusal> {
        let temp = match source {
            Source::Bytes(bytes) => self.stage(bytes).await?,
            Source::Temp(temp) => temp,
        };
        if temp.bytes() == 0 {
            return Err(Refusal::new(RefusalCode::BadRequest, "the file is empty"));
        }
        files::lock(client, new.owner).await.map_err(|error| refusal(&error))?;
        if new.purpose == Purpose::Upload {
            self.check_room(client, new.owner, temp.bytes()).await?;
        }
        let NewFile { owner, purpose, character, kind, name, key } = new;
        let file = MediaFile {
            id: temp.id(),
            owner,
            purpose,
            character,
            kind,
            state: State::Processing,
            name: name.as_deref().and_then(plain_name),
            mime: mime(kind, key.file_type()).to_owned(),
            key,
            bytes: temp.bytes(),
            total_bytes: temp.bytes(),
            width: None,
            height: None,
            duration_ms: None,
            blurhash: None,
            peaks: None,
            variants: Vec::new(),
            created_at: Timestamp::now(),
        };
        files::insert(client, &file).await.map_err(|error| refusal(&error))?;
        enqueue(client, &process(file.id)).await.map_err(|error| refusal(&error))?;
        temp.taken();
        Ok(file)
    }

    /// Whether the user has room for so many bytes more: refused with `quota_exceeded` where not. For those who are about to
    /// have something made; what comes in at the same time may take it all the same.
    pub async fn has_room(&self, owner: UserId, bytes: u64) -> Result<(), Refusal> {
        let client = self.client().await?;
        self.check_room(&client, owner, bytes).await
    }

    async fn check_room(
        &self,
        client: &impl GenericClient,
        owner: UserId,
        bytes: u64,
    ) -> Result<(), Refusal> {
        let Some(gates) = self.gates() else { return Ok(()) };
        let plan = gates.plan_in(client, owner).await.map_err(|error| refusal(&error))?;
        let plan = plan.ok_or_else(|| Refusal::new(RefusalCode::NotFound, "there is no such account"))?;
        let Some(most) = plan.media_bytes else { return Ok(()) };
        let used = files::total(client, owner).await.map_err(|error| refusal(&error))?;
        if used.saturating_add(bytes) <= most {
            return Ok(());
        }
        let (most, left) = (most / MB, most.saturating_sub(used) / MB);
        Err(Refusal::new(
            RefusalCode::QuotaExceeded,
            format!("there is no room for it: {left} MB are left of the {most} MB for files of this plan"),
        ))
    }
}

const MB: u64 = 1024 * 1024;

fn process(id: FileId) -> NewJob {
    NewJob {
        key: Some(id.to_string()),
        ..NewJob::new(QueueName::MediaProcessing, PROCESS, json!({ "file": id.uuid() }))
    }
}

/// A store that cannot be reached, for whoever waits for it.
pub(super) fn store_away(error: &ObjectError) -> Refusal {
    tracing::error!(%error, "the store of files fails");
    Refusal::new(RefusalCode::DependencyDown, "the store of files is away")
}

/// What the original is called on the wire: a recording in MP4 or WebM is a sound.
fn mime(kind: AttachmentKind, file: FileType) -> &'static str {
    match (kind, file) {
        (AttachmentKind::Audio, FileType::Webm) => FileType::Weba.mime(),
        (AttachmentKind::Audio, FileType::Mp4) => FileType::M4a.mime(),
        (_, file) => file.mime(),
    }
}

/// The last part of a path, without what is not to be seen, cut where it is long; `None`: nothing is left of it.
pub(super) fn plain_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    // Marks of direction make a name look like another one.
    let hidden = |c: &char| {
        c.is_control()
            || matches!(*c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let plain: String = last.chars().filter(|c| !hidden(c)).take(NAME_MAX_CHARS).collect();
    let plain = plain.trim().trim_start_matches('.').trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_and_leads_nowhere() {
        let plain = |name: &str| plain_name(name);
        assert_eq!(plain("Holiday 1.jpg").as_deref(), Some("Holiday 1.jpg"));
        assert_eq!(plain("../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(plain("C:\\temp\\boot.ini").as_deref(), Some("boot.ini"));
        assert_eq!(plain("a\0b\r\nc\u{1b}[31m.png").as_deref(), Some("abc[31m.png"));
        assert_eq!(plain("gpj.\u{202e}exe").as_deref(), Some("gpj.exe"));
        assert_eq!(plain(".htaccess").as_deref(), Some("htaccess"));
        assert_eq!(plain(&"ä".repeat(10_000)).map(|name| name.chars().count()), Some(NAME_MAX_CHARS));
        for nothing in ["", "..", "../", "\u{202e}", "   ", "a/b/"] {
            assert_eq!(plain(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_recording_is_a_sound_whatever_its_container() {
        assert_eq!(mime(AttachmentKind::Audio, FileType::Mp4), "audio/mp4");
        assert_eq!(mime(AttachmentKind::Audio, FileType::Webm), "audio/webm");
        assert_eq!(mime(AttachmentKind::Video, FileType::Webm), "video/webm");
    }
}
