//! `greenroom seed`: the demo accounts and the characters; with `--clean` they go; with `--load` a crowd for the load generator.
//!
//! The crowd's ids are by number, so that a load generator that signs its own tokens knows them: user k is
//! `00000000-0000-7000-8000-<k>`, room r `00000000-0000-7001-8000-<r>` with the members `r*M … r*M+M-1` (modulo the users),
//! the character `00000000-0000-7002-8000-000000000000`; numbers are twelve hexadecimal digits.

use std::process::ExitCode;

use clap::Args;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::config::Config;

#[derive(Debug, Args)]
pub struct Seed {
    /// Take away what seeding made: demo accounts, the crowd, and the characters that no conversation uses.
    #[arg(long, conflicts_with = "load")]
    clean: bool,
    /// Make so many users for load tests, without passwords.
    #[arg(long, value_name = "USERS")]
    load: Option<u32>,
    /// Rooms of the crowd.
    #[arg(long, value_name = "ROOMS", default_value_t = 0, requires = "load")]
    rooms: u32,
    /// Members of each such room.
    #[arg(long, value_name = "MEMBERS", default_value_t = 1, requires = "load")]
    members: u32,
    /// Plan of the crowd.
    #[arg(long, value_name = "PLAN", default_value = "free", requires = "load")]
    plan: String,
}

const CROWD: &str = "
    INSERT INTO users (id, username, username_key, display_name, plan, seeded)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(k), 12, '0'))::uuid, 'load-' || k, 'load-' || k, 'Load ' || k, $2, true
    FROM generate_series(0, $1::bigint - 1) k
    ON CONFLICT (id) DO UPDATE SET plan = excluded.plan";
const CHARACTER: &str = "
    INSERT INTO characters (id, slug, name, tagline, description, category, color, greeting, personality, seeded, deleted_at)
    VALUES ($1, 'load-test', 'Load', 'For load tests.', 'Answers under load.', 'test', '#345e4a', 'Hello.', 'terse', true, NULL)
    ON CONFLICT (id) DO NOTHING";
const ROOMS: &str = "
    INSERT INTO rooms (id, slug, title, owner_id)
    SELECT ('00000000-0000-7001-8000-' || lpad(to_hex(r), 12, '0'))::uuid, 'load-' || r, 'Load ' || r,
        ('00000000-0000-7000-8000-' || lpad(to_hex((r * $2::bigint) % $3::bigint), 12, '0'))::uuid
    FROM generate_series(0, $1::bigint - 1) r
    ON CONFLICT (id) DO NOTHING";
const HEADS: &str = "
    INSERT INTO heads (room_id)
    SELECT ('00000000-0000-7001-8000-' || lpad(to_hex(r), 12, '0'))::uuid FROM generate_series(0, $1::bigint - 1) r
    ON CONFLICT (room_id) DO NOTHING";
const MEMBERS: &str = "
    INSERT INTO room_members (room_id, user_id)
    SELECT ('00000000-0000-7001-8000-' || lpad(to_hex(r), 12, '0'))::uuid,
        ('00000000-0000-7000-8000-' || lpad(to_hex((r * $2::bigint + m) % $3::bigint), 12, '0'))::uuid
    FROM generate_series(0, $1::bigint - 1) r, generate_series(0, $2::bigint - 1) m
    ON CONFLICT DO NOTHING";
const CASTS: &str = "
    INSERT INTO room_characters (room_id, character_id, position)
    SELECT ('00000000-0000-7001-8000-' || lpad(to_hex(r), 12, '0'))::uuid, $2, 0 FROM generate_series(0, $1::bigint - 1) r
    ON CONFLICT DO NOTHING";

pub async fn run(config: Config, seed: Seed) -> anyhow::Result<ExitCode> {
    let database = super::open(&config).await?;
    database.migrate().await?;
    let pool = database.pool();
    let said = if seed.clean {
        crate::app::unseed(&pool).await?
    } else if let Some(users) = seed.load {
        anyhow::ensure!(config.plans.contains_key(&seed.plan), "there is no plan `{}`", seed.plan);
        anyhow::ensure!(users > 0 && seed.members > 0, "a crowd has users, and rooms have members");
        let mut client = pool.get().await?;
        crowd(&mut client, users, &seed).await?;
        format!("{users} users, {} rooms of {}", seed.rooms, seed.members)
    } else {
        crate::app::seed(&config, &pool).await?
    };
    println!("{said}");
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn crowd(client: &mut Client, users: u32, seed: &Seed) -> anyhow::Result<()> {
    let character = Uuid::from_u64_pair(0x0000_0000_0000_7002, 0x8000_0000_0000_0000);
    let (users, rooms, members) = (i64::from(users), i64::from(seed.rooms), i64::from(seed.members));
    let transaction = client.transaction().await?;
    // More than a request may take: a crowd is large.
    transaction.batch_execute("SET LOCAL statement_timeout = '10min'").await?;
    transaction.execute(CROWD, &[&users, &seed.plan]).await?;
    transaction.execute(CHARACTER, &[&character]).await?;
    transaction.execute(ROOMS, &[&rooms, &members, &users]).await?;
    transaction.execute(HEADS, &[&rooms]).await?;
    transaction.execute(MEMBERS, &[&rooms, &members, &users]).await?;
    transaction.execute(CASTS, &[&rooms, &character]).await?;
    transaction.commit().await?;
    client.batch_execute("VACUUM ANALYZE users, rooms, heads, room_members, room_characters").await?;
    Ok(())
}
