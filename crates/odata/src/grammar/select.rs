//! `$select` (ABNF `select`).

use super::{
    ast::{MemberPath, SelectItem},
    cursor::Cursor,
    options::SystemOption,
};
use crate::{Error, ErrorKind};

/// Reads the decoded value of `$select`, e.g. `id,runState,target/groupId`.
///
/// # Errors
///
/// The first fault, with its column.
pub fn parse(text: &str) -> Result<Vec<SelectItem>, Error> {
    SystemOption::Select.value(text, select)
}

/// ABNF `select`, without the option's name.
pub(super) fn select(cursor: &mut Cursor<'_>) -> Result<Vec<SelectItem>, Error> {
    cursor.list(select_item)
}

/// ABNF `selectItem`; options in parentheses behind a path are not served.
fn select_item(cursor: &mut Cursor<'_>) -> Result<SelectItem, Error> {
    let column = cursor.column();
    if cursor.eat('*') {
        cursor.node(column)?;
        return Ok(SelectItem::All);
    }
    let path = property_path(cursor)?;
    if cursor.peek() == Some('(') {
        let message = "Options within $select are not supported";
        return Err(cursor.error(ErrorKind::Unsupported, cursor.column(), message));
    }
    Ok(SelectItem::Path(path))
}

/// Names with slashes between, of properties or types.
pub(super) fn property_path(cursor: &mut Cursor<'_>) -> Result<MemberPath, Error> {
    let column = cursor.column();
    let mut segments = Vec::new();
    loop {
        let segment_column = cursor.column();
        cursor.node(segment_column)?;
        let name = cursor.qualified_name("the name of a property")?;
        segments.push((segment_column, name.to_owned()));
        // `/$ref` and `/$count` are no segments of the path.
        if cursor.rest().starts_with("/$") || !cursor.eat('/') {
            return Ok(MemberPath { column, segments });
        }
    }
}
