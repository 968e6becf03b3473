//! From a frame's text to a command.

use std::fmt;

use greenroom_actors::domain::ClientId;
use greenroom_actors::protocol::{Presence, Refusal, RefusalCode, ReplyWish, Typing};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::changes;
use super::command::{Command, CommandId, Request, SendTo};
use super::field::Field;
use super::fields::{Data, Fields, Key, required};
use crate::conversations::{
    CHARACTERS_MAX, MEMBERS_MAX, MESSAGES_DEFAULT, MESSAGES_MAX, MessageRange, NewAttachment,
    NewConversation, Said,
};
use crate::error::FieldError;
use crate::http::PageQuery;

const ID_MAX_CHARS: usize = 64;
/// Of the name of an unknown command, as it is given back.
const NAME_MAX_CHARS: usize = 64;

/// Why a frame is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Not JSON, not an object, or without an `event`: whoever sends this speaks another protocol.
    NotProtocol,
    /// A command that cannot be carried out.
    Refused { id: Option<CommandId>, command: String, refusal: Refusal },
}

/// Reads one text frame. `content_max_chars` bounds a message's text.
pub fn decode(text: &str, content_max_chars: usize) -> Result<Request, DecodeError> {
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|_| DecodeError::NotProtocol)?;
    let Some(Field::Text(event)) = envelope.event else { return Err(DecodeError::NotProtocol) };
    let id = command_id(envelope.id);
    request(&event, id, envelope.data, content_max_chars)
}

/// The command of that name with that data.
pub(super) fn request(
    event: &str,
    id: Result<Option<CommandId>, FieldError>,
    data: Option<Data<'_>>,
    content_max_chars: usize,
) -> Result<Request, DecodeError> {
    let refused = |id, refusal| DecodeError::Refused {
        id,
        command: event.chars().take(NAME_MAX_CHARS).collect(),
        refusal,
    };
    let id = id.map_err(|error| refused(None, error.into()))?;
    let fields = match data {
        None => Fields::default(),
        Some(Data::Fields(fields)) => fields,
        Some(Data::Other) => {
            return Err(refused(id, FieldError::new("data", "takes an object").into()));
        }
    };
    match command(event, &fields, content_max_chars) {
        Ok(command) => Ok(Request { id, command }),
        Err(refusal) => Err(refused(id, refusal)),
    }
}

fn command_id(field: Option<Field<'_>>) -> Result<Option<CommandId>, FieldError> {
    match field {
        None | Some(Field::Null) => Ok(None),
        Some(Field::Integer(number)) => Ok(Some(CommandId::Integer(number))),
        Some(Field::Unsigned(number)) => Ok(Some(CommandId::Unsigned(number))),
        Some(Field::Text(text)) if !text.is_empty() && text.chars().nth(ID_MAX_CHARS).is_none() => {
            Ok(Some(CommandId::Text(text.into())))
        }
        Some(_) => Err(FieldError::new("id", "takes a string of 1 to 64 characters or an integer")),
    }
}

fn command(event: &str, fields: &Fields<'_>, content_max_chars: usize) -> Result<Command, Refusal> {
    let room = || required("conversationId", fields.id("conversationId")?);
    Ok(match event {
        "auth" => Command::Auth { token: required("token", fields.text("token")?)?.to_owned() },
        "ping" => Command::Ping,
        "conversation:create" => Command::Create(create(fields)?),
        "conversation:list" => {
            let limit = fields.integer("limit", 1)?.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX));
            let cursor = fields.text("cursor")?.map(str::to_owned);
            Command::List(PageQuery::parse(limit, None, cursor)?)
        }
        "conversation:join" => {
            let (epoch, offset) = (fields.id("epoch")?, fields.integer("offset", 0)?);
            let from = match (epoch, offset) {
                (Some(epoch), Some(offset)) => Some((epoch, offset)),
                (None, Some(_)) => return Err(FieldError::new("epoch", "goes with offset").into()),
                (_, None) => None,
            };
            Command::Join { room: room()?, from }
        }
        "conversation:leave" => Command::Leave { room: room()? },
        "conversation:messages" => {
            let range = match (fields.integer("before", 0)?, fields.integer("after", 0)?) {
                (None, None) => MessageRange::Latest,
                (Some(before), None) => MessageRange::Before(before),
                (None, Some(after)) => MessageRange::After(after),
                (Some(_), Some(_)) => {
                    return Err(FieldError::new("before", "does not go together with after").into());
                }
            };
            let limit = fields.integer("limit", 1)?.unwrap_or(MESSAGES_DEFAULT as i64);
            if limit > MESSAGES_MAX as i64 {
                return Err(FieldError::new("limit", "takes 1 to 100").into());
            }
            Command::Messages { room: room()?, range, limit: limit as usize }
        }
        "conversation:delete" => Command::Delete { room: room()? },
        "message:send" => send(fields, content_max_chars)?,
        "message:read" => {
            Command::Read { room: room()?, offset: required("offset", fields.integer("offset", 0)?)? }
        }
        "typing:start" => Command::Typing { room: room()?, typing: Typing::Started },
        "typing:stop" => Command::Typing { room: room()?, typing: Typing::Stopped },
        "reply:stop" => Command::StopReply { room: room()?, reply: fields.id("messageId")? },
        "user:status" => Command::Status(match required("status", fields.text("status")?)? {
            "online" => Presence::Online,
            "away" => Presence::Away,
            _ => return Err(FieldError::new("status", "takes online or away").into()),
        }),
        "character:subscribe" => {
            Command::Subscribe { character: required("characterId", fields.id("characterId")?)? }
        }
        "character:unsubscribe" => {
            Command::Unsubscribe { character: required("characterId", fields.id("characterId")?)? }
        }
        other => changes::command(other, fields, content_max_chars)?
            .ok_or_else(|| Refusal::new(RefusalCode::UnknownCommand, "there is no such command"))?,
    })
}

