//! The interface, function by function: what runs where.

use std::time::SystemTime;

use async_trait::async_trait;
use runstate_odata::edm::DateTimeOffset;
use runstate_store::{
    Error,
    audit::{AuditStore, Draft, Head, Verified},
};

use super::{
    append,
    verify::{self, Walk},
};
use crate::{Backend, Database, SqlStore, device};

#[async_trait]
impl<B: Backend> AuditStore for SqlStore<B> {
    async fn audit_append(&self, tenant_id: &str, event: Draft) -> Result<(), Error> {
        let tenant = tenant_id.to_owned();
        let write = move |database: &dyn Database| append(database, &tenant, &event);
        self.backend.write_apart(Some(tenant_id), write).await
    }

    async fn audit_enrollment_denied(
        &self,
        token_hash: [u8; 32],
        event: Draft,
    ) -> Result<(), Error> {
        let find = move |database: &dyn Database| device::tenant_of_token(database, &token_hash);
        match self.backend.read(None, find).await {
            Ok(tenant_id) => self.audit_append(&tenant_id, event).await,
            // Nobody's chain is the one to tell.
            Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn audit_heads(&self, tenant_id: Option<&str>) -> Result<Vec<Head>, Error> {
        let tenant = tenant_id.map(str::to_owned);
        let read = move |database: &dyn Database| verify::heads(database, tenant.as_deref());
        self.backend.read(tenant_id, read).await
    }

    async fn audit_verify(&self, tenant_id: &str, expected: &[Head]) -> Result<Verified, Error> {
        let mut walk = Walk::new(tenant_id, expected);
        loop {
            let step = move |database: &dyn Database| walk.step(database);
            walk = self.backend.read(Some(tenant_id), step).await?;
            if let Some(verified) = walk.end() {
                return Ok(verified);
            }
        }
    }

    async fn audit_expire(&self, before: SystemTime) -> Result<(), Error> {
        let before = DateTimeOffset::from_system_time(before);
        for head in self.audit_heads(None).await? {
            loop {
                let tenant_id = head.tenant_id.clone();
                let expire =
                    move |database: &dyn Database| verify::expire(database, &tenant_id, before);
                if !self.backend.write(Some(&head.tenant_id), expire).await? {
                    break;
                }
            }
        }
        Ok(())
    }
}
