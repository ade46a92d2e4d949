//! Small worlds, written, read and changed.

use runstate_graph::entity::{
    ALL_DEVICES_TARGET, ASSIGNMENT, DEVICE_MANAGEMENT_SCRIPT, DEVICE_SHELL_SCRIPT, DEVICE_STATE,
    GROUP, GROUP_TARGET, MANAGED_DEVICE, USER,
};
use runstate_odata::{
    check::MAX_QUANTIFIER_DEPTH,
    edm::{Duration, Record, Value},
    grammar,
};
use runstate_store::{
    Error,
    query::{self, Bind, Decoded, Dialect::Sqlite, Scope, Viewer, skip_token},
    table,
};

use crate::{
    TENANT, VIEWER,
    database::Database,
    owned, query, root, run_states,
    world::{World, assignment, device, instant, record, state, text, user},
};

/// A database with these entities; their row ids, in order.
fn database(world: &World) -> (Database, Vec<i64>) {
    let database = Database::new();
    let pks = world.store(&database, TENANT);
    (database, pks)
}

fn list(database: &Database, scope: &Scope<'_>, text: &str) -> Vec<Decoded> {
    let query = query(scope.ty, text);
    database.rows(&query::list(Sqlite, scope, &query, 1000, None, 0).unwrap())
}

fn ids(rows: &[Decoded]) -> Vec<&str> {
    rows.iter().map(|row| row.row.id()).collect()
}

fn group(id: &str) -> Record {
    record(&GROUP, &[("id", text(id)), ("displayName", text(id))])
}

/// Two groups that hold one another, a user and a device in the inner one.
fn groups() -> (Database, Vec<i64>) {
    let mut world = World::default();
    let mut ann = user("u", "Ann");
    ann.set("mail", text("ann@example.com"));
    for entity in [group("outer"), group("inner"), ann, device("d", "PC", "u")] {
        world.add(entity);
    }
    let (database, pks) = database(&world);
    // The same ids in another tenant are no members.
    world.store(&database, "another tenant");
    for (group, member) in [(0, "inner"), (1, "outer"), (1, "u"), (1, "d"), (1, "gone")] {
        let sql = "INSERT INTO group_member VALUES (?1, ?2)";
        let parameters = (pks[group], member);
        database.connection().execute(sql, parameters).unwrap();
    }
    (database, pks)
}

#[test]
fn members_are_what_they_are() {
    let (database, pks) = groups();
    let members = list(&database, &owned(&GROUP, "members", pks[1]), "");
    assert_eq!(ids(&members), ["d", "outer", "u"]);
    let types: Vec<_> = members.iter().map(|member| member.row.record.ty).collect();
    assert_eq!(types, [&MANAGED_DEVICE, &GROUP, &USER]);
    assert_eq!(members[0].row.record.get("deviceName"), &text("PC"));
    assert_eq!(members[2].row.record.get("mail"), &text("ann@example.com"));
    let named = "$filter=displayName eq 'Ann' or displayName eq 'PC'&$orderby=displayName desc";
    let named = list(&database, &owned(&GROUP, "members", pks[1]), named);
    assert_eq!(ids(&named), ["d", "u"]);
}

#[test]
fn transitive_members_end_on_a_cycle() {
    let (database, pks) = groups();
    for group in [0, 1] {
        let scope = owned(&GROUP, "transitiveMembers", pks[group]);
        assert_eq!(
            ids(&list(&database, &scope, "")),
            ["d", "inner", "outer", "u"]
        );
    }
    let holding = "$filter=transitiveMembers/any(m: m/displayName eq 'Ann')";
    assert_eq!(
        ids(&list(&database, &root(&GROUP), holding)),
        ["inner", "outer"]
    );
}

