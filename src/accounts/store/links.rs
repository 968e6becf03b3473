//! The SQL of links sent by mail.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;

use crate::accounts::links::LinkPurpose;
use crate::postgres::{Stored, execute, query_opt};

const VOID: &str = "delete from mail_links where user_id = $1 and purpose = $2 and used_at is null";
const INSERT: &str = "insert into mail_links (hash, user_id, purpose, email_key, expires_at)
    select $3, id, $2, email_key, now() + make_interval(mins => $4) from users
    where id = $1 and email_key is not null";

/// A new link to the account's present address; the unused ones before it are void. The account's row is locked.
pub async fn renew(
    client: &impl GenericClient,
    user: UserId,
    purpose: LinkPurpose,
    hash: &[u8],
    minutes: u32,
) -> Stored<()> {
    let minutes = i32::try_from(minutes).unwrap_or(i32::MAX);
    execute(client, VOID, &[&user.uuid(), &purpose.as_str()]).await?;
    execute(client, INSERT, &[&user.uuid(), &purpose.as_str(), &hash, &minutes]).await.map(drop)
}

/// A link that holds: not used, not over, and to the address that its account has now.
const HOLDS: &str = "l.hash = $1 and l.purpose = $2 and l.used_at is null and l.expires_at > now()
    and u.id = l.user_id and u.email_key = l.email_key";

/// Whose link it is, if it holds.
pub async fn user(client: &impl GenericClient, hash: &[u8], purpose: LinkPurpose) -> Stored<Option<UserId>> {
    let sql = format!("select u.id from mail_links l, users u where {HOLDS}");
    let row = query_opt(client, &sql, &[&hash, &purpose.as_str()]).await?;
    Ok(row.map(|row| UserId::from_uuid(row.get(0))))
}

/// Uses it up, if it holds. The account's row is locked.
pub async fn use_up(client: &impl GenericClient, hash: &[u8], purpose: LinkPurpose) -> Stored<bool> {
    let sql = format!("update mail_links l set used_at = now() from users u where {HOLDS}");
    Ok(execute(client, &sql, &[&hash, &purpose.as_str()]).await? > 0)
}

/// Whether this link proved the address that its account has now.
pub async fn was_used(client: &impl GenericClient, hash: &[u8]) -> Stored<bool> {
    let sql = "select from mail_links l join users u on u.id = l.user_id
        where l.hash = $1 and l.purpose = 'verify_email' and l.used_at is not null
            and u.email_key = l.email_key and u.email_verified_at is not null";
    Ok(query_opt(client, sql, &[&hash]).await?.is_some())
}

pub async fn prove_email(client: &impl GenericClient, user: UserId) -> Stored<()> {
    let sql = "update users set email_verified_at = coalesce(email_verified_at, now()) where id = $1";
    execute(client, sql, &[&user.uuid()]).await.map(drop)
}

/// Leaves the password as the only way in. The account's row is locked.
pub async fn shut_other_doors(client: &impl GenericClient, user: UserId) -> Stored<()> {
    for sql in [
        "update api_keys set revoked_at = now() where user_id = $1 and revoked_at is null",
        "delete from identities where user_id = $1",
        "update users set mobile = null where id = $1",
    ] {
        execute(client, sql, &[&user.uuid()]).await?;
    }
    Ok(())
}
