//! Reports of runs: what becomes of each, alone and among many.

use futures_util::future::join_all;
use runstate_odata::edm::Value;
use runstate_store::{Error, Precondition};
use runstate_store_postgres::{Report, Reported};

use crate::fixture::{Fixture, OTHER_TENANT, administrator, device, int, report, run, send};

fn missing(resource: &'static str, id: &str) -> Error {
    Error::NotFound {
        resource,
        id: id.to_owned(),
    }
}

#[tokio::test]
async fn a_report_changes_what_it_names_and_nothing_else() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture.script(super::fixture::TENANT, "s", 2);
    let body = r#"{"runState": "fail", "lastStateUpdateDateTime": "2017-01-01T00:02:58.4418045-08:00",
        "errorDescription": "too old"}"#;
    let row = fixture.report(report("s", "d1", body)).await.unwrap();
    assert_eq!(int(&row, "runState"), 2);
    assert_eq!(int(&row, "errorCode"), 7);
    assert_eq!(row.record.get("resultMessage").as_str(), Some("before"));
    assert_eq!(row.record.get("errorDescription").as_str(), Some("too old"));
    assert_eq!(row.record.get("id").as_str(), Some("s:d1"));
    let sql = "SELECT id, version, run_state, result_message, error_code, error_description, \
         last_state_update_date_time_form FROM device_run_state ORDER BY id";
    let Value::DateTimeOffset(updated) = row.record.get("lastStateUpdateDateTime") else {
        panic!("no date");
    };
    let expected = format!(
        "s:d1|{}|2|before|7|too old|{}\ns:d2|0|0|before|7||13455",
        row.version,
        updated.form()
    );
    assert_eq!(fixture.database.psql(sql), expected);
    // The whole of it is in the history, under an id that says when it came and what was there before.
    let sql = "SELECT pk, id, run_state, result_message, error_code, error_description FROM run";
    let expected = format!(
        "{}|018bcfe5-6800-7000-8000-000000000000|2|before|7|too old",
        row.version
    );
    assert_eq!(fixture.database.psql(sql), expected);
    assert_eq!(fixture.miscounts(), "");

    let row = fixture
        .report(report("s", "d1", r#"{"resultMessage": null}"#))
        .await
        .unwrap();
    assert_eq!(row.record.get("resultMessage"), &Value::Null);
    let sql = "SELECT id FROM run ORDER BY pk DESC LIMIT 1";
    let id = fixture.database.psql(sql);
    assert_eq!(id, "018bcfe5-6800-7000-8000-000000000001");
    let summary = "SELECT version, success_device_count, error_device_count FROM run_summary";
    assert_eq!(fixture.database.psql(summary), "2|0|1");
}

#[tokio::test]
async fn a_report_is_refused_with_its_reason_and_alone() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture.script(super::fixture::TENANT, "s", 7);
    fixture.script(OTHER_TENANT, "theirs", 1);
    let retire = "INSERT INTO retired_device VALUES ('11111111-1111-1111-1111-111111111111', 'd3')";
    assert_eq!(fixture.database.psql(retire), "");
    let success = r#"{"runState": "success"}"#;
    let with = |permit, report: Report| Report { permit, ..report };
    let at = |versions: &[i64], report: Report| Report {
        precondition: Precondition::Versions(versions.to_vec()),
        ..report
    };
    let but = |versions: &[i64], report: Report| Report {
        precondition: Precondition::AllBut(versions.to_vec()),
        ..report
    };
    let good = |device| report("s", device, success);
    let kind = Report {
        kind: "deviceManagementScript",
        ..good("d1")
    };
    let state = "deviceManagementScriptDeviceState";
    // All at once, so that they go together; the good ones are between the others.
    let reports = vec![
        (
            report("no", "d1", success),
            Err(missing("deviceShellScript", "no")),
        ),
        (good("d1"), Ok(())),
        (kind, Err(missing("deviceManagementScript", "s"))),
        (report("s", "d9", success), Err(missing(state, "s:d9"))),
        (
            report("theirs", "d1", success),
            Err(missing("deviceShellScript", "theirs")),
        ),
        (with(device("d3"), good("d3")), Err(Error::DeviceRetired)),
        (with(device("d2"), good("d3")), Err(missing(state, "s:d3"))),
        (with(device("d2"), good("d2")), Ok(())),
        (at(&[5, 6], good("d4")), Err(Error::PreconditionFailed)),
        (but(&[0, 6], good("d5")), Err(Error::PreconditionFailed)),
        (at(&[], good("d6")), Err(Error::PreconditionFailed)),
        (at(&[5, 0], good("d7")), Ok(())),
        (
            with(administrator(OTHER_TENANT), report("theirs", "d1", success)),
            Ok(()),
        ),
        (
            Report {
                changes: vec![(2, Value::String("a\0b".to_owned()))],
                ..good("d3")
            },
            Err(Error::Invalid {
                message: "A text holds a character that the store does not take.".to_owned(),
            }),
        ),
    ];
    let (reports, expected): (Vec<_>, Vec<_>) = reports.into_iter().unzip();
    let sent = reports.into_iter().map(|report| fixture.report(report));
    for (number, (result, expected)) in join_all(sent).await.into_iter().zip(expected).enumerate() {
        assert_eq!(result.map(|_| ()), expected, "{number}");
    }
    let sql =
        "SELECT s.id FROM run AS r JOIN device_run_state AS s ON s.pk = r.state_pk ORDER BY 1";
    let runs = fixture.database.psql(sql);
    assert_eq!(runs, "s:d1\ns:d2\ns:d7\ntheirs:d1");
    assert_eq!(fixture.miscounts(), "");
}

