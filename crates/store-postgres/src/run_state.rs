//! The one statement by which reports come into the tables: it finds the states, decides what may be,
//! appends to the history, changes the states, counts, and answers for each report.
//!
//! All in the order that keeps statements which run at the same time from waiting for one another in a
//! circle: the states first, by script and id, then the counts, then the summaries. A state's row is
//! locked before it is looked at, so that what is decided is decided by what the row is then, whatever
//! came in between; and the number of its next run is drawn after that, so that a state's versions
//! grow.
//!
//! Large tables are looked into by key alone, however small they are when the statement is planned: by
//! laterals that have a limit or a lock of their own. A test looks at the plan.

use std::fmt::Write as _;

use runstate_graph::entity::{DEVICE_STATE, RUN_STATE};
use runstate_odata::edm::{DateTimeOffset, Value};
use runstate_store::{Error, Precondition, Row};
use runstate_store_sql::run_state::record;
use tokio_postgres::types::ToSql;

use crate::{
    error::internal,
    report::{Outcome, Report},
};

pub(crate) const REPORT: &str = r"
WITH item AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::bool[], $8::bigint[], $9::bigint[], $10::text[], $11::bigint[], $12::bigint[],
        $13::bigint[], $14::text[], $15::text[], $16::bigint[], $17::bigint[], $18::bigint[],
        $19::bigint[], $20::bigint[], $21::bigint[], $22::text[], $23::bigint[], $24::text[],
        $25::text[]) WITH ORDINALITY
    AS item (tenant_id, kind, script_id, state_id, device_id, versions, all_but, given,
        run_state, result_message, updated, updated_form, error_code, error_description,
        run_id, script_version, started, started_form, ended, ended_form, exit_code,
        account, output_truncated, output, error_output, number)
), place AS MATERIALIZED (
    SELECT item.*, script.pk AS script_pk,
        script.run_as_account <> 0 AND item.account IS NOT NULL AS is_users,
        retired.device_id IS NOT NULL AS is_retired
    FROM item
    LEFT JOIN LATERAL (
        SELECT s.pk, s.run_as_account FROM script AS s
        WHERE s.tenant_id = item.tenant_id AND s.kind = item.kind AND s.id = item.script_id LIMIT 1
    ) AS script ON TRUE
    LEFT JOIN LATERAL (
        SELECT r.device_id FROM retired_device AS r
        WHERE r.tenant_id = item.tenant_id AND r.device_id = item.device_id LIMIT 1
    ) AS retired ON TRUE
    ORDER BY item.tenant_id, script.pk, item.state_id
), decided AS MATERIALIZED (
    SELECT p.*, s.pk, s.version, s.run_state AS old_run_state,
        s.result_message AS old_result_message, s.last_state_update_date_time AS old_updated,
        s.last_state_update_date_time_form AS old_updated_form, s.error_code AS old_error_code,
        s.error_description AS old_error_description,
        CASE
            WHEN p.device_id IS NOT NULL AND s.device_id IS DISTINCT FROM p.device_id
                THEN 'another''s'
            WHEN p.is_users THEN 'elsewhere'
            WHEN p.versions IS NOT NULL AND (s.version = ANY (p.versions::bigint[])) = p.all_but
                THEN 'precondition'
            ELSE 'report'
        END AS decision
    FROM (
        SELECT * FROM place WHERE script_pk IS NOT NULL AND NOT is_retired
        ORDER BY tenant_id, script_pk, state_id
    ) AS p
    CROSS JOIN LATERAL (
        SELECT s.* FROM device_run_state AS s
        WHERE s.tenant_id = p.tenant_id AND s.script_pk = p.script_pk
            AND s.user_state_pk = 0 AND s.id = p.state_id
        FOR NO KEY UPDATE
    ) AS s
), appended AS (
    INSERT INTO run (tenant_id, state_pk, id, version, run_state, result_message,
        last_state_update_date_time, last_state_update_date_time_form, error_code,
        error_description, received_date_time, received_date_time_form, script_version,
        start_date_time, start_date_time_form, end_date_time, end_date_time_form, exit_code,
        account, output_truncated, output, error_output)
    SELECT tenant_id, pk,
        coalesce(run_id, $28 || '-7000-8' || substr(lpad(to_hex(version), 16, '0'), 2, 3) || '-'
            || substr(lpad(to_hex(version), 16, '0'), 5)),
        1,
        CASE WHEN given & 2 <> 0 THEN run_state ELSE old_run_state END,
        CASE WHEN given & 4 <> 0 THEN result_message ELSE old_result_message END,
        CASE WHEN given & 8 <> 0 THEN updated ELSE old_updated END,
        CASE WHEN given & 8 <> 0 THEN updated_form ELSE old_updated_form END,
        CASE WHEN given & 16 <> 0 THEN error_code ELSE old_error_code END,
        CASE WHEN given & 32 <> 0 THEN error_description ELSE old_error_description END,
        $26, $27, script_version, started, started_form, ended, ended_form, exit_code,
        account, output_truncated, output, error_output
    FROM decided WHERE decision = 'report'
    ON CONFLICT (tenant_id, state_pk, id) DO NOTHING
    RETURNING tenant_id, pk, state_pk, run_state, result_message, last_state_update_date_time,
        last_state_update_date_time_form, error_code, error_description
), updated AS (
    UPDATE device_run_state AS s SET version = a.pk, run_state = a.run_state,
        result_message = a.result_message,
        last_state_update_date_time = a.last_state_update_date_time,
        last_state_update_date_time_form = a.last_state_update_date_time_form,
        error_code = a.error_code, error_description = a.error_description
    FROM appended AS a WHERE s.tenant_id = a.tenant_id AND s.pk = a.state_pk
), noted AS (
    INSERT INTO subscription_notice (tenant_id, subscription_pk, change, item_id, item_version)
    SELECT d.tenant_id, s.pk, 1, d.state_id, a.pk
    FROM appended AS a JOIN decided AS d ON d.tenant_id = a.tenant_id AND d.pk = a.state_pk
    CROSS JOIN LATERAL (
        SELECT s.pk FROM subscription AS s
        WHERE s.tenant_id = d.tenant_id AND s.target_pk = d.script_pk AND s.subject = 2
            AND s.on_updated = 1 AND s.is_closing = 0
        LIMIT 200
    ) AS s
    ORDER BY a.pk
), moved AS MATERIALIZED (
    SELECT d.tenant_id, d.script_pk, d.old_run_state AS before, a.run_state AS after
    FROM appended AS a JOIN decided AS d ON d.pk = a.state_pk
    WHERE d.old_run_state <> a.run_state
), counted AS (
    INSERT INTO run_state_count AS c (tenant_id, script_pk, run_state, count)
    SELECT tenant_id, script_pk, run_state, sum(more)::bigint
    FROM (
        SELECT tenant_id, script_pk, before AS run_state, -1 AS more FROM moved
        UNION ALL SELECT tenant_id, script_pk, after, 1 FROM moved
    ) AS each
    GROUP BY tenant_id, script_pk, run_state HAVING sum(more) <> 0
    ORDER BY tenant_id, script_pk, run_state
    ON CONFLICT (tenant_id, script_pk, run_state) DO UPDATE SET count = c.count + excluded.count
), summed AS MATERIALIZED (
    SELECT tenant_id, script_pk, sum((after = $29)::int - (before = $29)::int)::bigint AS success,
        sum((after = ANY ($30))::int - (before = ANY ($30))::int)::bigint AS error,
        count(*) AS times
    FROM moved
    WHERE (after = $29) <> (before = $29) OR (after = ANY ($30)) <> (before = ANY ($30))
    GROUP BY tenant_id, script_pk
), summary AS MATERIALIZED (
    SELECT d.tenant_id, s.pk, d.success, d.error, d.times
    FROM (SELECT * FROM summed ORDER BY tenant_id, script_pk) AS d
    CROSS JOIN LATERAL (
        SELECT s.pk FROM run_summary AS s
        WHERE s.tenant_id = d.tenant_id AND s.script_pk = d.script_pk FOR NO KEY UPDATE
    ) AS s
), summarized AS (
    UPDATE run_summary AS s SET version = s.version + d.times,
        success_device_count = s.success_device_count + d.success,
        error_device_count = s.error_device_count + d.error
    FROM summary AS d WHERE s.tenant_id = d.tenant_id AND s.pk = d.pk
)
SELECT p.number,
    CASE
        WHEN p.is_retired THEN 'retired'
        WHEN p.script_pk IS NULL THEN 'no script'
        WHEN d.pk IS NULL THEN 'no state'
        ELSE d.decision
    END,
    coalesce(a.pk, d.version),
    CASE WHEN a.pk IS NULL THEN d.old_run_state ELSE a.run_state END,
    CASE WHEN a.pk IS NULL THEN d.old_result_message ELSE a.result_message END,
    CASE WHEN a.pk IS NULL THEN d.old_updated ELSE a.last_state_update_date_time END,
    CASE WHEN a.pk IS NULL THEN d.old_updated_form ELSE a.last_state_update_date_time_form END,
    CASE WHEN a.pk IS NULL THEN d.old_error_code ELSE a.error_code END,
    CASE WHEN a.pk IS NULL THEN d.old_error_description ELSE a.error_description END
