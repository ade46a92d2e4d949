//! `$orderby` (ABNF `orderby`).

use super::{ast::OrderItem, cursor::Cursor, filter::common_expr, options::SystemOption};
use crate::Error;

/// Reads the decoded value of `$orderby`, e.g. `lastStateUpdateDateTime desc,id`.
///
/// # Errors
///
/// The first fault, with its column.
pub fn parse(text: &str) -> Result<Vec<OrderItem>, Error> {
    SystemOption::OrderBy.value(text, orderby)
}

/// ABNF `orderby`, without the option's name.
pub(super) fn orderby(cursor: &mut Cursor<'_>) -> Result<Vec<OrderItem>, Error> {
    cursor.list(orderby_item)
}

/// ABNF `orderbyItem`.
fn orderby_item(cursor: &mut Cursor<'_>) -> Result<OrderItem, Error> {
    let expr = common_expr(cursor)?;
    cursor.blanks();
    let descending = cursor.keyword("desc");
    if !descending {
        cursor.keyword("asc");
    }
    Ok(OrderItem { expr, descending })
}
