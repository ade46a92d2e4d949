//! The versions of a script's content.

use runstate_graph::{clock::Clock, entity::SCRIPT_VERSION};
use runstate_odata::edm::{DateTimeOffset, Record, Value};
use runstate_store::{Error, Row};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{error::store_error, path};

const APPEND: &str = "INSERT INTO script_version (script_pk, id, version, number, \
     created_date_time, created_date_time_form, rolled_back_to, script_content) \
     SELECT ?1, CAST(next AS TEXT), 1, next, ?2, ?3, ?4, ?5 FROM \
     (SELECT coalesce(max(number), 0) + 1 AS next FROM script_version WHERE script_pk = ?1) \
     RETURNING number";
const CONTENT: &str =
    "SELECT script_content FROM script_version WHERE script_pk = ? AND number = ?";
const CURRENT: &str = "SELECT script_content FROM script WHERE pk = ?";
const ROLL_BACK: &str = "UPDATE script SET version = version + 1, script_content = ?2, \
     last_modified_date_time = ?3, last_modified_date_time_form = ?4 WHERE pk = ?1";

/// All of the above, whose plans a test looks at.
#[cfg(test)]
pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("append version", APPEND),
    ("content of version", CONTENT),
    ("current content", CURRENT),
    ("roll back", ROLL_BACK),
];

/// The content that a script has now.
pub(crate) fn current(connection: &Connection, script_pk: i64) -> Result<Option<Vec<u8>>, Error> {
    connection
        .prepare_cached(CURRENT)
        .and_then(|mut current| current.query_row([script_pk], |row| row.get(0)))
        .map_err(store_error)
}

/// Adds the next version; answers its number.
pub(crate) fn append(
    connection: &Connection,
    clock: &dyn Clock,
    script_pk: i64,
    content: Option<&[u8]>,
    rolled_back_to: Option<i32>,
) -> Result<i32, Error> {
    let now = DateTimeOffset::from_system_time(clock.now());
    connection
        .prepare_cached(APPEND)
        .and_then(|mut append| {
            append.query_row(
                params![script_pk, now.ticks(), now.form(), rolled_back_to, content],
                |row| row.get(0),
            )
        })
        .map_err(store_error)
}

/// Gives a script the content of an earlier version again, as a new version, which it answers.
pub(crate) fn roll_back(
    connection: &Connection,
    clock: &dyn Clock,
    script_pk: i64,
    number: i32,
) -> Result<Row, Error> {
    let content: Option<Option<Vec<u8>>> = connection
        .prepare_cached(CONTENT)
        .and_then(|mut content| {
            content
                .query_row([script_pk, i64::from(number)], |row| row.get(0))
                .optional()
        })
        .map_err(store_error)?;
    let content =
        content.ok_or_else(|| path::not_found(SCRIPT_VERSION.name, &number.to_string()))?;
    let now = DateTimeOffset::from_system_time(clock.now());
    connection
        .prepare_cached(ROLL_BACK)
        .and_then(|mut update| update.execute(params![script_pk, content, now.ticks(), now.form()]))
        .map_err(store_error)?;
    let new = append(
        connection,
        clock,
        script_pk,
        content.as_deref(),
        Some(number),
    )?;
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
