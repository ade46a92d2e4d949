//! What the compilation of one statement carries along: values to bind, names of rows, joins.
//!
//! SQL is put together from plain text. A query builder was weighed and left out: most of what is
//! needed here (`json_each`, row values, three-valued `IS TRUE`, recursive members, functions of our
//! own) it takes as custom text anyway, so it would have added a layer without removing one. Two
//! habits keep text safe: values come from [`Compiler::bind`] alone, and names from the tables'
//! descriptions alone.

use runstate_odata::{
    check::{Step, Variable},
    edm::{NavigationProperty, StructuredType, Value},
};

use super::{Bind, Dialect, Viewer, cells, fault};
use crate::{
    Error,
    relation::{self, End, Relation},
    table::{self, Table},
};

/// The state of a compilation.
pub(super) struct Compiler<'a> {
    pub(super) dialect: Dialect,
    viewer: Viewer<'a>,
    /// Values by the number of their placeholder. Placeholders are numbered, so that text can be
    /// made in any order and used twice.
    binds: Vec<Bind>,
    /// The numbers of those that [`Compiler::share`] made.
    shared: Vec<usize>,
    aliases: usize,
    /// One for each variable in sight: the row itself, then those of enclosing lambdas.
    frames: Vec<Frame>,
}

/// What a variable stands for.
pub(super) struct Frame {
    pub(super) variable: Variable,
    pub(super) holds: Holds,
}

/// See [`Frame`].
pub(super) enum Holds {
    /// A row of a `FROM` clause.
    Row(From),
    /// An item of a collection of primitive values: its SQL.
    Item(String),
}

/// A `FROM` clause: a row and those that paths from it lead to, each at most one.
pub(super) struct From {
    pub(super) row: Source,
    joins: Vec<Join>,
}

struct Join {
    parent: String,
    step: &'static str,
    row: Source,
    on: String,
}

/// A row of a table under the name that the statement gives it.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) alias: String,
    pub(super) ty: &'static StructuredType,
    pub(super) table: &'static Table,
}

/// The row that a relation starts from.
pub(super) enum Parent<'p> {
    /// One of the statement.
    Alias(&'p str),
    /// One that is known by its row id, which this placeholder holds.
    Known(&'static Table, &'p str),
}

impl Source {
    /// The column of the row.
    pub(super) fn column(&self, name: &str) -> String {
        format!("{}.{name}", self.alias)
    }
}

impl From {
    pub(super) fn new(row: Source) -> Self {
        let joins = Vec::new();
        Self { row, joins }
    }

    /// The clause's text, without the word `FROM`.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{} AS {}", self.row.table.name, self.row.alias);
        for Join { row, on, .. } in &self.joins {
            let join = format!(" LEFT JOIN {} AS {} ON {on}", row.table.name, row.alias);
            text.push_str(&join);
        }
        text
    }
}

impl<'a> Compiler<'a> {
    pub(super) fn new(dialect: Dialect, viewer: Viewer<'a>) -> Self {
        Self {
            dialect,
            viewer,
            binds: Vec::new(),
            shared: Vec::new(),
            aliases: 0,
            frames: Vec::new(),
        }
    }

    /// The values in the order of their placeholders.
    pub(super) fn into_binds(self) -> Vec<Bind> {
        self.binds
    }

    /// A placeholder for the value.
    pub(super) fn bind(&mut self, bind: Bind) -> String {
        if bind == Bind::Null {
            return "NULL".to_owned();
        }
        self.binds.push(bind);
        self.placeholder(self.binds.len())
    }

    /// A placeholder for a value that the statement has once, however often it is used.
    pub(super) fn share(&mut self, bind: Bind) -> String {
        let mut shared = self.shared.iter();
        let known = shared.find(|number| self.binds.get(**number - 1) == Some(&bind));
        if let Some(number) = known {
            return self.placeholder(*number);
        }
        let placeholder = self.bind(bind);
        self.shared.push(self.binds.len());
        placeholder
    }

    fn placeholder(&self, number: usize) -> String {
        match (self.dialect, self.binds.get(number - 1)) {
            (Dialect::Sqlite, _) => format!("?{number}"),
            // Typed, because PostgreSQL would guess from what stands beside.
            (Dialect::Postgres, Some(Bind::Integer(_))) => format!("${number}::bigint"),
            (Dialect::Postgres, Some(Bind::Blob(_))) => format!("${number}::bytea"),
            (Dialect::Postgres, _) => format!("${number}::text"),
        }
    }

    /// A placeholder for a literal.
    pub(super) fn literal(&mut self, value: &Value) -> Result<String, Error> {
        Ok(self.bind(cells::literal(value)?))
    }

    /// A row of the type's table under a name of its own.
    pub(super) fn source(&mut self, ty: &'static StructuredType) -> Result<Source, Error> {
        let table = table::of(ty).ok_or_else(|| fault("a type that is not stored"))?;
        let alias = self.fresh("t");
        Ok(Source { alias, ty, table })
    }

    /// A name that nothing else in the statement has.
    pub(super) fn fresh(&mut self, prefix: &str) -> String {
        let name = format!("{prefix}{}", self.aliases);
        self.aliases += 1;
        name
    }

    pub(super) fn push(&mut self, variable: Variable, holds: Holds) {
        self.frames.push(Frame { variable, holds });
    }

