//! Which scripts a device has to run, and the run states that follow from it.
//!
//! A script is *effective* on a device when some assignment includes the device and none excludes
//! it: all devices, all licensed users (a device that has a user), a group that contains the device
//! or one of its users at any depth; an exclusion group wins over all. The users of a device are its
//! primary user and those who are logged on. An assignment with a filter includes nobody: rules of
//! filters are not evaluated, and a script on too few devices is the safe side.
//!
//! All of it is one query, [`effective`], over a window of devices and some scripts.

use std::sync::LazyLock;

use runstate_graph::{clock::Clock, entity::RUN_STATE};
use runstate_odata::edm::DateTimeOffset;
use runstate_store::Error;
use rusqlite::{Connection, Params, params};

use crate::{
    counters::{self, Change},
    error::store_error,
};

#[cfg(test)]
mod tests;

/// A script that a device has to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) script_pk: i64,
    /// The number of its newest version; 0 where it never had content.
    pub(crate) version: i64,
    /// The run state to report to.
    pub(crate) state_id: String,
    /// The oldest request to run it now that has not started.
    pub(crate) run_request_id: Option<String>,
}

/// What one step of [`reconcile_script`] has done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The devices for which anything has changed.
    pub(crate) devices: Vec<String>,
    /// Behind which device the next step begins; none when all are done.
    pub(crate) next: Option<i64>,
}

/// The common table expressions `device` (the window), `effective` (pairs of `script_pk` and
/// `device_pk`) and what they are made of. `?1` is the tenant; `window` says which devices, `scripts`
/// which scripts `s`.
fn effective(window: &str, scripts: &str) -> String {
    // A group's member is named by an id that is unique within its tenant only, so every step is
    // within the tenant. `UNION` keeps each pair once, so that circles of groups end.
    format!(
        "WITH RECURSIVE device (pk, id, user_id, is_windows) AS MATERIALIZED ( \
             SELECT d.pk, d.id, d.user_id, \
                 lower(substr(coalesce(d.operating_system, ''), 1, 7)) = 'windows' \
             FROM managed_device AS d WHERE d.tenant_id = ?1 AND {window} \
         ), account (device_pk, id) AS ( \
             SELECT pk, user_id FROM device WHERE user_id IS NOT NULL \
             UNION SELECT d.pk, u.user_id FROM device AS d \
                 CROSS JOIN logged_on_user AS u ON u.device_pk = d.pk \
         ), inside (device_pk, group_id) AS ( \
             SELECT o.device_pk, g.id \
             FROM (SELECT pk AS device_pk, id FROM device \
                   UNION SELECT device_pk, id FROM account) AS o \
                 CROSS JOIN group_member AS m ON m.object_id = o.id \
                 CROSS JOIN directory_group AS g ON g.pk = m.group_pk AND g.tenant_id = ?1 \
             UNION SELECT i.device_pk, g.id FROM inside AS i \
                 CROSS JOIN group_member AS m ON m.object_id = i.group_id \
                 CROSS JOIN directory_group AS g ON g.pk = m.group_pk AND g.tenant_id = ?1 \
         ), target (script_pk, device_pk, is_excluded) AS ( \
             SELECT a.script_pk, i.device_pk, \
                 a.target_type = 'exclusionGroupAssignmentTarget' FROM inside AS i \
                 CROSS JOIN assignment AS a ON a.target_group_id = i.group_id \
                 CROSS JOIN script AS s ON s.pk = a.script_pk AND s.tenant_id = ?1 AND {scripts} \
             WHERE a.target_type = 'exclusionGroupAssignmentTarget' \
                 OR (a.target_type = 'groupAssignmentTarget' AND {UNFILTERED}) \
             UNION ALL SELECT a.script_pk, i.device_pk, 0 FROM inside AS i \
                 CROSS JOIN group_assignment AS a ON a.target_group_id = i.group_id \
                 CROSS JOIN script AS s ON s.pk = a.script_pk AND s.tenant_id = ?1 AND {scripts} \
             UNION ALL SELECT s.pk, d.pk, 0 FROM script AS s \
                 CROSS JOIN assignment AS a ON a.script_pk = s.pk \
                     AND a.target_type = 'allDevicesAssignmentTarget' AND {UNFILTERED} \
                 CROSS JOIN device AS d WHERE s.tenant_id = ?1 AND {scripts} \
             UNION ALL SELECT s.pk, c.device_pk, 0 FROM script AS s \
                 CROSS JOIN assignment AS a ON a.script_pk = s.pk \
                     AND a.target_type = 'allLicensedUsersAssignmentTarget' AND {UNFILTERED} \
                 CROSS JOIN account AS c WHERE s.tenant_id = ?1 AND {scripts} \
         ), effective (script_pk, device_pk) AS MATERIALIZED ( \
             SELECT t.script_pk, t.device_pk FROM target AS t JOIN device AS d ON d.pk = t.device_pk \
             WHERE NOT EXISTS (SELECT 1 FROM retired_device AS r \
                 WHERE r.tenant_id = ?1 AND r.device_id = d.id) \
             GROUP BY t.script_pk, t.device_pk HAVING max(t.is_excluded) = 0 \
         ) "
    )
}

