//! Reports where the tables are spread over several machines.
//!
//! Citus sends no statement to another machine that both writes several tables and answers, so what is one
//! statement elsewhere ([`crate::run_state`]) is a few here, each for all reports of a tenant that wait,
//! in one transaction. It has the tenant's lock (see `writer`), so nothing comes between them.

use std::collections::BTreeMap;

use runstate_graph::entity::DEVICE_STATE;
use runstate_odata::edm::{DateTimeOffset, Record};
use runstate_store::{Error, Precondition, Row, subscription::ChangeKind};
use runstate_store_sql::{
    BindRef, Cells, CellsExt as _, Database, counters,
    notice::StateNotices,
    run_state::{self, record, run_id},
    told::Told,
};
use serde_json::{Value as Json, json};

use crate::{
    error::internal,
    report::{Outcome, Report},
};

/// What is there for each report: the script, and the state where it is one of the script's own.
const FIND: &str = "SELECT i.number, s.pk, s.run_as_account <> 0, r.device_id IS NOT NULL, st.pk, \
     st.version, st.device_id, st.run_state, st.result_message, st.last_state_update_date_time, \
     st.last_state_update_date_time_form, st.error_code, st.error_description \
     FROM jsonb_to_recordset(?1::text::jsonb) \
         AS i(number bigint, kind text, script_id text, state_id text, device_id text) \
     LEFT JOIN script AS s ON s.kind = i.kind AND s.id = i.script_id \
     LEFT JOIN retired_device AS r ON r.device_id = i.device_id \
     LEFT JOIN device_run_state AS st ON st.script_pk = s.pk AND st.user_state_pk = 0 \
         AND st.id = i.state_id";

const APPEND: &str = "INSERT INTO run (state_pk, id, version, run_state, result_message, \
     last_state_update_date_time, last_state_update_date_time_form, error_code, error_description, \
     received_date_time, received_date_time_form, script_version, start_date_time, \
     start_date_time_form, end_date_time, end_date_time_form, exit_code, account, output_truncated, \
     output, error_output) \
     SELECT i.state_pk, i.id, 1, i.run_state, i.result_message, i.updated, i.updated_form, \
         i.error_code, i.error_description, ?2::bigint, ?3::bigint, i.script_version, i.start, \
         i.start_form, i.ended, i.ended_form, i.exit_code, i.account, i.truncated, i.output, \
         i.error_output \
     FROM jsonb_to_recordset(?1::text::jsonb) AS i(state_pk bigint, id text, run_state bigint, \
         result_message text, updated bigint, updated_form bigint, error_code bigint, \
         error_description text, script_version bigint, start bigint, start_form bigint, ended bigint, \
         ended_form bigint, exit_code bigint, account text, truncated bigint, output text, \
         error_output text) \
     ON CONFLICT (state_pk, id) DO NOTHING RETURNING pk, state_pk";

const APPLY: &str = "UPDATE device_run_state AS s SET version = i.version, run_state = i.run_state, \
     result_message = i.result_message, last_state_update_date_time = i.updated, \
     last_state_update_date_time_form = i.updated_form, error_code = i.error_code, \
     error_description = i.error_description \
     FROM jsonb_to_recordset(?1::text::jsonb) AS i(state_pk bigint, version bigint, run_state bigint, \
         result_message text, updated bigint, updated_form bigint, error_code bigint, \
         error_description text) \
     WHERE s.pk = i.state_pk";

/// All of the above, whose plans a test looks at.
#[cfg(test)]
pub(crate) const STATEMENTS: &[(&str, &str)] =
    &[("find", FIND), ("append", APPEND), ("apply", APPLY)];

/// A report that may be: to which state, what it shows then, and what it showed.
struct Due {
    at: usize,
    script_pk: i64,
    state_pk: i64,
    before: i32,
    record: Record,
    seen: Row,
}

/// What one row of [`FIND`] says of a report.
struct Found {
    script_pk: Option<i64>,
    is_users: bool,
    is_retired: bool,
    state: Option<(i64, Option<String>, Row)>,
}

