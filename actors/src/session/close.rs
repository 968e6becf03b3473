//! The ways in which the server ends a socket.

/// Why the server closes a socket; what the client is to do then is in `docs/PROTOCOL.md` §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    Draining,
    TooLarge,
    SignInTimeout,
    TokenEnded,
    NotProtocol,
    Kicked,
    NoHeartbeat,
    OutOfStep,
    TooManySockets,
    Flooding,
}

impl CloseCode {
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Draining => 1001,
            Self::TooLarge => 1009,
            Self::SignInTimeout => 4000,
            Self::TokenEnded => 4001,
            Self::NotProtocol => 4003,
            Self::Kicked => 4004,
            Self::NoHeartbeat => 4008,
            Self::OutOfStep => 4009,
            Self::TooManySockets => 4010,
            Self::Flooding => 4013,
        }
    }

    /// For a person who debugs a client; at most 123 bytes, as a close frame takes.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Draining => "the server is draining: reconnect",
            Self::TooLarge => "the frame is too large",
            Self::SignInTimeout => "sign-in was not given in time",
            Self::TokenEnded => "the token is bad or has ended",
            Self::NotProtocol => "not the protocol",
            Self::Kicked => "an admin ended this session",
            Self::NoHeartbeat => "no heartbeat",
            Self::OutOfStep => "too slow or out of step: reconnect and resume",
            Self::TooManySockets => "too many sockets for this user",
            Self::Flooding => "far over the rate limit",
        }
    }
}
