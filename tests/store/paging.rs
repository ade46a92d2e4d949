//! Pages while rows come and go.

use std::collections::HashSet;

use runstate_store::Error;

use super::fixture::{Fixture, OTHER_TENANT, ids};

#[tokio::test]
async fn no_row_comes_twice_and_none_is_missed_while_others_are_written() {
    let mut store = Fixture::new().await;
    store.page_size = 7;
    let script = store.shell_script("s").await;
    let collection = format!("{script}/deviceRunStates");
    let code = |at: u32| at * 7 % 5;
    for at in 0..60 {
        let body = format!(r#"{{"id": "{at:03}", "errorCode": {}}}"#, code(at));
        store.post(&collection, &body).await.unwrap();
    }
    for order in [
        "",
        "$orderby=errorCode",
        "$orderby=errorCode desc,id desc",
        "$orderby=resultMessage,errorCode desc",
    ] {
        let mut seen = Vec::new();
        let mut token = String::new();
        for round in 0.. {
            let page = store
                .list(&format!("{collection}?{order}{token}"))
                .await
                .unwrap();
            assert!(page.rows.len() <= 7);
            seen.extend(ids(&page).into_iter().map(str::to_owned));
            // Rows that are not among the sixty come and go all over the order.
            for at in [round * 11 % 60, round * 7 % 60] {
                let id = format!("{at:03}x{}{round}", order.len());
                let made = store
                    .post(
                        &collection,
                        &format!(r#"{{"id": "{id}", "errorCode": {}}}"#, code(at)),
                    )
                    .await;
                if made.is_ok() && round % 2 == 0 {
                    store.delete(&format!("{collection}/{id}")).await.unwrap();
                }
            }
            let Some(next) = page.next else { break };
            token = format!("&$skiptoken={next}");
        }
        let unique: HashSet<&String> = seen.iter().collect();
        assert_eq!(unique.len(), seen.len(), "{order}: a row came twice");
        let there: Vec<_> = seen.iter().filter(|id| !id.contains('x')).collect();
        assert_eq!(there.len(), 60, "{order}: a row was missed");
    }
}

#[tokio::test]
async fn top_and_skip_cut_pages() {
    let mut store = Fixture::new().await;
    store.page_size = 4;
    for id in ["a", "b", "c", "d", "e", "f"] {
        store.shell_script(id).await;
    }
    let scripts = "deviceManagement/deviceShellScripts";
    let page = store
        .list(&format!("{scripts}?$top=2&$skip=1&$count=true"))
        .await
        .unwrap();
    assert_eq!((ids(&page), page.count), (vec!["b", "c"], Some(6)));
    let next = page.next.unwrap();
    let page = store
        .list(&format!("{scripts}?$top=2&$skiptoken={next}"))
        .await
        .unwrap();
    assert_eq!(ids(&page), ["d", "e"]);
    let page = store
        .list(&format!("{scripts}?$top=100&$orderby=displayName desc"))
        .await
        .unwrap();
    assert_eq!(ids(&page), ["f", "e", "d", "c"]);
    assert!(page.next.is_some());
    let page = store
        .list(&format!("{scripts}?$top=0&$count=true"))
        .await
        .unwrap();
    assert_eq!((page.rows.len(), page.next, page.count), (0, None, Some(6)));
    let page = store.list(&format!("{scripts}?$skip=6")).await.unwrap();
    assert_eq!((page.rows.len(), page.next), (0, None));
}

#[tokio::test]
async fn a_token_is_of_its_query_and_tenant() {
    let mut store = Fixture::new().await;
    store.page_size = 1;
    for id in ["a", "b"] {
        store.shell_script(id).await;
        store.of_tenant(OTHER_TENANT).shell_script(id).await;
    }
    let scripts = "deviceManagement/deviceShellScripts";
    let next = store
        .list(&format!("{scripts}?$filter=id ne 'z'"))
        .await
        .unwrap()
        .next
        .unwrap();
    let good = format!("{scripts}?$filter=id ne 'z'&$skiptoken={next}");
    assert_eq!(ids(&store.list(&good).await.unwrap()), ["b"]);
    for (store, url) in [
        (&store, format!("{scripts}?$skiptoken={next}")),
        (
            &store,
            format!("{scripts}?$filter=id ne 'y'&$skiptoken={next}"),
        ),
        (
            &store,
            format!("{scripts}?$filter=id ne 'z'&$orderby=id desc&$skiptoken={next}"),
        ),
        (
            &store,
            format!("{scripts}?$filter=id ne 'z'&$skiptoken=A{next}"),
        ),
        (&store.of_tenant(OTHER_TENANT), good),
        (
            &store,
            "deviceManagement/deviceManagementScripts?$filter=id ne 'z'&$skiptoken=".to_owned()
                + &next,
        ),
    ] {
        assert_eq!(
            store.list(&url).await.unwrap_err(),
            Error::InvalidSkipToken,
            "{url}"
        );
    }
}
