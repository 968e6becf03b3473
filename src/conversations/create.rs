//! Making a conversation: on purpose, or as the caller's own one with a character that was first spoken to.

use greenroom_actors::domain::{CharacterId, RoomId, UserId};
use greenroom_actors::protocol::{Refusal, RefusalCode};

use super::store::{self, Founded, Founding, Greeting};
use super::view::ConversationView;
use super::{Conversations, slug};
use crate::characters::CastMember;
use crate::error::FieldError;
use crate::postgres::refusal;

/// Characters of one conversation.
pub const CHARACTERS_MAX: usize = 8;
/// Members beside the owner.
pub const MEMBERS_MAX: usize = 99;
/// Characters (Unicode) of a title.
pub const TITLE_MAX_CHARS: usize = 120;
/// A slug that is in use is made anew, and a default room that another request made is looked up.
const TRIES: usize = 5;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewConversation {
    /// One to eight; the first one answers when nothing else decides. One that stands twice counts once.
    pub characters: Vec<CharacterId>,
    /// Without it, the characters' names.
    pub title: Option<String>,
    /// Beside the maker, who owns it.
    pub members: Vec<UserId>,
    /// Which way to begin with a single character: 0 its greeting, then its other ones in their order.
    pub greeting: usize,
}

impl NewConversation {
    /// Trims the title, leaves out what stands twice and `owner`, and checks the counts.
    pub fn checked(self, owner: UserId) -> Result<Self, FieldError> {
        let characters = once_each(self.characters);
        if !(1..=CHARACTERS_MAX).contains(&characters.len()) {
            return Err(FieldError::new("characterIds", "takes 1 to 8 characters"));
        }
        let members: Vec<UserId> =
            once_each(self.members).into_iter().filter(|member| *member != owner).collect();
        if members.len() > MEMBERS_MAX {
            return Err(FieldError::new("memberIds", "takes at most 99 users"));
        }
        if self.greeting > 0 && characters.len() > 1 {
            return Err(FieldError::new("greeting", "goes with a single character"));
        }
        let title = self.title.as_deref().map(checked_title).transpose()?;
        Ok(Self { characters, title, members, greeting: self.greeting })
    }
}

impl Conversations {
    /// Makes a conversation and tells its members. With a single character its greeting is the first message.
    pub async fn create(&self, user: UserId, new: NewConversation) -> Result<ConversationView, Refusal> {
        let NewConversation { characters, title, members, greeting } = new.checked(user)?;
        let cast = self.characters.cast(user, &characters).await?;
        if cast.iter().any(|member| greeting >= member.greetings.len()) {
            return Err(FieldError::new("greeting", "is none of this character's greetings").into());
        }
        let title = title.unwrap_or_else(|| names(&cast));
        let mut founding = founding(user, title, members, &cast, greeting);
        for _ in 0..TRIES {
            if self.found(&founding).await? == Founded::Made {
                return self.announce(user, &founding).await;
            }
            founding.slug = slug::make(&founding.title);
        }
        Err(Refusal::new(RefusalCode::Conflict, "no free name was found for the conversation: try again"))
    }

    /// The user's own conversation with a character: found, or made. There is one, however often and however
    /// concurrently it is asked for.
    pub async fn default_room(&self, user: UserId, character: CharacterId) -> Result<RoomId, Refusal> {
        for _ in 0..TRIES {
            let found = {
                let client = self.client().await?;
                store::default_of(&client, user, character).await.map_err(|error| refusal(&error))?
            };
            if let Some(room) = found {
                return Ok(room);
            }
            let cast = self.characters.cast(user, &[character]).await?;
            let mut founding = founding(user, names(&cast), Vec::new(), &cast, 0);
            founding.default_character = Some(character);
            if self.found(&founding).await? == Founded::Made {
                return self.announce(user, &founding).await.map(|_| founding.room);
            }
        }
        Err(Refusal::new(RefusalCode::Conflict, "the conversation is being made and deleted: try again"))
    }

