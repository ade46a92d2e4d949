//! What a write means for what devices have to run.
//!
//! Whoever writes something from which that follows calls one of these functions in the same
//! transaction. What concerns few devices is done at once. What concerns all devices of a script is
//! noted in `target_change` and done afterwards in steps, each a transaction of its own, so that
//! other writes need not wait for a large fleet; a crash in between loses nothing.

use runstate_graph::clock::Clock;
use runstate_store::Error;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{error::store_error, group, targeting};

const BUMP: &str = "INSERT INTO targeting (tenant_id, generation) VALUES (?, 1) \
     ON CONFLICT (tenant_id) DO UPDATE SET generation = targeting.generation + 1";
const BUMP_DEVICE: &str = "INSERT INTO device_targeting (device_pk, generation) \
     SELECT pk, 1 FROM managed_device WHERE tenant_id = ? AND id = ? \
     ON CONFLICT (device_pk) DO UPDATE SET generation = device_targeting.generation + 1";
const ENQUEUE: &str = "INSERT INTO target_change (script_pk, after_device_pk) VALUES (?, 0)";
const FIRST: &str = "SELECT t.pk, t.script_pk, t.after_device_pk, s.tenant_id \
     FROM target_change AS t JOIN script AS s ON s.pk = t.script_pk ORDER BY t.pk LIMIT 1";
const GO_ON: &str = "UPDATE target_change SET after_device_pk = ?2 WHERE pk = ?1";
const DONE: &str = "DELETE FROM target_change WHERE pk = ?";

/// All of the above, whose plans a test looks at.
#[cfg(test)]
pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("bump", BUMP),
    ("bump device", BUMP_DEVICE),
    ("enqueue", ENQUEUE),
    ("first step", FIRST),
    ("go on", GO_ON),
    ("done", DONE),
];

/// How many devices one step looks at.
const STEP: u32 = 1_000;

/// The devices that have to be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Any device of the tenant.
    pub(crate) all: bool,
    /// These devices of the tenant.
    pub(crate) devices: Vec<String>,
    /// Steps wait in `target_change`.
    pub(crate) steps: bool,
}

/// The tenant's devices have something else to run, or may have.
pub(crate) fn bump(connection: &Connection, tenant_id: &str) -> Result<(), Error> {
    connection
        .prepare_cached(BUMP)
        .and_then(|mut bump| bump.execute([tenant_id]))
        .map_err(store_error)?;
    Ok(())
}

/// The content or the settings of a script have changed, or it is gone.
pub(crate) fn of_script(
    connection: &Connection,
    tenant_id: &str,
    effect: &mut Effect,
) -> Result<(), Error> {
    effect.all = true;
    bump(connection, tenant_id)
}

/// The assignments of a script have changed.
pub(crate) fn of_assignments(
    connection: &Connection,
    tenant_id: &str,
    script_pk: i64,
    effect: &mut Effect,
) -> Result<(), Error> {
    effect.all = true;
    effect.steps = true;
    bump(connection, tenant_id)?;
    connection
        .prepare_cached(ENQUEUE)
        .and_then(|mut enqueue| enqueue.execute([script_pk]))
        .map_err(store_error)?;
    Ok(())
}

/// A device has changed: its facts, its users, its groups.
pub(crate) fn of_device(
    connection: &Connection,
    clock: &dyn Clock,
    tenant_id: &str,
    device_id: &str,
    effect: &mut Effect,
) -> Result<(), Error> {
    targeting::reconcile_device(connection, clock, tenant_id, device_id)?;
    note_device(connection, tenant_id, device_id, effect)
}

/// What concerns a device alone, such as a request to run something, has changed.
pub(crate) fn note_device(
    connection: &Connection,
    tenant_id: &str,
    device_id: &str,
    effect: &mut Effect,
) -> Result<(), Error> {
    effect.devices.push(device_id.to_owned());
    connection
        .prepare_cached(BUMP_DEVICE)
        .and_then(|mut bump| bump.execute([tenant_id, device_id]))
        .map_err(store_error)?;
    Ok(())
}

/// A user's groups have changed, or the user is gone: all of these devices are concerned.
pub(crate) fn of_devices(
    connection: &Connection,
    clock: &dyn Clock,
    tenant_id: &str,
    devices: &[String],
    effect: &mut Effect,
) -> Result<(), Error> {
    devices
        .iter()
        .try_for_each(|device| of_device(connection, clock, tenant_id, device, effect))
}

/// All of these scripts have to be looked at anew, because a group has changed.
pub(crate) fn of_scripts(
    connection: &Connection,
    tenant_id: &str,
    scripts: &[i64],
    effect: &mut Effect,
) -> Result<(), Error> {
    scripts
        .iter()
        .try_for_each(|script| of_assignments(connection, tenant_id, *script, effect))
}

/// A group has got a member, or has lost one.
pub(crate) fn of_member(
    connection: &Connection,
    clock: &dyn Clock,
    tenant_id: &str,
    group_id: &str,
    object_id: &str,
    effect: &mut Effect,
) -> Result<(), Error> {
    match group::object_kind(connection, tenant_id, object_id)?.as_deref() {
        Some("managedDevice") => of_device(connection, clock, tenant_id, object_id, effect),
        Some("user") => {
            let devices = targeting::devices_of_user(connection, tenant_id, object_id)?;
            of_devices(connection, clock, tenant_id, &devices, effect)
        }
        _ => {
            let scripts = targeting::scripts_of_group(connection, tenant_id, group_id)?;
            of_scripts(connection, tenant_id, &scripts, effect)
        }
    }
}

/// One step of what waits in `target_change`: the tenant, and the devices that have something new to
/// run; nothing where nothing waits.
pub(crate) fn step(
    connection: &Connection,
    clock: &dyn Clock,
) -> Result<Option<(String, Vec<String>)>, Error> {
    let first = connection
        .prepare_cached(FIRST)
        .and_then(|mut first| {
            let change = |row: &rusqlite::Row<'_>| {
                let change: (i64, i64, i64, String) =
                    (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                Ok(change)
            };
            first.query_row([], change).optional()
        })
        .map_err(store_error)?;
    let Some((pk, script_pk, after, tenant_id)) = first else {
        return Ok(None);
    };
    let step = targeting::reconcile_script(connection, clock, script_pk, after, STEP)?;
    let moved = match step.next {
        Some(next) => connection
            .prepare_cached(GO_ON)
            .and_then(|mut go_on| go_on.execute(params![pk, next])),
        None => connection
            .prepare_cached(DONE)
            .and_then(|mut done| done.execute([pk])),
    };
    moved.map_err(store_error)?;
    if !step.devices.is_empty() {
        // A device that came by since the change was made knows nothing of its new state yet.
        bump(connection, &tenant_id)?;
    }
    Ok(Some((tenant_id, step.devices)))
}
