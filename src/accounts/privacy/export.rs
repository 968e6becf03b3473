//! The export: a zip file with everything that is kept of an account.
//!
//! Bounds: one export of a user at a time, until its download has ended; two are written at a time on a node, and a
//! page of each is in memory; so many may be open for download. Connections of the pool are held for one page only.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Client;
use greenroom_actors::domain::{RoomId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use serde::Serialize;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::zipped::Zipped;
use super::{Privacy, records};
use crate::accounts::history::{AuthEvent, Happened};
use crate::accounts::{Origin, UserView};
use crate::ai::usage;
use crate::billing::{ledger, shop};
use crate::characters::AdminCharacterView;
use crate::characters::owned::{self, Owned};
use crate::http::Caller;
use crate::media;
use crate::postgres::{Stored, refusal};
use crate::studio::content;

/// Exports that are written at the same time.
const WRITTEN_MAX: usize = 2;
/// Exports that are written, wait for it, or are being downloaded.
const OPEN_MAX: usize = 32;
/// What one may take to be written, its wait included.
const DEADLINE: Duration = Duration::from_secs(900);
const RETRY_AFTER: Duration = Duration::from_secs(30);

const README: &str = "\
This is what Greenroom keeps of your account, as JSON in UTF-8. Times are UTC.

account.json         your profile and your plan
identities.json      accounts at other providers that you sign in with
sessions.json        devices that were signed in: ended ones for 90 days
history.json         what happened at the door of your account
api-keys.json        your API keys, without the keys themselves
memories.json        what characters remember of you
credits.json         credits that you got, held and spent
payments.json        what you paid: the cards are at Stripe alone
subscriptions.json   your subscriptions, ended ones too
plan-grants.json     plans that an admin gave you for a time
avatars.json         your avatars, with all that you and the AI wrote of them
usage.json           messages that were counted against your plan
ai-usage.json        what the AI took to answer you, by day (UTC): calls, tokens, cost in millionths of a US dollar
content.json         pictures and videos that you had made: what you asked for, and what became of it
files.json           what you uploaded and had made, by name, key and size; the files are in your library
conversations.json   the conversations that you are in, and which file has the messages of each
conversations/       their messages, one a line (JSON Lines), the oldest first

Of conversations that you left, or that were deleted, only your own messages are here.
Passwords and tokens are kept as hashes alone; they are not here.
";

/// The exports of this node.
pub(super) struct Exports {
    folder: PathBuf,
    writing: Semaphore,
    open: Arc<Mutex<HashSet<UserId>>>,
}

/// A user's turn: while it lasts, they get no other export.
struct Turn {
    user: UserId,
    open: Arc<Mutex<HashSet<UserId>>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.user);
    }
}

impl Exports {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("exports"), writing: Semaphore::new(WRITTEN_MAX), open: Arc::default() }
    }

    fn turn(&self, user: UserId) -> Result<Turn, Refusal> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.contains(&user) {
            return Err(Refusal::temporary(
                RefusalCode::RateLimited,
                "an export of this account is under way: one at a time",
                RETRY_AFTER,
            ));
        }
        if open.len() >= OPEN_MAX {
            return Err(busy());
        }
        open.insert(user);
        Ok(Turn { user, open: Arc::clone(&self.open) })
    }
}

fn busy() -> Refusal {
    Refusal::temporary(RefusalCode::Overloaded, "too many exports at once: try again soon", RETRY_AFTER)
}

/// A written export. The file is gone with this.
pub(super) struct Export {
    pub(super) file: File,
    pub(super) length: u64,
    /// How a browser is to call it.
    pub(super) name: String,
    pub(super) turn: ExportTurn,
}

/// Holds the user's turn until the download has ended.
pub(super) struct ExportTurn {
    _turn: Turn,
}

impl Privacy {
    /// Writes the caller's export.
    pub(super) async fn export(&self, caller: &Caller, origin: &Origin) -> Result<Export, Refusal> {
        let exports = &self.0.exports;
        let turn = exports.turn(caller.user)?;
        let written = async {
            let _writing = exports.writing.acquire().await.map_err(|_| busy())?;
            self.write(caller.user).await
        };
        let (file, length, username) =
            tokio::time::timeout(DEADLINE, written).await.map_err(|_| busy())??;
        let client = self.client().await?;
        let happened = Happened::new(caller.user, AuthEvent::Exported, origin);
        happened.record(&client).await.map_err(|error| refusal(&error))?;
        let name = format!("greenroom-{username}.zip");
        Ok(Export { file, length, name, turn: ExportTurn { _turn: turn } })
    }

