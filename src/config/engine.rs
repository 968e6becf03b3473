//! The engine's limits. The defaults are the engine's own (`greenroom_actors::settings`), told in milliseconds.

use std::time::Duration;

use greenroom_actors::settings as engine;
use serde::{Deserialize, Serialize};

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What becomes of a reply whose node died in the middle of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecoverySetting {
    /// It goes on from what was kept of it.
    Continue,
    /// It is made anew from the start.
    Restart,
    /// It ends as `interrupted`: with the part that people had seen, or with its quota given back.
    Report,
}

/// Rooms, turns and their supervision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineSettings {
    pub content_max_chars: usize,
    pub quota_warning_percent: u8,
    pub pending_max: usize,
    pub waiting_replies_max: usize,
    pub idle_ms: u64,
    pub read_merge_ms: u64,
    pub typing_ttl_ms: u64,
    pub commit_deadline_ms: u64,
    pub delta_merge_ms: u64,
    pub delta_merge_max_ms: u64,
    pub tail_max_messages: usize,
    pub tail_max_bytes: usize,
    pub memories_fresh_ms: u64,
    pub history_max_messages: usize,
    pub reply_max_chars: usize,
    pub members_max: usize,
    pub characters_max: usize,
    pub variants_max: u16,
    pub character_chain_max: u8,
    pub lore_scan_depth: usize,
    pub lore_max_tokens: usize,
    pub memory_max_tokens: usize,
    pub summary_max_tokens: usize,
    pub images_max: usize,
    pub images_max_bytes: u64,
    pub picture_wait_ms: u64,
    pub memories_max: usize,
    pub recovery: RecoverySetting,
    pub draft_every_ms: u64,
    pub draft_every_tokens: u32,
    pub restarts_max: usize,
    pub restart_window_ms: u64,
}

impl Default for EngineSettings {
    fn default() -> Self {
        let room = engine::RoomSettings::default();
        let turn = engine::TurnSettings::default();
        let supervision = engine::SupervisionSettings::default();
        Self {
            content_max_chars: room.content_max_chars,
            quota_warning_percent: room.quota_warning_percent,
            pending_max: room.pending_max,
            waiting_replies_max: room.waiting_replies_max,
            idle_ms: ms(room.idle),
            read_merge_ms: ms(room.read_merge),
            typing_ttl_ms: ms(room.typing_ttl),
            commit_deadline_ms: ms(room.commit_deadline),
            delta_merge_ms: ms(turn.delta_merge),
            delta_merge_max_ms: ms(turn.delta_merge_max),
            tail_max_messages: turn.tail_max_messages,
            tail_max_bytes: turn.tail_max_bytes,
            memories_fresh_ms: ms(turn.memories_fresh),
            history_max_messages: turn.history_max_messages,
            reply_max_chars: turn.reply_max_chars,
            members_max: room.members_max,
            characters_max: room.characters_max,
            variants_max: room.variants_max,
            character_chain_max: room.character_chain_max,
            lore_scan_depth: turn.prompt.lore_scan_depth,
            lore_max_tokens: turn.prompt.lore_max_tokens,
            memory_max_tokens: turn.prompt.memory_max_tokens,
            summary_max_tokens: turn.prompt.summary_max_tokens,
            images_max: turn.prompt.images_max,
            images_max_bytes: turn.prompt.images_max_bytes,
            picture_wait_ms: ms(turn.picture_wait),
            memories_max: turn.memories_max,
            draft_every_ms: ms(turn.draft_every),
            draft_every_tokens: turn.draft_every_tokens,
            recovery: match turn.recovery {
                engine::Recovery::Continue => RecoverySetting::Continue,
                engine::Recovery::Restart => RecoverySetting::Restart,
                engine::Recovery::Report => RecoverySetting::Report,
            },
            restarts_max: supervision.restarts_max,
            restart_window_ms: ms(supervision.restart_window),
        }
    }
}

impl EngineSettings {
    pub(super) fn room(&self) -> engine::RoomSettings {
        engine::RoomSettings {
            content_max_chars: self.content_max_chars,
            // Filled from `limits.messages`.
            messages_per_minute: 0,
            quota_warning_percent: self.quota_warning_percent,
            pending_max: self.pending_max,
            waiting_replies_max: self.waiting_replies_max,
            idle: Duration::from_millis(self.idle_ms),
            read_merge: Duration::from_millis(self.read_merge_ms),
            typing_ttl: Duration::from_millis(self.typing_ttl_ms),
            commit_deadline: Duration::from_millis(self.commit_deadline_ms),
            members_max: self.members_max,
            characters_max: self.characters_max,
            variants_max: self.variants_max,
            character_chain_max: self.character_chain_max,
        }
    }

