//! What calls to models took: counted once whoever writes meanwhile, told to admins, kept and forgotten; answers that are
//! kept; what a call would cost, and how a character is tried.

mod answers;
mod estimating;
mod reading;
mod rolling;
mod trying;

use std::sync::Arc;
use std::time::Duration;

use greenroom::ai::AiUsage;
use greenroom_actors::domain::{AiCall, BackEnd, CallOutcome, Counted, Price, Purpose, TokenUsage};
use uuid::Uuid;

use crate::support::database::TestDatabase;
use crate::support::provider;

const KEEP_DAYS: u32 = 90;

fn accounts(database: &TestDatabase) -> AiUsage {
    AiUsage::new(database.pool(), KEEP_DAYS)
}

/// One that costs 100 + 40 micro-dollars.
fn call(model: &str, purpose: Purpose) -> AiCall {
    let price = Price { input: 1_000_000, cached_input: 1_000_000, output: 2_000_000 };
    AiCall {
        id: Uuid::now_v7(),
        back_end: Arc::new(BackEnd { provider: "house".into(), model: model.into(), price }),
        purpose,
        outcome: CallOutcome::Done,
        usage: TokenUsage { prompt_tokens: 100, completion_tokens: 20, cached_tokens: 10 },
        counted: Counted::ByProvider,
        first_token: Some(Duration::from_millis(30)),
        took: Duration::from_millis(400),
    }
}

async fn number(database: &TestDatabase, sql: &str) -> i64 {
    let client = database.pool().get().await.unwrap();
    client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

async fn execute(database: &TestDatabase, sql: &str) -> u64 {
    let client = database.pool().get().await.unwrap();
    client.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}
