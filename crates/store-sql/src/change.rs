//! What a write means for what devices have to run.
//!
//! Whoever writes something from which that follows calls one of these functions in the same
//! transaction. What concerns few devices is done at once. What concerns all devices of a script is
//! noted in `target_change` and done afterwards in steps, each a transaction of its own, so that
//! other writes need not wait for a large fleet; a crash in between loses nothing.

use runstate_graph::clock::Clock;
use runstate_store::Error;

use crate::{
    Database,
    cells::{CellsExt as _, binds},
    group, targeting,
};

const BUMP: &str = "INSERT INTO targeting (tenant_id, generation) VALUES (?1, 1) \
     ON CONFLICT (tenant_id) DO UPDATE SET generation = targeting.generation + 1";
const BUMP_DEVICE: &str = "INSERT INTO device_targeting (device_pk, generation) \
     SELECT pk, 1 FROM managed_device WHERE tenant_id = ?1 AND id = ?2 \
     ON CONFLICT (device_pk) DO UPDATE SET generation = device_targeting.generation + 1";
const ENQUEUE: &str = "INSERT INTO target_change (script_pk, after_device_pk) VALUES (?1, 0)";
/// Whoever has assignments has a generation.
const TENANTS: &str = "SELECT tenant_id FROM targeting ORDER BY tenant_id";
const FIRST: &str = "SELECT t.pk, t.script_pk, t.after_device_pk FROM target_change AS t \
     JOIN script AS s ON s.pk = t.script_pk WHERE s.tenant_id = ?1 ORDER BY t.pk LIMIT 1";
const GO_ON: &str = "UPDATE target_change SET after_device_pk = ?2 WHERE pk = ?1";
const DONE: &str = "DELETE FROM target_change WHERE pk = ?1";

/// All of the above, whose plans a test of a backend looks at.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("bump", BUMP),
    ("bump device", BUMP_DEVICE),
    ("enqueue", ENQUEUE),
    ("tenants", TENANTS),
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
    /// The audit has been told.
    pub(crate) audited: bool,
}

/// The tenant's devices have something else to run, or may have.
pub(crate) fn bump(database: &dyn Database, tenant_id: &str) -> Result<(), Error> {
    database.execute(BUMP, binds![tenant_id])?;
    Ok(())
}

/// The content or the settings of a script have changed, or it is gone.
pub(crate) fn of_script(
    database: &dyn Database,
    tenant_id: &str,
    effect: &mut Effect,
) -> Result<(), Error> {
    effect.all = true;
    bump(database, tenant_id)
}

/// The assignments of a script have changed.
pub(crate) fn of_assignments(
    database: &dyn Database,
    tenant_id: &str,
    script_pk: i64,
    effect: &mut Effect,
) -> Result<(), Error> {
    effect.all = true;
    effect.steps = true;
    bump(database, tenant_id)?;
    database.execute(ENQUEUE, binds![script_pk])?;
    Ok(())
}

/// A device has changed: its facts, its users, its groups.
pub(crate) fn of_device(
    database: &dyn Database,
    clock: &dyn Clock,
    tenant_id: &str,
    device_id: &str,
    effect: &mut Effect,
) -> Result<(), Error> {
    targeting::reconcile_device(database, clock, tenant_id, device_id)?;
    note_device(database, tenant_id, device_id, effect)
}

/// What concerns a device alone, such as a request to run something, has changed.
pub(crate) fn note_device(
    database: &dyn Database,
    tenant_id: &str,
    device_id: &str,
    effect: &mut Effect,
) -> Result<(), Error> {
    effect.devices.push(device_id.to_owned());
    database.execute(BUMP_DEVICE, binds![tenant_id, device_id])?;
    Ok(())
}

/// A user's groups have changed, or the user is gone: all of these devices are concerned.
pub(crate) fn of_devices(
    database: &dyn Database,
    clock: &dyn Clock,
    tenant_id: &str,
    devices: &[String],
    effect: &mut Effect,
) -> Result<(), Error> {
    devices
        .iter()
        .try_for_each(|device| of_device(database, clock, tenant_id, device, effect))
}

/// All of these scripts have to be looked at anew, because a group has changed.
pub(crate) fn of_scripts(
    database: &dyn Database,
    tenant_id: &str,
    scripts: &[i64],
    effect: &mut Effect,
) -> Result<(), Error> {
    scripts
        .iter()
        .try_for_each(|script| of_assignments(database, tenant_id, *script, effect))
}

/// A group has got a member, or has lost one.
pub(crate) fn of_member(
    database: &dyn Database,
    clock: &dyn Clock,
    tenant_id: &str,
    group_id: &str,
    object_id: &str,
    effect: &mut Effect,
) -> Result<(), Error> {
    match group::object_kind(database, tenant_id, object_id)?.as_deref() {
        Some("managedDevice") => of_device(database, clock, tenant_id, object_id, effect),
        Some("user") => {
            let devices = targeting::devices_of_user(database, tenant_id, object_id)?;
            of_devices(database, clock, tenant_id, &devices, effect)
        }
        _ => {
            let scripts = targeting::scripts_of_group(database, tenant_id, group_id)?;
            of_scripts(database, tenant_id, &scripts, effect)
        }
    }
}

/// The tenants for which something may wait in `target_change`.
pub(crate) fn tenants(database: &dyn Database) -> Result<Vec<String>, Error> {
    database.rows(TENANTS, &[], |cells| cells.text(0))
}

/// Whether something of the tenant's waits in `target_change`.
pub(crate) fn waits(database: &dyn Database, tenant_id: &str) -> Result<bool, Error> {
    Ok(first(database, tenant_id)?.is_some())
}

/// The change that waits longest: its row id, the script's, and that of the device up to which it is done.
fn first(database: &dyn Database, tenant_id: &str) -> Result<Option<(i64, i64, i64)>, Error> {
    database.first(FIRST, binds![tenant_id], |cells| {
        Ok((cells.integer(0)?, cells.integer(1)?, cells.integer(2)?))
    })
}

/// One step of what waits of the tenant's in `target_change`: the devices that have something new to run;
/// nothing where nothing waits.
pub(crate) fn step(
    database: &dyn Database,
    clock: &dyn Clock,
    tenant_id: &str,
) -> Result<Option<Vec<String>>, Error> {
    let Some((pk, script_pk, after)) = first(database, tenant_id)? else {
        return Ok(None);
    };
    let step = targeting::reconcile_script(database, clock, (tenant_id, script_pk), after, STEP)?;
    match step.next {
        Some(next) => database.execute(GO_ON, binds![pk, next])?,
        None => database.execute(DONE, binds![pk])?,
    };
    if !step.devices.is_empty() {
        // A device that came by since the change was made knows nothing of its new state yet.
        bump(database, tenant_id)?;
    }
    Ok(Some(step.devices))
}
