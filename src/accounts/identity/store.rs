//! The SQL of linked identities.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{IdentityInfo, Person};
use crate::accounts::store::{self as accounts, Account};
use crate::postgres::{Stored, execute, query, query_opt};

/// The account that an identity is linked to.
pub async fn owner(client: &impl GenericClient, issuer: &str, subject: &str) -> Stored<Option<Account>> {
    let sql = "select user_id from identities where issuer = $1 and subject = $2";
    match query_opt(client, sql, &[&issuer, &subject]).await? {
        Some(row) => accounts::by_id(client, UserId::from_uuid(row.get(0))).await,
        None => Ok(None),
    }
}

/// Notes that it was used, to the hour: it is for its owner to read.
pub async fn used(client: &impl GenericClient, issuer: &str, subject: &str) -> Stored<()> {
    let sql = "update identities set last_used_at = now()
        where issuer = $1 and subject = $2 and last_used_at < now() - interval '1 hour'";
    execute(client, sql, &[&issuer, &subject]).await.map(drop)
}

/// Links it; false: it is linked already, to whomever.
pub async fn link(client: &impl GenericClient, id: Uuid, user: UserId, person: &Person) -> Stored<bool> {
    let sql = "insert into identities (id, user_id, provider, issuer, subject, email)
        values ($1, $2, $3, $4, $5, $6) on conflict (issuer, subject) do nothing";
    let email = person.email.as_ref().map(|email| &email.typed);
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
        [&id, &user.uuid(), &person.provider, &person.issuer, &person.subject, &email];
    Ok(execute(client, sql, &values).await? > 0)
}

fn info(row: &Row) -> IdentityInfo {
    IdentityInfo {
        id: row.get("id"),
        provider: row.get("provider"),
        email: row.get("email"),
        created_at: row.get("created_at"),
    }
}

/// The user's identities, the oldest first.
pub async fn of_user(client: &impl GenericClient, user: UserId) -> Stored<Vec<IdentityInfo>> {
    let sql = "select id, provider, email, created_at from identities where user_id = $1 order by id";
    Ok(query(client, sql, &[&user.uuid()]).await?.iter().map(info).collect())
}

/// One of them by what it is.
pub async fn find(
    client: &impl GenericClient,
    user: UserId,
    person: &Person,
) -> Stored<Option<IdentityInfo>> {
    let sql = "select id, provider, email, created_at from identities
        where user_id = $1 and issuer = $2 and subject = $3";
    Ok(query_opt(client, sql, &[&user.uuid(), &person.issuer, &person.subject]).await?.as_ref().map(info))
}

/// Takes the link away; answers issuer and subject.
pub async fn unlink(client: &impl GenericClient, id: Uuid, user: UserId) -> Stored<Option<(String, String)>> {
    let sql = "delete from identities where id = $1 and user_id = $2 returning issuer, subject";
    Ok(query_opt(client, sql, &[&id, &user.uuid()]).await?.map(|row| (row.get(0), row.get(1))))
}