FROM place AS p
LEFT JOIN decided AS d ON d.number = p.number
LEFT JOIN appended AS a ON a.state_pk = d.pk";

/// Reports as columns, and what is the same for all of them.
#[derive(Debug, Default)]
pub(crate) struct Batch<'a> {
    tenant_id: Vec<&'a str>,
    kind: Vec<&'a str>,
    script_id: Vec<&'a str>,
    state_id: Vec<&'a str>,
    device_id: Vec<Option<&'a str>>,
    versions: Vec<Option<String>>,
    all_but: Vec<bool>,
    /// A bit for each property that is given, by its place in the type.
    given: Vec<i64>,
    run_state: Vec<Option<i64>>,
    result_message: Vec<Option<&'a str>>,
    updated: Vec<Option<i64>>,
    updated_form: Vec<Option<i64>>,
    error_code: Vec<Option<i64>>,
    error_description: Vec<Option<&'a str>>,
    run_id: Vec<Option<&'a str>>,
    script_version: Vec<Option<i64>>,
    started: Vec<Option<i64>>,
    started_form: Vec<Option<i64>>,
    ended: Vec<Option<i64>>,
    ended_form: Vec<Option<i64>>,
    exit_code: Vec<Option<i64>>,
    account: Vec<Option<&'a str>>,
    output_truncated: Vec<i64>,
    output: Vec<Option<&'a str>>,
    error_output: Vec<Option<&'a str>>,
    received: i64,
    received_form: i64,
    run_prefix: String,
    success: i64,
    errors: Vec<i64>,
}

