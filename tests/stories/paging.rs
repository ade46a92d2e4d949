//! Paging by `@odata.nextLink` while rows come, change and go.
//!
//! What holds: a row that is there from the first page to the last, and whose sort keys do not
//! change meanwhile, is answered exactly once, whatever happens to the others. By `id`, and by any
//! key that is fixed at creation, that is every row that is there throughout. By a key that changes,
//! a row that is moved while the pages are read is answered where it is when its place is reached:
//! twice if it moves on ahead, not at all if it moves back.

use std::collections::HashMap;

use runstate_testkit::{Seeded, TestServer, ids};
use serde_json::json;

/// How often each id was answered.
type Seen = HashMap<String, usize>;

/// A script with 60 states, `r00` to `r59`; their number of 0 to 6 is their error code.
async fn sixty_states(server: &TestServer) -> String {
    let script = server.shell_script("Run").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    for i in 0..60 {
        let message = if i % 3 == 0 {
            json!(null)
        } else {
            json!(format!("m{}", i % 5))
        };
        let body =
            json!({ "id": format!("r{i:02}"), "errorCode": i % 7, "resultMessage": message });
        server.create(&states, &body).await;
    }
    states
}

/// Reads all pages of the list, with some random writes between two of them: states come, go, and
/// change in `property`. Returns how often each was seen, and those that were changed or deleted.
async fn read_amid_writes(
    server: &TestServer,
    states: &str,
    options: &str,
    property: &str,
    seed: u64,
) -> (Seen, Vec<String>) {
    let mut random = Seeded::new(seed);
    let (mut seen, mut touched) = (Seen::new(), Vec::new());
    let mut next = Some(format!("{states}?{options}"));
    let mut added = 0;
    while let Some(path) = next {
        let page = server.read(&path).await;
        for id in ids(&page) {
            *seen.entry(id).or_default() += 1;
        }
        next = page["@odata.nextLink"].as_str().map(str::to_owned);
        assert_ne!(next.as_ref(), Some(&path), "a link to the same page");
        // Where pages are read, the last row of the one before is as good a victim as any.
        for _ in 0..4 {
            let id = match ids(&page).last() {
                Some(last) if random.below(4) == 0 => last.clone(),
                _ => format!("r{:02}", random.below(60)),
            };
            let path = format!("{states}/{id}");
            match random.below(3) {
                0 => {
                    added += 1;
                    let body = json!({ "id": format!("r{:02}x{added}", random.below(60)), "errorCode": random.below(7) });
                    server.create(states, &body).await;
                }
                1 if random.below(2) == 0 => {
                    server.delete(&path).send().await;
                    touched.push(id);
                }
                _ => {
                    let value = match property {
                        "errorCode" => json!(random.below(7)),
                        "resultMessage" if random.below(3) == 0 => json!(null),
                        _ => json!(format!("m{}", random.below(5))),
                    };
                    let reply = server
                        .patch(&path, &json!({ property: value }))
                        .send()
                        .await;
                    assert!(matches!(reply.status.as_u16(), 200 | 404));
                    touched.push(id);
                }
            }
        }
    }
    (seen, touched)
}

#[tokio::test]
async fn by_a_key_that_stays_every_row_that_stays_is_seen_once() {
    for (seed, options) in [
        "$top=7",
        "$top=7&$orderby=id%20desc",
        "$top=3&$orderby=id,errorCode",
    ]
    .into_iter()
    .enumerate()
    {
        let server = TestServer::start().await;
        let states = sixty_states(&server).await;
        let seed = seed as u64;
        let (seen, _) = read_amid_writes(&server, &states, options, "resultMessage", seed).await;
        assert!(
            seen.values().all(|times| *times == 1),
            "{options}: {seen:?}"
        );
        for id in server.ids(&states).await.iter().filter(|id| id.len() == 3) {
            assert_eq!(seen.get(id), Some(&1), "{options}: {id}");
        }
    }
}

