//! Values that a property cannot have: the refusal names the property, and nothing is written.

use serde_json::{Value, json};

use super::{Bench, Target};

/// A property of a device run state, what it cannot be, and a word that the refusal must hold besides.
const STATE: &[(&str, &str, &str)] = &[
    ("runState", "null", "null"),
    ("runState", "\"\"", ""),
    ("runState", "\"Success\"", "success"),
    ("runState", "\"succeeded\"", "notApplicable"),
    ("runState", "1", ""),
    ("runState", "\"1\"", ""),
    ("runState", "[\"success\"]", ""),
    ("runState", "{}", ""),
    ("runState", "true", ""),
    ("resultMessage", "1", "string"),
    ("resultMessage", "[]", "string"),
    ("resultMessage", "{\"a\":1}", "string"),
    ("resultMessage", "false", "string"),
    ("errorCode", "null", "null"),
    ("errorCode", "\"9\"", "Int32"),
    ("errorCode", "9.5", "Int32"),
    ("errorCode", "9.0", "Int32"),
    ("errorCode", "1e2", "Int32"),
    ("errorCode", "2147483648", "2147483647"),
    ("errorCode", "-2147483649", "2147483647"),
    ("errorCode", "9223372036854775807", "Int32"),
    ("errorCode", "9223372036854775808", "Int32"),
    ("errorCode", "1e300", "Int32"),
    ("errorCode", "true", "Int32"),
    ("errorDescription", "0", "string"),
    ("lastStateUpdateDateTime", "null", "null"),
    ("lastStateUpdateDateTime", "\"\"", ""),
    ("lastStateUpdateDateTime", "0", ""),
    ("lastStateUpdateDateTime", "\"2017-01-01\"", ""),
    ("lastStateUpdateDateTime", "\"2017-01-01T00:02:58\"", ""),
    ("lastStateUpdateDateTime", "\"2017-01-01 00:02:58Z\"", ""),
    ("lastStateUpdateDateTime", "\"2017-02-29T00:00:00Z\"", ""),
    ("lastStateUpdateDateTime", "\"2017-13-01T00:00:00Z\"", ""),
    ("lastStateUpdateDateTime", "\"2017-01-01T24:00:01Z\"", ""),
    ("lastStateUpdateDateTime", "\"2017-01-01T00:60:00Z\"", ""),
    (
        "lastStateUpdateDateTime",
        "\"2017-01-01T00:00:00.1234567890123Z\"",
        "",
    ),
    ("lastStateUpdateDateTime", "\"2017-01-01T00:00:00.Z\"", ""),
    (
        "lastStateUpdateDateTime",
        "\"2017-01-01T00:00:00+25:00\"",
        "",
    ),
    (
        "lastStateUpdateDateTime",
        "\"2017-01-01T00:00:00+0800\"",
        "",
    ),
    ("lastStateUpdateDateTime", "\"99999-01-01T00:00:00Z\"", ""),
    ("lastStateUpdateDateTime", "\"２０17-01-01T00:00:00Z\"", ""),
    ("lastStateUpdateDateTime", "\" 2017-01-01T00:00:00Z\"", ""),
    ("lastStateUpdateDateTime", "\"/Date(1483228800000)/\"", ""),
    ("id", "1", "string"),
    ("id", "{}", "string"),
    ("managedDevice", "{}", ""),
    ("managedDevice", "null", ""),
    ("managedDevice@odata.bind", "1", ""),
    ("managedDevice@odata.bind", "[]", ""),
    ("managedDevice@odata.bind", "\"nonsense\"", ""),
];

const SCRIPT: &[(&str, &str, &str)] = &[
    ("displayName", "null", "null"),
    ("displayName", "[]", "string"),
    ("scriptContent", "\"*\"", "base64"),
    ("scriptContent", "\"QUJDRA\\n\"", "base64"),
    ("scriptContent", "[1,2]", "base64"),
    ("runAsAccount", "\"root\"", "system"),
    ("roleScopeTagIds", "\"0\"", "array"),
    ("roleScopeTagIds", "null", "array"),
    ("roleScopeTagIds", "[0]", "string"),
    ("roleScopeTagIds", "[null]", "string"),
    ("executionFrequency", "\"P1M\"", ""),
    ("executionFrequency", "\"P1Y\"", ""),
    ("executionFrequency", "\"1h\"", ""),
    ("executionFrequency", "\"-\"", ""),
    ("executionFrequency", "\"PT\"", ""),
    ("executionFrequency", "\"P99999999999999999999D\"", ""),
    ("executionFrequency", "60", ""),
    ("retryCount", "\"3\"", "Int32"),
    ("blockExecutionNotifications", "\"true\"", "Boolean"),
    ("blockExecutionNotifications", "0", "Boolean"),
    ("createdDateTime", "\"yesterday\"", ""),
    ("assignments", "[]", ""),
    ("runSummary", "{}", ""),
    ("enforceSignatureCheck", "true", "deviceShellScript"),
    ("customAttributeName", "\"x\"", "deviceShellScript"),
];