const UNFILTERED: &str =
    "coalesce(a.target_device_and_app_management_assignment_filter_type, 0) = 0";

/// Whether script `s` fits device `d`. Whether PowerShell is there, the agent finds out.
const APPLICABLE: &str = "NOT (d.is_windows AND s.kind <> 'deviceManagementScript')";

const ONE_DEVICE: &str = "d.id = ?2";
const DEVICES_BEHIND: &str =
    "d.pk IN (SELECT pk FROM managed_device WHERE tenant_id = ?1 AND pk > ?3 ORDER BY pk LIMIT ?4)";
const ALL_SCRIPTS: &str = "TRUE";
const ONE_SCRIPT: &str = "s.pk = ?2";

static SCRIPTS: LazyLock<String> = LazyLock::new(|| {
    effective(ONE_DEVICE, ALL_SCRIPTS)
        + "SELECT s.pk, \
             (SELECT coalesce(max(v.number), 0) FROM script_version AS v WHERE v.script_pk = s.pk), \
             st.id, \
             (SELECT r.id FROM run_request_device AS q JOIN run_request AS r ON r.pk = q.request_pk \
              WHERE q.state_pk = st.pk AND q.status = 0 ORDER BY q.request_pk LIMIT 1) \
         FROM effective AS e CROSS JOIN device AS d ON d.pk = e.device_pk \
         CROSS JOIN script AS s ON s.pk = e.script_pk \
         CROSS JOIN device_run_state AS st ON st.pk = (SELECT min(own.pk) \
             FROM device_run_state AS own \
             WHERE own.device_id = d.id AND own.script_pk = s.pk AND own.user_state_pk = 0) \
         WHERE "
        + APPLICABLE
        + " ORDER BY s.pk"
});

/// The effective pairs of the window with their run states where they have any, then the other run
/// states of its devices. Cells: the device's id, the script's row id, the script's id (null: not
/// effective), whether it applies, and of the state its row id, version and outcome.
fn differences(window: &str, scripts: &str) -> String {
    effective(window, scripts)
        + &format!(
            "SELECT d.id, s.pk, s.id, {APPLICABLE}, st.pk, st.version, st.run_state \
             FROM effective AS e CROSS JOIN device AS d ON d.pk = e.device_pk \
             CROSS JOIN script AS s ON s.pk = e.script_pk \
             LEFT JOIN device_run_state AS st ON st.device_id = d.id AND st.script_pk = s.pk \
                 AND st.user_state_pk = 0 \
             UNION ALL \
             SELECT d.id, s.pk, NULL, 0, st.pk, st.version, st.run_state FROM device AS d \
             CROSS JOIN device_run_state AS st ON st.device_id = d.id AND st.user_state_pk = 0 \
             CROSS JOIN script AS s ON s.pk = st.script_pk AND s.tenant_id = ?1 AND {scripts} \
             WHERE (s.pk, d.pk) NOT IN (SELECT script_pk, device_pk FROM effective)"
        )
}

