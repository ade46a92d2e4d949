//! Reads of a script's results while reports wait to be folded: what the tables say, and what the
//! reports behind it say, put together.
//!
//! To fold a hundred thousand reports takes a second, and whoever looks at a script while its results
//! come in should not wait for that. So the questions that are asked then (a page of run states by
//! outcome or date, their count, the run summary) are answered from both; any other folds first.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use runstate_graph::entity::{DEVICE_STATE, RUN_SUMMARY, SCRIPT_TYPES};
use runstate_odata::{
    check::{CompareOp, Predicate, Query, ResourcePath, Scalar},
    edm::{Property, Record, Type, Value},
};
use runstate_store::{
    Error, Row,
    query::{self, Bind, Decoded, Scope},
};
use runstate_store_sql::{
    Database, Reports, Waiting,
    counters::{self, Tally, own},
    statement,
};

use crate::{
    error::internal,
    fold::FOLDED,
    journal::{Batch, Entry},
};

/// How many rows of the tables are looked through in one step, at most, for such as are up to date.
const MOST_ROWS: u32 = 4_096;

/// Whether the question can be answered without folding; `counts` says whether it asks how many there
/// are.
pub(crate) fn can_answer(path: &ResourcePath, query: &Query, counts: bool) -> bool {
    let [_, script, results] = path.steps.as_slice() else {
        return false;
    };
    if !SCRIPT_TYPES.contains(&script.navigation.target) {
        return false;
    }
    if results.navigation.target == &RUN_SUMMARY {
        return true;
    }
    results.navigation.target == &DEVICE_STATE
        && path.is_collection()
        && query.search.is_none()
        && query.skip.is_none()
        && query.filter.as_ref().is_none_or(is_plain)
        && query.orderby.iter().all(|order| sort_key(&order.by).is_some())
        // Any other count goes through the tables.
        && (!counts || query.filter.as_ref().is_none_or(is_of_outcome))
}

/// Whether a filter is of one outcome alone.
fn is_of_outcome(filter: &Predicate) -> bool {
    counters::outcome(filter).is_some()
}

/// All reports that waited when a read began.
pub(crate) struct Batches(pub(crate) Vec<Arc<Batch>>);

impl Waiting for Batches {
    fn to_script(
        &self,
        database: &dyn Database,
        script_pk: i64,
    ) -> Result<Option<Box<dyn Reports>>, Error> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let answer = database.query(FOLDED, &[])?;
        let folded = match answer.first().map(Vec::as_slice) {
            Some([Bind::Integer(folded)]) => *folded,
            _ => return Err(internal("no number up to which the journal is folded")),
        };
        let entries = self.0.iter().flat_map(|batch| &batch.entries);
        let of_script = |entry: &&Arc<Entry>| {
            entry.number > folded
                && entry.place.script_pk == script_pk
                && entry.place.user_state_pk == 0
        };
        let entries: Vec<_> = entries.filter(of_script).map(Arc::clone).collect();
        Ok((!entries.is_empty()).then(|| Box::new(Unfolded(entries)) as Box<dyn Reports>))
    }
}

/// The reports to a script's own states that the tables of a transaction do not have.
struct Unfolded(Vec<Arc<Entry>>);

impl Reports for Unfolded {
    fn rows(
        &self,
        database: &dyn Database,
        scope: &Scope<'_>,
        query: &Query,
        limit: u32,
        after: Option<&[Bind]>,
    ) -> Result<Vec<Decoded>, Error> {
        rows(database, scope, query, limit, after, &self.0)
    }

    fn more(&self, outcome: i32) -> i64 {
        let one = |entry: &Arc<Entry>| {
            i64::from(entry.after() == outcome) - i64::from(entry.before == outcome)
        };
        self.0.iter().map(one).sum()
    }

    fn add_to_summary(&self, row: &mut Row) {
        let (mut success, mut error) = (0, 0);
        for report in &self.0 {
            let before = Tally::of_run_state(report.before);
            let after = Tally::of_run_state(report.after());
            success += after.success - before.success;
            error += after.error - before.error;
            row.version += i64::from(before != after);
        }
        for (name, more) in [("successDeviceCount", success), ("errorDeviceCount", error)] {
            if let Value::Int32(count) = *row.record.get(name) {
                let count = i64::from(count).saturating_add(more);
                row.record
                    .set(name, Value::Int32(i32::try_from(count).unwrap_or(i32::MAX)));
            }
        }
    }
}

