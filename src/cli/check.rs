//! `greenroom check`: the settings hold (or the loading said why not), and this is what they switch on.

use std::process::ExitCode;
use std::time::Duration;

use greenroom_actors::domain::{Feature, Plan, Term, Window};

use crate::ai::Providers;
use crate::billing::plans;
use crate::config::{Config, MailTls, ProviderKind, StoreKind, names_not_needed};
use crate::media::{self, Objects};
use crate::outbound::{Channel, Outbound};
use crate::postgres::{Database, HealthState};

const DEADLINE: Duration = Duration::from_secs(5);

pub async fn run(config: Config, connect: bool) -> anyhow::Result<ExitCode> {
    println!("The settings hold. Environment: {}", config.environment.as_str());
    println!("  address       http://{}:{}", config.server.host, config.server.port);
    let database = match config.database.url() {
        Some(_) => "the one of DATABASE_URL".to_owned(),
        None => format!("a private PostgreSQL in {}", config.data_dir.display()),
    };
    println!("  database      {database}");
    println!("  demo accounts {}", on(config.has_demo_accounts()));
    println!("  registration  {}", on(config.auth.registration));
    println!("  first admin   {}", on(config.admin.is_set()));
    println!("  links         {}", config.server.public_base());
    println!("  mail          {}", mail_line(&config));
    println!("  SMS           {}", sms_line(&config));
    println!("  files         {}", files_line(&config));
    println!("  payments      {}", payments_line(&config));
    println!("  API for pages of {}", or_none(&config.server.cors_origins.join(", ")));
    println!("  AI: characters speak through \u{201c}{}\u{201d}", config.ai.default_name());
    let chain = Providers::new(&config.ai).map(|providers| providers.chain()).unwrap_or_default();
    println!("    when it fails: {}", or_none(&chain[1.min(chain.len())..].join(", then ")));
    for (name, provider) in &config.ai.providers {
        let state = if provider.is_active() {
            on(true).to_owned()
        } else if provider.enabled {
            format!("off: set {}", provider.api_key_env.join(" or "))
        } else {
            "off: enabled = false".to_owned()
        };
        println!("    {name:<12} {state} {}", provider.model);
    }
    let patterns: usize = config.moderation.patterns.values().map(Vec::len).sum();
    println!("  moderation    {patterns} patterns; provider: {}", config.moderation.provider);
    for (name, provider) in &config.auth.providers {
        let state = if provider.is_active() {
            format!("on: {}", provider.effective().issuer)
        } else if provider.enabled {
            format!("off: set auth.providers.{name}.{}", provider.kind.switched_on_by())
        } else {
            "off: enabled = false".to_owned()
        };
        println!("  ID tokens of {name:<12} {state}");
    }
    for name in names_not_needed() {
        println!("  {name} is set and not needed");
    }
    for (name, limit) in config.limits.effective().named() {
        let limit = if limit.enabled {
            format!("{} in {} s", limit.max, limit.window_s)
        } else {
            on(false).to_owned()
        };
        println!("  limit {name:<16} {limit}");
    }
    let plans = config.engine_plans();
    for (name, plan) in &plans.by_name {
        let default = if *name == plans.default.name { " (of new accounts)" } else { "" };
        println!("  plan {name}{default}: {}", plan_line(plan, &config.billing.currency));
    }
    for (name, plan) in &plans.replaced {
        println!("  plan {name} is no more: who has it has {}", plan.name);
    }
    if connect { connect_all(&config).await } else { Ok(ExitCode::SUCCESS) }
}