static OF_SCRIPT: LazyLock<String> = LazyLock::new(|| differences(DEVICES_BEHIND, ONE_SCRIPT));
static OF_DEVICE: LazyLock<String> = LazyLock::new(|| differences(ONE_DEVICE, ALL_SCRIPTS));
static KEEP_EFFECTIVE: LazyLock<String> = LazyLock::new(|| {
    let window = "d.id IN (SELECT st.device_id FROM run_request_device AS q \
         JOIN device_run_state AS st ON st.pk = q.state_pk WHERE q.request_pk = ?3)";
    effective(window, ONE_SCRIPT)
        + "DELETE FROM run_request_device WHERE request_pk = ?3 AND state_pk NOT IN (SELECT st.pk \
           FROM effective AS e CROSS JOIN device AS d ON d.pk = e.device_pk \
           CROSS JOIN script AS s ON s.pk = e.script_pk \
           CROSS JOIN device_run_state AS st ON st.device_id = d.id AND st.script_pk = s.pk \
               AND st.user_state_pk = 0 \
           WHERE "
        + APPLICABLE
        + ")"
});

const DEVICE: &str = "SELECT EXISTS (SELECT 1 FROM managed_device WHERE tenant_id = ? AND id = ?)";
const SCRIPT: &str = "SELECT tenant_id FROM script WHERE pk = ?";
const LAST_OF_STEP: &str = "SELECT max(pk) FROM (SELECT pk FROM managed_device \
     WHERE tenant_id = ? AND pk > ? ORDER BY pk LIMIT ?)";
const INSERT: &str = "INSERT INTO device_run_state (script_pk, user_state_pk, id, version, \
     device_id, run_state, last_state_update_date_time, last_state_update_date_time_form, \
     error_code) VALUES (?, 0, ?, 0, ?, ?, ?, ?, 0) \
     ON CONFLICT (script_pk, user_state_pk, id) DO NOTHING";
const SET_RUN_STATE: &str = "UPDATE device_run_state SET run_state = ?2 WHERE pk = ?1";
const DELETE: &str = "DELETE FROM device_run_state WHERE pk = ?";
const REMEMBER: &str = "INSERT INTO former_run_state (script_pk, device_id) VALUES (?, ?) \
     ON CONFLICT (script_pk, device_id) DO NOTHING";
const RECALL: &str = "DELETE FROM former_run_state WHERE script_pk = ? AND device_id = ?";
const SCRIPT_ID: &str = "SELECT id FROM script WHERE pk = ?";
const COUNT_CANCELED: &str = "UPDATE run_request SET version = version + 1, \
     pending_count = pending_count - 1, canceled_count = canceled_count + 1 \
     WHERE pk IN (SELECT request_pk FROM run_request_device WHERE state_pk = ? AND status = 0)";
const COUNT_STOPPED: &str = "UPDATE run_request SET version = version + 1, \
     running_count = running_count - 1, canceled_count = canceled_count + 1 \
     WHERE pk IN (SELECT request_pk FROM run_request_device WHERE state_pk = ? AND status = 1)";
const CANCEL: &str = "UPDATE run_request_device SET status = 4 WHERE state_pk = ? AND status = 0";
const SCRIPTS_OF_GROUP: &str = "WITH RECURSIVE around (id) AS ( \
         SELECT ?2 UNION SELECT g.id FROM around CROSS JOIN group_member AS m \
             ON m.object_id = around.id \
         CROSS JOIN directory_group AS g ON g.pk = m.group_pk AND g.tenant_id = ?1 \
     ) SELECT s.pk FROM around CROSS JOIN assignment AS a ON a.target_group_id = around.id \
           CROSS JOIN script AS s ON s.pk = a.script_pk AND s.tenant_id = ?1 \
       UNION SELECT s.pk FROM around CROSS JOIN group_assignment AS a \
           ON a.target_group_id = around.id \
           CROSS JOIN script AS s ON s.pk = a.script_pk AND s.tenant_id = ?1";
const DEVICES_OF_USER: &str = "SELECT id FROM managed_device WHERE tenant_id = ?1 AND user_id = ?2 \
     UNION SELECT d.id FROM logged_on_user AS u \
         CROSS JOIN managed_device AS d ON d.pk = u.device_pk AND d.tenant_id = ?1 \
     WHERE u.user_id = ?2";