#[test]
fn members_expand_for_each_group() {
    let (database, pks) = groups();
    let query = query(
        &GROUP,
        "$expand=members($orderby=id desc;$select=displayName)",
    );
    let parents = &pks[0..2];
    let first_two = query::expand(Sqlite, &VIEWER, &GROUP, &query.expand[0], parents, 2, 0);
    let rows = database.rows(&first_two.unwrap());
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row.parent.unwrap(), row.row.id()))
        .collect();
    assert_eq!(found, [(pks[0], "inner"), (pks[1], "u"), (pks[1], "outer")]);
    assert_eq!(rows[1].row.record.get("displayName"), &text("Ann"));
    assert_eq!(rows[1].row.record.get("mail"), &Value::Null);
}

fn script() -> Record {
    let values = [
        ("id", text("s")),
        ("displayName", text("Script")),
        ("scriptContent", Value::Binary(vec![0, 1, 255])),
        (
            "executionFrequency",
            Value::Duration(Duration::parse("PT60M").unwrap()),
        ),
        (
            "createdDateTime",
            instant("2017-01-01T00:02:58.4418045-08:00"),
        ),
        (
            "roleScopeTagIds",
            Value::Collection(vec![text("0"), text("\"\\\u{1F600}")]),
        ),
    ];
    record(&DEVICE_SHELL_SCRIPT, &values)
}

#[test]
fn content_comes_with_the_single_entity_only() {
    let mut world = World::default();
    world.add(script());
    let (database, _) = database(&world);
    let scope = root(&DEVICE_SHELL_SCRIPT);
    let query = query(&DEVICE_SHELL_SCRIPT, "");
    let get = query::get(Sqlite, &scope, Some("s"), &query).unwrap();
    let single = &database.rows(&get)[0].row;
    assert_eq!(single.record, script());
    // Equality is of the instant and the length; what is written is what came in.
    for (name, written) in [
        ("createdDateTime", "2017-01-01T00:02:58.4418045-08:00"),
        ("executionFrequency", "PT60M"),
    ] {
        let shown = match single.record.get(name) {
            Value::DateTimeOffset(instant) => instant.to_string(),
            Value::Duration(duration) => duration.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(shown, written);
    }
    let listed = &list(&database, &scope, "")[0].row;
    assert_eq!(listed.record.get("scriptContent"), &Value::Null);
    assert_eq!(listed.record.get("displayName"), &text("Script"));
    let selected = &list(&database, &scope, "$select=description,scriptContent")[0].row;
    assert_eq!(selected.record.get("displayName"), &Value::Null);
    assert_eq!(selected.id(), "s");
}

#[test]
fn an_entity_is_found_in_its_own_place_only() {
    let mut world = World::default();
    let script = world.add(script());
    let state = world.add(state("state", 1, "2026-01-01T00:00:00Z"));
    world.link(script, "deviceRunStates", state);
    let device = world.add(device("d", "PC", "u"));
    let user = world.add(user("u", "Ann"));
    world.link(state, "managedDevice", device);
    let mut ordered = World::default();
    // Devices and users are stored before the states that refer to them.
    for at in [user, device, script, state] {
        ordered.add(world.entities[at].record.clone());
    }
    ordered.link(2, "deviceRunStates", 3);
    ordered.link(3, "managedDevice", 1);
    let (database, pks) = database(&ordered);
    let found = |scope: &Scope<'_>, id: Option<&str>| {
        let query = query(scope.ty, "");
        let get = query::get(Sqlite, scope, id, &query).unwrap();
        database.rows(&get).len()
    };
    assert_eq!(found(&root(&DEVICE_SHELL_SCRIPT), Some("s")), 1);
    assert_eq!(found(&root(&DEVICE_MANAGEMENT_SCRIPT), Some("s")), 0);
    let elsewhere = Viewer {
        tenant_id: "another tenant",
        device_id: None,
    };
    for ty in [&DEVICE_SHELL_SCRIPT, &MANAGED_DEVICE] {
        let scope = Scope {
            viewer: elsewhere,
            ..root(ty)
        };
        assert_eq!(found(&scope, Some("s")), 0);
        assert_eq!(found(&scope, Some("d")), 0);
    }
    assert_eq!(found(&run_states(pks[2]), Some("state")), 1);
    assert_eq!(found(&run_states(pks[2] + 1), Some("state")), 0);
    let linked = owned(&DEVICE_STATE, "managedDevice", pks[3]);
    assert_eq!(found(&linked, None), 1);
    let hidden = Scope {
        viewer: elsewhere,
        ..linked
    };
    assert_eq!(found(&hidden, None), 0);
    for (device, seen) in [("d", 1), ("e", 0)] {
        let viewer = Viewer {
            device_id: Some(device),
            ..VIEWER
        };
        let scope = Scope {
            viewer,
            ..run_states(pks[2])
        };
        assert_eq!(found(&scope, Some("state")), seen);
    }
    let key = query::key(Sqlite, &run_states(pks[2]), "state").unwrap();
    let cells = [
        Bind::Integer(pks[3]),
        Bind::Integer(1),
        Bind::Text("d".to_owned()),
    ];
    assert_eq!(database.cells(&key), [cells.to_vec()]);
}

