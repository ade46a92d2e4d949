//! What is written, each within one transaction, or a savepoint of one.

use runstate_graph::{
    clock::Clock,
    entity::{
        ASSIGNMENT, DEVICE_STATE, DIRECTORY_OBJECT, ENROLLMENT_TOKEN, GROUP, GROUP_ASSIGNMENT,
        MANAGED_DEVICE, RUN_SUMMARY, SCRIPT_TYPES, SUBSCRIPTION, USER, USER_STATE,
    },
    permit::Permit,
};
use runstate_odata::{
    check::{Query, ResourcePath},
    edm::{NavigationProperty, Record, StructuredType, Value},
};
use runstate_store::{
    Changes, Error, NewEntity, Precondition, Row,
    query::{self, Bind, Owner, Scope},
    subscription::ChangeKind,
    table,
};

use crate::{
    Database,
    cells::binds,
    change::{self, Effect},
    counters::{self, Tally},
    device,
    error::internal,
    group, notice,
    path::{self, End, Found},
    report, run_state, script_version, statement, targeting,
};

/// Adds an entity to the collection at `path`.
pub(crate) fn create(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    entity: NewEntity,
    effect: &mut Effect,
) -> Result<Row, Error> {
    path::refuse_device(permit, path)?;
    let End { scope, .. } = path::resolve(database, path::viewer(permit), path)?;
    let NewEntity {
        record,
        device_id,
        members,
        token_hash,
    } = entity;
    let id = id_of(&record)?;
    if scope.ty == &DEVICE_STATE {
        let place = path::place(database, &scope)?;
        match run_state::find(database, place, id)? {
            // Made by an assignment, and nothing has been reported to it: this is the first report.
            Some(state) if state.version == 0 => {
                let changes = record.values.into_iter().enumerate().collect();
                return run_state::report(database, clock, state, changes, None);
            }
            Some(_) => return Err(exists(scope.ty, id)),
            None => {}
        }
        let device_id = device_id.as_deref();
        return run_state::create(database, clock, place, record, device_id, None);
    }
    refuse_taken(database, &scope, id)?;
    if scope.ty == &ENROLLMENT_TOKEN {
        refuse_no_group(database, scope.viewer.tenant_id, &record)?;
    }
    let pk = insert(
        database,
        &scope,
        &record,
        token_hash.as_ref().map_or(&[], |hash| hash),
    )?;
    if SCRIPT_TYPES.contains(&scope.ty) {
        insert_summary(database, pk, id)?;
        if let Value::Binary(content) = record.get("scriptContent") {
            script_version::append(database, clock, pk, Some(content), None)?;
        }
    } else if scope.ty == &USER_STATE {
        let script_pk = owner_pk(&scope)?;
        counters::user_changed(database, script_pk, Tally::default(), tally(&record))?;
    } else if scope.ty == &GROUP {
        for member in &members {
            group::add(database, scope.viewer.tenant_id, pk, member)?;
        }
    }
    created(database, clock, &scope, id, effect)?;
    let tenant_id = scope.viewer.tenant_id;
    notice::script(
        database,
        tenant_id,
        scope.ty,
        pk,
        ChangeKind::Created,
        (id, 1),
    )?;
    Ok(Row {
        record,
        version: 1,
        expanded: Vec::new(),
    })
}

/// Changes the entity at `path`.
pub(crate) fn update(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    changes: Changes,
    precondition: &Precondition,
    effect: &mut Effect,
) -> Result<Row, Error> {
    if path.ty() == Some(&DEVICE_STATE) {
        return report::report(database, clock, permit, path, changes, None, precondition);
    }
    path::refuse_device(permit, path)?;
    let end = path::resolve(database, path::viewer(permit), path)?;
    let ty = end.scope.ty;
    if ty == &RUN_SUMMARY {
        // The counters are always exact, so there is nothing for a client to change.
        let row = read(database, &end)?;
        check(precondition, row.version)?;
        return Ok(row);
    }
    let Found { pk, version } = path::find(database, &end)?;
    check(precondition, version)?;
    let before = user_tally(database, ty, pk)?;
    if SCRIPT_TYPES.contains(&ty) {
        new_content(database, clock, ty, pk, &changes)?;
    }
    let update = query::update(database.dialect(), ty, pk, &changes)?;
    statement::number(database, &update)?;
    if let Some(before) = before {
        let after = user_tally(database, ty, pk)?.unwrap_or_default();
        counters::user_changed(database, owner_pk(&end.scope)?, before, after)?;
    }
    changed(database, clock, &end, effect)?;
    let row = read(database, &end)?;
    let (tenant_id, is_now) = (end.scope.viewer.tenant_id, (row.id(), row.version));
    notice::script(database, tenant_id, ty, pk, ChangeKind::Updated, is_now)?;
    Ok(row)
}

