//! Every limit of the realtime edge in one place. The server fills this from `config.toml`.

use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::domain::CONTENT_MAX_CHARS;
use greenroom_actors::session::SessionSettings;

#[derive(Clone, Debug)]
pub struct Settings {
    /// What one session may do.
    pub session: Arc<SessionSettings>,
    /// Bytes of one frame of a client's, continuations included.
    pub max_frame_bytes: usize,
    /// Characters (Unicode) of one message.
    pub content_max_chars: usize,
    pub sockets_per_user_max: usize,
    /// Socket.IO sessions of this node.
    pub socketio_sessions_max: usize,
    /// Socket.IO sessions of one address that have not signed in yet.
    pub socketio_unsigned_per_address_max: usize,
    /// Calls of one socket to features (create, list, join, messages) that are under way at the same time.
    pub feature_calls_max: usize,
    /// Commands of one socket that wait for the engine's answer.
    pub engine_calls_max: usize,
    /// Rooms with more joined sockets tell nobody who is online.
    pub presence_members_max: usize,
    /// How long a user whose last socket went is still shown as online.
    pub offline_grace: Duration,
    /// Between two words about one user's status; changes in between are told together.
    pub presence_merge: Duration,
    /// Deliveries that wait for one socket.
    pub mailbox_max_frames: usize,
    /// Bytes of deliveries that wait for one socket. From a quarter of it on, what is not stored is dropped.
    pub mailbox_max_bytes: usize,
    /// Deliveries that wait for one worker thread.
    pub shard_queue_max: usize,
    /// From the first refused delivery, or from a close frame, to the forced end of a socket that takes nothing.
    pub slow_socket_grace: Duration,
    /// How often a worker looks for what is due: pings, deadlines, stuck sockets.
    pub tick: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session: Arc::default(),
            max_frame_bytes: 65_536,
            content_max_chars: CONTENT_MAX_CHARS,
            sockets_per_user_max: 20,
            socketio_sessions_max: 20_000,
            socketio_unsigned_per_address_max: 256,
            feature_calls_max: 8,
            engine_calls_max: 64,
            presence_members_max: 50,
            offline_grace: Duration::from_secs(3),
            presence_merge: Duration::from_secs(2),
            mailbox_max_frames: 1_024,
            mailbox_max_bytes: 1_048_576,
            shard_queue_max: 4_096,
            slow_socket_grace: Duration::from_secs(5),
            tick: Duration::from_secs(1),
        }
    }
}
