//! What a client was told is done stays done, whenever the process is killed.

use std::sync::{
    Arc,
    atomic::{AtomicI32, Ordering},
};

use http::Method;
use runstate_testkit::Http;
use serde_json::json;

use crate::start::Demo;

/// Clients that report at the same time, each on a state of its own.
const CLIENTS: usize = 8;
/// Answers after which the process is killed.
const ANSWERS: i32 = 200;

#[tokio::test]
async fn a_killed_server_has_lost_no_acknowledged_write() {
    let demo = Demo::start(&[]);
    let url = demo.url("/deviceManagement/deviceShellScripts");
    let token = demo.text("token").to_owned();
    let get = |url: String| demo.http.request(Method::GET, &url).token(&token).send();
    let script = get(format!("{url}?$top=1")).await.expect(200).json()["value"][0].clone();
    let states = format!("{url}/{}/deviceRunStates", script["id"].as_str().unwrap());
    let page = get(format!("{states}?$top={CLIENTS}&$select=id"))
        .await
        .expect(200)
        .json();
    let ids: Vec<String> = page["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|state| state["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), CLIENTS);

    let answered = Arc::new(AtomicI32::new(0));
    let reporters: Vec<_> = ids
        .iter()
        .map(|id| {
            let (url, token) = (format!("{states}/{id}"), token.clone());
            let answered = Arc::clone(&answered);
            tokio::spawn(async move { report_until_cut_off(&url, &token, &answered).await })
        })
        .collect();
    while answered.load(Ordering::Relaxed) < ANSWERS {
        tokio::task::yield_now().await;
    }
    let before = demo.text("baseUrl").to_owned();
    let again = demo.restart("KILL");
    let mut acknowledged = Vec::new();
    for reporter in reporters {
        acknowledged.push(reporter.await.unwrap());
    }

    let states = states.replace(&before, again.text("baseUrl"));
    for (id, (last, attempted)) in ids.iter().zip(acknowledged) {
        let url = format!("{states}/{id}");
        let state = again
            .http
            .request(Method::GET, &url)
            .token(again.text("token"))
            .send()
            .await;
        let kept = state.expect(200).json()["errorCode"].as_i64().unwrap();
        // The one that was under way may have been written, or not: but wholly.
        assert!(
            kept == last || kept == attempted,
            "{id}: {kept}, told {last}"
        );
    }
}

/// Reports rising error codes: the last one that was acknowledged, and the last one sent.
async fn report_until_cut_off(url: &str, token: &str, answered: &AtomicI32) -> (i64, i64) {
    let http = Http::new();
    let mut last = 0;
    for code in 1_000_000.. {
        let body = json!({ "runState": "fail", "errorCode": code });
        let request = http.request(Method::PATCH, url).token(token).json(&body);
        match request.try_send().await {
            Some(reply) => {
                reply.expect(200);
                last = code;
                answered.fetch_add(1, Ordering::Relaxed);
            }
            None => return (last, code),
        }
    }
    unreachable!("the server is killed long before");
}
