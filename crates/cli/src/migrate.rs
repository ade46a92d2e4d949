//! `runstate migrate`: from a SQLite file into a PostgreSQL database, and from one machine to several.

use std::{
    collections::{HashMap, HashSet},
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use runstate_store::{
    copy::{CopiedTable, Owned, Sum, TABLES, moved},
    query::Bind,
};
use runstate_store_postgres::Destination;
use runstate_store_sqlite::Source;

use crate::{
    clock::SystemClock,
    failure::{Failure, not_a_tenant},
    open_store::is_database,
};

/// How many rows are copied in one transaction.
const PIECE: u32 = 20_000;

/// Copies a store from a SQLite file into a PostgreSQL database, or the part of one tenant; spreads the
/// database over several machines, where it has Citus.
///
/// Nobody may serve the file meanwhile. What was interrupted goes on where it stood when it is called
/// again. At the end all rows of both are read and compared. Without --from, only the database's schema is
/// brought to the newest version, and its tables are spread; start its servers anew after that.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// The file, as a path or as sqlite://PATH
    #[arg(long, value_name = "FILE")]
    from: Option<String>,

    /// The database, as postgres://USER:PASSWORD@HOST/DATABASE
    #[arg(long, value_name = "URL", env = "RUNSTATE_TO", hide_env_values = true)]
    to: String,

    /// Only this tenant
    #[arg(long, value_parser = tenant, requires = "from")]
    tenant: Option<String>,
}

/// A tenant as the store has it: in lower case.
fn tenant(text: &str) -> Result<String, Failure> {
    runstate_server::auth::issuer::tenant_id(text).ok_or_else(|| not_a_tenant(text))
}

impl Migrate {
    pub(crate) async fn run(self, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        if !is_database(&self.to) {
            return Err("--to must be a URL that begins with postgres://".into());
        }
        let Some(from) = &self.from else {
            let told = match runstate_store_postgres::distribute(&self.to).await? {
                true => "the tables are spread over the machines of this Citus, tenant by tenant",
                false => "the schema is at its newest version; there is no Citus to spread it over",
            };
            writeln!(out, "{told}")?;
            return Ok(());
        };
        let file = PathBuf::from(from.strip_prefix("sqlite://").unwrap_or(from));
        if !file.exists() {
            return Err(format!("there is no store at {}", file.display()).into());
        }
        let source = Source::open(&file, Arc::new(SystemClock))?;
        let mut last_pks = HashMap::new();
        let mut copy = Copy {
            tables: Vec::new(),
            tenant_id: self.tenant,
            bar: ProgressBar::hidden(),
            source: Arc::new(Mutex::new(source)),
        };
        let mut all = 0;
        for &table in TABLES {
            let tenant_id = copy.tenant_id.clone();
            let (rows, columns, last) = copy
                .ask(move |source| {
                    let rows = source.count(table, tenant_id.as_deref())?;
                    Ok((rows, source.columns(table)?, source.last_pk(table)?))
                })
                .await?;
            last_pks.insert(table.name, last);
            all += rows;
            copy.tables.push((table, columns));
        }
        if let (0, Some(id)) = (all, &copy.tenant_id) {
            return Err(format!("there is nothing of {id} in {}", file.display()).into());
        }
        let identity = copy.ask(|source| Ok(source.identity())).await?;
        let tenant_id = copy.tenant_id.as_deref();
        let mut destination = Destination::open(&self.to, identity, tenant_id, &last_pks).await?;

        copy.bar = bar(2 * all);
        for (table, columns) in &copy.tables {
            copy.table(table, columns, &mut destination).await?;
        }
        copy.bar.set_message("planning");
        destination.analyze().await?;
        let mut sums = Vec::new();
        for (table, columns) in &copy.tables {
            sums.push((
                table.name,
                copy.compare(table, columns, &destination).await?,
            ));
        }
        copy.bar.finish_and_clear();
        let rows: u64 = sums.iter().map(|(_, sum)| sum.rows).sum();
        for (name, Sum { rows, checksum }) in sums {
            if rows > 0 {
                writeln!(out, "{name:<20} {rows:>12} rows  {checksum:016x}")?;
            }
        }
        writeln!(out, "copied, read again and found equal: {rows} rows")?;
        Ok(())
    }
}

