//! Environment variables under the names that they usually have.

use std::collections::BTreeMap;
use std::fmt::Write;

use figment::value::Value;

/// An environment variable that is understood, and the setting that it fills.
#[derive(Clone, Debug)]
pub struct UsualName {
    pub name: &'static str,
    /// Dotted names of the settings.
    pub settings: &'static [&'static str],
    pub meaning: &'static str,
    read: fn(&str) -> Result<Value, &'static str>,
}

/// The `DB_*` parts that stand for a `DATABASE_URL`.
pub(super) const DATABASE_PARTS: [&str; 5] = ["DB_HOST", "DB_PORT", "DB_NAME", "DB_USERNAME", "DB_PASSWORD"];

/// Every variable but the providers' keys, which `ai.providers.*.api_key_env` names. Where two fill the same setting,
/// the first one wins.
#[must_use]
pub fn usual_names() -> Vec<UsualName> {
    let name = |name, settings, meaning, read| UsualName { name, settings, meaning, read };
    vec![
        name("GREENROOM_ENV", &["environment"], "development or production", environment),
        name("NODE_ENV", &["environment"], "the same, under its older name", environment),
        name("HOST", &["server.host"], "address to listen on", text),
        name("PORT", &["server.port"], "port to listen on", number),
        name("PUBLIC_URL", &["server.public_url"], "address that people reach the server at", text),
        name(
            "FRONTEND_URL",
            &["server.cors_origins"],
            "origins that may call the API, with commas between",
            list,
        ),
        name(
            "DATABASE_URL",
            &["database.url"],
            "postgres://…; without it a private cluster in data_dir",
            text,
        ),
        name("PG_BIN", &["database.pg_bin"], "folder of postgres and initdb for the private cluster", text),
        name("JWT_SECRET", &["auth.jwt_secret"], "signs access tokens; 32 or more characters", text),
        name(
            "JWT_PREVIOUS_SECRETS",
            &["auth.jwt_previous_secrets"],
            "secrets that signed before JWT_SECRET, with commas between",
            items,
        ),
        name(
            "JWT_EXPIRES_IN",
            &["auth.access_ttl_s"],
            "life of an access token: 15m, 1h or seconds",
            span_seconds,
        ),
        name(
            "FIREBASE_PROJECT_ID",
            &["auth.providers.firebase.project_id"],
            "accepts ID tokens of this Firebase project",
            text,
        ),
        name("OPENAI_ORGANIZATION", &["ai.providers.openai.organization"], "organisation at OpenAI", text),
        name("OPENAI_BASE_URL", &["ai.providers.openai.base_url"], "another OpenAI-compatible address", text),
        name("SMTP_HOST", &["mail.host"], "server that sends mail", text),
        name("SMTP_PORT", &["mail.port"], "its port", number),
        name("SMTP_TLS", &["mail.tls"], "starttls, implicit or none", text),
        name("SMTP_USERNAME", &["mail.username"], "user name at the mail server", text),
        name("SMTP_USER", &["mail.username"], "the same, under another name", text),
        name("SMTP_PASSWORD", &["mail.password"], "password at the mail server", text),
        name("SMTP_PASS", &["mail.password"], "the same, under another name", text),
        name("SMTP_FROM", &["mail.from"], "sender of mail: Name <address>", text),
        name("MAIL_FROM", &["mail.from"], "the same, under another name", text),
        name("SMS_WEBHOOK_URL", &["sms.webhook_url"], "takes SMS as a form, as Twilio does", text),
        name("TWILIO_ACCOUNT_SID", &["sms.account_sid"], "account at Twilio", text),
        name("TWILIO_AUTH_TOKEN", &["sms.auth_token"], "token of that account", text),
        name("TWILIO_FROM_NUMBER", &["sms.from"], "number that SMS come from", text),
        name("STRIPE_SECRET_KEY", &["stripe.secret_key"], "secret key of Stripe's API", text),
        name("STRIPE_PUBLISHABLE_KEY", &["stripe.publishable_key"], "its key for browsers", text),
        name(
            "STRIPE_WEBHOOK_SECRET",
            &["stripe.webhook_secrets"],
            "secrets of Stripe's webhooks, with commas between",
            items,
        ),
        name("STRIPE_API_BASE", &["stripe.api_base"], "another address of Stripe's API", text),
        name(
            "STRIPE_PREMIUM_PRICE_ID",
            &["plans.premium.stripe_price"],
            "price of the plan premium at Stripe",
            text,
        ),
        name("STORAGE_BUCKET", &["media.store.bucket"], "bucket that files lie in", text),
        name("AWS_ACCESS_KEY_ID", &["media.store.access_key_id"], "key at the store of files", text),
        name("AWS_SECRET_ACCESS_KEY", &["media.store.secret_access_key"], "the secret of that key", text),
        name("AWS_SESSION_TOKEN", &["media.store.session_token"], "token of a key that expires", text),
        name("AWS_REGION", &["media.store.region"], "region of the bucket", text),
        name("AWS_DEFAULT_REGION", &["media.store.region"], "the same, under another name", text),
        name("AWS_ENDPOINT_URL_S3", &["media.store.endpoint"], "an S3-compatible address", text),
        name("AWS_ENDPOINT_URL", &["media.store.endpoint"], "the same, under another name", text),
        name(
            "GOOGLE_APPLICATION_CREDENTIALS",
            &["media.store.credentials_file"],
            "file with the key of a service account at Google",
            text,
        ),
        name("CDN_BASE_URL", &["media.cdn_base_url"], "where addresses of files begin", text),
        name("LOG_LEVEL", &["log.level"], "error, warn, info, debug or trace", log_level),
        name(
            "RATE_LIMIT_ENABLED",
            &["limits.api.enabled", "limits.api_premium.enabled"],
            "whether requests to the API are limited",
            switch,
        ),
        name(
            "RATE_LIMIT_WINDOW_MS",
            &["limits.api.window_s", "limits.api_premium.window_s"],
            "window of the API's limits, in milliseconds",
            milliseconds,
        ),
        name(
            "RATE_LIMIT_MAX_REQUESTS",
            &["limits.api.max"],
            "requests of one address within the window",
            number,
        ),
        name("RATE_LIMIT_MAX", &["limits.api.max"], "the same, under another name", number),
        name("RATE_LIMIT_PREMIUM_MAX", &["limits.api_premium.max"], "requests of one premium user", number),
        name("RATE_LIMIT_AUTH_MAX", &["limits.auth_identity.max"], "sign-in tries of one identity", number),
        name("RATE_LIMIT_MESSAGES_MAX", &["limits.messages.max"], "messages of one user per minute", number),
        name(
            "BASIC_TIER_DAILY_LIMIT",
            &["plans.basic.messages_per_day"],
            "messages a day; 0 is no limit",
            number,
        ),
        name(
            "PRO_TIER_DAILY_LIMIT",
            &["plans.pro.messages_per_day"],
            "messages a day; 0 is no limit",
            number,
        ),
    ]
}

