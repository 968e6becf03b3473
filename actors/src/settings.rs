//! Every limit of the engine in one place. The server fills this from `config.toml`; the defaults here are the same.

use std::time::Duration;

use crate::domain::{CONTENT_MAX_CHARS, Catalogue};
use crate::moderation::ModerationSettings;

#[derive(Clone, Debug)]
pub struct Settings {
    pub plans: Catalogue,
    pub room: RoomSettings,
    pub turn: TurnSettings,
    pub pool: PoolSettings,
    pub journal: JournalSettings,
    pub supervision: SupervisionSettings,
    pub moderation: ModerationSettings,
}

#[derive(Clone, Debug)]
pub struct RoomSettings {
    /// Characters (Unicode) of one message.
    pub content_max_chars: usize,
    /// Messages that one user may send in a minute, over all sockets and rooms; 0 is no limit. Premium plans have none.
    pub messages_per_minute: u32,
    /// Per cent of a limit of the plan at which its user is warned; 100 tells only that it is used up.
    pub quota_warning_percent: u8,
    /// Commands that a room holds unanswered (reserving, committing) before it refuses.
    pub pending_max: usize,
    /// Replies of one character that wait in one room behind the running one.
    pub waiting_replies_max: usize,
    /// Time without a command after which a room, user or persona leaves memory.
    pub idle: Duration,
    /// At most one stored read mark per room and this span; marks in between are merged.
    pub read_merge: Duration,
    /// Whoever said `typing:start` and nothing since for so long is no longer typing.
    pub typing_ttl: Duration,
    /// A command whose commit is not known by then is answered `outcome_unknown`; it may still be stored.
    pub commit_deadline: Duration,
    /// People in one room.
    pub members_max: usize,
    /// Characters in one room.
    pub characters_max: usize,
    /// Variants of one reply; at most what the journal keeps (`decide::VARIANTS_MAX`).
    pub variants_max: u16,
    /// Replies of characters to characters before a person has to speak again.
    pub character_chain_max: u8,
}

#[derive(Clone, Debug)]
pub struct TurnSettings {
    /// Text that arrives within this span goes out as one delta.
    pub delta_merge: Duration,
    /// The span grows up to this one while the engine's threads are busy; one that is not longer lets it be.
    pub delta_merge_max: Duration,
    /// Messages that a live room keeps for its prompts, once one was made; 0 keeps none.
    pub tail_max_messages: usize,
    /// What they may take in memory, in bytes, with what each costs beside its text.
    pub tail_max_bytes: usize,
    /// How old a copy of what a character remembers may be when nobody told of a change; zero reads it for each prompt.
    pub memories_fresh: Duration,
    /// Messages of history that a prompt is made from at most.
    pub history_max_messages: usize,
    /// Characters (Unicode) that one reply may have; it is cut there, as `Finish::Length`.
    pub reply_max_chars: usize,
    /// What to do with a reply whose node died.
    pub recovery: Recovery,
    /// The text of a running reply is kept when it has changed for so long; zero: never for that.
    pub draft_every: Duration,
    /// The same, when so many pieces of text (a token each, or a few) have come; 0: never for that.
    pub draft_every_tokens: u32,
    pub prompt: PromptSettings,
    /// Facts that a character keeps of one person; the oldest goes.
    pub memories_max: usize,
    /// What speaking a finished reply, or finding what it is shown with, may take; then it stays a text.
    pub voice_timeout: Duration,
    /// How long a reply waits for what was said in an audio message that came without a text; zero: nobody listens.
    pub transcript_wait: Duration,
    /// How long a reply waits for an uploaded picture under the asked message to be ready, where models see pictures.
    pub picture_wait: Duration,
}

/// What is told to a model beside who the character is and what was said.
#[derive(Clone, Debug)]
pub struct PromptSettings {
    /// Latest messages that are searched for the keys of a lorebook that does not say how many itself.
    pub lore_scan_depth: usize,
    /// Tokens of lore in one prompt; a lorebook may ask for less.
    pub lore_max_tokens: usize,
    /// Tokens of what the character remembers of the people who are there.
    pub memory_max_tokens: usize,
    /// Tokens of the summary of older turns; 0 makes none, and leaves it out.
    pub summary_max_tokens: usize,
    /// Latest messages with a picture whose pictures models that see are shown; 0: no model sees.
    pub images_max: usize,
    /// Bytes of all of them.
    pub images_max_bytes: u64,
}

