//! What is read, each within one transaction.

use std::collections::HashMap;

use runstate_graph::{
    entity::{DEVICE_MANAGEMENT_SCRIPT, DEVICE_STATE},
    permit::Permit,
};
use runstate_odata::{
    check::{Expand, Query, ResourcePath},
    edm::StructuredType,
};
use runstate_store::{
    Error, Expanded, Page, PayloadLink, Row,
    query::{self, Bind, Decoded, Owner, Scope, Viewer, skip_token},
};

use crate::{
    Database,
    cells::{CellsExt as _, binds},
    counters,
    error::internal,
    path::{self, End},
    statement,
    waiting::{Reports, Waiting},
};

/// What a read goes by besides its path and query.
#[derive(Debug, Clone, Copy)]
pub struct Paging {
    /// How many rows a page has at most.
    pub page_size: u32,
    /// Authenticates the tokens for the pages after it.
    pub token_key: [u8; 32],
}

/// A page of a collection, with the reports that are waiting.
pub(crate) fn list(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
    query: &Query,
    paging: Paging,
    waiting: Option<&dyn Waiting>,
) -> Result<Page, Error> {
    path::refuse_device(permit, path)?;
    let viewer = path::viewer(permit);
    let End { scope, .. } = path::resolve(database, viewer, path)?;
    let reports = reports(database, &scope, waiting)?;
    let fingerprint = || query::fingerprint(database.dialect(), &scope, query);
    let after = match &query.skiptoken {
        Some(token) => Some(skip_token::decode(
            &paging.token_key,
            &fingerprint()?,
            token,
        )?),
        None => None,
    };
    // What `$skip` leaves out comes before the first page, and a token leads behind that.
    let skip = if after.is_some() {
        0
    } else {
        query.skip.unwrap_or(0)
    };
    let limit = limit(query, paging);
    let after = after.as_deref();
    let mut rows = match &reports {
        Some(reports) => reports.rows(database, &scope, query, limit, after)?,
        None => {
            let more = limit.saturating_add(1);
            let list = query::list(database.dialect(), &scope, query, more, after, skip)?;
            statement::rows(database, &list)?
        }
    };
    let next = cut(&mut rows, limit, paging, fingerprint)?;
    let count = if query.count {
        Some(count_in(database, &scope, query, reports.as_deref())?)
    } else {
        None
    };
    let rows = expand(database, viewer, query, rows, paging)?;
    Ok(Page { rows, count, next })
}

/// How many entities of a collection there are.
pub(crate) fn count(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
    query: &Query,
    waiting: Option<&dyn Waiting>,
) -> Result<u64, Error> {
    path::refuse_device(permit, path)?;
    let End { scope, .. } = path::resolve(database, path::viewer(permit), path)?;
    let reports = reports(database, &scope, waiting)?;
    count_in(database, &scope, query, reports.as_deref())
}

/// The reports to the states of a scope that the tables do not have, of those that are waiting.
fn reports(
    database: &dyn Database,
    scope: &Scope<'_>,
    waiting: Option<&dyn Waiting>,
) -> Result<Option<Box<dyn Reports>>, Error> {
    match (waiting, scope.owner) {
        (Some(waiting), Some(script)) => waiting.to_script(database, script.pk),
        _ => Ok(None),
    }
}

fn count_in(
    database: &dyn Database,
    scope: &Scope<'_>,
    query: &Query,
    reports: Option<&dyn Reports>,
) -> Result<u64, Error> {
    let count = match counters::counted(database, scope, query, reports)? {
        Some(count) => Some(count),
        None => {
            let count = query::count(database.dialect(), scope, query)?;
            statement::number(database, &count)?
        }
    };
    count
        .and_then(|count| u64::try_from(count).ok())
        .ok_or_else(|| internal("no count"))
}

/// One entity.
pub fn get(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
    query: &Query,
    paging: Paging,
) -> Result<Row, Error> {
    if path.ty() != Some(&DEVICE_STATE) {
        path::refuse_device(permit, path)?;
    }
    let viewer = path::viewer(permit);
    let End { scope, id } = path::resolve(database, viewer, path)?;
    let get = query::get(database.dialect(), &scope, id, query)?;
    let missing = || {
        path.steps
            .last()
            .map_or_else(|| internal("no steps"), path::missing)
    };
    let row = statement::row(database, &get)?.ok_or_else(missing)?;
    let rows = expand(database, viewer, query, vec![row], paging)?;
    rows.into_iter().next().ok_or_else(missing)
}

/// A run summary, with what has been reported and is not in the tables yet.
pub(crate) fn run_summary(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
    query: &Query,
    paging: Paging,
    waiting: Option<&dyn Waiting>,
) -> Result<Row, Error> {
    let mut row = get(database, permit, path, query, paging)?;
    let End { scope, .. } = path::resolve(database, path::viewer(permit), path)?;
    if let Some(reports) = reports(database, &scope, waiting)? {
        reports.add_to_summary(&mut row);
    }
    Ok(row)
}

/// How many entities an expansion adds at most, over all parents; a next link leads to the rest.
const MOST_CHILDREN: u32 = 100_000;

