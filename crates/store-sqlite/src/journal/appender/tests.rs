//! The reporting thread's work, called as the thread calls it, on a real file and its journal.

use std::{fs::File, time::SystemTime};

use runstate_graph::{
    entity::{MODEL, RUN},
    permit::{Act, Caller, CallerKind, authorize, rules},
};
use runstate_odata::{
    check,
    edm::{Record, Value},
    grammar,
};
use runstate_store::Precondition;

use super::*;
use crate::{database::SqliteDatabase, journal, writer::Writer};

const PATH: &str = "deviceManagement/deviceShellScripts/s/deviceRunStates/s:d";

struct Epoch;

impl Clock for Epoch {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

/// What reports are taken in with, for a script `s` that a device `d` runs; the connection that writes
/// the tables; the lock; and the folder of it all.
struct Scene {
    taking: Taking,
    writing: Connection,
    lock: File,
    file: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.db");
    let writing = crate::connection::open_writer(&file).unwrap();
    let rows = "INSERT INTO script (pk, id, version, tenant_id, kind, display_name,
            created_date_time, created_date_time_form, last_modified_date_time,
            last_modified_date_time_form, run_as_account, role_scope_tag_ids)
            VALUES (1, 's', 1, 't', 'deviceShellScript', '', 0, 13441, 0, 13441, 0, '[]');
        INSERT INTO run_summary (id, version, script_pk, success_device_count, error_device_count,
            success_user_count, error_user_count) VALUES ('s', 1, 1, 0, 0, 0, 0);
        INSERT INTO device_run_state (id, version, script_pk, user_state_pk, device_id, run_state,
            last_state_update_date_time, last_state_update_date_time_form, error_code)
            VALUES ('s:d', 0, 1, 0, 'd', 0, 0, 13441, 0)";
    writing.execute_batch(rows).unwrap();
    let journal::Opened { log, overlay, lock } = journal::open(&writing, &file).unwrap();
    let taking = Taking {
        log,
        overlay,
        connection: crate::connection::open_reader(&file).unwrap(),
        clock: Arc::new(Epoch),
        scripts: HashMap::new(),
        scripts_of: 0,
        records: Records::default(),
    };
    Scene {
        taking,
        writing,
        lock,
        file,
        _folder: folder,
    }
}

/// A report of that error code, by a device or else an administrator, of a run of that id.
fn report(code: i32, device_id: Option<&str>, run_id: Option<&str>) -> Report {
    let path = check::path(&MODEL, &grammar::path::parse(PATH).unwrap()).unwrap();
    let all = rules::ALL_WRITES.iter().map(|name| (*name).to_owned());
    let caller = Caller {
        tenant_id: "t".to_owned(),
        kind: device_id.map_or(CallerKind::Application, |device_id| CallerKind::Device {
            device_id: device_id.to_owned(),
        }),
        permissions: all.collect(),
        client_id: None,
    };
    let error_code = path.ty().unwrap().position("errorCode").unwrap();
    let run = run_id.map(|id| {
        let mut run = Record::new(&RUN);
        run.set("id", Value::String(id.to_owned()));
        run
    });
    Report {
        permit: authorize(&path, Act::Update, &caller).unwrap(),
        path,
        changes: vec![(error_code, Value::Int32(code))],
        run,
        precondition: Precondition::None,
    }
}

/// The version and error code that the report was answered with.
fn answered(result: Result<Reported, Error>) -> Result<(i64, Value), Error> {
    match result? {
        Reported::Done(row) => Ok((row.version, row.record.get("errorCode").clone())),
        Reported::Elsewhere(report) => panic!("{report:?}"),
    }
}

#[test]
fn a_refused_report_leaves_no_trace_in_its_batch() {
    let mut scene = scene();
    let retire = "INSERT INTO retired_device (tenant_id, device_id) VALUES ('t', 'd')";
    scene.writing.execute_batch(retire).unwrap();
    let mut unmet = report(2, None, Some("r"));
    unmet.precondition = Precondition::Versions(vec![77]);
    let batch = vec![
        report(1, Some("d"), Some("r")),
        unmet,
        report(3, None, Some("r")),
        report(4, None, Some("r")),
    ];
    let results: Vec<_> = scene
        .taking
        .take(batch, 0)
        .into_iter()
        .map(answered)
        .collect();
    // The third is the first to report the run, and the fourth reports it again.
    let third = (1, Value::Int32(3));
    let expected = [
        Err(Error::DeviceRetired),
        Err(Error::PreconditionFailed),
        Ok(third.clone()),
        Ok(third),
    ];
    assert_eq!(results, expected);
}

#[cfg(unix)]
#[tokio::test]
async fn what_a_broken_log_holds_of_a_refused_report_never_comes_to_light() {
    let mut scene = scene();
    let first = scene.taking.take(vec![report(1, None, None)], 0);
    let first = first.into_iter().map(answered).next().unwrap();
    assert_eq!(first, Ok((1, Value::Int32(1))));
    // The next report reaches the disk, and the sync after it fails: of this file, always.
    let overlay = Arc::clone(&scene.taking.overlay);
    let place = Place {
        script_pk: 1,
        user_state_pk: 0,
    };
    let mut bytes = Vec::new();
    overlay
        .latest(place, "s:d")
        .unwrap()
        .write(&mut bytes)
        .unwrap();
    let mut entry = Entry::read(&bytes).unwrap();
    entry.number = 2;
    entry.run_id = "refused".to_owned();
    let mut records = Records::default();
    records.add(|bytes| entry.write(bytes).unwrap());
    scene.taking.log.append(&mut records, 2, 0).unwrap();
    let null = File::options().write(true).open("/dev/null").unwrap();
    scene.taking.log.replace_file(null);
    for code in [2, 3] {
        let refused = scene.taking.take(vec![report(code, None, None)], 0);
        let refused = refused.into_iter().map(answered).next().unwrap();
        let Err(Error::Unavailable { .. }) = refused else {
            panic!("{refused:?}");
        };
    }
    assert!(!overlay.is_sound());
    assert_eq!(overlay.latest(place, "s:d").unwrap().number, 1);
    // What goes through the tables goes on, and may take the number.
    let writer = Writer::start(scene.writing, Some((overlay, scene.lock))).unwrap();
    let write = |connection: &Connection| {
        let Report {
            permit,
            path,
            changes,
            precondition,
            ..
        } = report(4, None, None);
        runstate_store_sql::report::report(
            &SqliteDatabase(connection),
            &Epoch,
            &permit,
            &path,
            changes,
            None,
            &precondition,
        )
    };
    assert!(writer.write(write).await.unwrap().version > 1);
    drop(writer);
    drop(scene.taking);
    let connection = crate::connection::open_writer(&scene.file).unwrap();
    journal::open(&connection, &scene.file).unwrap();
    let codes = "SELECT group_concat(error_code) FROM run";
    let codes: String = connection.query_row(codes, [], |row| row.get(0)).unwrap();
    assert_eq!(codes, "1,4");
    let shown = "SELECT error_code FROM device_run_state";
    let shown: i64 = connection.query_row(shown, [], |row| row.get(0)).unwrap();
    assert_eq!(shown, 4);
}
