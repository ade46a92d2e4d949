//! Groups and their members, who are users, groups and devices of the same tenant.

use runstate_graph::{clock::Clock, permit::Permit};
use runstate_odata::check::ResourcePath;
use runstate_store::Error;

use crate::{
    Database,
    cells::{CellsExt as _, binds},
    change::{self, Effect},
    error::internal,
    path::{self, End},
};

/// Makes an object a member of the group whose members `path` names.
pub(crate) fn member_add(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    object_id: &str,
    effect: &mut Effect,
) -> Result<(), Error> {
    path::refuse_device(permit, path)?;
    let tenant_id = permit.tenant_id();
    let (_, group_pk) = group_of(database, permit, path)?;
    add(database, tenant_id, group_pk, object_id)?;
    change::of_member(
        database,
        clock,
        tenant_id,
        group_id(path),
        object_id,
        effect,
    )
}

/// The key of the group whose members `path` names.
fn group_id(path: &ResourcePath) -> &str {
    let before = path.steps.iter().rev().nth(1);
    before
        .and_then(|step| step.key.as_deref())
        .unwrap_or_default()
}

/// Takes the member that `path` names out of its group.
pub(crate) fn member_remove(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    effect: &mut Effect,
) -> Result<(), Error> {
    path::refuse_device(permit, path)?;
    let (end, group_pk) = group_of(database, permit, path)?;
    let object_id = end
        .id
        .ok_or_else(|| internal("a path to a member without its key"))?;
    const SQL: &str = "DELETE FROM group_member WHERE group_pk = ?1 AND object_id = ?2";
    let removed = database.execute(SQL, binds![group_pk, object_id])?;
    if removed == 0 {
        return Err(path::not_found(end.scope.ty.name, object_id));
    }
    let tenant_id = permit.tenant_id();
    change::of_member(
        database,
        clock,
        tenant_id,
        group_id(path),
        object_id,
        effect,
    )
}

/// The group whose members a path names.
fn group_of<'a>(
    database: &dyn Database,
    permit: &'a Permit,
    path: &'a ResourcePath,
) -> Result<(End<'a>, i64), Error> {
    let end = path::resolve(database, path::viewer(permit), path)?;
    let group = end
        .scope
        .owner
        .ok_or_else(|| internal("members of no group"))?;
    Ok((end, group.pk))
}

/// Makes an object a member of a group.
pub(crate) fn add(
    database: &dyn Database,
    tenant_id: &str,
    group_pk: i64,
    object_id: &str,
) -> Result<(), Error> {
    let kind = object_kind(database, tenant_id, object_id)?;
    let kind = kind.ok_or_else(|| path::not_found("directoryObject", object_id))?;
    if kind == "group" && contains(database, tenant_id, object_id, group_pk)? {
        let message = format!(
            "The group '{object_id}' cannot become a member, because the group would then contain \
             itself."
        );
        return Err(Error::Invalid { message });
    }
    const SQL: &str = "INSERT INTO group_member (group_pk, object_id) VALUES (?1, ?2) \
         ON CONFLICT (group_pk, object_id) DO NOTHING";
    let added = database.execute(SQL, binds![group_pk, object_id])?;
    if added == 0 {
        let message = format!("The {kind} '{object_id}' is a member of the group already.");
        return Err(Error::Conflict { message });
    }
    Ok(())
}

/// Whether the group of that id is, or contains at any depth, the group of that row id.
fn contains(
    database: &dyn Database,
    tenant_id: &str,
    outer_id: &str,
    inner_pk: i64,
) -> Result<bool, Error> {
    // UNION rather than UNION ALL: a group that was visited is not visited again.
    const SQL: &str = "WITH RECURSIVE inside AS ( \
             SELECT pk FROM directory_group WHERE tenant_id = ?1 AND id = ?2 \
             UNION \
             SELECT g.pk FROM inside \
             JOIN group_member AS m ON m.group_pk = inside.pk \
             JOIN directory_group AS g ON g.tenant_id = ?1 AND g.id = m.object_id \
         ) SELECT EXISTS (SELECT 1 FROM inside WHERE pk = ?3)";
    let key = binds![tenant_id, outer_id, inner_pk];
    database.one(SQL, key, |cells| cells.truth(0))
}

/// The entity type of the user, group or device of that id, where there is one.
pub(crate) fn object_kind(
    database: &dyn Database,
    tenant_id: &str,
    id: &str,
) -> Result<Option<String>, Error> {
    const SQL: &str = "SELECT kind FROM directory_object WHERE tenant_id = ?1 AND id = ?2";
    database.first(SQL, binds![tenant_id, id], |cells| cells.text(0))
}

/// Takes an object that is about to go out of all groups of its tenant.
pub(crate) fn forget(database: &dyn Database, tenant_id: &str, id: &str) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM group_member WHERE object_id = ?2 AND group_pk IN \
         (SELECT pk FROM directory_group WHERE tenant_id = ?1)";
    database.execute(SQL, binds![tenant_id, id])?;
    Ok(())
}
