//! From the settings' form to what each part takes.

use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::session::SessionSettings;

use crate::config::{Config, ServerSettings};
use crate::conversations::ConversationSettings;
use crate::realtime::{Settings, SocketOptions};

impl ServerSettings {
    pub(super) fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.keep_alive_ms)
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }
}

impl Config {
    pub(super) fn conversation_settings(&self) -> ConversationSettings {
        ConversationSettings {
            resume_max_messages: self.realtime.resume_max_messages as usize,
            content_max_chars: self.engine.content_max_chars,
            assistant_character: self.conversations.assistant_character.clone(),
            restore_days: self.conversations.restore_days,
            categories: self.conversations.categories.clone(),
            search_language: self.search.language.clone(),
            public_url: self.server.public_base(),
            ..ConversationSettings::default()
        }
    }

    pub(super) fn socket_options(&self) -> SocketOptions {
        SocketOptions {
            user_timeout: Duration::from_millis(u64::from(self.realtime.tcp_user_timeout_ms)),
            send_buffer_bytes: self.realtime.send_buffer_bytes,
        }
    }

    pub(super) fn realtime_settings(&self) -> Settings {
        let (realtime, limits) = (&self.realtime, self.limits.effective());
        Settings {
            session: Arc::new(SessionSettings {
                auth_timeout: realtime.auth_timeout(),
                heartbeat_interval: realtime.heartbeat_interval(),
                expiry_notice: Duration::from_millis(realtime.token_warning_ms),
                bad_frames_max: realtime.bad_frames_max,
                rooms_max: realtime.max_joined_rooms,
                messages_per_minute: limits.messages.per_minute(),
                typing_per_minute: limits.typing.per_minute(),
                commands_per_minute: limits.commands.per_minute(),
                held_frames_max: realtime.max_held_frames,
                frames_per_minute: realtime.max_frames_per_minute,
            }),
            max_frame_bytes: realtime.max_frame_bytes,
            content_max_chars: self.engine.content_max_chars,
            sockets_per_user_max: realtime.max_sockets_per_user,
            socketio_sessions_max: realtime.max_socketio_sessions,
            socketio_unsigned_per_address_max: realtime.max_socketio_unsigned_per_address,
            feature_calls_max: realtime.max_feature_calls,
            engine_calls_max: realtime.max_pending_commands,
            presence_members_max: realtime.presence_max_members,
            mailbox_max_frames: realtime.mailbox_max_frames,
            mailbox_max_bytes: realtime.mailbox_max_bytes,
            slow_socket_grace: Duration::from_millis(realtime.slow_socket_grace_ms),
            offline_grace: Duration::from_millis(realtime.offline_grace_ms),
            presence_merge: Duration::from_millis(realtime.presence_merge_ms),
            shard_queue_max: realtime.shard_queue_max,
            tick: Duration::from_millis(realtime.tick_ms),
        }
    }
}
