//! Links to the next page: short enough to be asked for.

use runstate_testkit::TestServer;
use serde_json::json;

use super::states;

#[tokio::test]
async fn long_texts_leave_the_links_short() {
    let server = TestServer::start().await;
    let script = server.shell_script("Loud").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    let long = "ä".repeat(30_000);
    for (id, message) in [
        ("b", format!("{long}1")),
        ("a", format!("{long}2")),
        ("d", "z".repeat(60_000)),
        ("c", format!("{long}3")),
    ] {
        let state = json!({ "id": id, "runState": "fail", "resultMessage": message });
        server.create(&states, &state).await;
    }
    // Those that agree in what is looked at are in the order in which they came.
    for (order, expected) in [
        ("resultMessage", "dbac"),
        ("resultMessage%20desc", "cabd"),
        ("tolower(resultMessage)", "dbac"),
        (
            "concat(resultMessage,resultMessage),runState%20desc",
            "dcab",
        ),
        ("length(resultMessage)%20desc,resultMessage", "dbac"),
    ] {
        let path = format!("{states}?$select=id&$top=1&$orderby={order}");
        let page = server.read(&path).await;
        let link = page["@odata.nextLink"].as_str().unwrap();
        assert!(link.len() < 4096, "{order}: {}", link.len());
        assert_eq!(server.all_ids(&path).await.concat(), expected, "{order}");
    }
}

#[tokio::test]
async fn the_longest_names_are_sorted_whole_from_page_to_page() {
    let server = TestServer::start().await;
    let longest = |last: &str| format!("{}{last}", "😀".repeat(1023));
    let mut ids = Vec::new();
    for last in ["c", "a", "b"] {
        let name = longest(last);
        let user = json!({ "displayName": name, "userPrincipalName": name });
        ids.push((last, server.create("/users", &user).await));
    }
    ids.sort();
    let expected: Vec<String> = ids.into_iter().map(|(_, id)| id).collect();
    let names = "displayName,userPrincipalName,displayName,userPrincipalName";
    let path = format!("/users?$top=1&$orderby={names}");
    assert_eq!(server.all_ids(&path).await, expected);

    let path = format!("/users?$top=1&$orderby={names},{names}");
    let refused = server.get(&path).send().await.expect(400);
    assert!(
        refused.message().contains("$orderby"),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn options_that_leave_no_room_for_a_link_are_refused() {
    let server = TestServer::start().await;
    let states = states(&server).await;
    let filter = |length: usize| format!("$filter=id%20ne%20'{}'", "a".repeat(length));
    let all = server.ids(&format!("{states}?{}", filter(65_000))).await;
    assert_eq!(all.concat(), "abcde");
    // As long as a URL may be, nearly.
    let longest = filter(65_534 - server.root().len() - states.len() - 50);
    let refused = server
        .get(&format!("{states}?$top=1&{longest}"))
        .send()
        .await
        .expect(400);
    assert!(refused.message().contains("65534"), "{}", refused.message());
    let fits = format!("{states}?$top=1&{}", filter(64_000));
    assert_eq!(server.all_ids(&fits).await.concat(), "abcde");
}
