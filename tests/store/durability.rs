//! Killing the process at any moment loses no write that was acknowledged.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use super::fixture::{Fixture, behind, clock, int};

/// Where the child finds its file.
const FILE: &str = "RUNSTATE_TEST_CHILD_FILE";
const STATES: i32 = 8;

#[tokio::test]
async fn a_killed_process_has_kept_every_acknowledged_write() {
    let mut store = Fixture::sqlite().await;
    let script = store.shell_script("s").await;
    let collection = format!("{script}/deviceRunStates");
    for id in 0..STATES {
        store
            .post(&collection, &format!(r#"{{"id": "{id}"}}"#))
            .await
            .unwrap();
    }
    let mut acknowledged = vec![0; usize::try_from(STATES).unwrap()];
    for kill_after in [1, 40, 200] {
        // One process at a time serves a file.
        let closed = store.close();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::durability::child",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(FILE, closed.file())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut heard = 0;
        let hear = |line: &str, acknowledged: &mut Vec<i32>| {
            let (id, code) = line.strip_prefix("ack ")?.split_once(' ')?;
            acknowledged[id.parse::<usize>().ok()?] = code.parse().ok()?;
            Some(())
        };
        for line in lines {
            if hear(&line.unwrap(), &mut acknowledged).is_some() {
                heard += 1;
            }
            if heard == kill_after {
                // SIGKILL: no destructor, no flush. What the pipe still holds was acknowledged too,
                // so the loop goes on until it is empty.
                child.kill().unwrap();
            }
        }
        assert!(!child.wait().unwrap().success());
        assert!(heard >= kill_after);
        store = closed.open().await;
        let mut failed = 0;
        for (id, code) in (0..STATES).zip(&acknowledged) {
            let row = store.get(&format!("{collection}/{id}")).await.unwrap();
            assert!(
                int(&row, "errorCode") >= *code,
                "state {id} has lost a write"
            );
            failed += i32::from(int(&row, "runState") == 2);
        }
        // Nor is anything half done.
        assert_eq!(store.summary(&script).await, [0, failed, 0, 0]);
        let latest = "SELECT count(*) FROM device_run_state AS s JOIN run AS r ON r.pk = s.version \
             WHERE r.state_pk = s.pk AND r.error_code = s.error_code AND r.run_state = s.run_state";
        let consistent: i32 = behind(&store.file())
            .query_row(latest, [], |row| row.get(0))
            .unwrap();
        assert_eq!(consistent, STATES);
    }
}

/// What the killed process does: reports with ever greater codes, each said aloud once it was
/// acknowledged. Run by the test above alone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "is a part of the test above"]
async fn child() {
    let Some(file) = std::env::var_os(FILE) else {
        return;
    };
    let store = runstate_store_sqlite::open(PathBuf::from(file), clock()).unwrap();
    let store = Fixture {
        store: Arc::new(store),
        ..Fixture::sqlite().await
    };
    let mut tasks = tokio::task::JoinSet::new();
    for id in 0..STATES {
        let store = store.again();
        tasks.spawn(async move {
            let path = format!("deviceManagement/deviceShellScripts/s/deviceRunStates/{id}");
            let first = int(&store.get(&path).await.unwrap(), "errorCode");
            for code in first + 1.. {
                let state = if code % 2 == 0 { "fail" } else { "pending" };
                let body = format!(r#"{{"runState": "{state}", "errorCode": {code}}}"#);
                store.patch(&path, &body).await.unwrap();
                let mut out = std::io::stdout().lock();
                out.write_all(format!("ack {id} {code}\n").as_bytes())
                    .unwrap();
            }
        });
    }
    tasks.join_all().await;
}
