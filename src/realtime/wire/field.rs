//! One value of a command's data as it stood in the JSON, borrowed where it can be.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fields::Fields;

/// Longer lists are refused; no command takes one of this length.
pub(super) const LIST_MAX: usize = 128;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field<'a> {
    Null,
    Integer(i64),
    /// An integer beyond [`i64`].
    Unsigned(u64),
    Text(Cow<'a, str>),
    List(Vec<Field<'a>>),
    LongList,
    Switch(bool),
    Object(Fields<'a>),
    /// A fraction: no field takes one.
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Field<'de>, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Field<'de>, E> {
        Ok(Field::Switch(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Field<'de>, E> {
        Ok(Field::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Field<'de>, E> {
        Ok(i64::try_from(value).map_or(Field::Unsigned(value), Field::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Field<'de>, E> {
        Ok(Field::Other)
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Field<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = list.next_element()? {
            if fields.len() == LIST_MAX {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Field::LongList);
            }
            fields.push(field);
        }
        Ok(Field::List(fields))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field<'de>, A::Error> {
        Fields::read(map).map(Field::Object)
    }
}
