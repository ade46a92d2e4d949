//! The rows behind [`OutcomeStore`].

use async_trait::async_trait;
use runstate_graph::entity::RUN_STATE;
use runstate_odata::edm::DateTimeOffset;
use runstate_store::{
    Error,
    outcome::{OutcomeSample, OutcomeStore},
};

use crate::{
    Backend, Database, SqlStore,
    cells::{CellsExt as _, binds},
};

/// The counts that are kept of each script, so that no result is gone through.
const COUNTS: &str = "SELECT c.run_state, CAST(sum(c.count) AS BIGINT) \
     FROM run_state_count AS c JOIN script AS s ON s.pk = c.script_pk \
     WHERE s.tenant_id = ?1 GROUP BY c.run_state";
const TENANTS: &str = "SELECT DISTINCT tenant_id FROM script ORDER BY tenant_id";
const ADD: &str = "INSERT INTO outcome_sample (id, version, tenant_id, sampled_date_time, \
     sampled_date_time_form, success_count, error_count, pending_count, other_count) \
     VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (tenant_id, id) DO NOTHING";
const EXPIRE: &str = "DELETE FROM outcome_sample WHERE sampled_date_time < ?1";

fn add(database: &dyn Database, tenant_id: &str, sample: &OutcomeSample) -> Result<(), Error> {
    let id = sample.id();
    let values = binds![
        &id,
        tenant_id,
        sample.sampled.ticks(),
        sample.sampled.form(),
        sample.success,
        sample.error,
        sample.pending,
        sample.other
    ];
    database.execute(ADD, values)?;
    Ok(())
}

/// Removes the samples that were taken before the moment in ticks.
pub(crate) fn expire(database: &dyn Database, before: i64) -> Result<u64, Error> {
    database.execute(EXPIRE, binds![before])
}

/// The tenants of which there is something to sample.
fn tenants(database: &dyn Database) -> Result<Vec<String>, Error> {
    database.rows(TENANTS, &[], |cells| cells.text(0))
}

/// Notes how results stand; nothing of a tenant that has none.
fn sample(database: &dyn Database, now: DateTimeOffset, tenant_id: &str) -> Result<(), Error> {
    let counts = database.rows(COUNTS, binds![tenant_id], |cells| {
        Ok((cells.int32(0)?, cells.integer(1)?))
    })?;
    if counts.is_empty() {
        return Ok(());
    }
    let mut sample = OutcomeSample {
        sampled: now,
        success: 0,
        error: 0,
        pending: 0,
        other: 0,
    };
    for (run_state, count) in counts {
        let counter = match RUN_STATE.name_of(run_state) {
            Some("success") => &mut sample.success,
            Some("fail" | "scriptError") => &mut sample.error,
            Some("pending") => &mut sample.pending,
            _ => &mut sample.other,
        };
        *counter = counter.saturating_add(count);
    }
    add(database, tenant_id, &sample)
}

#[async_trait]
impl<B: Backend> OutcomeStore for SqlStore<B> {
    async fn outcomes_sample(&self) -> Result<(), Error> {
        self.backend.admit()?;
        let now = DateTimeOffset::from_system_time(self.backend.clock().now());
        for tenant_id in self.backend.read(None, tenants).await? {
            let tenant = tenant_id.clone();
            // Not apart: reports that wait are counted too.
            let write = move |database: &dyn Database| sample(database, now, &tenant);
            self.backend.write(Some(&tenant_id), write).await?;
        }
        Ok(())
    }

    async fn outcome_sample_add(
        &self,
        tenant_id: &str,
        sample: OutcomeSample,
    ) -> Result<(), Error> {
        let tenant = tenant_id.to_owned();
        let write = move |database: &dyn Database| add(database, &tenant, &sample);
        self.backend.write_apart(Some(tenant_id), write).await
    }
}
