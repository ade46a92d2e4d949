//! The audit's chain: an event added, in the transaction of what it tells of.
//!
//! Read `recording` for how an act along a path of the API leaves its event, `acts` for all of these, and
//! `verify` for how a chain is gone through.

pub(crate) mod acts;
mod recording;
mod store;
mod verify;

use runstate_graph::{
    clock::Clock,
    entity::{AUDIT_EVENT, GROUP, MANAGED_DEVICE, SCRIPT_TYPES},
    permit::{Activity, Actor, ActorKind, Permit},
};
use runstate_odata::{
    check::{Query, ResourcePath},
    edm::{DateTimeOffset, Record},
};
use runstate_store::{
    Error,
    audit::{self, Draft, Modified, Names, Resource},
    issuer::{Application, Enrollment},
    query::{self, Bind, Dialect, Owner, Scope},
    table::{self, Table},
};

use recording::Recording;

use crate::{
    Database,
    cells::{CellsExt as _, binds},
    error::internal,
    path, statement,
};

/// Takes the next place in a tenant's chain, which nobody else can take until the transaction ends, and
/// answers it with the hash of the event before.
const ADVANCE: &str = "INSERT INTO audit_chain (tenant_id, sequence, hash, kept_after, \
     kept_after_hash) VALUES (?1, 1, ?2, 0, ?2) ON CONFLICT (tenant_id) DO UPDATE SET \
     sequence = audit_chain.sequence + 1 RETURNING sequence, hash";
/// Keeps the next place without taking it, so that whoever would come between comes behind.
const HOLD: &str = "INSERT INTO audit_chain (tenant_id, sequence, hash, kept_after, \
     kept_after_hash) VALUES (?1, 0, ?2, 0, ?2) ON CONFLICT (tenant_id) DO UPDATE SET \
     sequence = audit_chain.sequence";
const SET_HASH: &str = "UPDATE audit_chain SET hash = ?2 WHERE tenant_id = ?1";
const USER: &str = "SELECT user_principal_name FROM user_account WHERE tenant_id = ?1 AND id = ?2";
const APPLICATION: &str =
    "SELECT display_name FROM application WHERE tenant_id = ?1 AND client_id = ?2";
const SCRIPT: &str =
    "SELECT display_name FROM script WHERE tenant_id = ?1 AND kind = ?2 AND id = ?3";
const GROUP_NAME: &str =
    "SELECT display_name FROM directory_group WHERE tenant_id = ?1 AND id = ?2";
const TOKEN: &str = "SELECT id, display_name FROM enrollment_token WHERE pk = ?1";

/// All of the above, whose plans a test of a backend looks at.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("advance chain", ADVANCE),
    ("hold chain", HOLD),
    ("set hash", SET_HASH),
    ("user of event", USER),
    ("application of event", APPLICATION),
    ("script of event", SCRIPT),
    ("group of event", GROUP_NAME),
    ("token of event", TOKEN),
];

fn events() -> Result<&'static Table, Error> {
    table::of(&AUDIT_EVENT).ok_or_else(|| internal("audit events have no table"))
}

/// Adds an event to a tenant's chain.
///
/// # Errors
///
/// As [`Database::query`].
pub fn append(database: &dyn Database, tenant_id: &str, draft: &Draft) -> Result<(), Error> {
    let name = |sql, id: Option<&str>| match id {
        Some(id) => {
            let name = database.first(sql, binds![tenant_id, id], |cells| cells.optional_text(0));
            Ok(name?.flatten())
        }
        None => Ok(None),
    };
    let names = Names {
        user_principal_name: name(USER, draft.user_id())?,
        application: name(APPLICATION, draft.application_id())?,
    };
    let mut draft = draft.clone();
    for resource in draft.unnamed() {
        let id = resource.id();
        let named = if let Some(ty) = SCRIPT_TYPES.iter().find(|ty| resource.is(ty)) {
            let key = binds![tenant_id, ty.name, id];
            database.first(SCRIPT, key, |cells| cells.optional_text(0))?
        } else if resource.is(&GROUP) {
            database.first(GROUP_NAME, binds![tenant_id, id], |cells| {
                cells.optional_text(0)
            })?
        } else {
            None
        };
        resource.name(named.flatten());
    }
    let beginning = audit::beginning(tenant_id);
    let key = binds![tenant_id, beginning.as_slice()];
    let (sequence, before) = database.one(ADVANCE, key, |cells| {
        Ok((cells.integer(0)?, hash(cells.blob(1)?)?))
    })?;
    let event = draft.event(audit::id(tenant_id, sequence), names);
    let hash = audit::link(&before, &event);
    let scope = [
        ("tenant_id", Bind::Text(tenant_id.to_owned())),
        ("sequence", Bind::Integer(sequence)),
        ("hash", Bind::Blob(hash.to_vec())),
    ];
    let insert = query::insert(database.dialect(), events()?, &scope, &event)?;
    statement::number(database, &insert)?;
    database.execute(SET_HASH, binds![tenant_id, hash.as_slice()])?;
    Ok(())
}

/// What a rolling back has changed.
fn of_roll_back(script: Option<&Record>, version: &Record) -> Vec<Modified> {
    let property = |name: &str, record: &Record| {
        let property = record.ty.property(name)?;
        audit::shown(property.ty, record.get(name))
    };
    let content = "scriptContent";
    let old = script.and_then(|script| property(content, script));
    let content = Modified::new(
        content,
        old.as_deref(),
        property(content, version).as_deref(),
    );
    let number = |name| {
        let number = property(name, version);
        Modified::new(name, None, number.as_deref())
    };
    vec![content, number("number"), number("rolledBackTo")]
}

