//! The chain: worked out anew from what the API exports, tampered with in every way, cut by its age.

use std::time::{Duration, SystemTime};

use runstate_graph::clock::Clock as _;
use runstate_store::audit::{Head, beginning};
use runstate_testkit::{TENANT, TestServer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::EVENTS;

/// RFC 8785 of what events hold, by another hand than the server's.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            let members = names
                .iter()
                .map(|name| format!("\"{name}\":{}", canonical(&members[*name])));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(canonical).collect::<Vec<_>>().join(",")
            )
        }
        other => other.to_string(),
    }
}

/// A tenant with some events, of which one has odd characters.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    for name in ["Lab", "é\"\\\n\u{1}/\u{7f}\u{2028}😀", "x"] {
        server
            .create("/groups", &json!({ "displayName": name }))
            .await;
    }
    server.shell_script("S").await;
    server.shell_script("T").await;
    server
}

async fn head(server: &TestServer) -> Head {
    server
        .audit()
        .audit_heads(Some(TENANT))
        .await
        .unwrap()
        .remove(0)
}

/// At which event something is wrong, and what.
async fn fault(server: &TestServer, expected: &[Head]) -> Option<(i64, String)> {
    let verified = server.audit().audit_verify(TENANT, expected).await.unwrap();
    verified.fault.map(|fault| (fault.sequence, fault.what))
}

#[tokio::test]
async fn whoever_has_the_export_can_work_the_head_out() {
    let server = server().await;
    let page = server.read(EVENTS).await;
    let mut hash: [u8; 32] = beginning(TENANT);
    for event in page["value"].as_array().unwrap() {
        let mut digest = Sha256::new();
        digest.update(hash);
        digest.update(canonical(event));
        hash = digest.finalize().into();
    }
    let head = head(&server).await;
    assert_eq!((head.sequence, head.hash), (5, hash));
    assert_eq!(fault(&server, &[head]).await, None);
}

/// Takes away what stands in the way of tampering, as whoever has the data can.
fn lay_bare(server: &TestServer) {
    if matches!(server.data(), runstate_testkit::Data::Sqlite(_)) {
        server.sabotage(
            "DROP TRIGGER audit_event_stays_as_it_is; DROP TRIGGER audit_event_stays; \
             DROP TRIGGER audit_chain_goes_on; DROP TRIGGER audit_chain_stays",
        );
    }
}

#[tokio::test]
async fn every_change_of_an_event_is_found() {
    let server = server().await;
    lay_bare(&server);
    let mut columns: Vec<String> = vec!["id".to_owned(), "tenant_id".to_owned()];
    let table = runstate_store::table::of(&runstate_graph::entity::AUDIT_EVENT).unwrap();
    columns = table
        .columns()
        .map(|column| column.name.clone())
        .chain(columns)
        .collect();
    columns.sort();
    columns.dedup();
    assert!(columns.len() > 20, "{columns:?}");
    for column in columns {
        // Rows have no order but that of their numbers, so their row ids say nothing.
        if column == "pk" {
            continue;
        }
        let new = match column.as_str() {
            "version" | "sequence" | "activity_date_time" => format!("{column} + 100"),
            "activity_date_time_form" => "activity_date_time_form - 1".to_owned(),
            "hash" => "(SELECT hash FROM saved WHERE sequence = 4)".to_owned(),
            // Where it says the same in other words, it is not what it was either.
            "resources" | "actor_user_permissions" => format!("' ' || {column}"),
            _ => format!("coalesce({column}, '') || 'x'"),
        };
        server.sabotage(
            "DROP TABLE IF EXISTS saved; CREATE TABLE saved AS SELECT * FROM audit_event",
        );
        server.sabotage(&format!(
            "UPDATE audit_event SET {column} = {new} WHERE sequence = 3"
        ));
        let found = fault(&server, &[]).await;
        assert_eq!(found.map(|(at, _)| at), Some(3), "{column}");
        server.sabotage("DELETE FROM audit_event; INSERT INTO audit_event SELECT * FROM saved");
        assert_eq!(fault(&server, &[]).await, None, "{column}");
    }
    // What a text says less obviously.
    for (column, from, to) in [
        ("resources", "\"Group\"", "\"group\""),
        ("resources", "[{", "[{\"more\":null,"),
        (
            "actor_user_permissions",
            "Group.ReadWrite.All",
            "Group.Read.All",
        ),
    ] {
        let replace = format!("replace({column}, '{from}', '{to}')");
        server.sabotage(&format!(
            "UPDATE audit_event SET {column} = {replace} WHERE sequence = 1"
        ));
        assert_eq!(
            fault(&server, &[]).await.map(|(at, _)| at),
            Some(1),
            "{from}"
        );
        server.sabotage("DELETE FROM audit_event; INSERT INTO audit_event SELECT * FROM saved");
    }
}

