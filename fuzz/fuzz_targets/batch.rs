//! `$batch`: every request is in one round, behind those on which it depends, and asks for a path.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use runstate_server::batch::{Batch, Item, MOST_REQUESTS};

fuzz_target!(|bytes: &[u8]| {
    let Ok(batch) = Batch::parse(bytes) else {
        return;
    };
    let mut done: HashSet<&str> = HashSet::new();
    for round in &batch.rounds {
        assert!(!round.is_empty());
        let ready = |item: &Item| item.depends_on.iter().all(|id| done.contains(id.as_str()));
        assert!(round.iter().all(ready));
        for item in round {
            assert!(done.insert(&item.id));
        }
    }
    assert!((1..=MOST_REQUESTS).contains(&done.len()));

    let again = Batch::parse(bytes).expect("it was one before");
    let pairs = batch
        .rounds
        .iter()
        .flatten()
        .zip(again.rounds.iter().flatten());
    for (item, again) in pairs {
        for version in ["beta", "v1.0"] {
            let parts = item.parts(version);
            assert_eq!(parts, again.parts(version));
            if let Ok(parts) = parts {
                assert!(parts.path.starts_with('/') && !parts.path.starts_with("//"));
                assert!(!parts.path.contains(['?', '#']) && !parts.query.contains('#'));
            }
        }
    }
});
