//! Decorators: lines such as `@@scan_depth 5` at the head of an entry's text, as Character Card V3 has them.
//!
//! What can be followed is followed; every other one is taken off the text and has no effect, as the specification wants it.
//! A line with `@@@` stands in for the one above it where that is not known.

use crate::domain::LorePosition;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decorators {
    /// `@@activate`
    pub always: bool,
    /// `@@dont_activate`
    pub never: bool,
    /// `@@activate_only_after`: not before the character has said so many messages.
    pub after_own_messages: usize,
    /// `@@activate_only_every`: only when their number is a multiple of this.
    pub every_own_messages: usize,
    /// `@@scan_depth`
    pub scan_depth: Option<usize>,
    /// `@@position`
    pub position: Option<LorePosition>,
    /// `@@additional_keys`: one of them must be found too.
    pub additional_keys: Vec<String>,
    /// `@@exclude_keys`: none of them may be found.
    pub excluded_keys: Vec<String>,
}

impl Default for Decorators {
    fn default() -> Self {
        Self {
            always: false,
            never: false,
            after_own_messages: 0,
            every_own_messages: 1,
            scan_depth: None,
            position: None,
            additional_keys: Vec::new(),
            excluded_keys: Vec::new(),
        }
    }
}

impl Decorators {
    /// The decorators of an entry's content, and the text below them.
    pub fn taken_from(content: &str) -> (Self, &str) {
        let mut decorators = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        // Whether the line above, or one that stood in for it, had its effect.
        let mut settled = true;
        let mut rest = content.trim_start();
        while let Some(line) = rest.strip_prefix("@@") {
            let (line, below) = line.split_once('\n').unwrap_or((line, ""));
            let stands_in = line.starts_with('@');
            let line = line.trim_start_matches('@').trim();
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            if !stands_in || !settled {
                // Of several with the same name the first one counts.
                settled = seen.contains(&name) || decorators.take(name, value.trim());
                seen.push(name);
            }
            rest = below.trim_start();
        }
        decorators.never &= !decorators.always;
        (decorators, rest)
    }

    fn take(&mut self, name: &str, value: &str) -> bool {
        let list = || value.split(',').map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        let number = value.parse::<usize>().ok();
        match (name, number) {
            ("activate", _) => self.always = true,
            ("dont_activate", _) => self.never = true,
            ("activate_only_after", Some(number)) => self.after_own_messages = number,
            ("activate_only_every", Some(number @ 1..)) => self.every_own_messages = number,
            ("scan_depth", Some(number)) => self.scan_depth = Some(number),
            ("additional_keys", _) => self.additional_keys = list().collect(),
            ("exclude_keys", _) => self.excluded_keys = list().collect(),
            ("position", _) if value == "before_desc" => self.position = Some(LorePosition::BeforeCharacter),
            ("position", _) if value == "after_desc" => self.position = Some(LorePosition::AfterCharacter),
            _ => return false,
        }
        true
    }
}
