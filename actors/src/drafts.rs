//! Drafts of running replies: what a node had let be said when it dies, as far as this keeps it.
//!
//! A turn notes what it hears on a sheet in memory ([`Pen`]), which costs a short lock and never waits. A task of its own
//! writes the sheets that have changed for long enough, or by enough, in one statement for all rooms ([`DraftStore`]): while
//! one is under way the next ones gather. What cannot be written is written later, or never: a draft that is older
//! than it should be costs text, not truth.
//!
//! Bounds: one sheet for each running reply, each as long as a reply may be; a turn that crashed leaves its sheet until
//! it has been written once more. At most [`BATCH_MAX`] drafts go in one statement.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::domain::{MessageId, RoomId};
use crate::pool::Bill;
use crate::ports::{Draft, DraftStore, NewDraft, OpenTurn};
use crate::settings::TurnSettings;

/// Drafts in one statement: what it costs here and at the database comes in small pieces, and nothing waits long behind one.
const BATCH_MAX: usize = 64;
/// Times that is looked for what is due, in the span after which it is.
const LOOKS: u32 = 32;
/// Between two statements: what is due meanwhile goes together.
const PAUSE: Duration = Duration::from_millis(20);
/// After a statement that failed; the next one that succeeds carries all that waited.
const RETRY: Duration = Duration::from_secs(1);
/// For a statement, whatever the store's own deadlines are.
const DEADLINE: Duration = Duration::from_secs(10);

/// All sheets of one engine. Dropped, it writes no more.
pub(crate) struct Drafts {
    desk: Arc<Desk>,
    writer: JoinHandle<()>,
}

struct Desk {
    store: Arc<dyn DraftStore>,
    /// Text that is this old is due; zero: no matter how old.
    every: Duration,
    /// Pieces of text after which a sheet is due; 0: no matter how many.
    every_pieces: u32,
    sheets: Mutex<HashMap<MessageId, Arc<Sheet>>>,
    wake: Notify,
    /// One statement at a time, so that no draft overtakes a later one.
    writing: tokio::sync::Mutex<()>,
}

struct Sheet {
    turn: MessageId,
    room: RoomId,
    fence: i32,
    bill: Bill,
    page: Mutex<Page>,
}

struct Page {
    text: String,
    shown: usize,
    /// Pieces that came since it was written.
    pieces: u32,
    /// Raised by every change.
    version: u64,
    /// That stands in the store.
    written: u64,
    written_at: Instant,
    /// Its turn crashed.
    left: bool,
}

/// What is written next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Due,
    /// All that is not written yet, of this room or of all.
    All(Option<RoomId>),
}

impl Drafts {
    /// Starts the writer on the present runtime.
    pub fn start(store: Arc<dyn DraftStore>, settings: &TurnSettings) -> Self {
        let desk = Arc::new(Desk {
            store,
            every: settings.draft_every,
            every_pieces: settings.draft_every_tokens,
            sheets: Mutex::default(),
            wake: Notify::new(),
            writing: tokio::sync::Mutex::default(),
        });
        Self { writer: tokio::spawn(keep_writing(desk.clone())), desk }
    }

    /// A sheet for this turn; an older one of the same turn is no more.
    pub fn open(&self, turn: &OpenTurn, bill: &Bill) -> Pen {
        if self.desk.is_off() {
            return Pen(None);
        }
        let page = Page {
            text: String::new(),
            shown: 0,
            pieces: 0,
            version: 0,
            written: 0,
            written_at: Instant::now(),
            left: false,
        };
        let sheet = Arc::new(Sheet {
            turn: turn.message,
            room: turn.room,
            fence: turn.fence,
            bill: bill.clone(),
            page: Mutex::new(page),
        });
        let first = {
            let mut sheets = lock(&self.desk.sheets);
            sheets.insert(turn.message, sheet.clone());
            sheets.len() == 1
        };
        if first {
            self.desk.wake.notify_one();
        }
        Pen(Some((sheet, self.desk.clone())))
    }

