//! The SQL of the figures; how they count, and why exactly, stands in `insights`.

mod activity;
mod days;
mod limits;
mod overview;
mod reached;
mod roll_up;

use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

pub(super) use self::activity::{Source, activity};
pub use self::days::DayRow;
pub(super) use self::days::{Days, ShareRow, days, records};
pub(super) use self::limits::{Storage, names, storage_of_all};
pub(super) use self::overview::{Overview, overview, registered};
pub(super) use self::reached::{Reached, insert as insert_reached};
pub(super) use self::roll_up::{forget, roll_up, waiting};

/// All users together, in the sums' keys. As the user of what waits it is nobody.
pub(super) const ALL: Uuid = Uuid::nil();
const NIL: &str = "'00000000-0000-0000-0000-000000000000'::uuid";

/// What is summed, in the order of the columns.
const SUMS: &str =
    "messages, replies, calls, prompt_tokens, completion_tokens, cost_micros, credits_spent, credits_bought,
    credits_received, conversations, accounts";
/// They, summed up.
const SUMMED: &str = "coalesce(sum(messages), 0)::bigint as messages, coalesce(sum(replies), 0)::bigint as replies,
    coalesce(sum(calls), 0)::bigint as calls, coalesce(sum(prompt_tokens), 0)::bigint as prompt_tokens,
    coalesce(sum(completion_tokens), 0)::bigint as completion_tokens, coalesce(sum(cost_micros), 0)::bigint as cost_micros,
    coalesce(sum(credits_spent), 0)::bigint as credits_spent, coalesce(sum(credits_bought), 0)::bigint as credits_bought,
    coalesce(sum(credits_received), 0)::bigint as credits_received,
    coalesce(sum(conversations), 0)::bigint as conversations, coalesce(sum(accounts), 0)::bigint as accounts";
/// That somebody said something or was answered.
const WAS_ACTIVE: &str = "(messages > 0 or replies > 0 or calls > 0)";

/// A column of JSON that a statement here has built.
fn json<T: DeserializeOwned>(row: &Row, column: usize) -> T {
    let Json(value) = row.get(column);
    value
}
