//! `greenroom check`: the settings hold (or the loading said why not), and this is what they switch on.

use std::process::ExitCode;
use std::time::Duration;

use crate::ai::Providers;
use crate::config::{Config, MailTls, PlanSettings, ProviderKind, names_not_needed};
use crate::outbound::{Channel, Outbound};
use crate::postgres::HealthState;

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
    for (name, plan) in &config.plans {
        let default = if *name == config.default_plan { " (of new accounts)" } else { "" };
        let lines = plan_lines(plan);
        println!("  plan {name}{default}: {lines}");
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

fn plan_lines(plan: &PlanSettings) -> String {
    let or_unlimited = |limit: u32| if limit == 0 { "no limit".to_owned() } else { limit.to_string() };
    format!(
        "{} messages a day, {} texts to a character, priority {}",
        or_unlimited(plan.messages_per_day),
        or_unlimited(plan.per_character.text),
        plan.priority
    )
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
