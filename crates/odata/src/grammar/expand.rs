//! `$expand` (ABNF `expand`).

use super::{
    ast::{ExpandItem, Options},
    cursor::{Cursor, is_name_char},
    options::{Seen, SystemOption},
    select::property_path,
};
use crate::{Error, ErrorKind};

/// Reads the decoded value of `$expand`, e.g. `assignments($select=id;$top=5),managedDevice`.
///
/// # Errors
///
/// The first fault, with its column.
pub fn parse(text: &str) -> Result<Vec<ExpandItem>, Error> {
    SystemOption::Expand.value(text, expand)
}

/// ABNF `expand`, without the option's name.
pub(super) fn expand(cursor: &mut Cursor<'_>) -> Result<Vec<ExpandItem>, Error> {
    cursor.list(expand_item)
}

/// ABNF `expandItem`; `*`, `/$ref`, `/$count` and `$value` are not served.
fn expand_item(cursor: &mut Cursor<'_>) -> Result<ExpandItem, Error> {
    let column = cursor.column();
    if cursor.eat('*') {
        let message = "'*' is not supported: name the navigation properties";
        return Err(cursor.error(ErrorKind::Unsupported, column, message));
    }
    let path = property_path(cursor)?;
    if cursor.rest().starts_with("/$") {
        let message = "'/$ref' and '/$count' are not supported within $expand";
        return Err(cursor.error(ErrorKind::Unsupported, cursor.column(), message));
    }
    let options = if cursor.eat('(') {
        cursor.deeper(expand_options)?
    } else {
        Options::default()
    };
    Ok(ExpandItem { path, options })
}

/// ABNF `expandOption`s with semicolons between, up to the closing parenthesis.
fn expand_options(cursor: &mut Cursor<'_>) -> Result<Options, Error> {
    let mut options = Options::default();
    let mut seen = Seen::default();
    loop {
        cursor.blanks();
        let column = cursor.column();
        let dollar = cursor.eat('$');
        let name = cursor.take_while(is_name_char);
        if name.is_empty() {
            return Err(cursor.unexpected("a query option such as '$select'"));
        }
        let Some(option) = SystemOption::named(name).filter(|option| option.nests()) else {
            let dollar = if dollar { "$" } else { "" };
            let message = format!("The option '{dollar}{name}' is not supported within $expand");
            return Err(cursor.error(ErrorKind::Unsupported, column, message));
        };
        cursor.node(column)?;
        if !seen.insert(option) {
            let message = format!("'{}' is given twice", option.name());
            return Err(cursor.error(ErrorKind::Syntax, column, message));
        }
        cursor.expect('=')?;
        option.read(cursor, &mut options)?;
        cursor.blanks();
        if cursor.eat(')') {
            return Ok(options);
        }
        if !cursor.eat(';') {
            return Err(cursor.unexpected("';' or ')'"));
        }
    }
}
