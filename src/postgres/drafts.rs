//! Drafts of running replies on Postgres: one statement for many turns, on a connection of its own.
//!
//! It locks turns alone, in the order of their ids, and passes over those that somebody holds, so it waits for nobody and
//! nobody waits for it in a circle. A crash of the database may cost the last of them: nothing else hangs on a draft.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::{BackEnd, CallOutcome, Counted, Price, TokenUsage};
use greenroom_actors::ports::{Draft, DraftCall, DraftStore, NewDraft, StoreError};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_postgres::types::Json;
use tokio_postgres::{Client, Error, Row, Statement};
use uuid::Uuid;

use super::connect::Connector;
use super::error::describe;

/// Lost with the database at most: what is written within a few hundred milliseconds.
const SETTINGS: &str = "SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan; SET jit = off; \
                        SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off";

const WRITE: &str = "WITH held AS MATERIALIZED (
        SELECT t.id, w.d, w.s, w.c FROM unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::jsonb[]) AS w(i, f, d, s, c)
        JOIN turns t ON t.id = w.i WHERE t.state = 0 AND t.fence = w.f
        ORDER BY t.id FOR NO KEY UPDATE OF t SKIP LOCKED)
    UPDATE turns t SET draft = held.d, draft_shown = held.s, draft_calls = held.c FROM held WHERE t.id = held.id";

/// What [`draft`] reads of `turns t`.
pub(super) const DRAFT_COLUMNS: &str = "t.draft, t.draft_shown, t.draft_calls";

/// Writes drafts; connects when first used, and again after each error.
pub struct PostgresDrafts {
    connector: Connector,
    connection: Mutex<Option<Connection>>,
}

struct Connection {
    client: Client,
    write: Statement,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl PostgresDrafts {
    #[must_use]
    pub fn new(connector: &Connector) -> Self {
        Self { connector: connector.with_setup("drafts", SETTINGS), connection: Mutex::default() }
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let (client, driver) = self.connector.connect().await?;
        let write = client.prepare(WRITE).await?;
        Ok(Connection { client, write, driver })
    }

    async fn store(&self, columns: &Columns) -> Result<(), Error> {
        let mut kept = self.connection.lock().await;
        // Taken out: what fails, or is given up halfway, takes its connection along.
        let connection = match kept.take() {
            Some(connection) if !connection.client.is_closed() => connection,
            _ => self.connect().await?,
        };
        let Columns { ids, fences, texts, shown, calls } = columns;
        connection.client.execute(&connection.write, &[ids, fences, texts, shown, calls]).await?;
        *kept = Some(connection);
        Ok(())
    }
}

impl DraftStore for PostgresDrafts {
    fn write(&self, drafts: Vec<NewDraft>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let columns = Columns::of(drafts);
            self.store(&columns).await.map_err(|error| match error.as_db_error() {
                Some(_) => StoreError::Failed(describe(&error)),
                None => StoreError::Unavailable,
            })
        }
        .boxed()
    }
}

#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    fences: Vec<i32>,
    texts: Vec<String>,
    shown: Vec<i32>,
    calls: Vec<Json<Vec<StoredCall>>>,
}

impl Columns {
    fn of(drafts: Vec<NewDraft>) -> Self {
        let mut columns = Self::default();
        for NewDraft { turn, fence, draft } in drafts {
            columns.ids.push(turn.uuid());
            columns.fences.push(fence);
            // What Postgres cannot store is left out of replies too.
            columns.texts.push(draft.text.replace('\0', ""));
            columns.shown.push(i32::try_from(draft.shown).unwrap_or(i32::MAX));
            columns.calls.push(Json(draft.calls.into_iter().map(StoredCall::from).collect()));
        }
        columns
    }
}

/// What is kept of a turn, from the column `at` on. What cannot be read counts as nothing: the reply begins anew then.
pub(super) fn draft(row: &Row, at: usize) -> Option<Draft> {
    let text: String = row.get::<_, Option<String>>(at)?;
    let calls = row.try_get::<_, Option<Json<Vec<StoredCall>>>>(at + 2).ok().flatten();
    Some(Draft {
        text,
        shown: usize::try_from(row.get::<_, i32>(at + 1)).unwrap_or_default(),
        calls: calls.map(|Json(calls)| calls.into_iter().map(DraftCall::from).collect()).unwrap_or_default(),
    })
}

/// A call of a draft, as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredCall {
    id: Uuid,
    provider: String,
    model: String,
    /// Micro-dollars per million tokens: in, cached, out.
    price: [u64; 3],
    /// `done` and so on; none for one that was under way.
    ended: Option<String>,
    prompt: u32,
    completion: u32,
    cached: u32,
    counted_here: bool,
    first_token_ms: Option<u64>,
    took_ms: u64,
}

const OUTCOMES: [CallOutcome; 4] =
    [CallOutcome::Done, CallOutcome::Stopped, CallOutcome::Failed, CallOutcome::Cached];

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl From<DraftCall> for StoredCall {
    fn from(call: DraftCall) -> Self {
        let Price { input, cached_input, output } = call.back_end.price;
        Self {
            id: call.id,
            provider: call.back_end.provider.to_string(),
            model: call.back_end.model.to_string(),
            price: [input, cached_input, output],
            ended: call.ended.map(|outcome| outcome.as_str().to_owned()),
            prompt: call.usage.prompt_tokens,
            completion: call.usage.completion_tokens,
            cached: call.usage.cached_tokens,
            counted_here: call.counted == Counted::Here,
            first_token_ms: call.first_token.map(millis),
            took_ms: millis(call.took),
        }
    }
}

impl From<StoredCall> for DraftCall {
    fn from(call: StoredCall) -> Self {
        let [input, cached_input, output] = call.price;
        let back_end = BackEnd {
            provider: call.provider.into(),
            model: call.model.into(),
            price: Price { input, cached_input, output },
        };
        let outcome = |text: String| OUTCOMES.into_iter().find(|one| one.as_str() == text);
        Self {
            id: call.id,
            back_end: back_end.into(),
            ended: call.ended.and_then(outcome),
            usage: TokenUsage {
                prompt_tokens: call.prompt,
                completion_tokens: call.completion,
                cached_tokens: call.cached,
            },
            counted: if call.counted_here { Counted::Here } else { Counted::ByProvider },
            first_token: call.first_token_ms.map(Duration::from_millis),
            took: Duration::from_millis(call.took_ms),
        }
    }
}
