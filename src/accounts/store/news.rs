//! The SQL of what every node has to hear.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::{SessionId, UserId};

use crate::accounts::news::News;
use crate::postgres::{Stored, query};

pub const CHANNEL: &str = "greenroom_accounts";

/// Tells it when the transaction commits.
pub async fn notify(client: &impl GenericClient, news: News) -> Stored<()> {
    query(client, "select pg_notify($1, $2)::text", &[&CHANNEL, &news.write()]).await.map(drop)
}

const MISSED: &str = "select user_id, id from sign_ins where ended_at > now() - make_interval(secs => $1)
    union all select id, null from users where blocked_at > now() - make_interval(secs => $1)
    union all select id, null from users where deactivated_at > now() - make_interval(secs => $1)";

/// Whose sign-ins ended in the last time, and which; `None`: all of theirs.
pub async fn missed(client: &impl GenericClient, span: Duration) -> Stored<Vec<(UserId, Option<SessionId>)>> {
    let rows = query(client, MISSED, &[&span.as_secs_f64()]).await?;
    let one = |row: &tokio_postgres::Row| {
        let sign_in: Option<uuid::Uuid> = row.get(1);
        (UserId::from_uuid(row.get(0)), sign_in.map(SessionId::from_uuid))
    };
    Ok(rows.iter().map(one).collect())
}
