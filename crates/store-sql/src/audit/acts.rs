//! Every act along a path of the API, with the event that it leaves. An act that goes round these
//! functions is refused by [`crate::change_writer::ChangeWriter::write`].

use runstate_graph::{clock::Clock, permit::Permit};
use runstate_odata::{
    check::{Query, ResourcePath},
    edm::{DateTimeOffset, Record},
};
use runstate_store::{
    Changes, Error, NewEntity, Precondition, Row,
    audit::Modified,
    issuer::Application,
    subscription::{ChangeKind, NewSubscription},
};

use super::{Recording, application, assigned, of_assignments, of_roll_back};
use crate::{
    Database,
    change::{self, Effect},
    device, group, issuer, notice,
    path::{self, Found},
    run_request, script_version, subscription, write,
};

pub(crate) fn create(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    entity: NewEntity,
    effect: &mut Effect,
) -> Result<Row, Error> {
    let recording = Recording::begin(database, permit, path)?;
    let members = entity.members.iter();
    let members = members.map(|id| Modified::new("members", None, Some(id)));
    let members = members.collect();
    let row = write::create(database, clock, permit, path, entity, effect)?;
    recording.created(database, clock, effect, (&row.record, members))?;
    Ok(row)
}

pub(crate) fn update(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    changes: Changes,
    precondition: &Precondition,
    effect: &mut Effect,
) -> Result<Row, Error> {
    let recording = Recording::begin(database, permit, path)?;
    let row = write::update(database, clock, permit, path, changes, precondition, effect)?;
    recording.updated(database, clock, effect, &row.record)?;
    Ok(row)
}

pub(crate) fn delete(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    precondition: &Precondition,
    effect: &mut Effect,
) -> Result<(), Error> {
    let recording = Recording::begin(database, permit, path)?;
    write::delete(database, clock, permit, path, precondition, effect)?;
    recording.deleted(database, clock, effect)
}

pub(crate) fn assign(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    (assignments, group_assignments): (&[Record], &[Record]),
    effect: &mut Effect,
) -> Result<(), Error> {
    let recording = Recording::begin(database, permit, path)?;
    let before = assigned(database, permit, path)?;
    write::assign(
        database,
        permit,
        path,
        assignments,
        group_assignments,
        effect,
    )?;
    let told = of_assignments(&before, [assignments, group_assignments]);
    recording.done(database, clock, effect, told)
}

pub(crate) fn roll_back(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    number: i32,
    effect: &mut Effect,
) -> Result<Row, Error> {
    let recording = Recording::begin(database, permit, path)?;
    path::refuse_device(permit, path)?;
    let end = path::resolve(database, path::viewer(permit), path)?;
    let Found { pk, version } = path::find(database, &end)?;
    change::of_script(database, permit.tenant_id(), effect)?;
    let row = script_version::roll_back(database, clock, pk, number)?;
    let is_now = (end.id.unwrap_or_default(), version + 1);
    let (tenant_id, ty) = (permit.tenant_id(), end.scope.ty);
    notice::script(database, tenant_id, ty, pk, ChangeKind::Updated, is_now)?;
    let told = of_roll_back(recording.before(), &row.record);
    recording.done(database, clock, effect, told)?;
    Ok(row)
}

pub(crate) fn run_request_start(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    id: &str,
) -> Result<(), Error> {
    let recording = Recording::begin(database, permit, path)?;
    run_request::start(database, permit, path, id)?;
    let told = vec![Modified::new("runRequestId", None, Some(id))];
    recording.done(database, clock, &mut Effect::default(), told)
}

pub(crate) fn run_request_create(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    (request, states): (Record, &Query),
    effect: &mut Effect,
) -> Result<Row, Error> {
    let recording = Recording::begin(database, permit, path)?;
    let row = run_request::create(database, permit, path, request, states, effect)?;
    recording.created(database, clock, effect, (&row.record, Vec::new()))?;
    Ok(row)
}

pub(crate) fn run_request_cancel(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    effect: &mut Effect,
) -> Result<(), Error> {
    let recording = Recording::begin(database, permit, path)?;
    run_request::cancel(database, permit, path)?;
    recording.done(database, clock, effect, Vec::new())
}

pub(crate) fn retire(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    effect: &mut Effect,
) -> Result<(), Error> {
    let recording = Recording::begin(database, permit, path)?;
    device::retire(database, clock, permit, path, effect)?;
    recording.done(database, clock, effect, Vec::new())
}

pub(crate) fn member_add(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    object_id: &str,
    effect: &mut Effect,
) -> Result<(), Error> {
    let recording = Recording::begin(database, permit, path)?;
    group::member_add(database, clock, permit, path, object_id, effect)?;
    let told = vec![Modified::new("members", None, Some(object_id))];
    recording.done(database, clock, effect, told)
}

pub(crate) fn member_remove(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    effect: &mut Effect,
) -> Result<(), Error> {
    let recording = Recording::begin(database, permit, path)?;
    group::member_remove(database, clock, permit, path, effect)?;
    let member = path.steps.last().and_then(|step| step.key.as_deref());
    let told = vec![Modified::new("members", member, None)];
    recording.done(database, clock, effect, told)
}

pub(crate) fn subscription_create(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    new: &NewSubscription,
    effect: &mut Effect,
) -> Result<(Row, [u8; 32]), Error> {
    let recording = Recording::begin(database, permit, path)?;
    let (row, key) = subscription::create(database, permit, path, new)?;
    recording.created(database, clock, effect, (&row.record, Vec::new()))?;
    Ok((row, key))
}

pub(crate) fn subscription_renew(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    (expiration, remind_at): (DateTimeOffset, Option<i64>),
    precondition: &Precondition,
) -> Result<Row, Error> {
    let recording = Recording::begin(database, permit, path)?;
    let row = subscription::renew(database, permit, path, expiration, remind_at, precondition)?;
    recording.updated(database, clock, &mut Effect::default(), &row.record)?;
    Ok(row)
}

pub(crate) fn application_add(
    database: &dyn Database,
    clock: &dyn Clock,
    new: &Application,
) -> Result<(), Error> {
    issuer::application_add(database, new)?;
    application(database, clock, (None, Some(new)))
}

pub(crate) fn application_delete(
    database: &dyn Database,
    clock: &dyn Clock,
    tenant_id: &str,
    client_id: &str,
) -> Result<bool, Error> {
    let before = issuer::application_get(database, tenant_id, client_id)?;
    let deleted = issuer::application_delete(database, tenant_id, client_id)?;
    application(database, clock, (before.as_ref(), None))?;
    Ok(deleted)
}
