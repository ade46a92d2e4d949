//! The SQL of typical queries, in both dialects.

use std::slice::from_ref;

use runstate_graph::entity::{
    DEVICE_MANAGEMENT_SCRIPT, DEVICE_SHELL_SCRIPT, DEVICE_STATE, GROUP, MANAGED_DEVICE, USER_STATE,
};
use runstate_odata::edm::Value;
use runstate_store::{
    query::{self, Bind, Dialect, Scope, Statement, Viewer},
    table,
};

use crate::{VIEWER, owned, query, root, run_states, world};

/// What the statements are for, and the statements.
fn statements(dialect: Dialect) -> Vec<(String, Statement)> {
    let mut all = Vec::new();
    let mut list = |scope: Scope<'_>, text: &str| {
        let query = query(scope.ty, &format!("{text}&$select=id"));
        let statement = query::list(dialect, &scope, &query, 100, None, 0);
        all.push((format!("{} {text}", scope.ty.name), statement.unwrap()));
    };
    for text in [
        "",
        "$filter=runState eq 'fail'&$orderby=lastStateUpdateDateTime desc",
        "$filter=not (errorCode gt 5 or resultMessage eq null)",
        "$filter=errorCode in (1,2) and contains(tolower(resultMessage),'x')",
        "$filter=managedDevice/deviceName eq 'a' or managedDevice/deviceName ne null",
        "$filter=managedDevice/users/any(u: u/displayName eq 'a')",
        "$filter=managedDevice/roleScopeTagIds/all(t: t ne '0')",
        "$filter=length(trim(resultMessage)) gt 1 and endswith(errorDescription,'y')",
        "$filter=substring(resultMessage,1,2) eq concat('a',errorDescription)",
        "$orderby=managedDevice/deviceName desc,errorCode,indexof(resultMessage,'a')",
        "$orderby=resultMessage desc,managedDevice/osVersion,tolower(managedDevice/deviceName)",
    ] {
        list(run_states(7), text);
    }
    for text in [
        "$search=one AND NOT \"two three\"",
        "$filter=roleScopeTagIds/any(t: t eq '0')&$orderby=displayName",
        "$orderby=displayName,description",
        "$filter=runSummary/errorDeviceCount gt 0",
        "$filter=assignments/any(a: a/target/microsoft.graph.groupAssignmentTarget/groupId eq 'g')",
        "$filter=executionFrequency gt duration'PT1H' and createdDateTime lt 2026-01-01T00:00:00Z",
        "$filter=userRunStates/any(u: u/deviceRunStates/any(d: d/runState eq 'fail'))",
    ] {
        list(root(&DEVICE_SHELL_SCRIPT), text);
    }
    let group = "target/microsoft.graph.groupAssignmentTarget/groupId";
    list(
        owned(&DEVICE_SHELL_SCRIPT, "assignments", 7),
        &format!("$orderby={group}"),
    );
    list(owned(&USER_STATE, "deviceRunStates", 7), "");
    list(owned(&DEVICE_STATE, "managedDevice", 7), "");
    list(owned(&MANAGED_DEVICE, "users", 7), "");
    list(owned(&GROUP, "members", 7), "");
    list(owned(&GROUP, "transitiveMembers", 7), "$search=one");
    let device = Viewer {
        device_id: Some("device"),
        ..VIEWER
    };
    list(
        Scope {
            viewer: device,
            ..root(&DEVICE_SHELL_SCRIPT)
        },
        "$filter=deviceRunStates/any()",
    );
    all.extend(others(dialect));
    all
}

