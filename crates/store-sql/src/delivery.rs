//! What receivers have not been told yet: leased to one server, delivered, and gone; or tried again.
//!
//! A server that finds a lease taken leaves it alone. Whatever a crash leaves leased is free when the
//! lease ends, or at once where the backend has one process alone.

use runstate_odata::edm::DateTimeOffset;
use runstate_store::{
    Error,
    subscription::{
        Batch, ChangeKind, Claim, Claimed, Delivered, Event, LifecycleEvent, Notice, Outcome,
    },
};

use crate::{
    BindRef, Cells, Database,
    cells::{CellsExt as _, binds},
    error::internal,
    notice,
    subscription::{self, Subject, ticks},
};

/// Of all tenants, because nobody else knows which of them have something to do. `?2` is the server
/// whose leases alone count, where that is one.
const DUE: &str = "SELECT DISTINCT s.tenant_id FROM subscription AS s WHERE s.remind_at <= ?1 \
         OR (s.is_closing = 0 AND s.expiration_date_time <= ?1) \
         OR (s.is_closing = 1 AND NOT EXISTS (SELECT 1 FROM subscription_notice AS n \
             WHERE n.tenant_id = s.tenant_id AND n.subscription_pk = s.pk)) \
         OR (s.next_attempt <= ?1 AND (s.lease_end <= ?1 OR s.lease_owner <> ?2) \
             AND EXISTS (SELECT 1 FROM subscription_notice AS n \
                 WHERE n.tenant_id = s.tenant_id AND n.subscription_pk = s.pk)) \
     UNION SELECT e.tenant_id FROM subscription_event AS e \
         WHERE e.next_attempt <= ?1 AND (e.lease_end <= ?1 OR e.lease_owner <> ?2)";
const BATCHES: &str = "SELECT s.pk, s.id, s.notification_url, s.client_state, \
         s.expiration_date_time, s.target_path, s.subject, s.script_kind, s.failures \
     FROM subscription AS s WHERE s.tenant_id = ?1 AND s.next_attempt <= ?2 \
         AND (s.lease_end <= ?2 OR s.lease_owner <> ?3) \
         AND EXISTS (SELECT 1 FROM subscription_notice AS n \
             WHERE n.tenant_id = ?1 AND n.subscription_pk = s.pk) \
     ORDER BY s.next_attempt, s.pk LIMIT ?4";
/// Once more asked, because another server may have been faster.
const LEASE: &str = "UPDATE subscription SET lease_owner = ?4, lease_end = ?5 \
     WHERE tenant_id = ?1 AND pk = ?6 AND next_attempt <= ?2 \
     AND (lease_end <= ?2 OR lease_owner <> ?3)";
const TOO_MANY: &str = "SELECT pk FROM subscription_notice \
     WHERE tenant_id = ?1 AND subscription_pk = ?2 ORDER BY pk DESC LIMIT 1 OFFSET ?3";
const DROP: &str = "DELETE FROM subscription_notice \
     WHERE tenant_id = ?1 AND subscription_pk = ?2 AND pk <= ?3";
const NOTICES: &str = "SELECT pk, change, item_id, item_version FROM subscription_notice \
     WHERE tenant_id = ?1 AND subscription_pk = ?2 ORDER BY pk LIMIT ?3";
const EVENTS: &str = "SELECT pk, event, subscription_id, url, client_state, resource, expiration, \
     failures FROM subscription_event WHERE tenant_id = ?1 AND next_attempt <= ?2 \
     AND (lease_end <= ?2 OR lease_owner <> ?3) ORDER BY next_attempt, pk LIMIT ?4";
const LEASE_EVENT: &str = "UPDATE subscription_event SET lease_owner = ?4, lease_end = ?5 \
     WHERE tenant_id = ?1 AND pk = ?6 AND next_attempt <= ?2 \
     AND (lease_end <= ?2 OR lease_owner <> ?3)";

const TAKEN: &str = "UPDATE subscription SET failures = 0, failing_since = NULL, \
     lease_owner = NULL, lease_end = 0 WHERE tenant_id = ?1 AND pk = ?2 AND lease_owner = ?3";
const REFUSED: &str = "UPDATE subscription SET failures = failures + 1, \
     failing_since = coalesce(failing_since, ?4), next_attempt = ?5, \
     lease_owner = NULL, lease_end = 0 WHERE tenant_id = ?1 AND pk = ?2 AND lease_owner = ?3 \
     RETURNING failing_since";