fn create(fields: &Fields<'_>) -> Result<NewConversation, FieldError> {
    let characters = match (fields.id("characterId")?, fields.ids("characterIds", CHARACTERS_MAX)?) {
        (Some(character), None) => vec![character],
        (None, Some(characters)) if !characters.is_empty() => characters,
        (None, Some(_)) => return Err(FieldError::new("characterIds", "takes 1 to 8 characters")),
        (Some(_), Some(_)) => {
            return Err(FieldError::new("characterId", "does not go together with characterIds"));
        }
        (None, None) => return Err(FieldError::new("characterId", "is missing")),
    };
    Ok(NewConversation {
        characters,
        title: fields.text("title")?.map(str::to_owned),
        members: fields.ids("members", MEMBERS_MAX)?.unwrap_or_default(),
        greeting: fields
            .integer("greeting", 0)?
            .map_or(0, |which| usize::try_from(which).unwrap_or(usize::MAX)),
    })
}

fn send(fields: &Fields<'_>, content_max_chars: usize) -> Result<Command, Refusal> {
    let to = match (fields.id("conversationId")?, fields.id("characterId")?) {
        (Some(room), _) => SendTo::Room(room),
        (None, Some(character)) => SendTo::Character(character),
        (None, None) => return Err(FieldError::new("conversationId", "is missing").into()),
    };
    let kind = fields.message_kind("type")?;
    let client_id = fields
        .text("clientId")?
        .map(|text| {
            ClientId::parse(text).map_err(|error| Refusal::new(RefusalCode::BadRequest, error.to_string()))
        })
        .transpose()?;
    let reply = match fields.text("reply")? {
        None | Some("auto") => ReplyWish::Auto,
        Some("none") => ReplyWish::None,
        Some(_) => {
            let character = fields.id("reply").ok().flatten();
            ReplyWish::From(
                character.ok_or_else(|| FieldError::new("reply", "takes auto, none or a character's id"))?,
            )
        }
    };
    let attachment = fields.object("attachment")?.map(attachment).transpose()?;
    let said = Said::checked(kind, fields.text("content")?, attachment, content_max_chars)?;
    let (reply_to, reply_kind) = (fields.id("replyTo")?, fields.message_kind("responseType")?);
    Ok(Command::Send { to, said, client_id, reply_to, reply, reply_kind })
}

fn attachment(fields: &Fields<'_>) -> Result<NewAttachment, FieldError> {
    Ok(NewAttachment {
        media_id: fields.id("mediaId")?,
        url: fields.text("url")?.map(str::to_owned),
        kind: fields.text("type")?.map(str::to_owned),
        mime: fields.text("mime")?.map(str::to_owned),
        duration_ms: fields.integer("durationMs", 1)?,
        width: fields.integer("width", 1)?,
        height: fields.integer("height", 1)?,
    })
}

/// The outer object of a frame.
#[derive(Default)]
struct Envelope<'a> {
    event: Option<Field<'a>>,
    id: Option<Field<'a>>,
    data: Option<Data<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EnvelopeVisitor;

        impl<'de> Visitor<'de> for EnvelopeVisitor {
            type Value = Envelope<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
                let mut envelope = Envelope::default();
                while let Some(Key(name)) = map.next_key()? {
                    match name.as_ref() {
                        "event" => envelope.event = Some(map.next_value()?),
                        "id" => envelope.id = Some(map.next_value()?),
                        "data" => envelope.data = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(envelope)
            }
        }
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}
