//! Subscriptions: made, renewed, and ended when their time has come. What they are told of is noted by
//! [`crate::notice`], and delivered by way of [`crate::delivery`].

use runstate_graph::{
    entity::{DEVICE_STATE, SCRIPT_TYPES, SUBSCRIPTION},
    permit::Permit,
};
use runstate_odata::{
    check::{Query, ResourcePath},
    edm::{DateTimeOffset, StructuredType, Value},
};
use runstate_store::{
    Error, Precondition, Row,
    query::{self, Bind},
    subscription::{ChangeKind, LifecycleEvent, MOST_SUBSCRIPTIONS, NewSubscription},
    table,
};

use crate::{
    Cells, Database,
    cells::{CellsExt as _, binds},
    error::internal,
    path::{self, End, Found},
    statement,
    write::check,
};

const COUNT: &str = "SELECT count(*) FROM subscription WHERE tenant_id = ?1";
const MAKE_KEY: &str = "INSERT INTO notification_key (tenant_id, value) VALUES (?1, ?2) \
     ON CONFLICT (tenant_id) DO NOTHING";
const KEY: &str = "SELECT value FROM notification_key WHERE tenant_id = ?1";
const IS_CLOSING: &str = "SELECT is_closing FROM subscription WHERE tenant_id = ?1 AND pk = ?2";
const REMIND: &str = "UPDATE subscription SET remind_at = ?3 WHERE tenant_id = ?1 AND pk = ?2";
const EXPIRE: &str = "UPDATE subscription SET is_closing = 1, remind_at = NULL \
     WHERE tenant_id = ?1 AND is_closing = 0 AND expiration_date_time <= ?2";
const REMINDED: &str = "UPDATE subscription SET remind_at = NULL \
     WHERE tenant_id = ?1 AND remind_at <= ?2 RETURNING id, lifecycle_notification_url, \
     client_state, resource, expiration_date_time";
const END: &str = "DELETE FROM subscription WHERE tenant_id = ?1 AND is_closing = 1 \
     AND NOT EXISTS (SELECT 1 FROM subscription_notice AS n \
         WHERE n.tenant_id = ?1 AND n.subscription_pk = subscription.pk) \
     RETURNING id, lifecycle_notification_url, client_state, resource, expiration_date_time";
const ABOUT: &str = "SELECT id, lifecycle_notification_url, client_state, resource, \
     expiration_date_time FROM subscription WHERE tenant_id = ?1 AND pk = ?2";
const ADD_EVENT: &str = "INSERT INTO subscription_event (tenant_id, subscription_id, event, url, \
     client_state, resource, expiration, next_attempt, failures, lease_end) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0)";
/// That some were missed need be told once, however often it happens before it is.
const IS_MISSED: &str = "SELECT EXISTS (SELECT 1 FROM subscription_event \
     WHERE tenant_id = ?1 AND subscription_id = ?2 AND event = 2)";
const OF_APPLICATION: &str =
    "DELETE FROM subscription WHERE tenant_id = ?1 AND application_id = ?2";

/// All of the above that grow with the subscriptions, whose plans a test of a backend looks at.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("count", COUNT),
    ("key", KEY),
    ("is closing", IS_CLOSING),
    ("remind", REMIND),
    ("expire", EXPIRE),
    ("reminded", REMINDED),
    ("end", END),
    ("about", ABOUT),
    ("is missed", IS_MISSED),
    ("of application", OF_APPLICATION),
];

/// What a subscription is on.
pub(crate) struct Subject {
    /// Its number in the tables.
    pub(crate) number: i64,
    /// The type of the scripts.
    pub(crate) kind: &'static StructuredType,
}

impl Subject {
    /// The scripts of a kind.
    pub(crate) const SCRIPTS: i64 = 0;
    /// One script.
    pub(crate) const SCRIPT: i64 = 1;
    /// One script's own run states.
    pub(crate) const STATES: i64 = 2;

    /// As a row of the table says it.
    pub(crate) fn of_row(number: i64, kind: &str) -> Result<Self, Error> {
        let kind = SCRIPT_TYPES.into_iter().find(|ty| ty.name == kind);
        let kind = kind.ok_or_else(|| internal("a subscription to scripts of no kind"))?;
        Ok(Self { number, kind })
    }

