//! How SQLite goes about it: the hot queries run on an index, without a sort.

use std::slice::from_ref;

use runstate_graph::entity::{
    DEVICE_SHELL_SCRIPT, DEVICE_STATE, GROUP, MANAGED_DEVICE, USER_STATE,
};
use runstate_store::query::{self, Bind, Dialect::Sqlite, Scope};

use crate::{VIEWER, database::Database, owned, query, root, run_states};

fn plans() -> Vec<(String, String)> {
    let database = Database::new();
    let mut all = Vec::new();
    let mut list = |scope: Scope<'_>, text: &str, after: Option<&[Bind]>| {
        let query = query(scope.ty, text);
        let statement = query::list(Sqlite, &scope, &query, 100, after, 0).unwrap();
        let behind = if after.is_some() { ", continued" } else { "" };
        let name = format!("{} {text}{behind}", scope.ty.name);
        all.push((name, database.plan(&statement)));
    };
    let id = Bind::Text("id".to_owned());
    let one = [Bind::Integer(5), id.clone()];
    let failed = "$filter=runState eq 'fail'&$orderby=lastStateUpdateDateTime desc";
    list(run_states(7), "", None);
    list(run_states(7), "", Some(from_ref(&id)));
    list(run_states(7), failed, None);
    list(run_states(7), failed, Some(&one));
    let newest = "$orderby=lastStateUpdateDateTime desc";
    list(run_states(7), newest, None);
    list(run_states(7), newest, Some(&one));
    list(
        run_states(7),
        "$orderby=lastStateUpdateDateTime",
        Some(&one),
    );
    list(run_states(7), "$filter=runState eq 'fail'", None);
    list(run_states(7), "$filter=id eq 'a'", None);
    list(
        run_states(7),
        "$filter=managedDevice/deviceName eq 'a'",
        None,
    );
    list(owned(&USER_STATE, "deviceRunStates", 7), failed, Some(&one));
    list(owned(&DEVICE_STATE, "managedDevice", 7), "", None);
    let name = [Bind::Text("name".to_owned()), id.clone()];
    list(root(&DEVICE_SHELL_SCRIPT), "", Some(from_ref(&id)));
    list(
        root(&DEVICE_SHELL_SCRIPT),
        "$orderby=displayName",
        Some(&name),
    );
    let assigned =
        "$filter=assignments/any(a: a/target/microsoft.graph.groupAssignmentTarget/groupId eq 'g')";
    list(root(&DEVICE_SHELL_SCRIPT), assigned, None);
    list(root(&MANAGED_DEVICE), "$orderby=deviceName", Some(&name));
    list(
        root(&MANAGED_DEVICE),
        "$orderby=lastSyncDateTime desc",
        None,
    );
    list(
        root(&MANAGED_DEVICE),
        "$orderby=lastSyncDateTime desc",
        Some(&one),
    );
    list(owned(&GROUP, "members", 7), "", None);
    list(owned(&GROUP, "transitiveMembers", 7), "", None);

    let states = run_states(7);
    let statement = query::key(Sqlite, &states, "id").unwrap();
    all.push(("key".to_owned(), database.plan(&statement)));
    let failed = query(&DEVICE_STATE, "$filter=runState eq 'fail'");
    let statement = query::count(Sqlite, &states, &failed).unwrap();
    all.push(("count of fail".to_owned(), database.plan(&statement)));
    for (ty, text) in [
        (&DEVICE_SHELL_SCRIPT, "$expand=assignments,runSummary"),
        (
            &DEVICE_SHELL_SCRIPT,
            "$expand=deviceRunStates($orderby=lastStateUpdateDateTime desc)",
        ),
        (&DEVICE_STATE, "$expand=managedDevice"),
        (&GROUP, "$expand=members"),
    ] {
        for expand in &query(ty, text).expand {
            let statement = query::expand(Sqlite, &VIEWER, ty, expand, &[7, 8], 2, 0).unwrap();
            let name = format!("expand {text}");
            all.push((name, database.plan(&statement)));
        }
    }
    all
}

#[test]
fn of_hot_queries() {
    let plans = plans();
    let show = plans
        .iter()
        .map(|(name, plan)| format!("# {name}\n{plan}\n"));
    insta::assert_snapshot!(show.collect::<Vec<_>>().join("\n"));
}
