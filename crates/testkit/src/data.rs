//! Where a test server keeps everything: a SQLite file in a folder, or a PostgreSQL database.

use std::sync::Arc;

use runstate_graph::clock::Clock;
use runstate_store::AnyStore;
use runstate_test_postgres::Database;
use rusqlite::{Connection, types::ValueRef};
use tempfile::TempDir;

/// The backend that test servers are on where a test does not say: `sqlite`, `postgres`, or `citus`.
pub const STORE: &str = "RUNSTATE_TEST_STORE";

/// What a server keeps, and where; gone when the last of its kind is dropped.
#[derive(Debug, Clone)]
pub enum Data {
    /// A file in that folder.
    Sqlite(Arc<TempDir>),
    /// A database that several servers may share.
    Postgres(Arc<Database>),
}

impl Data {
    /// New and empty, of the kind that [`STORE`] names.
    ///
    /// # Panics
    ///
    /// Where it names another kind, and where there is no PostgreSQL that it asks for.
    pub fn new() -> Self {
        match std::env::var(STORE).as_deref() {
            Err(_) | Ok("sqlite") => Self::sqlite(),
            Ok("postgres") => {
                Self::postgres().expect("PostgreSQL, which RUNSTATE_TEST_STORE asks for")
            }
            Ok("citus") => Self::citus().expect("Citus, which RUNSTATE_TEST_STORE asks for"),
            Ok(other) => panic!("{STORE} is {other:?}: neither sqlite nor postgres nor citus"),
        }
    }

    /// A new file.
    pub fn sqlite() -> Self {
        Self::Sqlite(Arc::new(tempfile::tempdir().expect("a folder")))
    }

    /// A new database; none where PostgreSQL is missing, which is said then, or an error under
    /// `CI=true`.
    pub fn postgres() -> Option<Self> {
        Database::create().map(|database| Self::Postgres(Arc::new(database)))
    }

    /// A new database whose tables are spread; none where Citus is missing, which is said then.
    pub fn citus() -> Option<Self> {
        Database::create_on_citus().map(|database| Self::Postgres(Arc::new(database)))
    }

    /// What `--data` takes.
    pub fn address(&self) -> String {
        match self {
            Self::Sqlite(folder) => folder.path().join("runstate.db").display().to_string(),
            Self::Postgres(database) => database.url().to_owned(),
        }
    }

    /// The store on it.
    pub async fn open(&self, clock: Arc<dyn Clock>) -> Arc<dyn AnyStore> {
        let address = self.address();
        match self {
            Self::Sqlite(_) => {
                let store = runstate_store_sqlite::open(address, clock);
                Arc::new(store.expect("a file that can be opened"))
            }
            Self::Postgres(_) => {
                let store = runstate_store_postgres::open(&address, clock).await;
                Arc::new(store.expect("a database that can be opened"))
            }
        }
    }

    /// Runs statements behind the server's back.
    pub fn run(&self, sql: &str) {
        match self {
            Self::Sqlite(_) => {
                let connection = Connection::open(self.address()).expect("the server's file");
                connection.execute_batch(sql).expect("statements");
            }
            Self::Postgres(database) => drop(database.psql(sql)),
        }
    }

    /// What a statement answers: a row a line, its cells between bars, bytes in hexadecimal.
    pub fn query(&self, sql: &str) -> String {
        let Self::Postgres(database) = self else {
            let connection = Connection::open(self.address()).expect("the server's file");
            let mut statement = connection.prepare(sql).expect("a statement");
            let width = statement.column_count();
            let mut rows = statement.query([]).expect("an answer");
            let mut lines = Vec::new();
            while let Some(row) = rows.next().expect("a row") {
                let cells = (0..width).map(|at| shown(row.get_ref(at).expect("a cell")));
                lines.push(cells.collect::<Vec<_>>().join("|"));
            }
            return lines.join("\n");
        };
        database.psql(sql)
    }

    /// All that is kept, for those who look for what must not be.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Sqlite(folder) => {
                let files = std::fs::read_dir(folder.path()).expect("the folder");
                let files = files.map(|file| file.expect("a file").path());
                let files = files.filter(|file| file.is_file());
                files
                    .flat_map(|file| std::fs::read(file).expect("a file"))
                    .collect()
            }
            Self::Postgres(database) => database.dump(),
        }
    }
}

impl Default for Data {
    fn default() -> Self {
        Self::new()
    }
}

fn shown(cell: ValueRef<'_>) -> String {
    match cell {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => {
            let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
            format!("\\x{}", digits.collect::<String>())
        }
    }
}