    /// The type of what changes.
    pub(crate) fn item_type(&self) -> &'static StructuredType {
        match self.number {
            Self::STATES => &DEVICE_STATE,
            _ => self.kind,
        }
    }
}

/// Adds a subscription; answers it, and the tenant's key.
pub(crate) fn create(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
    new: &NewSubscription,
) -> Result<(Row, [u8; 32]), Error> {
    path::refuse_device(permit, path)?;
    let tenant_id = permit.tenant_id();
    let count = database.one(COUNT, binds![tenant_id], |cells| cells.integer(0))?;
    if count >= i64::from(MOST_SUBSCRIPTIONS) {
        return Err(Error::Conflict {
            message: format!(
                "The tenant has {MOST_SUBSCRIPTIONS} subscriptions, which is the most; delete one first."
            ),
        });
    }
    let (subject, target_pk) = target(database, permit, &new.resource)?;
    database.execute(MAKE_KEY, binds![tenant_id, new.key.as_slice()])?;
    let key = key(database, tenant_id)?;
    let on = |kind| Bind::Integer(new.changes.contains(&kind).into());
    let scope = [
        ("tenant_id", Bind::Text(tenant_id.to_owned())),
        ("subject", Bind::Integer(subject.number)),
        ("script_kind", Bind::Text(subject.kind.name.to_owned())),
        ("target_pk", target_pk.map_or(Bind::Null, Bind::Integer)),
        ("target_path", Bind::Text(new.target_path.clone())),
        ("on_created", on(ChangeKind::Created)),
        ("on_updated", on(ChangeKind::Updated)),
        ("on_deleted", on(ChangeKind::Deleted)),
        ("is_closing", Bind::Integer(0)),
        (
            "remind_at",
            new.remind_at
                .map_or(Bind::Null, |at| Bind::Integer(ticks(at))),
        ),
        ("next_attempt", Bind::Integer(0)),
        ("failures", Bind::Integer(0)),
        ("lease_end", Bind::Integer(0)),
    ];
    let table = table::of(&SUBSCRIPTION).ok_or_else(|| internal("no table of subscriptions"))?;
    let insert = query::insert(database.dialect(), table, &scope, &new.record)?;
    statement::number(database, &insert)?;
    let row = Row {
        record: new.record.clone(),
        version: 1,
        expanded: Vec::new(),
    };
    Ok((row, key))
}

/// What a resource is, and the row id of the script that it names, which has to be there.
fn target(
    database: &dyn Database,
    permit: &Permit,
    resource: &ResourcePath,
) -> Result<(Subject, Option<i64>), Error> {
    let unfit = || internal("a subscription to what changes are not noted of");
    let mut to_script = resource.clone();
    to_script.steps.truncate(2);
    let [_, scripts] = to_script.steps.as_slice() else {
        return Err(unfit());
    };
    let kind = scripts.navigation.target;
    let number = match (resource.steps.get(2), &scripts.key) {
        (None, None) => {
            let number = Subject::SCRIPTS;
            return Ok((Subject { number, kind }, None));
        }
        (None, Some(_)) => Subject::SCRIPT,
        (Some(_), _) => Subject::STATES,
    };
    let end = path::resolve(database, path::viewer(permit), &to_script)?;
    let Found { pk, .. } = path::find(database, &end)?;
    Ok((Subject { number, kind }, Some(pk)))
}

/// The key of a tenant that has subscriptions, or has had.
pub(crate) fn key(database: &dyn Database, tenant_id: &str) -> Result<[u8; 32], Error> {
    let key = database.first(KEY, binds![tenant_id], |cells| cells.blob(0))?;
    let key = key.ok_or_else(|| internal("a tenant without a key for its notifications"))?;
    let length = |_| internal("a key for notifications of another length");
    key.try_into().map_err(length)
}

