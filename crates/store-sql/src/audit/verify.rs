//! A chain gone through from its beginning, and its beginning removed when it is old.

use runstate_graph::entity::AUDIT_EVENT;
use runstate_odata::edm::{DateTimeOffset, Record, Value};
use runstate_store::{
    Error,
    audit::{self, Fault, Head, Verified},
    query::{Bind, stored},
};

use super::{events, hash};
use crate::{
    Cells, Database,
    cells::{CellsExt as _, binds},
};

const CHAIN: &str = "SELECT tenant_id, sequence, hash, kept_after, kept_after_hash \
     FROM audit_chain WHERE tenant_id = ?1";
const LAST: &str = "SELECT max(sequence) FROM audit_event WHERE tenant_id = ?1";
const FIRST: &str = "SELECT min(sequence) FROM audit_event WHERE tenant_id = ?1";
const TENANTS: &str = "SELECT tenant_id FROM audit_chain \
     UNION SELECT DISTINCT tenant_id FROM audit_event ORDER BY 1";
const FIRST_KEPT: &str = "SELECT min(sequence) FROM audit_event \
     WHERE tenant_id = ?1 AND sequence > ?2 AND activity_date_time >= ?3";
const HASH_AT: &str = "SELECT hash FROM audit_event WHERE tenant_id = ?1 AND sequence = ?2";
const KEEP_AFTER: &str =
    "UPDATE audit_chain SET kept_after = ?2, kept_after_hash = ?3 WHERE tenant_id = ?1";
const REMOVE: &str = "DELETE FROM audit_event WHERE tenant_id = ?1 AND sequence <= ?2";

/// How many events are looked at, or removed, in one transaction.
const STEP: i64 = 1_000;

/// What a tenant's row in `audit_chain` says.
struct Chain {
    head: Head,
    kept_after: Head,
}

fn chain(database: &dyn Database, tenant_id: &str) -> Result<Option<Chain>, Error> {
    database.first(CHAIN, binds![tenant_id], |cells| {
        let tenant_id = cells.text(0)?;
        let place = |sequence, hash| Head {
            tenant_id: tenant_id.clone(),
            sequence,
            hash,
        };
        Ok(Chain {
            head: place(cells.integer(1)?, hash(cells.blob(2)?)?),
            kept_after: place(cells.integer(3)?, hash(cells.blob(4)?)?),
        })
    })
}

/// The heads of all chains, or of one tenant's. A tenant whose chain has lost its row has a head all the
/// same: the beginning, behind which there are events then.
pub(super) fn heads(database: &dyn Database, tenant_id: Option<&str>) -> Result<Vec<Head>, Error> {
    let tenants = match tenant_id {
        Some(tenant_id) => vec![tenant_id.to_owned()],
        None => database.rows(TENANTS, &[], |cells| cells.text(0))?,
    };
    let head = |tenant_id: String| {
        let found = chain(database, &tenant_id)?;
        Ok(found.map_or_else(|| Head::beginning(&tenant_id), |chain| chain.head))
    };
    tenants.into_iter().map(head).collect()
}

/// How far a verification is.
pub(super) struct Walk {
    tenant_id: String,
    /// Places noted elsewhere, of this tenant.
    expected: Vec<Head>,
    verified: Verified,
    begun: bool,
    done: bool,
}

impl Walk {
    pub(super) fn new(tenant_id: &str, expected: &[Head]) -> Self {
        let own = expected.iter().filter(|head| head.tenant_id == tenant_id);
        let beginning = Head::beginning(tenant_id);
        Self {
            tenant_id: tenant_id.to_owned(),
            expected: own.cloned().collect(),
            verified: Verified {
                kept_after: beginning.clone(),
                head: beginning,
                fault: None,
            },
            begun: false,
            done: false,
        }
    }

    /// What has been found, once there is nothing more to look at.
    pub(super) fn end(&self) -> Option<Verified> {
        let is_over = self.done || self.verified.fault.is_some();
        is_over.then(|| self.verified.clone())
    }

    fn fault(&mut self, sequence: i64, what: impl Into<String>) {
        let fault = Fault {
            sequence,
            what: what.into(),
        };
        self.verified.fault.get_or_insert(fault);
    }

    /// Goes on by some events, in one transaction.
    pub(super) fn step(mut self, database: &dyn Database) -> Result<Self, Error> {
        let Some(chain) = chain(database, &self.tenant_id)? else {
            self.without_chain(database)?;
            return Ok(self);
        };
        if !self.begun || chain.kept_after.sequence > self.verified.head.sequence {
            // The beginning, or what was removed by its age while we were at it.
            self.begin(database, &chain)?;
        }
        let rows = self.rows(database)?;
        let is_last = i64::try_from(rows.len()).unwrap_or(i64::MAX) < STEP;
        for row in rows {
            self.event(row)?;
            if self.verified.fault.is_some() {
                return Ok(self);
            }
        }
        if is_last {
            self.finish(&chain);
        }
        Ok(self)
    }

    fn without_chain(&mut self, database: &dyn Database) -> Result<(), Error> {
        let first = database.one(FIRST, binds![&self.tenant_id], |cells| {
            cells.optional_integer(0)
        })?;
        if let Some(first) = first {
            self.fault(first, "there are events, and no head of their chain");
        }
        let beginning = Head::beginning(&self.tenant_id);
        self.compare(&beginning);
        self.beyond(0);
        self.done = true;
        Ok(())
    }

