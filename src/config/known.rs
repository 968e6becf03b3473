//! The names that settings have, read off the types themselves, so that a misspelt one is refused with the nearest.

use std::collections::BTreeMap;

use figment::value::{Dict, Value};

use super::{Config, IdentityProviderSettings, PlanSettings, ProviderSettings};

/// Prefix and separator of `GREENROOM__SECTION__KEY`.
pub(super) const ENV_PREFIX: &str = "GREENROOM__";
const ENV_SEPARATOR: &str = "__";

/// Settings of earlier versions, and what stands in their place.
const MOVED: [(&str, &str); 1] = [(
    "engine.refused_patterns",
    "list such texts by category in moderation.patterns, for example house = [\"word\"] under [moderation.patterns]",
)];

/// What kind of value a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    Text,
    Number,
    Switch,
    List,
}

pub(super) enum Node {
    Leaf(Leaf),
    Table(BTreeMap<String, Node>),
    /// A table whose names the operator chooses, each entry of the same shape.
    Named(Box<Node>),
}

fn shape(value: &Value) -> Node {
    match value {
        Value::Dict(_, dict) => {
            Node::Table(dict.iter().map(|(key, value)| (key.clone(), shape(value))).collect())
        }
        Value::Num(..) => Node::Leaf(Leaf::Number),
        Value::Bool(..) => Node::Leaf(Leaf::Switch),
        Value::Array(..) => Node::Leaf(Leaf::List),
        Value::String(..) | Value::Char(..) | Value::Empty(..) => Node::Leaf(Leaf::Text),
    }
}

fn shape_of(settings: impl serde::Serialize) -> Node {
    // Plain structs of numbers, texts and lists: nothing in them fails to serialise.
    Value::serialize(settings).map_or_else(|_| Node::Table(BTreeMap::new()), |value| shape(&value))
}

/// All known names.
pub(super) fn tree() -> Node {
    let mut root = shape_of(Config::default());
    if let Node::Table(sections) = &mut root {
        sections.insert("plans".to_owned(), Node::Named(Box::new(shape_of(PlanSettings::default()))));
        sections.insert("plan_replacements".to_owned(), Node::Named(Box::new(Node::Leaf(Leaf::Text))));
        if let Some(Node::Table(ai)) = sections.get_mut("ai") {
            let mut provider = shape_of(ProviderSettings::default());
            if let Node::Table(provider) = &mut provider {
                provider.insert("models".to_owned(), Node::Named(Box::new(shape_of(super::ai::with_all()))));
            }
            ai.insert("providers".to_owned(), Node::Named(Box::new(provider)));
        }
        if let Some(Node::Table(moderation)) = sections.get_mut("moderation") {
            moderation.insert("patterns".to_owned(), Node::Named(Box::new(Node::Leaf(Leaf::List))));
            moderation.insert("thresholds".to_owned(), Node::Named(Box::new(Node::Leaf(Leaf::Number))));
        }
        if let Some(Node::Table(auth)) = sections.get_mut("auth") {
            let identity = shape_of(IdentityProviderSettings::default());
            auth.insert("providers".to_owned(), Node::Named(Box::new(identity)));
        }
    }
    root
}

