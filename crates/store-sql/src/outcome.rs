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
const COUNTS: &str = "SELECT s.tenant_id, c.run_state, CAST(sum(c.count) AS BIGINT) \
     FROM run_state_count AS c JOIN script AS s ON s.pk = c.script_pk \
     GROUP BY s.tenant_id, c.run_state ORDER BY s.tenant_id";
const ADD: &str = "INSERT INTO outcome_sample (id, version, tenant_id, sampled_date_time, \
     sampled_date_time_form, success_count, error_count, pending_count, other_count) \
     VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (tenant_id, id) DO NOTHING";
pub(crate) const EXPIRE: &str = "DELETE FROM outcome_sample WHERE sampled_date_time < ?1";

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

fn sample_all(database: &dyn Database, now: DateTimeOffset) -> Result<(), Error> {
    let counts = database.rows(COUNTS, &[], |cells| {
        Ok((cells.text(0)?, cells.int32(1)?, cells.integer(2)?))
    })?;
    let mut samples: Vec<(String, OutcomeSample)> = Vec::new();
    for (tenant_id, run_state, count) in counts {
        if samples.last().is_none_or(|(last, _)| *last != tenant_id) {
            let sample = OutcomeSample {
                sampled: now,
                success: 0,
                error: 0,
                pending: 0,
                other: 0,
            };
            samples.push((tenant_id, sample));
        }
        if let Some((_, sample)) = samples.last_mut() {
            let counter = match RUN_STATE.name_of(run_state) {
                Some("success") => &mut sample.success,
                Some("fail" | "scriptError") => &mut sample.error,
                Some("pending") => &mut sample.pending,
                _ => &mut sample.other,
            };
            *counter = counter.saturating_add(count);
        }
    }
    for (tenant_id, sample) in samples {
        add(database, &tenant_id, &sample)?;
    }
    Ok(())
}

#[async_trait]
impl<B: Backend> OutcomeStore for SqlStore<B> {
    async fn outcomes_sample(&self) -> Result<(), Error> {
        self.backend().admit()?;
        let now = DateTimeOffset::from_system_time(self.backend().clock().now());
        // Not apart: reports that wait are counted too.
        self.backend()
            .write(move |database| sample_all(database, now))
            .await
    }

    async fn outcome_sample_add(
        &self,
        tenant_id: &str,
        sample: OutcomeSample,
    ) -> Result<(), Error> {
        let tenant_id = tenant_id.to_owned();
        self.backend()
            .write_apart(move |database| add(database, &tenant_id, &sample))
            .await
    }
}