    fn begin(&mut self, database: &dyn Database, chain: &Chain) -> Result<(), Error> {
        self.begun = true;
        let kept_after = &chain.kept_after;
        self.verified.kept_after = kept_after.clone();
        self.verified.head = kept_after.clone();
        if kept_after.sequence == 0 && kept_after.hash != audit::beginning(&self.tenant_id) {
            self.fault(0, "the chain does not begin as this tenant's must");
        }
        let first = database.one(FIRST, binds![&self.tenant_id], |cells| {
            cells.optional_integer(0)
        })?;
        if let Some(first) = first
            && first <= kept_after.sequence
        {
            let what = "the event is there, although it counts as removed by its age";
            self.fault(first, what);
        }
        for head in self.expected.clone() {
            if head.sequence < kept_after.sequence {
                let kept = kept_after.sequence + 1;
                let what = format!(
                    "the expected head cannot be looked for: events are kept from {kept} on"
                );
                self.fault(head.sequence, what);
            }
        }
        let kept_after = kept_after.clone();
        self.compare(&kept_after);
        Ok(())
    }

    /// The next events: version, number, hash, and then all properties.
    fn rows(&self, database: &dyn Database) -> Result<Vec<Cells>, Error> {
        let columns = stored::columns(events()?).join(", ");
        let sql = format!(
            "SELECT version, sequence, hash, {columns} FROM audit_event \
             WHERE tenant_id = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3"
        );
        let from = binds![&self.tenant_id, self.verified.head.sequence, STEP];
        database.query(&sql, from)
    }

    /// Holds an event against the one before it.
    fn event(&mut self, mut cells: Cells) -> Result<(), Error> {
        let next = self.verified.head.sequence + 1;
        let sequence = cells.integer(1)?;
        if sequence != next {
            self.fault(next, "the event is missing");
            return Ok(());
        }
        let (version, stored_hash) = (cells.integer(0)?, cells.blob(2)?);
        let properties: Vec<Bind> = cells.into_iter().skip(3).collect();
        let Ok(event) = stored::record(events()?, &AUDIT_EVENT, properties.clone()) else {
            self.fault(next, "the event cannot be read");
            return Ok(());
        };
        let link = audit::link(&self.verified.head.hash, &event);
        let id = audit::id(&self.tenant_id, sequence);
        // What reads as the same must be the same: nothing may be hidden in how it is written.
        let binds = stored::binds(events()?, &event);
        let is_whole = binds.is_ok_and(|binds| binds == properties) && tells_its_time(&event);
        if stored_hash != link || version != 1 || !is_whole || event.get("id").as_str() != Some(&id)
        {
            self.fault(next, "the event is not what it was when it was added");
            return Ok(());
        }
        self.verified.head = Head {
            tenant_id: self.tenant_id.clone(),
            sequence,
            hash: link,
        };
        let head = self.verified.head.clone();
        self.compare(&head);
        Ok(())
    }

    /// Holds a place of the chain against what was noted of it elsewhere.
    fn compare(&mut self, place: &Head) {
        let is_other = |head: &&Head| head.sequence == place.sequence && head.hash != place.hash;
        if self.expected.iter().any(|head| is_other(&head)) {
            let what = "the chain has another hash here than the expected head";
            self.fault(place.sequence, what);
        }
    }

    /// What was noted elsewhere and lies behind the end.
    fn beyond(&mut self, end: i64) {
        let behind = self.expected.iter().map(|head| head.sequence);
        if let Some(sequence) = behind.filter(|sequence| *sequence > end).max() {
            let what = format!("the chain ends at {end}, before the expected head");
            self.fault(sequence, what);
        }
    }

    /// Holds the end against the row in `audit_chain`, which was read in the same transaction as the
    /// last events.
    fn finish(&mut self, chain: &Chain) {
        let end = &self.verified.head;
        let (at, is_head) = (end.sequence, *end == chain.head);
        if at < chain.head.sequence {
            self.fault(at + 1, "the event is missing");
        } else if at > chain.head.sequence {
            self.fault(at, "the event lies behind the head of the chain");
        } else if !is_head {
            self.fault(at, "the head of the chain has another hash");
        }
        self.beyond(at);
        self.done = true;
    }
}

/// Whether the date's text, which is what the hash covers, tells all of it: no digits are left out.
fn tells_its_time(event: &Record) -> bool {
    match event.get("activityDateTime") {
        Value::DateTimeOffset(instant) => {
            let read = DateTimeOffset::parse(&instant.to_string());
            read.is_ok_and(|read| read.ticks() == instant.ticks())
        }
        _ => false,
    }
}

/// Removes some events of a tenant from the beginning of its chain that are older than that; whether
/// there may be more.
pub(super) fn expire(
    database: &dyn Database,
    tenant_id: &str,
    before: DateTimeOffset,
) -> Result<bool, Error> {
    let Some(chain) = chain(database, tenant_id)? else {
        return Ok(false);
    };
    let kept_after = chain.kept_after.sequence;
    let values = binds![tenant_id, kept_after, before.ticks()];
    let first = database.one(FIRST_KEPT, values, |cells| cells.optional_integer(0))?;
    let last = database.one(LAST, binds![tenant_id], |cells| cells.optional_integer(0))?;
    // The first that is not old stays, and so do those behind it, whatever their dates.
    let old = first.map_or_else(|| last.unwrap_or(kept_after), |first| first - 1);
    let until = old.min(kept_after.saturating_add(STEP));
    if until <= kept_after {
        return Ok(false);
    }
    let found = database.first(HASH_AT, binds![tenant_id, until], |cells| cells.blob(0))?;
    let Some(hash) = found else {
        // A chain with a gap is left for whoever looks into it.
        return Ok(false);
    };
    database.execute(KEEP_AFTER, binds![tenant_id, until, hash.as_slice()])?;
    database.execute(REMOVE, binds![tenant_id, until])?;
    Ok(until < old)
}
