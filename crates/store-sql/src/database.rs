//! A database as the statements see it.

use runstate_store::{
    Error,
    query::{Bind, Dialect},
};

/// The cells of one row of an answer, in the order in which they were selected.
pub type Cells = Vec<Bind>;

/// A connection within a transaction, lent to a piece of work.
///
/// Statements that are written out by hand are the same text for every backend, with placeholders
/// `?1`, `?2` …; those of [`runstate_store::query`] are in [`Database::dialect`]. A backend prepares
/// each text once for a connection and keeps it. Integers are of 64 bits, truth is 1 and 0.
///
/// Calls block; whoever lends the connection has seen to a thread that may.
pub trait Database {
    /// Whose SQL is to be written.
    fn dialect(&self) -> Dialect;

    /// Runs a statement; answers all rows.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`], [`Error::Invalid`], [`Error::TooLong`] where the database says so,
    /// [`Error::Unavailable`] where it is out of reach, [`Error::Internal`] for all that is a fault of
    /// ours.
    fn query(&self, sql: &str, binds: &[BindRef<'_>]) -> Result<Vec<Cells>, Error>;

    /// Runs a statement that answers no rows; says how many it changed.
    ///
    /// # Errors
    ///
    /// As [`Database::query`].
    fn execute(&self, sql: &str, binds: &[BindRef<'_>]) -> Result<u64, Error>;
}

/// A value on its way to a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindRef<'a> {
    /// No value.
    Null,
    /// `INTEGER`, `bigint`.
    Integer(i64),
    /// `TEXT`, `text`.
    Text(&'a str),
    /// `BLOB`, `bytea`.
    Blob(&'a [u8]),
}

impl<'a> From<&'a Bind> for BindRef<'a> {
    fn from(bind: &'a Bind) -> Self {
        match bind {
            Bind::Null => Self::Null,
            Bind::Integer(number) => Self::Integer(*number),
            Bind::Text(text) => Self::Text(text),
            Bind::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

impl From<i64> for BindRef<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<i32> for BindRef<'_> {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for BindRef<'_> {
    fn from(truth: bool) -> Self {
        Self::Integer(truth.into())
    }
}

impl<'a> From<&'a str> for BindRef<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for BindRef<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for BindRef<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Blob(bytes)
    }
}

impl<'a, T: Into<BindRef<'a>>> From<Option<T>> for BindRef<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
