//! A database with the tables that the descriptions describe: a SQLite file, or one on a PostgreSQL.

use crate::postgres::Postgres;
use runstate_store::{
    query::{
        Bind, Decoded, Dialect, Statement,
        functions::{self, Function},
    },
    table::{self, ColumnType, Table},
};
use rusqlite::{Connection, functions::FunctionFlags, params_from_iter, types};

pub(crate) struct Database {
    backend: Backend,
}

enum Backend {
    Sqlite {
        connection: Connection,
        _folder: tempfile::TempDir,
    },
    Postgres(Postgres),
}

impl Database {
    /// A SQLite file.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("test.db")).unwrap();
        // Nothing here has to survive a crash.
        connection
            .execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; BEGIN;")
            .unwrap();
        connection.execute_batch(&schema(Dialect::Sqlite)).unwrap();
        connection.execute_batch("COMMIT").unwrap();
        register(&connection);
        Self {
            backend: Backend::Sqlite {
                connection,
                _folder: folder,
            },
        }
    }

    /// A database on a PostgreSQL; none where there is none. [`Database::clear`] comes first.
    pub(crate) fn postgres() -> Option<Self> {
        let postgres = Postgres::new()?;
        postgres.run(&schema(Dialect::Postgres));
        postgres.run("BEGIN");
        Some(Self {
            backend: Backend::Postgres(postgres),
        })
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.backend {
            Backend::Sqlite { .. } => Dialect::Sqlite,
            Backend::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Removes all that was stored, on a PostgreSQL.
    pub(crate) fn clear(&self) {
        if let Backend::Postgres(postgres) = &self.backend {
            postgres.run("ROLLBACK; BEGIN");
        }
    }

    /// SQLite's connection.
    pub(crate) fn connection(&self) -> &Connection {
        match &self.backend {
            Backend::Sqlite { connection, .. } => connection,
            Backend::Postgres(_) => panic!("not SQLite"),
        }
    }

    /// The cells of every row.
    pub(crate) fn cells(&self, statement: &Statement) -> Vec<Vec<Bind>> {
        let connection = match &self.backend {
            Backend::Sqlite { connection, .. } => connection,
            Backend::Postgres(postgres) => return postgres.cells(statement),
        };
        let mut prepared = connection
            .prepare_cached(&statement.sql)
            .unwrap_or_else(|error| panic!("{error}\n{}", statement.sql));
        let width = prepared.column_count();
        let binds = params_from_iter(statement.binds.iter().map(value));
        let rows = prepared.query_map(binds, |row| {
            (0..width).map(|at| row.get(at).map(bind)).collect()
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// The only cell of the only row.
    pub(crate) fn number(&self, statement: &Statement) -> i64 {
        match self.cells(statement).as_slice() {
            [row] => match row.as_slice() {
                [Bind::Integer(number)] => *number,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// The rows as entities.
    pub(crate) fn rows(&self, statement: &Statement) -> Vec<Decoded> {
        let rows = self.cells(statement);
        rows.into_iter()
            .map(|row| statement.row(row).unwrap())
            .collect()
    }

    /// The ids of the rows.
    pub(crate) fn ids(&self, statement: &Statement) -> Vec<String> {
        let rows = self.rows(statement).into_iter();
        rows.map(|row| row.row.id().to_owned()).collect()
    }

    /// What SQLite does to answer the statement, one step a line.
    pub(crate) fn plan(&self, statement: &Statement) -> String {
        let sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
        let mut prepared = self.connection().prepare(&sql).unwrap();
        let binds = params_from_iter(statement.binds.iter().map(value));
        let steps = prepared.query_map(binds, |row| row.get::<_, String>(3));
        let steps: Vec<String> = steps.unwrap().collect::<Result<_, _>>().unwrap();
        steps.join("\n")
    }
}

/// What is no table of entities.
const OTHERS: &str = "
    CREATE TABLE group_member (
        group_pk INTEGER NOT NULL, object_id TEXT NOT NULL, PRIMARY KEY (group_pk, object_id)
    );
    CREATE VIEW directory_object(tenant_id, kind, pk, id, version, display_name) AS
        SELECT tenant_id, 'user', pk, id, version, display_name FROM user_account
        UNION ALL
        SELECT tenant_id, 'group', pk, id, version, display_name FROM directory_group
        UNION ALL
        SELECT tenant_id, 'managedDevice', pk, id, version, device_name FROM managed_device;
";

/// All tables, and the indexes that the queries run on.
pub(crate) fn schema(dialect: Dialect) -> String {
    let mut all = String::new();
    for table in table::all() {
        if !table.is_view {
            all.push_str(&create(dialect, table));
        }
    }
    all.push_str(&match dialect {
        Dialect::Sqlite => OTHERS.replace("    );", "    ) STRICT, WITHOUT ROWID;"),
        Dialect::Postgres => OTHERS
            .replace("INTEGER", "BIGINT")
            .replace("TEXT", "TEXT COLLATE \"C\""),
    });
    for (number, (table, columns)) in table::INDEXES.iter().enumerate() {
        let columns = columns.join(", ");
        let sql = format!("CREATE INDEX {table}_{number} ON {table}({columns});");
        all.push_str(&sql);
    }
    all
}

fn create(dialect: Dialect, table: &Table) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (at, column) in table.columns().enumerate() {
        let ty = match (dialect, column.ty) {
            (Dialect::Sqlite, ColumnType::Text) => "TEXT",
            (Dialect::Sqlite, ColumnType::Integer) => "INTEGER",
            (Dialect::Sqlite, ColumnType::Blob) => "BLOB",
            (Dialect::Postgres, ColumnType::Text) => "TEXT COLLATE \"C\"",
            (Dialect::Postgres, ColumnType::Integer) => "BIGINT",
            (Dialect::Postgres, ColumnType::Blob) => "BYTEA",
        };
        let more = match (dialect, at, column.required) {
            (Dialect::Sqlite, 0, _) => " PRIMARY KEY",
            (Dialect::Postgres, 0, _) => " GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            (_, _, true) => " NOT NULL",
            (_, _, false) => "",
        };
        parts.push(format!("{} {ty}{more}", column.name));
    }
    let unique = table.unique.iter();
    parts.extend(unique.map(|columns| format!("UNIQUE ({})", columns.join(", "))));
    let strict = match dialect {
        Dialect::Sqlite => " STRICT",
        Dialect::Postgres => "",
    };
    let (name, parts) = (table.name, parts.join(", "));
    format!("CREATE TABLE {name} ({parts}){strict};")
}

fn register(connection: &Connection) {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    for (name, arguments, function) in functions::ALL {
        let (arguments, function) = (*arguments, *function);
        let count = i32::try_from(arguments).unwrap();
        connection
            .create_scalar_function(*name, count, flags, move |context| {
                for at in 0..arguments {
                    if context.get_raw(at) == types::ValueRef::Null {
                        return Ok(types::Value::Null);
                    }
                }
                let text = context.get_raw(0).as_str().unwrap();
                Ok(match function {
                    Function::Map(map) => map(text).into(),
                    Function::Measure(measure) => measure(text).into(),
                    Function::Test(test) => test(text, context.get_raw(1).as_str().unwrap()).into(),
                    Function::Part(part) => {
                        let length = (arguments == 3).then(|| context.get(2)).transpose()?;
                        part(text, context.get(1)?, length).into()
                    }
                })
            })
            .unwrap();
    }
}

fn value(bind: &Bind) -> types::Value {
    match bind {
        Bind::Null => types::Value::Null,
        Bind::Integer(number) => (*number).into(),
        Bind::Text(text) => text.clone().into(),
        Bind::Blob(bytes) => bytes.clone().into(),
    }
}

fn bind(value: types::Value) -> Bind {
    match value {
        types::Value::Null => Bind::Null,
        types::Value::Integer(number) => Bind::Integer(number),
        types::Value::Text(text) => Bind::Text(text),
        types::Value::Blob(bytes) => Bind::Blob(bytes),
        types::Value::Real(real) => panic!("no column is real: {real}"),
    }
}
