//! Who a session belongs to, as its token says.

use jiff::Timestamp;

use crate::domain::UserId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    User,
    Admin,
}

/// Whether a user's messages are paced: those of premium plans are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pacing {
    #[default]
    Paced,
    Free,
}

/// What a verified token says of its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub user: UserId,
    pub role: Role,
    /// Not limited in messages per minute.
    pub premium: bool,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) enum Standing {
    Anonymous { deadline: Timestamp },
    SignedIn { identity: Identity, told_of_end: bool },
}

/// What a good token did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    First,
    /// The same user's newer token: the sign-in lasts longer now.
    Prolonged,
}