    async fn found(&self, founding: &Founding) -> Result<Founded, Refusal> {
        let mut client = self.client().await?;
        match store::found(&mut client, founding).await.map_err(|error| refusal(&error))? {
            Founded::UnknownMembers(unknown) => {
                let who: Vec<String> = unknown.iter().map(ToString::to_string).collect();
                Err(Refusal::new(
                    RefusalCode::NotFound,
                    format!("memberIds: no such user: {}", who.join(", ")),
                ))
            }
            founded => Ok(founded),
        }
    }

    async fn announce(&self, user: UserId, founding: &Founding) -> Result<ConversationView, Refusal> {
        let view = self.view(user, founding.room).await?;
        let members: Vec<UserId> = view.member_ids.iter().copied().map(UserId::from_uuid).collect();
        (self.created)(&members, &view);
        Ok(view)
    }
}

fn founding(
    owner: UserId,
    title: String,
    members: Vec<UserId>,
    cast: &[CastMember],
    greeting: usize,
) -> Founding {
    let greeting = match cast {
        [only] => only.greetings.get(greeting).map(|text| Greeting {
            character: only.id,
            character_name: only.name.clone(),
            text: text.clone(),
        }),
        _ => None,
    };
    Founding {
        room: RoomId::new(),
        owner,
        slug: slug::make(&title),
        title,
        default_character: None,
        members,
        characters: cast.iter().map(|member| member.id).collect(),
        greeting,
    }
}

/// The characters' names, as long as a title may be.
fn names(cast: &[CastMember]) -> String {
    let names: Vec<&str> = cast.iter().map(|member| member.name.as_str()).collect();
    names.join(", ").chars().take(TITLE_MAX_CHARS).collect()
}

pub(super) fn checked_title(title: &str) -> Result<String, FieldError> {
    let title = title.trim();
    if title.is_empty() || title.chars().count() > TITLE_MAX_CHARS || title.chars().any(char::is_control) {
        return Err(FieldError::new("title", "takes 1 to 120 characters, none of them a control character"));
    }
    Ok(title.to_owned())
}

/// Each value once, where it stood first.
fn once_each<T: Copy + PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut once = Vec::with_capacity(values.len());
    for value in values {
        if !once.contains(&value) {
            once.push(value);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_trimmed_and_bounded() {
        assert_eq!(checked_title("  Tea \n").unwrap(), "Tea");
        for title in ["", "   ", "a\nb", "a\0b", &"ö".repeat(TITLE_MAX_CHARS + 1)] {
            assert_eq!(checked_title(title).unwrap_err().field, "title");
        }
        assert!(checked_title(&"ö".repeat(TITLE_MAX_CHARS)).is_ok());
    }

    #[test]
    fn a_character_alone_greets_and_several_do_not() {
        let one = CastMember {
            id: CharacterId::new(),
            name: "Mira".into(),
            greetings: vec![" Come in, {{user}}.{{// softly}} ".into(), "Mind the step.".into()],
        };
        let other = CastMember { id: CharacterId::new(), name: "Bram".into(), greetings: vec!["Oi.".into()] };
        let said = |greeting| {
            let alone = founding(UserId::new(), "t".into(), Vec::new(), std::slice::from_ref(&one), greeting);
            alone.greeting.and_then(|greeting| greeting.said("Ada", RoomId::new()))
        };
        assert_eq!(said(0).as_deref(), Some("Come in, Ada."));
        assert_eq!(said(1).as_deref(), Some("Mind the step."));
        let both = [one.clone(), other];
        assert!(founding(UserId::new(), "t".into(), Vec::new(), &both, 0).greeting.is_none());
        assert_eq!(names(&both), "Mira, Bram");
    }

    #[test]
    fn what_stands_twice_counts_once() {
        assert_eq!(once_each(vec![3, 1, 3, 2, 1]), [3, 1, 2]);
    }
}
