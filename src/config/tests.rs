use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use figment::value::{Dict, Value};
use greenroom_actors::domain::MessageKind;
use greenroom_actors::settings as engine;
use secrecy::ExposeSecret;

use super::*;

mod moderation;

const SECRET: &str = "a production secret of many characters";

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn from_env(pairs: &[(&str, &str)]) -> Result<Config, String> {
    Config::from_layers(None, &env(pairs)).map_err(|error| error.to_string())
}

fn from_file(text: &str, pairs: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("greenroom.toml");
    fs::write(&path, text).unwrap();
    Config::from_layers(Some(&path), &env(pairs)).map_err(|error| error.to_string())
}

fn documented() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml"))
}

#[test]
fn the_documented_file_says_the_defaults() {
    let documented = Config::from_layers(Some(documented()), &env(&[])).unwrap();
    assert_eq!(documented.values(), Config::default().values());
}

#[test]
fn the_load_tests_settings_hold() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/loadtest/config.toml"));
    let config = Config::from_layers(Some(path), &env(&[])).unwrap();
    assert_eq!(config.ai.default_name(), "sim");
}

#[test]
fn the_documented_file_names_every_setting() {
    fn names(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Dict(_, dict) => {
                dict.iter().for_each(|(key, value)| names(value, &format!("{at}.{key}"), found));
            }
            _ => found.push(at.trim_start_matches('.').to_owned()),
        }
    }
    let table: toml::Table = toml::from_str(&fs::read_to_string(documented()).unwrap()).unwrap();
    let mut written = Vec::new();
    names(&Value::serialize(table).unwrap(), "", &mut written);
    let known: Vec<String> = Config::default().values().into_iter().map(|(name, _)| name).collect();
    written.sort();
    let mut known_sorted = known;
    known_sorted.sort();
    assert_eq!(written, known_sorted);
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "[server]\nport = 8001\n[log]\nlevel = \"warn\"\n";
    assert_eq!(from_file("", &[]).unwrap().server.port, 7070);
    assert_eq!(from_file(file, &[]).unwrap().server.port, 8001);
    assert_eq!(from_file(file, &[("PORT", "8002")]).unwrap().server.port, 8002);
    let config = from_file(file, &[("PORT", "8002"), ("GREENROOM__SERVER__PORT", "8003")]).unwrap();
    assert_eq!((config.server.port, config.log.level.as_str()), (8003, "warn"));
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_one_and_the_file() {
    let error = from_file("[server]\nprot = 1\n", &[]).unwrap_err();
    assert!(error.contains("greenroom.toml: server.prot: "), "{error}");
    assert!(error.contains("did you mean server.port?"), "{error}");
    let error = from_file("heartbeat_interval_ms = 5\n", &[]).unwrap_err();
    assert!(error.contains("did you mean realtime.heartbeat_interval_ms?"), "{error}");
    let error = from_file("[plans.gold]\nmesages_per_day = 5\n", &[]).unwrap_err();
    assert!(error.contains("did you mean plans.gold.messages_per_day?"), "{error}");
    let error = from_file("[sever]\nport = 1\n", &[]).unwrap_err();
    assert!(error.contains("did you mean server"), "{error}");
    let error = from_file("zzzzzz = 1\n", &[]).unwrap_err();
    assert!(error.contains("there is no such setting") && !error.contains("did you mean"), "{error}");
}

#[test]
fn an_unknown_override_is_refused_with_the_nearest_variable() {
    let error = from_env(&[("GREENROOM__SERVER__PROT", "1")]).unwrap_err();
    assert!(error.contains("environment: GREENROOM__SERVER__PROT: "), "{error}");
    assert!(error.contains("did you mean GREENROOM__SERVER__PORT?"), "{error}");
}