impl<'a> Batch<'a> {
    /// No reports yet; all of them are received at that moment.
    pub(crate) fn new(received: DateTimeOffset) -> Self {
        let millis = u64::try_from(received.ticks() / 10_000).unwrap_or(0) & 0xffff_ffff_ffff;
        let number = |name: &str| RUN_STATE.value_of(name).map(i64::from);
        Self {
            received: received.ticks(),
            received_form: received.form().into(),
            // The first half of a UUID of version 7; the version that the state had follows.
            run_prefix: format!("{:08x}-{:04x}", millis >> 16, millis & 0xffff),
            success: number("success").unwrap_or(-1),
            errors: ["fail", "scriptError"]
                .into_iter()
                .filter_map(number)
                .collect(),
            ..Self::default()
        }
    }

    /// Adds a report, which has been checked.
    pub(crate) fn add(&mut self, report: &'a Report) {
        self.tenant_id.push(report.permit.tenant_id());
        self.kind.push(report.kind);
        self.script_id.push(&report.script_id);
        self.state_id.push(&report.state_id);
        self.device_id.push(report.permit.device_id());
        let (versions, all_but) = match &report.precondition {
            Precondition::None => (None, false),
            Precondition::Versions(versions) => (Some(versions), false),
            Precondition::AllBut(versions) => (Some(versions), true),
        };
        self.versions.push(versions.map(|versions| array(versions)));
        self.all_but.push(all_but);
        let mut given = 0;
        let mut shown = [const { &Value::Null }; 6];
        for (position, value) in &report.changes {
            if let Some(slot) = shown.get_mut(*position) {
                *slot = value;
                given |= 1 << position;
            }
        }
        let [_, run_state, message, updated, error_code, description] = shown;
        self.given.push(given);
        self.run_state.push(number(run_state));
        self.result_message.push(message.as_str());
        self.updated.push(instant(updated).map(|it| it.0));
        self.updated_form.push(instant(updated).map(|it| it.1));
        self.error_code.push(number(error_code));
        self.error_description.push(description.as_str());
        let run = report.run.as_ref();
        let told = |name| run.map_or(&Value::Null, |run| run.get(name));
        self.run_id.push(told("id").as_str());
        self.script_version.push(number(told("scriptVersion")));
        let (started, ended) = (instant(told("startDateTime")), instant(told("endDateTime")));
        self.started.push(started.map(|it| it.0));
        self.started_form.push(started.map(|it| it.1));
        self.ended.push(ended.map(|it| it.0));
        self.ended_form.push(ended.map(|it| it.1));
        self.exit_code.push(number(told("exitCode")));
        self.account.push(told("account").as_str());
        let truncated = *told("outputTruncated") == Value::Boolean(true);
        self.output_truncated.push(truncated.into());
        self.output.push(told("output").as_str());
        self.error_output.push(told("errorOutput").as_str());
    }

