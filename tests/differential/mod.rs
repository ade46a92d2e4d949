//! Two servers on different stores are sent the same requests and must give the same answers: status,
//! headers, bodies, order and pages included.
//!
//! The requests follow from a number, so that a difference can be had again: `RUNSTATE_TEST_SEED`.

mod pair;
mod query;
mod requests;
mod writes;

use pair::Pair;
use requests::Requests;
use runstate_testkit::Data;

/// How many requests one run sends; each answer may lead to a few more, for the pages that follow.
const REQUESTS: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_give_the_same_answers() {
    if let Some(postgres) = Data::postgres() {
        compare(postgres).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_on_several_machines_gives_the_same_answers() {
    if let Some(citus) = Data::citus() {
        compare(citus).await;
    }
}

/// Sends requests to a server on SQLite and to one on that.
async fn compare(other: Data) {
    let seed = std::env::var("RUNSTATE_TEST_SEED");
    let seeds = match seed.ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => vec![1],
    };
    for seed in seeds {
        let mut pair = Pair::start(seed, other.clone()).await;
        let mut requests = Requests::new(seed);
        let mut statuses = std::collections::BTreeMap::new();
        for _ in 0..REQUESTS {
            let request = requests.next();
            let answer = pair.send(&request).await;
            *statuses.entry(answer.status).or_insert(0) += 1;
            requests.learn(&request, &answer);
            pair.follow(&answer).await;
        }
        // Requests that are all refused would compare nothing.
        let share = |status: u16| statuses.get(&status).copied().unwrap_or(0) * 100 / REQUESTS;
        assert!(share(200) > 40, "{statuses:?}");
        assert!(share(201) > 5, "{statuses:?}");
        assert!(share(400) < 20, "{statuses:?}");
    }
}