/// The assignments that a script has, of both kinds, as texts; nothing where nobody need know.
fn assigned(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
) -> Result<[Vec<Record>; 2], Error> {
    let mut found = [Vec::new(), Vec::new()];
    if permit.audited().is_none() {
        return Ok(found);
    }
    let end = path::resolve(database, path::viewer(permit), path)?;
    let pk = path::find(database, &end)?.pk;
    let source = end.scope.ty;
    for (navigation, found) in ["assignments", "groupAssignments"].iter().zip(&mut found) {
        let navigation = source.navigation(navigation);
        let navigation = navigation.ok_or_else(|| internal("a script without assignments"))?;
        let scope = Scope {
            ty: navigation.target,
            owner: Some(Owner {
                source,
                navigation,
                pk,
            }),
            ..end.scope
        };
        let query = Query::all(navigation.target);
        let list = query::list(database.dialect(), &scope, &query, TOLD, None, 0)?;
        let rows = statement::rows(database, &list)?;
        *found = rows.into_iter().map(|row| row.row.record).collect();
    }
    Ok(found)
}

/// How many assignments are looked at to tell of them: more than a script is given at once.
const TOLD: u32 = 2_000;

/// What a replacement of assignments has changed.
fn of_assignments(before: &[Vec<Record>; 2], after: [&[Record]; 2]) -> Vec<Modified> {
    let shown = |records: &[Record]| {
        let told = records.iter().filter_map(|record| {
            let property = record.ty.properties.get(1)?;
            audit::shown(property.ty, record.get(property.name))
        });
        let told: Vec<String> = told.collect();
        (!told.is_empty()).then(|| told.join(", "))
    };
    let names = ["assignments", "groupAssignments"].iter().zip(before);
    let mut all = Vec::new();
    for ((name, before), after) in names.zip(after) {
        let (old, new) = (shown(before), shown(after));
        if old != new {
            all.push(Modified::new(name, old.as_deref(), new.as_deref()));
        }
    }
    all
}

/// Before anything of an act that the audit has to tell of. Where many write at once, those of a tenant
/// do it one behind the other: they find each other at once and not at the end, and none waits for the
/// chain while another that has it waits for what the first has.
pub(crate) fn hold(database: &dyn Database, permit: &Permit) -> Result<(), Error> {
    let many_write = database.dialect() == Dialect::Postgres;
    if many_write && permit.audited().is_some() {
        let tenant_id = permit.tenant_id();
        let beginning = audit::beginning(tenant_id);
        database.execute(HOLD, binds![tenant_id, beginning.as_slice()])?;
    }
    Ok(())
}

fn hash(bytes: Vec<u8>) -> Result<audit::Hash, Error> {
    let hash = audit::Hash::try_from(bytes);
    hash.map_err(|_| internal("a hash that is none of SHA-256"))
}

fn now(clock: &dyn Clock) -> DateTimeOffset {
    DateTimeOffset::from_system_time(clock.now())
}

/// A device has been enrolled by that token.
pub(crate) fn enrolled(
    database: &dyn Database,
    clock: &dyn Clock,
    tenant_id: &str,
    token_pk: i64,
    enrollment: &Enrollment,
    device: &Record,
) -> Result<(), Error> {
    let id = device.get("id").as_str().unwrap_or_default();
    let actor = Actor {
        kind: ActorKind::Device,
        device_id: Some(id.to_owned()),
        origin: enrollment.origin.clone(),
        ..Actor::command()
    };
    let what = Activity::beside_paths(Activity::ENROLL, "Create");
    let name = device.get("deviceName").as_str();
    let mut modified = Modified::between(None, Some(device));
    modified.push(Modified::new("kid", None, Some(&enrollment.public_key.kid)));
    let device = Resource::new(&MANAGED_DEVICE, id, name).with(modified);
    let token = database.one(TOKEN, binds![token_pk], |cells| {
        Ok((cells.text(0)?, cells.optional_text(1)?))
    })?;
    let ty = &runstate_graph::entity::ENROLLMENT_TOKEN;
    let token = Resource::new(ty, &token.0, token.1.as_deref());
    let (result, resources) = (audit::SUCCESS, vec![device, token]);
    let draft = Draft::new(&what, &actor, result, &what.name, now(clock), resources);
    append(database, tenant_id, &draft)
}

/// A command on the server's machine has registered an application, or deleted one.
fn application(
    database: &dyn Database,
    clock: &dyn Clock,
    (before, after): (Option<&Application>, Option<&Application>),
) -> Result<(), Error> {
    let Some(application) = before.or(after) else {
        return Ok(());
    };
    let (name, operation) = match before {
        None => (Activity::CREATE_APPLICATION, "Create"),
        Some(_) => (Activity::DELETE_APPLICATION, "Delete"),
    };
    type Tell = fn(&Application) -> String;
    let tell: [(&str, Tell); 4] = [
        ("displayName", |of| of.display_name.clone()),
        ("permissions", |of| of.permissions.join(" ")),
        ("secrets", |of| of.secrets.len().to_string()),
        ("publicKeys", |of| {
            let kids = of.public_keys.iter().map(|key| key.kid.as_str());
            kids.collect::<Vec<_>>().join(" ")
        }),
    ];
    let modified = tell.into_iter().map(|(name, tell)| {
        let (old, new) = (before.map(tell), after.map(tell));
        Modified::new(name, old.as_deref(), new.as_deref())
    });
    let name_of = Some(application.display_name.as_str());
    let id = &application.client_id;
    let resource = Resource::called("microsoft.graph.application", "Application", id, name_of);
    let resources = vec![resource.with(modified.collect())];
    let what = Activity::beside_paths(name, operation);
    let actor = Actor::command();
    let result = audit::SUCCESS;
    let draft = Draft::new(&what, &actor, result, &what.name, now(clock), resources);
    append(database, &application.tenant_id, &draft)
}
