//! What settings must hold together before the server starts with them.

mod ai;
mod moderation;
mod outbound;

use std::net::IpAddr;

use greenroom_actors::journal::decide::VARIANTS_MAX;
use secrecy::ExposeSecret;

use super::load::Problem;
use super::log::parse_level;
use super::{Config, ConfigError, Environment, MailTls, Network, TermSetting};

/// Characters of a production server's signing secret.
const SECRET_MIN_CHARS: usize = 32;
/// Characters of the first admin's password in production.
const ADMIN_PASSWORD_MIN_CHARS: usize = 12;
/// One mail or SMS at most: jobs have a deadline too.
const SEND_TIMEOUT_MAX_MS: u64 = 60_000;

/// Ten years: what is deactivated is to go at last.
pub(super) const ERASE_AFTER_DAYS_MAX: u32 = 3_650;
/// More often would be work without use: nobody misses a tenth of a second of text.
const DRAFT_EVERY_MIN_MS: u64 = 100;
/// Each costs a call of the model that nobody asked for.
const CHARACTER_CHAIN_MAX: u8 = 20;

impl Config {
    /// Checks all rules and answers every one that is broken.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut broken = Broken(Vec::new());
        self.check_environment(&mut broken);
        self.check_server(&mut broken);
        self.check_bounds(&mut broken);
        self.check_ai(&mut broken);
        self.check_artist(&mut broken);
        self.check_media(&mut broken);
        self.check_content(&mut broken);
        self.check_moderation(&mut broken);
        self.check_conversations(&mut broken);
        self.check_identity_providers(&mut broken);
        self.check_outbound(&mut broken);
        self.check_plans(&mut broken);
        self.check_billing(&mut broken);
        if broken.0.is_empty() { Ok(()) } else { Err(ConfigError { problems: broken.0 }) }
    }

    fn check_environment(&self, broken: &mut Broken) {
        let secret = self.auth.jwt_secret.expose_secret();
        let admin_password = self.admin.password.expose_secret().chars().count();
        match self.environment {
            Environment::Development => broken.unless(
                self.server.is_local(),
                "server.host",
                "development listens on 127.0.0.1 only; for another address set GREENROOM_ENV=production",
            ),
            Environment::Production => {
                broken.unless(
                    secret.chars().count() >= SECRET_MIN_CHARS,
                    "auth.jwt_secret",
                    "production needs JWT_SECRET with 32 or more characters (openssl rand -hex 32 makes one)",
                );
                broken.unless(
                    self.auth
                        .jwt_previous_secrets
                        .iter()
                        .all(|secret| secret.expose_secret().chars().count() >= SECRET_MIN_CHARS),
                    "auth.jwt_previous_secrets",
                    "takes secrets of 32 or more characters",
                );
                broken.unless(
                    self.admin.email.is_empty() || admin_password >= ADMIN_PASSWORD_MIN_CHARS,
                    "admin.password",
                    "production needs 12 or more characters",
                );
            }
        }
        broken.unless(
            self.admin.email.is_empty() == (admin_password == 0),
            "admin",
            "email and password are set together or not at all",
        );
        broken.unless(!self.data_dir.as_os_str().is_empty(), "data_dir", "takes a folder");
        broken.unless(
            parse_level(&self.log.level).is_ok(),
            "log.level",
            "takes error, warn, info, debug, trace, or directives such as info,greenroom=debug",
        );
    }

    fn check_server(&self, broken: &mut Broken) {
        for origin in &self.server.cors_origins {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            broken.unless(
                host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ', '@', '?', '#'])),
                "server.cors_origins",
                &format!("{origin:?} is no origin; they look like https://chat.example.com"),
            );
        }
        for proxy in &self.server.trusted_proxies {
            let network = proxy.parse::<Network>();
            broken.unless(
                network.is_ok(),
                "server.trusted_proxies",
                &format!("{proxy:?} is no address and no network such as 10.0.0.0/8"),
            );
            broken.unless(
                !network.is_ok_and(|network| network.is_everybody()),
                "server.trusted_proxies",
                &format!("{proxy:?} is everybody: any client could say that it is somebody else"),
            );
        }
        if let Some(url) = self.database.url() {
            broken.unless(
                // The other form that libpq takes: host=… user=… dbname=…
                url.starts_with("postgres://") || url.starts_with("postgresql://") || url.contains("dbname="),
                "database.url",
                "takes postgres://user:password@host:5432/name",
            );
        }
    }

    /// Bounds that would stop all work at zero, and pairs that contradict each other.
    fn check_bounds(&self, broken: &mut Broken) {
        let at_least_one = [
            ("server.body_max_bytes", self.server.body_max_bytes),
            ("server.connections_max", self.server.connections_max),
            ("database.pool_size", self.database.pool_size),
            ("auth.hash_concurrency", self.auth.hash_concurrency),
            ("limits.keys_max", self.limits.keys_max),
            ("realtime.max_frame_bytes", self.realtime.max_frame_bytes),
            ("realtime.max_sockets_per_user", self.realtime.max_sockets_per_user),
            ("realtime.max_socketio_sessions", self.realtime.max_socketio_sessions),
            ("realtime.max_socketio_unsigned_per_address", self.realtime.max_socketio_unsigned_per_address),
            ("realtime.max_joined_rooms", self.realtime.max_joined_rooms),
            ("realtime.max_pending_commands", self.realtime.max_pending_commands),
            ("realtime.max_feature_calls", self.realtime.max_feature_calls),
            ("realtime.max_held_frames", self.realtime.max_held_frames),
            ("realtime.shard_queue_max", self.realtime.shard_queue_max),
            ("realtime.mailbox_max_frames", self.realtime.mailbox_max_frames),
            ("realtime.mailbox_max_bytes", self.realtime.mailbox_max_bytes),
            ("engine.content_max_chars", self.engine.content_max_chars),
            ("engine.pending_max", self.engine.pending_max),
            ("engine.waiting_replies_max", self.engine.waiting_replies_max),
            ("engine.history_max_messages", self.engine.history_max_messages),
            ("engine.reply_max_chars", self.engine.reply_max_chars),
            ("engine.members_max", self.engine.members_max),
            ("engine.characters_max", self.engine.characters_max),
            ("engine.variants_max", self.engine.variants_max.into()),
            ("engine.memories_max", self.engine.memories_max),
            ("pool.workers", self.pool.workers),
            ("pool.queue_max", self.pool.queue_max),
            ("pool.per_user", self.pool.per_user),
            ("pool.tries", self.pool.tries as usize),
            ("journal.lanes", self.journal.lanes),
            ("journal.batch_max", self.journal.batch_max),
            ("journal.queue_max", self.journal.queue_max),
            ("jobs.workers", self.jobs.workers),
            ("characters.card_max_bytes", self.characters.card_max_bytes),
            ("characters.cache_max", self.characters.cache_max as usize),
            ("avatars.credits", usize::try_from(self.avatars.credits).unwrap_or_default()),
            ("avatars.max_tokens", self.avatars.max_tokens as usize),
        ];
        for (name, value) in at_least_one {
            broken.unless(value > 0, name, "takes 1 or more");
        }
        let spans = [
            ("auth.access_ttl_s", self.auth.access_ttl_s),
            ("auth.refresh_ttl_s", self.auth.refresh_ttl_s),
            ("database.statement_timeout_ms", self.database.statement_timeout_ms),
            ("database.acquire_timeout_ms", self.database.acquire_timeout_ms),
            ("database.node_beat_ms", self.database.node_beat_ms),
            ("realtime.heartbeat_interval_ms", self.realtime.heartbeat_interval_ms),
            ("realtime.auth_timeout_ms", self.realtime.auth_timeout_ms),
            ("realtime.tick_ms", self.realtime.tick_ms),
            ("realtime.last_seen_write_ms", self.realtime.last_seen_write_ms),
            ("engine.typing_ttl_ms", self.engine.typing_ttl_ms),
            ("engine.idle_ms", self.engine.idle_ms),
            ("engine.commit_deadline_ms", self.engine.commit_deadline_ms),
            ("pool.ageing_step_ms", self.pool.ageing_step_ms),
            ("pool.first_token_timeout_ms", self.pool.first_token_timeout_ms),
            ("journal.retry_ms", self.journal.retry_ms),
            ("jobs.poll_ms", self.jobs.poll_ms),
            ("jobs.deadline_ms", self.jobs.deadline_ms),
            ("jobs.backoff_ms", self.jobs.backoff_ms),
            ("characters.cache_s", self.characters.cache_s),
            ("characters.statistics_every_s", self.characters.statistics_every_s),
            ("characters.views_flush_ms", self.characters.views_flush_ms),
        ];
        for (name, value) in spans {
            broken.unless(value > 0, name, "takes a span longer than zero");
        }
        broken.unless(
            self.auth.erase_after_days <= ERASE_AFTER_DAYS_MAX,
            "auth.erase_after_days",
            "takes at most 3650",
        );
        broken.unless(
            self.engine.draft_every_ms == 0 || self.engine.draft_every_ms >= DRAFT_EVERY_MIN_MS,
            "engine.draft_every_ms",
            "takes 0 for never, or 100 and more: each draft is a write",
        );
        broken.unless(
            self.engine.variants_max <= VARIANTS_MAX,
            "engine.variants_max",
            &format!("takes at most {VARIANTS_MAX}"),
        );
        broken.unless(
            self.engine.character_chain_max <= CHARACTER_CHAIN_MAX,
            "engine.character_chain_max",
            "takes at most 20",
        );
        for (name, limit) in self.limits.named() {
            broken.unless(
                !limit.enabled || (limit.max > 0 && limit.window_s > 0),
                &format!("limits.{name}"),
                "max and window_s take 1 or more; to lift the limit set enabled = false",
            );
        }
        broken.unless(
            self.auth.access_ttl_s <= self.auth.refresh_ttl_s,
            "auth.access_ttl_s",
            "an access token cannot outlive the refresh token (auth.refresh_ttl_s)",
        );
        broken.unless(
            self.pool.first_token_timeout_ms <= self.pool.total_timeout_ms,
            "pool.first_token_timeout_ms",
            "is longer than pool.total_timeout_ms",
        );
        broken.unless(
            self.journal.retry_ms <= self.journal.retry_max_ms,
            "journal.retry_ms",
            "is longer than journal.retry_max_ms",
        );
        broken.unless(
            self.jobs.lease_ms >= 1_000,
            "jobs.lease_ms",
            "takes 1000 or more: a shorter lease is lost by a database that is only busy",
        );
        broken.unless(
            self.jobs.backoff_ms <= self.jobs.backoff_max_ms,
            "jobs.backoff_ms",
            "is longer than jobs.backoff_max_ms",
        );
        broken.unless(
            (1..=100).contains(&self.engine.quota_warning_percent),
            "engine.quota_warning_percent",
            "takes 1 to 100",
        );
        broken.unless(self.engine.memories_max <= 1_000, "engine.memories_max", "takes 1 to 1000");
        broken.unless(self.engine.tail_max_messages <= 1_000, "engine.tail_max_messages", "takes 0 to 1000");
        broken.unless(self.engine.images_max <= 16, "engine.images_max", "takes 0 to 16");
        broken.unless(
            self.engine.images_max_bytes <= 32 * 1_024 * 1_024,
            "engine.images_max_bytes",
            "takes at most 33554432: each request carries them",
        );
        broken.unless(self.engine.picture_wait_ms <= 60_000, "engine.picture_wait_ms", "takes 0 to 60000");
        broken.unless(
            self.engine.summary_max_tokens <= 4_000,
            "engine.summary_max_tokens",
            "takes 0 to 4000",
        );
        broken.unless(
            self.characters.popularity_half_life_s >= 60,
            "characters.popularity_half_life_s",
            "takes 60 or more",
        );
        broken.unless(self.jobs.retries <= 100, "jobs.retries", "takes 100 or less");
        broken.unless(
            self.database.node_dead_after_ms >= self.database.node_beat_ms.saturating_mul(2),
            "database.node_dead_after_ms",
            "takes at least twice database.node_beat_ms, or a late beat kills a living node",
        );
        broken.unless(
            self.auth.default_region.is_empty() || crate::accounts::is_region(&self.auth.default_region),
            "auth.default_region",
            "takes the two letters of a region, such as GB, or nothing",
        );
        let otp = &self.auth.otp;
        broken.unless(
            (1..=100).contains(&otp.tries_max)
                && (30..=3_600).contains(&otp.ttl_s)
                && otp.sends_per_hour >= 1,
            "auth.otp",
            "takes tries_max of 1 to 100, ttl_s of 30 to 3600 and sends_per_hour of 1 or more",
        );
        broken.unless(
            self.auth.argon2_memory_kib >= 8 && self.auth.argon2_iterations >= 1,
            "auth.argon2_memory_kib",
            "takes 8 or more, and auth.argon2_iterations 1 or more",
        );
    }

    fn check_plans(&self, broken: &mut Broken) {
        broken.unless(
            self.plans.contains_key(&self.default_plan),
            "default_plan",
            &format!("there is no plan {:?} in plans", self.default_plan),
        );
        for (name, plan) in &self.plans {
            broken.unless(
                is_name(name),
                &format!("plans.{name}"),
                "a name has small letters, digits, - and _",
            );
            let paid = plan.price_cents > 0;
            let fits = match plan.term {
                TermSetting::Endless => !paid && plan.days == 0,
                TermSetting::Days => paid && (1..=3_650).contains(&plan.days),
                TermSetting::Month | TermSetting::Year => paid && plan.days == 0,
            };
            broken.unless(
                fits,
                &format!("plans.{name}.term"),
                "a plan that costs nothing is endless, one that is paid for days has 1 to 3650 of them, and one that is paid \
                 each month or year has no days",
            );
            broken.unless(
                !paid || (50..=99_999_999).contains(&plan.price_cents),
                &format!("plans.{name}.price_cents"),
                "takes 0, or 50 to 99999999",
            );
            broken.unless(
                plan.stripe_price.is_empty()
                    || (paid && plan.stripe_price.bytes().all(|c| c.is_ascii_graphic())),
                &format!("plans.{name}.stripe_price"),
                "takes the id of a price at Stripe, of a plan that costs something",
            );
        }
        for (name, plan) in &self.plan_replacements {
            let setting = format!("plan_replacements.{name}");
            broken.unless(is_name(name), &setting, "a name has small letters, digits, - and _");
            broken.unless(!self.plans.contains_key(name), &setting, "is a plan that is there");
            broken.unless(
                self.plans.contains_key(plan),
                &setting,
                &format!("there is no plan {plan:?} in plans"),
            );
        }
    }
}

pub(super) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= 64 && text.chars().all(plain)
}

/// Whether links may start with it.
pub(super) fn is_base_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

/// Whether what goes there never leaves this machine.
fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

pub(super) struct Broken(Vec<Problem>);

impl Broken {
    pub(super) fn unless(&mut self, holds: bool, name: &str, message: &str) {
        if !holds {
            self.0.push(Problem::new("", name, message));
        }
    }
}
