//! A report of how a run ended: from the path of its run state to the history, and to whatever else
//! shows it.

use runstate_graph::{clock::Clock, permit::Permit};
use runstate_odata::{
    check::ResourcePath,
    edm::{DateTimeOffset, Record},
};
use runstate_store::{Changes, Error, Precondition, Row};

use crate::{
    Database, audit, device,
    path::{self, End},
    run_state, targeting, user_run,
    write::{check, device_state},
};

/// Reports to the run state at `path` how a run ended.
pub fn report(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    changes: Changes,
    run: Option<&Record>,
    precondition: &Precondition,
) -> Result<Row, Error> {
    audit::hold(database, permit)?;
    device::refuse_retired(database, permit)?;
    let end = path::resolve(database, path::viewer(permit), path)?;
    let state = match device_state(database, &end) {
        Err(Error::NotFound { .. }) if recall(database, clock, &end)? => {
            device_state(database, &end)?
        }
        state => state?,
    };
    check(precondition, state.version)?;
    let (place, device_id) = (state.place, state.device_id.clone());
    let audited = permit.audited().is_some();
    let before = audited.then(|| (state.version, state.record.clone()));
    let row = run_state::report(database, clock, state, changes, run)?;
    if let (0, Some(device_id), Some(run)) = (place.user_state_pk, device_id, run) {
        user_run::note(database, clock, place.script_pk, &device_id, run, &row)?;
    }
    // A run that was known before has changed nothing.
    if let Some((version, before)) = before
        && version != row.version
    {
        let now = DateTimeOffset::from_system_time(clock.now());
        let event = audit::of_report(permit, path, (&before, &row.record), now);
        if let Some((tenant_id, event)) = event {
            audit::append(database, &tenant_id, &event)?;
        }
    }
    Ok(row)
}

/// Brings back a run state that a device reports to late, see [`targeting::recall`].
fn recall(database: &dyn Database, clock: &dyn Clock, end: &End<'_>) -> Result<bool, Error> {
    let (Some(device_id), Some(id)) = (end.scope.viewer.device_id, end.id) else {
        return Ok(false);
    };
    let place = path::place(database, &end.scope)?;
    if place.user_state_pk != 0 {
        return Ok(false);
    }
    targeting::recall(database, clock, place.script_pk, device_id, id)
}
