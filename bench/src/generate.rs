//! Makes a file with a fleet in it, by the product's own migrations and then in bulk: through the API
//! ten million run states would take hours.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Instant, SystemTime},
};

use runstate_graph::clock::Clock;
use rusqlite::{Connection, params};

use crate::{
    counts::{self, Counts},
    devices,
    failure::{Context, Outcome, fail},
    fleet::{Fleet, SCRIPTS, TENANT},
    random::mix,
};

/// What a generated file holds beside the schema; a change of it makes cached files stale.
const EDITION: u64 = 1;

/// 2026-01-01T00:00:00Z in ticks, and that it is written without a fraction.
const CREATED: (i64, i64) = (17_672_256_000_000_000, 13_441);

/// How a UTC date with seven fraction digits is noted beside its ticks.
pub(crate) const FORM: i64 = 13_455;

/// The tables whose indexes, and triggers that count, are made when the rows are in: sorting is cheaper
/// than searching.
const LARGE: &str = "'device_run_state', 'managed_device'";

pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Makes the file. One that is there already is refused.
pub(crate) fn generate(file: &Path, fleet: Fleet) -> Outcome {
    if file.exists() {
        return fail(format!("{} is there already", file.display()));
    }
    let start = Instant::now();
    drop(runstate_store_sqlite::open_beside(file, Arc::new(SystemClock)).context(file.display())?);
    let mut connection = Connection::open(file)?;
    // Whoever is cut off here begins anew: nothing of the file has to survive.
    connection.pragma_update(None, "journal_mode", "OFF")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "cache_size", -1_000_000)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "threads", 2)?;

    let indexes = take_indexes(&connection)?;
    let transaction = connection.transaction()?;
    scripts(&transaction, fleet)?;
    devices::insert(&transaction, fleet)?;
    let counts = run_states(&transaction, fleet)?;
    counts::fill(&transaction, fleet, &counts)?;
    transaction.commit()?;
    let rows = start.elapsed();
    for sql in indexes {
        connection.execute(&sql, [])?;
    }
    connection.pragma_update(None, "locking_mode", "NORMAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.close().map_err(|(_, error)| error)?;
    std::fs::File::open(file)?.sync_all()?;

    let all = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
    let states = fleet.states() as f64;
    println!(
        "{}: {states} run states of {} devices in {all:.1} s ({:.0} rows/s), of which {:.1} s for the indexes",
        file.display(),
        fleet.devices,
        states / all,
        all - rows.as_secs_f64(),
    );
    Ok(())
}

/// A file with the fleet in `folder`, made now or before.
pub(crate) fn cached(folder: &Path, fleet: Fleet) -> Outcome<PathBuf> {
    std::fs::create_dir_all(folder).context(folder.display())?;
    let stem = format!("fleet-{}-", fleet.states());
    let name = format!("{stem}{:016x}.db", fingerprint(folder)?);
    let file = folder.join(&name);
    if file.exists() {
        return Ok(file);
    }
    // Of an older schema, and large.
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&stem) {
            std::fs::remove_file(entry.path())?;
        }
    }
    let unfinished = folder.join(format!("{stem}unfinished.db"));
    generate(&unfinished, fleet)?;
    for (from, to) in with_siblings(&unfinished, &file)? {
        std::fs::rename(from, to)?;
    }
    Ok(file)
}

/// A number that changes with the schema and with what is generated.
fn fingerprint(folder: &Path) -> Outcome<u64> {
    let empty = folder.join(format!("schema-{}.db", std::process::id()));
    drop(
        runstate_store_sqlite::open_beside(&empty, Arc::new(SystemClock))
            .context(empty.display())?,
    );
    let connection = Connection::open(&empty)?;
    let sql = "SELECT coalesce(group_concat(sql, char(10)), '') FROM sqlite_master";
    let schema: String = connection.query_row(sql, [], |row| row.get(0))?;
    drop(connection);
    for (file, _) in with_siblings(&empty, &empty)? {
        std::fs::remove_file(file)?;
    }
    let start = mix(EDITION);
    Ok(schema
        .bytes()
        .fold(start, |hash, byte| mix(hash ^ u64::from(byte))))
}

/// The file and those beside it whose names begin with its name, each with what it is called where
/// `file` is called `to`.
pub(crate) fn with_siblings(file: &Path, to: &Path) -> Outcome<Vec<(PathBuf, PathBuf)>> {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let (from_name, to_name) = (name(file).context("no file")?, name(to).context("no file")?);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(file.parent().context("no folder")?)? {
        let entry = entry?;
        let own = entry.file_name().to_string_lossy().into_owned();
        if let Some(rest) = own.strip_prefix(&from_name) {
            files.push((entry.path(), to.with_file_name(format!("{to_name}{rest}"))));
        }
    }
    Ok(files)
}

