//! Several servers on one database.

use std::{collections::HashSet, time::Duration};

use runstate_testkit::{Data, Manner, Receiver, TestServer};

use super::{Script, subscribe, until};

async fn two_servers() -> Option<(TestServer, TestServer)> {
    let data = Data::postgres()?;
    let one = TestServer::builder().on(data.clone()).start().await;
    let clock = std::sync::Arc::clone(&one.clock);
    let other = TestServer::builder().start_on(data, clock).await;
    Some((one, other))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_them_delivers() {
    let Some((mut one, mut other)) = two_servers().await else {
        return;
    };
    let mut receiver = Receiver::start();
    let script = Script::make(&one).await;
    subscribe(&other, &receiver, &script.states(), "updated").await;
    for number in 0..40 {
        let server = if number % 2 == 0 { &one } else { &other };
        script.report(server, &format!("report {number}")).await;
    }
    let mut told = receiver.notifications(40).await;
    until(&one, "SELECT count(*) FROM subscription_notice", "0").await;
    one.stop().await;
    other.stop().await;
    told.extend(receiver.rest().iter().flat_map(|more| more.value()));
    let ids: HashSet<_> = told.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!((told.len(), ids.len()), (40, 40), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_takes_over_what_one_left_behind() {
    let Some((one, mut other)) = two_servers().await else {
        return;
    };
    other.stop().await;
    let mut receiver = Receiver::start();
    let script = Script::make(&one).await;
    subscribe(&one, &receiver, &script.states(), "updated").await;
    receiver.behave(Manner::Silent);
    script.report(&one, "done").await;
    let sent = receiver.next().await.value();
    let (data, clock) = (one.data().clone(), std::sync::Arc::clone(&one.clock));
    // Without a word, in the middle of it.
    drop(one);
    receiver.behave(Manner::Good);
    let next = TestServer::builder()
        .start_on(data, std::sync::Arc::clone(&clock))
        .await;
    clock.advance(Duration::from_secs(31));
    assert_eq!(receiver.next().await.value(), sent);
    until(&next, "SELECT count(*) FROM subscription_notice", "0").await;
}
