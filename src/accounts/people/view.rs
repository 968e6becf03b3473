//! How people look on the wire: to admins, and to everybody.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Belongings, LinkedIdentity, Person};
use crate::accounts::{Profile, Role, UserView};
use crate::conversations::view::{UsageView, wire_time};

/// An account in the list of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PersonView {
    id: Uuid,
    username: String,
    display_name: String,
    email: Option<String>,
    email_verified: bool,
    mobile: Option<String>,
    role: Role,
    plan: String,
    /// When the plan ends by itself.
    plan_until: Option<Timestamp>,
    blocked: bool,
    deactivated_at: Option<Timestamp>,
    /// Personal data is gone; the row is a pseudonym.
    erased_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl From<Person> for PersonView {
    fn from(person: Person) -> Self {
        let Profile { id, username, display_name, email, email_verified, mobile, .. } = person.profile;
        Self {
            id: id.uuid(),
            username,
            display_name,
            email,
            email_verified,
            mobile,
            role: person.profile.role,
            plan: person.profile.plan,
            plan_until: person.profile.plan_until.map(wire_time),
            blocked: person.blocked_at.is_some(),
            deactivated_at: person.deactivated_at.map(wire_time),
            erased_at: person.erased_at.map(wire_time),
            created_at: wire_time(person.profile.created_at),
        }
    }
}

/// How an account stands, beside its profile.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StandingView {
    user: UserView,
    /// Comes after a plan that ends by itself.
    plan_after: Option<String>,
    blocked: bool,
    blocked_at: Option<Timestamp>,
    /// Told to the user after the right password.
    blocked_why: Option<String>,
    deactivated_at: Option<Timestamp>,
    /// Until then an admin can bring a deactivated account back.
    erases_at: Option<Timestamp>,
    erased_at: Option<Timestamp>,
}

impl StandingView {
    pub(super) fn new(person: Person, erases_at: Option<Timestamp>) -> Self {
        Self {
            plan_after: person.plan_after,
            blocked: person.blocked_at.is_some(),
            blocked_at: person.blocked_at.map(wire_time),
            blocked_why: person.blocked_why,
            deactivated_at: person.deactivated_at.map(wire_time),
            erases_at: erases_at.map(wire_time),
            erased_at: person.erased_at.map(wire_time),
            user: person.profile.into(),
        }
    }
}

/// An account with all that an admin sees of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdminUserView {
    #[serde(flatten)]
    standing: StandingView,
    /// Devices that are signed in.
    sign_ins: i64,
    last_sign_in_at: Option<Timestamp>,
    /// Live ones.
    api_keys: i64,
    /// Conversations that the account is in.
    conversations: i64,
    identities: Vec<IdentityView>,
    /// Null for an account that cannot send: blocked, deactivated or erased.
    usage: Option<UsageView>,
}

impl AdminUserView {
    pub(super) fn new(standing: StandingView, belongings: Belongings, usage: Option<UsageView>) -> Self {
        Self {
            standing,
            sign_ins: belongings.sign_ins,
            last_sign_in_at: belongings.last_sign_in_at.map(wire_time),
            api_keys: belongings.api_keys,
            conversations: belongings.conversations,
            identities: belongings.identities.into_iter().map(IdentityView::from).collect(),
            usage,
        }
    }
}

/// An account at an identity provider, as admins see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LinkedIdentityView)]
struct IdentityView {
    id: Uuid,
    provider: String,
    email: Option<String>,
    created_at: Timestamp,
    last_used_at: Timestamp,
}

impl From<LinkedIdentity> for IdentityView {
    fn from(identity: LinkedIdentity) -> Self {
        Self {
            id: identity.id,
            provider: identity.provider,
            email: identity.email,
            created_at: wire_time(identity.created_at),
            last_used_at: wire_time(identity.last_used_at),
        }
    }
}

/// What everybody may see of an account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublicProfileView {
    username: String,
    display_name: String,
    bio: String,
    created_at: Timestamp,
}

impl From<Profile> for PublicProfileView {
    fn from(profile: Profile) -> Self {
        Self {
            username: profile.username,
            display_name: profile.display_name,
            bio: profile.bio,
            created_at: wire_time(profile.created_at),
        }
    }
}
