//! How many reports a second the store takes in, without HTTP, beside `pgbench` that does nothing but
//! update the row: on a server of their own, with all that PostgreSQL promises.
//!
//! `cargo run --release -p runstate-store-postgres --example report_throughput [STATES [SECONDS [CALLERS]]]`
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and stops where anything goes wrong"
)]

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use runstate_graph::{
    clock::Clock,
    entity::{DEVICE_STATE, MODEL},
    permit::{Act, Caller, CallerKind, Permit, authorize, rules},
};
use runstate_odata::{
    check,
    edm::{DateTimeOffset, Value},
    grammar,
};
use runstate_store::Precondition;
use runstate_store_postgres::{Postgres, Report, Reported};
use runstate_test_postgres::{Cluster, Durability};

struct System;

impl Clock for System {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A script with as many states, and a copy of these for `pgbench`.
const FILL: &str = "WITH s AS (
        INSERT INTO script (id, version, tenant_id, kind, display_name, created_date_time,
            created_date_time_form, last_modified_date_time, last_modified_date_time_form,
            run_as_account, role_scope_tag_ids)
        VALUES ('script', 1, 'tenant', 'deviceShellScript', 'script', 0, 13455, 0, 13455, 0, '[]')
        RETURNING pk
    ), r AS (
        INSERT INTO run_summary (id, version, script_pk, success_device_count, error_device_count,
            success_user_count, error_user_count) SELECT 'script', 1, pk, 0, 0, 0, 0 FROM s
    )
    INSERT INTO device_run_state (id, version, script_pk, user_state_pk, device_id, run_state,
        last_state_update_date_time, last_state_update_date_time_form, error_code)
    SELECT 'script:device-' || n, 0, pk, 0, 'device-' || n, 4, 0, 13455, 0
    FROM s, generate_series(0, STATES - 1) AS n;
    CREATE TABLE bare (LIKE device_run_state INCLUDING ALL);
    INSERT INTO bare SELECT * FROM device_run_state;
    VACUUM ANALYZE; CHECKPOINT";

const BARE: &str = "\\set n random(1, STATES)
UPDATE bare SET version = version + 1, run_state = 2, result_message = 'Result Message value', \
 last_state_update_date_time = last_state_update_date_time + 1, error_code = 9 WHERE pk = :n;
";

fn permit() -> Permit {
    let caller = Caller {
        tenant_id: "tenant".to_owned(),
        kind: CallerKind::Application,
        permissions: rules::ALL_WRITES
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        client_id: None,
    };
    let path = "deviceManagement/deviceShellScripts/s/deviceRunStates/d";
    let path = check::path(&MODEL, &grammar::path::parse(path).unwrap()).unwrap();
    authorize(&path, Act::Update, &caller).unwrap()
}

fn report(permit: &Permit, random: u64, states: u64) -> Report {
    let position = |name| DEVICE_STATE.position(name).unwrap();
    let now = DateTimeOffset::from_system_time(SystemTime::now());
    let outcome = Value::Enum(i32::from(random >> 63 == 0) + 1);
    let message = Value::String("Result Message value".to_owned());
    Report {
        permit: permit.clone(),
        kind: "deviceShellScript",
        script_id: "script".to_owned(),
        state_id: format!("script:device-{}", (random >> 33) % states),
        changes: vec![
            (position("runState"), outcome),
            (position("resultMessage"), message),
            (
                position("lastStateUpdateDateTime"),
                Value::DateTimeOffset(now),
            ),
            (position("errorCode"), Value::Int32(9)),
        ],
        run: None,
        precondition: Precondition::None,
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|text| text.parse::<u64>().unwrap());
    let states = arguments.next().unwrap_or(100_000);
    let seconds = arguments.next().unwrap_or(10);
    let callers = arguments.next().unwrap_or(64);
    let cluster = Cluster::start_installed(Durability::Full).unwrap().unwrap();
    let url = cluster.url();
    let store = Postgres::open(&url, Arc::new(System)).await.unwrap();
    let store = Arc::new(store);
    for sql in FILL.replace("STATES", &states.to_string()).split(';') {
        let mut psql = cluster.client("psql");
        psql.args(["-q", "-c", sql, &url]);
        assert!(psql.status().unwrap().success());
    }

    let mut script = tempfile::NamedTempFile::new().unwrap();
    let bare = BARE.replace("STATES", &states.to_string());
    script.write_all(bare.as_bytes()).unwrap();
    let mut pgbench = cluster.client("pgbench");
    pgbench.args([
        "-n",
        "-M",
        "prepared",
        "-j",
        "2",
        "-c",
        &callers.to_string(),
    ]);
    pgbench.args(["-T", &seconds.to_string(), "-f"]);
    pgbench.arg(script.path()).arg(&url);
    let text = String::from_utf8(pgbench.output().unwrap().stdout).unwrap();
    let bare = text.lines().find(|line| line.starts_with("tps"));
    println!("pgbench, the bare update: {}", bare.unwrap());

    let (permit, done) = (permit(), Arc::new(AtomicU64::new(0)));
    let slowest = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let mut reporting = tokio::task::JoinSet::new();
    for part in 0..callers {
        let (store, permit) = (Arc::clone(&store), permit.clone());
        let (done, slowest) = (Arc::clone(&done), Arc::clone(&slowest));
        reporting.spawn(async move {
            // Knuth's multiplier: states in no order, the same in every run.
            let mut random = part.wrapping_mul(6_364_136_223_846_793_005);
            while Instant::now() < end {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let asked = Instant::now();
                let reported = store.report(report(&permit, random, states)).await.unwrap();
                assert!(matches!(reported, Reported::Done(_)));
                let took = u64::try_from(asked.elapsed().as_micros()).unwrap();
                slowest.fetch_max(took, Ordering::Relaxed);
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    reporting.join_all().await;
    let done = done.load(Ordering::Relaxed);
    let per_second = u128::from(done) * 1000 / start.elapsed().as_millis();
    let slowest = slowest.load(Ordering::Relaxed) / 1000;
    println!("{states} states, {callers} callers: {per_second} reports/s, slowest {slowest} ms");
}