/// Makes a version where the changes of a script change its content.
fn new_content(
    database: &dyn Database,
    clock: &dyn Clock,
    ty: &StructuredType,
    pk: i64,
    changes: &Changes,
) -> Result<(), Error> {
    let content = ty.position("scriptContent");
    let Some((_, value)) = changes
        .iter()
        .find(|(position, _)| Some(*position) == content)
    else {
        return Ok(());
    };
    let new = match value {
        Value::Binary(content) => Some(content.as_slice()),
        _ => None,
    };
    if script_version::current(database, pk)?.as_deref() != new {
        script_version::append(database, clock, pk, new, None)?;
    }
    Ok(())
}

/// What follows from a new entity for what devices have to run.
fn created(
    database: &dyn Database,
    clock: &dyn Clock,
    scope: &Scope<'_>,
    id: &str,
    effect: &mut Effect,
) -> Result<(), Error> {
    let tenant_id = scope.viewer.tenant_id;
    match scope.ty {
        ty if [&ASSIGNMENT, &GROUP_ASSIGNMENT].contains(&ty) => {
            change::of_assignments(database, tenant_id, owner_pk(scope)?, effect)
        }
        // An assignment may name a group before it is there.
        ty if *ty == GROUP => {
            let scripts = targeting::scripts_of_group(database, tenant_id, id)?;
            change::of_scripts(database, tenant_id, &scripts, effect)
        }
        ty if *ty == MANAGED_DEVICE => change::of_device(database, clock, tenant_id, id, effect),
        _ => Ok(()),
    }
}

/// What follows from a changed entity for what devices have to run.
fn changed(
    database: &dyn Database,
    clock: &dyn Clock,
    end: &End<'_>,
    effect: &mut Effect,
) -> Result<(), Error> {
    let scope = &end.scope;
    if SCRIPT_TYPES.contains(&scope.ty) {
        return change::of_script(database, scope.viewer.tenant_id, effect);
    }
    if scope.ty == &GROUP {
        return Ok(());
    }
    created(database, clock, scope, end.id.unwrap_or_default(), effect)
}

/// Removes the entity at `path` with all that it contains.
pub(crate) fn delete(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    precondition: &Precondition,
    effect: &mut Effect,
) -> Result<(), Error> {
    path::refuse_device(permit, path)?;
    let end = path::resolve(database, path::viewer(permit), path)?;
    let ty = end.scope.ty;
    if ty == &DEVICE_STATE {
        let state = device_state(database, &end)?;
        check(precondition, state.version)?;
        return run_state::delete(database, &state);
    }
    let Found { pk, version } = path::find(database, &end)?;
    check(precondition, version)?;
    if let Some(before) = user_tally(database, ty, pk)? {
        let script_pk = owner_pk(&end.scope)?;
        counters::user_changed(database, script_pk, before, Tally::default())?;
        // No foreign key leads here, see the table.
        let sql = "DELETE FROM device_run_state WHERE script_pk = ?1 AND user_state_pk = ?2";
        database.execute(sql, binds![script_pk, pk])?;
    }
    let (tenant_id, id) = (end.scope.viewer.tenant_id, end.id.unwrap_or_default());
    // Whom it concerns can be told only while it is there.
    let (mut devices, mut scripts) = (Vec::new(), Vec::new());
    if ty == &USER {
        devices = targeting::devices_of_user(database, tenant_id, id)?;
    } else if ty == &GROUP {
        scripts = targeting::scripts_of_group(database, tenant_id, id)?;
    } else if ty == &MANAGED_DEVICE {
        device::forget(database, clock, tenant_id, id, effect)?;
    } else if ty == &SUBSCRIPTION {
        notice::forget(database, tenant_id, pk)?;
    }
    if DIRECTORY_OBJECT.derived.contains(&ty) {
        group::forget(database, tenant_id, id)?;
    }
    let table = table::of(ty).ok_or_else(|| internal(format!("no table of {}", ty.name)))?;
    let sql = format!("DELETE FROM {} WHERE pk = ?1", table.name);
    database.execute(&sql, binds![pk])?;
    notice::script(
        database,
        tenant_id,
        ty,
        pk,
        ChangeKind::Deleted,
        (id, version),
    )?;
    change::of_devices(database, clock, tenant_id, &devices, effect)?;
    change::of_scripts(database, tenant_id, &scripts, effect)?;
    if SCRIPT_TYPES.contains(&ty) {
        change::of_script(database, tenant_id, effect)?;
    } else if [&ASSIGNMENT, &GROUP_ASSIGNMENT].contains(&ty) {
        change::of_assignments(database, tenant_id, owner_pk(&end.scope)?, effect)?;
    }
    Ok(())
}