/// Has a subscription end at another time.
pub(crate) fn renew(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
    expiration: DateTimeOffset,
    remind_at: Option<i64>,
    precondition: &Precondition,
) -> Result<Row, Error> {
    path::refuse_device(permit, path)?;
    let end = path::resolve(database, path::viewer(permit), path)?;
    let Found { pk, version } = path::find(database, &end)?;
    let tenant_id = permit.tenant_id();
    let is_closing = database.one(IS_CLOSING, binds![tenant_id, pk], |cells| cells.truth(0))?;
    if is_closing {
        let id = end.id.unwrap_or_default();
        return Err(path::not_found(SUBSCRIPTION.name, id));
    }
    check(precondition, version)?;
    let position = SUBSCRIPTION.position("expirationDateTime");
    let position = position.ok_or_else(|| internal("a subscription that does not end"))?;
    let changes = vec![(position, Value::DateTimeOffset(expiration))];
    let update = query::update(database.dialect(), &SUBSCRIPTION, pk, &changes)?;
    statement::number(database, &update)?;
    database.execute(REMIND, binds![tenant_id, pk, remind_at])?;
    read(database, &end)
}

fn read(database: &dyn Database, end: &End<'_>) -> Result<Row, Error> {
    let all = Query::all(&SUBSCRIPTION);
    let get = query::get(database.dialect(), &end.scope, end.id, &all)?;
    let found = statement::row(database, &get)?;
    let found = found.map(|found| found.row);
    found.ok_or_else(|| path::not_found(SUBSCRIPTION.name, end.id.unwrap_or_default()))
}

/// Does what time asks for: what has expired is to end, those whose end is near are asked to renew, and
/// what is to end, and has told all, does.
pub(crate) fn pass_time(database: &dyn Database, tenant_id: &str, now: i64) -> Result<(), Error> {
    database.execute(EXPIRE, binds![tenant_id, now])?;
    let reminded = database.rows(REMINDED, binds![tenant_id, now], about)?;
    for subscription in &reminded {
        let event = LifecycleEvent::ReauthorizationRequired;
        add_event(database, tenant_id, subscription, event, now)?;
    }
    for subscription in &database.rows(END, binds![tenant_id], about)? {
        let event = LifecycleEvent::SubscriptionRemoved;
        add_event(database, tenant_id, subscription, event, now)?;
    }
    Ok(())
}

/// Notes that a subscription's receiver is to be told that it has missed changes.
pub(crate) fn missed(
    database: &dyn Database,
    tenant_id: &str,
    subscription_pk: i64,
    now: i64,
) -> Result<(), Error> {
    let key = binds![tenant_id, subscription_pk];
    let Some(subscription) = database.first(ABOUT, key, about)? else {
        return Ok(());
    };
    let known = binds![tenant_id, &subscription.id];
    if database.one(IS_MISSED, known, |cells| cells.truth(0))? {
        return Ok(());
    }
    let event = LifecycleEvent::Missed;
    add_event(database, tenant_id, &subscription, event, now)
}

/// Removes the subscriptions of an application that is gone: it cannot show any more that it may read
/// what it would be told of.
pub(crate) fn forget_application(
    database: &dyn Database,
    tenant_id: &str,
    client_id: &str,
) -> Result<(), Error> {
    database.execute(OF_APPLICATION, binds![tenant_id, client_id])?;
    Ok(())
}

/// What an event says of its subscription.
struct About {
    id: String,
    url: Option<String>,
    client_state: Option<String>,
    resource: String,
    expiration: i64,
}

fn about(cells: &mut Cells) -> Result<About, Error> {
    Ok(About {
        id: cells.text(0)?,
        url: cells.optional_text(1)?,
        client_state: cells.optional_text(2)?,
        resource: cells.text(3)?,
        expiration: cells.integer(4)?,
    })
}

/// Has an event told, where the subscription says whom.
fn add_event(
    database: &dyn Database,
    tenant_id: &str,
    subscription: &About,
    event: LifecycleEvent,
    now: i64,
) -> Result<(), Error> {
    let Some(url) = &subscription.url else {
        return Ok(());
    };
    let values = binds![
        tenant_id,
        &subscription.id,
        event.number(),
        url,
        subscription.client_state.as_ref(),
        &subscription.resource,
        subscription.expiration,
        now,
    ];
    database.execute(ADD_EVENT, values)?;
    Ok(())
}

/// A moment in the tables.
pub(crate) fn ticks(moment: std::time::SystemTime) -> i64 {
    DateTimeOffset::from_system_time(moment).ticks()
}
