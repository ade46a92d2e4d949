//! Receivers that are away for a while, and servers.

use std::time::Duration;

use runstate_testkit::{Manner, Receiver, TestServer};

use super::{Script, pass, subscribe, until, until_failed};

const HOUR: Duration = Duration::from_secs(3600);

fn messages(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("report {number}"))
}

#[tokio::test]
async fn a_receiver_that_comes_back_is_told_all_of_it_at_once() {
    let server = TestServer::start().await;
    let mut receiver = Receiver::start();
    let script = Script::make(&server).await;
    subscribe(&server, &receiver, &script.states(), "updated").await;
    receiver.behave(Manner::Status(503));
    script.report(&server, "the first").await;
    let first = receiver.next().await.value();
    until_failed(&server, 1).await;
    for message in messages(4) {
        script.report(&server, &message).await;
    }
    until(&server, "SELECT count(*) FROM subscription_notice", "5").await;
    // Each pause is twice as long as the one before.
    for (failures, pause) in [(2, 10), (3, 20), (4, 40)] {
        server.clock.advance(Duration::from_secs(pause));
        until_failed(&server, failures).await;
    }
    receiver.rest();
    receiver.behave(Manner::Good);
    server.clock.advance(Duration::from_secs(80));
    let notifications = receiver.next().await.value();
    assert_eq!(notifications.len(), 5);
    assert_eq!(notifications[0], first[0], "the same, told again");
    until_failed(&server, 0).await;
}

#[tokio::test]
async fn what_was_acknowledged_is_told_after_a_restart() {
    let server = TestServer::start().await;
    let mut receiver = Receiver::start();
    let script = Script::make(&server).await;
    let made = subscribe(&server, &receiver, &script.states(), "updated").await;
    receiver.behave(Manner::Status(503));
    script.report(&server, "the first").await;
    receiver.next().await;
    until_failed(&server, 1).await;
    // Acknowledged, and nothing else has been done about it when the server stops.
    script.report(&server, "the last").await;
    let server = server.restart().await;

    receiver.rest();
    receiver.behave(Manner::Good);
    server.clock.advance(Duration::from_secs(60));
    let notifications = receiver.notifications(2).await;
    assert_eq!(notifications[1]["subscriptionId"], made["id"]);
    until(&server, "SELECT count(*) FROM subscription_notice", "0").await;
}

#[tokio::test]
async fn what_was_under_way_when_a_server_stopped_is_told_again() {
    let server = TestServer::start().await;
    let mut receiver = Receiver::start();
    let script = Script::make(&server).await;
    subscribe(&server, &receiver, &script.states(), "updated").await;
    receiver.behave(Manner::Silent);
    script.report(&server, "done").await;
    let sent = receiver.next().await.value();
    receiver.behave(Manner::Good);
    let server = server.restart().await;
    // Beyond the lease, which counts where another server might hold it.
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(receiver.next().await.value(), sent);
}

#[tokio::test]
async fn what_is_too_much_is_dropped_and_said_to_be_missed() {
    let server = TestServer::builder()
        .notify(|config| config.queue = 3)
        .start()
        .await;
    let mut receiver = Receiver::start();
    let script = Script::make(&server).await;
    let made = subscribe(&server, &receiver, &script.states(), "updated").await;
    receiver.behave(Manner::Status(503));
    script.report(&server, "the first").await;
    receiver.next().await;
    until_failed(&server, 1).await;
    let mut tags = Vec::new();
    for message in messages(5) {
        tags.push(script.report(&server, &message).await);
    }
    until(&server, "SELECT count(*) FROM subscription_notice", "6").await;
    receiver.behave(Manner::Good);
    server.clock.advance(Duration::from_secs(10));

    let mut both = [receiver.next().await, receiver.next().await];
    both.sort_by(|a, b| a.target.cmp(&b.target));
    let [told, missed] = both;
    let told: Vec<_> = told.value();
    let told: Vec<_> = told
        .iter()
        .map(|it| it["resourceData"]["@odata.etag"].as_str().unwrap())
        .collect();
    assert_eq!(told, tags[2..], "the newest are kept");
    assert_eq!(missed.target, "/lifecycle");
    let [missed] = missed.value().try_into().unwrap();
    assert_eq!(missed["lifecycleEvent"], "missed");
    assert_eq!(missed["subscriptionId"], made["id"]);
    assert_eq!(missed["clientState"], "a secret of the client");
}

#[tokio::test]
async fn a_receiver_that_is_away_for_hours_has_missed_it() {
    let mut server = TestServer::start().await;
    let (mut receiver, mut lifecycle) = (Receiver::start(), Receiver::start());
    let script = Script::make(&server).await;
    let mut body = super::subscription(&script.states(), "updated", &receiver.url("/hook"));
    body["lifecycleNotificationUrl"] = lifecycle.url("/lifecycle").into();
    server
        .post("/subscriptions", &body)
        .send()
        .await
        .expect(201);
    receiver.behave(Manner::Status(500));
    script.report(&server, "lost").await;
    receiver.next().await;
    until_failed(&server, 1).await;
    pass(&mut server, 4 * HOUR);
    let [missed] = lifecycle.next().await.value().try_into().unwrap();
    assert_eq!(missed["lifecycleEvent"], "missed");
    until(&server, "SELECT count(*) FROM subscription_notice", "0").await;

    // The subscription goes on.
    receiver.rest();
    receiver.behave(Manner::Good);
    let tag = script.report(&server, "told").await;
    pass(&mut server, HOUR);
    let [told] = receiver.notifications(1).await.try_into().unwrap();
    assert_eq!(told["resourceData"]["@odata.etag"], tag);
}
