//! Counters that are exact after whatever happened.

use proptest::prelude::*;
use runstate_store::Error;

use super::fixture::{Fixture, int};

const STATES: [&str; 6] = [
    "unknown",
    "success",
    "fail",
    "scriptError",
    "pending",
    "notApplicable",
];

#[tokio::test]
async fn each_state_counts_as_what_it_is() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    let path = format!("{script}/deviceRunStates/d");
    store
        .post(&format!("{script}/deviceRunStates"), r#"{"id": "d"}"#)
        .await
        .unwrap();
    for (state, devices) in STATES
        .iter()
        .zip([[0, 0], [1, 0], [0, 1], [0, 1], [0, 0], [0, 0]])
    {
        store
            .patch(&path, &format!(r#"{{"runState": "{state}"}}"#))
            .await
            .unwrap();
        assert_eq!(
            store.summary(&script).await,
            [devices[0], devices[1], 0, 0],
            "{state}"
        );
    }
    store
        .patch(&path, r#"{"runState": "success"}"#)
        .await
        .unwrap();
    store.delete(&path).await.unwrap();
    assert_eq!(store.summary(&script).await, [0; 4]);
}

#[tokio::test]
async fn a_user_with_any_error_is_an_error() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    let user = format!("{script}/userRunStates/u");
    let counters = async || {
        let row = store.get(&user).await.unwrap();
        [
            int(&row, "successDeviceCount"),
            int(&row, "errorDeviceCount"),
        ]
    };
    store
        .post(&format!("{script}/userRunStates"), r#"{"id": "u"}"#)
        .await
        .unwrap();
    let nested = format!("{user}/deviceRunStates");
    store
        .post(&nested, r#"{"id": "a", "runState": "success"}"#)
        .await
        .unwrap();
    assert_eq!(
        (counters().await, store.summary(&script).await),
        ([1, 0], [0, 0, 1, 0])
    );
    store
        .post(&nested, r#"{"id": "b", "runState": "fail"}"#)
        .await
        .unwrap();
    assert_eq!(
        (counters().await, store.summary(&script).await),
        ([1, 1], [0, 0, 0, 1])
    );
    // A client's word holds until the next report.
    store
        .patch(&user, r#"{"errorDeviceCount": 0, "successDeviceCount": 0}"#)
        .await
        .unwrap();
    assert_eq!(
        (counters().await, store.summary(&script).await),
        ([0, 0], [0, 0, 0, 0])
    );
    store
        .patch(&format!("{nested}/a"), r#"{"errorCode": 1}"#)
        .await
        .unwrap();
    assert_eq!(
        (counters().await, store.summary(&script).await),
        ([1, 1], [0, 0, 0, 1])
    );
    store.delete(&format!("{nested}/b")).await.unwrap();
    assert_eq!(
        (counters().await, store.summary(&script).await),
        ([1, 0], [0, 0, 1, 0])
    );
    store.delete(&user).await.unwrap();
    assert_eq!(store.summary(&script).await, [0; 4]);
}

#[tokio::test]
async fn nobody_sets_the_summary() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    let summary = format!("{script}/runSummary");
    let before = store.get(&summary).await.unwrap();
    assert_eq!(
        store
            .patch(&summary, r#"{"successDeviceCount": 7}"#)
            .await
            .unwrap(),
        before
    );
    assert_eq!(store.get(&summary).await.unwrap(), before);
}

/// Something that a client does to one of two scripts.
#[derive(Debug, Clone)]
enum Step {
    Report {
        script: u8,
        user: Option<u8>,
        device: u8,
        state: usize,
    },
    Forget {
        script: u8,
        user: Option<u8>,
        device: u8,
    },
    User {
        script: u8,
        user: u8,
        success: u8,
        error: u8,
    },
    ForgetUser {
        script: u8,
        user: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let user = || prop::option::of(0..2u8);
    prop_oneof![
        6 => (0..2u8, user(), 0..3u8, 0..STATES.len())
            .prop_map(|(script, user, device, state)| Step::Report { script, user, device, state }),
        2 => (0..2u8, user(), 0..3u8)
            .prop_map(|(script, user, device)| Step::Forget { script, user, device }),
        2 => (0..2u8, 0..2u8, 0..2u8, 0..2u8)
            .prop_map(|(script, user, success, error)| Step::User { script, user, success, error }),
        1 => (0..2u8, 0..2u8).prop_map(|(script, user)| Step::ForgetUser { script, user }),
    ]
}

/// Does it; a path that leads nowhere is the random steps' own fault and changes nothing.
async fn take(store: &Fixture, step: &Step) {
    let script = |script: &u8| format!("deviceManagement/deviceShellScripts/{script}");
    let states = |at: &u8, user: &Option<u8>| match user {
        Some(user) => format!("{}/userRunStates/{user}/deviceRunStates", script(at)),
        None => format!("{}/deviceRunStates", script(at)),
    };
    let result = match step {
        Step::Report {
            script,
            user,
            device,
            state,
        } => {
            let (collection, state) = (states(script, user), STATES[*state]);
            let body = format!(r#"{{"id": "{device}", "runState": "{state}"}}"#);
            match store.post(&collection, &body).await {
                Err(Error::Conflict { .. }) => store
                    .patch(&format!("{collection}/{device}"), &body)
                    .await
                    .map(drop),
                other => other.map(drop),
            }
        }
        Step::Forget {
            script,
            user,
            device,
        } => {
            store
                .delete(&format!("{}/{device}", states(script, user)))
                .await
        }
        Step::User {
            script: at,
            user,
            success,
            error,
        } => {
            let collection = format!("{}/userRunStates", script(at));
            let body = format!(
                r#"{{"id": "{user}", "successDeviceCount": {success}, "errorDeviceCount": {error}}}"#
            );
            match store.post(&collection, &body).await {
                Err(Error::Conflict { .. }) => store
                    .patch(&format!("{collection}/{user}"), &body)
                    .await
                    .map(drop),
                other => other.map(drop),
            }
        }
        Step::ForgetUser { script: at, user } => {
            store
                .delete(&format!("{}/userRunStates/{user}", script(at)))
                .await
        }
    };
    match result {
        Ok(()) | Err(Error::NotFound { .. }) => {}
        Err(other) => panic!("{other:?}"),
    }
}

/// Counts by reading everything, as nobody does in production.
async fn recount(store: &Fixture, script: &str) -> [i32; 4] {
    let mut counts = [0; 4];
    for row in store
        .list(&format!("{script}/deviceRunStates"))
        .await
        .unwrap()
        .rows
    {
        match STATES[usize::try_from(int(&row, "runState")).unwrap()] {
            "success" => counts[0] += 1,
            "fail" | "scriptError" => counts[1] += 1,
            _ => {}
        }
    }
    for row in store
        .list(&format!("{script}/userRunStates"))
        .await
        .unwrap()
        .rows
    {
        if int(&row, "errorDeviceCount") > 0 {
            counts[3] += 1;
        } else if int(&row, "successDeviceCount") > 0 {
            counts[2] += 1;
        }
    }
    counts
}

/// How many of a script's own states show each outcome, one by one.
async fn outcomes(store: &Fixture, script: &str) -> Vec<usize> {
    let rows = store.list(&format!("{script}/deviceRunStates")).await;
    let rows = rows.unwrap().rows;
    let of = |outcome| {
        rows.iter()
            .filter(|row| int(row, "runState") == outcome)
            .count()
    };
    (0..i32::try_from(STATES.len()).unwrap()).map(of).collect()
}

/// The same, as they are counted.
async fn counted(store: &Fixture, script: &str) -> Vec<usize> {
    let mut counts = Vec::new();
    for outcome in STATES {
        let url = format!("{script}/deviceRunStates?$filter=runState eq '{outcome}'&$count=true");
        let count = store.list(&url).await.unwrap().count;
        counts.push(usize::try_from(count.unwrap()).unwrap());
    }
    counts
}

async fn summary_and_version(store: &Fixture, script: &str) -> ([i32; 4], i64) {
    let row = store.get(&format!("{script}/runSummary")).await.unwrap();
    (store.summary(script).await, row.version)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn counters_equal_a_recount(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Fixture::new().await;
            for script in ["0", "1"] {
                store.shell_script(script).await;
            }
            for step in &steps {
                take(&store, step).await;
                for script in ["0", "1"] {
                    let script = format!("deviceManagement/deviceShellScripts/{script}");
                    let (summary, version) = summary_and_version(&store, &script).await;
                    store.fold(&script).await;
                    assert_eq!(summary, recount(&store, &script).await, "{step:?}");
                    assert_eq!(outcomes(&store, &script).await, counted(&store, &script).await);
                    // What waited to be folded was in it already.
                    let folded = summary_and_version(&store, &script).await;
                    assert_eq!((summary, version), folded, "{step:?}");
                }
            }
        });
    }
}