#[test]
fn a_change_replaces_a_complex_value_whole() {
    let mut world = World::default();
    let script = world.add(script());
    let assigned = world.add(assignment("a", &GROUP_TARGET, Some("g")));
    world.link(script, "assignments", assigned);
    let (database, pks) = database(&world);
    let scope = owned(&DEVICE_SHELL_SCRIPT, "assignments", pks[script]);
    let to_all = Value::Complex(Box::new(Record::new(&ALL_DEVICES_TARGET)));
    let update = query::update(Sqlite, &ASSIGNMENT, pks[assigned], &vec![(1, to_all)]).unwrap();
    assert_eq!(database.number(&update), 2);
    let changed = &list(&database, &scope, "")[0].row;
    assert_eq!(changed.version, 2);
    assert_eq!(changed.record, assignment("a", &ALL_DEVICES_TARGET, None));
    let nobody = query::update(Sqlite, &ASSIGNMENT, pks[assigned] + 1, &Vec::new()).unwrap();
    assert_eq!(database.cells(&nobody), [[]; 0]);
}

#[test]
fn null_is_refused_where_the_description_refuses_it() {
    let refused = |result: Result<_, Error>| matches!(result, Err(Error::Invalid { .. }));
    let mut broken = state("state", 1, "2026-01-01T00:00:00Z");
    broken.set("errorCode", Value::Null);
    let table = table::of(&DEVICE_STATE).unwrap();
    assert!(refused(query::insert(Sqlite, table, &[], &broken)));
    let changes = vec![(DEVICE_STATE.position("runState").unwrap(), Value::Null)];
    assert!(refused(query::update(Sqlite, &DEVICE_STATE, 1, &changes)));
}

/// The filter wrapped as often as the grammar allows.
fn deepest(inner: &str, wrap: impl Fn(usize, &str) -> String) -> String {
    let mut filter = inner.to_owned();
    for level in 0.. {
        let deeper = wrap(level, &filter);
        if grammar::filter::parse(&deeper).is_err() {
            assert!(level > 20, "{level}");
            break;
        }
        filter = deeper;
    }
    filter
}