/// Fills in what `$expand` asks for, level by level: one statement for each expanded property,
/// whatever the number of parents.
fn expand(
    database: &dyn Database,
    viewer: Viewer<'_>,
    query: &Query,
    mut parents: Vec<Decoded>,
    paging: Paging,
) -> Result<Vec<Row>, Error> {
    let pks: Vec<i64> = parents.iter().map(|parent| parent.pk).collect();
    // Without parents there is nothing to look for.
    let expansions = if pks.is_empty() {
        &[][..]
    } else {
        &query.expand
    };
    for expansion in expansions {
        let nested = &expansion.query;
        let limit = limit(nested, paging).min(share(pks.len()));
        let children = query::expand(
            database.dialect(),
            &viewer,
            query.ty,
            expansion,
            &pks,
            limit.saturating_add(1),
            nested.skip.unwrap_or(0),
        )?;
        let mut children = by_parent(statement::rows(database, &children)?)?;
        let counts = counts(database, viewer, query.ty, expansion, &pks)?;
        // The children of all parents go down to the next level together.
        let (mut kept, mut shares) = (Vec::new(), Vec::new());
        let mut wanted: HashMap<i64, usize> = HashMap::new();
        for pk in &pks {
            *wanted.entry(*pk).or_default() += 1;
        }
        for pk in &pks {
            let owner = Some(Owner {
                source: query.ty,
                navigation: expansion.navigation,
                pk: *pk,
            });
            let scope = Scope {
                viewer,
                ty: nested.ty,
                owner,
            };
            let fingerprint = || query::fingerprint(database.dialect(), &scope, nested);
            // Several parents may have the same pk, such as two states of one device.
            let left = wanted.entry(*pk).or_insert(1);
            *left -= 1;
            let rows = if *left > 0 {
                children.get(pk).cloned()
            } else {
                children.remove(pk)
            };
            let mut rows = rows.unwrap_or_default();
            let next = cut(&mut rows, limit, paging, fingerprint)?;
            shares.push((rows.len(), next));
            kept.extend(rows);
        }
        let mut rows = expand(database, viewer, nested, kept, paging)?.into_iter();
        for (parent, (share, next)) in parents.iter_mut().zip(shares) {
            let mut rows: Vec<Row> = rows.by_ref().take(share).collect();
            let expanded = if expansion.navigation.collection {
                let count = counts.get(&parent.pk).copied().unwrap_or(0);
                let count = nested.count.then_some(count);
                Expanded::Many(Page { rows, count, next })
            } else {
                Expanded::One(rows.pop().map(Box::new))
            };
            parent.row.expanded.push((expansion.navigation, expanded));
        }
    }
    Ok(parents.into_iter().map(|parent| parent.row).collect())
}

/// The children of each parent, in their order.
fn by_parent(children: Vec<Decoded>) -> Result<HashMap<i64, Vec<Decoded>>, Error> {
    let mut by_parent: HashMap<i64, Vec<Decoded>> = HashMap::new();
    for child in children {
        let parent = child
            .parent
            .ok_or_else(|| internal("a child without parent"))?;
        by_parent.entry(parent).or_default().push(child);
    }
    Ok(by_parent)
}

/// Where an expansion asks for `$count`: how many children each parent has; none is left out.
fn counts(
    database: &dyn Database,
    viewer: Viewer<'_>,
    source: &'static StructuredType,
    expansion: &Expand,
    parents: &[i64],
) -> Result<HashMap<i64, u64>, Error> {
    if !expansion.query.count {
        return Ok(HashMap::new());
    }
    let counts = query::expand_count(database.dialect(), &viewer, source, expansion, parents)?;
    let cells = statement::cells(database, &counts)?;
    let pair = |cells: &Vec<Bind>| match cells.as_slice() {
        [Bind::Integer(parent), Bind::Integer(count)] => {
            Ok((*parent, u64::try_from(*count).unwrap_or(0)))
        }
        _ => Err(internal("a count of children without numbers")),
    };
    cells.iter().map(pair).collect()
}

/// How many children each of so many parents may have, so that all of them fit into memory.
fn share(parents: usize) -> u32 {
    let parents = u32::try_from(parents).unwrap_or(u32::MAX).max(1);
    (MOST_CHILDREN / parents).max(1)
}

fn limit(query: &Query, paging: Paging) -> u32 {
    query
        .top
        .map_or(paging.page_size, |top| top.min(paging.page_size))
}

/// Cuts the rows, of which there is one more than the limit where there are more, and answers the
/// token of the next page.
fn cut(
    rows: &mut Vec<Decoded>,
    limit: u32,
    paging: Paging,
    fingerprint: impl FnOnce() -> Result<[u8; 32], Error>,
) -> Result<Option<String>, Error> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if rows.len() <= limit {
        return Ok(None);
    }
    rows.truncate(limit);
    let Some(last) = rows.last() else {
        return Ok(None);
    };
    let token = skip_token::encode(&paging.token_key, &fingerprint()?, &last.keyset);
    Ok(Some(token))
}

/// Whether PowerShell scripts of these ids have assignments of either form.
pub(crate) fn payload_links(
    database: &dyn Database,
    permit: &Permit,
    payload_ids: Vec<String>,
) -> Result<Vec<PayloadLink>, Error> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM script AS s \
         WHERE s.tenant_id = ?1 AND s.kind = ?2 AND s.id = ?3 \
         AND (EXISTS (SELECT 1 FROM assignment WHERE script_pk = s.pk) \
              OR EXISTS (SELECT 1 FROM group_assignment WHERE script_pk = s.pk)))";
    // A device sees run states alone; to it no script is there.
    let kind = permit
        .device_id()
        .is_none()
        .then_some(DEVICE_MANAGEMENT_SCRIPT.name);
    let link = |payload_id: String| {
        let key = binds![permit.tenant_id(), kind, &payload_id];
        let has_link = database.one(SQL, key, |cells| cells.truth(0))?;
        Ok(PayloadLink {
            payload_id,
            has_link,
        })
    };
    payload_ids.into_iter().map(link).collect()
}
