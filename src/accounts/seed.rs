//! Accounts that nobody signed up for: the first admin, the demo accounts, and crowds for load tests.

use std::fmt;

use deadpool_postgres::{Client, Pool};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use secrecy::ExposeSecret;

use super::{Accounts, NewUser, Passwords, Role, store};
use crate::config::Config;
use crate::error::FieldError;
use crate::postgres::refusal;

/// An account for trying things out, in development only.
#[derive(Clone, Copy, Debug)]
pub struct DemoAccount {
    pub email: &'static str,
    pub username: &'static str,
    pub display_name: &'static str,
    pub password: &'static str,
    pub role: Role,
    /// `None`: the default plan.
    pub plan: Option<&'static str>,
}

pub const DEMO_ACCOUNTS: [DemoAccount; 3] = [
    DemoAccount {
        email: "testuser1@example.com",
        username: "testuser1",
        display_name: "Test User",
        password: "TestPassword123!",
        role: Role::User,
        plan: None,
    },
    DemoAccount {
        email: "testadmin@example.com",
        username: "testadmin",
        display_name: "Test Admin",
        password: "AdminPassword123!",
        role: Role::Admin,
        plan: None,
    },
    DemoAccount {
        email: "premium@example.com",
        username: "premium",
        display_name: "Premium User",
        password: "PremiumPassword123!",
        role: Role::User,
        plan: Some("premium"),
    },
];

/// A crowd: users 0 to `users`-1, and rooms of which room r holds the users r*M to r*M+M-1, counted round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crowd {
    pub users: u32,
    pub rooms: u32,
    /// M: members of each room.
    pub members: u32,
    /// The users' plan.
    pub plan: String,
}

/// What seeding made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    pub users: u64,
    pub rooms: u64,
}

impl fmt::Display for Seeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} accounts made", self.users)?;
        if self.rooms > 0 { write!(f, ", {} rooms made", self.rooms) } else { Ok(()) }
    }
}

impl Accounts {
    /// Makes what is missing of the first admin, if the settings name one, and, in development only, of the demo
    /// accounts. Safe to repeat.
    pub async fn seed(config: &Config, pool: &Pool) -> Result<Seeded, Refusal> {
        let seeder = Seeder { client: client(pool).await?, passwords: Passwords::new(&config.auth) };
        let mut users = 0;
        if config.has_demo_accounts() {
            for demo in &DEMO_ACCOUNTS {
                let plan = demo.plan.unwrap_or(&config.default_plan);
                let new = NewUser::check(demo.email, demo.username, Some(demo.display_name), demo.password);
                users += u64::from(seeder.make_if_missing(new, demo.password, demo.role, plan, true).await?);
            }
        }
        let admin = &config.admin;
        if admin.is_set() {
            let password = admin.password.expose_secret();
            let new = NewUser::check(&admin.email, &admin.username, None, password);
            let made =
                seeder.make_if_missing(new, password, Role::Admin, &config.default_plan, false).await?;
            if made {
                tracing::info!(email = admin.email, "the first admin was made");
            }
            users += u64::from(made);
        }
        Ok(Seeded { users, rooms: 0 })
    }

    /// Removes the accounts that seeding made, with their rooms and all that was said in them; answers how many.
    pub async fn unseed(pool: &Pool) -> Result<u64, Refusal> {
        store::seed::clean(&mut client(pool).await?).await.map_err(|error| refusal(&error))
    }

    /// Makes a crowd for load tests; repeating it changes nothing but the users' plan. Its ids can be computed: user k
    /// is `00000000-0000-7000-8000-<k>`, room r `00000000-0000-7001-8000-<r>`, each number as twelve hexadecimal
    /// digits; the rooms' character is `00000000-0000-7002-8000-000000000000`. Nobody can sign in as one of them.
    pub async fn seed_crowd(config: &Config, pool: &Pool, crowd: &Crowd) -> Result<Seeded, Refusal> {
        let wrong = |message: &str| Err(Refusal::new(RefusalCode::BadRequest, message));
        if !config.plans.contains_key(&crowd.plan) {
            return wrong("there is no such plan in the settings");
        }
        if crowd.users == 0 || crowd.members > crowd.users || (crowd.rooms > 0 && crowd.members == 0) {
            return wrong(
                "a crowd has users, and a room has members: at least one, and not more than there are users",
            );
        }
        store::seed::crowd(&mut client(pool).await?, crowd).await.map_err(|error| refusal(&error))
    }
}

async fn client(pool: &Pool) -> Result<Client, Refusal> {
    pool.get().await.map_err(|error| refusal(&error))
}

struct Seeder {
    client: Client,
    passwords: Passwords,
}

impl Seeder {
    async fn make_if_missing(
        &self,
        new: Result<NewUser, Vec<FieldError>>,
        password: &str,
        role: Role,
        plan: &str,
        seeded: bool,
    ) -> Result<bool, Refusal> {
        let new = new.map_err(|wrong| {
            let wrong: Vec<String> = wrong.iter().map(|it| format!("{} {}", it.field, it.message)).collect();
            Refusal::new(RefusalCode::BadRequest, format!("the account cannot be made: {}", wrong.join("; ")))
        })?;
        let known = store::by_email(&self.client, new.identity()).await.map_err(|error| refusal(&error))?;
        if known.is_some() {
            return Ok(false);
        }
        let hash = self.passwords.hash(password).await?;
        match new.store(&self.client, role, plan, &hash, seeded).await {
            Ok(_) => Ok(true),
            // Another node was faster, or somebody has the username: neither is worth stopping a start for.
            Err(refusal) if refusal.code == RefusalCode::Conflict => {
                tracing::warn!(email = new.identity(), "the account was not made: {}", refusal.message);
                Ok(false)
            }
            Err(refusal) => Err(refusal),
        }
    }
}
