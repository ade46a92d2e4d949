//! A Citus for tests: a coordinator, and a worker that has all shards.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::{Cluster, Database, programs::Programs};

/// The servers that this process has started, as long as a test uses them.
static STARTED: Mutex<Weak<Servers>> = Mutex::new(Weak::new());

/// Of a database on both, the coordinator's is asked.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) coordinator: Cluster,
    worker: Cluster,
}

/// Makes the extension, and tells each where the other is.
fn join(port: u16, worker: u16) -> String {
    format!(
        "SELECT citus_set_coordinator_host('127.0.0.1', {port}); \
         SELECT citus_add_node('127.0.0.1', {worker})"
    )
}

impl Servers {
    fn start(programs: &Programs) -> Result<Self, String> {
        Ok(Self {
            coordinator: Cluster::start_with_citus(programs)?,
            worker: Cluster::start_with_citus(programs)?,
        })
    }

    fn shared(programs: &Programs) -> Result<Arc<Self>, String> {
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(servers) = started.upgrade() {
            return Ok(servers);
        }
        let servers = Arc::new(Self::start(programs)?);
        *started = Arc::downgrade(&servers);
        Ok(servers)
    }

    /// Makes the database on both, without the extension; the coordinator's URL of it.
    fn create(&self, programs: &Programs, name: &str) -> Result<String, String> {
        for server in [&self.coordinator, &self.worker] {
            programs.psql(&server.url(), &format!("CREATE DATABASE {name}"))?;
        }
        Ok(Self::url(&self.coordinator, name))
    }

    fn url(server: &Cluster, name: &str) -> String {
        server.url().replace("/postgres", &format!("/{name}"))
    }

    /// Makes one of the databases on both.
    fn join(&self, programs: &Programs, name: &str) -> Result<(), String> {
        for server in [&self.coordinator, &self.worker] {
            programs.psql(&Self::url(server, name), "CREATE EXTENSION citus")?;
        }
        let url = Self::url(&self.coordinator, name);
        programs.psql(&url, &join(self.coordinator.port(), self.worker.port()))?;
        Ok(())
    }

    /// Where this fails, a database stays until the server goes.
    pub(crate) fn remove(&self, programs: &Programs, name: &str) {
        for server in [&self.coordinator, &self.worker] {
            let sql = format!("DROP DATABASE {name} WITH (FORCE)");
            let _ = programs.psql(&server.url(), &sql);
        }
    }
}

impl Database {
    /// Makes a database on a Citus: what is distributed is on another server than the one that is asked.
    /// None where PostgreSQL or the extension is not installed: the test has to be skipped, which is said
    /// here. Debian has no package of it, so that is no error in CI.
    ///
    /// # Panics
    ///
    /// Where the servers cannot be started or used.
    #[must_use]
    pub fn create_on_citus() -> Option<Self> {
        let database = Self::create_before_citus()?;
        database.have_citus();
        Some(database)
    }

    /// Has a database of [`Database::create_before_citus`] be one on a Citus.
    ///
    /// # Panics
    ///
    /// Where it cannot be.
    pub fn have_citus(&self) {
        let join = |servers: &Arc<Servers>| servers.join(&self.programs, &self.name);
        let joined = self.citus.as_ref().map(join);
        if let Some(Err(error)) = joined {
            panic!("{error}");
        }
    }

    /// The same, still on one server alone.
    ///
    /// # Panics
    ///
    /// Where the servers cannot be started or used.
    #[must_use]
    pub fn create_before_citus() -> Option<Self> {
        let programs = Programs::find_or_skip()?;
        if !programs.has_citus() {
            println!("Citus is not installed for this PostgreSQL: skipping a test");
            return None;
        }
        let made = Servers::shared(&programs).and_then(|servers| {
            let name = crate::unique_name()?;
            let url = servers.create(&programs, &name)?;
            Ok((servers, name, url))
        });
        let (servers, name, url) = made.unwrap_or_else(|error| panic!("{error}"));
        Some(Self {
            name,
            url,
            server: servers.coordinator.url(),
            programs,
            cluster: None,
            citus: Some(servers),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_distributed_is_on_the_worker() {
        let Some(database) = Database::create_on_citus() else {
            return;
        };
        let sql = "CREATE TABLE t (a int PRIMARY KEY); SELECT create_distributed_table('t', 'a'); \
             INSERT INTO t VALUES (7)";
        let _ = database.psql(sql);
        assert_eq!(database.psql("SELECT a FROM t"), "7");
        let nodes = "SELECT count(DISTINCT nodeport), bool_and(nodeport <> inet_server_port()) \
             FROM citus_shards";
        assert_eq!(database.psql(nodes), "1|t");
    }
}
