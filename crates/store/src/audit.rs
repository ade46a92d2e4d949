//! The audit: what administrators did and what was denied, in one chain for each tenant.
//!
//! An event is never changed, and removed only by age, from the beginning. The hash of each covers the
//! hash of the one before it, so whoever has kept the hash of one knows all before it to be what they
//! were:
//!
//! ```text
//! hash(0) = SHA-256("runstate audit 1\n" + tenant id)
//! hash(n) = SHA-256(hash(n - 1) + canonical(event n))
//! ```
//!
//! [`canonical`] is the event's JSON as the API answers it, in the form of RFC 8785 (JSON
//! Canonicalization Scheme). An event's `id` is made of its place in the chain, see [`id`].

use std::{fmt, str::FromStr, time::SystemTime};

use async_trait::async_trait;
use runstate_graph::permit::{Activity, Actor, Audited};
use runstate_odata::edm::{DateTimeOffset, Record, Value};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Error;

mod draft;

pub use draft::{Draft, Modified, Names, Resource, content, shown};

/// `activityResult` of what was done.
pub const SUCCESS: &str = "Success";
/// `activityResult` of what was denied.
pub const FAILURE: &str = "Failure";

/// SHA-256 of all of a chain up to some event.
pub type Hash = [u8; 32];

/// The place in a chain that is known by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Whose chain it is.
    pub tenant_id: String,
    /// How many events there have been: the number of the last.
    pub sequence: i64,
    /// The hash of the last.
    pub hash: Hash,
}

impl Head {
    /// The beginning of a tenant's chain, before any event.
    pub fn beginning(tenant_id: &str) -> Self {
        Self {
            tenant_id: tenant_id.to_owned(),
            sequence: 0,
            hash: beginning(tenant_id),
        }
    }
}

/// `tenant:sequence:hash`, the hash in hexadecimal digits.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.tenant_id, self.sequence)?;
        self.hash
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// That a text is not `tenant:sequence:hash`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a head is written as TENANT:SEQUENCE:HASH, as `runstate audit head` prints it")]
pub struct NotAHead;

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let (rest, hash) = text.trim().rsplit_once(':').ok_or(NotAHead)?;
        let (tenant_id, sequence) = rest.rsplit_once(':').ok_or(NotAHead)?;
        let digits = hash.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 64 || tenant_id.is_empty() {
            return Err(NotAHead);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NotAHead)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAHead)?;
        }
        let sequence = sequence.parse().map_err(|_| NotAHead)?;
        Ok(Self {
            tenant_id: tenant_id.to_lowercase(),
            sequence,
            hash: bytes,
        })
    }
}

/// What a look at a whole chain has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Behind which place events are kept: the beginning, or what retention has left.
    pub kept_after: Head,
    /// Up to where all is as it should be.
    pub head: Head,
    /// The first thing that is not as it should be.
    pub fault: Option<Fault>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The number of the event at which it shows.
    pub sequence: i64,
    /// One sentence.
    pub what: String,
}

/// The audit's part of a store. Acts along the paths of the API leave their events by themselves, in
/// their own transaction.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds an event that goes with no other change of the store.
    ///
    /// # Errors
    /// As every call here: [`Error::Unavailable`], [`Error::Busy`] or [`Error::Internal`].
    async fn audit_append(&self, tenant_id: &str, event: Draft) -> Result<(), Error>;

    /// Adds an event about an enrolment token that was refused, in the tenant whose it is; nothing where
    /// there is no such token.
    async fn audit_enrollment_denied(
        &self,
        token_hash: [u8; 32],
        event: Draft,
    ) -> Result<(), Error>;

    /// The heads of all chains, or of one tenant's, by tenant.
    async fn audit_heads(&self, tenant_id: Option<&str>) -> Result<Vec<Head>, Error>;

    /// Goes through a tenant's chain from its beginning. `expected` are places of it that were noted
    /// elsewhere; those of other tenants say nothing of it.
    async fn audit_verify(&self, tenant_id: &str, expected: &[Head]) -> Result<Verified, Error>;

    /// Removes all events that are older, up to the first that is not, and keeps the hash of the last of
    /// them, so that the rest can be verified.
    async fn audit_expire(&self, before: SystemTime) -> Result<(), Error>;
}

/// The hash before a tenant's first event.
pub fn beginning(tenant_id: &str) -> Hash {
    let mut digest = Sha256::new();
    digest.update(b"runstate audit 1\n");
    digest.update(tenant_id.as_bytes());
    digest.finalize().into()
}

/// The hash of an event, from that of the one before it.
pub fn link(before: &Hash, event: &Record) -> Hash {
    let mut digest = Sha256::new();
    digest.update(before);
    digest.update(canonical(event).as_bytes());
    digest.finalize().into()
}

/// The `id` of an event: a UUID of version 8 (RFC 9562), whose first 48 bits are its number and whose
/// last 62 bits are of SHA-256 of the tenant's id. So the order of ids is that of the chain, and no two
/// tenants' events have the same.
pub fn id(tenant_id: &str, sequence: i64) -> String {
    let of_tenant: [u8; 32] = Sha256::digest(tenant_id.as_bytes()).into();
    let number = sequence & 0xffff_ffff_ffff;
    let bits = of_tenant
        .iter()
        .take(8)
        .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let variant = (bits >> 48 & 0x3fff) | 0x8000;
    format!(
        "{:08x}-{:04x}-8000-{variant:04x}-{:012x}",
        number >> 16,
        number & 0xffff,
        bits & 0xffff_ffff_ffff
    )
}

/// A record as JSON in the form of RFC 8785: members sorted, no blanks, escapes only where they must
/// be. Of the values that events have: texts, instants, collections and complex values.
pub fn canonical(record: &Record) -> String {
    let mut text = String::new();
    write_record(&mut text, record);
    text
}

fn write_record(text: &mut String, record: &Record) {
    let properties = record.ty.properties.iter();
    let mut members: Vec<(&str, &Value)> = properties
        .map(|property| property.name)
        .zip(&record.values)
        .collect();
    // All names are ASCII, of which bytes have the order of UTF-16.
    members.sort_unstable_by_key(|(name, _)| *name);
    text.push('{');
    for (at, (name, value)) in members.into_iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        write_text(text, name);
        text.push(':');
        write_value(text, value);
    }
    text.push('}');
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::String(value) => write_text(text, value),
        Value::DateTimeOffset(instant) => write_text(text, &instant.to_string()),
        Value::Complex(record) => write_record(text, record),
        Value::Collection(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write_value(text, item);
            }
            text.push(']');
        }
        Value::Boolean(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Int32(number) | Value::Enum(number) => text.push_str(&number.to_string()),
        // Beyond what RFC 8785 has for numbers, and no property of an event.
        Value::Int64(_) | Value::Duration(_) | Value::Binary(_) | Value::Null => {
            text.push_str("null");
        }
    }
}

/// In quotes, with the escapes of RFC 8785, 3.2.2.2, which are those of `serde_json`.
fn write_text(text: &mut String, value: &str) {
    // A string into memory cannot fail.
    text.push_str(&serde_json::to_string(value).unwrap_or_default());
}

#[cfg(test)]
mod tests;