    async fn client(&self) -> Result<Client, Refusal> {
        self.0.accounts.client().await
    }

    async fn write(&self, user: UserId) -> Result<(File, u64, String), Refusal> {
        let profile = self.0.accounts.profile(user).await?;
        let username = profile.username.clone();
        let zipped = Zipped::begin(&self.0.exports.folder);
        zipped.file("README.txt").await?;
        zipped.bytes(README.as_bytes().to_vec()).await?;
        zipped.json("account.json", &UserView::from(profile)).await?;
        let identities = checked(records::identities(&self.client().await?, user).await)?;
        zipped.json("identities.json", &identities).await?;
        let last = async |client: &Client, after: Uuid| records::sign_ins(client, user, after).await;
        self.array(&zipped, "sessions.json", last, |record| record.id).await?;
        let last = async |client: &Client, after: Uuid| records::history(client, user, after).await;
        self.array(&zipped, "history.json", last, |record| record.id).await?;
        let last = async |client: &Client, after: Uuid| records::api_keys(client, user, after).await;
        self.array(&zipped, "api-keys.json", last, |record| record.id).await?;
        let last = async |client: &Client, after: Uuid| records::memories(client, user, after).await;
        self.array(&zipped, "memories.json", last, |record| record.id).await?;
        let last =
            async |client: &Client, after: Uuid| ledger::records(client, user, after, records::PAGE).await;
        self.array(&zipped, "credits.json", last, |record| record.id).await?;
        let last = async |client: &Client, after: Uuid| {
            shop::payment_records(client, user, after, records::PAGE).await
        };
        self.array(&zipped, "payments.json", last, |record| record.id).await?;
        let subscriptions = checked(shop::subscription_records(&self.client().await?, user).await)?;
        zipped.json("subscriptions.json", &subscriptions).await?;
        let grants = checked(shop::grant_records(&self.client().await?, user).await)?;
        zipped.json("plan-grants.json", &grants).await?;
        let last =
            async |client: &Client, after: Uuid| media::records(client, user, after, records::PAGE).await;
        self.array(&zipped, "files.json", last, |record| record.id).await?;
        let last =
            async |client: &Client, after: Uuid| content::records(client, user, after, records::PAGE).await;
        self.array(&zipped, "content.json", last, |record| record.id).await?;
        let last = async |client: &Client, after: Uuid| {
            let owned = owned::records(client, user, after, records::PAGE).await?;
            Stored::Ok(owned.into_iter().map(avatar_record).collect())
        };
        self.array(&zipped, "avatars.json", last, |record: &AdminCharacterView| record.character.id).await?;
        self.usage(&zipped, user).await?;
        self.ai_usage(&zipped, user).await?;
        let last = async |client: &Client, after: Uuid| records::conversations(client, user, after).await;
        self.array(&zipped, "conversations.json", last, |record| record.id).await?;
        self.messages(&zipped, user).await?;
        let (file, length) = zipped.finish().await?;
        Ok((file, length, username))
    }

    /// A file with a JSON array, page by page.
    async fn array<T: Serialize>(
        &self,
        zipped: &Zipped,
        name: &str,
        read: impl AsyncFn(&Client, Uuid) -> Stored<Vec<T>>,
        id: impl Fn(&T) -> Uuid,
    ) -> Result<(), Refusal> {
        zipped.file(name).await?;
        let mut array = Array::default();
        let mut after = Uuid::nil();
        loop {
            let page = checked(read(&self.client().await?, after).await)?;
            zipped.bytes(array.lines(&page)?).await?;
            match page.last() {
                Some(last) if page.len() as i64 == records::PAGE => after = id(last),
                _ => return zipped.bytes(array.end()).await,
            }
        }
    }

    async fn usage(&self, zipped: &Zipped, user: UserId) -> Result<(), Refusal> {
        zipped.file("usage.json").await?;
        let mut array = Array::default();
        let mut skip = 0;
        loop {
            let page = checked(records::usage(&self.client().await?, user, skip).await)?;
            zipped.bytes(array.lines(&page)?).await?;
            if (page.len() as i64) < records::PAGE {
                return zipped.bytes(array.end()).await;
            }
            skip += records::PAGE;
        }
    }

