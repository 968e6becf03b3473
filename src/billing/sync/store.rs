//! What is known here of an object before Stripe is asked, and how often it was written.

use std::collections::BTreeMap;

use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::types::ToSql;

use crate::billing::records::{self, Checkout, Payment, Subscription};
use crate::postgres::{Stored, query, query_opt};

type Value<'a> = &'a (dyn ToSql + Sync);

const VERSION: &str = "select version from stripe_synced where object_id = $1";
/// Locks each row in the order of the ids.
const WRITTEN: &str =
    "insert into stripe_synced (object_id, version) select id, 1 from unnest($1::text[]) as id order by id
    on conflict (object_id) do update set version = stripe_synced.version + 1 returning object_id, version - 1";

async fn version(client: &impl GenericClient, id: &str) -> Stored<i64> {
    let values: [Value<'_>; 1] = [&id];
    Ok(query_opt(client, VERSION, &values).await?.map_or(0, |row| row.get(0)))
}

/// Counts one more write of each, and answers whether nobody wrote since the versions were read.
pub async fn is_latest(transaction: &Transaction<'_>, versions: &BTreeMap<String, i64>) -> Stored<bool> {
    let ids: Vec<&str> = versions.keys().map(String::as_str).collect();
    let rows = query(transaction, WRITTEN, &[&ids]).await?;
    Ok(rows.iter().all(|row| versions.get(row.get::<_, &str>(0)) == Some(&row.get::<_, i64>(1))))
}

pub struct KnownIntent {
    pub version: i64,
    pub payment: Option<Payment>,
    /// Of an intent that is paid without a session.
    pub offer: Option<Checkout>,
}

pub async fn intent(client: &impl GenericClient, id: &str) -> Stored<KnownIntent> {
    let (version, payment, offer) = tokio::try_join!(
        version(client, id),
        records::payment_at(client, Some(id), None),
        records::checkout(client, id)
    )?;
    Ok(KnownIntent { version, payment, offer })
}

pub async fn invoice(client: &impl GenericClient, id: &str) -> Stored<(i64, Option<Payment>)> {
    tokio::try_join!(version(client, id), records::payment_at(client, None, Some(id)))
}

pub async fn subscription(client: &impl GenericClient, id: &str) -> Stored<(i64, Option<Subscription>)> {
    tokio::try_join!(version(client, id), records::subscription(client, id))
}
