//! The assertions that were used, so that none is used twice (RFC 7523, 3, item 7).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ring::digest;

/// The most assertions that are remembered at once; 48 bytes each.
const CAPACITY: usize = 1 << 20;

/// The `jti`s of assertions that are still within their time.
///
/// They live in memory: an assertion is good for an hour at most, and after a restart one that
/// was captured could be used once more in what remains of it.
#[derive(Default)]
pub(super) struct SeenAssertions(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// From the hash of tenant, client and `jti` to the second at which the assertion ends.
    ends: HashMap<[u8; 32], f64>,
    /// The number of entries at which those that have ended are thrown out.
    sweep_at: usize,
}

/// What became of an assertion that was to be remembered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Remembered {
    /// It is the first of its kind.
    First,
    /// It was used before.
    Again,
    /// There are too many to remember another. It must be refused, or it could be used twice.
    Full,
}

impl SeenAssertions {
    /// Remembers an assertion until `end`.
    pub(super) fn remember(
        &self,
        (tenant_id, client_id, jti): (&str, &str, &str),
        now: f64,
        end: f64,
    ) -> Remembered {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [tenant_id, client_id, jti] {
            // With their lengths, so that no two triples make the same text.
            context.update(&part.len().to_le_bytes());
            context.update(part.as_bytes());
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());

        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.ends.get(&hash).is_some_and(|end| now < *end) {
            return Remembered::Again;
        }
        if seen.ends.len() >= seen.sweep_at {
            seen.ends.retain(|_, end| now < *end);
            // Sweeping when the number has doubled keeps the cost of each call constant.
            seen.sweep_at = (seen.ends.len() * 2).clamp(1024, CAPACITY);
        }
        if seen.ends.len() >= CAPACITY {
            return Remembered::Full;
        }
        seen.ends.insert(hash, end);
        Remembered::First
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_is_new_once() {
        let seen = SeenAssertions::default();
        assert_eq!(seen.remember(("t", "c", "j"), 0.0, 10.0), Remembered::First);
        assert_eq!(seen.remember(("t", "c", "j"), 9.0, 10.0), Remembered::Again);
        assert_eq!(seen.remember(("t", "d", "j"), 9.0, 10.0), Remembered::First);
        assert_eq!(seen.remember(("tc", "", "j"), 9.0, 10.0), Remembered::First);
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let seen = SeenAssertions::default();
        for number in 0..5000 {
            let jti = number.to_string();
            let now = f64::from(number);
            assert_eq!(
                seen.remember(("t", "c", &jti), now, now + 1.0),
                Remembered::First
            );
        }
        let kept = seen.0.lock().unwrap().ends.len();
        assert!(kept <= 1024, "{kept}");
    }
}
