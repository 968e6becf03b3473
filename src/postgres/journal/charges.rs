//! Charges for answers that no room holds.
//!
//! Each is one short transaction on the pool. Law of locks, beside the journal's: the row of an answer that is there already,
//! then usage in the order of its keys, then inserts. Whether a meter is full is looked at under its lock, as the journal
//! does, so both count on the same meters and never over their limits.

use std::collections::BTreeMap;

use deadpool_postgres::{Pool, PoolError, Transaction};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{MeterKey, NodeId};
use greenroom_actors::ports::{Charge, ChargeEnd, Charged, Charges, Closing, StoreError};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::super::archive::OtherNodes;
use super::super::calls::{self, Account};
use super::super::error::store_error;
use super::super::rows::{meter_key, refund_of, refund_text};
use super::columns::MeterColumns;
use super::statements::{INSERT_USAGE, LOCK_USAGE, UPDATE_USAGE};

const INSERT: &str =
    "INSERT INTO charges (id, user_id, node, refund) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING";
const DELETE: &str = "DELETE FROM charges WHERE id = $1 RETURNING user_id, refund";
/// One that is locked is being ended, or given back by another node, this very moment.
const DELETE_DEAD: &str = "DELETE FROM charges WHERE id IN (SELECT id FROM charges c WHERE c.node <> $1
        AND NOT EXISTS (SELECT FROM nodes n WHERE n.id = c.node AND n.ended_at IS NULL
            AND n.beat_at > now() - make_interval(secs => $3))
        ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING user_id, refund";
const DELETE_OTHERS: &str = "DELETE FROM charges WHERE id IN (SELECT id FROM charges c WHERE c.node <> $1
        ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING user_id, refund";

/// The charges of one node's answers.
#[derive(Clone)]
pub struct PostgresCharges {
    pool: Pool,
    node: NodeId,
    others: OtherNodes,
}

type Used = BTreeMap<MeterKey, u32>;

impl PostgresCharges {
    #[must_use]
    pub fn new(pool: Pool, node: NodeId, others: OtherNodes) -> Self {
        Self { pool, node, others }
    }

    async fn count(&self, charge: &Charge) -> Result<Charged, PoolError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let keys: Vec<MeterKey> = charge.meters.iter().map(|meter| meter.key).collect();
        let mut used = lock(&transaction, &keys).await?;
        let refund = refund_text(&keys);
        let (id, user, node) = (charge.id, charge.user.uuid(), self.node.uuid());
        // Looked at under the meters' locks: an earlier try of the same charge has ended by now.
        let fresh = run(&transaction, INSERT, &[&id, &user, &node, &refund]).await?;
        if fresh == 0 {
            return Ok(Charged::Counted(Vec::new()));
        }
        let mut counts = Vec::with_capacity(charge.meters.len());
        for meter in &charge.meters {
            let used = used.entry(meter.key).or_default();
            if *used >= meter.limit {
                return Ok(Charged::OverLimit { meter: *meter, used: *used });
            }
            *used += 1;
            counts.push(*used);
        }
        write(&transaction, used).await?;
        transaction.commit().await?;
        Ok(Charged::Counted(counts))
    }

    async fn end(&self, closing: &Closing) -> Result<Vec<MeterKey>, PoolError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let statement = transaction.prepare_cached(DELETE).await?;
        let open = transaction.query(&statement, &[&closing.id]).await?;
        let keys: Vec<MeterKey> = match closing.end {
            ChargeEnd::Kept => Vec::new(),
            ChargeEnd::GivenBack => open.iter().flat_map(|row| refund_of(row.get(0), row.get(1))).collect(),
        };
        give_back(&transaction, &keys).await?;
        let account =
            Account { user: Some(closing.user), character: Some(closing.character), ..Account::default() };
        calls::record(&*transaction, account, &closing.calls).await?;
        transaction.commit().await?;
        Ok(keys)
    }

    async fn dead(&self, limit: usize) -> Result<Vec<MeterKey>, PoolError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let (node, limit) = (self.node.uuid(), i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = match self.others {
            OtherNodes::Gone => {
                let statement = transaction.prepare_cached(DELETE_OTHERS).await?;
                transaction.query(&statement, &[&node, &limit]).await?
            }
            OtherNodes::Leased(lease) => {
                let statement = transaction.prepare_cached(DELETE_DEAD).await?;
                transaction.query(&statement, &[&node, &limit, &lease.as_secs_f64()]).await?
            }
        };
        let keys: Vec<MeterKey> = rows.iter().flat_map(|row| refund_of(row.get(0), row.get(1))).collect();
        give_back(&transaction, &keys).await?;
        transaction.commit().await?;
        Ok(keys)
    }
}

async fn run(
    transaction: &Transaction<'_>,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<u64, PoolError> {
    let statement = transaction.prepare_cached(sql).await?;
    Ok(transaction.execute(&statement, values).await?)
}

/// What the meters stand at, locked: first those that are there, then the new ones, as the journal's lanes do.
async fn lock(transaction: &Transaction<'_>, keys: &[MeterKey]) -> Result<Used, PoolError> {
    let columns = MeterColumns::of(keys.iter().map(|key| (*key, 0)));
    let statement = transaction.prepare_cached(LOCK_USAGE).await?;
    let mut rows = transaction.query(&statement, &columns.keys()).await?;
    if rows.len() < columns.users.len() {
        run(transaction, INSERT_USAGE, &columns.keys()).await?;
        rows = transaction.query(&statement, &columns.keys()).await?;
    }
    let used = |row: &tokio_postgres::Row| {
        let user: Uuid = row.get(0);
        (meter_key(user, row.get(1), row.get(2), row.get(3)), row.get::<_, i32>(4).cast_unsigned())
    };
    Ok(rows.iter().map(used).collect())
}

async fn write(transaction: &Transaction<'_>, used: Used) -> Result<(), PoolError> {
    let columns = MeterColumns::of(used.into_iter());
    run(transaction, UPDATE_USAGE, &columns.parameters()).await?;
    Ok(())
}

async fn give_back(transaction: &Transaction<'_>, keys: &[MeterKey]) -> Result<(), PoolError> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut used = lock(transaction, keys).await?;
    for key in keys {
        let used = used.entry(*key).or_default();
        *used = used.saturating_sub(1);
    }
    write(transaction, used).await
}

impl Charges for PostgresCharges {
    fn charge(&self, charge: Charge) -> BoxFuture<'_, Result<Charged, StoreError>> {
        async move { self.count(&charge).await.map_err(|error| store_error(&error)) }.boxed()
    }

    fn close(&self, closing: Closing) -> BoxFuture<'_, Result<Vec<MeterKey>, StoreError>> {
        async move { self.end(&closing).await.map_err(|error| store_error(&error)) }.boxed()
    }

    fn of_dead_nodes(&self, limit: usize) -> BoxFuture<'_, Result<Vec<MeterKey>, StoreError>> {
        async move { self.dead(limit).await.map_err(|error| store_error(&error)) }.boxed()
    }
}
