//! What a character may be: bounds of everything that is written of one, whoever writes it.

use greenroom_actors::prompt;
use url::Url;

use super::draft::CharacterDraft;
use super::{cards, is_slug};
use crate::error::FieldError;

/// Longest name, in characters (Unicode), as all bounds here.
pub const NAME_MAX: usize = 80;
pub const LINE_MAX: usize = 200;
/// A long text: a description, a greeting, a prompt.
pub const TEXT_MAX: usize = 16_000;
/// Entries of a short list: tags, greetings, topics.
pub const LIST_MAX: usize = 64;
/// Back ends that stand in for a character's own.
pub const FALLBACKS_MAX: usize = 8;
pub const TRAITS_MAX: usize = 24;
pub const KNOWLEDGE_MAX: usize = 256;
/// A fact, or one line of an example dialogue.
pub const FACT_MAX: usize = 8_000;
pub const EXAMPLES_MAX: usize = 256;
pub const LORE_ENTRIES_MAX: usize = 500;
pub const LORE_KEYS_MAX: usize = 64;
/// Bytes of a whole character's texts and its lorebook.
pub const CHARACTER_MAX_BYTES: usize = 1_024 * 1_024;
/// Bytes of the card that it came from: what may be read, and what escaping adds to it.
const CARD_MAX_BYTES: usize = 5 * 1_024 * 1_024;
pub const MAX_TOKENS_MAX: u32 = 32_000;
pub const CONTEXT_TOKENS_MIN: u32 = 500;
pub const CONTEXT_TOKENS_MAX: u32 = 2_000_000;
/// Bytes of an address.
const URL_MAX: usize = 2_000;
/// Where uploaded media are served.
const MEDIA_PATH: &str = "/media/";

/// Collects what is wrong.
#[derive(Default)]
pub struct Faults(Vec<FieldError>);

impl Faults {
    pub fn check(&mut self, holds: bool, field: &'static str, message: &'static str) {
        if !holds {
            self.0.push(FieldError::new(field, message));
        }
    }

    /// One line that has to be there.
    fn line(&mut self, field: &'static str, text: &str, most: usize) {
        self.optional_line(field, text, most);
        self.check(!text.trim().is_empty(), field, "is missing");
    }

    fn optional_line(&mut self, field: &'static str, text: &str, most: usize) {
        if text.chars().count() > most || text.chars().any(char::is_control) {
            let message = format!("takes at most {most} characters, none of them a control character");
            self.0.push(FieldError::new(field, message));
        }
    }

    fn text(&mut self, field: &'static str, text: &str, most: usize) {
        if text.chars().count() > most || text.contains('\0') {
            self.0.push(FieldError::new(field, format!("takes at most {most} characters and no NUL")));
        }
    }

    /// A list of texts, none of them blank.
    fn list(&mut self, field: &'static str, list: &[String], most: usize, each: usize) {
        let fits =
            |text: &String| !text.trim().is_empty() && text.chars().count() <= each && !text.contains('\0');
        if list.len() > most || !list.iter().all(fits) {
            let message = format!("takes at most {most} entries of 1 to {each} characters each");
            self.0.push(FieldError::new(field, message));
        }
    }

    fn unit(&mut self, field: &'static str, value: f32) {
        self.check((0.0..=1.0).contains(&value), field, "takes 0 to 1");
    }

