//! What may stand in an avatar: the operator's rules and the provider's moderation, as for messages and replies.

use greenroom_actors::domain::UserId;
use greenroom_actors::ports::{Side, Verdict, Who};
use greenroom_actors::protocol::{Refusal, RefusalCode};

use super::Avatars;
use crate::characters::CharacterDraft;

/// Bytes of a text that is judged at a time.
const PART_MAX: usize = 16_000;

impl Avatars {
    /// Refused with `content_refused`, or `dependency_down` where it cannot be judged and nothing unjudged may pass.
    pub(super) async fn judge(&self, user: UserId, texts: &[&str], side: Side) -> Result<(), Refusal> {
        self.judge_new(user, texts, texts, side).await
    }

    /// The same where not all of it is new. The rules cost nothing and look at the whole, so that nothing hides where it is cut; the
    /// provider is asked about the new texts alone.
    pub(super) async fn judge_new(
        &self,
        user: UserId,
        all: &[&str],
        new: &[&str],
        side: Side,
    ) -> Result<(), Refusal> {
        allowed(&self.0.moderation.by_rules(&all.join("\n"), side))?;
        let who = Who { user: Some(user), ..Who::default() };
        for part in parts(&new.join("\n")) {
            allowed(&self.0.moderation.check(part, side, who).await)?;
        }
        Ok(())
    }
}

fn allowed(verdict: &Verdict) -> Result<(), Refusal> {
    match verdict {
        Verdict::Fine => Ok(()),
        Verdict::Refused { .. } => {
            let message = "this is not something that an avatar may be here: please put it differently";
            Err(Refusal::new(RefusalCode::ContentRefused, message))
        }
        Verdict::Unavailable => {
            let message = "it cannot be checked at the moment: try again soon";
            Err(Refusal::new(RefusalCode::DependencyDown, message))
        }
    }
}

/// The text in parts, cut between lines where that goes.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while rest.len() > PART_MAX {
        let mut end = PART_MAX;
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let end = rest[..end].rfind('\n').filter(|at| *at > 0).unwrap_or(end);
        parts.push(&rest[..end]);
        rest = &rest[end..];
    }
    parts.push(rest);
    parts
}

/// All that somebody or a model wrote into it.
pub(super) fn texts<'a>(draft: &'a CharacterDraft, appearance: &'a str) -> Vec<&'a str> {
    let one = [
        &draft.name,
        &draft.tagline,
        &draft.description,
        &draft.category,
        &draft.greeting,
        &draft.personality,
        &draft.scenario,
        &draft.tone,
    ];
    let many = [&draft.tags, &draft.alternate_greetings, &draft.knowledge, &draft.restricted_topics];
    let examples = draft.examples.iter().map(|line| line.text.as_str());
    let lore = draft.lorebook.entries.iter().map(|entry| entry.content.as_str());
    let all = one.iter().map(|text| text.as_str());
    let all = all.chain(many.iter().flat_map(|list| list.iter()).map(String::as_str));
    all.chain(examples).chain(lore).chain([appearance]).filter(|text| !text.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_judged_in_parts_and_nothing_of_it_is_left_out() {
        let text = format!("{}\n{}", "ä".repeat(7_000), "b".repeat(30_000));
        let parts = parts(&text);
        assert!(parts.len() >= 3 && parts.iter().all(|part| part.len() <= PART_MAX), "{}", parts.len());
        assert_eq!(parts.concat(), text);
        assert_eq!(super::parts(""), [""]);
    }

    #[test]
    fn all_texts_are_looked_at() {
        let draft = CharacterDraft {
            name: "Mira".to_owned(),
            knowledge: vec!["a fact".to_owned()],
            personality: "calm".to_owned(),
            ..CharacterDraft::default()
        };
        let all = texts(&draft, "red hair");
        for part in ["Mira", "a fact", "calm", "red hair"] {
            assert!(all.contains(&part), "{all:?}");
        }
    }
}