/// Takes in reports of one tenant, at most one to each state; says what has become of each.
pub(crate) fn report(
    database: &dyn Database,
    received: DateTimeOffset,
    reports: &[Report],
) -> Result<Vec<Outcome>, Error> {
    let mut outcomes: Vec<Option<Outcome>> = reports.iter().map(|_| None).collect();
    let items: Vec<Json> = reports.iter().enumerate().map(item).collect();
    let items = Json::from(items).to_string();
    let mut due = Vec::new();
    for mut cells in database.query(FIND, &[BindRef::from(&items)])? {
        let at = usize::try_from(cells.integer(0)?).unwrap_or(usize::MAX);
        let report = reports
            .get(at)
            .ok_or_else(|| internal("an answer to no report"))?;
        let slot = outcomes.get_mut(at);
        let slot = slot.ok_or_else(|| internal("an answer to no report"))?;
        match decide(report, found(&mut cells, &report.state_id)?) {
            Err(outcome) => *slot = Some(outcome),
            Ok((script_pk, state_pk, seen)) => match after(report, &seen.record) {
                Ok((before, record)) => due.push(Due {
                    at,
                    script_pk,
                    state_pk,
                    before,
                    record,
                    seen,
                }),
                Err(error) => *slot = Some(Outcome(Err(error))),
            },
        }
    }
    let appended = append(database, received, reports, &due)?;
    apply(database, &due, &appended)?;
    count(database, &due, &appended)?;
    note(database, reports, &due, &appended)?;
    for due in due {
        let row = match appended.get(&due.state_pk) {
            Some(version) => Row {
                record: due.record,
                version: *version,
                expanded: Vec::new(),
            },
            // The history has that run already.
            None => due.seen,
        };
        if let Some(slot) = outcomes.get_mut(due.at) {
            *slot = Some(Outcome(Ok(Some(row))));
        }
    }
    let outcomes: Option<Vec<Outcome>> = outcomes.into_iter().collect();
    outcomes.ok_or_else(|| internal("a report without an answer"))
}

fn item((at, report): (usize, &Report)) -> Json {
    json!({
        "number": at,
        "kind": report.kind,
        "script_id": report.script_id,
        "state_id": report.state_id,
        "device_id": report.permit.device_id(),
    })
}

fn found(cells: &mut Cells, state_id: &str) -> Result<Found, Error> {
    let state = match cells.optional_integer(4)? {
        None => None,
        Some(pk) => {
            let record = record(
                state_id,
                cells.int32(7)?,
                cells.optional_text(8)?,
                (cells.integer(9)?, cells.int32(10)?),
                cells.int32(11)?,
                cells.optional_text(12)?,
            )?;
            let row = Row {
                record,
                version: cells.integer(5)?,
                expanded: Vec::new(),
            };
            Some((pk, cells.optional_text(6)?, row))
        }
    };
    Ok(Found {
        script_pk: cells.optional_integer(1)?,
        is_users: cells.optional_truth(2)? == Some(true),
        is_retired: cells.truth(3)?,
        state,
    })
}

/// The script, the state, and what it shows, where the report may be; what becomes of it otherwise, as
/// [`crate::run_state`] decides.
fn decide(report: &Report, found: Found) -> Result<(i64, i64, Row), Outcome> {
    let missing = |resource, id: &str| {
        Outcome(Err(Error::NotFound {
            resource,
            id: id.to_owned(),
        }))
    };
    if found.is_retired {
        return Err(Outcome(Err(Error::DeviceRetired)));
    }
    let Some(script_pk) = found.script_pk else {
        return Err(missing(report.kind, &report.script_id));
    };
    let own = report.permit.device_id();
    let Some((pk, device_id, row)) = found.state else {
        return Err(match own {
            // A state that went before it had a report may come back.
            Some(_) => Outcome(Ok(None)),
            None => missing(DEVICE_STATE.name, &report.state_id),
        });
    };
    if own.is_some() && own != device_id.as_deref() {
        return Err(missing(DEVICE_STATE.name, &report.state_id));
    }
    let told = Told::of(report.run.as_ref());
    if found.is_users && told.account.is_some() {
        return Err(Outcome(Ok(None)));
    }
    let holds = match &report.precondition {
        Precondition::None => true,
        Precondition::Versions(versions) => versions.contains(&row.version),
        Precondition::AllBut(versions) => !versions.contains(&row.version),
    };
    match holds {
        true => Ok((script_pk, pk, row)),
        false => Err(Outcome(Err(Error::PreconditionFailed))),
    }
}