    async fn ai_usage(&self, zipped: &Zipped, user: UserId) -> Result<(), Refusal> {
        zipped.file("ai-usage.json").await?;
        let mut array = Array::default();
        let mut skip = 0;
        loop {
            let page = checked(usage::of_user(&self.client().await?, user, skip).await)?;
            zipped.bytes(array.lines(&page)?).await?;
            if (page.len() as i64) < usage::EXPORT_PAGE {
                return zipped.bytes(array.end()).await;
            }
            skip += usage::EXPORT_PAGE;
        }
    }

    async fn messages(&self, zipped: &Zipped, user: UserId) -> Result<(), Refusal> {
        let mut after = Uuid::nil();
        loop {
            let rooms = checked(records::conversations(&self.client().await?, user, after).await)?;
            for room in &rooms {
                zipped.file(room.file()).await?;
                let (id, own, last) = (RoomId::from_uuid(room.id), room.is_closed(), room.last_offset);
                let mut after = 0;
                loop {
                    let client = self.client().await?;
                    let page = checked(records::messages(&client, user, id, (after, last), own).await)?;
                    drop(client);
                    let mut lines = Vec::new();
                    for message in &page {
                        push_json(&mut lines, message)?;
                        lines.push(b'\n');
                    }
                    zipped.bytes(lines).await?;
                    match page.last() {
                        Some(last) if page.len() as i64 == records::PAGE => after = last.message.offset,
                        _ => break,
                    }
                }
            }
            match rooms.last() {
                Some(last) if rooms.len() as i64 == records::PAGE => after = last.id,
                _ => return Ok(()),
            }
        }
    }
}

/// All of an avatar: it is its owner's.
fn avatar_record(owned: Owned) -> AdminCharacterView {
    AdminCharacterView::new(owned.character, owned.statistics)
}

/// A JSON array of which only a page is in memory.
#[derive(Default)]
struct Array {
    begun: bool,
}

impl Array {
    fn lines(&mut self, page: &[impl Serialize]) -> Result<Vec<u8>, Refusal> {
        let mut bytes = Vec::new();
        for record in page {
            bytes.extend_from_slice(if self.begun { b",\n" } else { b"[\n" });
            self.begun = true;
            push_json(&mut bytes, record)?;
        }
        Ok(bytes)
    }

    fn end(&self) -> Vec<u8> {
        if self.begun { b"\n]\n".to_vec() } else { b"[]\n".to_vec() }
    }
}

fn push_json(bytes: &mut Vec<u8>, value: &impl Serialize) -> Result<(), Refusal> {
    serde_json::to_writer(bytes, value).map_err(|error| {
        tracing::error!(%error, "a record of an export is no JSON");
        Refusal::new(RefusalCode::Internal, "the export could not be written")
    })
}

fn checked<T>(read: Stored<T>) -> Result<T, Refusal> {
    read.map_err(|error| refusal(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_an_array_are_one_array() {
        let mut array = Array::default();
        let mut bytes = array.lines(&[1, 2]).unwrap();
        bytes.extend(array.lines(&[3]).unwrap());
        bytes.extend(array.lines(&[0; 0]).unwrap());
        bytes.extend(array.end());
        assert_eq!(serde_json::from_slice::<Vec<u8>>(&bytes).unwrap(), [1, 2, 3]);
        assert_eq!(serde_json::from_slice::<Vec<u8>>(&Array::default().end()).unwrap(), [0; 0]);
    }

    #[test]
    fn a_user_has_one_turn_and_a_node_a_bounded_number() {
        let exports = Exports::new(Path::new("/nonexistent"));
        let user = UserId::new();
        let turn = exports.turn(user).unwrap();
        assert_eq!(exports.turn(user).err().unwrap().code, RefusalCode::RateLimited);
        let others: Vec<Turn> = (1..OPEN_MAX).map(|_| exports.turn(UserId::new()).unwrap()).collect();
        assert_eq!(exports.turn(UserId::new()).err().unwrap().code, RefusalCode::Overloaded);
        drop(others);
        drop(turn);
        assert!(exports.turn(user).is_ok());
    }
}