#[test]
fn all_problems_are_told_at_once() {
    let error = from_file("[server]\nprot = 1\n[pool]\nworker = 2\n", &[("PORT", "many")]).unwrap_err();
    assert!(
        error.contains("server.prot") && error.contains("pool.worker") && error.contains("PORT"),
        "{error}"
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_by_its_place() {
    let error = from_file("[server]\nport = \"many\"\n", &[]).unwrap_err();
    assert!(error.contains("greenroom.toml: server.port: takes"), "{error}");
    let error = from_file("[server]\nport = 70000\n", &[]).unwrap_err();
    assert!(error.contains("server.port"), "{error}");
    let error = from_file("server = 5\n", &[]).unwrap_err();
    assert!(error.contains("server: is a table"), "{error}");
    let error = from_env(&[("GREENROOM__POOL__WORKERS", "many")]).unwrap_err();
    assert!(error.contains("GREENROOM__POOL__WORKERS: takes a number"), "{error}");
    let error = from_file("[engine]\nrecovery = \"forget\"\n", &[]).unwrap_err();
    assert!(error.contains("restart or report"), "{error}");
}

#[test]
fn a_broken_file_is_told_by_its_line_and_without_its_text() {
    let error = from_file("[auth]\njwt_secret = \"swordfish\n", &[]).unwrap_err();
    assert!(error.contains("line 2"), "{error}");
    assert!(!error.contains("swordfish"), "{error}");
    let missing = Config::from_layers(Some(Path::new("/nowhere/greenroom.toml")), &env(&[])).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/greenroom.toml: cannot be read"), "{missing}");
}

#[test]
fn secrets_are_never_shown() {
    let pairs = [
        ("JWT_SECRET", "swordfish"),
        ("JWT_PREVIOUS_SECRETS", "swordfish/, swordfish2"),
        ("OPENAI_API_KEY", "swordfish"),
        ("DATABASE_URL", "postgres://u:swordfish@h/d"),
        ("GREENROOM__ADMIN__PASSWORD", "swordfish"),
        ("GREENROOM__ADMIN__EMAIL", "a@example.com"),
    ];
    let config = from_env(&pairs).unwrap();
    assert!(!format!("{config:?} {:?}", config.values()).contains("swordfish"));
    assert!(config.values().contains(&("auth.jwt_secret".to_owned(), "\"********\"".to_owned())));
    assert_eq!(config.auth.jwt_previous_secrets[0].expose_secret(), "swordfish/");
    for secret in ["jwt_secret = 1234567", "jwt_previous_secrets = [1234567]"] {
        let error = from_file(&format!("[auth]\n{secret}\n"), &[]).unwrap_err();
        assert!(!error.contains("1234567"), "{error}");
    }
}

#[test]
fn overrides_are_read_as_what_the_setting_takes() {
    let config = from_env(&[
        ("GREENROOM__ADMIN__PASSWORD", "12345678"),
        ("GREENROOM__ADMIN__EMAIL", "a@example.com"),
        ("GREENROOM__SERVER__CORS_ORIGINS", "https://a.example, https://b.example"),
        ("GREENROOM__LIMITS__API__ENABLED", "off"),
        ("GREENROOM__PLANS__GOLD__PRIORITY", "2"),
        ("GREENROOM__AI__PROVIDERS__MINE__BASE_URL", "http://127.0.0.1:9/v1"),
        ("GREENROOM__AI__PROVIDERS__MINE__MODEL", "m"),
    ])
    .unwrap();
    assert_eq!(config.admin.password.expose_secret(), "12345678");
    assert_eq!(config.server.cors_origins, ["https://a.example", "https://b.example"]);
    assert!(!config.limits.api.enabled && config.limits.messages.enabled);
    assert_eq!((config.plans["gold"].priority, config.plans["gold"].avatars), (2, 1));
    assert_eq!(config.ai.default_name(), "mine");
}

#[test]
fn the_usual_names_are_understood() {
    let config = from_env(&[
        ("JWT_EXPIRES_IN", "15m"),
        ("FRONTEND_URL", "https://a.example/,https://b.example"),
        ("LOG_LEVEL", "warning"),
        ("RATE_LIMIT_WINDOW_MS", "60000"),
        ("RATE_LIMIT_MAX_REQUESTS", "7"),
        ("BASIC_TIER_DAILY_LIMIT", "9"),
        ("PRO_TIER_DAILY_LIMIT", "0"),
        ("DB_HOST", "db.example"),
        ("DB_USERNAME", "me"),
        ("DB_PASSWORD", "p@ss/word"),
        ("PORT", ""),
    ])
    .unwrap();
    assert_eq!(config.auth.access_ttl_s, 900);
    assert_eq!(config.server.cors_origins, ["https://a.example", "https://b.example"]);
    assert_eq!(config.log.level, "warn");
    assert_eq!(
        (config.limits.api.window_s, config.limits.api_premium.window_s, config.limits.api.max),
        (60, 60, 7)
    );
    assert_eq!((config.plans["basic"].messages_per_day, config.plans["pro"].messages_per_day), (9, 0));
    assert_eq!(config.database.url(), Some("postgres://me:p%40ss%2Fword@db.example:5432/greenroom"));
    assert_eq!(config.server.port, 7070, "an empty variable is not set");
    for (text, seconds) in [("900", 900), ("1h", 3_600), ("7 d", 604_800), ("90s", 90)] {
        assert_eq!(from_env(&[("JWT_EXPIRES_IN", text)]).unwrap().auth.access_ttl_s, seconds);
    }
    assert!(from_env(&[("JWT_EXPIRES_IN", "soon")]).unwrap_err().contains("JWT_EXPIRES_IN"));
}

#[test]
fn every_usual_name_fills_a_setting_that_exists() {
    let tree = known::tree();
    for usual in usual_names() {
        for setting in usual.settings {
            let path: Vec<&str> = setting.split('.').collect();
            assert!(tree.leaf(&path).is_some(), "{} fills {setting}", usual.name);
        }
    }
}

#[test]
fn providers_are_switched_on_by_their_keys() {
    let names = |pairs: &[(&str, &str)]| {
        let config = from_env(pairs).unwrap();
        let active: Vec<String> = config.ai.active().map(|(name, _)| name.to_owned()).collect();
        (config.ai.default_name().to_owned(), active.join(" "))
    };
    assert_eq!(names(&[]), ("offline".to_owned(), "offline".to_owned()));
    assert_eq!(names(&[("GROK_API_KEY", "k")]), ("grok".to_owned(), "grok offline".to_owned()));
    let both = [("GEMINI_API_KEY", "k"), ("OPENAI_API_KEY", "k")];
    assert_eq!(names(&both), ("openai".to_owned(), "gemini offline openai".to_owned()));
    let config = from_env(&[("XAI_API_KEY", "new"), ("GROK_API_KEY", "old")]).unwrap();
    assert_eq!(config.ai.providers["grok"].key(), Some("new"));
    let error = from_env(&[("GREENROOM__AI__DEFAULT_PROVIDER", "openai")]).unwrap_err();
    assert!(error.contains("OPENAI_API_KEY"), "{error}");
    let error = from_env(&[("GREENROOM__AI__DEFAULT_PROVIDER", "nobody")]).unwrap_err();
    assert!(error.contains("nobody"), "{error}");
}

#[test]
fn models_and_stand_ins_are_checked_by_their_names() {
    for (text, told) in [
        (
            "[ai.providers.openai.models.\"m-1.5\"]\nprice = { input = -1 }\n",
            "models.\"m-1.5\".price.input: takes dollars",
        ),
        (
            "[ai.providers.openai.models.m]\nprice = { input = 0.0000001 }\n",
            "price.input: takes at most six decimals",
        ),
        ("[ai.providers.openai.models.m]\ncapabilities = [\"singing\"]\n", "singing"),
        ("[ai.providers.openai.models.m]\ncapabilities = []\n", "models.\"m\".capabilities"),
        ("[ai.providers.openai.models.m]\ncontext_tokens = 0\n", "models.\"m\".context_tokens"),
        (
            "[ai.providers.openai.models.m]\ncontext = 5\n",
            "did you mean ai.providers.openai.models.m.context_tokens?",
        ),
        ("[ai.providers.openai]\ncontinues = \"maybe\"\n", "prefill or ask or never"),
        (
            "[ai]\nfallback = [\"openai\", \"nobody/x\"]\n",
            "ai.fallback: \"nobody/x\": there is no provider \"nobody\"",
        ),
        ("[ai]\nfallback = [\"openai/\"]\n", "names no model"),
        ("[ai.breaker]\nfailures = 0\n", "ai.breaker.failures"),
        ("[ai.breaker]\nopen_ms = 90000\n", "ai.breaker.open_max_ms"),
        ("[ai.breaker]\nshare_percent = 0\n", "ai.breaker.share_percent"),
        ("[ai]\npause_max_ms = 0\n", "ai.pause_max_ms"),
    ] {
        let error = from_file(text, &[]).unwrap_err();
        assert!(error.contains(told), "{text}{error}");
    }
    let own = "[ai.providers.openai.models.mine]\nprice = { input = 1.25, output = 2 }\n";
    let models = from_file(own, &[]).unwrap().ai.providers["openai"].models.clone();
    let price = models["mine"].price.unwrap().per_tokens();
    assert_eq!((price.input, price.cached_input, price.output), (1_250_000, 1_250_000, 2_000_000));
    assert!(models["mine"].capabilities == [Capability::Chat] && models.contains_key("gpt-4-turbo"));
}

#[test]
fn every_shipped_provider_tells_of_its_own_model() {
    let ai = Config::default().ai;
    for (name, provider) in ai.providers.iter().filter(|(_, it)| it.kind != ProviderKind::Offline) {
        let own = &provider.models[&provider.model];
        assert!(own.price.is_some() && own.context_tokens.is_some(), "{name}");
    }
    for older in ["gpt-4", "gpt-4-turbo", "gpt-3.5-turbo", "gpt-3.5-turbo-16k"] {
        assert!(ai.providers["openai"].models[older].price.is_some(), "{older}");
    }
    let openrouter = from_env(&[("OPENROUTER_API_KEY", "k")]).unwrap();
    assert_eq!(openrouter.ai.default_name(), "openrouter");
}

#[test]
fn development_stays_on_this_machine() {
    assert!(from_env(&[("HOST", "0.0.0.0")]).unwrap_err().contains("GREENROOM_ENV=production"));
    assert!(from_env(&[("HOST", "::1")]).is_ok() && from_env(&[("HOST", "localhost")]).is_ok());
    assert!(from_env(&[("HOST", "0.0.0.0"), ("NODE_ENV", "production"), ("JWT_SECRET", SECRET)]).is_ok());
    assert!(from_env(&[("GREENROOM_ENV", "staging")]).unwrap_err().contains("GREENROOM_ENV"));
    let both = from_env(&[("GREENROOM_ENV", "development"), ("NODE_ENV", "production")]).unwrap();
    assert_eq!(both.environment, Environment::Development, "our own name goes before Node's");
}

#[test]
fn production_demands_a_long_secret_and_has_no_demo_accounts() {
    assert!(from_env(&[("GREENROOM_ENV", "production")]).unwrap_err().contains("JWT_SECRET"));
    assert!(from_env(&[("GREENROOM_ENV", "production"), ("JWT_SECRET", "short")]).is_err());
    let config = from_env(&[("GREENROOM_ENV", "production"), ("JWT_SECRET", SECRET)]).unwrap();
    assert!(!config.has_demo_accounts() && Config::default().has_demo_accounts());
    assert_eq!(config.signing_secret().unwrap().expose_secret(), SECRET);
}

#[test]
fn a_development_secret_is_made_once_and_kept_to_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { data_dir: folder.path().join("data"), ..Config::default() };
    let first = config.signing_secret().unwrap();
    assert!(first.expose_secret().len() >= 64);
    assert_eq!(config.signing_secret().unwrap().expose_secret(), first.expose_secret());
    let file = fs::metadata(config.data_dir.join(SIGNING_SECRET_FILE)).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    let entries = fs::read_dir(&config.data_dir).unwrap().count();
    assert_eq!(entries, 1, "nothing is left beside it");
}

#[test]
fn settings_that_contradict_are_refused() {
    for (text, name) in [
        ("[pool]\nworkers = 0\n", "pool.workers"),
        ("[pool]\nfirst_token_timeout_ms = 200000\n", "pool.first_token_timeout_ms"),
        ("[engine]\nmembers_max = 0\n", "engine.members_max"),
        ("[engine]\nvariants_max = 11\n", "engine.variants_max"),
        ("[engine]\ncharacter_chain_max = 21\n", "engine.character_chain_max"),
        ("[limits.api]\nmax = 0\n", "limits.api"),
        ("[auth]\nrefresh_ttl_s = 60\n", "auth.access_ttl_s"),
        ("[auth]\ndefault_region = \"Atlantis\"\n", "auth.default_region"),
        ("[auth.otp]\ntries_max = 1000\n", "auth.otp"),
        ("default_plan = \"gold\"\n", "default_plan"),
        ("[server]\ncors_origins = [\"*\"]\n", "server.cors_origins"),
        ("[server]\ntrusted_proxies = [\"proxy\"]\n", "server.trusted_proxies"),
        ("[server]\ntrusted_proxies = [\"0.0.0.0/0\"]\n", "server.trusted_proxies"),
        ("[database]\nurl = \"mysql://x\"\n", "database.url"),
        ("[log]\nlevel = \"loud\"\n", "log.level"),
        ("[admin]\nemail = \"a@example.com\"\n", "admin"),
        ("[conversations]\nrestore_days = 31\n", "media.ended_keep_days"),
        ("[ai.providers.mine]\nmodel = \"m\"\n", "ai.providers.mine.base_url"),
    ] {
        let error = from_file(text, &[]).unwrap_err();
        assert!(error.contains(name), "{text}{error}");
    }
    assert!(from_file("[limits.api]\nenabled = false\nmax = 0\n", &[]).is_ok());
    let both = "[conversations]\nrestore_days = 31\n[media]\nended_keep_days = 31\n";
    assert!(from_file(both, &[]).is_ok());
}

#[test]
fn the_engine_gets_its_own_defaults_back() {
    let settings = Config::default().engine_settings();
    let mut own = engine::Settings::new(settings.plans.clone());
    // Those that the engine leaves to its operator.
    own.room.messages_per_minute = 10;
    own.turn.transcript_wait = Duration::from_secs(10);
    assert_eq!(format!("{settings:?}"), format!("{own:?}"));
    let config =
        from_file("[engine]\nidle_ms = 1500\n[pool]\ntries = 9\n[journal]\nlanes = 4\n", &[]).unwrap();
    let settings = config.engine_settings();
    assert_eq!(settings.room.idle, Duration::from_millis(1_500));
    assert_eq!((settings.pool.tries, settings.journal.lanes), (9, 4));
}

#[test]
fn the_shipped_plans_are_those_of_the_price_list() {
    let plans = Config::default().engine_plans();
    let names: Vec<&str> = plans.by_name.keys().map(AsRef::as_ref).collect();
    assert_eq!(names, ["basic", "enterprise", "free", "premium", "pro", "starter"]);
    let free = plans.get("free");
    let per_character = free.per_character.unwrap();
    let of = |kind| per_character.limit(kind);
    assert_eq!((of(MessageKind::Text), of(MessageKind::Audio)), (Some(30), Some(5)));
    assert_eq!((free.messages_per_day, free.premium, free.priority.0), (None, false, 3));
    let basic = plans.get("basic");
    assert_eq!((basic.messages_per_day, basic.per_character), (Some(5), None));
    assert!(plans.get("enterprise").premium && plans.get("enterprise").priority.0 == 0);
    assert_eq!(plans.get("starter").messages_per_day, Some(200));
    assert_eq!(plans.get("gone").name.as_ref(), "free", "an unknown plan falls back to the default one");
}

#[test]
fn an_empty_layer_changes_nothing() {
    let config = from_file("", &[]).unwrap();
    assert_eq!(config.values(), Config::default().values());
    assert!(known::tree().check(&Dict::new()).is_empty());
}
