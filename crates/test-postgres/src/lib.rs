//! A real PostgreSQL for tests: a server of their own, and a database for each of them. Knows nothing
//! of ours, so that the backend's own tests may stand on it too.
//!
//! Read in this order: [`Database`], what a test asks for; `cluster`, the server; `citus`, several of
//! them; `programs`, what of PostgreSQL is installed here.
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

mod citus;
mod cluster;
mod programs;

use std::sync::{Arc, Mutex, PoisonError, Weak};

use citus::Servers;
pub use cluster::{Cluster, Durability};
use programs::Programs;

/// The URL of a server that tests may make databases in, as its superuser. Where it is not set, tests
/// start a server themselves.
pub const SERVER: &str = "RUNSTATE_TEST_POSTGRES";

/// The server that this process has started, as long as a test uses it.
static STARTED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());

/// A new, empty database; gone when dropped.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    server: String,
    programs: Programs,
    /// Where the server is this process's.
    cluster: Option<Arc<Cluster>>,
    /// Where it is on several servers.
    citus: Option<Arc<Servers>>,
}

/// A name that no other test of any process asks for.
fn unique_name() -> Result<String, String> {
    let folder = tempfile::Builder::new().prefix("test_").tempdir();
    let folder = folder.map_err(|error| error.to_string())?;
    let name = folder.path().file_name().and_then(|name| name.to_str());
    let name = name.ok_or("a folder without a name")?.to_lowercase();
    Ok(format!("{name}_{}", std::process::id()))
}

impl Database {
    /// Makes a database. None where PostgreSQL is not installed: the test has to be skipped, which is
    /// said here.
    ///
    /// # Panics
    ///
    /// Where the server cannot be started or used, and where PostgreSQL is missing although `CI` is
    /// `true`: what is skipped there is run by nobody.
    #[must_use]
    pub fn create() -> Option<Self> {
        let programs = Programs::find_or_skip()?;
        Some(Self::within(programs).unwrap_or_else(|error| panic!("{error}")))
    }

    fn within(programs: Programs) -> Result<Self, String> {
        let (server, cluster) = match std::env::var(SERVER) {
            Ok(server) => (server, None),
            Err(_) => {
                let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
                let cluster = match started.upgrade() {
                    Some(cluster) => cluster,
                    None => Arc::new(Cluster::start(&programs, Durability::None)?),
                };
                *started = Arc::downgrade(&cluster);
                (cluster.url(), Some(cluster))
            }
        };
        let name = unique_name()?;
        programs.psql(&server, &format!("CREATE DATABASE {name}"))?;
        let url = server
            .rsplit_once('/')
            .map(|(server, _)| format!("{server}/{name}"))
            .ok_or_else(|| format!("{SERVER} is no URL: {server}"))?;
        Ok(Self {
            name,
            url,
            server,
            programs,
            cluster,
            citus: None,
        })
    }

    /// Where it is, as `postgres://user@127.0.0.1:port/name`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements, one after another, and answers what `psql` prints: a row a line, its cells
    /// between bars.
    ///
    /// # Panics
    ///
    /// Where one of them fails.
    #[must_use]
    pub fn psql(&self, sql: &str) -> String {
        let answer = self.programs.psql(&self.url, sql);
        answer.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Database {
    /// The whole database as statements that make it again.
    ///
    /// # Panics
    ///
    /// Where it cannot be read.
    #[must_use]
    pub fn dump(&self) -> Vec<u8> {
        let mut dump = self.programs.client("pg_dump");
        let output = dump.arg("--inserts").arg(&self.url).output();
        let output = output.unwrap_or_else(|error| panic!("pg_dump: {error}"));
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(citus) = &self.citus {
            citus.remove(&self.programs, &self.name);
            return;
        }
        // Where the server goes with its last test, so does what is in it.
        let is_last = self.cluster.as_ref().map(|it| Arc::strong_count(it) == 1);
        if is_last != Some(true) {
            let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
            // Where this fails, a database stays until the server goes.
            let _ = self.programs.psql(&self.server, &sql);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_is_its_own() {
        let (Some(one), Some(other)) = (Database::create(), Database::create()) else {
            return;
        };
        assert_ne!(one.url(), other.url());
        assert_eq!(
            one.psql("CREATE TABLE t (a int); INSERT INTO t VALUES (7)"),
            ""
        );
        assert_eq!(one.psql("SELECT a, a + 1 FROM t"), "7|8");
        assert_eq!(other.psql("SELECT to_regclass('t') IS NULL"), "t");
        let collation = "SELECT collname FROM pg_collation WHERE collname = 'und-x-icu'";
        assert_eq!(one.psql(collation), "und-x-icu");
        assert_eq!(one.psql("SHOW server_encoding"), "UTF8");
    }

    #[test]
    fn a_server_goes_with_whoever_started_it() {
        let Some(programs) = Programs::find_or_skip() else {
            return;
        };
        let cluster = Cluster::start(&programs, Durability::None).unwrap();
        let url = cluster.url();
        let version = programs.psql(&url, "SHOW server_version_num").unwrap();
        assert!(version.parse::<u32>().unwrap() >= 140_000, "{version}");
        let folder = cluster.folder().to_owned();
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _cluster = cluster;
            panic!("a test fails");
        }));
        assert!(failed.is_err());
        assert!(programs.psql(&url, "SELECT 1").is_err());
        assert!(!folder.exists());
    }

    #[test]
    fn a_server_stops_and_comes_back_with_what_it_had() {
        let Some(programs) = Programs::find_or_skip() else {
            return;
        };
        let mut cluster = Cluster::start(&programs, Durability::Full).unwrap();
        let url = cluster.url();
        programs
            .psql(&url, "CREATE TABLE t AS SELECT 1 AS a")
            .unwrap();
        cluster.stop();
        assert!(programs.psql(&url, "SELECT 1").is_err());
        cluster.go_on().unwrap();
        assert_eq!(programs.psql(&url, "SELECT a FROM t").unwrap(), "1");
    }
}
