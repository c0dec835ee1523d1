//! How events travel through `tracing`: one flat field for each field of the struct, and back through serde.
//!
//! `tracing` wants the names of all fields at each call site, so [`event!`](crate::event) lists them once: it declares the
//! struct and how it is emitted. The way back is generic: [`Fields`] collects what was recorded, and serde puts it into the struct.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use serde::de::value::{Error, MapDeserializer};
use serde::de::{Deserialize, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::{Serializer, forward_to_deserialize_any};
use tracing::Value;
use tracing::field::{Field, Visit};

use crate::fmt::display_path;

/// Declares an event: a struct that serde writes and reads, with a method that emits it. It needs a method `level`.
macro_rules! event {
    (
        $(#[$meta:meta])*
        pub struct $name:ident = $target:literal {
            $( $(#[$field_meta:meta])* pub $field:ident: $type:ty, )*
        }
        $( beside { $( $(#[$beside_meta:meta])* pub $beside:ident: $beside_type:ty, )* } )?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
            $( $( $(#[$beside_meta])* #[serde(skip)] pub $beside: $beside_type, )* )?
        }

        impl $name {
            /// The target that these events have in `tracing`.
            pub const TARGET: &str = $target;

            /// Sends the event to the `tracing` subscriber.
            pub fn emit(&self) {
                macro_rules! emit_at {
                    ($level:expr) => {
                        tracing::event!(
                            target: $target,
                            $level,
                            $( $field = $crate::event::field::EventField::value(&self.$field), )*
                        )
                    };
                }
                match self.level() {
                    tracing::Level::ERROR => emit_at!(tracing::Level::ERROR),
                    tracing::Level::WARN => emit_at!(tracing::Level::WARN),
                    _ => emit_at!(tracing::Level::INFO),
                }
            }
        }
    };
}
pub(super) use event;

/// Declares an enum whose variants have names in configuration and output.
macro_rules! names {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident = $text:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $( $(#[$variant_meta])* #[serde(rename = $text)] $variant, )*
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: [$name; [ $( $text, )* ].len()] = [ $( $name::$variant, )* ];

            /// The name used in configuration and output.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( $name::$variant => $text, )* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::event::field::EventField for $name {
            type Value<'a> = &'static str;
            fn value(&self) -> &'static str {
                self.as_str()
            }
        }
    };
}
pub(super) use names;

/// What can be a field of an event.
pub(super) trait EventField {
    type Value<'a>: Value
    where
        Self: 'a;
    fn value(&self) -> Self::Value<'_>;
}

macro_rules! plain_fields {
    ($($type:ty),*) => {
        $(impl EventField for $type {
            type Value<'a> = $type;
            fn value(&self) -> $type {
                *self
            }
        })*
    };
}
plain_fields!(u64, f64, bool);

impl EventField for String {
    type Value<'a> = &'a str;
    fn value(&self) -> &str {
        self
    }
}

impl EventField for PathBuf {
    type Value<'a> = String;
    fn value(&self) -> String {
        display_path(self)
    }
}

impl<T: EventField> EventField for Option<T> {
    type Value<'a>
        = Option<T::Value<'a>>
    where
        Self: 'a;
    fn value(&self) -> Option<T::Value<'_>> {
        self.as_ref().map(|field| field.value())
    }
}

/// `tracing` has no lists: they travel as one JSON text.
impl<T: serde::Serialize> EventField for Vec<T> {
    type Value<'a>
        = String
    where
        T: 'a;
    fn value(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Neither has it tables of names.
impl EventField for BTreeMap<String, String> {
    type Value<'a> = String;
    fn value(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The fields of an event that was emitted.
#[derive(Default)]
pub(super) struct Fields(Vec<(&'static str, FieldValue)>);

impl Fields {
    /// The event with these fields; `None` if one of them has the wrong type.
    pub(super) fn decode<'de, T: Deserialize<'de>>(self) -> Option<T> {
        T::deserialize(MapDeserializer::<_, Error>::new(self.0.into_iter())).ok()
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), FieldValue::Text(value.to_owned())));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), FieldValue::Whole(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), FieldValue::Real(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), FieldValue::Flag(value)));
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn Debug) {}
}

enum FieldValue {
    Text(String),
    Whole(u64),
    Real(f64),
    Flag(bool),
}

impl IntoDeserializer<'_, Error> for FieldValue {
    type Deserializer = FieldValue;
    fn into_deserializer(self) -> FieldValue {
        self
    }
}

impl<'de> Deserializer<'de> for FieldValue {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            FieldValue::Text(text) => visitor.visit_string(text),
            FieldValue::Whole(number) => visitor.visit_u64(number),
            FieldValue::Real(number) => visitor.visit_f64(number),
            FieldValue::Flag(flag) => visitor.visit_bool(flag),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            FieldValue::Text(text) => visitor.visit_enum(text.into_deserializer()),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            FieldValue::Text(text) => {
                let list: serde_json::Value = serde_json::from_str(&text).map_err(Error::custom)?;
                list.deserialize_seq(visitor).map_err(Error::custom)
            }
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            FieldValue::Text(text) => {
                let table: serde_json::Value = serde_json::from_str(&text).map_err(Error::custom)?;
                table.deserialize_map(visitor).map_err(Error::custom)
            }
            other => other.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct tuple tuple_struct struct identifier ignored_any
    }
}

/// Writes a path as text, whatever its bytes.
pub(super) fn shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&display_path(path))
}

/// The same for a path that may be absent.
pub(super) fn shown_if_any<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => shown(path, serializer),
        None => serializer.serialize_none(),
    }
}

/// Writes `60` rather than `60.0`: some readers distinguish integers from floats.
pub(super) fn whole_if_possible<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    // Below 2^53 every whole f64 is exact as an integer.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && (0.0..EXACT_MAX).contains(number) {
        serializer.serialize_u64(*number as u64)
    } else {
        serializer.serialize_f64(*number)
    }
}
