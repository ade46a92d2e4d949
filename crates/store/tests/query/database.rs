//! A SQLite file with the tables that the descriptions describe.

use runstate_store::{
    query::{
        Bind, Decoded, Statement,
        functions::{self, Function},
    },
    table::{self, ColumnType, Table},
};
use rusqlite::{Connection, functions::FunctionFlags, params_from_iter, types};

pub(crate) struct Database {
    pub(crate) connection: Connection,
    _folder: tempfile::TempDir,
}

impl Database {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("test.db")).unwrap();
        // Nothing here has to survive a crash.
        connection
            .execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; BEGIN;")
            .unwrap();
        for table in table::all() {
            if !table.is_view {
                connection.execute_batch(&create(table)).unwrap();
            }
        }
        connection.execute_batch(OTHERS).unwrap();
        for (number, (table, columns)) in table::INDEXES.iter().enumerate() {
            let columns = columns.join(", ");
            let sql = format!("CREATE INDEX {table}_{number} ON {table}({columns})");
            connection.execute_batch(&sql).unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        register(&connection);
        Self {
            connection,
            _folder: folder,
        }
    }

    /// The cells of every row.
    pub(crate) fn cells(&self, statement: &Statement) -> Vec<Vec<Bind>> {
        let mut prepared = self
            .connection
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
        let mut prepared = self.connection.prepare(&sql).unwrap();
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
    ) STRICT, WITHOUT ROWID;
    CREATE VIEW directory_object(tenant_id, kind, pk, id, version, display_name) AS
        SELECT tenant_id, 'user', pk, id, version, display_name FROM user_account
        UNION ALL
        SELECT tenant_id, 'group', pk, id, version, display_name FROM directory_group
        UNION ALL
        SELECT tenant_id, 'managedDevice', pk, id, version, device_name FROM managed_device;
";

fn create(table: &Table) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (at, column) in table.columns().enumerate() {
        let ty = match column.ty {
            ColumnType::Text => "TEXT",
            ColumnType::Integer => "INTEGER",
            ColumnType::Blob => "BLOB",
        };
        let more = match (at, column.required) {
            (0, _) => " PRIMARY KEY",
            (_, true) => " NOT NULL",
            (_, false) => "",
        };
        parts.push(format!("{} {ty}{more}", column.name));
    }
    let unique = table.unique.iter();
    parts.extend(unique.map(|columns| format!("UNIQUE ({})", columns.join(", "))));
    format!("CREATE TABLE {} ({}) STRICT", table.name, parts.join(", "))
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