/// The outcome that the state showed, and all that it shows after the report.
fn after(report: &Report, seen: &Record) -> Result<(i32, Record), Error> {
    let before = run_state::Outcome::of(seen)?.run_state;
    let mut record = seen.clone();
    for (position, value) in &report.changes {
        let slot = record.values.get_mut(*position);
        *slot.ok_or_else(|| internal("a change of no property"))? = value.clone();
    }
    run_state::Outcome::of(&record)?;
    Ok((before, record))
}

/// Appends to the history what it has not yet; the numbers of the runs, by the states' row ids.
fn append(
    database: &dyn Database,
    received: DateTimeOffset,
    reports: &[Report],
    due: &[Due],
) -> Result<BTreeMap<i64, i64>, Error> {
    let mut items = Vec::with_capacity(due.len());
    for one in due {
        let told = Told::of(reports.get(one.at).and_then(|report| report.run.as_ref()));
        let outcome = run_state::Outcome::of(&one.record)?;
        let made = || run_id(received, one.seen.version);
        items.push(json!({
            "state_pk": one.state_pk,
            "id": told.id.as_deref().map_or_else(made, str::to_owned),
            "run_state": outcome.run_state,
            "result_message": outcome.result_message,
            "updated": outcome.updated.ticks(),
            "updated_form": outcome.updated.form(),
            "error_code": outcome.error_code,
            "error_description": outcome.error_description,
            "script_version": told.script_version,
            "start": told.start.map(|start| start.0),
            "start_form": told.start.map(|start| start.1),
            "ended": told.end.map(|end| end.0),
            "ended_form": told.end.map(|end| end.1),
            "exit_code": told.exit_code,
            "account": told.account,
            "truncated": i64::from(told.output_truncated),
            "output": told.output,
            "error_output": told.error_output,
        }));
    }
    let mut appended = BTreeMap::new();
    if items.is_empty() {
        return Ok(appended);
    }
    let items = Json::from(items).to_string();
    let values = [
        BindRef::from(&items),
        BindRef::from(received.ticks()),
        BindRef::from(received.form()),
    ];
    for cells in database.query(APPEND, &values)? {
        appended.insert(cells.integer(1)?, cells.integer(0)?);
    }
    Ok(appended)
}

/// Has the states show what was appended.
fn apply(database: &dyn Database, due: &[Due], appended: &BTreeMap<i64, i64>) -> Result<(), Error> {
    let mut items = Vec::with_capacity(appended.len());
    for one in due {
        let Some(version) = appended.get(&one.state_pk) else {
            continue;
        };
        let outcome = run_state::Outcome::of(&one.record)?;
        items.push(json!({
            "state_pk": one.state_pk,
            "version": version,
            "run_state": outcome.run_state,
            "result_message": outcome.result_message,
            "updated": outcome.updated.ticks(),
            "updated_form": outcome.updated.form(),
            "error_code": outcome.error_code,
            "error_description": outcome.error_description,
        }));
    }
    if !items.is_empty() {
        let items = Json::from(items).to_string();
        database.execute(APPLY, &[BindRef::from(&items)])?;
    }
    Ok(())
}

/// Notes the changes for those who subscribe to them.
fn note(
    database: &dyn Database,
    reports: &[Report],
    due: &[Due],
    appended: &BTreeMap<i64, i64>,
) -> Result<(), Error> {
    let mut notices = StateNotices::default();
    for one in due {
        if let (Some(version), Some(report)) = (appended.get(&one.state_pk), reports.get(one.at)) {
            let change = ChangeKind::Updated;
            notices.note(database, one.script_pk, change, &report.state_id, *version)?;
        }
    }
    Ok(())
}

fn count(database: &dyn Database, due: &[Due], appended: &BTreeMap<i64, i64>) -> Result<(), Error> {
    let mut counts: BTreeMap<i64, counters::Change> = BTreeMap::new();
    for one in due
        .iter()
        .filter(|one| appended.contains_key(&one.state_pk))
    {
        let after = run_state::Outcome::of(&one.record)?.run_state;
        let count = counts.entry(one.script_pk).or_default();
        count.add(one.before, after);
    }
    for (script_pk, change) in &counts {
        counters::devices_changed(database, *script_pk, change)?;
    }
    Ok(())
}
