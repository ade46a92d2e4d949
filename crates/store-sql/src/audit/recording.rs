//! An act along a path of the API, from what was before to the event that tells of it.

use runstate_graph::{
    clock::Clock,
    entity::{GROUP, SCRIPT_TYPES},
    permit::Permit,
};
use runstate_odata::{
    check::{Query, ResourcePath, Tail},
    edm::{Record, StructuredType},
};
use runstate_store::{
    Error,
    audit::{Draft, Modified, Resource},
    query, table,
};

use super::{append, hold, now};
use crate::{Database, change::Effect, path, statement};

/// An act under way.
pub(super) struct Recording<'a> {
    permit: &'a Permit,
    path: &'a ResourcePath,
    /// The entity at the path, where the act is to one and the audit has to tell of it.
    before: Option<Record>,
}

impl<'a> Recording<'a> {
    /// Looks at what is there, before the act. What is not there is the act's own to refuse.
    pub(super) fn begin(
        database: &dyn Database,
        permit: &'a Permit,
        path: &'a ResourcePath,
    ) -> Result<Self, Error> {
        hold(database, permit)?;
        let before = match (permit.audited(), &path.tail) {
            (None, _) | (_, Tail::Reference) => None,
            (Some(_), _) if path.is_collection() => None,
            (Some(_), _) => entity(database, permit, path)?,
        };
        Ok(Self {
            permit,
            path,
            before,
        })
    }

    /// The entity has come to be; `more` is told of beside its properties.
    pub(super) fn created(
        self,
        database: &dyn Database,
        clock: &dyn Clock,
        effect: &mut Effect,
        (entity, more): (&Record, Vec<Modified>),
    ) -> Result<(), Error> {
        let mut modified = Modified::between(None, Some(entity));
        modified.extend(more);
        self.leave(database, clock, effect, (Some(entity), modified))
    }

    /// The entity is now this.
    pub(super) fn updated(
        self,
        database: &dyn Database,
        clock: &dyn Clock,
        effect: &mut Effect,
        entity: &Record,
    ) -> Result<(), Error> {
        let modified = Modified::between(self.before.as_ref(), Some(entity));
        self.leave(database, clock, effect, (Some(entity), modified))
    }

    /// The entity is gone.
    pub(super) fn deleted(
        self,
        database: &dyn Database,
        clock: &dyn Clock,
        effect: &mut Effect,
    ) -> Result<(), Error> {
        let modified = Modified::between(self.before.as_ref(), None);
        self.leave(database, clock, effect, (None, modified))
    }

    /// Something else has been done with it.
    pub(super) fn done(
        self,
        database: &dyn Database,
        clock: &dyn Clock,
        effect: &mut Effect,
        modified: Vec<Modified>,
    ) -> Result<(), Error> {
        self.leave(database, clock, effect, (None, modified))
    }

    /// What the entity was.
    pub(super) fn before(&self) -> Option<&Record> {
        self.before.as_ref()
    }

    fn leave(
        self,
        database: &dyn Database,
        clock: &dyn Clock,
        effect: &mut Effect,
        (entity, modified): (Option<&Record>, Vec<Modified>),
    ) -> Result<(), Error> {
        effect.audited = true;
        let Some(audited) = self.permit.audited() else {
            return Ok(());
        };
        let mut resources = Vec::new();
        if self.path.tail == Tail::Reference {
            // What changes is the group, whose members the path names.
            let group = self.path.steps.iter().rev().nth(1);
            let id = group.and_then(|step| step.key.as_deref());
            resources.push(Resource::new(&GROUP, id.unwrap_or_default(), None).with(modified));
        } else {
            resources.push(self.resource(entity).with(modified));
            resources.extend(owner(self.path));
        }
        let draft = Draft::done(audited, now(clock), resources);
        append(database, self.permit.tenant_id(), &draft)
    }

    fn resource(&self, entity: Option<&Record>) -> Resource {
        let Some(record) = entity.or(self.before.as_ref()) else {
            let last = self.path.steps.last();
            let ty = last.map_or(&runstate_graph::entity::ENTITY, |step| {
                step.navigation.target
            });
            let id = last.and_then(|step| step.key.as_deref());
            return Resource::new(ty, id.unwrap_or_default(), None);
        };
        let names = ["displayName", "deviceName"];
        let name = names.iter().find_map(|name| record.get(name).as_str());
        let id = record.get("id").as_str().unwrap_or_default();
        Resource::new(record.ty, id, name)
    }
}

/// The script that the end of a path is a part of, where it is of one.
pub(super) fn owner(path: &ResourcePath) -> Option<Resource> {
    let (_, before) = path.steps.split_last()?;
    let script = before.iter().find(|step| {
        let ty: &&StructuredType = &step.navigation.target;
        SCRIPT_TYPES.contains(ty)
    })?;
    let id = script.key.as_deref()?;
    Some(Resource::new(script.navigation.target, id, None))
}

/// The whole entity at the end of a path, where there is one.
fn entity(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
) -> Result<Option<Record>, Error> {
    let end = match path::resolve(database, path::viewer(permit), path) {
        Err(Error::NotFound { .. }) => return Ok(None),
        end => end?,
    };
    if table::of(end.scope.ty).is_none() {
        return Ok(None);
    }
    let query = Query::all(end.scope.ty);
    let get = query::get(database.dialect(), &end.scope, end.id, &query)?;
    Ok(statement::row(database, &get)?.map(|found| found.row.record))
}