#[tokio::test]
async fn by_a_key_that_changes_every_row_that_is_left_alone_is_seen_once() {
    for (seed, (options, property)) in [
        ("$top=7&$orderby=errorCode", "errorCode"),
        ("$top=7&$orderby=errorCode%20desc", "errorCode"),
        ("$top=7&$orderby=resultMessage", "resultMessage"),
        ("$top=7&$orderby=resultMessage%20desc", "resultMessage"),
        (
            "$top=5&$orderby=resultMessage,errorCode%20desc",
            "resultMessage",
        ),
        (
            "$top=5&$orderby=errorCode%20desc,resultMessage,id%20desc",
            "errorCode",
        ),
        (
            "$top=5&$orderby=length(resultMessage)%20desc,resultMessage",
            "resultMessage",
        ),
        (
            "$top=5&$orderby=managedDevice/deviceName,errorCode",
            "errorCode",
        ),
        (
            "$top=7&$orderby=lastStateUpdateDateTime%20desc,errorCode",
            "errorCode",
        ),
        (
            "$top=6&$filter=errorCode%20ge%200&$orderby=errorCode",
            "errorCode",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let server = TestServer::start().await;
        let states = sixty_states(&server).await;
        let seed = 100 + seed as u64;
        let (seen, touched) = read_amid_writes(&server, &states, options, property, seed).await;
        for id in (0..60)
            .map(|i| format!("r{i:02}"))
            .filter(|id| !touched.contains(id))
        {
            assert_eq!(seen.get(&id), Some(&1), "{options}: {id}");
        }
        // What came meanwhile was never changed: it may be missed, but not seen twice.
        for (id, times) in seen.iter().filter(|(id, _)| id.len() > 3) {
            assert_eq!(*times, 1, "{options}: {id}");
        }
    }
}

#[tokio::test]
async fn scripts_by_their_date_of_creation_while_they_are_renamed() {
    let server = TestServer::start().await;
    let scripts = "/deviceManagement/deviceShellScripts";
    let mut made = Vec::new();
    for i in 0..20 {
        // Two of each date, so that ids decide within.
        server
            .clock
            .advance(std::time::Duration::from_millis(i % 2));
        made.push(server.shell_script(&format!("S{i}")).await);
    }
    for direction in ["", "%20desc"] {
        let mut seen = Vec::new();
        let mut next = Some(format!(
            "{scripts}?$top=3&$orderby=createdDateTime{direction}"
        ));
        while let Some(path) = next {
            let page = server.read(&path).await;
            seen.extend(ids(&page));
            next = page["@odata.nextLink"].as_str().map(str::to_owned);
            assert_ne!(next.as_ref(), Some(&path), "a link to the same page");
            for id in ids(&page) {
                let body = json!({ "displayName": "Z" });
                server
                    .patch(&format!("{scripts}/{id}"), &body)
                    .send()
                    .await
                    .expect(200);
            }
        }
        seen.sort();
        made.sort();
        assert_eq!(seen, made);
    }
}

#[tokio::test]
async fn a_row_that_moves_ahead_is_seen_again_and_one_that_moves_back_is_missed() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    for (id, code) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        server
            .create(&states, &json!({ "id": id, "errorCode": code }))
            .await;
    }
    let first = server
        .read(&format!("{states}?$top=2&$orderby=errorCode"))
        .await;
    assert_eq!(ids(&first), ["a", "b"]);
    for (id, code) in [("a", 9), ("d", 0)] {
        server
            .patch(&format!("{states}/{id}"), &json!({ "errorCode": code }))
            .send()
            .await
            .expect(200);
    }
    let rest = server.ids(first["@odata.nextLink"].as_str().unwrap()).await;
    assert_eq!(rest, ["c", "a"]);
}

#[tokio::test]
async fn the_row_that_a_token_was_made_of_may_go() {
    let server = TestServer::start().await;
    let states = sixty_states(&server).await;
    for options in ["$top=10", "$top=10&$orderby=errorCode,resultMessage%20desc"] {
        let all = server
            .ids(
                &format!("{states}?{options}")
                    .replace("$top=10&", "")
                    .replace("$top=10", ""),
            )
            .await;
        let page = server.read(&format!("{states}?{options}")).await;
        let last = ids(&page).pop().unwrap();
        server
            .delete(&format!("{states}/{last}"))
            .send()
            .await
            .expect(204);
        let rest = server
            .all_ids(page["@odata.nextLink"].as_str().unwrap())
            .await;
        assert_eq!(rest, all[10..], "{options}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_readers_beside_a_writer() {
    let server = TestServer::start().await;
    let states = sixty_states(&server).await;
    let reader = async |options: &str| {
        for _ in 0..5 {
            let all = server.all_ids(&format!("{states}?$top=4&{options}")).await;
            let mut kept: Vec<&String> = all.iter().filter(|id| id.len() == 3).collect();
            kept.sort();
            assert_eq!(
                kept,
                (0..60)
                    .map(|i| format!("r{i:02}"))
                    .collect::<Vec<_>>()
                    .iter()
                    .collect::<Vec<_>>(),
                "{options}"
            );
        }
    };
    let writer = async {
        for i in 0..150 {
            let id = format!("r{:02}x", i % 60);
            server.create(&states, &json!({ "id": id })).await;
            let body = json!({ "resultMessage": format!("m{i}") });
            server
                .patch(&format!("{states}/r{:02}", i % 60), &body)
                .send()
                .await
                .expect(200);
            server
                .delete(&format!("{states}/{id}"))
                .send()
                .await
                .expect(204);
        }
    };
    tokio::join!(
        reader("$orderby=id%20desc"),
        reader("$orderby=errorCode"),
        writer
    );
}
