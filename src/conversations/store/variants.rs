//! The variants of replies.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::Finish;
use jiff::Timestamp;
use uuid::Uuid;

use crate::postgres::{Stored, query, rows};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVariant {
    pub index: u16,
    pub content: String,
    pub finish: Finish,
    pub created_at: Timestamp,
}

const VARIANTS: &str = r#"select message_id, "index", content, finish, created_at from variants
    where message_id = any($1) order by message_id, "index""#;

/// All variants of these messages, by message, each in their order.
pub async fn variants(
    client: &impl GenericClient,
    messages: &[Uuid],
) -> Stored<HashMap<Uuid, Vec<StoredVariant>>> {
    let mut found: HashMap<Uuid, Vec<StoredVariant>> = HashMap::new();
    if messages.is_empty() {
        return Ok(found);
    }
    for row in query(client, VARIANTS, &[&messages]).await? {
        found.entry(row.get(0)).or_default().push(StoredVariant {
            index: row.get::<_, i16>(1).cast_unsigned(),
            content: row.get(2),
            finish: rows::finish(row.get(3)),
            created_at: row.get(4),
        });
    }
    Ok(found)
}
