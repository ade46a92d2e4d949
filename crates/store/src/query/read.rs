//! Statements that read.

use runstate_odata::{
    check::{Expand, Query, Select, Step, Variable},
    edm::{Property, StructuredType},
};
use sha2::{Digest, Sha256};

use super::{
    Bind, Dialect, Scope, Statement, Viewer,
    compiler::{Compiler, From, Holds, Parent, Source},
    fault,
    order::Key,
    predicate::Sense,
    statement::{Cells, Plan},
};
use crate::{Error, table};

/// The row that a query is about.
const IT: Variable = Variable(0);

/// At most `limit` entities of a collection that pass the query's filter and search, in its order
/// and then by `id` (in the direction of the last sort key), from behind `after`, the keyset of a
/// row of an earlier page, without the first `skip`. The query's own `$top` and `$skip` are the
/// caller's to mind.
///
/// # Errors
///
/// [`Error::Invalid`] where the query has more sort keys than [`super::MAX_SORT_KEYS`], or ones longer
/// than [`super::MAX_KEYSET_BYTES`], [`Error::Internal`] where it is not one that a check can have made; so for all here.
pub fn list(
    dialect: Dialect,
    scope: &Scope<'_>,
    query: &Query,
    limit: u32,
    after: Option<&[Bind]>,
    skip: u32,
) -> Result<Statement, Error> {
    let mut compiler = Compiler::new(dialect, scope.viewer);
    let row = compiler.source(scope.ty)?;
    let mut conditions = compiler.scoped(scope, &row)?;
    compiler.push(IT, Holds::Row(From::new(row.clone())));
    conditions.extend(compiler.conditions(&row, query)?);
    let keys = compiler.keys(&row, &query.orderby)?;
    if let Some(after) = after {
        conditions.push(compiler.after(&keys, after)?);
    }
    let order = compiler.order(&keys);
    let limit = compiler.limit(limit, skip);
    let (plan, cells) = compiler.plan(&row, query, &keys, Breadth::List)?;
    let from = compiler.pop()?.text();
    Ok(Statement {
        sql: format!(
            "SELECT {cells} FROM {from}{} ORDER BY {order}{limit}",
            all_of(&conditions)
        ),
        binds: compiler.into_binds(),
        plan,
    })
}

/// What makes one list another: viewer, owner, filter, search and order; the fingerprint that goes
/// into [`super::skip_token`]. What is selected, expanded or counted is no part of it.
pub fn fingerprint(dialect: Dialect, scope: &Scope<'_>, query: &Query) -> Result<[u8; 32], Error> {
    let plain = Query {
        select: Select::Only(Vec::new()),
        ..query.clone()
    };
    let statement = list(dialect, scope, &plain, 0, None, 0)?;
    let mut digest = Sha256::new();
    digest.update(format!("{:?}{statement:?}", scope.viewer));
    Ok(digest.finalize().into())
}

/// How many entities of a collection pass the query's filter and search: one cell.
pub fn count(dialect: Dialect, scope: &Scope<'_>, query: &Query) -> Result<Statement, Error> {
    select(dialect, scope, query, |_| "count(*)".to_owned())
}

/// The `cells` of all entities of a collection that pass the query's filter and search.
fn select(
    dialect: Dialect,
    scope: &Scope<'_>,
    query: &Query,
    cells: impl FnOnce(&Source) -> String,
) -> Result<Statement, Error> {
    let mut compiler = Compiler::new(dialect, scope.viewer);
    let row = compiler.source(scope.ty)?;
    let cells = cells(&row);
    let mut conditions = compiler.scoped(scope, &row)?;
    compiler.push(IT, Holds::Row(From::new(row.clone())));
    conditions.extend(compiler.conditions(&row, query)?);
    let from = compiler.pop()?.text();
    Ok(Statement {
        sql: format!("SELECT {cells} FROM {from}{}", all_of(&conditions)),
        binds: compiler.into_binds(),
        plan: Plan::raw(scope.ty),
    })
}