/// A bar that tells how far it is; where nobody watches, a line now and then is not missed.
fn bar(steps: u64) -> ProgressBar {
    let style = "{msg:<20} {wide_bar} {pos}/{len} rows, {per_sec}, {eta} left";
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
    // A template that cannot be read would be a fault of this text; the plain bar is there instead.
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

struct Copy {
    source: Arc<Mutex<Source>>,
    /// Each with the names of its columns.
    tables: Vec<(&'static CopiedTable, Vec<String>)>,
    tenant_id: Option<String>,
    bar: ProgressBar,
}

type Rows = Vec<Vec<Bind>>;

impl Copy {
    /// Asks the source something, on a thread that may block.
    async fn ask<T, F>(&self, ask: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Source) -> Result<T, runstate_store::Error> + Send + 'static,
    {
        let source = Arc::clone(&self.source);
        let task = tokio::task::spawn_blocking(move || {
            ask(&source.lock().unwrap_or_else(PoisonError::into_inner))
        });
        Ok(task.await??)
    }

    /// The source's next rows behind that key.
    async fn rows(
        &self,
        table: &'static CopiedTable,
        after: Option<Vec<Bind>>,
    ) -> Result<Rows, Failure> {
        let tenant_id = self.tenant_id.clone();
        self.ask(move |source| source.rows(table, tenant_id.as_deref(), after.as_deref(), PIECE))
            .await
    }

    /// Copies what is not copied yet.
    async fn table(
        &self,
        table: &'static CopiedTable,
        columns: &[String],
        destination: &mut Destination,
    ) -> Result<(), Failure> {
        self.bar.set_message(table.name);
        let offsets = destination.offsets(table, columns);
        let (after, copied) = destination.copied(table);
        self.bar.inc(copied);
        let mut rows = self.rows(table, after.map(<[_]>::to_vec)).await?;
        while let Some(last) = rows.last() {
            let key = key(table.key, columns, last);
            for row in &mut rows {
                moved(row, &offsets);
            }
            // While these are written, the next are read.
            let (next, appended) = tokio::join!(
                self.rows(table, Some(key.clone())),
                destination.append(table, columns, &rows, key)
            );
            appended?;
            self.bar.inc(u64::try_from(rows.len()).unwrap_or(0));
            rows = next?;
        }
        Ok(())
    }

    /// Reads a table in both again. Where they differ, it is an error.
    async fn compare(
        &self,
        table: &'static CopiedTable,
        columns: &[String],
        destination: &Destination,
    ) -> Result<Sum, Failure> {
        self.bar.set_message(format!("checking {}", table.name));
        let offsets = destination.offsets(table, columns);
        let (mut here, mut keys) = (Sum::default(), HashSet::new());
        let mut after = None;
        loop {
            let mut rows = self.rows(table, after).await?;
            let Some(last) = rows.last() else { break };
            after = Some(key(table.key, columns, last));
            for row in &mut rows {
                moved(row, &offsets);
                here.add(row);
                if matches!(table.owner, Owned::ByNobody) {
                    keys.insert(key(table.key, columns, row));
                }
            }
            self.bar.inc(u64::try_from(rows.len()).unwrap_or(0));
        }
        let mut there = Sum::default();
        let mut after: Option<Vec<Bind>> = None;
        loop {
            let rows = destination
                .rows(table, columns, after.as_deref(), PIECE)
                .await?;
            let Some(last) = rows.last() else { break };
            after = Some(key(&table.key_there(), columns, last));
            for row in &rows {
                // The destination may have some of its own.
                let is_ours = |key| keys.contains(&key);
                if !matches!(table.owner, Owned::ByNobody) || is_ours(key(table.key, columns, row))
                {
                    there.add(row);
                }
            }
        }
        if here == there {
            return Ok(here);
        }
        let (Sum { rows, checksum }, name) = (here, table.name);
        let (other_rows, other) = (there.rows, there.checksum);
        Err(format!(
            "{name} differs: {rows} rows with the checksum {checksum:016x} in the file, {other_rows} \
             with {other:016x} in the database. Was either changed since the copy began? Empty the \
             database and copy again"
        )
        .into())
    }
}

/// The cells of a row that are its key.
fn key(names: &[&str], columns: &[String], row: &[Bind]) -> Vec<Bind> {
    let cell = |name: &&str| {
        let at = columns.iter().position(|column| column == name)?;
        row.get(at).cloned()
    };
    names.iter().filter_map(cell).collect()
}

#[cfg(test)]
mod tests;