#[test]
fn the_largest_filters_run() {
    let mut world = World::default();
    let script = world.add(script());
    let state = world.add(state("state", 1, "2026-01-01T00:00:00Z"));
    world.link(script, "deviceRunStates", state);
    let (database, pks) = database(&world);
    let count = |filter: &str| {
        let scope = run_states(pks[script]);
        list(&database, &scope, &format!("$filter={filter}")).len()
    };
    let negated = |inner: &str| {
        let nots = deepest(inner, |_, inner| format!("not ({inner})"));
        assert_eq!(count(&nots) + count(&nots.replacen("not ", "", 1)), 1);
    };
    let lambdas = |depth: usize| {
        (0..depth).fold("errorCode gt 1".to_owned(), |inner, level| {
            format!("managedDevice/users/all(u{level}: {inner})")
        })
    };
    negated("errorCode gt 1");
    negated(&lambdas(MAX_QUANTIFIER_DEPTH));
    let either = deepest("errorCode eq 0", |_, inner| {
        format!("(errorCode eq 1 or ({inner}))")
    });
    assert_eq!(count(&either), 1);
    let calls = deepest("id eq 'state'", |_, inner| {
        inner.replacen("id", "trim(id)", 1)
    });
    assert_eq!(count(&calls), 1);
    let wide = deepest("errorCode eq 0", |_, before| {
        format!("{before} or errorCode eq 1")
    });
    assert_eq!(count(&wide), 1);
    let items: Vec<String> = (0..990).map(|number| number.to_string()).collect();
    assert_eq!(count(&format!("errorCode in ({})", items.join(","))), 1);

    let scope = run_states(pks[script]);
    let list = |text: &str, after: Option<&[Bind]>| {
        query::list(Sqlite, &scope, &query(scope.ty, text), 2, after, 0)
    };
    let keys = |number| format!("$orderby={}", vec!["resultMessage desc"; number].join(","));
    let too_many = keys(query::MAX_SORT_KEYS + 1);
    assert!(matches!(list(&too_many, None), Err(Error::Invalid { .. })));
    let most = keys(query::MAX_SORT_KEYS);
    let keyset = vec![Bind::Text("x".to_owned()); query::MAX_SORT_KEYS + 1];
    assert_eq!(database.rows(&list(&most, None).unwrap()).len(), 1);
    assert_eq!(database.rows(&list(&most, Some(&keyset)).unwrap()).len(), 1);
}

/// The longest keyset that an order may have makes a token of half a URL.
#[test]
fn a_token_fits_into_a_url() {
    let wide = |characters| Bind::Text("😀".repeat(characters));
    let list = |keys: &[String], after: Option<&[Bind]>| {
        let scope = run_states(1);
        let text = format!("$orderby={}", keys.join(","));
        query::list(Sqlite, &scope, &query(scope.ty, &text), 2, after, 0)
    };
    let token = |keyset: &[Bind]| skip_token::encode(&[0; 32], &[0; 32], keyset).len();
    let bounded = |number| vec!["managedDevice/deviceName".to_owned(); number];
    let refused = list(&bounded(6), None);
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    let cut = vec!["resultMessage".to_owned(); query::MAX_SORT_KEYS];
    for (keys, characters) in [(bounded(5), 1024), (cut, 200)] {
        let mut keyset = vec![wide(characters); keys.len()];
        keyset.push(wide(256));
        assert!(list(&keys, Some(&keyset)).is_ok());
        assert!(token(&keyset) < 65_534 / 2, "{}", token(&keyset));
    }
}

#[test]
fn a_fingerprint_is_of_what_makes_the_list() {
    let of = |scope: &Scope<'_>, text: &str| {
        query::fingerprint(Sqlite, scope, &query(scope.ty, text)).unwrap()
    };
    let states = run_states(1);
    let plain = of(&states, "$filter=errorCode eq 1");
    assert_eq!(
        plain,
        of(
            &states,
            "$filter=errorCode eq 1&$select=id&$top=5&$count=true"
        )
    );
    let elsewhere = Viewer {
        tenant_id: "another tenant",
        device_id: None,
    };
    let mine = Viewer {
        device_id: Some("d"),
        ..VIEWER
    };
    for other in [
        of(&states, "$filter=errorCode eq 2"),
        of(&states, "$filter=errorCode eq 1&$orderby=id desc"),
        of(&run_states(2), "$filter=errorCode eq 1"),
        of(
            &Scope {
                viewer: elsewhere,
                ..states
            },
            "$filter=errorCode eq 1",
        ),
        of(
            &Scope {
                viewer: mine,
                ..states
            },
            "$filter=errorCode eq 1",
        ),
    ] {
        assert_ne!(plain, other);
    }
}
