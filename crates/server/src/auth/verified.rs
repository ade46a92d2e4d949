//! The tokens that were found good, so that only the first request of each pays for the signature.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest;
use runstate_graph::permit::Caller;

/// Locks are taken one in this many, by the token's hash, so that requests rarely meet.
const SHARDS: usize = 16;

/// SHA-256 of a token: the token itself is not kept.
pub(crate) type TokenHash = [u8; 32];

/// The hash under which a token is remembered.
pub(crate) fn token_hash(token: &str) -> TokenHash {
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    bytes
}

/// A bounded memory of verified tokens.
///
/// Each shard has two generations. New and used entries go into the young one; when it is full it
/// becomes the old one, and what was old is forgotten. So the memory is bounded, tokens in use
/// stay, and nothing ever has to be searched for.
pub(crate) struct VerifiedTokens {
    shards: [Mutex<Shard>; SHARDS],
    /// The most entries in one generation of one shard.
    capacity: usize,
}

#[derive(Default)]
struct Shard {
    young: HashMap<TokenHash, Entry>,
    old: HashMap<TokenHash, Entry>,
}

#[derive(Clone)]
struct Entry {
    caller: Arc<Caller>,
    /// Seconds since 1970 from which the entry is no longer good.
    end: f64,
}

impl VerifiedTokens {
    /// A memory of at most about `capacity` tokens.
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = (capacity / (2 * SHARDS)).max(1);
        Self {
            shards: Default::default(),
            capacity,
        }
    }

    /// The caller of a token that was remembered and is still good at `now`.
    pub(crate) fn get(&self, hash: &TokenHash, now: f64) -> Option<Arc<Caller>> {
        let mut shard = self
            .shard(hash)?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = shard.young.get(hash) {
            return (now < entry.end).then(|| entry.caller.clone());
        }
        let entry = shard.old.remove(hash)?;
        let caller = (now < entry.end).then(|| entry.caller.clone())?;
        shard.insert(*hash, entry, self.capacity);
        Some(caller)
    }

    /// Remembers the caller of a token until `end`.
    pub(crate) fn insert(&self, hash: TokenHash, caller: Arc<Caller>, end: f64) {
        if let Some(shard) = self.shard(&hash) {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.insert(hash, Entry { caller, end }, self.capacity);
        }
    }

    fn shard(&self, hash: &TokenHash) -> Option<&Mutex<Shard>> {
        self.shards.get(usize::from(hash[0]) % SHARDS)
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap();
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(count).sum()
    }
}

impl Shard {
    fn insert(&mut self, hash: TokenHash, entry: Entry, capacity: usize) {
        if self.young.len() >= capacity {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, entry);
    }
}

#[cfg(test)]
mod tests {
    use runstate_graph::permit::CallerKind;

    use super::*;

    fn caller() -> Arc<Caller> {
        Arc::new(Caller {
            tenant_id: "t".into(),
            kind: CallerKind::Application,
            permissions: vec![],
            client_id: None,
        })
    }

    #[test]
    fn an_entry_is_good_until_its_end() {
        let tokens = VerifiedTokens::new(100);
        tokens.insert([1; 32], caller(), 10.0);
        assert!(tokens.get(&[1; 32], 9.9).is_some());
        assert!(tokens.get(&[1; 32], 10.0).is_none());
        assert!(tokens.get(&[2; 32], 0.0).is_none());
    }

    #[test]
    fn memory_is_bounded_and_keeps_what_is_used() {
        let tokens = VerifiedTokens::new(320);
        let used = token_hash("used");
        tokens.insert(used, caller(), 10.0);
        for number in 0..10_000 {
            tokens.insert(token_hash(&number.to_string()), caller(), 10.0);
            assert!(tokens.get(&used, 0.0).is_some(), "forgotten after {number}");
        }
        assert!(tokens.len() <= 320, "{}", tokens.len());
    }
}
