//! How many run states a second the store takes in: the heart call without HTTP, 64 callers at once.
//!
//! `cargo run --release -p runstate-store-sqlite --example heart_throughput [STATES [SECONDS [CALLERS]]]`
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement prints, and stops where anything goes wrong"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use runstate_graph::{
    clock::Clock,
    entity::{DEVICE_SHELL_SCRIPT, DEVICE_STATE, MODEL},
    permit::{Act, Caller, CallerKind, authorize, rules},
};
use runstate_odata::{
    check::{self, ResourcePath},
    edm::{DateTimeOffset, Record, Value},
    grammar,
};
use runstate_store::{NewEntity, Precondition, Store as _};

struct System;

impl Clock for System {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

fn path(text: &str) -> ResourcePath {
    check::path(&MODEL, &grammar::path::parse(text).unwrap()).unwrap()
}

fn entity(ty: &'static runstate_odata::edm::StructuredType, id: String) -> NewEntity {
    let mut record = Record::new(ty);
    let now = Value::DateTimeOffset(DateTimeOffset::from_system_time(SystemTime::now()));
    for (name, value) in [
        ("id", Value::String(id.clone())),
        ("displayName", Value::String(id)),
        ("createdDateTime", now.clone()),
        ("lastModifiedDateTime", now.clone()),
        ("lastStateUpdateDateTime", now),
        ("runAsAccount", Value::Enum(0)),
        ("retryCount", Value::Int32(0)),
        ("blockExecutionNotifications", Value::Boolean(false)),
        ("runState", Value::Enum(4)),
        ("errorCode", Value::Int32(0)),
    ] {
        record.set(name, value);
    }
    NewEntity {
        record,
        device_id: None,
        members: Vec::new(),
        token_hash: None,
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
    let folder = tempfile::tempdir_in(".").unwrap();
    let file = folder.path().join("runstate.db");
    let store = Arc::new(runstate_store_sqlite::open(file, Arc::new(System)).unwrap());
    let caller = Caller {
        tenant_id: "tenant".to_owned(),
        kind: CallerKind::Application,
        permissions: rules::ALL_WRITES
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        client_id: None,
    };

    let scripts = path("deviceManagement/deviceShellScripts");
    let permit = Arc::new(authorize(&scripts, Act::Create, &caller).unwrap());
    store
        .entity_create(
            &permit,
            &scripts,
            entity(&DEVICE_SHELL_SCRIPT, "script".to_owned()),
        )
        .await
        .unwrap();
    let collection = "deviceManagement/deviceShellScripts/script/deviceRunStates";
    let mut filling = tokio::task::JoinSet::new();
    for part in 0..callers {
        let (store, permit) = (Arc::clone(&store), Arc::clone(&permit));
        filling.spawn(async move {
            let path = path(collection);
            for at in (part..states).step_by(usize::try_from(callers).unwrap()) {
                let entity = entity(&DEVICE_STATE, format!("script:device-{at}"));
                store.entity_create(&permit, &path, entity).await.unwrap();
            }
        });
    }
    filling.join_all().await;

    let done = Arc::new(AtomicU64::new(0));
    let slowest = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let mut reporting = tokio::task::JoinSet::new();
    for part in 0..callers {
        let (store, permit) = (Arc::clone(&store), Arc::clone(&permit));
        let (done, slowest) = (Arc::clone(&done), Arc::clone(&slowest));
        reporting.spawn(async move {
            // Knuth's multiplier: states in no order, the same in every run.
            let mut random = part.wrapping_mul(6_364_136_223_846_793_005);
            let position = |name| DEVICE_STATE.position(name).unwrap();
            while Instant::now() < end {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let mut path = path(&format!("{collection}/x"));
                path.steps[2].key = Some(format!("script:device-{}", (random >> 33) % states));
                let now = DateTimeOffset::from_system_time(SystemTime::now());
                let changes = vec![
                    (
                        position("runState"),
                        Value::Enum(i32::from(random >> 63 == 0) + 1),
                    ),
                    (
                        position("resultMessage"),
                        Value::String("Result Message value".to_owned()),
                    ),
                    (
                        position("lastStateUpdateDateTime"),
                        Value::DateTimeOffset(now),
                    ),
                    (position("errorCode"), Value::Int32(9)),
                ];
                let asked = Instant::now();
                store
                    .entity_update(&permit, &path, changes, Precondition::None)
                    .await
                    .unwrap();
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
    println!("{states} states, {callers} callers: {per_second} updates/s, slowest {slowest} ms");
}