/// Statements that are not plain lists.
fn others(dialect: Dialect) -> Vec<(String, Statement)> {
    let mut all = Vec::new();
    let states = run_states(7);
    let after = |order: &str, keyset: &[Bind]| {
        let query = query(&DEVICE_STATE, &format!("$orderby={order}&$select=runState"));
        let statement = query::list(dialect, &states, &query, 3, Some(keyset), 2).unwrap();
        (format!("after {keyset:?} by {order}"), statement)
    };
    let (id, pk) = (Bind::Text("id".to_owned()), Bind::Integer(9));
    let text = Bind::Text("x".to_owned());
    all.push(after("id", from_ref(&id)));
    let keyset = [Bind::Integer(5), pk.clone()];
    all.push(after("lastStateUpdateDateTime desc", &keyset));
    let mixed = [Bind::Integer(5), text.clone(), pk.clone()];
    all.push(after("errorCode desc,resultMessage asc", &mixed));
    all.push(after("resultMessage desc", &[text.clone(), pk.clone()]));
    all.push(after("resultMessage desc", &[Bind::Null, pk.clone()]));
    all.push(after("resultMessage", &[Bind::Null, pk.clone()]));

    let mut other = |name: &str, statement: Result<Statement, _>| {
        all.push((name.to_owned(), statement.unwrap()));
    };
    let filtered = query(
        &DEVICE_STATE,
        "$filter=managedDevice/deviceName eq 'a'&$orderby=errorCode",
    );
    other("count", query::count(dialect, &states, &filtered));
    let scripts = root(&DEVICE_MANAGEMENT_SCRIPT);
    let plain = query(scripts.ty, "");
    other("get", query::get(dialect, &scripts, Some("id"), &plain));
    other("key", query::key(dialect, &states, "id"));
    let expanded = query(
        scripts.ty,
        "$expand=assignments,deviceRunStates($filter=errorCode gt 0;$orderby=errorCode desc;$top=2;\
         $count=true;$expand=managedDevice($select=deviceName)),runSummary",
    );
    for expand in &expanded.expand {
        let name = format!("expand {}", expand.navigation.name);
        let statement = query::expand(dialect, &VIEWER, scripts.ty, expand, &[7, 8], 2, 1);
        other(&name, statement);
        let statement = query::expand_count(dialect, &VIEWER, scripts.ty, expand, &[7, 8]);
        other(&format!("{name}, counted"), statement);
        for inner in &expand.query.expand {
            let name = format!("{name}/{}", inner.navigation.name);
            let source = expand.navigation.target;
            other(
                &name,
                query::expand(dialect, &VIEWER, source, inner, &[9], 1, 0),
            );
        }
    }
    let members = query(&GROUP, "$expand=members($select=displayName)");
    let statement = query::expand(dialect, &VIEWER, &GROUP, &members.expand[0], &[7], 2, 0);
    other("expand members", statement);

    let scope = [("script_pk", Bind::Integer(7))];
    let group = &runstate_graph::entity::GROUP_TARGET;
    let assignment = world::assignment("id", group, Some("g"));
    let assignments = table::of(assignment.ty).unwrap();
    other(
        "insert",
        query::insert(dialect, assignments, &scope, &assignment),
    );
    let report = world::state("id", 2, "2017-01-01T00:02:58.4418045-08:00");
    let scope = [
        ("script_pk", Bind::Integer(7)),
        ("user_state_pk", Bind::Integer(8)),
        ("device_id", Bind::Null),
    ];
    other(
        "insert",
        query::insert(dialect, table::of(&DEVICE_STATE).unwrap(), &scope, &report),
    );
    let changes = vec![(1, Value::Enum(2)), (2, Value::Null)];
    other("update", query::update(dialect, &DEVICE_STATE, 7, &changes));
    all
}

fn show(dialect: Dialect) -> String {
    let statements = statements(dialect).into_iter();
    let texts = statements.map(|(name, statement)| {
        let Statement { sql, binds, .. } = statement;
        format!("# {name}\n{sql}\n{binds:?}\n")
    });
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn sqlite() {
    insta::assert_snapshot!(show(Dialect::Sqlite));
}

#[test]
fn postgres() {
    insta::assert_snapshot!(show(Dialect::Postgres));
}

/// Every statement is one that SQLite prepares, with as many values as it has placeholders.
#[test]
fn sqlite_understands_all() {
    let database = crate::database::Database::new();
    for (name, statement) in statements(Dialect::Sqlite) {
        let prepared = database.connection().prepare(&statement.sql);
        let prepared = prepared.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(prepared.parameter_count(), statement.binds.len(), "{name}");
    }
}

/// Likewise PostgreSQL.
#[test]
fn postgres_understands_all() {
    let Some(postgres) = crate::postgres::Postgres::new() else {
        return;
    };
    postgres.run(&crate::database::schema(Dialect::Postgres));
    for (name, statement) in statements(Dialect::Postgres) {
        let count = postgres.parameter_count(&statement.sql);
        assert_eq!(count, statement.binds.len(), "{name}");
    }
}
