//! The SQL of one-time passwords: the one code of a number and purpose, and when codes went out.
//!
//! Times are the database's clock at the moment of the statement, never that of the transaction's start: whoever has
//! waited for a lock must not judge by what was so before.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::UserId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::decide::Kept;
use super::{Mobile, Purpose};
use crate::postgres::{Stored, execute, query, query_opt};

/// What is kept beside a code until it is proved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignUp {
    /// The address that asked for the code.
    pub from: String,
    pub name: Option<String>,
    pub password_hash: Option<String>,
}

impl SignUp {
    fn read(value: Option<Value>) -> Self {
        value.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
    }
}

/// How a number stands, by the database's clock.
pub struct Sends {
    pub now: Timestamp,
    /// Those of the last hour, the newest first.
    pub sent: Vec<Timestamp>,
    /// Who asked for the code that is still good, if there is one.
    pub pending_from: Option<String>,
}

const LOCK: &str = "select pg_advisory_xact_lock(hashtextextended('otp ' || $1, 0))";
const SENDS: &str = "select clock_timestamp() as now,
    array(select sent_at from otp_sends where mobile = $1 and sent_at > clock_timestamp() - interval '1 hour'
        order by sent_at desc limit $3) as sent,
    (select coalesce(sign_up ->> 'from', '') from otp_codes where mobile = $1 and purpose = $2
        and used_at is null and expires_at > clock_timestamp()) as pending_from";

/// Makes all who send to this number, on any node, come one after the other until the transaction ends.
pub async fn lock_sends(client: &impl GenericClient, mobile: &Mobile) -> Stored<()> {
    query(client, LOCK, &[&mobile.as_str()]).await.map(drop)
}

pub async fn sends(
    client: &impl GenericClient,
    mobile: &Mobile,
    purpose: Purpose,
    most: u32,
) -> Stored<Sends> {
    let rows = query(client, SENDS, &[&mobile.as_str(), &purpose.as_str(), &i64::from(most)]).await?;
    let row = &rows[0];
    Ok(Sends { now: row.get("now"), sent: row.get("sent"), pending_from: row.get("pending_from") })
}

const KEEP: &str = "insert into otp_codes (mobile, purpose, hash, expires_at, sign_up, created_at)
    values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4), $5, clock_timestamp())
    on conflict (mobile, purpose) do update set hash = excluded.hash, tries = 0, expires_at = excluded.expires_at,
        used_at = null, sign_up = excluded.sign_up, created_at = excluded.created_at
    returning expires_at";
const SENT: &str = "insert into otp_sends (mobile, sent_at) values ($1, clock_timestamp())";

/// Notes that a code goes to this number now.
pub async fn note_send(client: &impl GenericClient, mobile: &Mobile) -> Stored<()> {
    execute(client, SENT, &[&mobile.as_str()]).await.map(drop)
}

/// Puts a code in the place of the one before; answers until when it holds.
pub async fn keep(
    client: &impl GenericClient,
    mobile: &Mobile,
    purpose: Purpose,
    hash: &[u8],
    ttl_s: u32,
    sign_up: &SignUp,
) -> Stored<Timestamp> {
    let sign_up = serde_json::to_value(sign_up).unwrap_or_default();
    let ttl_s = f64::from(ttl_s);
    let rows = query(client, KEEP, &[&mobile.as_str(), &purpose.as_str(), &hash, &ttl_s, &sign_up]).await?;
    Ok(rows[0].get(0))
}

/// A code with the guess that was just counted, locked until the transaction ends.
pub struct Counted {
    pub hash: Vec<u8>,
    pub kept: Kept,
    pub sign_up: SignUp,
    pub now: Timestamp,
}

// A number without a code gets a row that is over already: its guesses are counted by the same statement, and take as
// long, as those of any other.
const COUNT: &str = "insert into otp_codes (mobile, purpose, hash, tries, expires_at)
    values ($1, $2, '\\x', 1, clock_timestamp())
    on conflict (mobile, purpose) do update set tries = least(otp_codes.tries + 1, 32767)
    returning hash, tries, expires_at, used_at is not null as used, sign_up, clock_timestamp() as judged_at";

/// Counts a guess. Guesses of one number come one after the other.
pub async fn count_guess(client: &impl GenericClient, mobile: &Mobile, purpose: Purpose) -> Stored<Counted> {
    let rows = query(client, COUNT, &[&mobile.as_str(), &purpose.as_str()]).await?;
    let row = &rows[0];
    let tries: i16 = row.get("tries");
    let kept = Kept {
        tries: u32::try_from(tries).unwrap_or(u32::MAX),
        expires_at: row.get("expires_at"),
        used: row.get("used"),
    };
    Ok(Counted {
        hash: row.get("hash"),
        kept,
        sign_up: SignUp::read(row.get("sign_up")),
        now: row.get("judged_at"),
    })
}

/// The code is good no more; what waited for it goes.
pub async fn use_up(client: &impl GenericClient, mobile: &Mobile, purpose: Purpose) -> Stored<()> {
    let sql = "update otp_codes set used_at = clock_timestamp(), sign_up = null
        where mobile = $1 and purpose = $2";
    execute(client, sql, &[&mobile.as_str(), &purpose.as_str()]).await.map(drop)
}

/// The code that may still be guessed: until when, and the guesses it has had.
pub async fn pending(
    client: &impl GenericClient,
    mobile: &Mobile,
    purpose: Purpose,
) -> Stored<Option<(Timestamp, u32)>> {
    let sql = "select expires_at, tries from otp_codes
        where mobile = $1 and purpose = $2 and used_at is null and expires_at > clock_timestamp()";
    Ok(query_opt(client, sql, &[&mobile.as_str(), &purpose.as_str()]).await?.map(|row| {
        let tries: i16 = row.get("tries");
        (row.get("expires_at"), u32::try_from(tries).unwrap_or(u32::MAX))
    }))
}

/// Forgets codes that are over and sends that count no more; answers how many codes.
pub async fn sweep(client: &impl GenericClient) -> Stored<u64> {
    let codes = "delete from otp_codes where (mobile, purpose) in (select mobile, purpose from otp_codes
        where expires_at < now() - interval '1 hour' limit 10000 for update skip locked)";
    let sends = "delete from otp_sends where id in (
        select id from otp_sends where sent_at < now() - interval '2 hours' limit 10000)";
    let removed = execute(client, codes, &[]).await?;
    execute(client, sends, &[]).await?;
    Ok(removed)
}

/// Gives the number to an active account; answers whether it is one.
pub async fn set_mobile(client: &impl GenericClient, user: UserId, mobile: &Mobile) -> Stored<bool> {
    let sql = "update users set mobile = $2, updated_at = now()
        where id = $1 and blocked_at is null and deactivated_at is null";
    Ok(execute(client, sql, &[&user.uuid(), &mobile.as_str()]).await? > 0)
}
