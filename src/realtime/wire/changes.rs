//! Commands that change what is there: messages, replies, members, characters, details.

use greenroom_actors::domain::Content;
use greenroom_actors::protocol::{Amendment, Refusal, Wanted};

use super::command::Command;
use super::fields::{Fields, required};
use crate::conversations::{Change, Invited, NewDetails, emoji};
use crate::error::FieldError;

/// `None`: no such command.
pub(super) fn command(
    event: &str,
    fields: &Fields<'_>,
    content_max_chars: usize,
) -> Result<Option<Command>, Refusal> {
    let room = || required("conversationId", fields.id("conversationId")?);
    let message = || required("messageId", fields.id("messageId")?);
    let user = || required("userId", fields.id("userId")?);
    let character = || required("characterId", fields.id("characterId")?);
    let amend = |what| Ok::<_, FieldError>(Command::Amend { room: room()?, message: message()?, what });
    let ask = |wanted| {
        let reply_kind = fields.message_kind("responseType")?;
        Ok::<_, FieldError>(Command::Ask { room: room()?, wanted, reply_kind })
    };
    let change = |change| Ok::<_, FieldError>(Command::Change { room: room()?, change });
    Ok(Some(match event {
        "message:edit" => {
            let content = required("content", fields.text("content")?)?;
            let content = Content::parse(content, content_max_chars)?;
            if fields.is_set("resend")? {
                ask(Wanted::Resend { message: message()?, content })?
            } else {
                amend(Amendment::Edit(content))?
            }
        }
        "message:delete" => amend(Amendment::Delete)?,
        "message:react" => {
            let emoji = emoji(required("emoji", fields.text("emoji")?)?)?;
            let taken_away = fields.is_set("remove")?;
            amend(if taken_away { Amendment::Unreact(emoji) } else { Amendment::React(emoji) })?
        }
        "reply:request" => ask(Wanted::Reply(fields.id("characterId")?))?,
        "reply:regenerate" => ask(Wanted::Regenerate(message()?))?,
        "reply:continue" => ask(Wanted::Continue(message()?))?,
        "reply:select" => {
            let variant = required("variant", fields.integer("variant", 0)?)?;
            let no_index = |_| FieldError::new("variant", "takes the index of a variant");
            amend(Amendment::Select(u16::try_from(variant).map_err(no_index)?))?
        }
        "conversation:update" => change(Change::Details(details(fields)?))?,
        "member:add" => change(Change::AddMember(invited(fields)?))?,
        "member:remove" => change(Change::RemoveMember(user()?))?,
        "member:update" => match required("role", fields.text("role")?)? {
            "owner" => change(Change::Owner(user()?))?,
            _ => return Err(FieldError::new("role", "takes owner: it is handed over").into()),
        },
        "character:add" => change(Change::AddCharacter(character()?))?,
        "character:remove" => change(Change::RemoveCharacter(character()?))?,
        _ => return Ok(None),
    }))
}

fn invited(fields: &Fields<'_>) -> Result<Invited, FieldError> {
    match (fields.id("userId")?, fields.text("username")?) {
        (Some(user), None) => Ok(Invited::Id(user)),
        (None, Some(name)) => Ok(Invited::Username(name.to_owned())),
        (Some(_), Some(_)) => Err(FieldError::new("userId", "does not go together with username")),
        (None, None) => Err(FieldError::new("userId", "is missing")),
    }
}

fn details(fields: &Fields<'_>) -> Result<greenroom_actors::protocol::DetailsChange, FieldError> {
    let text = |name| Ok::<_, FieldError>(fields.text(name)?.map(str::to_owned));
    let details = NewDetails {
        title: text("title")?,
        visibility: text("visibility")?,
        slug: text("slug")?,
        category: fields.nullable_text("category")?.map(|category| category.map(str::to_owned)),
        tags: fields.texts("tags")?,
        reply_mode: text("replyMode")?,
    };
    // A command is refused for one field at a time.
    details.checked().map_err(|mut wrong| wrong.swap_remove(0))
}