    /// What is bound to the placeholders of [`REPORT`].
    pub(crate) fn values(&self) -> [&(dyn ToSql + Sync); 30] {
        [
            &self.tenant_id,
            &self.kind,
            &self.script_id,
            &self.state_id,
            &self.device_id,
            &self.versions,
            &self.all_but,
            &self.given,
            &self.run_state,
            &self.result_message,
            &self.updated,
            &self.updated_form,
            &self.error_code,
            &self.error_description,
            &self.run_id,
            &self.script_version,
            &self.started,
            &self.started_form,
            &self.ended,
            &self.ended_form,
            &self.exit_code,
            &self.account,
            &self.output_truncated,
            &self.output,
            &self.error_output,
            &self.received,
            &self.received_form,
            &self.run_prefix,
            &self.success,
            &self.errors,
        ]
    }
}

/// Numbers as PostgreSQL writes an array.
fn array(numbers: &[i64]) -> String {
    let mut text = String::from("{");
    for (at, number) in numbers.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // Into a text, which takes everything.
        let _ = write!(text, "{comma}{number}");
    }
    text.push('}');
    text
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Int32(number) | Value::Enum(number) => Some((*number).into()),
        _ => None,
    }
}

fn instant(value: &Value) -> Option<(i64, i64)> {
    match value {
        Value::DateTimeOffset(instant) => Some((instant.ticks(), instant.form().into())),
        _ => None,
    }
}

/// What has become of each of the reports, by the rows of the answer.
pub(crate) fn outcomes(
    reports: &[Report],
    rows: &[tokio_postgres::Row],
) -> Result<Vec<Outcome>, Error> {
    let mut outcomes: Vec<Option<Outcome>> = reports.iter().map(|_| None).collect();
    for row in rows {
        let number: i64 = get(row, 0)?;
        let at = usize::try_from(number - 1).unwrap_or(usize::MAX);
        let no_item = || internal("an answer to no report");
        let report = reports.get(at).ok_or_else(no_item)?;
        *outcomes.get_mut(at).ok_or_else(no_item)? = Some(outcome(report, row)?);
    }
    let outcomes: Option<Vec<Outcome>> = outcomes.into_iter().collect();
    outcomes.ok_or_else(|| internal("a report without an answer"))
}

