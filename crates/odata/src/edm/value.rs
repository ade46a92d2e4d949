//! Values of properties, and records of them.

use super::{DateTimeOffset, Duration, StructuredType};

/// The value of a property.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// `Edm.Boolean`
    Boolean(bool),
    /// `Edm.Int32`
    Int32(i32),
    /// `Edm.Int64`
    Int64(i64),
    /// `Edm.String`
    String(String),
    /// `Edm.DateTimeOffset`
    DateTimeOffset(DateTimeOffset),
    /// `Edm.Duration`
    Duration(Duration),
    /// `Edm.Binary`
    Binary(Vec<u8>),
    /// An enumeration's value; its type is the property's.
    Enum(i32),
    /// A collection's items.
    Collection(Vec<Value>),
    /// A complex value.
    Complex(Box<Record>),
}

/// An instance of a structured type: a value for each of its properties, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The exact type.
    pub ty: &'static StructuredType,
    /// One value per property of `ty`, in the order of its list.
    pub values: Vec<Value>,
}

impl Value {
    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text of a string value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

impl Record {
    /// An instance with nothing set: collections empty, all else null.
    pub fn new(ty: &'static StructuredType) -> Self {
        let empty = |collection| {
            if collection {
                Value::Collection(Vec::new())
            } else {
                Value::Null
            }
        };
        Self {
            ty,
            values: ty.properties.iter().map(|p| empty(p.collection)).collect(),
        }
    }

    /// The value of the property of that name; null where the type has no such property.
    pub fn get(&self, name: &str) -> &Value {
        self.ty
            .position(name)
            .and_then(|i| self.values.get(i))
            .unwrap_or(&Value::Null)
    }

    /// Sets the property of that name; says whether the type has it.
    pub fn set(&mut self, name: &str, value: Value) -> bool {
        match self.ty.position(name).and_then(|i| self.values.get_mut(i)) {
            Some(slot) => {
                *slot = value;
                true
            }
            None => false,
        }
    }
}