/// The row ids of those entities of a collection that pass the query's filter and search: one cell
/// each, named `pk`.
pub fn keys(dialect: Dialect, scope: &Scope<'_>, query: &Query) -> Result<Statement, Error> {
    select(dialect, scope, query, |row| {
        format!("{} AS pk", row.column("pk"))
    })
}

/// One entity by its `id`, or without one at the end of a single-valued navigation property. All
/// selected properties are read, those that lists leave out too.
pub fn get(
    dialect: Dialect,
    scope: &Scope<'_>,
    id: Option<&str>,
    query: &Query,
) -> Result<Statement, Error> {
    let mut compiler = Compiler::new(dialect, scope.viewer);
    let row = compiler.source(scope.ty)?;
    let mut conditions = compiler.scoped(scope, &row)?;
    conditions.extend(id.map(|id| compiler.has_id(&row, id)));
    compiler.push(IT, Holds::Row(From::new(row.clone())));
    let keys = compiler.keys(&row, &[])?;
    let (plan, cells) = compiler.plan(&row, query, &keys, Breadth::Single)?;
    let from = compiler.pop()?.text();
    Ok(Statement {
        sql: format!("SELECT {cells} FROM {from}{}", all_of(&conditions)),
        binds: compiler.into_binds(),
        plan,
    })
}

/// Three cells of the entity with that `id`: `pk`, `version`, and `device_id` where its table has
/// one, else null.
pub fn key(dialect: Dialect, scope: &Scope<'_>, id: &str) -> Result<Statement, Error> {
    let mut compiler = Compiler::new(dialect, scope.viewer);
    let row = compiler.source(scope.ty)?;
    let mut conditions = compiler.scoped(scope, &row)?;
    conditions.push(compiler.has_id(&row, id));
    let device = if row.table.has_scope("device_id") {
        row.column("device_id")
    } else {
        "NULL".to_owned()
    };
    let (pk, version) = (row.column("pk"), row.column("version"));
    let from = From::new(row).text();
    Ok(Statement {
        sql: format!(
            "SELECT {pk}, {version}, {device} FROM {from}{}",
            all_of(&conditions)
        ),
        binds: compiler.into_binds(),
        plan: Plan::raw(scope.ty),
    })
}

/// What an expanded navigation property leads to from each of the `parents` (row ids of `source`):
/// at most `limit` rows for each, after the first `skip`, all rows of one parent together and in
/// the order of the expansion's query.
pub fn expand(
    dialect: Dialect,
    viewer: &Viewer<'_>,
    source: &'static StructuredType,
    expand: &Expand,
    parents: &[i64],
    limit: u32,
    skip: u32,
) -> Result<Statement, Error> {
    let mut compiler = Compiler::new(dialect, *viewer);
    let (navigation, query) = (expand.navigation, &expand.query);
    let parent = compiler.source(source)?;
    let parent_pk = parent.column("pk");
    let among = compiler.among(&parent_pk, parents);
    let row = compiler.source(navigation.target)?;
    compiler.push(IT, Holds::Row(From::new(row.clone())));
    let keys = compiler.keys(&row, &query.orderby)?;
    let order = compiler.order(&keys);
    let (mut plan, cells) = compiler.plan(&row, query, &keys, Breadth::List)?;
    plan.has_parent = true;
    let mut conditions = vec![among];
    if navigation.collection && !row.table.is_view {
        // The first rows of each parent are found on an index, however many it has.
        let first = compiler.source(navigation.target)?;
        let mut within =
            compiler.related(&first, source, navigation, &Parent::Alias(&parent.alias))?;
        compiler.push(IT, Holds::Row(From::new(first.clone())));
        within.extend(compiler.conditions(&first, query)?);
        let keys = compiler.keys(&first, &query.orderby)?;
        let order = compiler.order(&keys);
        let limit = compiler.limit(limit, skip);
        let pk = first.column("pk");
        let from = compiler.pop()?.text();
        conditions.push(format!(
            "{} IN (SELECT {pk} FROM {from}{} ORDER BY {order}{limit})",
            row.column("pk"),
            all_of(&within)
        ));
    } else {
        let parent_end = Parent::Alias(&parent.alias);
        conditions.extend(compiler.related(&row, source, navigation, &parent_end)?);
        conditions.extend(compiler.conditions(&row, query)?);
    }
    let from = compiler.pop()?.text();
    let parent_from = From::new(parent).text();
    let conditions = all_of(&conditions);
    let sql = if row.table.is_view {
        // A view has no key of its own by which the first rows of each parent could be looked up.
        let start = compiler.bind(Bind::Integer(i64::from(skip)));
        let end = compiler.bind(Bind::Integer(i64::from(skip) + i64::from(limit)));
        format!(
            "SELECT * FROM (SELECT {parent_pk} AS parent, {cells}, row_number() OVER \
             (PARTITION BY {parent_pk} ORDER BY {order}) AS place FROM {parent_from} CROSS JOIN \
             {from}{conditions}) AS numbered WHERE place > {start} AND place <= {end} \
             ORDER BY parent, place"
        )
    } else {
        format!(
            "SELECT {parent_pk}, {cells} FROM {parent_from} CROSS JOIN {from}{conditions} \
             ORDER BY {parent_pk}, {order}"
        )
    };
    Ok(Statement {
        sql,
        binds: compiler.into_binds(),
        plan,
    })
}

