//! The accounts of calls to models: one row a call, added in the transaction that ends what it was made for, or on its own
//! where it was made for nothing that is stored.

use std::time::Duration;

use greenroom_actors::domain::{AiCall, CharacterId, Counted, MessageId, RoomId, UserId};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, GenericClient};
use uuid::Uuid;

/// Adds the rows of [`CallColumns`]; one that is there already stays as it is.
pub(super) const INSERT: &str =
    "INSERT INTO ai_calls (id, purpose, outcome, provider, model, user_id, character_id, room_id, turn_id,
        prompt_tokens, completion_tokens, cached_tokens, counted_here, cost_micros, first_token_ms, took_ms)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::uuid[],
        $9::uuid[], $10::int[], $11::int[], $12::int[], $13::boolean[], $14::bigint[], $15::int[], $16::int[])
    ON CONFLICT (id) DO NOTHING";

/// Whom and what a call is accounted to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    pub user: Option<UserId>,
    pub character: Option<CharacterId>,
    pub room: Option<RoomId>,
    /// The reply that it was made for.
    pub turn: Option<MessageId>,
}

/// Adds calls that belong to no turn's end, in the caller's transaction or on their own.
pub async fn record(client: &impl GenericClient, account: Account, calls: &[AiCall]) -> Result<(), Error> {
    if calls.is_empty() {
        return Ok(());
    }
    let columns = CallColumns::of(calls.iter().map(|call| (account, call)));
    client.execute(INSERT, &columns.parameters()).await?;
    Ok(())
}

/// The same for calls of different accounts, in one statement.
pub async fn record_each(client: &impl GenericClient, calls: &[(Account, AiCall)]) -> Result<(), Error> {
    if calls.is_empty() {
        return Ok(());
    }
    let columns = CallColumns::of(calls.iter().map(|(account, call)| (*account, call)));
    client.execute(INSERT, &columns.parameters()).await?;
    Ok(())
}

#[derive(Default)]
pub(super) struct CallColumns<'a> {
    pub ids: Vec<Uuid>,
    purposes: Vec<&'static str>,
    outcomes: Vec<&'static str>,
    providers: Vec<&'a str>,
    models: Vec<&'a str>,
    users: Vec<Option<Uuid>>,
    characters: Vec<Option<Uuid>>,
    rooms: Vec<Option<Uuid>>,
    turns: Vec<Option<Uuid>>,
    prompt_tokens: Vec<i32>,
    completion_tokens: Vec<i32>,
    cached_tokens: Vec<i32>,
    counted_here: Vec<bool>,
    costs: Vec<i64>,
    first_tokens: Vec<Option<i32>>,
    took: Vec<i32>,
}

impl<'a> CallColumns<'a> {
    pub(super) fn of(calls: impl Iterator<Item = (Account, &'a AiCall)>) -> Self {
        let mut columns = Self::default();
        for (account, call) in calls {
            columns.ids.push(call.id);
            columns.purposes.push(call.purpose.as_str());
            columns.outcomes.push(call.outcome.as_str());
            columns.providers.push(&call.back_end.provider);
            columns.models.push(&call.back_end.model);
            columns.users.push(account.user.map(UserId::uuid));
            columns.characters.push(account.character.map(CharacterId::uuid));
            columns.rooms.push(account.room.map(RoomId::uuid));
            columns.turns.push(account.turn.map(MessageId::uuid));
            columns.prompt_tokens.push(count(call.usage.prompt_tokens));
            columns.completion_tokens.push(count(call.usage.completion_tokens));
            columns.cached_tokens.push(count(call.usage.cached_tokens));
            columns.counted_here.push(call.counted == Counted::Here);
            columns.costs.push(i64::try_from(call.cost_micros()).unwrap_or(i64::MAX));
            columns.first_tokens.push(call.first_token.map(millis));
            columns.took.push(millis(call.took));
        }
        columns
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 16] {
        [
            &self.ids,
            &self.purposes,
            &self.outcomes,
            &self.providers,
            &self.models,
            &self.users,
            &self.characters,
            &self.rooms,
            &self.turns,
            &self.prompt_tokens,
            &self.completion_tokens,
            &self.cached_tokens,
            &self.counted_here,
            &self.costs,
            &self.first_tokens,
            &self.took,
        ]
    }
}

fn count(tokens: u32) -> i32 {
    i32::try_from(tokens).unwrap_or(i32::MAX)
}

fn millis(span: Duration) -> i32 {
    i32::try_from(span.as_millis()).unwrap_or(i32::MAX)
}