    /// Writes what is not written yet: of one room, whose actor crashed, or of all, before the engine ends.
    pub async fn flush(&self, room: Option<RoomId>) {
        self.desk.write(Which::All(room)).await;
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

impl Desk {
    fn is_off(&self) -> bool {
        self.every.is_zero() && self.every_pieces == 0
    }

    /// Whether all of it was stored.
    async fn write(&self, which: Which) -> bool {
        let _one_at_a_time = self.writing.lock().await;
        let due: Vec<(Arc<Sheet>, u64, NewDraft)> = {
            let sheets = lock(&self.sheets);
            sheets.values().filter_map(|sheet| self.due(sheet, which)).collect()
        };
        let mut due = due.into_iter().peekable();
        while due.peek().is_some() {
            let (mut kept, mut drafts) = (Vec::new(), Vec::new());
            for (sheet, version, draft) in due.by_ref().take(BATCH_MAX) {
                kept.push((sheet, version));
                drafts.push(draft);
            }
            match tokio::time::timeout(DEADLINE, self.store.write(drafts)).await {
                Ok(Ok(())) => kept.into_iter().for_each(|(sheet, version)| self.written(&sheet, version)),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "drafts of replies cannot be kept");
                    return false;
                }
                Err(_) => {
                    tracing::warn!("drafts of replies cannot be kept: no answer in time");
                    return false;
                }
            }
        }
        true
    }

    fn due(&self, sheet: &Arc<Sheet>, which: Which) -> Option<(Arc<Sheet>, u64, NewDraft)> {
        let (version, text, shown) = {
            let page = lock(&sheet.page);
            let old = !self.every.is_zero() && page.written_at.elapsed() >= self.every;
            let long = self.every_pieces > 0 && page.pieces >= self.every_pieces;
            let wanted = match which {
                Which::Due => old || long || page.left,
                Which::All(room) => room.is_none_or(|room| room == sheet.room),
            };
            if !wanted || (page.version == page.written && !page.left) {
                return None;
            }
            (page.version, page.text.clone(), page.shown)
        };
        let draft = Draft { text, shown, calls: sheet.bill.so_far() };
        Some((sheet.clone(), version, NewDraft { turn: sheet.turn, fence: sheet.fence, draft }))
    }

    fn written(&self, sheet: &Arc<Sheet>, version: u64) {
        let left = {
            let mut page = lock(&sheet.page);
            (page.written, page.written_at, page.pieces) = (version, Instant::now(), 0);
            page.left && page.version == version
        };
        if left {
            self.forget(sheet);
        }
    }

    fn forget(&self, sheet: &Arc<Sheet>) {
        let mut sheets = lock(&self.sheets);
        if sheets.get(&sheet.turn).is_some_and(|known| Arc::ptr_eq(known, sheet)) {
            sheets.remove(&sheet.turn);
        }
    }
}

async fn keep_writing(desk: Arc<Desk>) {
    if desk.is_off() {
        return;
    }
    // Often enough that no text is much older than it may be, and that few are due at a time.
    let look = if desk.every.is_zero() { Duration::MAX } else { desk.every / LOOKS };
    let mut all_written = true;
    loop {
        if lock(&desk.sheets).is_empty() {
            desk.wake.notified().await;
        } else if all_written {
            let _ = tokio::time::timeout(look, desk.wake.notified()).await;
        }
        all_written = desk.write(Which::Due).await;
        tokio::time::sleep(if all_written { PAUSE } else { RETRY }).await;
    }
}

/// What a running turn notes its text with. Dropped without being put down, its turn crashed: what it noted is written
/// once more, so that a successor goes on from all of it.
pub(crate) struct Pen(Option<(Arc<Sheet>, Arc<Desk>)>);

impl Pen {
    /// More text of the model.
    pub fn add(&mut self, more: &str) {
        let Some((sheet, desk)) = &self.0 else { return };
        let long = {
            let mut page = lock(&sheet.page);
            page.text.push_str(more);
            page.version += 1;
            page.pieces += 1;
            page.pieces == desk.every_pieces
        };
        if long {
            desk.wake.notify_one();
        }
    }

    /// Bytes of the text that people have seen by now and that were found fine, and whether that begins with a space which no model wrote: it
    /// belongs to the draft then.
    pub fn show(&mut self, (shown, set_off): (usize, bool)) {
        let Some((sheet, _)) = &self.0 else { return };
        let mut page = lock(&sheet.page);
        if set_off && !page.text.starts_with(' ') {
            page.text.insert(0, ' ');
        }
        (page.shown, page.version) = (shown, page.version + 1);
    }

    /// What was said is void.
    pub fn begin_anew(&mut self) {
        let Some((sheet, _)) = &self.0 else { return };
        let mut page = lock(&sheet.page);
        page.text.clear();
        (page.shown, page.version) = (0, page.version + 1);
    }

    /// The reply has come to its end.
    pub fn put_down(mut self) {
        if let Some((sheet, desk)) = self.0.take() {
            desk.forget(&sheet);
        }
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        if let Some((sheet, desk)) = &self.0 {
            lock(&sheet.page).left = true;
            desk.wake.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
