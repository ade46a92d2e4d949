//! The proof that a caller may do what it asks.

use std::sync::Arc;

use super::{Audited, Origin};

/// That a caller may do one act on one resource. Only [`super::authorize()`] makes one, so a store
/// function that takes a `Permit` cannot be reached around the table of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    tenant_id: String,
    device_id: Option<String>,
    audited: Option<Arc<Audited>>,
}

impl Permit {
    pub(super) fn new(
        tenant_id: String,
        device_id: Option<String>,
        audited: Option<Audited>,
    ) -> Self {
        Self {
            tenant_id,
            device_id,
            audited: audited.map(Arc::new),
        }
    }

    /// The same, with what the audit tells of the request.
    #[must_use]
    pub fn from(mut self, origin: &Origin) -> Self {
        if let Some(audited) = &mut self.audited {
            Arc::make_mut(audited).actor.origin = origin.clone();
        }
        self
    }

    /// The tenant whose data may be touched: no other is to be seen.
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// Where the caller is a device: the only device whose states may be touched.
    pub fn device_id(&self) -> Option<&str> {
        self.device_id.as_deref()
    }

    /// What the audit has to tell of, where the act is one of those: an administrator's, that changes
    /// something.
    pub fn audited(&self) -> Option<&Audited> {
        self.audited.as_deref()
    }
}
