//! Reports that are acknowledged and not in the tables yet, as reads see them.
//!
//! A backend with a journal folds it into the tables behind, and has reads answer from both meanwhile.
//! One that writes reports to the tables at once needs nothing of this.

use runstate_odata::check::Query;
use runstate_store::{
    Error, Row,
    query::{Bind, Decoded, Scope},
};

use crate::Database;

/// The reports that waited when a read began.
pub trait Waiting: Send {
    /// Those to the script's own states that the tables of this transaction do not have; none where
    /// there is none such.
    ///
    /// # Errors
    ///
    /// As [`Database::query`].
    fn to_script(
        &self,
        database: &dyn Database,
        script_pk: i64,
    ) -> Result<Option<Box<dyn Reports>>, Error>;
}

/// Some reports to a script's own states.
pub trait Reports {
    /// The first rows of a list behind `after`, one more than `limit` where there are more.
    ///
    /// # Errors
    ///
    /// As [`Database::query`].
    fn rows(
        &self,
        database: &dyn Database,
        scope: &Scope<'_>,
        query: &Query,
        limit: u32,
        after: Option<&[Bind]>,
    ) -> Result<Vec<Decoded>, Error>;

    /// How many more states of that outcome there are by them.
    fn more(&self, outcome: i32) -> i64;

    /// Makes a run summary one of these reports too.
    fn add_to_summary(&self, summary: &mut Row);
}
