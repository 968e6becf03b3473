//! The SQL of counting readers.

use deadpool_postgres::{Client, GenericClient};
use jiff::civil::Date;
use uuid::Uuid;

use crate::accounts::random_hex;
use crate::postgres::{Stored, execute, query};

const MAKE_SALT: &str = "insert into reader_salts (day, salt) values ($1, $2) on conflict do nothing";
const SALT: &str = "select salt from reader_salts where day = $1";

/// The day's salt; all nodes have the same.
pub async fn salt(client: &impl GenericClient, day: Date) -> Stored<Vec<u8>> {
    let own = random_hex::<32>().into_bytes();
    execute(client, MAKE_SALT, &[&day, &own]).await?;
    Ok(query(client, SALT, &[&day]).await?.first().map_or(own, |row| row.get(0)))
}

// Rooms that are gone, or private again, have no readers.
const COUNT: &str = "
with seen as (
    insert into room_readers (room_id, day, reader)
    select s.room_id, $1, s.reader
    from unnest($2::uuid[], $3::bytea[]) with ordinality as s(room_id, reader, place)
    join rooms r on r.id = s.room_id and r.deleted_at is null and r.visibility <> 'private'
    order by s.place on conflict do nothing returning room_id
)
insert into publications as p (room_id, views)
select room_id, count(*) from seen group by room_id order by room_id
on conflict (room_id) do update set views = p.views + excluded.views";

/// Counts those who had not been counted that day. Safe to repeat.
pub async fn count(client: &mut Client, day: Date, readers: &[(Uuid, Vec<u8>)]) -> Stored<u64> {
    let rooms: Vec<Uuid> = readers.iter().map(|(room, _)| *room).collect();
    let hashes: Vec<&[u8]> = readers.iter().map(|(_, hash)| &hash[..]).collect();
    execute(client, COUNT, &[&day, &rooms, &hashes]).await
}

const FORGET: &str = "delete from room_readers where day < (now() at time zone 'utc')::date - $1::int";
const FORGET_SALTS: &str = "delete from reader_salts where day < (now() at time zone 'utc')::date - $1::int";

/// Forgets the readers of days that are so many days gone.
pub async fn forget(client: &impl GenericClient, days: i32) -> Stored<()> {
    execute(client, FORGET, &[&days]).await?;
    execute(client, FORGET_SALTS, &[&days]).await?;
    Ok(())
}