impl Entry {
    /// The `runState` that it reports.
    pub(crate) fn after(&self) -> i32 {
        match self.outcome() {
            Ok(outcome) => outcome.run_state,
            Err(_) => self.before,
        }
    }
}

/// The first rows of a list behind `after`, one more than `limit` where there are more.
fn rows(
    database: &dyn Database,
    scope: &Scope<'_>,
    query: &Query,
    limit: u32,
    after: Option<&[Bind]>,
    reports: &[Arc<Entry>],
) -> Result<Vec<Decoded>, Error> {
    let wanted = limit.saturating_add(1);
    let order = Order::of(query);
    // The last report to each state is what the state is.
    let latest: HashMap<i64, &Entry> = reports
        .iter()
        .map(|entry| (entry.state_pk, &**entry))
        .collect();
    let mut reported: Vec<(Vec<Bind>, &Entry)> = latest
        .values()
        .filter(|entry| passes(query, &entry.record))
        .map(|entry| (order.keyset(entry), *entry))
        .filter(|(keyset, _)| after.is_none_or(|after| order.compare(keyset, after).is_gt()))
        .collect();
    let most = usize::try_from(wanted).unwrap_or(usize::MAX);
    let by_order = |a: &(Vec<Bind>, &Entry), b: &(Vec<Bind>, &Entry)| order.compare(&a.0, &b.0);
    if reported.len() > most {
        reported.select_nth_unstable_by(most, by_order);
        reported.truncate(most);
    }
    reported.sort_unstable_by(by_order);
    let mut reported = reported.into_iter().peekable();

    let mut rows: Vec<Decoded> = Vec::new();
    let (mut after, mut step) = (after.map(<[Bind]>::to_vec), wanted);
    while rows.len() < most {
        let list = query::list(database.dialect(), scope, query, step, after.as_deref(), 0)?;
        let stored = statement::rows(database, &list)?;
        let is_last = stored.len() < usize::try_from(step).unwrap_or(usize::MAX);
        after = stored.last().map(|row| row.keyset.clone());
        for row in stored {
            // What comes before it goes before it, whether it is up to date itself or not.
            while let Some((keyset, entry)) =
                reported.next_if(|(keyset, _)| order.compare(keyset, &row.keyset).is_le())
            {
                rows.push(shown(query, keyset, entry));
            }
            if !latest.contains_key(&row.pk) {
                rows.push(row);
            }
        }
        if is_last {
            rows.extend(
                reported
                    .by_ref()
                    .map(|(keyset, entry)| shown(query, keyset, entry)),
            );
            break;
        }
        step = step.saturating_mul(4).min(MOST_ROWS.max(wanted));
    }
    rows.truncate(most);
    Ok(rows)
}

/// A reported state as a list shows it.
fn shown(query: &Query, keyset: Vec<Bind>, entry: &Entry) -> Decoded {
    let mut row = entry.row();
    select(query, &mut row.record);
    Decoded {
        row,
        pk: entry.state_pk,
        keyset,
        parent: None,
    }
}

/// Leaves of a record what the query selects, and `id`.
pub(crate) fn select(query: &Query, record: &mut Record) {
    for (position, value) in record.values.iter_mut().enumerate() {
        if position > 0 && !query.selects(position) {
            *value = Value::Null;
        }
    }
}

/// The order of a list, by the values that [`query::list`] sorts by.
struct Order {
    /// The property's position, and whether the greatest comes first.
    keys: Vec<(usize, bool)>,
    /// Whether states that agree come by `id`, or else by row id.
    ends_with_id: bool,
    /// The way of the last key.
    descending: bool,
}

impl Order {
    fn of(query: &Query) -> Self {
        let mut order = Self {
            keys: Vec::new(),
            ends_with_id: query.orderby.is_empty(),
            descending: false,
        };
        for key in &query.orderby {
            order.descending = key.descending;
            match sort_key(&key.by) {
                Some(0) => {
                    order.ends_with_id = true;
                    break;
                }
                Some(position) => order.keys.push((position, key.descending)),
                None => {}
            }
        }
        order
    }

    fn keyset(&self, entry: &Entry) -> Vec<Bind> {
        let values = &entry.record.values;
        let mut keyset: Vec<Bind> = self
            .keys
            .iter()
            .map(|(position, _)| bind(values.get(*position).unwrap_or(&Value::Null)))
            .collect();
        keyset.push(match self.ends_with_id {
            true => Bind::Text(entry.id().to_owned()),
            false => Bind::Integer(entry.state_pk),
        });
        keyset
    }