#[tokio::test]
async fn what_is_removed_moved_or_added_is_found() {
    let server = server().await;
    lay_bare(&server);
    server.sabotage(
        "CREATE TABLE saved AS SELECT * FROM audit_event; \
         CREATE TABLE saved_chain AS SELECT * FROM audit_chain",
    );
    let head = head(&server).await;
    let cases = [
        (
            "one in the middle",
            "DELETE FROM audit_event WHERE sequence = 2",
            2,
        ),
        ("the first", "DELETE FROM audit_event WHERE sequence = 1", 1),
        ("the last", "DELETE FROM audit_event WHERE sequence = 5", 5),
        ("all", "DELETE FROM audit_event", 1),
        (
            "one, and the others closed up",
            "DELETE FROM audit_event WHERE sequence = 2; \
             UPDATE audit_event SET sequence = sequence - 1 WHERE sequence = 3; \
             UPDATE audit_event SET sequence = sequence - 1 WHERE sequence = 4; \
             UPDATE audit_event SET sequence = sequence - 1 WHERE sequence = 5",
            2,
        ),
        (
            "two that have changed places",
            "UPDATE audit_event SET sequence = 99 WHERE sequence = 2; \
             UPDATE audit_event SET sequence = 2 WHERE sequence = 3; \
             UPDATE audit_event SET sequence = 3 WHERE sequence = 99",
            2,
        ),
        (
            "one that was put behind the head",
            "UPDATE audit_chain SET sequence = 4, hash = (SELECT hash FROM audit_event WHERE sequence = 4)",
            5,
        ),
        (
            "the head's hash",
            "UPDATE audit_chain SET hash = kept_after_hash",
            5,
        ),
        ("the head", "DELETE FROM audit_chain", 1),
        (
            "a beginning that counts as removed",
            "UPDATE audit_chain SET kept_after = 2, \
             kept_after_hash = (SELECT hash FROM audit_event WHERE sequence = 2)",
            1,
        ),
        (
            "another beginning",
            "UPDATE audit_chain SET kept_after_hash = hash",
            0,
        ),
    ];
    for (what, sql, at) in cases {
        server.sabotage(sql);
        let found = fault(&server, &[]).await;
        assert_eq!(
            found.as_ref().map(|(at, _)| *at),
            Some(at),
            "{what}: {found:?}"
        );
        server.sabotage(
            "DELETE FROM audit_event; INSERT INTO audit_event SELECT * FROM saved; \
             DELETE FROM audit_chain; INSERT INTO audit_chain SELECT * FROM saved_chain",
        );
        assert_eq!(fault(&server, &[]).await, None, "{what}");
    }
    // What a whole chain cannot show, a head that was kept elsewhere does.
    server.sabotage(
        "DELETE FROM audit_event WHERE sequence > 3; UPDATE audit_chain SET sequence = 3, \
         hash = (SELECT hash FROM audit_event WHERE sequence = 3)",
    );
    assert_eq!(fault(&server, &[]).await, None);
    let cut = fault(&server, std::slice::from_ref(&head)).await.unwrap();
    assert_eq!(
        cut,
        (
            5,
            "the chain ends at 3, before the expected head".to_owned()
        )
    );
    server
        .create("/groups", &json!({ "displayName": "y" }))
        .await;
    server
        .create("/groups", &json!({ "displayName": "z" }))
        .await;
    assert_eq!(fault(&server, &[]).await, None);
    let other = fault(&server, std::slice::from_ref(&head)).await.unwrap();
    assert_eq!(
        other,
        (
            5,
            "the chain has another hash here than the expected head".to_owned()
        )
    );
    server.sabotage("DELETE FROM audit_event; DELETE FROM audit_chain");
    assert_eq!(fault(&server, &[]).await, None);
    assert_eq!(fault(&server, &[head]).await.map(|(at, _)| at), Some(5));
}