/// Replaces all assignments of the script at `path`.
pub(crate) fn assign(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
    assignments: &[Record],
    group_assignments: &[Record],
    effect: &mut Effect,
) -> Result<(), Error> {
    path::refuse_device(permit, path)?;
    let end = path::resolve(database, path::viewer(permit), path)?;
    let Found { pk, .. } = path::find(database, &end)?;
    for sql in [
        "DELETE FROM assignment WHERE script_pk = ?1",
        "DELETE FROM group_assignment WHERE script_pk = ?1",
    ] {
        database.execute(sql, binds![pk])?;
    }
    let source = end.scope.ty;
    let navigation = |target: &StructuredType| -> Result<&'static NavigationProperty, Error> {
        let found = source
            .navigation
            .iter()
            .find(|navigation| navigation.target == target);
        found
            .copied()
            .ok_or_else(|| internal(format!("{} has no {}", source.name, target.name)))
    };
    for (ty, records) in [
        (&ASSIGNMENT, assignments),
        (&GROUP_ASSIGNMENT, group_assignments),
    ] {
        let owner = Some(Owner {
            source,
            navigation: navigation(ty)?,
            pk,
        });
        let scope = Scope {
            ty,
            owner,
            ..end.scope
        };
        for record in records {
            refuse_taken(database, &scope, id_of(record)?)?;
            insert(database, &scope, record, &[])?;
        }
    }
    change::of_assignments(database, permit.tenant_id(), pk, effect)
}

/// The device state at the end of a path, as far as the viewer may see it.
pub(crate) fn device_state(
    database: &dyn Database,
    end: &End<'_>,
) -> Result<run_state::State, Error> {
    let id = end
        .id
        .ok_or_else(|| internal("a path to a run state without its key"))?;
    let place = path::place(database, &end.scope)?;
    let state = run_state::find(database, place, id)?;
    let seen = |state: &run_state::State| match end.scope.viewer.device_id {
        Some(device_id) => state.device_id.as_deref() == Some(device_id),
        None => true,
    };
    state
        .filter(seen)
        .ok_or_else(|| path::not_found(end.scope.ty.name, id))
}

/// Refuses what is not at a version that the precondition allows.
pub fn check(precondition: &Precondition, version: i64) -> Result<(), Error> {
    let holds = match precondition {
        Precondition::None => true,
        Precondition::Versions(versions) => versions.contains(&version),
        Precondition::AllBut(versions) => !versions.contains(&version),
    };
    holds.then_some(()).ok_or(Error::PreconditionFailed)
}

/// The whole entity at the end of a path.
fn read(database: &dyn Database, end: &End<'_>) -> Result<Row, Error> {
    let ty = end.scope.ty;
    let get = query::get(database.dialect(), &end.scope, end.id, &Query::all(ty))?;
    let found = statement::row(database, &get)?;
    found
        .map(|found| found.row)
        .ok_or_else(|| path::not_found(ty.name, end.id.unwrap_or_default()))
}