    pub(super) fn turn(&self) -> engine::TurnSettings {
        engine::TurnSettings {
            delta_merge: Duration::from_millis(self.delta_merge_ms),
            delta_merge_max: Duration::from_millis(self.delta_merge_max_ms),
            tail_max_messages: self.tail_max_messages,
            tail_max_bytes: self.tail_max_bytes,
            memories_fresh: Duration::from_millis(self.memories_fresh_ms),
            history_max_messages: self.history_max_messages,
            reply_max_chars: self.reply_max_chars,
            prompt: engine::PromptSettings {
                lore_scan_depth: self.lore_scan_depth,
                lore_max_tokens: self.lore_max_tokens,
                memory_max_tokens: self.memory_max_tokens,
                summary_max_tokens: self.summary_max_tokens,
                images_max: self.images_max,
                images_max_bytes: self.images_max_bytes,
            },
            picture_wait: Duration::from_millis(self.picture_wait_ms),
            memories_max: self.memories_max,
            voice_timeout: Duration::ZERO,
            transcript_wait: Duration::ZERO,
            draft_every: Duration::from_millis(self.draft_every_ms),
            draft_every_tokens: self.draft_every_tokens,
            recovery: match self.recovery {
                RecoverySetting::Continue => engine::Recovery::Continue,
                RecoverySetting::Restart => engine::Recovery::Restart,
                RecoverySetting::Report => engine::Recovery::Report,
            },
        }
    }

    pub(super) fn supervision(&self) -> engine::SupervisionSettings {
        engine::SupervisionSettings {
            restarts_max: self.restarts_max,
            restart_window: Duration::from_millis(self.restart_window_ms),
        }
    }
}

/// The AI-worker pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSettings {
    pub workers: usize,
    pub queue_max: usize,
    pub per_user: usize,
    pub ageing_step_ms: u64,
    pub first_token_timeout_ms: u64,
    pub total_timeout_ms: u64,
    pub tries: u32,
    pub backoff_ms: u64,
}

impl Default for PoolSettings {
    fn default() -> Self {
        let pool = engine::PoolSettings::default();
        Self {
            workers: pool.workers,
            queue_max: pool.queue_max,
            per_user: pool.per_user,
            ageing_step_ms: ms(pool.ageing_step),
            first_token_timeout_ms: ms(pool.first_token_timeout),
            total_timeout_ms: ms(pool.total_timeout),
            tries: pool.tries,
            backoff_ms: ms(pool.backoff),
        }
    }
}

impl PoolSettings {
    pub(super) fn engine(&self) -> engine::PoolSettings {
        engine::PoolSettings {
            workers: self.workers,
            queue_max: self.queue_max,
            per_user: self.per_user,
            ageing_step: Duration::from_millis(self.ageing_step_ms),
            first_token_timeout: Duration::from_millis(self.first_token_timeout_ms),
            total_timeout: Duration::from_millis(self.total_timeout_ms),
            tries: self.tries,
            backoff: Duration::from_millis(self.backoff_ms),
        }
    }
}

/// The durable log's writers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalSettings {
    pub lanes: usize,
    pub batch_max: usize,
    pub queue_max: usize,
    pub retry_ms: u64,
    pub retry_max_ms: u64,
}

impl Default for JournalSettings {
    fn default() -> Self {
        let journal = engine::JournalSettings::default();
        Self {
            lanes: journal.lanes,
            batch_max: journal.batch_max,
            queue_max: journal.queue_max,
            retry_ms: ms(journal.retry),
            retry_max_ms: ms(journal.retry_max),
        }
    }
}

impl JournalSettings {
    pub(super) fn engine(&self) -> engine::JournalSettings {
        engine::JournalSettings {
            lanes: self.lanes,
            batch_max: self.batch_max,
            queue_max: self.queue_max,
            retry: Duration::from_millis(self.retry_ms),
            retry_max: Duration::from_millis(self.retry_max_ms),
        }
    }
}
