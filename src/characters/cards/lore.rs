//! The lorebook of a card: read as the engine understands it, and written back over what was there, so that an entry which
//! nobody changed stays as it came, to the last unknown field.

use greenroom_actors::prompt;
use serde_json::{Map, Value, json};

use super::Warnings;
use super::card::{flag, number, text, texts};
use super::draft::cut;
/// Entries that are used; further ones are kept, and given back at export.
pub use crate::characters::rules::LORE_ENTRIES_MAX as ENTRIES_MAX;
/// Keys of one entry, and secondary ones.
pub use crate::characters::rules::LORE_KEYS_MAX as KEYS_MAX;
use crate::characters::{LoreEntry, LorePosition, Lorebook, SecondaryRule};

/// Bytes of all entries that are used.
const BOOK_MAX_BYTES: usize = 256 * 1024;
/// Messages back that a book may scan, and tokens that it may want.
const SCAN_DEPTH_MAX: u32 = 1_000;
const TOKEN_BUDGET_MAX: u32 = 2_000_000;
/// Characters of a key.
pub const KEY_MAX_CHARS: usize = 200;
/// Characters of an entry's text.
pub const CONTENT_MAX_CHARS: usize = 8_000;
/// Characters of an entry's name.
const NAME_MAX_CHARS: usize = 200;

/// The entries of a book as a card has them: a list, or (SillyTavern's own files) an object by number.
fn raw_entries(book: &Map<String, Value>) -> Vec<&Map<String, Value>> {
    match book.get("entries") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_object).collect(),
        Some(Value::Object(named)) => named.values().filter_map(Value::as_object).collect(),
        _ => Vec::new(),
    }
}

/// Reads a book; says what of it has no effect.
#[must_use]
pub fn read(book: &Map<String, Value>, warnings: &mut Warnings) -> Lorebook {
    let raw = raw_entries(book);
    let mut told = Told::default();
    let mut bytes = 0;
    let fits = |entry: &LoreEntry| {
        bytes += serde_json::to_vec(entry).map_or(BOOK_MAX_BYTES, |json| json.len());
        bytes <= BOOK_MAX_BYTES
    };
    let entries: Vec<LoreEntry> =
        raw.iter().take(ENTRIES_MAX).map(|entry| read_entry(entry, &mut told)).take_while(fits).collect();
    told.tell(warnings);
    let beyond = raw.len() - entries.len();
    if beyond > 0 {
        warnings
            .add("character_book", format!("is too large: its last {beyond} entries are kept, but not used"));
    }
    Lorebook {
        scan_depth: whole(book.get("scan_depth")).map(|depth| depth.min(SCAN_DEPTH_MAX)),
        token_budget: whole(book.get("token_budget")).map(|budget| budget.min(TOKEN_BUDGET_MAX)),
        recursive: flag(book.get("recursive_scanning")).unwrap_or(false),
        entries,
    }
}

/// Entries of which something is to be told, told once for all.
#[derive(Default)]
struct Told {
    shortened: usize,
    bad_regex: usize,
    by_chance: usize,
    in_history: usize,
}

impl Told {
    fn tell(&self, warnings: &mut Warnings) {
        let rows = [
            (self.shortened, "have more keys or longer texts than are used"),
            (
                self.bad_regex,
                "have regular expressions that cannot be run here (look-around, back-references, or too large): those never match",
            ),
            (self.by_chance, "are meant to come by chance; here they come whenever their keys are found"),
            (self.in_history, "are meant to stand within the history; here they stand with the others"),
        ];
        for (count, what) in rows {
            if count > 0 {
                warnings.add("character_book.entries", format!("{count} {what}"));
            }
        }
    }
}

fn whole(value: Option<&Value>) -> Option<u32> {
    // A sum beyond the type is as good as its end.
    value.and_then(number).filter(|number| *number >= 0.0).map(|number| number as u32)
}

fn small(value: Option<&Value>) -> Option<i32> {
    value.and_then(number).map(|number| number as i32)
}

