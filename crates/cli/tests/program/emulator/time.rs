//! The clock that is set by hand, and the limits of rate that go by it.

use http::Method;
use serde_json::json;

use super::SCRIPTS;
use crate::start::Demo;

#[tokio::test]
async fn what_is_made_is_dated_by_the_clock() {
    let demo = Demo::emulate(&["--freeze-clock", "--clock", "2027-03-01T08:00:00Z"]);
    assert_eq!(
        demo.new_script().await["createdDateTime"],
        "2027-03-01T08:00:00Z"
    );
    let set = json!({ "now": "2030-06-01T00:00:00Z" });
    let shown = demo
        .control(Method::PUT, "/clock", Some(&set))
        .await
        .expect(200)
        .json();
    assert_eq!(
        shown,
        json!({ "now": "2030-06-01T00:00:00Z", "frozen": true })
    );
    // The tokens of the ready file live for a week.
    let reply = demo.get(SCRIPTS).await.expect(401);
    assert_eq!(reply.code(), "InvalidAuthenticationToken");
    assert_eq!(reply.headers["date"], "Sat, 01 Jun 2030 00:00:00 GMT");
    assert_eq!(
        reply.json()["error"]["innerError"]["date"],
        "2030-06-01T00:00:00"
    );
    demo.control(
        Method::PUT,
        "/clock",
        Some(&json!({ "now": "2027-03-02T00:00:00Z" })),
    )
    .await
    .expect(200);
    demo.get(SCRIPTS).await.expect(200);
    demo.control(Method::PUT, "/clock", Some(&json!({ "now": "soon" })))
        .await
        .expect(400);
    demo.control(Method::PUT, "/clock", Some(&json!({ "later": 1 })))
        .await
        .expect(400);
    let shown = demo
        .control(Method::GET, "/clock", None)
        .await
        .expect(200)
        .json();
    assert_eq!(shown["now"], "2027-03-02T00:00:00Z");
}

#[tokio::test]
async fn a_clock_that_goes_is_never_before_its_beginning() {
    let demo = Demo::emulate(&[]);
    let first = demo.new_script().await["createdDateTime"].clone();
    let second = demo.new_script().await["createdDateTime"].clone();
    assert!(
        first.as_str().unwrap().starts_with("2026-01-31T12:"),
        "{first}"
    );
    assert!(first.as_str() < second.as_str(), "{first} {second}");
}

#[tokio::test]
async fn limits_are_scaled_and_their_window_ends_by_the_clock() {
    // Of 100 writes of an app in 20 seconds a hundredth is one, and of 2,000 requests 20.
    let demo = Demo::emulate(&["--freeze-clock", "--throttle-scale", "0.01"]);
    demo.new_script().await;
    let script = json!({ "displayName": "One too many" });
    let write = || {
        let request = demo.http.request(Method::POST, &demo.url(SCRIPTS));
        request.token(demo.text("token")).json(&script).send()
    };
    let refused = write().await.expect(429);
    assert_eq!(refused.code(), "TooManyRequests");
    assert_eq!(refused.headers["retry-after"], "20");
    for _ in 0..19 {
        demo.get(SCRIPTS).await.expect(200);
    }
    demo.get(SCRIPTS).await.expect(429);

    demo.control(Method::PUT, "/clock", Some(&json!({ "advance": 19 })))
        .await
        .expect(200);
    let refused = demo.get(SCRIPTS).await.expect(429);
    assert_eq!(refused.headers["retry-after"], "1");
    demo.control(Method::PUT, "/clock", Some(&json!({ "advance": 1 })))
        .await
        .expect(200);
    demo.get(SCRIPTS).await.expect(200);
    write().await.expect(201);
    write().await.expect(429);
    // A reset forgets what was counted.
    demo.control(Method::POST, "/reset", None).await.expect(200);
    write().await.expect(201);
}
