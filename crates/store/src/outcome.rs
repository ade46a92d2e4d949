//! How a tenant's results stood, hour by hour.

use async_trait::async_trait;
use runstate_odata::edm::DateTimeOffset;

use crate::Error;

/// How many device run states of all scripts had which outcome at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeSample {
    /// The moment. A tenant has one sample for each hour; the first to be noted stays.
    pub sampled: DateTimeOffset,
    /// `success`.
    pub success: i64,
    /// `fail` and `scriptError`.
    pub error: i64,
    /// `pending`.
    pub pending: i64,
    /// All else.
    pub other: i64,
}

impl OutcomeSample {
    /// The sample's id: its hour in UTC, such as `2026-01-31T12`.
    pub fn id(&self) -> String {
        let utc = DateTimeOffset::from_ticks(self.sampled.ticks()).to_string();
        utc.get(..13).unwrap_or(&utc).to_owned()
    }
}

/// Where samples come from. They are read as every entity is
/// ([`runstate_graph::entity::OUTCOME_SAMPLE`]), and go with the history.
#[async_trait]
pub trait OutcomeStore: Send + Sync {
    /// Notes how the results of every tenant stand now, where this hour has no sample yet.
    ///
    /// # Errors
    /// As every call here: [`Error::Unavailable`] or [`Error::Internal`].
    async fn outcomes_sample(&self) -> Result<(), Error>;

    /// Notes how the results of a tenant stood, for whoever brings results from before.
    async fn outcome_sample_add(&self, tenant_id: &str, sample: OutcomeSample)
    -> Result<(), Error>;
}
