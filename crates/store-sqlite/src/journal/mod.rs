//! The journal of runs: where a report becomes durable before it is answered, and where it waits
//! until it is folded into the tables.
//!
//! To change a row of a large table costs far more than to append a record to a file: the pages that
//! a change touches are all over the table and its indexes. So a report is appended to the [`log`],
//! with all that came at the same time, synced once, and answered. What the log holds and the tables
//! do not is held in memory too, the [`overlay`]. The writing thread folds it into the tables behind
//! (see [`crate::fold`]), many reports in one transaction, in the order of the rows.
//!
//! Every read sees every acknowledged report: one run state by a look into the overlay before the
//! row is read, whatever else shows results by folding first. After a crash the overlay is filled
//! again from the log, from the last folded number on, which is in the same transaction as the fold.
//!
//! Read in this order: [`entry`], a report as it waits; [`log`]; [`overlay`]; [`appender`], the thread
//! that takes reports in.

mod appender;
mod entry;
mod log;
mod overlay;
mod report;

use std::{
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};

use runstate_graph::{
    clock::Clock,
    entity::{AUDIT_EVENT, DEVICE_STATE, RUN, RUN_REQUEST, RUN_SUMMARY, SCRIPT_TYPES, USER_STATE},
};
use runstate_odata::check::{Query, ResourcePath};
use rusqlite::Connection;

pub(crate) use appender::Appender;
#[cfg(test)]
pub(crate) use appender::STATEMENTS;
pub(crate) use entry::Entry;
pub(crate) use log::Log;
pub(crate) use overlay::{Batch, Concerned, Overlay};
pub(crate) use report::{Report, Reported};

use crate::{
    OpenError,
    connection::secret,
    fold,
    writer::{self, Writer},
};

/// The journal at work.
pub(crate) struct Journal {
    // Dropped in this order: first nothing more comes in, and then nobody is needed to fold it.
    pub(crate) appender: Appender,
    _folder: Folder,
    pub(crate) overlay: Arc<Overlay>,
}

impl Journal {
    /// Starts its threads: one takes reports in, with a connection for reading; another has the
    /// writing thread fold them soon.
    pub(crate) fn start(
        log: Log,
        overlay: Arc<Overlay>,
        reading: Connection,
        clock: Arc<dyn Clock>,
        writer: Arc<Writer>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            appender: Appender::start(log, Arc::clone(&overlay), reading, clock)?,
            _folder: Folder::start(Arc::clone(&overlay), writer)?,
            overlay,
        })
    }
}

/// A journal that is open and not at work yet.
pub(crate) struct Opened {
    pub(crate) log: Log,
    pub(crate) overlay: Arc<Overlay>,
    /// For whoever folds last.
    pub(crate) lock: File,
}

/// Opens the journal of a data file, and folds what is in it and not in the tables.
pub(crate) fn open(connection: &Connection, file: &Path) -> Result<Opened, OpenError> {
    // By whichever name the file is opened, the journal is the same.
    let file = file.canonicalize().map_err(|error| OpenError::Journal {
        folder: file.to_owned(),
        error,
    })?;
    let folder = folder(&file);
    let fail = |error: Box<dyn std::error::Error + Send + Sync>| OpenError::Journal {
        folder: folder.clone(),
        error: std::io::Error::other(error),
    };
    let identity = secret(connection, "journal")?;
    let (log, found, lock) = Log::open(&folder, identity, Entry::number_of)?;
    // Written once more, and synced: a process that was killed may have committed without.
    connection.execute("UPDATE journal SET folded = folded", [])?;
    let folded = connection.query_row(fold::FOLDED, [], |row| row.get(0))?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    for record in found {
        if Entry::number_of(&record).is_some_and(|number| number <= folded) {
            continue;
        }
        let unknown = || fail("a record is not one that this runstate knows".into());
        let entry = Entry::read(&record).ok_or_else(unknown)?;
        entries.push(Arc::new(entry));
        bytes += record.len();
    }
    entries.sort_by_key(|entry| entry.number);
    let last = writer::last_run(connection).map_err(|error| fail(error.into()))?;
    let newest = entries.last().map_or(folded, |entry| entry.number);
    let overlay = Arc::new(Overlay::new(entries, bytes, folded, last.max(newest) + 1));
    if let Err(error) = fold::fold(connection, &overlay) {
        // Such as on a full disk. Reads and reports go on, and it is tried again.
        tracing::error!(%error, "the journal could not be folded");
        overlay.set_stuck(true);
    }
    Ok(Opened { log, overlay, lock })
}

/// The folder of a data file's journal.
fn folder(file: &Path) -> PathBuf {
    let mut folder = OsString::from(file);
    folder.push("-runs");
    folder.into()
}

/// Whether a read shows results of runs, other than a run state that is asked for by its key.
pub(crate) fn shows_results(path: &ResourcePath, query: &Query) -> bool {
    let Some(ty) = path.ty() else {
        return false;
    };
    if ty == &DEVICE_STATE {
        return path.is_collection();
    }
    // Events of reports come into the tables with these.
    let of_results = [&USER_STATE, &RUN_SUMMARY, &RUN, &RUN_REQUEST, &AUDIT_EVENT];
    // A script's navigation properties lead to its results.
    let reaches = query.filter.is_some() || !query.orderby.is_empty() || !query.expand.is_empty();
    of_results.contains(&ty) || SCRIPT_TYPES.contains(&ty) && reaches
}

/// The thread that sees to it that nothing waits long to be folded.
struct Folder {
    thread: Option<JoinHandle<()>>,
    overlay: Arc<Overlay>,
}

impl Folder {
    fn start(overlay: Arc<Overlay>, writer: Arc<Writer>) -> std::io::Result<Self> {
        let shared = Arc::clone(&overlay);
        let thread = std::thread::Builder::new()
            .name("store-folder".to_owned())
            .spawn(move || {
                while shared.wait_for_news() {
                    if writer.fold_and_wait().is_err() {
                        shared.pause();
                    }
                }
            })?;
        Ok(Self {
            thread: Some(thread),
            overlay,
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.overlay.stop();
        if let Some(thread) = self.thread.take() {
            // It failed only where it panicked, which has been reported then.
            let _ = thread.join();
        }
    }
}
