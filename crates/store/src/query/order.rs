//! The order of a page, and where the next one goes on.
//!
//! The values of the keys go into the link to the next page, so they must be short. Text whose length
//! has no bound ([`Property::max_length`]) is sorted by its first [`CUT`] characters; rows that agree
//! in those go by the next key and in the end by `id`. The order is total and the keyset exact all
//! the same, because what is compared is what the link holds.

use runstate_odata::{
    check::{Order, Scalar, Step, Variable},
    edm::{Property, Type},
    grammar::ast::Function,
};

use super::{
    Bind, Dialect, MAX_KEYSET_BYTES, MAX_SORT_KEYS,
    compiler::{Compiler, Source},
    fault, too_much,
};
use crate::Error;

/// By how many characters text without a bound is sorted.
const CUT: u32 = 200;

/// A sort key.
pub(super) struct Key {
    pub(super) sql: String,
    descending: bool,
    nullable: bool,
    /// How long its value is in a keyset, at most.
    bytes: usize,
}

impl Compiler<'_> {
    /// The keys that the query names and `id` or `pk`, which makes the order total. It runs the way of
    /// the key before it, so that one index serves them all in one direction.
    pub(super) fn keys(&mut self, row: &Source, orderby: &[Order]) -> Result<Vec<Key>, Error> {
        if orderby.len() > MAX_SORT_KEYS {
            let message = format!("$orderby has more than {MAX_SORT_KEYS} keys");
            return Err(too_much(message));
        }
        let mut keys = Vec::new();
        let (mut descending, mut is_by_id) = (false, false);
        for order in orderby {
            descending = order.descending;
            if own_property(&order.by) == Some("id") {
                // Nothing behind it can matter.
                is_by_id = true;
                break;
            }
            if matches!(order.by, Scalar::Literal(_)) {
                // Every row has the same; PostgreSQL refuses a constant here.
                continue;
            }
            let sql = self.scalar(&order.by)?;
            let length = length(&order.by);
            keys.push(Key {
                sql: match length {
                    Length::Unbounded => format!("substr({sql}, 1, {CUT})"),
                    Length::None | Length::AtMost(_) => sql,
                },
                descending,
                nullable: may_be_null(&order.by),
                bytes: length.bytes(),
            });
        }
        if keys.iter().map(|key| key.bytes).sum::<usize>() > MAX_KEYSET_BYTES {
            let message =
                "$orderby names so many texts that no link to a next page could hold them";
            return Err(too_much(message.to_owned()));
        }
        let tie = if row.table.ties_by_pk && !keys.is_empty() && !is_by_id {
            "pk"
        } else {
            "id"
        };
        keys.push(Key {
            sql: row.column(tie),
            descending,
            nullable: false,
            // An id is short, or it could not stand in a path either.
            bytes: 0,
        });
        Ok(keys)
    }

    /// What holds of the rows behind the one with these values of the keys.
    pub(super) fn after(&mut self, keys: &[Key], values: &[Bind]) -> Result<String, Error> {
        if keys.len() != values.len() {
            return Err(fault("a keyset of another order"));
        }
        let has_null = values.contains(&Bind::Null);
        let pairs: Vec<(&Key, Option<String>)> = keys
            .iter()
            .zip(values)
            .map(|(key, value)| {
                (
                    key,
                    (*value != Bind::Null).then(|| self.bind(value.clone())),
                )
            })
            .collect();
        // One comparison of rows is one range of an index. It passes over rows with a null in a key:
        // those come first in an ascending order, so they are behind us; in a descending one they
        // are still to come.
        let ascending = keys.iter().all(|key| !key.descending);
        let descending = keys.iter().all(|key| key.descending && !key.nullable);
        if !has_null && (ascending || descending) {
            let operator = if ascending { ">" } else { "<" };
            let list = |texts: Vec<&str>| match texts.as_slice() {
                [one] => (*one).to_owned(),
                many => format!("({})", many.join(", ")),
            };
            let left = list(keys.iter().map(|key| key.sql.as_str()).collect());
            let right = list(
                pairs
                    .iter()
                    .filter_map(|(_, value)| value.as_deref())
                    .collect(),
            );
            return Ok(format!("({left} {operator} {right})"));
        }
        let bound = pairs
            .first()
            .and_then(|(key, value)| key.bound(value.as_deref()));
        let mut behind: Option<String> = None;
        for (key, value) in pairs.iter().rev() {
            let value = value.as_deref();
            let equal = behind.map(|behind| format!("({} AND {behind})", key.equal(value)));
            let either: Vec<String> = key.beyond(value).into_iter().chain(equal).collect();
            behind = Some(match either.as_slice() {
                [] => "FALSE".to_owned(),
                [one] => one.clone(),
                many => format!("({})", many.join(" OR ")),
            });
        }
        let behind = behind.unwrap_or_else(|| "FALSE".to_owned());
        Ok(match bound {
            Some(bound) => format!("({bound} AND {behind})"),
            None => behind,
        })
    }

    /// The text behind `ORDER BY`.
    pub(super) fn order(&self, keys: &[Key]) -> String {
        let each = keys.iter().map(|key| {
            // Null is the least value: SQLite's own order.
            let direction = match (self.dialect, key.descending, key.nullable) {
                (Dialect::Postgres, false, true) => " NULLS FIRST",
                (Dialect::Postgres, true, true) => " DESC NULLS LAST",
                (_, true, _) => " DESC",
                (_, false, _) => "",
            };
            format!("{}{direction}", key.sql)
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

impl Key {
    /// That the key is behind the value in this key's order; nothing where nothing is.
    fn beyond(&self, value: Option<&str>) -> Option<String> {
        let sql = &self.sql;
        match (value, self.descending) {
            (Some(value), false) => Some(format!("{sql} > {value}")),
            (Some(value), true) if self.nullable => {
                Some(format!("{sql} < {value} OR {sql} IS NULL"))
            }
            (Some(value), true) => Some(format!("{sql} < {value}")),
            (None, false) => Some(format!("{sql} IS NOT NULL")),
            (None, true) => None,
        }
    }

    fn equal(&self, value: Option<&str>) -> String {
        match value {
            Some(value) => format!("{} = {value}", self.sql),
            None => format!("{} IS NULL", self.sql),
        }
    }

    /// What follows from the whole condition about the first key: a range that an index can use.
    fn bound(&self, value: Option<&str>) -> Option<String> {
        let value = value?;
        match (self.descending, self.nullable) {
            (false, _) => Some(format!("{} >= {value}", self.sql)),
            (true, false) => Some(format!("{} <= {value}", self.sql)),
            (true, true) => None,
        }
    }
}

/// How many characters a scalar's value may have.
enum Length {
    /// It is no text.
    None,
    AtMost(u32),
    Unbounded,
}

impl Length {
    /// The most bytes that a keyset needs for such a value: four for each character, and what
    /// [`super::skip_token`] puts before every value.
    fn bytes(&self) -> usize {
        let characters = match self {
            Self::None => 0,
            Self::AtMost(most) => *most,
            Self::Unbounded => CUT,
        };
        let characters = usize::try_from(characters).unwrap_or(usize::MAX);
        characters
            .saturating_mul(4)
            .saturating_add(super::skip_token::HEAD)
    }
}

fn length(scalar: &Scalar) -> Length {
    let of_property = |property: &Property| match (property.ty, property.max_length) {
        (Type::String, Some(most)) => Length::AtMost(most),
        (Type::String, None) => Length::Unbounded,
        _ => Length::None,
    };
    match scalar {
        Scalar::Literal(_) => Length::None,
        Scalar::Member(member) => match member.steps.last() {
            Some(Step::Property(property)) => of_property(property),
            _ => Length::Unbounded,
        },
        Scalar::Call(function, _) => match function {
            Function::ToLower
            | Function::ToUpper
            | Function::Trim
            | Function::Substring
            | Function::Concat => Length::Unbounded,
            Function::Contains
            | Function::StartsWith
            | Function::EndsWith
            | Function::Length
            | Function::IndexOf => Length::None,
        },
    }
}

/// The property, where a scalar is a property of the row itself.
fn own_property(scalar: &Scalar) -> Option<&'static str> {
    match scalar {
        Scalar::Member(member) if member.root == Variable(0) => match member.steps.as_slice() {
            [Step::Property(property)] => Some(property.name),
            _ => None,
        },
        _ => None,
    }
}

fn may_be_null(scalar: &Scalar) -> bool {
    match scalar {
        Scalar::Literal(value) => value.is_null(),
        Scalar::Member(member) => match member.steps.as_slice() {
            [Step::Property(property)] => property.nullable,
            _ => true,
        },
        Scalar::Call(_, arguments) => arguments.iter().any(may_be_null),
    }
}
