//! How SQLite goes about what is asked most often, held as a snapshot. No plan may scan a table or
//! sort rows: its cost would grow with the fleet.

use std::fmt::Write as _;

use runstate_graph::entity::MODEL;
use runstate_odata::{check, grammar};
use runstate_store::query::{self, Bind, Dialect, Owner, Scope, Viewer};
use runstate_store_sql::{
    audit, change, counters, delivery, device, notice, path, run_request, script_version,
    subscription, targeting, user_run,
};
use rusqlite::Connection;

use crate::{function, journal, migration, run_state};

const VIEWER: Viewer<'_> = Viewer {
    tenant_id: "tenant",
    device_id: None,
};

fn file() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    migration::migrate(&connection, std::path::Path::new("memory")).unwrap();
    function::register(&connection).unwrap();
    connection
}

/// The steps of a plan; what is below another is shown below it.
fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let mut rows = statement.raw_query();
    let mut plan = String::new();
    while let Some(row) = rows.next().unwrap() {
        let step: String = row.get(3).unwrap();
        // A row that is not of a table is no work.
        for never in ["SCAN", "TEMP B-TREE"] {
            let is_found = step.contains(never) && step != "SCAN CONSTANT ROW";
            assert!(!is_found, "{sql}\n{step}");
        }
        writeln!(plan, "    {step}").unwrap();
    }
    plan
}

#[test]
fn the_heart_call_looks_up_and_never_searches() {
    let connection = file();
    let mut plans = String::new();
    for (name, path) in [
        ("script", "deviceManagement/deviceShellScripts"),
        (
            "user state",
            "deviceManagement/deviceShellScripts/s/userRunStates",
        ),
    ] {
        let key = query::key(Dialect::Sqlite, &scope(path), "id").unwrap();
        write!(plans, "{name}\n{}", plan(&connection, &key.sql)).unwrap();
    }
    let script_of = [("script of user state", path::SCRIPT_OF)];
    for (name, sql) in [
        &script_of,
        journal::STATEMENTS,
        runstate_store_sql::run_state::STATEMENTS,
        run_state::STATEMENTS,
        counters::STATEMENTS,
    ]
    .concat()
    {
        write!(plans, "{name}\n{}", plan(&connection, sql)).unwrap();
    }
    insta::assert_snapshot!(plans);
}

/// What devices ask for, and what follows from assignments, looks at the devices that it is about and
/// at nothing that grows with the fleet: only common table expressions are gone through.
#[test]
fn what_devices_need_is_looked_up() {
    let connection = file();
    let mut plans = String::new();
    let statements = [
        audit::STATEMENTS,
        change::STATEMENTS,
        device::STATEMENTS,
        run_request::STATEMENTS,
        script_version::STATEMENTS,
        user_run::STATEMENTS,
    ];
    for (name, sql) in statements
        .concat()
        .into_iter()
        .chain(targeting::statements(Dialect::Sqlite))
    {
        let mut explained = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let mut rows = explained.raw_query();
        writeln!(plans, "{name}").unwrap();
        while let Some(row) = rows.next().unwrap() {
            let step: String = row.get(3).unwrap();
            let mut words = step.split(' ');
            if words.next() == Some("SCAN") {
                let what = words.next().unwrap();
                let table = runstate_store::table::all()
                    .iter()
                    .find(|table| table.name == what);
                let alias = ["s", "st", "a", "g", "m", "r", "q", "u", "own", "v"].contains(&what);
                assert!(table.is_none() && !alias, "{name}: {step}");
            }
            // What a device has to run is sorted; a fleet never is.
            let sorts = step.contains("FOR ORDER BY") && name != "scripts of device";
            assert!(!sorts, "{name}: {step}");
            writeln!(plans, "    {step}").unwrap();
        }
    }
    insta::assert_snapshot!(plans);
}

/// What every write asks because of subscriptions, and what delivering asks again and again. A tenant's
/// subscriptions are few and are gone through; what waits for them is not.
#[test]
fn what_notifications_need_is_looked_up() {
    let connection = file();
    let mut plans = String::new();
    let statements = [
        notice::STATEMENTS,
        subscription::STATEMENTS,
        delivery::STATEMENTS,
    ];
    for (name, sql) in statements.concat() {
        write!(plans, "{name}\n{}", plan(&connection, sql)).unwrap();
    }
    insta::assert_snapshot!(plans);
}

/// The collection that a path leads to, whatever its keys are.
fn scope(path: &str) -> Scope<'static> {
    let path = check::path(&MODEL, &grammar::path::parse(path).unwrap()).unwrap();
    let [.., before, last] = path.steps.as_slice() else {
        panic!("a path to the root of the service")
    };
    let owner = before.key.is_some().then_some(Owner {
        source: before.navigation.target,
        navigation: last.navigation,
        pk: 1,
    });
    Scope {
        viewer: VIEWER,
        ty: last.navigation.target,
        owner,
    }
}

#[test]
fn pages_are_read_along_an_index() {
    let connection = file();
    let states = "deviceManagement/deviceShellScripts/s/deviceRunStates";
    let nested = "deviceManagement/deviceManagementScripts/s/userRunStates/u/deviceRunStates";
    let text = || Bind::Text("id".to_owned());
    let mut plans = String::new();
    for (path, options, sort_keys) in [
        ("deviceManagement/deviceShellScripts", "", 0),
        (
            "deviceManagement/deviceShellScripts",
            "$orderby=displayName",
            1,
        ),
        (
            "deviceManagement/deviceShellScripts",
            "$orderby=lastModifiedDateTime desc",
            1,
        ),
        ("deviceManagement/deviceShellScripts/s/assignments", "", 0),
        ("deviceManagement/deviceShellScripts/s/userRunStates", "", 0),
        (states, "", 0),
        (nested, "", 0),
        (states, "$orderby=lastStateUpdateDateTime desc", 1),
        (
            states,
            "$filter=runState eq 'fail'&$orderby=lastStateUpdateDateTime",
            1,
        ),
        (
            nested,
            "$filter=runState eq 'fail'&$orderby=lastStateUpdateDateTime desc",
            1,
        ),
        ("deviceManagement/managedDevices", "", 0),
        ("deviceManagement/managedDevices", "$orderby=deviceName", 1),
        (
            "deviceManagement/managedDevices",
            "$orderby=lastSyncDateTime desc",
            1,
        ),
        ("deviceManagement/auditEvents", "", 0),
        (
            "deviceManagement/auditEvents",
            "$orderby=activityDateTime desc",
            1,
        ),
        (
            "deviceManagement/auditEvents",
            "$filter=category eq 'Device'&$orderby=activityDateTime desc",
            1,
        ),
    ] {
        let scope = scope(path);
        let parsed = grammar::options::parse(options).unwrap();
        let query = check::query(scope.ty, &parsed, &MODEL).unwrap();
        let mut after = vec![Bind::Integer(7); sort_keys];
        after.push(text());
        writeln!(plans, "{path}?{options}").unwrap();
        for (page, after) in [("first", None), ("next", Some(after.as_slice()))] {
            let list = query::list(Dialect::Sqlite, &scope, &query, 100, after, 0).unwrap();
            write!(plans, "  {page}\n{}", plan(&connection, &list.sql)).unwrap();
        }
        let count = query::count(Dialect::Sqlite, &scope, &query).unwrap();
        write!(plans, "  count\n{}", plan(&connection, &count.sql)).unwrap();
    }
    insta::assert_snapshot!(plans);
}