/// A setting that a variable fills: its dotted name, the variable, and the value or what is wrong with it.
pub(super) type Filled = (&'static str, &'static str, Result<Value, &'static str>);

/// What the usual variables of `env` say. An empty variable counts as not set.
pub(super) fn filled(env: &BTreeMap<String, String>) -> Vec<Filled> {
    let get = |name: &str| env.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let mut filled: Vec<Filled> = Vec::new();
    for usual in usual_names() {
        let Some(value) = get(usual.name) else { continue };
        for setting in usual.settings {
            if !filled.iter().any(|(name, ..)| name == setting) {
                filled.push((setting, usual.name, (usual.read)(value)));
            }
        }
    }
    if get("DATABASE_URL").is_none() && (get("DB_HOST").is_some() || get("DB_NAME").is_some()) {
        filled.push(("database.url", "DB_HOST", Ok(database_url(get).into())));
    }
    filled
}

/// Variables that look as if they were meant for us and are none of ours.
#[must_use]
pub(super) fn not_understood(env: &BTreeMap<String, String>) -> Vec<&str> {
    let usual = usual_names();
    env.keys()
        .map(String::as_str)
        .filter(|name| {
            name.starts_with("RATE_LIMIT_")
                || (name.starts_with("GREENROOM_") && !name.starts_with("GREENROOM__"))
        })
        .filter(|name| !usual.iter().any(|usual| usual.name == *name))
        .collect()
}

/// Variables that deployments of this kind often have, and that nothing here needs.
#[must_use]
pub(super) fn not_needed(env: &BTreeMap<String, String>) -> Vec<&str> {
    let usual = usual_names();
    env.keys()
        .map(String::as_str)
        // ID tokens are checked with public keys alone: no account of ours at the provider takes part.
        .filter(|name| name.starts_with("FIREBASE_") || *name == "GOOGLE_APPLICATION_CREDENTIALS")
        .filter(|name| !usual.iter().any(|usual| usual.name == *name))
        .collect()
}

fn database_url<'a>(get: impl Fn(&str) -> Option<&'a str>) -> String {
    let part = |name: &str, default: &str| percent_encoded(get(name).unwrap_or(default));
    let [host, port, name, user, password] = DATABASE_PARTS;
    let password =
        get(password).map(|password| format!(":{}", percent_encoded(password))).unwrap_or_default();
    format!(
        "postgres://{}{password}@{}:{}/{}",
        part(user, "postgres"),
        part(host, "localhost"),
        part(port, "5432"),
        part(name, "greenroom")
    )
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

fn text(value: &str) -> Result<Value, &'static str> {
    Ok(value.into())
}

