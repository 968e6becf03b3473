//! The fields of one command's data, and reading them with errors that name the field.

use std::borrow::Cow;
use std::fmt;

use greenroom_actors::domain::MessageKind;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use uuid::Uuid;

use super::field::Field;
use crate::error::FieldError;

type Checked<T> = Result<T, FieldError>;

/// All names that some command knows. Others are skipped unread.
const KNOWN: [&str; 40] = [
    "token",
    "characterId",
    "characterIds",
    "title",
    "members",
    "greeting",
    "limit",
    "cursor",
    "conversationId",
    "epoch",
    "offset",
    "before",
    "after",
    "content",
    "type",
    "clientId",
    "replyTo",
    "reply",
    "messageId",
    "status",
    "attachment",
    "category",
    "durationMs",
    "emoji",
    "height",
    "mediaId",
    "mime",
    "remove",
    "replyMode",
    "resend",
    "responseType",
    "role",
    "slug",
    "tags",
    "url",
    "userId",
    "username",
    "variant",
    "visibility",
    "width",
];

/// The known fields of `data`, or of an object in it, in the order in which they stood. Of one that stands twice the last counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields<'a>(Vec<(&'static str, Field<'a>)>);

impl<'a> Fields<'a> {
    pub(super) fn read<'de: 'a, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut fields = Vec::new();
        while let Some(Key(name)) = map.next_key()? {
            match KNOWN.iter().find(|known| **known == name) {
                // A name that stands again and again takes no more room.
                Some(known) => {
                    let value = map.next_value()?;
                    match fields.iter_mut().find(|(stood, _)| stood == known) {
                        Some((_, field)) => *field = value,
                        None => fields.push((*known, value)),
                    }
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Self(fields))
    }

    /// The field; one that is `null` counts as missing.
    fn get(&self, name: &'static str) -> Option<&Field<'a>> {
        self.0
            .iter()
            .rev()
            .find(|(known, _)| *known == name)
            .map(|(_, field)| field)
            .filter(|field| **field != Field::Null)
    }

    pub(super) fn text(&self, name: &'static str) -> Checked<Option<&str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Field::Text(text)) => Ok(Some(text)),
            Some(_) => Err(FieldError::new(name, "takes a string")),
        }
    }

    /// The inner `None`: it stands there as `null`.
    pub(super) fn nullable_text(&self, name: &'static str) -> Checked<Option<Option<&str>>> {
        let is_null = self.0.iter().rev().find(|(known, _)| *known == name).map(|(_, field)| field);
        if is_null == Some(&Field::Null) { Ok(Some(None)) } else { Ok(self.text(name)?.map(Some)) }
    }

    pub(super) fn texts(&self, name: &'static str) -> Checked<Option<Vec<String>>> {
        let wrong = || FieldError::new(name, "takes a list of strings");
        match self.get(name) {
            None => Ok(None),
            Some(Field::List(list)) => {
                let text = |field: &Field<'_>| match field {
                    Field::Text(text) => Ok(text.clone().into_owned()),
                    _ => Err(wrong()),
                };
                list.iter().map(text).collect::<Checked<_>>().map(Some)
            }
            Some(Field::LongList) => Err(FieldError::new(name, "is too long")),
            Some(_) => Err(wrong()),
        }
    }

    pub(super) fn message_kind(&self, name: &'static str) -> Checked<Option<MessageKind>> {
        match self.text(name)? {
            None => Ok(None),
            Some("text") => Ok(Some(MessageKind::Text)),
            Some("audio") => Ok(Some(MessageKind::Audio)),
            Some("media") => Ok(Some(MessageKind::Media)),
            Some(_) => Err(FieldError::new(name, "takes text, audio or media")),
        }
    }

    /// Whether it stands there as `true`.
    pub(super) fn is_set(&self, name: &'static str) -> Checked<bool> {
        match self.get(name) {
            None => Ok(false),
            Some(Field::Switch(value)) => Ok(*value),
            Some(_) => Err(FieldError::new(name, "takes true or false")),
        }
    }

    pub(super) fn object(&self, name: &'static str) -> Checked<Option<&Fields<'a>>> {
        match self.get(name) {
            None => Ok(None),
            Some(Field::Object(fields)) => Ok(Some(fields)),
            Some(_) => Err(FieldError::new(name, "takes an object")),
        }
    }

    pub(super) fn id<T: From<Uuid>>(&self, name: &'static str) -> Checked<Option<T>> {
        match self.get(name) {
            None => Ok(None),
            Some(field) => id(name, field).map(Some),
        }
    }

    pub(super) fn ids<T: From<Uuid>>(&self, name: &'static str, max: usize) -> Checked<Option<Vec<T>>> {
        let too_many = || FieldError::new(name, format!("takes at most {max} ids"));
        match self.get(name) {
            None => Ok(None),
            Some(Field::List(list)) if list.len() <= max => {
                list.iter().map(|field| id(name, field)).collect::<Checked<_>>().map(Some)
            }
            Some(Field::List(_) | Field::LongList) => Err(too_many()),
            Some(_) => Err(FieldError::new(name, "takes a list of ids")),
        }
    }

    /// A whole number of `min` or more.
    pub(super) fn integer(&self, name: &'static str, min: i64) -> Checked<Option<i64>> {
        match self.get(name) {
            None => Ok(None),
            Some(Field::Integer(value)) if *value >= min => Ok(Some(*value)),
            Some(_) => Err(FieldError::new(name, format!("takes a whole number of {min} or more"))),
        }
    }
}

fn id<T: From<Uuid>>(name: &'static str, field: &Field<'_>) -> Checked<T> {
    match field {
        Field::Text(text) => Uuid::try_parse(text).ok().map(T::from),
        _ => None,
    }
    .ok_or_else(|| FieldError::new(name, "takes an id (a UUID)"))
}

/// The error for a field that has to be there.
pub(super) fn required<T>(name: &'static str, value: Option<T>) -> Checked<T> {
    value.ok_or_else(|| FieldError::new(name, "is missing"))
}

/// `data` as it stood.
#[derive(Debug)]
pub(super) enum Data<'a> {
    Fields(Fields<'a>),
    /// Neither an object nor null.
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Data<'de>, A::Error> {
        Fields::read(map).map(Data::Fields)
    }

    fn visit_unit<E>(self) -> Result<Data<'de>, E> {
        Ok(Data::Fields(Fields::default()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Data<'de>, E> {
        Ok(Data::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Data<'de>, E> {
        Ok(Data::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Data<'de>, E> {
        Ok(Data::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Data<'de>, E> {
        Ok(Data::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Data<'de>, E> {
        Ok(Data::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Data<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Data::Other)
    }
}

/// A name of an object's field.
pub(super) struct Key<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(value)))
            }

            fn visit_str<E>(self, value: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(value.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}
