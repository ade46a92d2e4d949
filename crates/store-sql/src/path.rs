//! From a checked path to the rows that it names, one step after the other.

use runstate_graph::{entity::USER_STATE, permit::Permit};
use runstate_odata::check::{PathStep, Query, ResourcePath};
use runstate_store::{
    Error,
    query::{self, Bind, Owner, Scope, Viewer},
    table,
};

use crate::{
    Database,
    cells::{CellsExt as _, binds},
    error::internal,
    run_state::Place,
    statement,
};

/// The script that a user state is of.
pub const SCRIPT_OF: &str = "SELECT script_pk FROM user_run_state WHERE pk = ?1";

/// The end of a path whose other steps all exist.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// The collection, or the end of a single-valued navigation property.
    pub scope: Scope<'a>,
    /// The key of the last step.
    pub id: Option<&'a str>,
}

/// An entity that a path names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) pk: i64,
    pub(crate) version: i64,
}

/// On whose behalf the permit allows what it allows.
pub fn viewer(permit: &Permit) -> Viewer<'_> {
    Viewer {
        tenant_id: permit.tenant_id(),
        device_id: permit.device_id(),
    }
}

/// A device may touch its own run states and nothing else; for it there is nothing else.
pub(crate) fn refuse_device(permit: &Permit, path: &ResourcePath) -> Result<(), Error> {
    let last = path.steps.last();
    match (permit.device_id(), last) {
        (Some(_), Some(step)) => Err(missing(step)),
        (Some(_), None) => Err(not_found("entity", "")),
        (None, _) => Ok(()),
    }
}

/// Walks all steps of the path but the last, each of which must exist.
pub fn resolve<'a>(
    database: &dyn Database,
    viewer: Viewer<'a>,
    path: &'a ResourcePath,
) -> Result<End<'a>, Error> {
    let mut owner: Option<Owner> = None;
    let mut steps = path.steps.iter().peekable();
    while let Some(step) = steps.next() {
        let ty = step.navigation.target;
        let end = End {
            scope: Scope { viewer, ty, owner },
            id: step.key.as_deref(),
        };
        let Some(next) = steps.peek() else {
            return Ok(end);
        };
        // What is not stored, such as `deviceManagement`, is there always and once.
        if table::of(ty).is_none() {
            continue;
        }
        let pk = match end.id {
            Some(_) => find(database, &end)?.pk,
            None => {
                let get = query::get(database.dialect(), &end.scope, None, &Query::all(ty))?;
                statement::row(database, &get)?
                    .ok_or_else(|| missing(step))?
                    .pk
            }
        };
        owner = Some(Owner {
            source: ty,
            navigation: next.navigation,
            pk,
        });
    }
    Err(internal("a path without steps"))
}

/// The entity whose key ends the path.
pub(crate) fn find(database: &dyn Database, end: &End<'_>) -> Result<Found, Error> {
    let id = end
        .id
        .ok_or_else(|| internal("a path to an entity without its key"))?;
    lookup(database, &end.scope, id)?.ok_or_else(|| not_found(end.scope.ty.name, id))
}

/// The entity of that id in a collection, where there is one.
pub(crate) fn lookup(
    database: &dyn Database,
    scope: &Scope<'_>,
    id: &str,
) -> Result<Option<Found>, Error> {
    let key = query::key(database.dialect(), scope, id)?;
    let cells = statement::cells(database, &key)?;
    match cells.first().map(Vec::as_slice) {
        None => Ok(None),
        Some([Bind::Integer(pk), Bind::Integer(version), ..]) => Ok(Some(Found {
            pk: *pk,
            version: *version,
        })),
        Some(_) => Err(internal("a key without numbers")),
    }
}

/// Where the device states of this collection are.
pub fn place(database: &dyn Database, scope: &Scope<'_>) -> Result<Place, Error> {
    let owner = scope
        .owner
        .ok_or_else(|| internal("run states of nothing"))?;
    if owner.source != &USER_STATE {
        return Ok(Place {
            script_pk: owner.pk,
            user_state_pk: 0,
        });
    }
    let script_pk = database.first(SCRIPT_OF, binds![owner.pk], |cells| cells.integer(0))?;
    let script_pk = script_pk.ok_or_else(|| internal("a user state without script"))?;
    Ok(Place {
        script_pk,
        user_state_pk: owner.pk,
    })
}

/// That the entity a step leads to is not there.
pub fn missing(step: &PathStep) -> Error {
    let id = step.key.as_deref().unwrap_or(step.navigation.name);
    not_found(step.navigation.target.name, id)
}

/// That there is no entity of that type and id.
pub fn not_found(resource: &'static str, id: &str) -> Error {
    Error::NotFound {
        resource,
        id: id.to_owned(),
    }
}
