//! What an agent has run and what waits, read from its state folder.

use runstate_odata::edm::DateTimeOffset;
use serde::Serialize;

use crate::{Error, StateDir, queue::Queue};

/// What is known of the device and its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The server's URL.
    pub server: String,
    /// The tenant.
    pub tenant_id: String,
    /// The managed device's id.
    pub device_id: String,
    /// The scripts that are assigned.
    pub assigned_scripts: usize,
    /// Reports that wait to be delivered.
    pub waiting_reports: usize,
    /// Whether a script runs now (or ran when an agent was killed).
    pub running: Vec<String>,
    /// How each script ran last.
    pub scripts: Vec<ScriptStatus>,
}

/// How a script ran last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScriptStatus {
    /// Its name.
    pub display_name: String,
    /// Its id.
    pub script_id: String,
    /// The version that ran.
    pub script_version: i32,
    /// How the run ended.
    pub run_state: String,
    /// When, by this device's clock.
    pub end_date_time: String,
}

/// Reads what there is to know. Does not disturb an agent at work.
///
/// # Errors
/// Where the device is not enrolled, or a file fails.
pub fn status(state: &StateDir) -> Result<Status, Error> {
    let identity = state.identity()?;
    let queue = Queue::open(&state.file("queue.db"))?;
    let scripts = queue.last_runs()?.into_iter().map(|last| ScriptStatus {
        display_name: last.name,
        script_id: last.script_id,
        script_version: last.record.version,
        run_state: last.record.run_state,
        end_date_time: DateTimeOffset::from_ticks(last.ended).to_string(),
    });
    let running = queue
        .running()?
        .into_iter()
        .map(|run| run.script.display_name);
    Ok(Status {
        server: identity.server,
        tenant_id: identity.tenant_id,
        device_id: identity.device_id,
        assigned_scripts: queue.scripts()?.len(),
        waiting_reports: queue.waiting()?,
        running: running.collect(),
        scripts: scripts.collect(),
    })
}