/// Adds the row of an entity that has no counters above it; answers its `pk`. `token_hash` is of an
/// enrolment token.
pub(crate) fn insert(
    database: &dyn Database,
    scope: &Scope<'_>,
    record: &Record,
    token_hash: &[u8],
) -> Result<i64, Error> {
    let ty = scope.ty;
    let table = table::of(ty).filter(|table| !table.is_view);
    let table = table.ok_or_else(|| internal(format!("{} cannot be added", ty.name)))?;
    let mut columns = Vec::new();
    for column in &table.scope {
        columns.push(match column.name.as_str() {
            "tenant_id" => ("tenant_id", Bind::Text(scope.viewer.tenant_id.to_owned())),
            "kind" => ("kind", Bind::Text(ty.name.to_owned())),
            "script_pk" => ("script_pk", Bind::Integer(owner_pk(scope)?)),
            "token_hash" => ("token_hash", Bind::Blob(token_hash.to_vec())),
            other => return Err(internal(format!("no value for {}.{other}", table.name))),
        });
    }
    let insert = query::insert(database.dialect(), table, &columns, record)?;
    let pk = statement::number(database, &insert)?;
    pk.ok_or_else(|| internal("an insertion without row id"))
}

/// The counters of a new script.
fn insert_summary(database: &dyn Database, script_pk: i64, id: &str) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO run_summary (script_pk, id, version, success_device_count, \
         error_device_count, success_user_count, error_user_count) VALUES (?1, ?2, 1, 0, 0, 0, 0)";
    database.execute(SQL, binds![script_pk, id])?;
    Ok(())
}

/// A conflict where the id is taken: by an entity of the collection, or, among users, groups and
/// devices, by any of these, because a group names its members by their ids alone.
fn refuse_taken(database: &dyn Database, scope: &Scope<'_>, id: &str) -> Result<(), Error> {
    if DIRECTORY_OBJECT.derived.contains(&scope.ty) {
        return match group::object_kind(database, scope.viewer.tenant_id, id)? {
            Some(kind) => Err(taken(&kind, id)),
            None => Ok(()),
        };
    }
    match path::lookup(database, scope, id)? {
        Some(_) => Err(exists(scope.ty, id)),
        None => Ok(()),
    }
}

/// An enrolment token cannot let devices into a group that there is not.
fn refuse_no_group(database: &dyn Database, tenant_id: &str, token: &Record) -> Result<(), Error> {
    let Some(group_id) = token.get("groupId").as_str() else {
        return Ok(());
    };
    if group::object_kind(database, tenant_id, group_id)?.as_deref() == Some("group") {
        return Ok(());
    }
    Err(Error::Invalid {
        message: format!("The group '{group_id}' that 'groupId' names does not exist."),
    })
}

fn exists(ty: &StructuredType, id: &str) -> Error {
    taken(ty.name, id)
}

fn taken(kind: &str, id: &str) -> Error {
    Error::Conflict {
        message: format!("A {kind} with the id '{id}' exists already."),
    }
}

fn id_of(record: &Record) -> Result<&str, Error> {
    record
        .get("id")
        .as_str()
        .ok_or_else(|| internal(format!("a {} without id", record.ty.name)))
}

/// The row id of the script (or other entity) that the collection belongs to.
fn owner_pk(scope: &Scope<'_>) -> Result<i64, Error> {
    let owner = scope
        .owner
        .ok_or_else(|| internal(format!("{} of nothing", scope.ty.name)))?;
    Ok(owner.pk)
}

/// Of a user state: the counters that it shows. None of anything else.
fn user_tally(
    database: &dyn Database,
    ty: &StructuredType,
    pk: i64,
) -> Result<Option<Tally>, Error> {
    if ty == &USER_STATE {
        counters::user_tally(database, pk)
    } else {
        Ok(None)
    }
}

/// The counters of a new user state.
fn tally(record: &Record) -> Tally {
    let count = |name| match record.get(name) {
        Value::Int32(count) => i64::from(*count),
        _ => 0,
    };
    Tally {
        success: count("successDeviceCount"),
        error: count("errorDeviceCount"),
    }
}
