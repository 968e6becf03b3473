//! How a character looks as columns, and back.

use std::sync::LazyLock;

use greenroom_actors::domain::{CharacterId, MessageKind, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

use crate::characters::Lorebook;
use crate::characters::access::{self, Access, FACE, Making, Visibility, face};
use crate::characters::draft::{AiChoice, CharacterDraft, Dials, ExampleLine, FullCharacter, ResponseCache};
use crate::characters::statistics::popularity;
use crate::characters::view::{CharacterStatistics, CharacterView};
use crate::conversations::view::wire_time;
use crate::postgres::rows;

/// Everything of a draft but its slug, in the order of [`Written::values`].
pub const WRITTEN: &str = "name, tagline, description, category, tags, avatar_url, color, greeting, \
    alternate_greetings, personality, scenario, tone, formality, humor, empathy, creativity, confidence, emoji, traits, \
    talkativeness, examples, knowledge, restricted_topics, lorebook, system_prompt, post_history, provider, model, \
    temperature, max_tokens, context_tokens, voice, premium, card, fallbacks, response_cache, reply_kind";
const WRITTEN_COUNT: usize = 37;

/// `$first, …`: a place for each of [`WRITTEN`].
pub fn places(first: usize) -> String {
    let places: Vec<String> = (first..first + WRITTEN_COUNT).map(|place| format!("${place}")).collect();
    places.join(", ")
}

/// The same columns of a table by its short name.
pub fn written_of(table: &str) -> String {
    let columns: Vec<String> = WRITTEN.split(", ").map(|name| format!("{table}.{name}")).collect();
    columns.join(", ")
}

/// A draft's values in the database's types.
pub struct Written<'a> {
    draft: &'a CharacterDraft,
    examples: Json<&'a [ExampleLine]>,
    lorebook: Json<&'a Lorebook>,
    max_tokens: i32,
    context_tokens: i32,
    response_cache: &'static str,
    reply_kind: i16,
}

impl<'a> Written<'a> {
    pub fn new(draft: &'a CharacterDraft) -> Self {
        let number = |tokens: u32| i32::try_from(tokens).unwrap_or(i32::MAX);
        Self {
            draft,
            examples: Json(&draft.examples),
            lorebook: Json(&draft.lorebook),
            max_tokens: number(draft.ai.max_tokens),
            context_tokens: number(draft.ai.context_tokens),
            response_cache: draft.ai.response_cache.as_str(),
            reply_kind: MessageKind::from(draft.reply_type) as i16,
        }
    }

    pub fn values(&self) -> [&(dyn ToSql + Sync); WRITTEN_COUNT] {
        let draft = self.draft;
        let (dials, ai) = (&draft.dials, &draft.ai);
        [
            &draft.name,
            &draft.tagline,
            &draft.description,
            &draft.category,
            &draft.tags,
            &draft.avatar_url,
            &draft.color,
            &draft.greeting,
            &draft.alternate_greetings,
            &draft.personality,
            &draft.scenario,
            &draft.tone,
            &dials.formality,
            &dials.humor,
            &dials.empathy,
            &dials.creativity,
            &dials.confidence,
            &dials.emoji,
            &draft.traits,
            &draft.talkativeness,
            &self.examples,
            &draft.knowledge,
            &draft.restricted_topics,
            &self.lorebook,
            &draft.system_prompt,
            &draft.post_history,
            &ai.provider,
            &ai.model,
            &ai.temperature,
            &self.max_tokens,
            &self.context_tokens,
            &draft.voice,
            &draft.premium,
            &draft.card,
            &ai.fallbacks,
            &self.response_cache,
            &self.reply_kind,
        ]
    }
}

/// How many [`FULL_COLUMNS`] are.
pub const FULL_COUNT: usize = 9 + WRITTEN_COUNT;
/// Columns of `characters c` that [`full`] reads: a whole record.
pub static FULL_COLUMNS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "c.id, c.version, c.created_at, c.updated_at, c.slug, {}, {}, c.appearance",
        written_of("c"),
        access::COLUMNS
    )
});

/// The same without the card that it came from: that is as large as all else together, many times over.
pub static CARDLESS_COLUMNS: LazyLock<String> =
    LazyLock::new(|| FULL_COLUMNS.replacen(" c.card,", " null::jsonb,", 1));

/// Who may see it, of [`access::COLUMNS`].
pub fn access(row: &Row, first: usize) -> Access {
    Access {
        owner: row.get::<_, Option<Uuid>>(first).map(UserId::from_uuid),
        visibility: Visibility::from_stored(row.get(first + 1)),
        making: Making::from_stored(row.get(first + 2)),
    }
}

