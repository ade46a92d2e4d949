//! The audit: what leaves an event, what it says, and whether its chain can be tampered with unseen.

mod acts;
mod chain;
mod denials;
mod events;

use runstate_testkit::TestServer;
use serde_json::Value;

pub(crate) const EVENTS: &str = "/deviceManagement/auditEvents";

/// How many events the tenant of the server's tokens has.
async fn count(server: &TestServer) -> usize {
    let count = server.get(&format!("{EVENTS}/$count")).send().await;
    count.expect(200).text().parse().unwrap()
}

/// The events behind the first so many, in their order.
async fn events_after(server: &TestServer, count: usize) -> Vec<Value> {
    let page = server.read(&format!("{EVENTS}?$skip={count}")).await;
    page["value"].as_array().unwrap().clone()
}

/// The youngest event.
async fn last(server: &TestServer) -> Value {
    let page = server
        .read(&format!("{EVENTS}?$orderby=id%20desc&$top=1"))
        .await;
    page["value"][0].clone()
}