/// Two cells for each of the parents that has any: its row id, and how many entities pass the
/// filter and search of the expansion.
pub fn expand_count(
    dialect: Dialect,
    viewer: &Viewer<'_>,
    source: &'static StructuredType,
    expand: &Expand,
    parents: &[i64],
) -> Result<Statement, Error> {
    let mut compiler = Compiler::new(dialect, *viewer);
    let (navigation, query) = (expand.navigation, &expand.query);
    let parent = compiler.source(source)?;
    let pk = parent.column("pk");
    let mut conditions = vec![compiler.among(&pk, parents)];
    let row = compiler.source(navigation.target)?;
    conditions.extend(compiler.related(&row, source, navigation, &Parent::Alias(&parent.alias))?);
    compiler.push(IT, Holds::Row(From::new(row.clone())));
    conditions.extend(compiler.conditions(&row, query)?);
    let from = compiler.pop()?.text();
    let parent_from = From::new(parent).text();
    Ok(Statement {
        sql: format!(
            "SELECT {pk}, count(*) FROM {parent_from} CROSS JOIN {from}{} GROUP BY {pk}",
            all_of(&conditions)
        ),
        binds: compiler.into_binds(),
        plan: Plan::raw(navigation.target),
    })
}

impl Compiler<'_> {
    /// What puts a row into the scope.
    fn scoped(&mut self, scope: &Scope<'_>, row: &Source) -> Result<Vec<String>, Error> {
        let Some(owner) = scope.owner else {
            return Ok(self.visible(row));
        };
        let table = table::of(owner.source).ok_or_else(|| fault("an owner that is not stored"))?;
        let pk = self.bind(Bind::Integer(owner.pk));
        self.related(
            row,
            owner.source,
            owner.navigation,
            &Parent::Known(table, &pk),
        )
    }

    /// The query's filter and search.
    fn conditions(&mut self, row: &Source, query: &Query) -> Result<Vec<String>, Error> {
        let mut all = Vec::new();
        if let Some(filter) = &query.filter {
            all.push(self.predicate(filter, Sense::Truth)?);
        }
        if let Some(search) = &query.search {
            let properties = row.ty.properties.iter();
            let columns: Vec<(&str, String)> = properties
                .filter(|property| property.searchable)
                .filter_map(|property| {
                    let column = row.table.field(property.name)?.columns.first()?;
                    Some((property.name, row.column(&column.name)))
                })
                .collect();
            all.push(self.search(search, &columns, Sense::Truth)?);
        }
        Ok(all)
    }

    fn has_id(&mut self, row: &Source, id: &str) -> String {
        let id = self.bind(Bind::Text(id.to_owned()));
        format!("{} = {id}", row.column("id"))
    }

    /// That the row id is one of these, however many, with one value to bind.
    fn among(&mut self, pk: &str, parents: &[i64]) -> String {
        let parents = self.bind(Bind::Text(serde_json::Value::from(parents).to_string()));
        match self.dialect {
            Dialect::Sqlite => format!("{pk} IN (SELECT value FROM json_each({parents}))"),
            Dialect::Postgres => format!(
                "{pk} IN (SELECT value::bigint FROM jsonb_array_elements_text({parents}::jsonb))"
            ),
        }
    }

    /// What is read of a row of the query, and how.
    fn plan(
        &mut self,
        row: &Source,
        query: &Query,
        keys: &[Key],
        breadth: Breadth,
    ) -> Result<(Plan, String), Error> {
        let mut cells = vec![row.column("pk"), row.column("version")];
        if row.table.is_view {
            cells.push(row.column("kind"));
        }
        cells.extend(keys.iter().map(|key| key.sql.clone()));
        let id = row.column("id");
        let ends_with_id = keys.last().is_some_and(|key| key.sql == id);
        if !ends_with_id {
            cells.push(id);
        }
        let mut fields = Vec::new();
        let mut read = |row: &Source, kind, (position, property): (usize, &Property)| {
            // `id` is the last of the keyset, or stands behind it.
            if property.name == "id" || breadth == Breadth::List && property.single_only {
                return;
            }
            if let Some(field) = row.table.field(property.name) {
                let columns = field.all_columns();
                cells.extend(columns.map(|column| row.column(&column.name)));
                fields.push(Cells {
                    field,
                    position,
                    kind,
                });
            }
        };
        for (position, property) in row.ty.properties.iter().enumerate() {
            let selected = match &query.select {
                Select::All => true,
                Select::Only(positions) => positions.contains(&position),
            };
            if selected {
                read(row, None, (position, property));
            }
        }
        if row.table.is_view && query.select == Select::All {
            // All of what each row is, from the table that it comes from.
            for kind in row.ty.derived {
                let exact = self.follow(IT, row, &Step::Cast(kind))?;
                for (position, property) in kind.properties.iter().enumerate() {
                    read(&exact, Some(*kind), (position, property));
                }
            }
        }
        let plan = Plan {
            ty: row.ty,
            has_parent: false,
            has_kind: row.table.is_view,
            keyset: keys.len(),
            ends_with_id,
            fields,
        };
        Ok((plan, cells.join(", ")))
    }

    /// `LIMIT`, and `OFFSET` where some are to be skipped.
    fn limit(&mut self, limit: u32, skip: u32) -> String {
        let limit = self.bind(Bind::Integer(i64::from(limit)));
        let mut text = format!(" LIMIT {limit}");
        if skip > 0 {
            let skip = self.bind(Bind::Integer(i64::from(skip)));
            text.push_str(&format!(" OFFSET {skip}"));
        }
        text
    }
}

/// How much of an entity is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Breadth {
    /// Without what only the read of a single entity returns.
    List,
    /// All.
    Single,
}

impl Plan {
    /// Of a statement whose cells are read as they are.
    pub(super) fn raw(ty: &'static StructuredType) -> Self {
        Self {
            ty,
            has_parent: false,
            has_kind: false,
            keyset: 0,
            ends_with_id: false,
            fields: Vec::new(),
        }
    }
}

/// ` WHERE …`; every statement has a scope, so there is always something.
fn all_of(conditions: &[String]) -> String {
    format!(" WHERE {}", conditions.join(" AND "))
}
