//! Between a card's draft and a character's.

use greenroom_actors::domain;

use super::{Draft, Extras};
use crate::characters::{AiChoice, CharacterDraft, Dials, ExampleLine, Speaker};

impl From<Draft> for CharacterDraft {
    fn from(draft: Draft) -> Self {
        let Draft { extras, .. } = draft;
        let line = |line: domain::ExampleLine| ExampleLine {
            from: if line.from_user { Speaker::User } else { Speaker::Character },
            text: line.text,
        };
        Self {
            name: draft.name,
            tagline: extras.tagline,
            description: draft.description,
            category: extras.category,
            tags: draft.tags,
            color: extras.color,
            greeting: draft.greeting,
            alternate_greetings: draft.alternate_greetings,
            personality: draft.personality,
            scenario: draft.scenario,
            tone: extras.tone,
            dials: Dials {
                formality: extras.formality,
                humor: extras.humor,
                empathy: extras.empathy,
                creativity: extras.creativity,
                confidence: extras.confidence,
                emoji: extras.emoji,
            },
            traits: extras.traits,
            talkativeness: draft.talkativeness,
            examples: draft.examples.into_iter().map(line).collect(),
            knowledge: extras.knowledge,
            restricted_topics: extras.restricted_topics,
            lorebook: draft.lorebook,
            system_prompt: draft.system_prompt,
            post_history: draft.post_history,
            ai: AiChoice { temperature: extras.temperature, ..AiChoice::default() },
            voice: extras.voice,
            ..Self::default()
        }
    }
}

impl From<&CharacterDraft> for Draft {
    fn from(character: &CharacterDraft) -> Self {
        let character = character.clone();
        let line = |line: ExampleLine| domain::ExampleLine {
            from_user: line.from == Speaker::User,
            text: line.text,
        };
        Self {
            name: character.name,
            description: character.description,
            personality: character.personality,
            scenario: character.scenario,
            greeting: character.greeting,
            alternate_greetings: character.alternate_greetings,
            examples: character.examples.into_iter().map(line).collect(),
            system_prompt: character.system_prompt,
            post_history: character.post_history,
            tags: character.tags,
            talkativeness: character.talkativeness,
            lorebook: character.lorebook,
            extras: Extras {
                tagline: character.tagline,
                category: character.category,
                color: character.color,
                traits: character.traits,
                tone: character.tone,
                formality: character.dials.formality,
                humor: character.dials.humor,
                empathy: character.dials.empathy,
                creativity: character.dials.creativity,
                confidence: character.dials.confidence,
                emoji: character.dials.emoji,
                knowledge: character.knowledge,
                restricted_topics: character.restricted_topics,
                voice: character.voice,
                temperature: character.ai.temperature,
            },
        }
    }
}
