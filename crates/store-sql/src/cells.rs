//! Statements that are written out by hand: values in, typed cells out.

use runstate_store::{Error, query::Bind};

use crate::{BindRef, Cells, Database, error::internal};

/// The values of a statement's placeholders, in their order.
macro_rules! binds {
    ($($value:expr),* $(,)?) => {
        &[$($crate::BindRef::from($value)),*][..]
    };
}

pub(crate) use binds;

/// A row's cells by their places, as what the statement says that they hold. What holds anything else
/// is a fault of ours, [`Error::Internal`].
pub trait CellsExt {
    /// A number, or none.
    fn optional_integer(&self, at: usize) -> Result<Option<i64>, Error>;

    /// The text, which is taken out of the cell, or none.
    fn optional_text(&mut self, at: usize) -> Result<Option<String>, Error>;

    /// The bytes, which are taken out of the cell, or none.
    fn optional_blob(&mut self, at: usize) -> Result<Option<Vec<u8>>, Error>;

    /// A number.
    fn integer(&self, at: usize) -> Result<i64, Error> {
        self.optional_integer(at)?
            .ok_or_else(|| not(at, "a number"))
    }

    /// A number of 32 bits, or none.
    fn optional_int32(&self, at: usize) -> Result<Option<i32>, Error> {
        let int32 = |number: i64| i32::try_from(number).map_err(|_| not(at, "of 32 bits"));
        self.optional_integer(at)?.map(int32).transpose()
    }

    /// A number of 32 bits.
    fn int32(&self, at: usize) -> Result<i32, Error> {
        self.optional_int32(at)?.ok_or_else(|| not(at, "a number"))
    }

    /// Whether the cell says so, or none.
    fn optional_truth(&self, at: usize) -> Result<Option<bool>, Error> {
        Ok(self.optional_integer(at)?.map(|truth| truth != 0))
    }

    /// Whether the cell says so.
    fn truth(&self, at: usize) -> Result<bool, Error> {
        Ok(self.integer(at)? != 0)
    }

    /// The text, which is taken out of the cell.
    fn text(&mut self, at: usize) -> Result<String, Error> {
        self.optional_text(at)?.ok_or_else(|| not(at, "a text"))
    }

    /// The bytes, which are taken out of the cell.
    fn blob(&mut self, at: usize) -> Result<Vec<u8>, Error> {
        self.optional_blob(at)?.ok_or_else(|| not(at, "bytes"))
    }
}

impl CellsExt for Cells {
    fn optional_integer(&self, at: usize) -> Result<Option<i64>, Error> {
        match self.get(at) {
            Some(Bind::Null) => Ok(None),
            Some(Bind::Integer(number)) => Ok(Some(*number)),
            _ => Err(not(at, "a number")),
        }
    }

    fn optional_text(&mut self, at: usize) -> Result<Option<String>, Error> {
        match self.get_mut(at).map(take) {
            Some(Bind::Null) => Ok(None),
            Some(Bind::Text(text)) => Ok(Some(text)),
            _ => Err(not(at, "a text")),
        }
    }

    fn optional_blob(&mut self, at: usize) -> Result<Option<Vec<u8>>, Error> {
        match self.get_mut(at).map(take) {
            Some(Bind::Null) => Ok(None),
            Some(Bind::Blob(bytes)) => Ok(Some(bytes)),
            _ => Err(not(at, "bytes")),
        }
    }
}

fn take(cell: &mut Bind) -> Bind {
    std::mem::replace(cell, Bind::Null)
}

fn not(at: usize, what: &str) -> Error {
    internal(format!("cell {at} of a row is not {what}"))
}

impl dyn Database + '_ {
    /// All rows of the answer.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        binds: &[BindRef<'_>],
        mut read: impl FnMut(&mut Cells) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut rows = self.query(sql, binds)?;
        rows.iter_mut().map(&mut read).collect()
    }

    /// The first row of the answer, where there is one.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        binds: &[BindRef<'_>],
        read: impl FnOnce(&mut Cells) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut rows = self.query(sql, binds)?;
        rows.first_mut().map(read).transpose()
    }

    /// The row of an answer that has one always.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        binds: &[BindRef<'_>],
        read: impl FnOnce(&mut Cells) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let row = self.first(sql, binds, read)?;
        row.ok_or_else(|| internal("an answer without a row"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells() -> Cells {
        vec![
            Bind::Integer(1),
            Bind::Text("t".to_owned()),
            Bind::Blob(vec![7]),
            Bind::Null,
            Bind::Integer(1 << 40),
        ]
    }

    #[test]
    fn cells_are_read_as_what_they_hold() {
        let mut cells = cells();
        assert_eq!(cells.integer(0), Ok(1));
        assert_eq!(cells.int32(0), Ok(1));
        assert_eq!(cells.truth(0), Ok(true));
        assert_eq!(cells.text(1), Ok("t".to_owned()));
        assert_eq!(cells.blob(2), Ok(vec![7]));
        assert_eq!(cells.optional_integer(3), Ok(None));
        assert_eq!(cells.optional_text(3), Ok(None));
        assert_eq!(cells.optional_blob(3), Ok(None));
        assert_eq!(cells.integer(4), Ok(1 << 40));
    }

    #[test]
    fn what_they_do_not_hold_is_a_fault() {
        let mut cells = cells();
        for fault in [
            cells.integer(1).err(),
            cells.integer(3).err(),
            cells.integer(5).err(),
            cells.int32(4).err(),
            cells.text(0).err(),
            cells.text(3).err(),
            cells.blob(0).err(),
            cells.optional_text(5).err(),
        ] {
            assert!(matches!(fault, Some(Error::Internal { .. })), "{fault:?}");
        }
    }
}