const START_ANEW: &str = "UPDATE subscription SET failures = 0, failing_since = NULL \
     WHERE tenant_id = ?1 AND pk = ?2";
const EVENT_TAKEN: &str = "DELETE FROM subscription_event WHERE tenant_id = ?1 AND pk = ?2";
const EVENT_REFUSED: &str = "UPDATE subscription_event SET failures = failures + 1, \
     failing_since = coalesce(failing_since, ?4), next_attempt = ?5, \
     lease_owner = NULL, lease_end = 0 WHERE tenant_id = ?1 AND pk = ?2 AND lease_owner = ?3 \
     RETURNING failing_since";

/// Those of the above that grow with what waits, whose plans a test of a backend looks at.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("lease", LEASE),
    ("too many", TOO_MANY),
    ("drop", DROP),
    ("notices", NOTICES),
    ("lease event", LEASE_EVENT),
    ("taken", TAKEN),
    ("refused", REFUSED),
    ("event taken", EVENT_TAKEN),
    ("event refused", EVENT_REFUSED),
];

/// How many notices one statement removes: always as many, so that one text will do.
const REMOVED: usize = 20;

/// Who leases, and until when.
#[derive(Debug, Clone)]
pub(crate) struct Lease<'a> {
    /// Whose leases alone count; none: everybody's do.
    pub(crate) sole_owner: Option<&'a str>,
    pub(crate) claim: &'a Claim,
}

/// The tenants that have something to be done.
pub(crate) fn due(
    database: &dyn Database,
    sole_owner: Option<&str>,
    now: i64,
) -> Result<Vec<String>, Error> {
    database.rows(DUE, binds![now, sole_owner], |cells| cells.text(0))
}

/// Does what time asks for, and leases what is to be delivered.
pub(crate) fn claim(
    database: &dyn Database,
    tenant_id: &str,
    lease: &Lease<'_>,
) -> Result<Claimed, Error> {
    let now = ticks(lease.claim.now);
    subscription::pass_time(database, tenant_id, now)?;
    let mut batches = Vec::new();
    let most = i64::from(lease.claim.deliveries);
    let free = binds![tenant_id, now, lease.sole_owner, most];
    for mut batch in database.rows(BATCHES, free, batch)? {
        let pk = batch.subscription_pk;
        if !take(database, LEASE, tenant_id, lease, pk)? {
            continue;
        }
        drop_oldest(database, tenant_id, pk, lease.claim.queue, now)?;
        let limit = i64::from(lease.claim.notices);
        batch.notices = database.rows(NOTICES, binds![tenant_id, pk, limit], notice)?;
        batches.push(batch);
    }
    let mut events = Vec::new();
    for event in database.rows(EVENTS, free, event)? {
        if take(database, LEASE_EVENT, tenant_id, lease, event.pk)? {
            events.push(event);
        }
    }
    Ok(Claimed {
        key: subscription::key(database, tenant_id)?,
        batches,
        events,
    })
}

/// Leases a row, where nobody else has.
fn take(
    database: &dyn Database,
    sql: &str,
    tenant_id: &str,
    lease: &Lease<'_>,
    pk: i64,
) -> Result<bool, Error> {
    let Claim {
        owner,
        now,
        lease_end,
        ..
    } = lease.claim;
    let (now, end) = (ticks(*now), ticks(*lease_end));
    let values = binds![tenant_id, now, lease.sole_owner, owner, end, pk];
    Ok(database.execute(sql, values)? == 1)
}

/// Drops what is too much of a subscription's queue, and has its receiver told.
fn drop_oldest(
    database: &dyn Database,
    tenant_id: &str,
    subscription_pk: i64,
    most: u32,
    now: i64,
) -> Result<(), Error> {
    let values = binds![tenant_id, subscription_pk, i64::from(most)];
    let Some(last) = database.first(TOO_MANY, values, |cells| cells.integer(0))? else {
        return Ok(());
    };
    database.execute(DROP, binds![tenant_id, subscription_pk, last])?;
    subscription::missed(database, tenant_id, subscription_pk, now)
}