async fn connect_all(config: &Config) -> anyhow::Result<ExitCode> {
    println!("Connecting:");
    let mut good = true;
    match super::open(config).await {
        Ok(database) => {
            let health = database.health(DEADLINE).await;
            good &= health.state == HealthState::Up;
            println!(
                "  database      {:?} in {:.1} ms",
                health.state,
                health.latency.as_secs_f64() * 1_000.0
            );
            if health.state == HealthState::Up {
                good &= plans_in_use(&database, config).await;
            }
            database.close().await;
        }
        Err(error) => {
            good = false;
            println!("  database      {error:#}");
        }
    }
    if let Some(reached) = Outbound::open(config)?.reach_mail().await {
        good &= reached.is_ok();
        println!(
            "  mail          {}",
            reached.map_or_else(|why| why, |()| "the server takes us in".to_owned())
        );
    }
    let stored = match Objects::open(&config.media.store, &media::folder(&config.data_dir)) {
        Ok(objects) => tokio::time::timeout(DEADLINE, objects.probe())
            .await
            .map_or_else(|_| Err("no answer in time".to_owned()), |tried| tried.map_err(|it| it.to_string())),
        Err(error) => Err(error.to_string()),
    };
    good &= stored.is_ok();
    println!(
        "  files         {}",
        stored.map_or_else(|why| why, |()| "the store takes an object and gives it away".to_owned())
    );
    let client = reqwest::Client::builder().timeout(DEADLINE).build()?;
    for (name, provider) in config.ai.active().filter(|(_, it)| it.kind == ProviderKind::OpenAiCompatible) {
        let mut request = client.get(format!("{}/models", provider.base_url.trim_end_matches('/')));
        if let Some(key) = provider.key() {
            request = request.bearer_auth(key);
        }
        match request.send().await {
            Ok(answer) => {
                good &= answer.status().is_success();
                println!("  {name:<13} answers {}", answer.status());
            }
            Err(error) => {
                good = false;
                println!("  {name:<13} {}", error.without_url());
            }
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether everybody has a plan that is known. A database that was never brought up to date has nobody yet.
async fn plans_in_use(database: &Database, config: &Config) -> bool {
    let checked = async {
        let client = database.pool().get().await.map_err(|error| error.to_string())?;
        if !plans::is_set_up(&client).await.map_err(|error| error.to_string())? {
            return Ok("the database is not set up yet".to_owned());
        }
        let checked = plans::check_in_use(&client, &config.engine_plans()).await;
        checked.map(|()| "everybody has one that is known".to_owned()).map_err(|error| error.to_string())
    };
    match checked.await {
        Ok(found) => {
            println!("  plans         {found}");
            true
        }
        Err::<_, String>(why) => {
            println!("  plans         {}", why.replace('\n', "\n              "));
            false
        }
    }
}

fn plan_line(plan: &Plan, currency: &str) -> String {
    let price = || format!("{}.{:02} {currency}", plan.price_cents / 100, plan.price_cents % 100);
    let price = match plan.term {
        Term::Endless => "free of charge".to_owned(),
        Term::Days(days) => format!("{} for {days} days", price()),
        Term::Month => format!("{} a month", price()),
        Term::Year => format!("{} a year", price()),
    };
    let or_unlimited = |limit: Option<u32>| limit.map_or_else(|| "no limit".to_owned(), |it| it.to_string());
    let per_character = plan.per_character.map_or_else(String::new, |per| {
        let [text, audio, media] = [per.text, per.audio, per.media].map(or_unlimited);
        let span = match per.window {
            Window::Lifetime => "ever",
            Window::Day => "a day",
            Window::Month => "a month",
        };
        format!(", to a character {span} text {text}, audio {audio}, media {media}")
    });
    let features: Vec<&str> = plan.features.iter().map(Feature::as_str).collect();
    format!(
        "{price}; messages a day: {}{per_character}; credits {}, avatars {}, priority {}{}; {}",
        or_unlimited(plan.messages_per_day),
        plan.credits,
        plan.avatars,
        plan.priority.0,
        if plan.premium { ", premium" } else { "" },
        if features.is_empty() { "no features".to_owned() } else { features.join(", ") },
    )
}

/// Where files lie, without what opens it.
fn files_line(config: &Config) -> String {
    let store = &config.media.store;
    match store.kind {
        StoreKind::Disk => format!("in {}", media::folder(&config.data_dir).display()),
        kind => {
            let key = if store.access_key_id.is_empty() && store.credentials_file.is_empty() {
                "the role of the machine"
            } else {
                "a key"
            };
            let sent_on = if config.media.redirect { ", who fetches them is sent there" } else { "" };
            format!("at {}, bucket {}, by {key}{sent_on}", kind.as_str(), store.bucket)
        }
    }
}

fn mail_line(config: &Config) -> String {
    let mail = &config.mail;
    match Channel::of_mail(config) {
        Channel::On => {
            let encryption = match mail.tls {
                MailTls::None => "in clear",
                MailTls::StartTls | MailTls::Implicit => mail.tls.as_str(),
            };
            format!("on: {}:{} ({encryption}), from {}", mail.host, mail.port(), mail.from)
        }
        Channel::Outbox => "goes to the outbox: set SMTP_HOST to send it".to_owned(),
        Channel::Off => "off: set SMTP_HOST".to_owned(),
    }
}

fn sms_line(config: &Config) -> String {
    match Channel::of_sms(config) {
        // The address may hold a secret: its host says enough.
        Channel::On => {
            let url = config.sms.url();
            let host = url.split('/').nth(2).and_then(|host| host.rsplit('@').next()).unwrap_or_default();
            format!("on: through {host}, from {}", config.sms.from)
        }
        Channel::Outbox => {
            "goes to the outbox: set SMS_WEBHOOK_URL or TWILIO_ACCOUNT_SID to send it".to_owned()
        }
        Channel::Off => "off: set SMS_WEBHOOK_URL or TWILIO_ACCOUNT_SID".to_owned(),
    }
}

fn payments_line(config: &Config) -> String {
    let stripe = &config.stripe;
    if stripe.is_set() {
        let webhooks = match stripe.webhook_secrets.len() {
            0 => "no webhooks: set STRIPE_WEBHOOK_SECRET",
            _ => "with webhooks",
        };
        return format!("on: {} ({webhooks})", stripe.api_base);
    }
    if stripe.stands_in() {
        return format!("on: a stand-in of Stripe at port {}; no money moves", stripe.stand_in_port);
    }
    "off: set STRIPE_SECRET_KEY, or stripe.stand_in to try plans out".to_owned()
}

fn on(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "no other origin" } else { text }
}