fn outcome(report: &Report, row: &tokio_postgres::Row) -> Result<Outcome, Error> {
    let missing = |resource, id: &str| {
        Err(Error::NotFound {
            resource,
            id: id.to_owned(),
        })
    };
    let no_state = || missing(DEVICE_STATE.name, &report.state_id);
    Ok(Outcome(match get(row, 1)? {
        "report" => Ok(Some(state(report, row)?)),
        "retired" => Err(Error::DeviceRetired),
        "no script" => missing(report.kind, &report.script_id),
        // Of a device, a state that went before it had a report may come back.
        "no state" if report.permit.device_id().is_some() => Ok(None),
        "no state" | "another's" => no_state(),
        "elsewhere" => Ok(None),
        "precondition" => Err(Error::PreconditionFailed),
        other => return Err(internal(format!("the decision '{other}' about a report"))),
    }))
}

/// The state as it is now.
fn state(report: &Report, row: &tokio_postgres::Row) -> Result<Row, Error> {
    let small = |at| {
        let number: i64 = get(row, at)?;
        i32::try_from(number).map_err(|_| internal("a number of 64 bits in a run state"))
    };
    let record = record(
        &report.state_id,
        small(3)?,
        get(row, 4)?,
        (get(row, 5)?, small(6)?),
        small(7)?,
        get(row, 8)?,
    )?;
    Ok(Row {
        record,
        version: get(row, 2)?,
        expanded: Vec::new(),
    })
}

fn get<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a tokio_postgres::Row,
    at: usize,
) -> Result<T, Error> {
    row.try_get(at).map_err(|error| internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        connection::{Address, REPORTING},
        migration,
    };

    /// Whoever gives run states another property is sent here, to what knows them all in their order.
    #[test]
    fn every_property_is_written_out() {
        let properties: Vec<_> = DEVICE_STATE.properties.iter().map(|p| p.name).collect();
        assert_eq!(
            properties,
            [
                "id",
                "runState",
                "resultMessage",
                "lastStateUpdateDateTime",
                "errorCode",
                "errorDescription"
            ]
        );
    }

    /// The plan is made once for a connection, perhaps while the tables are small. However large they
    /// become, each has to be looked into by key.
    #[tokio::test]
    async fn every_table_is_looked_into_by_key() {
        let Some(database) = runstate_test_postgres::Database::create() else {
            return;
        };
        let address = Address::of(database.url()).unwrap();
        let pool = address.pool(1, REPORTING).unwrap();
        let mut client = pool.get().await.unwrap();
        migration::migrate(&mut client).await.unwrap();
        let nulls = ["NULL"; 30].join(", ");
        let explain = format!("EXPLAIN EXECUTE report ({nulls})");
        client
            .batch_execute(&format!("PREPARE report AS {REPORT}"))
            .await
            .unwrap();
        let rows = client.query(&explain, &[]).await.unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let plan = lines.join("\n");
        assert!(!plan.contains("Seq Scan"), "{plan}");
        let scans: Vec<usize> = (0..lines.len())
            .filter(|at| {
                let line = &lines[*at];
                [
                    " on script ",
                    " on device_run_state ",
                    " on run ",
                    " on run_summary ",
                ]
                .iter()
                .any(|table| line.contains(table) && line.contains("Scan"))
            })
            .collect();
        for at in scans {
            let (scan, condition) = (&lines[at], &lines[at + 1]);
            assert!(condition.contains("Index Cond"), "{scan}\n{plan}");
            let after = lines.get(at + 2);
            assert!(
                !after.is_some_and(|it| it.contains("Filter")),
                "{scan}\n{plan}"
            );
        }
        for index in [
            "script_tenant_id_kind_id_key",
            "device_run_state_tenant_id_script_pk_user_state_pk_id_key",
            "device_run_state_pkey",
            "run_summary_tenant_id_script_pk_key",
        ] {
            assert!(plan.contains(index), "{index}\n{plan}");
        }
    }

    #[test]
    fn versions_are_an_array() {
        assert_eq!(array(&[]), "{}");
        assert_eq!(array(&[7, -1]), "{7,-1}");
    }
}
