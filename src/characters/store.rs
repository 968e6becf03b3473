//! The SQL of characters.

use deadpool_postgres::{Client, GenericClient};
use greenroom_actors::domain::CharacterId;
use serde_json::json;
use tokio_postgres::Row;
use uuid::Uuid;

use super::cursor::Position;
use super::seed::SeedCharacter;
use super::{CastMember, CharacterFilter, CharacterView, SeedReport};
use crate::postgres::{Stored, containing, query};

pub struct CharacterPage {
    pub characters: Vec<CharacterView>,
    /// All that the filter lets through.
    pub total: i64,
}

// `$3` is a pattern with its wildcards escaped. The count comes with the page, also when that is empty.
const LIST: &str = r"
with fitting as (
    select id, slug, name, tagline, description, category, tags, greeting, avatar_url, color
    from characters
    where deleted_at is null
      and ($1::text is null or lower(category) = lower($1))
      and ($2::text is null or exists (select from unnest(tags) as tag where lower(tag) = lower($2)))
      and ($3::text is null or name ilike $3 or tagline ilike $3 or description ilike $3
           or exists (select from unnest(tags) as tag where tag ilike $3))
)
select total, page.*
from (select count(*) as total from fitting) counted
left join (
    select * from fitting
    where $4::text is null or (name, id) > ($4, $5::uuid)
    order by name, id limit $6 offset $7) page on true
order by page.name, page.id";

pub async fn list(
    client: &impl GenericClient,
    filter: &CharacterFilter,
    after: Option<&Position>,
    limit: i64,
    skip: i64,
) -> Stored<CharacterPage> {
    let pattern = filter.q.as_deref().map(containing);
    let name = after.map(|position| position.name.as_str());
    let id = after.map(|position| position.id);
    let rows =
        query(client, LIST, &[&filter.category, &filter.tag, &pattern, &name, &id, &limit, &skip]).await?;
    let total = rows.first().map_or(0, |row| row.get(0));
    let characters =
        rows.iter().filter(|row| row.get::<_, Option<Uuid>>(1).is_some()).map(|row| view(row, 1)).collect();
    Ok(CharacterPage { characters, total })
}

fn view(row: &Row, first: usize) -> CharacterView {
    CharacterView {
        id: row.get(first),
        slug: row.get(first + 1),
        name: row.get(first + 2),
        tagline: row.get(first + 3),
        description: row.get(first + 4),
        category: row.get(first + 5),
        tags: row.get(first + 6),
        greeting: row.get(first + 7),
        avatar_url: row.get(first + 8),
        color: row.get(first + 9),
    }
}

const BY_ID: &str = "select id, slug, name, tagline, description, category, tags, greeting, avatar_url, color
    from characters where id = $1 and deleted_at is null";
const BY_SLUG: &str =
    "select id, slug, name, tagline, description, category, tags, greeting, avatar_url, color
    from characters where slug = $1 and deleted_at is null";

pub async fn by_id(client: &impl GenericClient, id: CharacterId) -> Stored<Option<CharacterView>> {
    Ok(query(client, BY_ID, &[&id.uuid()]).await?.first().map(|row| view(row, 0)))
}

pub async fn by_slug(client: &impl GenericClient, slug: &str) -> Stored<Option<CharacterView>> {
    Ok(query(client, BY_SLUG, &[&slug]).await?.first().map(|row| view(row, 0)))
}

const CAST: &str = "select c.id, c.name, c.greeting
    from unnest($1::uuid[]) with ordinality as asked(id, position)
    join characters c on c.id = asked.id and c.deleted_at is null order by asked.position";

/// Those of `ids` that there are, in the same order.
pub async fn cast(client: &impl GenericClient, ids: &[CharacterId]) -> Stored<Vec<CastMember>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = query(client, CAST, &[&ids]).await?;
    let member = |row: &Row| CastMember {
        id: CharacterId::from_uuid(row.get(0)),
        name: row.get(1),
        greeting: row.get(2),
    };
    Ok(rows.iter().map(member).collect())
}

// A character that an admin made or took over (`seeded` is false), or deleted, is left alone; one that stands as the
// file says is not written, so that its version and its live persona stay.
const SEED: &str = "
insert into characters as c (id, slug, name, tagline, description, category, tags, color, greeting, personality,
    scenario, traits, examples, knowledge, talkativeness, temperature, seeded)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, true)
on conflict (slug) do update set
    name = excluded.name, tagline = excluded.tagline, description = excluded.description,
    category = excluded.category, tags = excluded.tags, color = excluded.color, greeting = excluded.greeting,
    personality = excluded.personality, scenario = excluded.scenario, traits = excluded.traits,
    examples = excluded.examples, knowledge = excluded.knowledge, talkativeness = excluded.talkativeness,
    temperature = excluded.temperature, version = c.version + 1, updated_at = now()
where c.seeded and c.deleted_at is null and
    (c.name, c.tagline, c.description, c.category, c.tags, c.color, c.greeting, c.personality, c.scenario, c.traits,
     c.examples, c.knowledge, c.talkativeness, c.temperature)
    is distinct from
    (excluded.name, excluded.tagline, excluded.description, excluded.category, excluded.tags, excluded.color,
     excluded.greeting, excluded.personality, excluded.scenario, excluded.traits, excluded.examples,
     excluded.knowledge, excluded.talkativeness, excluded.temperature)
returning version = 1";

/// All of them or none. Two servers that start at once wait for each other at the first slug.
pub async fn seed(client: &mut Client, characters: &[SeedCharacter]) -> Stored<SeedReport> {
    let mut in_order: Vec<&SeedCharacter> = characters.iter().collect();
    in_order.sort_by(|a, b| a.slug.cmp(&b.slug));
    let mut report = SeedReport::default();
    let transaction = client.transaction().await?;
    for character in in_order {
        let examples: Vec<_> = character
            .examples
            .iter()
            .map(|line| json!({"from": line.from.as_str(), "text": line.text}))
            .collect();
        let rows = query(
            &transaction,
            SEED,
            &[
                &CharacterId::new().uuid(),
                &character.slug,
                &character.name,
                &character.tagline,
                &character.description,
                &character.category,
                &character.tags,
                &character.color,
                &character.greeting,
                &character.personality,
                &character.scenario,
                &character.traits,
                &serde_json::Value::Array(examples),
                &character.knowledge,
                &character.talkativeness,
                &character.temperature,
            ],
        )
        .await?;
        match rows.first().map(|row| row.get(0)) {
            Some(true) => report.made += 1,
            Some(false) => report.changed += 1,
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
    let statement = client.prepare_cached(UNSEED).await?;
    Ok(client.execute(&statement, &[]).await?)
}