/// All of the above, whose plans a test looks at.
#[cfg(test)]
pub(crate) fn statements() -> Vec<(&'static str, &'static str)> {
    vec![
        ("scripts of device", &SCRIPTS),
        ("differences of script", &OF_SCRIPT),
        ("differences of device", &OF_DEVICE),
        ("keep effective", &KEEP_EFFECTIVE),
        ("last of step", LAST_OF_STEP),
        ("insert state", INSERT),
        ("set run state", SET_RUN_STATE),
        ("delete state", DELETE),
        ("remember", REMEMBER),
        ("recall", RECALL),
        ("script id", SCRIPT_ID),
        ("count canceled", COUNT_CANCELED),
        ("count stopped", COUNT_STOPPED),
        ("cancel", CANCEL),
        ("scripts of group", SCRIPTS_OF_GROUP),
        ("devices of user", DEVICES_OF_USER),
    ]
}

/// What the device of that id has to run, by the age of the scripts; nothing where the tenant has no
/// such device. A script that was made effective this moment, and has no run state there yet, is
/// left out until it has.
pub(crate) fn device_scripts(
    connection: &Connection,
    tenant_id: &str,
    device_id: &str,
) -> Result<Option<Vec<Assigned>>, Error> {
    let exists: bool = connection
        .prepare_cached(DEVICE)
        .and_then(|mut device| device.query_row([tenant_id, device_id], |row| row.get(0)))
        .map_err(store_error)?;
    if !exists {
        return Ok(None);
    }
    let assigned = |row: &rusqlite::Row<'_>| {
        Ok(Assigned {
            script_pk: row.get(0)?,
            version: row.get(1)?,
            state_id: row.get(2)?,
            run_request_id: row.get(3)?,
        })
    };
    let scripts = connection
        .prepare_cached(&SCRIPTS)
        .and_then(|mut scripts| {
            scripts
                .query_map([tenant_id, device_id], assigned)?
                .collect()
        })
        .map_err(store_error)?;
    Ok(Some(scripts))
}

/// Makes the run states of a script agree with its assignments, for at most `limit` devices behind
/// the one of that row id: a state for each device on which it is effective, pending or not
/// applicable; no state that never had a run where it is not; results are kept.
pub(crate) fn reconcile_script(
    connection: &Connection,
    clock: &dyn Clock,
    script_pk: i64,
    after: i64,
    limit: u32,
) -> Result<Step, Error> {
    let tenant_id: String = connection
        .prepare_cached(SCRIPT)
        .and_then(|mut script| script.query_row([script_pk], |row| row.get(0)))
        .map_err(store_error)?;
    let next = connection
        .prepare_cached(LAST_OF_STEP)
        .and_then(|mut last| last.query_row(params![tenant_id, after, limit], |row| row.get(0)))
        .map_err(store_error)?;
    let window = params![tenant_id, script_pk, after, limit];
    let devices = reconcile(connection, clock, &OF_SCRIPT, window)?;
    Ok(Step { devices, next })
}

/// Makes the run states of a device agree with all assignments, as [`reconcile_script`]; says whether
/// anything has changed.
pub(crate) fn reconcile_device(
    connection: &Connection,
    clock: &dyn Clock,
    tenant_id: &str,
    device_id: &str,
) -> Result<bool, Error> {
    let window = params![tenant_id, device_id];
    let devices = reconcile(connection, clock, &OF_DEVICE, window)?;
    Ok(!devices.is_empty())
}

/// A pair of script and device, and the run state that it has.
struct Pair {
    device_id: String,
    script_pk: i64,
    /// None: the script is not effective there.
    script_id: Option<String>,
    is_applicable: bool,
    /// Row id, version and outcome.
    state: Option<(i64, i64, i32)>,
}

/// Does what `differences` show; answers the devices for which anything has changed.
fn reconcile(
    connection: &Connection,
    clock: &dyn Clock,
    differences: &str,
    window: impl Params,
) -> Result<Vec<String>, Error> {
    let pair = |row: &rusqlite::Row<'_>| {
        let pk: Option<i64> = row.get(4)?;
        let state = match pk {
            Some(pk) => Some((pk, row.get(5)?, row.get(6)?)),
            None => None,
        };
        Ok(Pair {
            device_id: row.get(0)?,
            script_pk: row.get(1)?,
            script_id: row.get(2)?,
            is_applicable: row.get(3)?,
            state,
        })
    };
    let pairs: Vec<Pair> = connection
        .prepare_cached(differences)
        .and_then(|mut differences| differences.query_map(window, pair)?.collect())
        .map_err(store_error)?;
    let now = DateTimeOffset::from_system_time(clock.now());
    let mut changed = Vec::new();
    for pair in pairs {
        if settle(connection, now, &pair)? {
            changed.push(pair.device_id);
        }
    }
    changed.dedup();
    Ok(changed)
}