async fn try_all(bench: &Bench, target: &Target, cases: &[(&str, &str, &str)]) {
    for (property, value, word) in cases {
        let what = format!("{property}: {value}");
        // What is right beside it is not written either.
        let body = format!(r#"{{"description":"x","{property}":{value}}}"#);
        let body = match target.path.contains("deviceRunStates") {
            true => body.replacen(r#""description":"x""#, r#""@odata.etag":"x""#, 1),
            false => body,
        };
        let headers = [("Content-Type", "application/json")];
        let reply = bench.refused(target, &headers, body, &what).await;
        assert_eq!(reply.status, 400, "{what}");
        let message = reply.message();
        let name = property.split('@').next().unwrap();
        let named = message.contains(name) || message.contains("nonsense");
        assert!(named && message.contains(word), "{what}: {message}");
    }
}

#[tokio::test]
async fn a_run_state_takes_no_value_that_it_cannot_have() {
    let bench = Bench::new().await;
    let targets = bench.targets();
    for target in &targets[..2] {
        try_all(&bench, target, STATE).await;
    }
}

#[tokio::test]
async fn a_script_takes_no_value_that_it_cannot_have() {
    let bench = Bench::new().await;
    let targets = bench.targets();
    for target in &targets[2..4] {
        try_all(&bench, target, SCRIPT).await;
    }
}

#[tokio::test]
async fn one_wrong_property_keeps_the_right_ones_out() {
    let bench = Bench::new().await;
    let patch = &bench.targets()[0];
    for body in [
        r#"{"runState":"success","errorCode":"x"}"#,
        r#"{"errorCode":"x","runState":"success"}"#,
        r##"{"runState":"success","@odata.type":"#microsoft.graph.managedDevice"}"##,
    ] {
        bench.refused(patch, &[], body, body).await.expect(400);
    }
}

#[tokio::test]
async fn ids_and_annotations_are_never_stored() {
    let bench = Bench::new().await;
    let before = bench
        .server
        .get(&bench.state)
        .send()
        .await
        .expect(200)
        .json();
    let body = json!({
        "@odata.context": "https://graph.microsoft.com/beta/$metadata#x",
        "@odata.type": "microsoft.graph.deviceManagementScriptDeviceState",
        "@odata.id": "https://elsewhere.example/x",
        "@odata.etag": "W/\"77\"",
        "@odata.editLink": 5,
        "@microsoft.graph.tips": { "any": ["thing"] },
        "id": "another",
        "runState@odata.type": "#microsoft.graph.runState",
        "managedDevice@odata.navigationLink": "x",
    });
    let reply = bench
        .server
        .patch(&bench.state, &body)
        .send()
        .await
        .expect(200);
    let mut after = reply.json();
    after.as_object_mut().unwrap().remove("@odata.type");
    assert_eq!(after, before);
    let read = bench
        .server
        .get(&bench.state)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(read, before);
    let states = format!("{}/deviceRunStates/another", bench.script);
    bench.server.get(&states).send().await.expect(404);
}

#[tokio::test]
async fn null_clears_what_may_be_null_and_nothing_else() {
    let bench = Bench::new().await;
    let body = json!({ "resultMessage": null, "errorDescription": null });
    let reply = bench
        .server
        .patch(&bench.state, &body)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(reply["resultMessage"], Value::Null);
    assert_eq!(reply["runState"], "fail");
    assert_eq!(reply["errorCode"], 3);
}

#[tokio::test]
async fn every_text_comes_back_as_it_went() {
    let bench = Bench::new().await;
    let long = "\u{1F600}".repeat(100_000);
    for text in [
        "",
        " ",
        "'; DROP TABLE run; --",
        "\u{1}\u{1f}\u{7f}\u{80}",
        "a\u{301} \u{202e}rtl \u{feff}",
        "\u{ffff}\u{10ffff}",
        "\\u0000 %00 &lt;",
        "line\r\nline\ttab",
        "\u{1F600}",
        &long,
    ] {
        let body = json!({ "resultMessage": text });
        let reply = bench
            .server
            .patch(&bench.state, &body)
            .send()
            .await
            .expect(200);
        assert_eq!(reply.json()["resultMessage"], text);
        let read = bench.server.get(&bench.state).send().await.expect(200);
        assert_eq!(read.json()["resultMessage"], text);
    }
    for number in [i32::MIN, -1, 0, i32::MAX] {
        let body = json!({ "errorCode": number });
        let reply = bench
            .server
            .patch(&bench.state, &body)
            .send()
            .await
            .expect(200);
        assert_eq!(reply.json()["errorCode"], number);
    }
}