    /// The innermost frame's `FROM` clause, which is complete now.
    pub(super) fn pop(&mut self) -> Result<From, Error> {
        match self.frames.pop() {
            Some(Frame {
                holds: Holds::Row(from),
                ..
            }) => Ok(from),
            _ => Err(fault("no row is in sight")),
        }
    }

    pub(super) fn pop_item(&mut self) {
        self.frames.pop();
    }

    /// What the variable stands for.
    pub(super) fn variable(&self, variable: Variable) -> Result<&Holds, Error> {
        let frame = self.frames.iter().rev();
        let mut frame = frame.filter(|frame| frame.variable == variable);
        let frame = frame.next().ok_or_else(|| fault("an unknown variable"))?;
        Ok(&frame.holds)
    }

    /// What must hold of a row for the viewer to see it, wherever in the statement it stands.
    pub(super) fn visible(&mut self, row: &Source) -> Vec<String> {
        let mut all = Vec::new();
        if row.table.has_scope("tenant_id") {
            let tenant = self.share(Bind::Text(self.viewer.tenant_id.to_owned()));
            all.push(format!("{} = {tenant}", row.column("tenant_id")));
        }
        if row.table.types.len() > 1 {
            all.push(format!("{} = '{}'", row.column("kind"), row.ty.name));
        }
        if let Some(device) = self.viewer.device_id
            && row.table.has_scope("device_id")
        {
            let device = self.share(Bind::Text(device.to_owned()));
            all.push(format!("{} = {device}", row.column("device_id")));
        }
        all
    }

    /// What makes `child` a child of the parent, and visible.
    pub(super) fn related(
        &mut self,
        child: &Source,
        source: &StructuredType,
        navigation: &NavigationProperty,
        parent: &Parent<'_>,
    ) -> Result<Vec<String>, Error> {
        let relation = relation::of(source, navigation)
            .ok_or_else(|| fault("a navigation property that is not stored"))?;
        let column = |name: &str| match parent {
            Parent::Alias(alias) => format!("{alias}.{name}"),
            Parent::Known(_, pk) if name == "pk" => (*pk).to_owned(),
            Parent::Known(table, pk) => {
                format!(
                    "(SELECT p.{name} FROM {} AS p WHERE p.pk = {pk})",
                    table.name
                )
            }
        };
        let mut all = self.visible(child);
        match relation {
            Relation::Columns(columns) => {
                for (name, end) in columns {
                    let value = match end {
                        End::Parent(of_parent) => column(of_parent),
                        End::Zero => "0".to_owned(),
                    };
                    all.push(format!("{} = {value}", child.column(name)));
                }
            }
            Relation::Members { transitive } => {
                let members = self.members(&column("pk"), transitive);
                all.push(format!("{} IN ({members})", child.column("id")));
            }
        }
        Ok(all)
    }

    /// The ids of a group's members. `UNION` keeps each once, so that cycles of groups end.
    fn members(&mut self, group: &str, transitive: bool) -> String {
        if !transitive {
            return format!("SELECT m.object_id FROM group_member AS m WHERE m.group_pk = {group}");
        }
        let tenant = self.share(Bind::Text(self.viewer.tenant_id.to_owned()));
        format!(
            "WITH RECURSIVE reached AS (\
             SELECT m.object_id FROM group_member AS m WHERE m.group_pk = {group} \
             UNION SELECT m.object_id FROM reached AS r \
             JOIN directory_group AS g ON g.tenant_id = {tenant} AND g.id = r.object_id \
             JOIN group_member AS m ON m.group_pk = g.pk\
             ) SELECT object_id FROM reached"
        )
    }

    /// The row at the other end of a single-valued step from a row of the variable's `FROM` clause.
    pub(super) fn follow(
        &mut self,
        variable: Variable,
        from: &Source,
        step: &Step,
    ) -> Result<Source, Error> {
        let (name, target) = match step {
            Step::Navigation(navigation) if !navigation.collection => {
                (navigation.name, navigation.target)
            }
            Step::Cast(ty) if from.ty == *ty || from.ty.is_a(ty) => return Ok(from.clone()),
            Step::Cast(ty) => (ty.name, *ty),
            _ => return Err(fault("a path goes on behind a collection")),
        };
        if let Holds::Row(clause) = self.variable(variable)?
            && let Some(join) = clause
                .joins
                .iter()
                .find(|join| join.parent == from.alias && join.step == name)
        {
            return Ok(join.row.clone());
        }
        let row = self.source(target)?;
        let on = match step {
            Step::Navigation(navigation) => {
                self.related(&row, from.ty, navigation, &Parent::Alias(&from.alias))?
            }
            _ if from.table.is_view => {
                let mut on = self.visible(&row);
                on.push(format!("{} = {}", row.column("pk"), from.column("pk")));
                on.push(format!("{} = '{}'", from.column("kind"), target.name));
                on
            }
            _ => return Err(fault("a cast of a row that has one type only")),
        };
        let join = Join {
            parent: from.alias.clone(),
            step: name,
            row: row.clone(),
            on: on.join(" AND "),
        };
        let frames = self.frames.iter_mut().rev();
        let mut frames = frames.filter(|frame| frame.variable == variable);
        match frames.next().map(|frame| &mut frame.holds) {
            Some(Holds::Row(clause)) => clause.joins.push(join),
            _ => return Err(fault("a path from an item that is no row")),
        }
        Ok(row)
    }
}