/// Gives one pair the run state that it should have; says whether it had another.
fn settle(connection: &Connection, now: DateTimeOffset, pair: &Pair) -> Result<bool, Error> {
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        let run = connection.prepare_cached(sql);
        run.and_then(|mut run| run.execute(values))
            .map_err(store_error)
    };
    let outcome = if pair.is_applicable {
        "pending"
    } else {
        "notApplicable"
    };
    let outcome = RUN_STATE.value_of(outcome).unwrap_or_default();
    match (&pair.script_id, pair.state) {
        (Some(script_id), None) => {
            let id = format!("{script_id}:{}", pair.device_id);
            let (ticks, form) = (now.ticks(), now.form());
            let values = params![pair.script_pk, id, pair.device_id, outcome, ticks, form];
            Ok(execute(INSERT, values)? > 0)
        }
        (Some(_), Some((pk, 0, shown))) if shown != outcome => {
            execute(SET_RUN_STATE, params![pk, outcome])?;
            let mut change = Change::default();
            change.add(shown, outcome);
            counters::devices_changed(connection, pair.script_pk, &change)?;
            Ok(true)
        }
        (Some(_), Some(_)) => Ok(false),
        (None, Some((pk, version, _))) => {
            execute(COUNT_CANCELED, params![pk])?;
            if version > 0 {
                return Ok(execute(CANCEL, params![pk])? > 0);
            }
            // What had no run is no result. Its part in requests goes with it.
            execute(COUNT_STOPPED, params![pk])?;
            execute(DELETE, params![pk])?;
            execute(REMEMBER, params![pair.script_pk, pair.device_id])?;
            Ok(true)
        }
        (None, None) => Ok(false),
    }
}

/// Brings back the run state of that id, to which `device_id` is about to report, where it went before
/// it had a report; says whether it did.
pub(crate) fn recall(
    connection: &Connection,
    clock: &dyn Clock,
    script_pk: i64,
    device_id: &str,
    state_id: &str,
) -> Result<bool, Error> {
    let script_id: String = connection
        .prepare_cached(SCRIPT_ID)
        .and_then(|mut script| script.query_row([script_pk], |row| row.get(0)))
        .map_err(store_error)?;
    if state_id != format!("{script_id}:{device_id}") {
        return Ok(false);
    }
    let recalled = connection
        .prepare_cached(RECALL)
        .and_then(|mut recall| recall.execute(params![script_pk, device_id]))
        .map_err(store_error)?;
    if recalled == 0 {
        return Ok(false);
    }
    let pair = Pair {
        device_id: device_id.to_owned(),
        script_pk,
        script_id: Some(script_id),
        is_applicable: true,
        state: None,
    };
    settle(
        connection,
        DateTimeOffset::from_system_time(clock.now()),
        &pair,
    )
}

/// Takes those devices out of a new request on which its script has nothing to do.
pub(crate) fn keep_effective(
    connection: &Connection,
    tenant_id: &str,
    script_pk: i64,
    request_pk: i64,
) -> Result<(), Error> {
    connection
        .prepare_cached(&KEEP_EFFECTIVE)
        .and_then(|mut keep| keep.execute(params![tenant_id, script_pk, request_pk]))
        .map_err(store_error)?;
    Ok(())
}

/// The scripts that have an assignment to the group of that id, or to one that contains it.
pub(crate) fn scripts_of_group(
    connection: &Connection,
    tenant_id: &str,
    group_id: &str,
) -> Result<Vec<i64>, Error> {
    connection
        .prepare_cached(SCRIPTS_OF_GROUP)
        .and_then(|mut scripts| {
            scripts
                .query_map([tenant_id, group_id], |row| row.get(0))?
                .collect()
        })
        .map_err(store_error)
}

/// The ids of the devices whose primary user that is, or where that user is logged on.
pub(crate) fn devices_of_user(
    connection: &Connection,
    tenant_id: &str,
    user_id: &str,
) -> Result<Vec<String>, Error> {
    connection
        .prepare_cached(DEVICES_OF_USER)
        .and_then(|mut devices| {
            devices
                .query_map([tenant_id, user_id], |row| row.get(0))?
                .collect()
        })
        .map_err(store_error)
}
