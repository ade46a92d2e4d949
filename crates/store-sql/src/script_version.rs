//! The versions of a script's content.

use runstate_graph::{clock::Clock, entity::SCRIPT_VERSION};
use runstate_odata::edm::{DateTimeOffset, Record, Value};
use runstate_store::{Error, Row};

use crate::{
    Database,
    cells::{CellsExt as _, binds},
    path,
};

const APPEND: &str = "INSERT INTO script_version (script_pk, id, version, number, \
     created_date_time, created_date_time_form, rolled_back_to, script_content) \
     SELECT ?1, CAST(next AS TEXT), 1, next, ?2, ?3, ?4, ?5 FROM \
     (SELECT coalesce(max(number), 0) + 1 AS next FROM script_version WHERE script_pk = ?1) AS n \
     RETURNING number";
const CONTENT: &str =
    "SELECT script_content FROM script_version WHERE script_pk = ?1 AND number = ?2";
const CURRENT: &str = "SELECT script_content FROM script WHERE pk = ?1";
const ROLL_BACK: &str = "UPDATE script SET version = version + 1, script_content = ?2, \
     last_modified_date_time = ?3, last_modified_date_time_form = ?4 WHERE pk = ?1";

/// All of the above, whose plans a test of a backend looks at.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("append version", APPEND),
    ("content of version", CONTENT),
    ("current content", CURRENT),
    ("roll back", ROLL_BACK),
];

/// The content that a script has now.
pub(crate) fn current(database: &dyn Database, script_pk: i64) -> Result<Option<Vec<u8>>, Error> {
    database.one(CURRENT, binds![script_pk], |cells| cells.optional_blob(0))
}

/// Adds the next version; answers its number.
pub(crate) fn append(
    database: &dyn Database,
    clock: &dyn Clock,
    script_pk: i64,
    content: Option<&[u8]>,
    rolled_back_to: Option<i32>,
) -> Result<i32, Error> {
    let now = DateTimeOffset::from_system_time(clock.now());
    let values = binds![script_pk, now.ticks(), now.form(), rolled_back_to, content];
    database.one(APPEND, values, |cells| cells.int32(0))
}

/// Gives a script the content of an earlier version again, as a new version, which it answers.
pub(crate) fn roll_back(
    database: &dyn Database,
    clock: &dyn Clock,
    script_pk: i64,
    number: i32,
) -> Result<Row, Error> {
    let content = database.first(CONTENT, binds![script_pk, number], |cells| {
        cells.optional_blob(0)
    })?;
    let content =
        content.ok_or_else(|| path::not_found(SCRIPT_VERSION.name, &number.to_string()))?;
    let now = DateTimeOffset::from_system_time(clock.now());
    let values = binds![script_pk, content.as_deref(), now.ticks(), now.form()];
    database.execute(ROLL_BACK, values)?;
    let new = append(database, clock, script_pk, content.as_deref(), Some(number))?;
    let mut record = Record::new(&SCRIPT_VERSION);
    for (name, value) in [
        ("id", Value::String(new.to_string())),
        ("number", Value::Int32(new)),
        ("createdDateTime", Value::DateTimeOffset(now)),
        ("rolledBackTo", Value::Int32(number)),
        ("scriptContent", content.map_or(Value::Null, Value::Binary)),
    ] {
        record.set(name, value);
    }
    Ok(Row {
        record,
        version: 1,
        expanded: Vec::new(),
    })
}