/// Notes how a delivery went, and gives the lease back.
pub(crate) fn settle(
    database: &dyn Database,
    tenant_id: &str,
    owner: &str,
    now: i64,
    delivered: &Delivered,
    outcome: Outcome,
) -> Result<(), Error> {
    let (subscription_pk, notices) = match delivered {
        Delivered::Batch {
            subscription_pk,
            notices,
        } => (*subscription_pk, notices),
        Delivered::Event(pk) => return settle_event(database, tenant_id, owner, now, *pk, outcome),
    };
    let Outcome::Refused {
        next_attempt,
        give_up_before,
    } = outcome
    else {
        remove(database, tenant_id, subscription_pk, notices)?;
        database.execute(TAKEN, binds![tenant_id, subscription_pk, owner])?;
        return Ok(());
    };
    let next = ticks(next_attempt);
    let values = binds![tenant_id, subscription_pk, owner, now, next];
    let since = database.first(REFUSED, values, |cells| cells.integer(0))?;
    if since.is_some_and(|since| since <= ticks(give_up_before)) {
        notice::forget(database, tenant_id, subscription_pk)?;
        database.execute(START_ANEW, binds![tenant_id, subscription_pk])?;
        subscription::missed(database, tenant_id, subscription_pk, now)?;
    }
    Ok(())
}

fn settle_event(
    database: &dyn Database,
    tenant_id: &str,
    owner: &str,
    now: i64,
    pk: i64,
    outcome: Outcome,
) -> Result<(), Error> {
    let is_over = match outcome {
        Outcome::Taken => true,
        Outcome::Refused {
            next_attempt,
            give_up_before,
        } => {
            let values = binds![tenant_id, pk, owner, now, ticks(next_attempt)];
            let since = database.first(EVENT_REFUSED, values, |cells| cells.integer(0))?;
            since.is_some_and(|since| since <= ticks(give_up_before))
        }
    };
    if is_over {
        database.execute(EVENT_TAKEN, binds![tenant_id, pk])?;
    }
    Ok(())
}

/// Removes those notices and no other: a lower number may have been committed after a higher one was
/// delivered.
fn remove(
    database: &dyn Database,
    tenant_id: &str,
    subscription_pk: i64,
    notices: &[i64],
) -> Result<(), Error> {
    let places: Vec<String> = (3..3 + REMOVED).map(|at| format!("?{at}")).collect();
    let sql = format!(
        "DELETE FROM subscription_notice WHERE tenant_id = ?1 AND subscription_pk = ?2 \
         AND pk IN ({})",
        places.join(", ")
    );
    for some in notices.chunks(REMOVED) {
        let mut values = vec![BindRef::from(tenant_id), BindRef::from(subscription_pk)];
        // The last one as often as it takes to fill the places.
        let last = some.last().copied().unwrap_or_default();
        let filled = some.iter().copied().chain(std::iter::repeat(last));
        values.extend(filled.take(REMOVED).map(BindRef::from));
        database.execute(&sql, &values)?;
    }
    Ok(())
}

fn batch(cells: &mut Cells) -> Result<Batch, Error> {
    let subject = Subject::of_row(cells.integer(6)?, &cells.text(7)?)?;
    Ok(Batch {
        subscription_pk: cells.integer(0)?,
        subscription_id: cells.text(1)?,
        url: cells.text(2)?,
        client_state: cells.optional_text(3)?,
        expiration: DateTimeOffset::from_ticks(cells.integer(4)?),
        target_path: cells.text(5)?,
        item_type: subject.item_type().name,
        is_single: subject.number == Subject::SCRIPT,
        failures: failures(cells.integer(8)?),
        notices: Vec::new(),
    })
}

fn notice(cells: &mut Cells) -> Result<Notice, Error> {
    let change = numbered(&ChangeKind::ALL, cells.integer(1)?)?;
    Ok(Notice {
        pk: cells.integer(0)?,
        change,
        item_id: cells.text(2)?,
        item_version: cells.integer(3)?,
    })
}

fn event(cells: &mut Cells) -> Result<Event, Error> {
    let event = numbered(&LifecycleEvent::ALL, cells.integer(1)?)?;
    Ok(Event {
        pk: cells.integer(0)?,
        event,
        subscription_id: cells.text(2)?,
        url: cells.text(3)?,
        client_state: cells.optional_text(4)?,
        resource: cells.text(5)?,
        expiration: DateTimeOffset::from_ticks(cells.integer(6)?),
        failures: failures(cells.integer(7)?),
    })
}

/// What has that number in the tables.
fn numbered<T: Copy>(all: &[T], number: i64) -> Result<T, Error> {
    let found = usize::try_from(number).ok().and_then(|at| all.get(at));
    found
        .copied()
        .ok_or_else(|| internal(format!("{number} is the number of nothing")))
}

fn failures(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
