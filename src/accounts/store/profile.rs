//! The SQL of what a person changes about their account.

use deadpool_postgres::{GenericClient, PoolError};
use greenroom_actors::domain::UserId;
use tokio_postgres::error::SqlState;

use super::Taken;
use crate::accounts::profile::{ProfileChange, Zones};
use crate::postgres::{Stored, execute};

/// What is null stays as it is. Another address is unproved.
const UPDATE: &str = "update users set
    display_name = coalesce($2, display_name), bio = coalesce($3, bio), locale = coalesce($4, locale),
    username = coalesce($5, username), username_key = coalesce($6, username_key),
    email = coalesce($7, email), email_key = coalesce($8, email_key),
    email_verified_at = case when $8::text is null or $8 = email_key then email_verified_at end,
    time_zone = coalesce($9, time_zone),
    next_time_zone = case when $9::text is null then next_time_zone else $10 end,
    next_time_zone_at = case when $9::text is null then next_time_zone_at else $11 end,
    updated_at = now()
    where id = $1";

/// Changes a row that is locked. What somebody else has stands in the way, also when they took it at this moment; the
/// transaction is then of no more use.
pub async fn update(
    client: &impl GenericClient,
    user: UserId,
    change: &ProfileChange,
    zones: Option<&Zones>,
) -> Stored<Result<(), Taken>> {
    let next = zones.and_then(|zones| zones.next.as_ref());
    let updated = execute(
        client,
        UPDATE,
        &[
            &user.uuid(),
            &change.display_name,
            &change.bio,
            &change.locale,
            &change.username.as_ref().map(|name| &name.typed),
            &change.username.as_ref().map(|name| &name.key),
            &change.email.as_ref().map(|email| &email.typed),
            &change.email.as_ref().map(|email| &email.key),
            &zones.map(|zones| &zones.present),
            &next.map(|(zone, _)| zone),
            &next.map(|(_, at)| *at),
        ],
    )
    .await;
    match updated {
        Ok(_) => Ok(Ok(())),
        Err(error) => taken(&error).map(Err).ok_or(error),
    }
}

/// Which unique value it was.
fn taken(error: &PoolError) -> Option<Taken> {
    let PoolError::Backend(error) = error else { return None };
    let cause = error.as_db_error().filter(|cause| *cause.code() == SqlState::UNIQUE_VIOLATION)?;
    match cause.constraint()? {
        "users_email_key_key" => Some(Taken::Email),
        "users_username_key_key" => Some(Taken::Username),
        _ => None,
    }
}
