//! What a caller may not know of what it may see: members of groups of which it may know the type and
//! the id, and nothing else; and secrets of others.

use runstate_graph::{
    entity,
    permit::{Caller, sees_whole},
    row::{Expanded, Page, Row},
};
use runstate_odata::{check::Query, edm::Record};

use super::subscriptions;

/// Blanks those rows of a page, and of what is expanded in it, that `caller` may not see whole.
pub(super) fn page(page: &mut Page, query: &Query, caller: &Caller) {
    for each in &mut page.rows {
        row(each, query, caller);
    }
}

/// Blanks a row that `caller` may not see whole: collections are empty then and all else but the id
/// is null, as Graph answers it. Likewise what is expanded in it, at every depth.
///
/// Only what is declared to be any directory object can be of a type that the caller may not read:
/// [`runstate_graph::permit`] has refused all else.
pub(super) fn row(row: &mut Row, query: &Query, caller: &Caller) {
    if *query.ty == entity::DIRECTORY_OBJECT && !sees_whole(row.record.ty, caller) {
        let mut blank = Record::new(row.record.ty);
        blank.set(entity::ID.name, row.record.get(entity::ID.name).clone());
        row.record = blank;
    }
    if *query.ty == entity::SUBSCRIPTION {
        subscriptions::blank(row, caller);
    }
    for (expand, (_, expanded)) in query.expand.iter().zip(&mut row.expanded) {
        match expanded {
            Expanded::One(None) => {}
            Expanded::One(Some(one)) => self::row(one, &expand.query, caller),
            Expanded::Many(many) => page(many, &expand.query, caller),
        }
    }
}
