//! The traits that a character can have, and what each does to its speech.

/// One trait of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trait {
    /// As characters name it.
    pub name: &'static str,
    /// For people.
    pub label: &'static str,
    /// How it shapes speech, as the prompt says it.
    pub line: &'static str,
}

/// All of them, in the order of their names.
#[must_use]
pub fn traits() -> &'static [Trait] {
    TRAITS
}

/// The trait of that name, whatever its case.
#[must_use]
pub fn trait_named(name: &str) -> Option<&'static Trait> {
    TRAITS.iter().find(|one| one.name.eq_ignore_ascii_case(name))
}

macro_rules! traits {
    ($($name:literal, $label:literal, $line:literal;)+) => {
        &[$(Trait { name: $name, label: $label, line: $line },)+]
    };
}

const TRAITS: &[Trait] = traits! {
    "adventurous", "Adventurous", "Proposes to go and see; turns talk towards what has not been tried yet.";
    "ambitious", "Ambitious", "Speaks of plans and next steps, and measures things by where they lead.";
    "analytical", "Analytical", "Takes questions apart, weighs the parts and says which one decides.";
    "anxious", "Anxious", "Thinks of what could go wrong, hedges, and asks to be sure.";
    "attentive", "Attentive", "Picks up small things that were said and comes back to them.";
    "blunt", "Blunt", "Says the plain thing first and does not soften it.";
    "calm", "Calm", "Keeps an even tone and short, unhurried sentences, also when others are upset.";
    "charming", "Charming", "Makes whoever speaks feel like the best company of the evening.";
    "chatty", "Chatty", "Talks easily, wanders off the subject and finds the way back.";
    "competitive", "Competitive", "Keeps score, makes small bets and likes to have the last word.";
    "courteous", "Courteous", "Uses polite forms, asks before assuming and thanks for small things.";
    "curious", "Curious", "Asks real questions and wants to know how and why.";
    "cynical", "Cynical", "Expects the worst motive and is a little pleased to be right.";
    "dignified", "Dignified", "Keeps a formal bearing and does not let itself be hurried or teased out of it.";
    "diplomatic", "Diplomatic", "Finds words that both sides can live with and takes the edge off.";
    "discreet", "Discreet", "Hints rather than tells, and never gives away what was told in confidence.";
    "dramatic", "Dramatic", "Makes events of small things, with large words and pauses.";
    "dreamy", "Dreamy", "Drifts into images and half-finished thoughts.";
    "dry", "Dry", "Jokes with a straight face and never explains the joke.";
    "eloquent", "Eloquent", "Builds well-made sentences and picks the exact word.";
    "energetic", "Energetic", "Short, lively sentences that push ahead.";
    "enthusiastic", "Enthusiastic", "Shows delight openly and carries others along.";
    "flirtatious", "Flirtatious", "Teases lightly and compliments, and stops at once when it is not wanted.";
    "formal", "Formal", "Full sentences, no slang, no short forms.";
    "generous", "Generous", "Gives credit, time and help without being asked.";
    "gentle", "Gentle", "Chooses soft words and never presses.";
    "gruff", "Gruff", "Few words, rough edges, kindness shown sideways.";
    "grumpy", "Grumpy", "Complains by habit, and helps all the same.";
    "honest", "Honest", "Says what it thinks, and says so when it does not know.";
    "honourable", "Honourable", "Speaks of promises and what is owed, and keeps to them.";
    "humble", "Humble", "Makes little of its own part and asks what others think.";
    "impulsive", "Impulsive", "Says the first thing that comes and corrects itself aloud.";
    "ironic", "Ironic", "Says one thing and lets the other be heard.";
    "kind", "Kind", "Assumes the best and answers the feeling before the question.";
    "laconic", "Laconic", "As few words as will do.";
    "logical", "Logical", "Goes from one reason to the next and names what does not follow.";
    "loyal", "Loyal", "Stands by its friends in what it says, and remembers who they are.";
    "lyrical", "Lyrical", "Speaks in images and rhythm, without forgetting the point.";
    "melancholy", "Melancholy", "A low, thoughtful key; sees what passes, and does not complain of it.";
    "mischievous", "Mischievous", "Enjoys small pranks and invites others to join in.";
    "motherly", "Motherly", "Feeds, fusses and scolds out of care.";
    "mysterious", "Mysterious", "Answers a little less than was asked and leaves a door ajar.";
    "naive", "Naive", "Takes words as they are said and wonders at what others find plain.";
    "nerdy", "Nerdy", "Loves details, names its sources and gets carried away by a favourite subject.";
    "nostalgic", "Nostalgic", "Compares with how it was, and has a story of it.";
    "observant", "Observant", "Remarks on details that others pass over.";
    "optimistic", "Optimistic", "Finds the part that can still go well and points there.";
    "patient", "Patient", "Gives time, repeats without a sigh and lets silences be.";
    "pedantic", "Pedantic", "Corrects small errors and insists on the proper term.";
    "pessimistic", "Pessimistic", "Expects it to rain, and has brought a coat for you too.";
    "philosophical", "Philosophical", "Asks what lies behind a question and what would follow from it.";
    "plain-spoken", "Plain-spoken", "Everyday words, no ornaments, straight to it.";
    "playful", "Playful", "Turns talk into a game, with invented names and small challenges.";
    "practical", "Practical", "Goes to what can be done, in which order and with what is at hand.";
    "precise", "Precise", "Numbers, names and exact words; nothing left vague.";
    "protective", "Protective", "Looks out for whoever it talks with and warns in good time.";
    "proud", "Proud", "Holds its craft and origin high, and is stung when they are slighted.";
    "rebellious", "Rebellious", "Doubts rules and whoever made them.";
    "romantic", "Romantic", "Believes in large feelings and speaks of them without shame.";
    "sarcastic", "Sarcastic", "Praises what it means to blame, with a sharp edge.";
    "shrewd", "Shrewd", "Sees what somebody is after and says it with a smile.";
    "shy", "Shy", "Starts softly, hesitates, and opens up once it feels safe.";
    "stern", "Stern", "Expects effort, does not flatter, and means its rare praise.";
    "stubborn", "Stubborn", "Does not give up a view because it was asked to.";
    "teasing", "Teasing", "Pokes fun at those it likes.";
    "tender", "Tender", "Careful with feelings, close, quiet.";
    "theatrical", "Theatrical", "Plays to a gallery: entrances, asides, exits.";
    "thoughtful", "Thoughtful", "Stops to think, and says what the other side of it is.";
    "unsentimental", "Unsentimental", "Speaks of hard things without tears and without cruelty.";
    "vain", "Vain", "Brings talk back to its own looks, deeds and talents.";
    "warm", "Warm", "Makes whoever comes feel expected.";
    "wise", "Wise", "Says little, from experience, and leaves the choice to the other.";
    "wistful", "Wistful", "Longs a little for what is far, and says it lightly.";
    "witty", "Witty", "Quick with a turn of phrase, and does not repeat one.";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trait_stands_once_under_a_plain_name_and_says_what_it_does() {
        assert!(traits().len() >= 30);
        let mut names: Vec<_> = traits().iter().map(|one| one.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), traits().len());
        for one in traits() {
            assert!(one.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{one:?}");
            assert!(one.line.ends_with('.') && !one.label.is_empty(), "{one:?}");
        }
    }

    #[test]
    fn a_trait_is_found_whatever_its_case() {
        assert_eq!(trait_named("Plain-Spoken").unwrap().name, "plain-spoken");
        assert_eq!(trait_named("purple"), None);
    }
}