    fn compare(&self, a: &[Bind], b: &[Bind]) -> Ordering {
        let ways = self.keys.iter().map(|(_, descending)| *descending);
        let ways = ways.chain([self.descending]);
        for ((a, b), descending) in a.iter().zip(b).zip(ways) {
            let ordering = match (a, b) {
                (Bind::Integer(a), Bind::Integer(b)) => a.cmp(b),
                (Bind::Text(a), Bind::Text(b)) => a.cmp(b),
                _ => Ordering::Equal,
            };
            if ordering.is_ne() {
                return if descending {
                    ordering.reverse()
                } else {
                    ordering
                };
            }
        }
        Ordering::Equal
    }
}

fn bind(value: &Value) -> Bind {
    match value {
        Value::Enum(number) | Value::Int32(number) => Bind::Integer(i64::from(*number)),
        Value::DateTimeOffset(instant) => Bind::Integer(instant.ticks()),
        _ => Bind::Null,
    }
}

/// The position of the property that a scalar is, where lists are sorted by it here: it is `id`, or a number or date that is always there.
fn sort_key(scalar: &Scalar) -> Option<usize> {
    let is_key = |property: &Property| {
        let is_number = matches!(
            property.ty,
            Type::Int32 | Type::Enum(_) | Type::DateTimeOffset
        );
        property.name == "id" || is_number && !property.nullable
    };
    own(scalar).filter(|position| {
        let property = DEVICE_STATE.properties.get(*position);
        property.is_some_and(|property| is_key(property))
    })
}

/// Whether a filter compares properties of the row itself with values, and nothing else.
fn is_plain(filter: &Predicate) -> bool {
    match filter {
        Predicate::And(left, right) | Predicate::Or(left, right) => {
            is_plain(left) && is_plain(right)
        }
        Predicate::Not(negated) => is_plain(negated),
        Predicate::Compare(_, left, right) => {
            let is_value = |scalar: &Scalar| match scalar {
                Scalar::Literal(value) => is_comparable(value),
                _ => false,
            };
            own(left).is_some() && is_value(right) || is_value(left) && own(right).is_some()
        }
        Predicate::In(scalar, values) => own(scalar).is_some() && values.iter().all(is_comparable),
        Predicate::Has(..) | Predicate::Is(_) | Predicate::Quantified(_) => false,
    }
}

/// Whether a value is of one of the types that a run state's properties have.
fn is_comparable(value: &Value) -> bool {
    matches!(
        value,
        Value::Null
            | Value::String(_)
            | Value::Int32(_)
            | Value::Enum(_)
            | Value::DateTimeOffset(_)
    )
}

fn passes(query: &Query, record: &Record) -> bool {
    query
        .filter
        .as_ref()
        .is_none_or(|filter| holds(filter, record))
}

/// What [`is_plain`] allows is true or false; unknown is only what a function makes of null.
fn holds(filter: &Predicate, record: &Record) -> bool {
    let value = |scalar: &Scalar| match scalar {
        Scalar::Literal(value) => value.clone(),
        _ => {
            let value = own(scalar).and_then(|position| record.values.get(position));
            value.cloned().unwrap_or_default()
        }
    };
    match filter {
        Predicate::And(left, right) => holds(left, record) && holds(right, record),
        Predicate::Or(left, right) => holds(left, record) || holds(right, record),
        Predicate::Not(negated) => !holds(negated, record),
        Predicate::Compare(op, left, right) => {
            let (left, right) = (value(left), value(right));
            let ordering = compare(&left, &right);
            match op {
                CompareOp::Eq => left == right,
                CompareOp::Ne => left != right,
                CompareOp::Gt => ordering.is_some_and(Ordering::is_gt),
                CompareOp::Ge => ordering.is_some_and(Ordering::is_ge),
                CompareOp::Lt => ordering.is_some_and(Ordering::is_lt),
                CompareOp::Le => ordering.is_some_and(Ordering::is_le),
            }
        }
        Predicate::In(scalar, values) => values.contains(&value(scalar)),
        Predicate::Has(..) | Predicate::Is(_) | Predicate::Quantified(_) => false,
    }
}

/// The order of two values of one type; none where one is null.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::DateTimeOffset(left), Value::DateTimeOffset(right)) => Some(left.cmp(right)),
        (Value::Int32(left) | Value::Enum(left), Value::Int32(right) | Value::Enum(right)) => {
            Some(left.cmp(right))
        }
        _ => None,
    }
}