impl Node {
    fn child(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Table(children) => children.get(name),
            Self::Named(entry) => Some(entry),
            Self::Leaf(_) => None,
        }
    }

    /// What the setting at `path` takes; `None` if there is no such setting or it is a table.
    pub(super) fn leaf(&self, path: &[&str]) -> Option<Leaf> {
        match path.iter().try_fold(self, |node, name| node.child(name))? {
            Self::Leaf(leaf) => Some(*leaf),
            Self::Table(_) | Self::Named(_) => None,
        }
    }

    /// Every setting's dotted name; a name that the operator chooses stands as `*`.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Leaf(_) => vec![String::new()],
            Self::Table(children) => {
                children.iter().flat_map(|(name, child)| child.names_under(name)).collect()
            }
            Self::Named(entry) => entry.names_under("*"),
        }
    }

    fn names_under(&self, name: &str) -> Vec<String> {
        let join = |rest: String| if rest.is_empty() { name.to_owned() } else { format!("{name}.{rest}") };
        self.names().into_iter().map(join).collect()
    }

    /// What is wrong with the names of `dict`, as (dotted name, problem).
    pub(super) fn check(&self, dict: &Dict) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        self.check_under(dict, &mut Vec::new(), &mut problems);
        // The nearest name may be in another section: it is looked for from the root.
        for (name, problem) in &mut problems {
            if problem.is_empty() {
                *problem = self.unknown(name);
            }
        }
        problems
    }

    fn check_under(&self, dict: &Dict, path: &mut Vec<String>, problems: &mut Vec<(String, String)>) {
        for (name, value) in dict {
            path.push(name.clone());
            match (self.child(name), value) {
                (None, _) => problems.push((path.join("."), String::new())),
                (Some(Self::Leaf(_)), Value::Dict(..)) => {
                    problems.push((path.join("."), "takes a value, not a table".to_owned()));
                }
                (Some(Self::Leaf(_)), _) => {}
                (Some(node), Value::Dict(_, inner)) => node.check_under(inner, path, problems),
                (Some(_), _) => problems.push((path.join("."), "is a table, not a value".to_owned())),
            }
            path.pop();
        }
    }

    /// Says that `name` is unknown, and which known one is nearest.
    pub(super) fn unknown(&self, name: &str) -> String {
        if let Some((_, now)) = MOVED.iter().find(|(before, _)| *before == name) {
            return format!("is no more: {now}");
        }
        self.nearest(name).map_or_else(
            || "there is no such setting".to_owned(),
            |nearest| format!("there is no such setting; did you mean {nearest}?"),
        )
    }

    fn nearest(&self, name: &str) -> Option<String> {
        /// Below this likeness a suggestion would mislead.
        const LIKENESS_MIN: f64 = 0.6;
        let last = |text: &str| text.rsplit('.').next().unwrap_or(text).to_owned();
        let wanted = last(name);
        self.names()
            .into_iter()
            .map(|known| {
                let known = fill_in(&known, name);
                // The same word in another section is nearly as good as a slip in the right one.
                let word = strsim::normalized_damerau_levenshtein(&last(&known), &wanted) * 0.9;
                let whole = strsim::normalized_damerau_levenshtein(&known, name);
                let section = known.split('.').map(|part| strsim::normalized_damerau_levenshtein(part, name));
                (word.max(whole).max(section.fold(0.0, f64::max) * 0.8), known)
            })
            .max_by(|left, right| left.0.total_cmp(&right.0))
            .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
            .map(|(_, known)| known)
    }
}

/// Puts the operator's own name where `known` has a `*`: `plans.*.class` for `plans.gold.clas` is `plans.gold.class`.
fn fill_in(known: &str, name: &str) -> String {
    let mut given = name.split('.');
    known
        .split('.')
        .map(|part| match (part, given.next()) {
            ("*", Some(own)) => own,
            ("*", None) => "NAME",
            (part, _) => part,
        })
        .collect::<Vec<_>>()
        .join(".")
}

/// The environment variable that overrides the setting `name`.
#[must_use]
pub fn env_name(name: &str) -> String {
    format!("{ENV_PREFIX}{}", name.replace('.', ENV_SEPARATOR).to_uppercase())
}

/// The path of the setting that an environment variable overrides; `None` for other variables.
pub(super) fn env_path(variable: &str) -> Option<Vec<String>> {
    let rest = variable.strip_prefix(ENV_PREFIX)?;
    Some(rest.split(ENV_SEPARATOR).map(str::to_lowercase).collect())
}

/// Reads the text of an environment variable as what the setting takes.
pub(super) fn parse(leaf: Leaf, text: &str) -> Result<Value, &'static str> {
    let trimmed = text.trim();
    match leaf {
        Leaf::Text => Ok(text.into()),
        Leaf::Number => trimmed
            .parse::<i64>()
            .map(Value::from)
            .or_else(|_| trimmed.parse::<f64>().map(Value::from))
            .map_err(|_| "takes a number"),
        Leaf::Switch => match trimmed.to_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true.into()),
            "false" | "0" | "no" | "off" => Ok(false.into()),
            _ => Err("takes true or false"),
        },
        Leaf::List => {
            let items = trimmed.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::from(items.map(str::to_owned).collect::<Vec<_>>()))
        }
    }
}
