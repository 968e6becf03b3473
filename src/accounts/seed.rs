//! Accounts that nobody signed up for: the first admin, the demo accounts, and crowds for load tests.

use greenroom_actors::domain::{Revision, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};
use secrecy::ExposeSecret;
use serde_json::json;

use super::store::NewAccount;
use super::{Accounts, NewUser, Role, Which, rules, store};
use crate::audit;
use crate::error::FieldError;
use crate::postgres::{journal, refusal};

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
pub struct LoadPlan {
    pub users: u32,
    pub rooms: u32,
    pub members: u32,
    /// The users' plan.
    pub plan: String,
}

/// What seeding did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    pub users: u64,
    pub rooms: u64,
    pub characters: u64,
}

/// What became of the wish for an admin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeAdmin {
    New,
    /// The account was there; its password stays.
    Promoted,
    /// It was one already.
    Was,
}

impl Accounts {
    /// Makes the demo accounts that are not there; answers how many. Refused in production.
    pub async fn seed_demo(&self) -> Result<u64, Refusal> {
        self.refuse_in_production()?;
        let mut made = 0;
        for demo in &DEMO_ACCOUNTS {
            let plan = self.0.plans.get(demo.plan.unwrap_or_default());
            let new = NewUser::check(demo.email, demo.username, Some(demo.display_name));
            made += u64::from(self.make_if_missing(new, demo.password, demo.role, &plan.name, true).await?);
        }
        Ok(made)
    }

    /// Makes the first admin of the settings, if one is set and no account has its e-mail address; answers whether.
    pub async fn ensure_admin(&self) -> Result<bool, Refusal> {
        let admin = &self.0.config.admin;
        if !admin.is_set() {
            return Ok(false);
        }
        let password = admin.password.expose_secret();
        let new = NewUser::check(&admin.email, &admin.username, None);
        let made = self.make_if_missing(new, password, Role::Admin, &self.default_plan(), false).await?;
        if made {
            tracing::info!(email = admin.email, "the first admin was made");
            if self.new_password("admin.password", password, &[&admin.email, &admin.username]).await?.is_err()
            {
                tracing::warn!("admin.password is easily guessed: change it after signing in");
            }
        }
        Ok(made)
    }

    /// Makes an admin of this e-mail address, or of the account that has it; answers what was done. An account whose
    /// address is not proved stays what it is: anybody may have taken the address.
    pub async fn make_admin(&self, email: &str, password: &str) -> Result<MadeAdmin, Refusal> {
        let username = &self.0.config.admin.username;
        let email_key = rules::email(email)?.key;
        let mut client = self.client().await?;
        let known = store::by_email(&client, &email_key).await.map_err(|error| refusal(&error))?;
        let Some(known) = known else {
            // The person who types it here is like any other who chooses one.
            self.new_password("password", password, &[email, username]).await??;
            let new = NewUser::check(email, username, None);
            let plan = self.default_plan();
            return if self.make_if_missing(new, password, Role::Admin, &plan, false).await? {
                Ok(MadeAdmin::New)
            } else {
                let taken = format!("the username {username} is taken: set another one as admin.username");
                Err(Refusal::new(RefusalCode::Conflict, taken))
            };
        };
        if !known.profile.email_verified {
            let unproved = "there is an account with this address, and nobody has proved that it is theirs";
            return Err(Refusal::new(RefusalCode::Conflict, unproved));
        }
        if known.profile.role == Role::Admin {
            return Ok(MadeAdmin::Was);
        }
        let user = known.profile.id;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        store::seed::make_admin(&transaction, user).await.map_err(|error| refusal(&error))?;
        // Tokens carry the role.
        self.end_sign_ins(&transaction, user, Which::All, "role_changed").await?;
        let detail = json!({ "before": { "role": "user" }, "after": { "role": "admin" } });
        audit::record_own(&transaction, "user.role", ("user", user.to_string()), &detail)
            .await
            .map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        Ok(MadeAdmin::Promoted)
    }

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
        rules::password(password)?;
        let client = self.client().await?;
        let known = store::by_email(&client, new.identity()).await.map_err(|error| refusal(&error))?;
        drop(client);
        if known.is_some() {
            return Ok(false);
        }
        let hash = self.0.passwords.hash(password).await?;
        let new_account = NewAccount {
            id: UserId::new(),
            email: Some(&new.email),
            // Whoever runs the server vouches for it.
            email_verified: true,
            mobile: None,
            username: &new.username,
            display_name: &new.display_name,
            role,
            plan,
            password_hash: Some(&hash),
            seeded,
        };
        match self.make(&new_account).await {
            Ok(()) => Ok(true),
            // Another node was faster, or somebody has the username: neither is worth stopping a start for.
            Err(refusal) if refusal.code == RefusalCode::Conflict => {
                tracing::warn!(email = new.identity(), "the account was not made: {}", refusal.message);
                Ok(false)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Makes a crowd for load tests; repeating it changes nothing but the users' plan. Refused in production.
    pub async fn seed_load(&self, load: &LoadPlan) -> Result<Seeded, Refusal> {
        self.refuse_in_production()?;
        let wrong = |message: &str| Err(Refusal::new(RefusalCode::BadRequest, message));
        if self.0.plans.current().find(&load.plan).is_none() {
            return wrong("there is no such plan in the settings");
        }
        if load.users == 0 || load.members > load.users {
            return wrong("there must be at least one user, and as many as a room has members");
        }
        let mut client = self.client().await?;
        store::seed::load(&mut client, load).await.map_err(|error| refusal(&error))
    }

    /// Lets the first `users` of a crowd sign in with this one password, hashed once, and blocks the last `blocked` of
    /// them. User k is then also `load-<k>@example.com` and `+49151<k as eight digits>`. Refused in production.
    pub async fn seed_load_password(&self, users: u32, password: &str, blocked: u32) -> Result<u64, Refusal> {
        self.refuse_in_production()?;
        let hash = self.0.passwords.hash(password).await?;
        let client = self.client().await?;
        store::seed::give_password(&client, users, &hash, blocked).await.map_err(|error| refusal(&error))
    }

    /// Fills the first rooms of a crowd with made-up messages, room r up to `messages[r]`, and answers how many were
    /// made; repeating it makes none. Their words follow from their offsets. Refused in production.
    pub async fn seed_load_messages(&self, load: &LoadPlan, messages: &[u32]) -> Result<u64, Refusal> {
        self.refuse_in_production()?;
        if messages.len() > load.rooms as usize || (!messages.is_empty() && load.members == 0) {
            return Err(Refusal::new(
                RefusalCode::BadRequest,
                "there must be a room with a member for each number of messages",
            ));
        }
        let mut made = 0;
        for (room, messages) in (0..).zip(messages) {
            let (room, last) = (store::seed::load_room(room), Revision::from(*messages));
            made += journal::fill_room(self.client().await?, room, last)
                .await
                .map_err(|error| refusal(&error))?;
        }
        Ok(made)
    }

    /// Removes all that was seeded: accounts with their rooms, and characters that no other room has.
    pub async fn clean_seeded(&self) -> Result<Seeded, Refusal> {
        let mut client = self.client().await?;
        store::seed::clean(&mut client).await.map_err(|error| refusal(&error))
    }

    fn refuse_in_production(&self) -> Result<(), Refusal> {
        if self.0.config.is_production() {
            return Err(Refusal::new(
                RefusalCode::Forbidden,
                "production is not seeded: the passwords are known",
            ));
        }
        Ok(())
    }
}