fn read_entry(entry: &Map<String, Value>, told: &mut Told) -> LoreEntry {
    let extension = |name: &str| entry.get("extensions").and_then(|extensions| extensions.get(name));
    let mut shortened = false;
    let mut bounded = |text: &str, most: usize| {
        let (text, was_cut) = cut(text, most);
        shortened |= was_cut;
        text
    };
    let mut list = |name: &str, own: &str| -> Vec<String> {
        let keys = entry.get(name).or_else(|| entry.get(own)).map(texts).unwrap_or_default();
        let keys: Vec<String> = keys.into_iter().filter(|key| !key.trim().is_empty()).collect();
        keys.iter().take(KEYS_MAX).map(|key| bounded(key.trim(), KEY_MAX_CHARS)).collect()
    };
    let keys = list("keys", "key");
    let secondary = list("secondary_keys", "keysecondary");
    let logic = extension("selectiveLogic").or_else(|| entry.get("selectiveLogic"));
    // SillyTavern says of every entry that it has regular expressions, and means only keys between slashes.
    let own_keys = logic.is_some();
    let selective = flag(entry.get("selective")).unwrap_or(false);
    let secondary = if selective { secondary } else { Vec::new() };
    let slashed = keys.iter().chain(&secondary).any(|key| is_slashed(key));
    let use_regex = match flag(entry.get("use_regex")) {
        Some(true) => slashed || !own_keys,
        Some(false) => false,
        None => slashed,
    };
    let pattern = |key: String| {
        let plain = own_keys || entry.get("use_regex").is_none();
        if use_regex && plain && !is_slashed(&key) { regex::escape(&key) } else { key }
    };
    let keys: Vec<String> = keys.into_iter().map(pattern).collect();
    // The specification has them ignored where the keys are regular expressions; SillyTavern does not.
    let secondary_keys: Vec<String> =
        if use_regex && !own_keys { Vec::new() } else { secondary.into_iter().map(pattern).collect() };
    told.bad_regex +=
        usize::from(use_regex && keys.iter().chain(&secondary_keys).any(|key| !prompt::runs_as_pattern(key)));
    let by_chance = flag(extension("useProbability")).unwrap_or(false)
        && extension("probability").and_then(number).is_some_and(|chance| chance < 100.0);
    told.by_chance += usize::from(by_chance);
    told.in_history +=
        usize::from(extension("position").and_then(number).is_some_and(|position| position >= 2.0));
    let order = small(entry.get("insertion_order").or_else(|| entry.get("order"))).unwrap_or(100);
    let enabled = flag(entry.get("enabled")).or_else(|| flag(entry.get("disable")).map(|off| !off));
    let name = ["name", "comment"].iter().filter_map(|name| entry.get(*name).and_then(text));
    let constant = flag(entry.get("constant")).unwrap_or(false);
    // One that nothing could bring up is as good as switched off.
    let enabled = enabled.unwrap_or(true) && (constant || !keys.is_empty());
    let read = LoreEntry {
        name: cut(
            name.map(|name| name.trim().to_owned()).find(|name| !name.is_empty()).as_deref().unwrap_or(""),
            NAME_MAX_CHARS,
        )
        .0,
        keys,
        secondary_keys,
        secondary_rule: rule(logic),
        use_regex,
        case_sensitive: flag(entry.get("case_sensitive"))
            .or_else(|| flag(extension("case_sensitive")))
            .unwrap_or(false),
        content: bounded(entry.get("content").and_then(text).unwrap_or_default().trim(), CONTENT_MAX_CHARS),
        enabled,
        constant,
        order,
        priority: small(entry.get("priority")).unwrap_or(order),
        position: match entry.get("position") {
            Some(Value::String(position)) if position == "after_char" => LorePosition::AfterCharacter,
            Some(Value::Number(position)) if position.as_f64() != Some(0.0) => LorePosition::AfterCharacter,
            _ => LorePosition::BeforeCharacter,
        },
    };
    told.shortened += usize::from(shortened);
    read
}

/// SillyTavern's numbers.
fn rule(logic: Option<&Value>) -> SecondaryRule {
    match small(logic) {
        Some(1) => SecondaryRule::NotAll,
        Some(2) => SecondaryRule::NotAny,
        Some(3) => SecondaryRule::AndAll,
        _ => SecondaryRule::AndAny,
    }
}

fn logic(rule: SecondaryRule) -> u8 {
    match rule {
        SecondaryRule::AndAny => 0,
        SecondaryRule::NotAll => 1,
        SecondaryRule::NotAny => 2,
        SecondaryRule::AndAll => 3,
    }
}

/// The parts of `/pattern/flags`.
fn slashed(key: &str) -> Option<(&str, &str)> {
    let (pattern, flags) = key.strip_prefix('/')?.rsplit_once('/')?;
    (!pattern.is_empty() && flags.bytes().all(|flag| b"dgimsuvy".contains(&flag))).then_some((pattern, flags))
}

fn is_slashed(key: &str) -> bool {
    slashed(key).is_some()
}

