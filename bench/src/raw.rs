//! SQLite by itself: the same updates on a copy of the same file, a thousand in a transaction, with no
//! HTTP, no tokens, no history and no counters.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use rusqlite::{Connection, params};

use crate::{
    failure::{Context, Outcome},
    fleet::{FAIL, Fleet, SUCCESS},
    generate::FORM,
    random::Random,
};

const TRANSACTION: u64 = 1_000;

const UPDATE: &str = "UPDATE device_run_state SET version = ?, run_state = ?, result_message = ?, \
     last_state_update_date_time = ?, last_state_update_date_time_form = ?, error_code = ?, \
     error_description = ? WHERE pk = ?";

/// The process's own part: for each line, a number of milliseconds, it updates for so long and
/// answers how many updates it made and how many seconds they took.
pub(crate) fn serve(file: &Path, states: u64) -> Outcome {
    let mut connection = Connection::open(file).context(file.display())?;
    // As durable as crates/store-sqlite/src/connection.rs, with twice the cache of its writer and a log
    // that is copied into the file sooner.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -64 * 1024)?;
    connection.pragma_update(None, "wal_autocheckpoint", 8_000)?;
    let mut random = Random::new(7);
    let mut version = i64::try_from(states)?;
    for line in std::io::stdin().lines() {
        let time = Duration::from_millis(line?.trim().parse()?);
        let start = Instant::now();
        let mut updates = 0;
        while start.elapsed() < time {
            let transaction = connection.transaction()?;
            {
                let mut update = transaction.prepare_cached(UPDATE)?;
                for _ in 0..TRANSACTION {
                    let pk = i64::try_from(random.below(states))? + 1;
                    let outcome = if random.below(5) == 0 { FAIL } else { SUCCESS };
                    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
                    let ticks = i64::try_from(now.as_nanos() / 100)?;
                    version += 1;
                    update.execute(params![
                        version,
                        outcome,
                        "Result Message value",
                        ticks,
                        FORM,
                        9,
                        "Error Description value",
                        pk,
                    ])?;
                }
            }
            transaction.commit()?;
            updates += TRANSACTION;
        }
        println!("{updates} {}", start.elapsed().as_secs_f64());
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// The process, as the benchmark sees it.
pub(crate) struct Raw {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Raw {
    pub(crate) fn start(file: &Path, fleet: Fleet) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["raw", "--states", &fleet.states().to_string(), "--data"])
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().context("no input")?;
        let output = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self {
            child,
            input,
            output,
        })
    }

    /// Updates for that long; how many, in how many seconds.
    pub(crate) fn update(&mut self, time: Duration) -> Outcome<(f64, f64)> {
        writeln!(self.input, "{}", time.as_millis())?;
        self.input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let (updates, seconds) = line.trim().split_once(' ').context("raw SQLite failed")?;
        Ok((updates.parse()?, seconds.parse()?))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
