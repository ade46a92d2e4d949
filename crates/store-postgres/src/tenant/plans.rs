//! How PostgreSQL and Citus go about the statements as they are run: never without the tenant.

use std::{collections::BTreeMap, path::Path};

use runstate_store::query::Dialect::Postgres;
use runstate_store_sql as sql;
use runstate_test_postgres::Database;
use serde_json::Value as Json;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::{TABLES, of_tenant};
use crate::{connection::Address, migration, spread};

/// All statements, by name, as they are run: what the query builder writes for typical queries, and what
/// is written out by hand.
fn statements() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let file = "../store/tests/query/snapshots/query__text__postgres.snap";
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let built = std::fs::read_to_string(built).unwrap();
    for statement in built.split("\n# ").skip(1) {
        let (name, rest) = statement.split_once('\n').unwrap();
        let text = rest.lines().next().unwrap();
        all.insert(format!("query {name}"), text.to_owned());
    }
    assert!(all.len() > 40, "{} queries", all.len());
    let by_hand = [
        ("change", sql::change::STATEMENTS),
        ("counters", sql::counters::STATEMENTS),
        ("device", sql::device::STATEMENTS),
        ("history", sql::history::STATEMENTS),
        ("delivery", sql::delivery::STATEMENTS),
        ("notice", sql::notice::STATEMENTS),
        ("subscription", sql::subscription::STATEMENTS),
        ("run request", sql::run_request::STATEMENTS),
        ("run state", sql::run_state::STATEMENTS),
        ("script version", sql::script_version::STATEMENTS),
        ("user run", sql::user_run::STATEMENTS),
        ("spread", spread::STATEMENTS),
    ];
    let targeting = sql::targeting::statements(Postgres);
    let targeting = ("targeting", &*targeting);
    let by_hand = by_hand.iter().chain([&targeting]);
    for (place, statements) in by_hand {
        for (name, text) in *statements {
            all.insert(format!("{place}: {name}"), (*text).to_owned());
        }
    }
    all
}

/// The statement as one of a tenant's, and how many placeholders it has then.
fn scoped(name: &str, sql: &str) -> (String, usize) {
    let numbered = crate::database::numbered(sql);
    let greatest = (1..100).rfind(|n| {
        let placeholder = format!("${n}");
        let ends =
            |(at, _)| !numbered[at + placeholder.len()..].starts_with(|c: char| c.is_ascii_digit());
        numbered.match_indices(&placeholder).any(ends)
    });
    let own = greatest.unwrap_or(0);
    let text = of_tenant(&numbered, own + 1).unwrap_or_else(|error| panic!("{name}: {error}"));
    (text.sql, own + usize::from(text.has_tenant))
}

async fn client(database: &Database) -> deadpool_postgres::Object {
    let pool = Address::of(database.url()).unwrap().pool(1, "").unwrap();
    let mut client = pool.get().await.unwrap();
    migration::migrate(&mut client).await.unwrap();
    client
}

/// Whether that placeholder is the tenant: whatever is compared with a tenant's id, or begins a row of
/// one.
fn is_tenant(text: &str, n: usize) -> bool {
    let said = [
        "tenant_id = $",
        "INTO targeting (tenant_id, generation) VALUES ($",
    ];
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_digit());
    let mut said = said.iter().map(|said| format!("{said}{n}"));
    said.any(|said| text.split(&said).skip(1).any(ends))
}

/// The plan of a statement as it is with values for its placeholders; or, where nothing stands for them,
/// the one that is kept for whatever is bound.
async fn plan(client: &Client, name: &str, sql: &str, is_kept: bool) -> Json {
    let (mut text, count) = scoped(name, sql);
    let said = text.clone();
    let value = |n| if is_tenant(&said, n) { "'t'" } else { "'1'" };
    let run = async |sql: String| match client.simple_query(&sql).await {
        Ok(messages) => messages,
        Err(error) => panic!("{name}: {error:?}\n{sql}"),
    };
    let mut explain = String::from("EXPLAIN (FORMAT JSON, VERBOSE) ");
    if is_kept {
        run(format!("PREPARE it AS {text}")).await;
        let values: Vec<&str> = (1..=count).map(value).collect();
        explain.push_str("EXECUTE it");
        if count > 0 {
            explain.push_str(&format!(" ({})", values.join(", ")));
        }
    } else {
        // The greatest first, so that none is taken for the beginning of another.
        for n in (1..=count).rev() {
            text = text.replace(&format!("${n}"), value(n));
        }
        explain.push_str(&text);
    }
    let lines = run(explain).await;
    if is_kept {
        run("DEALLOCATE it".to_owned()).await;
    }
    let line = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    let text: Vec<String> = lines.iter().filter_map(line).collect();
    serde_json::from_str(&text.join("\n")).unwrap()
}

fn nodes<'a>(plan: &'a Json, all: &mut Vec<&'a Json>) {
    match plan {
        Json::Object(members) => {
            all.push(plan);
            members.values().for_each(|member| nodes(member, all));
        }
        Json::Array(items) => items.iter().for_each(|item| nodes(item, all)),
        _ => {}
    }
}

#[tokio::test]
async fn no_table_of_a_tenants_is_looked_into_without_the_tenant() {
    let Some(database) = Database::create() else {
        return;
    };
    let client = client(&database).await;
    let generic = "SET plan_cache_mode = force_generic_plan";
    client.batch_execute(generic).await.unwrap();
    let mut scans = 0;
    for (name, sql) in statements() {
        let plan = plan(&client, &name, &sql, true).await;
        let mut all = Vec::new();
        nodes(&plan, &mut all);
        for node in all {
            let table = node["Relation Name"].as_str().unwrap_or_default();
            let kind = node["Node Type"].as_str().unwrap_or_default();
            if !TABLES.contains(&table) || !kind.contains("Scan") {
                continue;
            }
            let conditions = ["Index Cond", "Recheck Cond", "Filter"];
            let said = conditions.iter().filter_map(|name| node[*name].as_str());
            let tenant = said
                .filter(|condition| {
                    condition.contains("tenant_id = $") || condition.contains("tenant_id = ($")
                })
                .count();
            assert!(tenant > 0, "{name}: {table}\n{node:#}");
            scans += 1;
        }
    }
    assert!(scans > 200, "{scans} scans");
}

/// Each goes to one shard, so to one machine, whatever the number of tenants and machines.
#[tokio::test]
async fn every_statement_of_a_tenants_is_routed_to_one_machine() {
    let Some(database) = Database::create_on_citus() else {
        return;
    };
    let client = client(&database).await;
    let mut routed = 0;
    for (name, sql) in statements() {
        let plan = plan(&client, &name, &sql, false).await;
        let mut all = Vec::new();
        nodes(&plan, &mut all);
        for node in all {
            if let Some(count) = node["Task Count"].as_i64() {
                assert_eq!(count, 1, "{name}\n{plan:#}");
                routed += 1;
            }
        }
    }
    assert!(routed > 80, "{routed} statements");
}