/// The book as it is now, written over the one that came: `was` is how that was read. `None`: there is no book.
#[must_use]
pub fn write(raw: Option<&Map<String, Value>>, was: &Lorebook, now: &Lorebook) -> Option<Value> {
    if was == now {
        return raw.cloned().map(Value::Object);
    }
    let mut book = raw.cloned().unwrap_or_else(|| Map::from_iter([("extensions".to_owned(), json!({}))]));
    let mut put = |name: &str, changed: bool, value: Option<Value>| match value {
        Some(value) if changed => {
            book.insert(name.to_owned(), value);
        }
        None if changed => {
            book.remove(name);
        }
        _ => {}
    };
    put("scan_depth", was.scan_depth != now.scan_depth, now.scan_depth.map(Value::from));
    put("token_budget", was.token_budget != now.token_budget, now.token_budget.map(Value::from));
    put("recursive_scanning", raw.is_none() || was.recursive != now.recursive, Some(now.recursive.into()));
    let raw = raw.map(raw_entries).unwrap_or_default();
    book.insert("entries".to_owned(), Value::Array(write_entries(&raw, &was.entries, &now.entries)));
    Some(Value::Object(book))
}

fn write_entries(raw: &[&Map<String, Value>], was: &[LoreEntry], now: &[LoreEntry]) -> Vec<Value> {
    let mut free: Vec<bool> = vec![true; was.len()];
    let mut of: Vec<Option<usize>> = vec![None; now.len()];
    // Those that stand as they came first, then those of which the name, the keys or the text tell what they were.
    let alike: [fn(&LoreEntry, &LoreEntry) -> bool; 4] = [
        |was, now| was == now,
        |was, now| was.keys == now.keys && was.name == now.name,
        |was, now| !now.content.is_empty() && was.content == now.content,
        |was, now| {
            (!now.name.is_empty() && was.name == now.name) || (!now.keys.is_empty() && was.keys == now.keys)
        },
    ];
    for alike in alike {
        for (entry, found) in now.iter().zip(&mut of) {
            if found.is_none() {
                *found = (0..was.len()).find(|at| free[*at] && alike(&was[*at], entry));
                if let Some(at) = *found {
                    free[at] = false;
                }
            }
        }
    }
    let written = now.iter().zip(of).map(|(entry, found)| match found {
        Some(at) => write_entry(Some((raw[at], &was[at])), entry),
        None => write_entry(None, entry),
    });
    // Those beyond the bound were never shown to anybody, so nobody took them away.
    let beyond = raw.iter().skip(was.len()).map(|entry| Value::Object((*entry).clone()));
    written.chain(beyond).collect()
}

fn write_entry(came: Option<(&Map<String, Value>, &LoreEntry)>, now: &LoreEntry) -> Value {
    let new = LoreEntry::default();
    let mut entry = came.map(|(raw, _)| raw.clone()).unwrap_or_default();
    let was = came.map_or(&new, |(_, was)| was);
    let is_new = came.is_none();
    let mut put = |name: &str, changed: bool, value: Value| {
        if is_new || changed {
            entry.insert(name.to_owned(), value);
        }
    };
    put("name", was.name != now.name, json!(now.name));
    put("comment", was.name != now.name, json!(now.name));
    let keys = was.keys != now.keys || was.use_regex != now.use_regex;
    put("keys", keys, json!(now.keys));
    put("use_regex", keys, json!(now.use_regex));
    let secondary = was.secondary_keys != now.secondary_keys || was.secondary_rule != now.secondary_rule;
    put("secondary_keys", secondary, json!(now.secondary_keys));
    put("selective", secondary, json!(!now.secondary_keys.is_empty()));
    put("case_sensitive", was.case_sensitive != now.case_sensitive, json!(now.case_sensitive));
    put("content", was.content != now.content, json!(now.content));
    put("enabled", was.enabled != now.enabled, json!(now.enabled));
    put("constant", was.constant != now.constant, json!(now.constant));
    put("insertion_order", was.order != now.order, json!(now.order));
    put("priority", was.priority != now.priority || was.order != now.order, json!(now.priority));
    let position = match now.position {
        LorePosition::BeforeCharacter => "before_char",
        LorePosition::AfterCharacter => "after_char",
    };
    put("position", was.position != now.position, json!(position));
    let extensions = entry.entry("extensions").or_insert_with(|| json!({}));
    if let (Some(extensions), true) = (extensions.as_object_mut(), is_new || secondary || keys) {
        // Where the keys were written anew they are to be read as they were written, by whatever program.
        let needed = secondary || now.secondary_rule != SecondaryRule::AndAny;
        if needed && !(now.use_regex && now.secondary_keys.is_empty()) {
            extensions.insert("selectiveLogic".to_owned(), json!(logic(now.secondary_rule)));
        }
    }
    Value::Object(entry)
}
