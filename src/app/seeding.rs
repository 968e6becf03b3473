//! What a server of one's own starts with: demo accounts (in development only), the first admin, the characters.

use deadpool_postgres::Pool;

use crate::accounts::Accounts;
use crate::characters::{Characters, seed_characters};
use crate::config::Config;

/// Makes what is missing and says so. Safe to repeat, and by two nodes at once.
pub async fn seed(config: &Config, accounts: &Accounts, pool: &Pool) -> anyhow::Result<String> {
    let demo = if config.has_demo_accounts() { accounts.seed_demo().await? } else { 0 };
    let admin = u64::from(accounts.ensure_admin().await?);
    let characters = Characters::new(pool.clone()).seed(&seed_characters()?).await?;
    Ok(format!(
        "accounts made: {}; characters made: {}, brought up to date: {}",
        demo + admin,
        characters.made,
        characters.changed
    ))
}

/// Takes away what seeding made and nobody else uses.
pub async fn unseed(accounts: &Accounts, pool: &Pool) -> anyhow::Result<String> {
    let gone = accounts.clean_seeded().await?;
    let characters = gone.characters + Characters::new(pool.clone()).unseed().await?;
    Ok(format!("gone: {} accounts, {} rooms, {characters} characters", gone.users, gone.rooms))
}