pub fn full(row: &Row) -> FullCharacter {
    // What a person edited by hand in the database and got wrong costs the examples or the lorebook, not the character.
    let examples = row.try_get::<_, Json<Vec<ExampleLine>>>(25).map(|Json(lines)| lines).unwrap_or_default();
    let lorebook = row.try_get::<_, Json<Lorebook>>(28).map(|Json(book)| book).unwrap_or_default();
    FullCharacter {
        id: CharacterId::from_uuid(row.get(0)),
        version: row.get(1),
        created_at: row.get(2),
        updated_at: row.get(3),
        access: access(row, 5 + WRITTEN_COUNT),
        appearance: row.get(8 + WRITTEN_COUNT),
        draft: CharacterDraft {
            slug: Some(row.get(4)),
            name: row.get(5),
            tagline: row.get(6),
            description: row.get(7),
            category: row.get(8),
            tags: row.get(9),
            avatar_url: row.get(10),
            color: row.get(11),
            greeting: row.get(12),
            alternate_greetings: row.get(13),
            personality: row.get(14),
            scenario: row.get(15),
            tone: row.get(16),
            dials: dials(row, 17),
            traits: row.get(23),
            talkativeness: row.get(24),
            examples,
            knowledge: row.get(26),
            restricted_topics: row.get(27),
            lorebook,
            system_prompt: row.get(29),
            post_history: row.get(30),
            ai: AiChoice {
                provider: row.get(31),
                model: row.get(32),
                fallbacks: row.get(39),
                temperature: row.get(33),
                max_tokens: row.get::<_, i32>(34).cast_unsigned(),
                context_tokens: row.get::<_, i32>(35).cast_unsigned(),
                response_cache: ResponseCache::from_stored(row.get(40)),
            },
            voice: row.get(36),
            premium: row.get(37),
            card: row.get(38),
            reply_type: rows::message_kind(row.get(41)).into(),
        },
    }
}

fn dials(row: &Row, first: usize) -> Dials {
    Dials {
        formality: row.get(first),
        humor: row.get(first + 1),
        empathy: row.get(first + 2),
        creativity: row.get(first + 3),
        confidence: row.get(first + 4),
        emoji: row.get(first + 5),
    }
}

/// Columns of `characters c left join character_stats s` that [`public`] reads. Nothing that the public may not see is
/// even read.
pub static PUBLIC_COLUMNS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "c.id, c.version, c.slug, c.name, c.tagline, c.description, c.category, c.tags, \
    c.greeting, c.alternate_greetings, {FACE}, c.color, c.traits, c.tone, c.formality, c.humor, c.empathy, \
    c.creativity, c.confidence, c.emoji, c.talkativeness, c.voice, c.premium, c.created_at, c.updated_at, c.reply_kind, \
    coalesce(s.conversations, 0) as conversations, coalesce(s.messages, 0) as messages, \
    coalesce(s.ratings, 0) as ratings, coalesce(s.rating_sum, 0) as rating_sum, coalesce(s.views, 0) as views, \
    s.last_active_at, coalesce(s.heat, '-infinity') as heat, coalesce(s.rating_rank, 3) as rating_rank, now() as read_at, \
    (select half_life_s from character_rollup) as half_life_s"
    )
});
const PUBLIC_COUNT: usize = 26;
/// Columns of `character_stats s` that [`statistics`] reads.
pub const STATISTICS_COLUMNS: &str = "coalesce(s.conversations, 0), coalesce(s.messages, 0), \
    coalesce(s.ratings, 0), coalesce(s.rating_sum, 0), coalesce(s.views, 0), s.last_active_at, \
    coalesce(s.heat, '-infinity'), coalesce(s.rating_rank, 3), now(), (select half_life_s from character_rollup)";

pub fn public(row: &Row, first: usize) -> CharacterView {
    CharacterView {
        id: row.get(first),
        version: row.get(first + 1),
        slug: row.get(first + 2),
        name: row.get(first + 3),
        tagline: row.get(first + 4),
        description: row.get(first + 5),
        category: row.get(first + 6),
        tags: row.get(first + 7),
        greeting: row.get(first + 8),
        alternate_greetings: row.get(first + 9),
        avatar_url: face(row.get(first + 10)),
        color: row.get(first + 11),
        traits: row.get(first + 12),
        tone: row.get(first + 13),
        dials: dials(row, first + 14),
        talkativeness: row.get(first + 20),
        voice: row.get(first + 21),
        premium: row.get(first + 22),
        created_at: wire_time(row.get(first + 23)),
        updated_at: wire_time(row.get(first + 24)),
        reply_type: rows::message_kind(row.get(first + 25)).into(),
        statistics: statistics(row, first + PUBLIC_COUNT),
    }
}

pub fn statistics(row: &Row, first: usize) -> CharacterStatistics {
    let count = |at: usize| row.get::<_, i64>(first + at).unsigned_abs();
    let (ratings, sum) = (count(2), count(3));
    let last_active_at: Option<Timestamp> = row.get(first + 5);
    // Nothing was rolled up yet: nothing is popular.
    let half_life: Option<f64> = row.get(first + 9);
    let heat = row.get::<_, f64>(first + 6);
    CharacterStatistics {
        conversations: count(0),
        messages: count(1),
        ratings,
        rating: (ratings > 0).then(|| sum as f64 / ratings as f64),
        views: count(4),
        last_active_at: last_active_at.map(wire_time),
        popularity: half_life.map_or(0.0, |half_life| popularity(heat, row.get(first + 8), half_life)),
    }
}
