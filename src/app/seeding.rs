//! What a server of one's own starts with: demo accounts (in development only), the first admin, the characters.

use deadpool_postgres::Pool;

use super::stubs::Accounts;
use crate::characters::{Characters, seed_characters};
use crate::config::Config;

/// Makes what is missing and says so. Safe to repeat.
pub async fn seed(config: &Config, pool: &Pool) -> anyhow::Result<String> {
    let accounts = Accounts::seed(config, pool).await?;
    let characters = Characters::new(pool.clone()).seed(&seed_characters()?).await?;
    Ok(format!("{accounts}; characters: {characters:?}"))
}

/// Takes away what seeding made and nobody uses.
pub async fn unseed(pool: &Pool) -> anyhow::Result<String> {
    let accounts = Accounts::unseed(pool).await?;
    let characters = Characters::new(pool.clone()).unseed().await?;
    Ok(format!("{accounts} accounts and {characters} characters are gone"))
}
