//! `$orderby`, `$top`, `$skip`, `$count` and `$skiptoken`.

use runstate_testkit::{TestServer, encode, ids};
use serde_json::Value;

use super::states;

#[tokio::test]
async fn orders() {
    let server = TestServer::start().await;
    let states = states(&server).await;
    for (orderby, expected) in [
        ("id", "abcde"),
        ("id desc", "edcba"),
        ("runState", "aebcd"),
        ("runState desc", "dcbea"),
        ("runState,id desc", "eabcd"),
        ("errorCode desc, lastStateUpdateDateTime desc", "edcab"),
        ("errorCode asc,lastStateUpdateDateTime", "bacde"),
        // Null is the least, then the empty string.
        ("resultMessage", "cdeab"),
        ("resultMessage desc", "baedc"),
        ("resultMessage asc,id", "cdeab"),
        ("managedDevice/deviceName,id", "cdaeb"),
        ("managedDevice/deviceName desc,id asc", "baecd"),
        ("managedDevice/deviceName desc,id desc", "beadc"),
        ("length(resultMessage),id", "cdabe"),
        ("tolower(resultMessage) desc", "baedc"),
    ] {
        let path = format!("{states}?$orderby={}", encode(orderby));
        assert_eq!(server.ids(&path).await.concat(), expected, "{orderby}");
        for top in [1, 2, 3] {
            let paged = server.all_ids(&format!("{path}&$top={top}")).await.concat();
            assert_eq!(paged, expected, "{orderby} by {top}");
        }
    }
}

#[tokio::test]
async fn top_skip_and_count() {
    let server = TestServer::start().await;
    let states = states(&server).await;
    for (options, expected, more) in [
        ("$top=2", "ab", true),
        ("$top=0", "", false),
        ("$top=5", "abcde", false),
        ("$skip=2", "cde", false),
        ("$skip=1&$top=2", "bc", true),
        ("$skip=9", "", false),
        ("$top=2&$orderby=id%20desc&$skip=1", "dc", true),
        ("$top=4294967295", "abcde", false),
    ] {
        let page = server
            .read(&format!("{states}?{options}&$count=true"))
            .await;
        assert_eq!(ids(&page).concat(), expected, "{options}");
        assert_eq!(page["@odata.count"], 5, "{options}");
        assert_eq!(page.get("@odata.nextLink").is_some(), more, "{options}");
    }
    // The link carries what was asked for, but skips no second time.
    let all = server
        .all_ids(&format!(
            "{states}?$skip=1&$top=1&$filter=errorCode%20ge%200&$orderby=id+desc"
        ))
        .await;
    assert_eq!(all.concat(), "dca");
    let preferred = server
        .get(&states)
        .header("Prefer", "odata.maxpagesize=3")
        .send()
        .await
        .expect(200);
    assert_eq!(ids(&preferred.json()).len(), 3);
    assert_eq!(
        preferred.header("preference-applied"),
        "odata.maxpagesize=3"
    );
    assert!(
        server
            .read(&format!("{states}?$count=false"))
            .await
            .get("@odata.count")
            .is_none()
    );
}

#[tokio::test]
async fn a_page_is_no_larger_than_the_server_allows() {
    let server = TestServer::builder().page_size(2).start().await;
    let states = states(&server).await;
    for options in [
        "",
        "?$top=1",
        "?$top=3",
        "?$orderby=runState",
        "?$select=id",
        "?$expand=managedDevice&$count=true",
    ] {
        let mut all = server.all_ids(&format!("{states}{options}")).await;
        all.sort();
        assert_eq!(all.concat(), "abcde", "{options}");
    }
    let page = server.read(&format!("{states}?$top=3")).await;
    assert_eq!(ids(&page).len(), 2);
}

#[tokio::test]
async fn a_token_goes_with_the_query_that_it_was_given_for() {
    let server = TestServer::start().await;
    let states = states(&server).await;
    let other = server.shell_script("Other").await;
    let other = format!("/deviceManagement/deviceShellScripts/{other}/deviceRunStates");
    let next = |page: &Value| page["@odata.nextLink"].as_str().unwrap().to_owned();
    let link = next(
        &server
            .read(&format!("{states}?$top=2&$orderby=runState"))
            .await,
    );
    let token = link.split("$skiptoken=").nth(1).unwrap().to_owned();
    let with =
        |path: &str, options: &str, token: &str| format!("{path}?{options}$skiptoken={token}");
    assert_eq!(
        server
            .ids(&with(&states, "$orderby=runState&", &token))
            .await
            .concat(),
        "bcd"
    );
    // What does not change which rows there are, and in which order, is free.
    assert_eq!(
        server
            .ids(&with(
                &states,
                "$orderby=runState%20asc&$top=1&$select=id&$count=true&",
                &token
            ))
            .await
            .concat(),
        "b"
    );
    let mut tampered = token.clone().into_bytes();
    let last = tampered.len() - 1;
    tampered[last] = if tampered[last] == b'A' { b'Q' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    let elsewhere = TestServer::start().await;
    let foreign = {
        let states = super::states(&elsewhere).await;
        let link = next(
            &elsewhere
                .read(&format!("{states}?$top=2&$orderby=runState"))
                .await,
        );
        link.split("$skiptoken=").nth(1).unwrap().to_owned()
    };
    for path in [
        with(&states, "", &token),
        with(&states, "$orderby=runState%20desc&", &token),
        with(&states, "$orderby=errorCode&", &token),
        with(
            &states,
            "$orderby=runState&$filter=errorCode%20eq%209&",
            &token,
        ),
        with(&other, "$orderby=runState&", &token),
        with("/deviceManagement/deviceShellScripts", "", &token),
        with(&states, "$orderby=runState&", &tampered),
        with(&states, "$orderby=runState&", &foreign),
        with(&states, "$orderby=runState&", &token[..token.len() - 4]),
        with(&states, "$orderby=runState&", "x"),
        with(&states, "$orderby=runState&", "%25"),
        with(&states, "$orderby=runState&", ""),
    ] {
        let reply = server.get(&path).send().await.expect(400);
        assert_eq!(reply.code(), "Request_BadRequest", "{path}");
        assert!(
            reply.message().contains("$skiptoken"),
            "{path}: {}",
            reply.message()
        );
    }
}