/// Drops the indexes and triggers of the large tables; answers the statements that make them.
fn take_indexes(connection: &Connection) -> Outcome<Vec<String>> {
    let sql = format!(
        "SELECT name, type, sql FROM sqlite_master \
         WHERE type IN ('index', 'trigger') AND sql IS NOT NULL AND tbl_name IN ({LARGE}) \
         ORDER BY rowid"
    );
    let mut statement = connection.prepare(&sql)?;
    let found: Vec<(String, String, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (name, kind, _) in &found {
        connection.execute(&format!("DROP {kind} \"{name}\""), [])?;
    }
    Ok(found.into_iter().map(|(.., sql)| sql).collect())
}

/// Ten shell scripts, each with a version of its content and assigned to all devices.
fn scripts(connection: &Connection, fleet: Fleet) -> Outcome {
    let (created, form) = CREATED;
    for script in 0..SCRIPTS {
        let (pk, id) = (i64::try_from(script)? + 1, fleet.script_id(script));
        let content = format!("#!/bin/sh\n# Check number {script}\ndf -h /\n");
        connection.execute(
            "INSERT INTO script (pk, id, version, tenant_id, kind, display_name, description, \
             script_content, created_date_time, created_date_time_form, last_modified_date_time, \
             last_modified_date_time_form, run_as_account, file_name, role_scope_tag_ids, \
             execution_frequency, execution_frequency_text, retry_count, \
             block_execution_notifications) VALUES (?1, ?2, 1, ?3, 'deviceShellScript', ?4, ?5, ?6, \
             ?7, ?8, ?7, ?8, 0, ?9, '[\"0\"]', 36000000000, 'PT1H', 3, 1)",
            params![
                pk,
                id,
                TENANT,
                format!("Check {script}"),
                "Looks at one thing that every device has.",
                content.as_bytes(),
                created,
                form,
                format!("check-{script}.sh"),
            ],
        )?;
        connection.execute(
            "INSERT INTO script_version (script_pk, id, version, number, created_date_time, \
             created_date_time_form, script_content) VALUES (?, '1', 1, 1, ?, ?, ?)",
            params![pk, created, form, content.as_bytes()],
        )?;
        connection.execute(
            "INSERT INTO assignment (id, version, script_pk, target_type) \
             VALUES (?, 1, ?, 'allDevicesAssignmentTarget')",
            params![id, pk],
        )?;
    }
    // As after the assignments: devices have something to have seen.
    connection.execute(
        "INSERT INTO targeting (tenant_id, generation) VALUES (?, ?)",
        params![TENANT, i64::try_from(SCRIPTS)?],
    )?;
    Ok(())
}

/// Every run state in the order of its key, which is the order of its id.
fn run_states(connection: &Connection, fleet: Fleet) -> Outcome<Counts> {
    let mut insert = connection.prepare(
        "INSERT INTO device_run_state (pk, id, version, script_pk, user_state_pk, device_id, \
         run_state, result_message, last_state_update_date_time, \
         last_state_update_date_time_form, error_code, error_description) \
         VALUES (?1, ?2, ?1, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let mut counts = Counts::default();
    let mut state = 0;
    for script in 0..SCRIPTS {
        let (script_pk, script_id) = (i64::try_from(script)? + 1, fleet.script_id(script));
        for device in 0..fleet.devices {
            let shown = fleet.shown(state);
            let device_id = fleet.device_id(device);
            state += 1;
            insert.execute(params![
                i64::try_from(state)?,
                format!("{script_id}:{device_id}"),
                script_pk,
                device_id,
                shown.run_state,
                shown.result_message,
                shown.updated,
                FORM,
                shown.error_code,
                shown.error_description,
            ])?;
            *counts.entry((script_pk, shown.run_state)).or_default() += 1;
        }
    }
    // A state's version is the number of the run that it shows, and no number is used twice.
    connection.execute(
        "INSERT INTO sqlite_sequence (name, seq) VALUES ('run', ?)",
        [i64::try_from(state)?],
    )?;
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_file_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = cached(folder.path(), Fleet::with_states(2_000)).unwrap();
        assert_eq!(
            cached(folder.path(), Fleet::with_states(2_000)).unwrap(),
            file
        );
        let connection = Connection::open(&file).unwrap();
        let number = |sql: &str| {
            connection
                .query_row(sql, [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        assert_eq!(number("SELECT count(*) FROM device_run_state"), 2_000);
        assert_eq!(number("SELECT count(*) FROM managed_device"), 200);
        let failed = number("SELECT count(*) FROM device_run_state WHERE run_state = 2");
        assert!((100..300).contains(&failed), "{failed}");
        assert_eq!(
            number("SELECT sum(error_device_count) FROM run_summary"),
            failed
        );
        let check = "PRAGMA integrity_check";
        let checked: String = connection.query_row(check, [], |row| row.get(0)).unwrap();
        assert_eq!(checked, "ok");

        // What the migrations made is there again, to the letter.
        let empty = folder.path().join("empty.db");
        drop(runstate_store_sqlite::open_beside(&empty, Arc::new(SystemClock)).unwrap());
        let schema = |connection: &Connection| -> Vec<(String, Option<String>)> {
            let sql = "SELECT name, sql FROM sqlite_master ORDER BY name";
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
            rows.unwrap().collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(
            schema(&connection),
            schema(&Connection::open(&empty).unwrap())
        );
    }
}