fn number(value: &str) -> Result<Value, &'static str> {
    value.parse::<u32>().map(Value::from).map_err(|_| "takes a whole number")
}

fn switch(value: &str) -> Result<Value, &'static str> {
    super::known::parse(super::Leaf::Switch, value)
}

fn list(value: &str) -> Result<Value, &'static str> {
    let origins =
        value.split(',').map(|item| item.trim().trim_end_matches('/')).filter(|item| !item.is_empty());
    Ok(Value::from(origins.map(str::to_owned).collect::<Vec<_>>()))
}

/// As they are: a secret may end in anything but a space.
fn items(value: &str) -> Result<Value, &'static str> {
    super::known::parse(super::Leaf::List, value)
}

fn milliseconds(value: &str) -> Result<Value, &'static str> {
    value.parse::<u32>().map(|ms| Value::from(ms.div_ceil(1_000))).map_err(|_| "takes milliseconds")
}

fn environment(value: &str) -> Result<Value, &'static str> {
    match value.to_lowercase().as_str() {
        "production" | "prod" => Ok("production".into()),
        // Node's test runners set `test`: nothing of production is meant by it.
        "development" | "dev" | "test" => Ok("development".into()),
        _ => Err("takes development or production"),
    }
}

fn log_level(value: &str) -> Result<Value, &'static str> {
    // Levels of the loggers that Node servers use.
    Ok(match value.to_lowercase().as_str() {
        "fatal" => "error",
        "warning" => "warn",
        "http" => "info",
        "verbose" => "debug",
        "silly" => "trace",
        _ => value,
    }
    .into())
}

/// `15m`, `1h`, `7d`, `900s`, or bare seconds.
fn span_seconds(value: &str) -> Result<Value, &'static str> {
    const HELP: &str = "takes a span such as 15m, 1h or 900 (seconds)";
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = match value[digits.len()..].trim() {
        "" | "s" | "sec" => 1_u32,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(HELP),
    };
    let count: u32 = digits.parse().map_err(|_| HELP)?;
    count.checked_mul(unit).filter(|seconds| *seconds > 0).map(Value::from).ok_or(HELP)
}