/// What becomes of a reply whose node died in the middle of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// It goes on from what was kept of it.
    Continue,
    /// It is made anew from the start.
    Restart,
    /// It ends as `interrupted`: with the part that people had seen, or with its quota given back.
    Report,
}

#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// Replies generated at the same time.
    pub workers: usize,
    /// Replies that wait for a worker before new ones are refused.
    pub queue_max: usize,
    /// Replies of one user generated at the same time.
    pub per_user: usize,
    /// Waiting this long counts as much as one step of priority, so that nobody starves.
    pub ageing_step: Duration,
    pub first_token_timeout: Duration,
    /// From the start of the first try to the last token.
    pub total_timeout: Duration,
    /// Tries in all, as far as they wait for one another: going on to another back end at once is none, and neither is waiting
    /// for back ends that asked for patience, which is borne for `first_token_timeout` in all.
    pub tries: u32,
    /// Before the second try; doubles with each further one, with jitter of half of it.
    pub backoff: Duration,
}

#[derive(Clone, Debug)]
pub struct JournalSettings {
    pub lanes: usize,
    /// Entries in one transaction.
    pub batch_max: usize,
    /// Entries that wait in one lane before new messages are refused.
    pub queue_max: usize,
    /// Pause before a lost connection is tried again; doubles up to `retry_max`.
    pub retry: Duration,
    pub retry_max: Duration,
}

#[derive(Clone, Debug)]
pub struct SupervisionSettings {
    /// Crashes of one room, user or persona within `restart_window` before it is left alone for that long.
    pub restarts_max: usize,
    pub restart_window: Duration,
}

impl Settings {
    #[must_use]
    pub fn new(plans: Catalogue) -> Self {
        Self {
            plans,
            room: RoomSettings::default(),
            turn: TurnSettings::default(),
            pool: PoolSettings::default(),
            journal: JournalSettings::default(),
            supervision: SupervisionSettings::default(),
            moderation: ModerationSettings::default(),
        }
    }
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self {
            content_max_chars: CONTENT_MAX_CHARS,
            messages_per_minute: 0,
            quota_warning_percent: 80,
            pending_max: 256,
            waiting_replies_max: 8,
            idle: Duration::from_secs(300),
            read_merge: Duration::from_secs(1),
            typing_ttl: Duration::from_secs(10),
            commit_deadline: Duration::from_secs(10),
            members_max: 100,
            characters_max: 8,
            variants_max: 10,
            character_chain_max: 3,
        }
    }
}

impl Default for TurnSettings {
    fn default() -> Self {
        Self {
            delta_merge: Duration::from_millis(40),
            delta_merge_max: Duration::from_millis(200),
            tail_max_messages: 100,
            tail_max_bytes: 65_536,
            memories_fresh: Duration::from_secs(300),
            history_max_messages: 200,
            reply_max_chars: 20_000,
            recovery: Recovery::Continue,
            draft_every: Duration::from_secs(1),
            draft_every_tokens: 64,
            prompt: PromptSettings::default(),
            memories_max: 200,
            voice_timeout: Duration::from_secs(60),
            transcript_wait: Duration::ZERO,
            picture_wait: Duration::from_secs(10),
        }
    }
}

impl Default for PromptSettings {
    fn default() -> Self {
        Self {
            lore_scan_depth: 4,
            lore_max_tokens: 1_000,
            memory_max_tokens: 600,
            summary_max_tokens: 400,
            images_max: 4,
            images_max_bytes: 4 * 1_024 * 1_024,
        }
    }
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            workers: 64,
            queue_max: 1_000,
            per_user: 2,
            ageing_step: Duration::from_secs(5),
            first_token_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(180),
            tries: 3,
            backoff: Duration::from_millis(500),
        }
    }
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            lanes: 2,
            batch_max: 500,
            queue_max: 10_000,
            retry: Duration::from_millis(50),
            retry_max: Duration::from_secs(2),
        }
    }
}

impl Default for SupervisionSettings {
    fn default() -> Self {
        Self { restarts_max: 5, restart_window: Duration::from_secs(60) }
    }
}