    pub fn into_result(self) -> Result<(), Vec<FieldError>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// The draft in the form in which it is stored: lines trimmed, addresses in their normal form, doubles left out; or all
/// that is wrong with it, by the names that requests have for it.
pub fn checked(mut draft: CharacterDraft) -> Result<CharacterDraft, Vec<FieldError>> {
    normalise(&mut draft);
    let mut faults = Faults::default();
    public_part(&draft, &mut faults);
    private_part(&draft, &mut faults);
    lorebook(&draft, &mut faults);
    match draft.avatar_url.as_deref().map(address).transpose() {
        Ok(address) => draft.avatar_url = address,
        Err(message) => faults.check(false, "avatarUrl", message),
    }
    faults.check(size(&draft) <= CHARACTER_MAX_BYTES, "settings", "is larger than 1 MB all together");
    let card = draft.card.as_ref().map_or(0, |card| card.to_string().len());
    faults.check(card <= CARD_MAX_BYTES, "card", "is larger than 5 MB");
    faults.into_result()?;
    Ok(draft)
}

fn normalise(draft: &mut CharacterDraft) {
    let trim = |text: &mut String| *text = text.trim().to_owned();
    [&mut draft.name, &mut draft.tagline, &mut draft.category, &mut draft.color, &mut draft.tone]
        .into_iter()
        .for_each(trim);
    draft.ai.fallbacks.iter_mut().for_each(trim);
    for list in [&mut draft.tags, &mut draft.traits, &mut draft.restricted_topics] {
        list.iter_mut().for_each(trim);
        once_each(list);
    }
    for optional in [
        &mut draft.system_prompt,
        &mut draft.post_history,
        &mut draft.voice,
        &mut draft.ai.provider,
        &mut draft.ai.model,
        &mut draft.avatar_url,
    ] {
        if optional.as_deref().is_some_and(|text| text.trim().is_empty()) {
            *optional = None;
        }
    }
}

/// Each once, but for case, where it stood first.
fn once_each(list: &mut Vec<String>) {
    let mut seen = std::collections::HashSet::with_capacity(list.len());
    list.retain(|text| seen.insert(text.to_lowercase()));
}

fn public_part(draft: &CharacterDraft, faults: &mut Faults) {
    let slug = draft.slug.as_deref();
    let slug_fits = slug.is_none_or(|slug| is_slug(slug) && uuid::Uuid::try_parse(slug).is_err());
    faults.check(slug_fits, "slug", "takes 1 to 80 of a-z, 0-9 and -, and is no id");
    faults.check(!slug.is_some_and(is_reserved), "slug", "is a path of the server's own");
    faults.line("name", &draft.name, NAME_MAX);
    faults.optional_line("tagline", &draft.tagline, LINE_MAX);
    faults.text("description", &draft.description, TEXT_MAX);
    faults.line("category", &draft.category, NAME_MAX);
    faults.list("tags", &draft.tags, LIST_MAX, NAME_MAX);
    faults.check(is_color(&draft.color), "color", "takes #rrggbb");
    faults.text("greeting", &draft.greeting, TEXT_MAX);
    faults.list("alternateGreetings", &draft.alternate_greetings, LIST_MAX, TEXT_MAX);
    faults.optional_line("tone", &draft.tone, NAME_MAX);
    for (field, value) in [
        ("dials.formality", draft.dials.formality),
        ("dials.humor", draft.dials.humor),
        ("dials.empathy", draft.dials.empathy),
        ("dials.creativity", draft.dials.creativity),
        ("dials.confidence", draft.dials.confidence),
        ("dials.emoji", draft.dials.emoji),
        ("talkativeness", draft.talkativeness),
    ] {
        faults.unit(field, value);
    }
    faults.check(draft.traits.len() <= TRAITS_MAX, "traits", "takes at most 24");
    if let Some(unknown) = draft.traits.iter().find(|name| prompt::trait_named(name).is_none()) {
        let unknown: String = unknown.chars().filter(|sign| !sign.is_control()).take(40).collect();
        let message = format!("\u{201c}{unknown}\u{201d} is none of GET /api/characters/traits");
        faults.0.push(FieldError::new("traits", message));
    }
    let voice = draft.voice.as_deref().unwrap_or_default();
    faults.optional_line("voice", voice, NAME_MAX);
}

/// Paths beside those of characters.
const RESERVED: [&str; 2] = ["traits", "import"];

pub fn is_reserved(slug: &str) -> bool {
    RESERVED.contains(&slug)
}

fn private_part(draft: &CharacterDraft, faults: &mut Faults) {
    faults.text("settings.personality", &draft.personality, TEXT_MAX);
    faults.text("settings.scenario", &draft.scenario, TEXT_MAX);
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    faults.text("settings.systemPrompt", &optional(&draft.system_prompt), TEXT_MAX);
    faults.text("settings.postHistory", &optional(&draft.post_history), TEXT_MAX);
    faults.list("settings.knowledge", &draft.knowledge, KNOWLEDGE_MAX, FACT_MAX);
    faults.list("settings.restrictedTopics", &draft.restricted_topics, LIST_MAX, LINE_MAX);
    let line_fits =
        |text: &str| !text.trim().is_empty() && text.chars().count() <= FACT_MAX && !text.contains('\0');
    faults.check(
        draft.examples.len() <= EXAMPLES_MAX && draft.examples.iter().all(|line| line_fits(&line.text)),
        "settings.examples",
        "takes at most 256 lines of 1 to 8000 characters each",
    );
    let ai = &draft.ai;
    faults.optional_line("settings.ai.provider", ai.provider.as_deref().unwrap_or_default(), NAME_MAX);
    faults.optional_line("settings.ai.model", ai.model.as_deref().unwrap_or_default(), LINE_MAX);
    faults.list("settings.ai.fallbacks", &ai.fallbacks, FALLBACKS_MAX, LINE_MAX);
    let names_both = |link: &String| {
        let (provider, model) = link.split_once('/').unwrap_or((link, "its own"));
        !provider.trim().is_empty() && !model.trim().is_empty() && !link.chars().any(char::is_control)
    };
    faults.check(
        ai.fallbacks.iter().all(names_both),
        "settings.ai.fallbacks",
        "takes entries such as gemini, or openai/gpt-5.4-mini",
    );
    faults.check((0.0..=2.0).contains(&ai.temperature), "settings.ai.temperature", "takes 0 to 2");
    faults.check((1..=MAX_TOKENS_MAX).contains(&ai.max_tokens), "settings.ai.maxTokens", "takes 1 to 32000");
    faults.check(
        (CONTEXT_TOKENS_MIN..=CONTEXT_TOKENS_MAX).contains(&ai.context_tokens),
        "settings.ai.contextTokens",
        "takes 500 to 2000000",
    );
    faults.check(
        ai.max_tokens < ai.context_tokens,
        "settings.ai.maxTokens",
        "leaves no room for the prompt within contextTokens",
    );
}

fn lorebook(draft: &CharacterDraft, faults: &mut Faults) {
    const FIELD: &str = "settings.lorebook";
    let book = &draft.lorebook;
    faults.check(book.entries.len() <= LORE_ENTRIES_MAX, FIELD, "takes at most 500 entries");
    faults.check(book.scan_depth.is_none_or(|depth| depth <= 1_000), FIELD, "scanDepth takes at most 1000");
    let budget = book.token_budget.is_none_or(|tokens| tokens <= CONTEXT_TOKENS_MAX);
    faults.check(budget, FIELD, "tokenBudget takes at most 2000000");
    let key_fits =
        |key: &String| !key.trim().is_empty() && key.chars().count() <= LINE_MAX && !key.contains('\0');
    for entry in &book.entries {
        let keys = [&entry.keys, &entry.secondary_keys];
        let keys_fit = keys.iter().all(|keys| keys.len() <= LORE_KEYS_MAX && keys.iter().all(key_fits));
        if !keys_fit {
            return faults.check(false, FIELD, "an entry takes at most 64 keys of 1 to 200 characters");
        }
        if entry.name.chars().count() > LINE_MAX || entry.name.contains('\0') {
            return faults.check(false, FIELD, "an entry's name takes at most 200 characters");
        }
        if entry.content.chars().count() > FACT_MAX || entry.content.contains('\0') {
            return faults.check(false, FIELD, "an entry's content takes at most 8000 characters");
        }
        if entry.keys.is_empty() && !entry.constant && entry.enabled {
            return faults.check(false, FIELD, "an entry needs a key, or to be constant");
        }
    }
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|d| d.is_ascii_hexdigit()))
}

