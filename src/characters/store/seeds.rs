//! Storing and taking away the characters that come with Greenroom.

use std::sync::LazyLock;

use deadpool_postgres::{Client, GenericClient};
use greenroom_actors::domain::CharacterId;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::rows::{self, Written};
use crate::characters::SeedReport;
use crate::characters::news::News;
use crate::characters::seed::SeedCharacter;
use crate::postgres::{Stored, execute, query};

// A character that an admin made or took over (`seeded` is false), or deleted, is left alone; one that stands as the
// file says is not written, so that its version and its live persona stay.
static SEED: LazyLock<String> = LazyLock::new(|| {
    format!(
        "insert into characters as c (id, slug, {written}, seeded) values ($1, $2, {places}, true)
         on conflict (slug) do update set ({written}) = ({excluded}), version = c.version + 1, updated_at = now()
         where c.seeded and c.deleted_at is null and ({stored}) is distinct from ({excluded})
         returning version = 1, id",
        written = rows::WRITTEN,
        places = rows::places(3),
        excluded = rows::written_of("excluded"),
        stored = rows::written_of("c"),
    )
});

/// All of them or none. Two servers that start at once wait for each other at the first slug.
pub async fn seed(client: &mut Client, characters: &[SeedCharacter]) -> Stored<SeedReport> {
    let mut in_order: Vec<&SeedCharacter> = characters.iter().collect();
    in_order.sort_by(|a, b| a.slug.cmp(&b.slug));
    let mut report = SeedReport::default();
    let transaction = client.transaction().await?;
    for character in in_order {
        let draft = character.draft();
        let (id, written) = (CharacterId::new().uuid(), Written::new(&draft));
        let mut values: Vec<&(dyn ToSql + Sync)> = vec![&id, &character.slug];
        values.extend(written.values());
        let rows = query(&transaction, &SEED, &values).await?;
        match rows.first().map(|row| (row.get(0), row.get::<_, Uuid>(1))) {
            Some((true, _)) => report.made += 1,
            Some((false, id)) => {
                report.changed += 1;
                // Servers that run beside this one have the older form in memory.
                super::notify(&transaction, News::Changed(CharacterId::from_uuid(id))).await?;
            }
            None => report.unchanged += 1,
        }
    }
    transaction.commit().await?;
    Ok(report)
}

// A conversation that was deleted still names its characters.
const UNSEED: &str = "delete from characters c where c.seeded
    and not exists (select from room_characters where character_id = c.id)
    and not exists (select from rooms where default_character_id = c.id)";

pub async fn unseed(client: &impl GenericClient) -> Stored<u64> {
    execute(client, UNSEED, &[]).await
}
