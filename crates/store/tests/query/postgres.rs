//! Statements run on a real PostgreSQL.

use runstate_store::query::{Bind, Statement};
use tokio::runtime::Runtime;
use tokio_postgres::{
    Client, NoTls, Row,
    types::{ToSql, Type},
};

/// A connection to a new database, with a runtime of its own.
pub(crate) struct Postgres {
    client: Client,
    runtime: Runtime,
    _database: runstate_test_postgres::Database,
}

impl Postgres {
    /// None where there is no PostgreSQL.
    pub(crate) fn new() -> Option<Self> {
        let database = runstate_test_postgres::Database::create()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let client = runtime.block_on(async {
            let connecting = tokio_postgres::connect(database.url(), NoTls);
            let (client, connection) = connecting.await.unwrap();
            tokio::spawn(connection);
            client
        });
        Some(Self {
            client,
            runtime,
            _database: database,
        })
    }

    /// Runs statements that answer nothing.
    pub(crate) fn run(&self, sql: &str) {
        let done = self.runtime.block_on(self.client.batch_execute(sql));
        done.unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
    }

    /// How many placeholders a statement has, which is prepared and not run.
    pub(crate) fn parameter_count(&self, sql: &str) -> usize {
        let prepared = self.runtime.block_on(self.client.prepare(sql));
        let prepared = prepared.unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
        prepared.params().len()
    }

    /// The cells of every row.
    pub(crate) fn cells(&self, statement: &Statement) -> Vec<Vec<Bind>> {
        let binds: Vec<&(dyn ToSql + Sync)> = statement
            .binds
            .iter()
            .map(|bind| -> &(dyn ToSql + Sync) {
                match bind {
                    Bind::Integer(number) => number,
                    Bind::Text(text) => text,
                    Bind::Blob(bytes) => bytes,
                    Bind::Null => panic!("null is written out"),
                }
            })
            .collect();
        let rows = self.client.query(&statement.sql, &binds);
        let rows = self.runtime.block_on(rows);
        let rows = rows.unwrap_or_else(|error| panic!("{error:?}\n{}", statement.sql));
        rows.iter().map(cells).collect()
    }
}

fn cells(row: &Row) -> Vec<Bind> {
    let cell = |at: usize| match *row.columns()[at].type_() {
        Type::INT8 => row.get::<_, Option<i64>>(at).map(Bind::Integer),
        Type::TEXT => row.get::<_, Option<String>>(at).map(Bind::Text),
        Type::BYTEA => row.get::<_, Option<Vec<u8>>>(at).map(Bind::Blob),
        ref other => panic!("no column is of type {other}"),
    };
    let all = 0..row.len();
    all.map(|at| cell(at).unwrap_or(Bind::Null)).collect()
}