/// About how large it is, in bytes.
fn size(draft: &CharacterDraft) -> usize {
    let lists = [&draft.alternate_greetings, &draft.knowledge, &draft.restricted_topics, &draft.tags];
    let lists = lists.iter().flat_map(|list| list.iter()).map(String::len).sum::<usize>();
    let lines = draft.examples.iter().map(|line| line.text.len()).sum::<usize>();
    let texts = [&draft.description, &draft.greeting, &draft.personality, &draft.scenario];
    let texts = texts.iter().map(|text| text.len()).sum::<usize>();
    let json = |value: Result<Vec<u8>, _>| value.map_or(usize::MAX / 4, |bytes: Vec<u8>| bytes.len());
    let book = json(serde_json::to_vec(&draft.lorebook));
    lists + lines + texts + book
}

/// An address that clients may load, in its normal form: `https:` with a host and without a sign-in, or a path of this
/// server's media. Nothing else: no `javascript:`, no `data:`, nothing without TLS.
pub fn address(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "takes an https address without a sign-in, or a path under /media/";
    let text = text.trim();
    if text.len() > URL_MAX {
        return Err("takes at most 2000 bytes");
    }
    if cards::is_picture_path(text) {
        return Ok(text.to_owned());
    }
    if text.starts_with('/') {
        // Read as a browser would; what that makes another path of is not what it says.
        let read = Url::parse("https://media.invalid").and_then(|base| base.join(text)).map_err(|_| WRONG)?;
        let same = read.host_str() == Some("media.invalid") && read.path() == text;
        let plain = text.starts_with(MEDIA_PATH) && text.len() > MEDIA_PATH.len() && !text.contains("//");
        return if same && plain { Ok(text.to_owned()) } else { Err(WRONG) };
    }
    let url = Url::parse(text).map_err(|_| WRONG)?;
    let open = url.username().is_empty() && url.password().is_none();
    let fits = url.scheme() == "https" && url.host_str().is_some_and(|host| !host.is_empty()) && open;
    if fits && url.as_str().len() <= URL_MAX { Ok(url.into()) } else { Err(WRONG) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::characters::{LoreEntry, Lorebook};

    fn draft() -> CharacterDraft {
        CharacterDraft { name: "Mira".to_owned(), ..CharacterDraft::default() }
    }

    fn fields(draft: CharacterDraft) -> Vec<String> {
        let faults = checked(draft).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.field.into_owned()).collect()
    }

    #[test]
    fn a_name_is_enough() {
        assert_eq!(checked(draft()).unwrap().name, "Mira");
        assert_eq!(fields(CharacterDraft::default()), ["name"]);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_by_its_name() {
        let mut wrong = draft();
        wrong.dials.humor = 1.5;
        wrong.dials.empathy = f32::NAN;
        wrong.color = "violet".to_owned();
        wrong.traits = vec!["warm".to_owned(), "purple".to_owned()];
        wrong.ai.temperature = -0.1;
        wrong.slug = Some("traits".to_owned());
        wrong.knowledge = vec![" ".to_owned()];
        let expected = [
            "slug",
            "color",
            "dials.humor",
            "dials.empathy",
            "traits",
            "settings.knowledge",
            "settings.ai.temperature",
        ];
        assert_eq!(fields(wrong), expected);
    }

    #[test]
    fn an_entry_of_a_lorebook_that_could_never_come_up_is_refused() {
        let mut book = draft();
        book.lorebook = Lorebook {
            entries: vec![LoreEntry { enabled: true, ..LoreEntry::default() }],
            ..Lorebook::default()
        };
        assert_eq!(fields(book), ["settings.lorebook"]);
    }

    #[test]
    fn a_card_as_large_as_a_book_is_refused() {
        let mut large = draft();
        large.card = Some(serde_json::Value::String("x".repeat(CARD_MAX_BYTES)));
        assert_eq!(fields(large), ["card"]);
    }

    #[test]
    fn only_addresses_that_are_safe_to_load_are_taken() {
        for text in [
            "https://example.com/a.webp",
            "/media/characters/a.webp",
            "https://münchen.de/ä b",
            "/api/characters/0197f000-0000-7000-8000-000000000000/picture",
        ] {
            assert!(address(text).is_ok(), "{text}");
        }
        assert_eq!(address("https://EXAMPLE.com").unwrap(), "https://example.com/");
        for text in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "data:image/png;base64,AA",
            "http://example.com/a.png",
            "https://mira:secret@example.com/a.png",
            "https://mira@example.com/a.png",
            "https://",
            "//example.com/a.png",
            "/etc/passwd",
            "/media/",
            "/media/../api/characters",
            "/media/%2e%2e/api",
            "/media/a?b",
            "/media\\..\\x",
            "/media//x",
            "/api/characters/0197f000-0000-7000-8000-000000000000/picture/",
            "/api/characters/mira/picture",
            "a.png",
            "",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
        assert!(address(&format!("https://example.com/{}", "a".repeat(2_000))).is_err());
    }
}
