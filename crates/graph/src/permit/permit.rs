//! The proof that a caller may do what it asks.

/// That a caller may do one act on one resource. Only [`super::authorize()`] makes one, so a store
/// function that takes a `Permit` cannot be reached around the table of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    tenant_id: String,
    device_id: Option<String>,
}

impl Permit {
    pub(super) fn new(tenant_id: String, device_id: Option<String>) -> Self {
        Self {
            tenant_id,
            device_id,
        }
    }

    /// The tenant whose data may be touched: no other is to be seen.
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// Where the caller is a device: the only device whose states may be touched.
    pub fn device_id(&self) -> Option<&str> {
        self.device_id.as_deref()
    }
}