#[tokio::test]
async fn the_file_itself_refuses_what_is_no_addition() {
    let server = server().await;
    let runstate_testkit::Data::Sqlite(_) = server.data() else {
        return;
    };
    let connection = rusqlite::Connection::open(server.data().address()).unwrap();
    for sql in [
        "UPDATE audit_event SET activity = 'x'",
        "DELETE FROM audit_event WHERE sequence = 1",
        "DELETE FROM audit_chain",
        "UPDATE audit_chain SET sequence = 1",
    ] {
        let refused = connection.execute_batch(sql).unwrap_err().to_string();
        assert!(refused.contains("event"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn what_is_old_goes_and_the_rest_still_verifies() {
    let mut server = server().await;
    let first = head(&server).await;
    server.clock.advance(Duration::from_secs(10 * 24 * 3600));
    server.token = server.delegated(runstate_testkit::WRITES);
    let before =
        |days: u64| -> SystemTime { server.clock.now() - Duration::from_secs(days * 24 * 3600) };
    server
        .create("/groups", &json!({ "displayName": "New" }))
        .await;
    server.audit().audit_expire(before(11)).await.unwrap();
    assert_eq!(server.ids(EVENTS).await.len(), 6);
    server.audit().audit_expire(before(9)).await.unwrap();
    assert_eq!(server.ids(EVENTS).await.len(), 1);
    let last = head(&server).await;
    let verified = server
        .audit()
        .audit_verify(TENANT, &[first.clone(), last.clone()])
        .await
        .unwrap();
    assert_eq!(verified.fault, None);
    assert_eq!((&verified.kept_after, &verified.head), (&first, &last));
    // The chain goes on behind what is left, and behind nothing.
    server
        .audit()
        .audit_expire(before(0) + Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(server.ids(EVENTS).await.len(), 0);
    server
        .create("/groups", &json!({ "displayName": "Newer" }))
        .await;
    assert_eq!(fault(&server, std::slice::from_ref(&last)).await, None);
    assert_eq!(head(&server).await.sequence, 7);
    // What is older than all that is kept cannot be looked for.
    assert_eq!(fault(&server, &[first]).await.map(|(at, _)| at), Some(5));
    let wrong = Head {
        hash: [0; 32],
        ..last
    };
    assert_eq!(fault(&server, &[wrong]).await.map(|(at, _)| at), Some(6));
}

/// What `--audit-days` makes a server do by itself.
#[tokio::test]
async fn a_server_removes_what_is_old_when_it_is_told_to() {
    let server = server().await;
    server.clock.advance(Duration::from_secs(10 * 24 * 3600));
    let builder = TestServer::builder().audit_kept(Duration::from_secs(9 * 24 * 3600));
    let server = server.restart_as(builder).await;
    // It is done soon after the start, beside what else is asked.
    while !server.ids(EVENTS).await.is_empty() {}
    assert_eq!(fault(&server, &[head(&server).await]).await, None);
    let server = server.restart().await;
    server
        .create("/groups", &json!({ "displayName": "New" }))
        .await;
    assert_eq!(head(&server).await.sequence, 6);
}
