//! Sockets: their beat, their bounds, and when a slow one is let go.

use std::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealtimeSettings {
    pub heartbeat_interval_ms: u64,
    /// For the first frame with a token.
    pub auth_timeout_ms: u64,
    pub max_frame_bytes: usize,
    /// Malformed frames before the socket is closed.
    pub bad_frames_max: u32,
    pub max_sockets_per_user: usize,
    /// Socket.IO sessions of this node.
    pub max_socketio_sessions: usize,
    /// Socket.IO sessions of one address that have not signed in yet.
    pub max_socketio_unsigned_per_address: usize,
    /// Rooms that one socket may have joined.
    pub max_joined_rooms: usize,
    /// Commands of one socket that wait for the engine's answer.
    pub max_pending_commands: usize,
    /// Calls of one socket to create, list, join and page that are under way.
    pub max_feature_calls: usize,
    /// Live frames held back for one socket while it joins a room.
    pub max_held_frames: usize,
    /// Frames of any kind of one socket; 0 is no limit.
    pub max_frames_per_minute: u32,
    /// How long a user whose last socket went is still shown as online.
    pub offline_grace_ms: u64,
    /// Between two words about one user's status.
    pub presence_merge_ms: u64,
    /// Between two writings of when users were last seen.
    pub last_seen_write_ms: u64,
    /// Deliveries that wait for one worker thread.
    pub shard_queue_max: usize,
    /// Between two looks for what is due.
    pub tick_ms: u64,
    /// Missed messages that are given again; who missed more gets a fresh snapshot.
    pub resume_max_messages: u32,
    /// Larger rooms tell nobody who is online.
    pub presence_max_members: usize,
    /// Frames that wait for one socket before it counts as too slow.
    pub mailbox_max_frames: usize,
    /// Bytes that wait for one socket before it counts as too slow.
    pub mailbox_max_bytes: usize,
    /// From the first refused frame to the forced end of a socket that reads nothing.
    pub slow_socket_grace_ms: u64,
    /// Kernel's limit for unacknowledged bytes (`TCP_USER_TIMEOUT`).
    pub tcp_user_timeout_ms: u32,
    /// Kernel's send buffer of one socket (`SO_SNDBUF`).
    pub send_buffer_bytes: usize,
    /// Before the end of a token, when the client is told so.
    pub token_warning_ms: u64,
}

impl Default for RealtimeSettings {
    fn default() -> Self {
        Self {
            heartbeat_interval_ms: 25_000,
            auth_timeout_ms: 10_000,
            max_frame_bytes: 65_536,
            bad_frames_max: 20,
            max_sockets_per_user: 20,
            max_socketio_sessions: 20_000,
            max_socketio_unsigned_per_address: 256,
            max_joined_rooms: 100,
            max_pending_commands: 64,
            max_feature_calls: 8,
            max_held_frames: 1_000,
            max_frames_per_minute: 1_200,
            offline_grace_ms: 3_000,
            presence_merge_ms: 2_000,
            last_seen_write_ms: 60_000,
            shard_queue_max: 4_096,
            tick_ms: 1_000,
            resume_max_messages: 500,
            presence_max_members: 50,
            mailbox_max_frames: 1_024,
            mailbox_max_bytes: 1_048_576,
            slow_socket_grace_ms: 5_000,
            tcp_user_timeout_ms: 15_000,
            send_buffer_bytes: 65_536,
            token_warning_ms: 60_000,
        }
    }
}

impl RealtimeSettings {
    #[must_use]
    pub fn heartbeat_interval(&self) -> Duration {
        Duration::from_millis(self.heartbeat_interval_ms)
    }

    #[must_use]
    pub fn auth_timeout(&self) -> Duration {
        Duration::from_millis(self.auth_timeout_ms)
    }
}
