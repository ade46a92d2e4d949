//! What is read while reports wait to be folded is what is read after.

use proptest::prelude::*;
use runstate_store::Page;

use super::fixture::Fixture;

/// Lists that are answered from the tables and the journal together, and some that are not.
const LISTS: &[&str] = &[
    "",
    "$count=true",
    "$orderby=lastStateUpdateDateTime desc&$count=true",
    "$orderby=lastStateUpdateDateTime",
    "$filter=runState eq 'fail'&$orderby=lastStateUpdateDateTime desc&$count=true",
    "$filter='success' eq runState&$count=true",
    "$filter=runState ne 'fail' and errorCode ge 2&$orderby=errorCode desc,runState",
    "$filter=not (resultMessage eq null) or errorCode in (1,3)&$orderby=id desc",
    "$filter=lastStateUpdateDateTime lt 2026-01-01T00:00:03Z&$select=id,errorCode",
    "$filter=contains(resultMessage,'a')&$orderby=runState,id",
    "$filter=resultMessage gt 'a'&$count=true",
];

const STATES: u8 = 7;

/// A report: to which state, and what.
#[derive(Debug, Clone)]
struct Report {
    state: u8,
    run_state: &'static str,
    second: u8,
    code: u8,
    message: Option<&'static str>,
}

fn report() -> impl Strategy<Value = Report> {
    let run_state = prop::sample::select(&["success", "fail", "scriptError", "pending"]);
    let message = prop::option::of(prop::sample::select(&["a", "b", "A"]));
    (0..STATES, run_state, 0..5_u8, 0..4_u8, message).prop_map(
        |(state, run_state, second, code, message)| Report {
            state,
            run_state,
            second,
            code,
            message,
        },
    )
}

async fn send(store: &Fixture, states: &str, report: &Report) {
    let Report {
        state,
        run_state,
        second,
        code,
        message,
    } = report;
    let message = message.map_or("null".to_owned(), |message| format!("\"{message}\""));
    let body = format!(
        r#"{{"runState": "{run_state}", "errorCode": {code}, "resultMessage": {message},
            "lastStateUpdateDateTime": "2026-01-01T00:00:0{second}Z"}}"#
    );
    store
        .patch(&format!("{states}/{state}"), &body)
        .await
        .unwrap();
}

/// All pages of a list.
async fn pages(store: &Fixture, url: &str) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut token = String::new();
    loop {
        let page = store.list(&format!("{url}{token}")).await.unwrap();
        let next = page.next.clone();
        pages.push(page);
        let Some(next) = next else { return pages };
        token = format!("&$skiptoken={next}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_list_is_the_same_before_and_after(
        folded in prop::collection::vec(report(), 0..12),
        waiting in prop::collection::vec(report(), 1..12),
        list in prop::sample::select(LISTS),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut store = Fixture::new().await;
            store.page_size = 3;
            let script = store.shell_script("s").await;
            let states = format!("{script}/deviceRunStates");
            for state in 0..STATES {
                store.post(&states, &format!(r#"{{"id": "{state}"}}"#)).await.unwrap();
            }
            for report in &folded {
                send(&store, &states, report).await;
            }
            store.fold(&script).await;
            for report in &waiting {
                send(&store, &states, report).await;
            }
            let url = format!("{states}?{list}");
            let filter = list.split('&').find(|option| option.starts_with("$filter"));
            let of_filter = format!("{states}/$count?{}", filter.unwrap_or_default());
            let before = pages(&store, &url).await;
            let counted = store.count(&of_filter).await.unwrap();
            store.fold(&script).await;
            assert_eq!(before, pages(&store, &url).await, "{list}");
            assert_eq!(counted, store.count(&of_filter).await.unwrap(), "{list}");
        });
    }
}
