//! Every limit of one session in one place.

use std::time::Duration;

/// Every limit of one session.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// From the opening of the socket to its sign-in.
    pub auth_timeout: Duration,
    /// Between two pings; a socket from which nothing came for two of these is closed.
    pub heartbeat_interval: Duration,
    /// How long before the end of its token a client is told.
    pub expiry_notice: Duration,
    /// Frames that were JSON but no good command, over the socket's life.
    pub bad_frames_max: u32,
    /// Rooms joined at the same time.
    pub rooms_max: usize,
    /// Live frames held back while one room is being joined.
    pub held_frames_max: usize,
    /// `message:send` of a user whose plan is not premium. Zero is no limit, here and below.
    pub messages_per_minute: u32,
    /// `typing:start` and `typing:stop`.
    pub typing_per_minute: u32,
    /// All other commands.
    pub commands_per_minute: u32,
    /// Frames of any kind; a socket that sends more is closed.
    pub frames_per_minute: u32,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            auth_timeout: Duration::from_secs(10),
            heartbeat_interval: Duration::from_secs(25),
            expiry_notice: Duration::from_secs(60),
            bad_frames_max: 20,
            rooms_max: 100,
            held_frames_max: 1_000,
            messages_per_minute: 10,
            typing_per_minute: 30,
            commands_per_minute: 120,
            frames_per_minute: 1_200,
        }
    }
}