#[tokio::test]
async fn what_the_database_refuses_does_not_stop_what_goes_with_it() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture.script(super::fixture::TENANT, "s", 3);
    let success = r#"{"runState": "success"}"#;
    // Longer than an entry of an index may be, and nothing that could be pressed together.
    let long: String = (0..4_000_u32)
        .map(|n| char::from_u32(0x4e00 + n * 7919 % 20_000).unwrap())
        .collect();
    let sent = join_all([
        fixture.report(report("s", "d1", success)),
        fixture.report(run("s", "d2", success, &long)),
        fixture.report(report("s", "d3", success)),
    ]);
    let [first, second, third] = sent.await.try_into().unwrap();
    assert!(first.is_ok() && third.is_ok(), "{first:?} {third:?}");
    assert!(matches!(second, Err(Error::Invalid { .. })), "{second:?}");
    assert_eq!(fixture.database.psql("SELECT count(*) FROM run"), "2");
}

#[tokio::test]
async fn a_run_that_is_known_changes_nothing() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture.script(super::fixture::TENANT, "s", 1);
    let first = fixture
        .report(run("s", "d1", r#"{"runState": "success"}"#, "r1"))
        .await
        .unwrap();
    let other = fixture
        .report(run("s", "d1", r#"{"runState": "fail"}"#, "r2"))
        .await
        .unwrap();
    assert!(other.version > first.version);
    let again = run("s", "d1", r#"{"runState": "success"}"#, "r1");
    assert_eq!(fixture.report(again).await, Ok(other.clone()));
    // The precondition comes first, as of any report.
    let again = Report {
        precondition: Precondition::Versions(vec![first.version]),
        ..run("s", "d1", r#"{"runState": "success"}"#, "r1")
    };
    assert_eq!(fixture.report(again).await, Err(Error::PreconditionFailed));
    // Sent many times at once, from two servers.
    let second = fixture.another().await;
    let sent = (0..32).map(|n| {
        let store = if n % 2 == 0 { &fixture.store } else { &second };
        send(
            store,
            run("s", "d1", r#"{"runState": "scriptError"}"#, "r3"),
        )
    });
    let rows = join_all(sent).await;
    let version = rows[0].as_ref().unwrap().version;
    for row in rows {
        let row = row.unwrap();
        assert_eq!((row.version, int(&row, "runState")), (version, 3));
    }
    assert_eq!(
        fixture.database.psql("SELECT id FROM run ORDER BY pk"),
        "r1\nr2\nr3"
    );
    assert_eq!(fixture.miscounts(), "");
}

#[tokio::test]
async fn what_means_more_goes_elsewhere() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture.script(super::fixture::TENANT, "s", 1);
    fixture.script(super::fixture::TENANT, "users", 1);
    let as_user = "UPDATE script SET run_as_account = 1 WHERE id = 'users'";
    assert_eq!(fixture.database.psql(as_user), "");
    let told = |script, name, text: &str| {
        let mut report = run(script, "d1", r#"{"runState": "success"}"#, "r");
        let value = Value::String(text.to_owned());
        report.run.as_mut().unwrap().set(name, value);
        fixture.store.report(report)
    };
    let is_elsewhere = |reported| matches!(reported, Ok(Reported::Elsewhere(_)));
    assert!(is_elsewhere(told("s", "runRequestId", "q").await));
    assert!(is_elsewhere(told("users", "account", "ada").await));
    let late = Report {
        permit: device("d7"),
        ..report("s", "d7", r#"{"runState": "success"}"#)
    };
    assert!(is_elsewhere(fixture.store.report(late).await));
    assert_eq!(fixture.database.psql("SELECT count(*) FROM run"), "0");
    // An account means something only where the script runs as one.
    assert!(!is_elsewhere(told("s", "account", "ada").await));
    assert_eq!(fixture.database.psql("SELECT account FROM run"), "ada");
}

#[tokio::test]
async fn two_reports_to_one_state_are_one_after_the_other() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture.script(super::fixture::TENANT, "s", 1);
    let body = |n: u32| format!(r#"{{"errorCode": {n}}}"#);
    let sent = (0..50).map(|n| fixture.report(report("s", "d1", &body(n))));
    let rows = join_all(sent).await;
    let mut versions: Vec<i64> = rows
        .iter()
        .map(|row| row.as_ref().unwrap().version)
        .collect();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), 50);
    let sql = "SELECT count(*) FROM device_run_state AS s JOIN run AS r ON r.pk = s.version \
         WHERE r.error_code = s.error_code AND r.pk = (SELECT max(pk) FROM run)";
    assert_eq!(fixture.database.psql(sql), "1");
}

/// Each reporter goes from state to state of several scripts in an order of its own, so that batches of
/// both servers meet in states and in counters all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_count_is_lost_among_many_reporters_and_two_servers() {
    const REPORTERS: u32 = 64;
    const REPORTS: u32 = 60;
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let scripts = ["a", "b", "c"];
    for script in scripts {
        fixture.script(super::fixture::TENANT, script, 25);
    }
    let second = fixture.another().await;
    let outcomes = [
        "unknown",
        "success",
        "fail",
        "scriptError",
        "pending",
        "notApplicable",
    ];
    let reporters = (0..REPORTERS).map(|reporter| {
        let store = if reporter % 2 == 0 {
            &fixture.store
        } else {
            &second
        };
        let store = std::sync::Arc::clone(store);
        tokio::spawn(async move {
            let mut last = 0;
            for number in 0..REPORTS {
                let at = reporter
                    .wrapping_mul(31)
                    .wrapping_add(number.wrapping_mul(17));
                let script = scripts[(at % 3) as usize];
                let state = format!("d{}", at % 25 + 1);
                let outcome = outcomes[((at / 3 + number) % 6) as usize];
                let body = format!(r#"{{"runState": "{outcome}", "errorCode": {number}}}"#);
                let row = send(&store, report(script, &state, &body)).await.unwrap();
                assert!(row.version > last);
                last = row.version;
            }
        })
    });
    for reporter in join_all(reporters).await {
        reporter.unwrap();
    }
    assert_eq!(fixture.miscounts(), "");
    let runs = fixture.database.psql("SELECT count(*) FROM run");
    assert_eq!(runs, (REPORTERS * REPORTS).to_string());
    // What a state shows is its last run, and that is the one with the greatest number.
    let sql = "SELECT count(*) FROM device_run_state AS s \
         JOIN (SELECT DISTINCT ON (state_pk) * FROM run ORDER BY state_pk, pk DESC) AS r \
         ON r.state_pk = s.pk \
         WHERE (s.version, s.run_state, s.error_code) <> (r.pk, r.run_state, r.error_code)";
    assert_eq!(fixture.database.psql(sql), "0");
}
