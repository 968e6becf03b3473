//! The SQL of the outbox, and the database's clock.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::postgres::{Stored, execute, query, query_opt};

/// Letters that the outbox keeps: the newest ones.
const KEPT: i64 = 1_000;

/// A letter that was not sent but kept for a developer to read.
#[derive(Clone, Debug)]
pub struct Kept {
    pub id: Uuid,
    pub channel: String,
    pub to: String,
    pub subject: Option<String>,
    pub text: String,
    pub html: Option<String>,
    pub created_at: Timestamp,
    number: i64,
}

impl Kept {
    /// Its place in the outbox; higher is newer.
    pub fn number(&self) -> i64 {
        self.number
    }
}

/// One letter to keep.
#[derive(Clone, Copy, Debug)]
pub struct NewKept<'a> {
    /// Of its job: the same job twice is one letter.
    pub id: Uuid,
    pub channel: &'a str,
    pub to: &'a str,
    pub subject: Option<&'a str>,
    pub text: &'a str,
    pub html: Option<&'a str>,
}

pub async fn now(client: &impl GenericClient) -> Stored<Timestamp> {
    let row = query_opt(client, "select now()", &[]).await?;
    Ok(row.map_or_else(Timestamp::now, |row| row.get(0)))
}

const INSERT: &str = "insert into outbox (id, channel, recipient, subject, body_text, body_html)
    values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing";

const SWEEP: &str = "delete from outbox
    where number <= (select number from outbox order by number desc offset $1 limit 1)";

/// Keeps a letter, and lets go of the oldest ones beyond the bound.
pub async fn keep(client: &impl GenericClient, it: &NewKept<'_>) -> Stored<()> {
    let NewKept { id, channel, to, subject, text, html } = it;
    execute(client, INSERT, &[id, channel, to, subject, text, html]).await?;
    execute(client, SWEEP, &[&KEPT]).await.map(drop)
}

/// Lets go of what went to these addresses and numbers.
pub async fn forget(client: &impl GenericClient, recipients: &[String]) -> Stored<()> {
    execute(client, "delete from outbox where recipient = any($1)", &[&recipients]).await.map(drop)
}

const PAGE: &str =
    "select id, channel, recipient, subject, body_text, body_html, created_at, number from outbox
    where number < $1 order by number desc offset $2 limit $3";

/// The newest first, from below `before`.
pub async fn page(client: &impl GenericClient, before: i64, skip: i64, limit: i64) -> Stored<Vec<Kept>> {
    Ok(query(client, PAGE, &[&before, &skip, &limit]).await?.iter().map(kept).collect())
}

pub async fn count(client: &impl GenericClient) -> Stored<i64> {
    let row = query_opt(client, "select count(*) from outbox", &[]).await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

fn kept(row: &Row) -> Kept {
    Kept {
        id: row.get(0),
        channel: row.get(1),
        to: row.get(2),
        subject: row.get(3),
        text: row.get(4),
        html: row.get(5),
        created_at: row.get(6),
        number: row.get(7),
    }
}
