//! The SQL of what ended so short ago that access tokens of it may still be about.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{SessionId, UserId};
use jiff::Timestamp;

use crate::postgres::{Stored, query};

/// A sign-in that ended, or a user who may do nothing more.
pub struct Ended {
    pub user: UserId,
    pub sign_in: Option<SessionId>,
    pub at: Timestamp,
}

/// The newest first: beyond `most`, the oldest are left out.
const ENDED_WITHIN: &str = "select user_id, id, ended_at as at from sign_ins
        where ended_at > now() - make_interval(secs => $1)
    union all
    select id, null, greatest(blocked_at, deactivated_at) from users
        where greatest(blocked_at, deactivated_at) > now() - make_interval(secs => $1)
    order by at desc limit $2";

pub async fn ended_within(client: &impl GenericClient, seconds: f64, most: i64) -> Stored<Vec<Ended>> {
    let rows = query(client, ENDED_WITHIN, &[&seconds, &most]).await?;
    Ok(rows
        .iter()
        .map(|row| Ended {
            user: UserId::from_uuid(row.get(0)),
            sign_in: row.get::<_, Option<uuid::Uuid>>(1).map(SessionId::from_uuid),
            at: row.get(2),
        })
        .collect())
}
