//! Reading the layers, and saying which of them is wrong where.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::known::{self, Node};
use super::{Config, Source, environment};

/// Read from the present folder when no `--config` is given and it is there.
pub const CONFIG_FILE: &str = "config.toml";
const DEFAULTS: &str = "defaults";
const ENVIRONMENT: &str = "environment";

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, `environment`, or empty for what is wrong with all of them together.
    pub source: String,
    /// Dotted name of the setting, or the environment variable.
    pub name: String,
    pub message: String,
}

/// All that is wrong with the settings, each on its line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(crate) fn invalid(name: &str, message: impl Into<String>) -> Self {
        Self { problems: vec![Problem::new("", name, message)] }
    }
}

impl Problem {
    pub(super) fn new(source: &str, name: &str, message: impl Into<String>) -> Self {
        Self { source: source.to_owned(), name: name.to_owned(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.source, &self.name] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings do not hold")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// One layer of settings under the name of where it comes from.
struct Layer {
    name: String,
    dict: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

impl Config {
    /// Reads the settings of this process: defaults, then `file` (or `config.toml` in the present folder, where there
    /// is one), then the environment. Answers all problems at once.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let config = Self::from_layers(file.or_else(present_file), &process_env())?;
        let file = file.map(Path::to_owned);
        Ok(Self { source: Source::new(move || Self::load(file.as_deref())), ..config })
    }

    /// The same with the layers given; without a file none is read.
    pub fn from_layers(file: Option<&Path>, env: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let tree = known::tree();
        let mut problems = Vec::new();
        let mut layers = vec![defaults()];
        if let Some(path) = file {
            layers.extend(read_file(path, &tree, &mut problems));
        }
        layers.push(read_env(env, &tree, &mut problems));
        if !problems.is_empty() {
            return Err(ConfigError { problems });
        }
        let merged = layers.into_iter().fold(Figment::new(), Figment::merge);
        let mut config: Self = merged.extract().map_err(|error| ConfigError {
            problems: error.into_iter().map(|error| explain(&error)).collect(),
        })?;
        config.take_keys(env);
        config.validate()?;
        Ok(config)
    }

    /// Fills in the providers' keys from the variables that they name.
    fn take_keys(&mut self, env: &BTreeMap<String, String>) {
        for provider in self.ai.providers.values_mut() {
            let named = provider
                .api_key_env
                .iter()
                .find_map(|name| env.get(name).filter(|key| !key.trim().is_empty()));
            if let Some(key) = named {
                provider.api_key = key.trim().into();
            }
        }
    }

    /// Every setting with its present value; secrets are masked, or told apart where it is
    /// [compared](super::secret::told_apart).
    #[must_use]
    pub fn values(&self) -> Vec<(String, String)> {
        let mut values = Vec::new();
        if let Ok(value) = Value::serialize(self) {
            flatten(&value, String::new(), &mut values);
        }
        values
    }
}

/// The file that is read where none is named.
fn present_file<'a>() -> Option<&'a Path> {
    Some(Path::new(CONFIG_FILE)).filter(|path| path.is_file())
}

/// The process's environment; what is not Unicode is none of ours.
pub(super) fn process_env() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn defaults() -> Layer {
    let dict = Value::serialize(Config::default()).ok().and_then(Value::into_dict).unwrap_or_default();
    Layer { name: DEFAULTS.to_owned(), dict }
}

fn read_file(path: &Path, tree: &Node, problems: &mut Vec<Problem>) -> Option<Layer> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| problems.push(Problem::new(&name, "", format!("cannot be read: {error}"))))
        .ok()?;
    let table: toml::Table = toml::from_str(&text)
        .map_err(|error: toml::de::Error| {
            // The message alone: the whole error shows the line, and there may be a secret on it.
            let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
            problems.push(Problem::new(&name, "", format!("line {line}: {}", error.message())));
        })
        .ok()?;
    let dict = Value::serialize(table).ok().and_then(Value::into_dict).unwrap_or_default();
    problems.extend(
        tree.check(&dict).into_iter().map(|(setting, problem)| Problem::new(&name, &setting, problem)),
    );
    Some(Layer { name, dict })
}

fn read_env(env: &BTreeMap<String, String>, tree: &Node, problems: &mut Vec<Problem>) -> Layer {
    let mut dict = Dict::new();
    for (setting, variable, value) in environment::filled(env) {
        match value {
            Ok(value) => put(&mut dict, &setting.split('.').collect::<Vec<_>>(), value),
            Err(problem) => problems.push(Problem::new(ENVIRONMENT, variable, problem)),
        }
    }
    for (variable, text) in env {
        let Some(path) = known::env_path(variable) else { continue };
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let read = match tree.leaf(&path) {
            Some(leaf) => known::parse(leaf, text).map_err(str::to_owned),
            None => Err(unknown_variable(tree, &path)),
        };
        match read {
            Ok(value) => put(&mut dict, &path, value),
            Err(problem) => problems.push(Problem::new(ENVIRONMENT, variable, problem)),
        }
    }
    Layer { name: ENVIRONMENT.to_owned(), dict }
}

/// The nearest name, told as the variable that it has.
fn unknown_variable(tree: &Node, path: &[&str]) -> String {
    let told = tree.unknown(&path.join("."));
    match told.split_once("did you mean ") {
        Some((start, nearest)) => {
            format!("{start}did you mean {}?", known::env_name(nearest.trim_end_matches('?')))
        }
        None => told,
    }
}

fn put(dict: &mut Dict, path: &[&str], value: Value) {
    match path {
        [] => {}
        [last] => {
            dict.insert((*last).to_owned(), value);
        }
        [first, rest @ ..] => {
            let inner = dict.entry((*first).to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Says what figment found, without the value where that is a secret.
fn explain(error: &figment::Error) -> Problem {
    use figment::error::Kind;
    let source = error.metadata.as_ref().map(|metadata| metadata.name.to_string()).unwrap_or_default();
    let name = error.path.join(".");
    // An item of a list has its number after the name.
    let setting = name.trim_end_matches(|c: char| c == '.' || c.is_ascii_digit());
    let secrets = ["jwt_secret", "jwt_previous_secrets", "api_key", "password", "auth_token", "url"];
    let secret = secrets.iter().any(|key| setting.ends_with(key));
    let message = match &error.kind {
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) if secret => {
            format!("takes {expected}")
        }
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            format!("takes {expected}, not {actual}")
        }
        Kind::UnknownVariant(actual, expected) => format!("takes {}, not {actual:?}", expected.join(" or ")),
        other => other.to_string(),
    };
    let name = if source == ENVIRONMENT { known::env_name(&name) } else { name };
    Problem { source: source.replace(DEFAULTS, ""), name, message }
}

fn flatten(value: &Value, name: String, values: &mut Vec<(String, String)>) {
    let join = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Dict(_, dict) => dict.iter().for_each(|(key, value)| flatten(value, join(key), values)),
        Value::Array(_, items) => {
            let items: Vec<String> = items.iter().map(scalar).collect();
            values.push((name, format!("[{}]", items.join(", "))));
        }
        scalar_value => values.push((name, scalar(scalar_value))),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Bool(_, on) => on.to_string(),
        Value::Num(_, number) => number
            .to_u128()
            .map(|it| it.to_string())
            .or_else(|| number.to_f64().map(|it| it.to_string()))
            .unwrap_or_default(),
        other => format!("{other:?}"),
    }
}

/// Names of this process's environment that are accepted, and that nothing needs.
#[must_use]
pub fn names_not_needed() -> Vec<String> {
    environment::not_needed(&process_env()).into_iter().map(str::to_owned).collect()
}

/// Names of this process's environment that look as if they were meant for us, and are none of ours.
#[must_use]
pub fn names_not_understood() -> Vec<String> {
    environment::not_understood(&process_env()).into_iter().map(str::to_owned).collect()
}
