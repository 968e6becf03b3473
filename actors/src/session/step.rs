//! What a session is asked, and what it says is to be done.

use super::CloseCode;

/// Commands by the limit that holds for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandClass {
    /// `auth` and `ping`: allowed before the sign-in.
    Opening,
    Message,
    Typing,
    Other,
}

/// What is due at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    pub ping: bool,
    /// The client is to be told that its token ends soon.
    pub token_ends: bool,
    pub close: Option<CloseCode>,
}

/// What to do after a batch of live frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Go,
    /// A piece of a reply is missing: ask the room for its open replies, then [`Session::repair`](super::Session::repair).
    AskReplies,
    /// The room was deleted, or its user removed: the session has left it.
    Left,
    /// A committed frame is missing.
    Close(CloseCode),
}
