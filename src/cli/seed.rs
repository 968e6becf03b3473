//! `greenroom seed`: the demo accounts and the characters; with `--clean` they go; with `--load` a crowd for the load generator.
//!
//! The crowd's ids are by number, so that a load generator that signs its own tokens knows them: user k is
//! `00000000-0000-7000-8000-<k>`, room r `00000000-0000-7001-8000-<r>` with the members `r*M … r*M+M-1` (modulo the users),
//! the character `00000000-0000-7002-8000-000000000000`; numbers are twelve hexadecimal digits.

use std::io::{BufRead, IsTerminal, Read};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use crate::accounts::{Accounts, LoadPlan, MadeAdmin};
use crate::app;
use crate::config::Config;
use crate::outbound::Outbound;

/// Bytes of the line with the password.
const PASSWORD_LINE_MAX: u64 = 1_024;

#[derive(Debug, Args)]
pub struct Seed {
    /// Take away what seeding made: demo accounts, the crowd, and the characters that no conversation uses.
    #[arg(long, conflicts_with = "load")]
    clean: bool,
    /// Make an admin with this e-mail address; the password is read from standard input, one line. Where the account is
    /// there and its address is proved, it becomes an admin and keeps its password.
    #[arg(long, value_name = "EMAIL", conflicts_with_all = ["clean", "load"])]
    admin: Option<String>,
    /// Make so many users for load tests, without passwords where none is given.
    #[arg(long, value_name = "USERS")]
    load: Option<u32>,
    /// Rooms of the crowd.
    #[arg(long, value_name = "ROOMS", default_value_t = 0, requires = "load")]
    rooms: u32,
    /// Members of each such room.
    #[arg(long, value_name = "MEMBERS", default_value_t = 1, requires = "load")]
    members: u32,
    /// Fill the first rooms with made-up messages: so many in room 0, so many in room 1, and so on.
    #[arg(long, value_name = "MESSAGES,…", value_delimiter = ',', requires = "load")]
    messages: Vec<u32>,
    /// Give the crowd this password, an e-mail address (`load-<k>@example.com`) and a mobile number each.
    #[arg(long, value_name = "PASSWORD", requires = "load")]
    password: Option<String>,
    /// Block so many of those with a password, the last ones.
    #[arg(long, value_name = "USERS", default_value_t = 0, requires = "password")]
    blocked: u32,
    /// Plan of the crowd.
    #[arg(long, value_name = "PLAN", default_value = "free", requires = "load")]
    plan: String,
}

pub async fn run(config: Config, seed: Seed) -> anyhow::Result<ExitCode> {
    let config = Arc::new(config);
    let database = super::open(&config).await?;
    database.migrate().await?;
    let accounts = Accounts::open(database.pool(), config.clone(), Outbound::open(&config)?)?;
    let said = if seed.clean {
        app::unseed(&accounts, &database.pool()).await?
    } else if let Some(email) = &seed.admin {
        match accounts.make_admin(email, &password()?).await? {
            MadeAdmin::New => format!("{email} is an admin now"),
            MadeAdmin::Promoted => format!("{email} is an admin now, with the password that it had"),
            MadeAdmin::Was => format!("{email} was an admin already; nothing was changed"),
        }
    } else if let Some(users) = seed.load {
        let crowd = LoadPlan { users, rooms: seed.rooms, members: seed.members, plan: seed.plan };
        let made = accounts.seed_load(&crowd).await?;
        if let Some(password) = seed.password {
            accounts.seed_load_password(users, &password, seed.blocked).await?;
        }
        let messages = accounts.seed_load_messages(&crowd, &seed.messages).await?;
        format!("{} users, {} rooms of {}, {messages} messages", made.users, made.rooms, crowd.members)
    } else {
        app::seed(&config, &accounts, &database.pool()).await?
    };
    println!("{said}");
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

/// The first line of standard input. A password among the arguments would stand in everybody's list of processes.
fn password() -> std::io::Result<String> {
    let input = std::io::stdin();
    if input.is_terminal() {
        eprint!("Password (it is seen while you type): ");
    }
    let mut line = String::new();
    input.lock().take(PASSWORD_LINE_MAX).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
