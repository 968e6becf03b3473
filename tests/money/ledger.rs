//! Credits: exact under any order of things, and against the database itself.

mod concurrent;
mod rest;
mod rules;
mod walk;

use std::time::Duration;

use greenroom::billing::Ledger;
use greenroom::billing::ledger::{BalanceView, Note, Order};
use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::RefusalCode;

use crate::support::database::TestDatabase;

const LONG: Duration = Duration::from_secs(3_600);

/// A ledger on a database of its own.
struct House {
    database: TestDatabase,
    ledger: Ledger,
}

impl House {
    async fn open() -> Self {
        let database = TestDatabase::create().await;
        let ledger = Ledger::new(database.pool());
        Self { database, ledger }
    }

    async fn grant(&self, user: UserId, amount: i64) {
        let key = format!("grant:{}", uuid::Uuid::now_v7());
        self.ledger.record(user, &Order::Grant { amount }, &note(&key)).await.unwrap();
    }

    async fn balance(&self, user: UserId) -> BalanceView {
        self.ledger.balance(user).await.unwrap()
    }

    async fn is_right(&self) {
        assert_eq!(self.ledger.verify().await.unwrap().faults, Vec::<String>::new());
    }
}

fn note(key: &str) -> Note<'_> {
    Note { key, ..Note::default() }
}

/// The code of a refusal.
fn code<T: std::fmt::Debug>(result: Result<T, greenroom_actors::protocol::Refusal>) -> RefusalCode {
    result.unwrap_err().code
}
