//! What is in a generated file, as functions of a number: nothing has to be looked up to address a
//! run state, and every run sees the same fleet.

use crate::random::mix;

/// The tenant that owns all of it.
pub(crate) const TENANT: &str = "6f1a5bba-0000-4000-8000-00000000beef";

/// How many scripts there are.
pub(crate) const SCRIPTS: u64 = 10;

/// Members of the enumeration `runState`, as the store keeps them.
pub(crate) const SUCCESS: i64 = 1;
pub(crate) const FAIL: i64 = 2;
pub(crate) const PENDING: i64 = 4;

/// A fleet of some size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fleet {
    /// Devices, each of which has a run state for every script.
    pub(crate) devices: u64,
}

impl Fleet {
    /// The fleet with that many run states, rounded down to whole devices.
    pub(crate) fn with_states(states: u64) -> Self {
        Self {
            devices: (states / SCRIPTS).max(1),
        }
    }

    pub(crate) fn states(self) -> u64 {
        self.devices * SCRIPTS
    }

    /// The id of a script.
    pub(crate) fn script_id(self, script: u64) -> String {
        guid(
            script * (u64::from(u32::MAX) / SCRIPTS),
            script ^ 0x5c21_7000,
        )
    }

    /// The id of a device. Ids rise with the number, so that the unique indexes are filled from left
    /// to right.
    pub(crate) fn device_id(self, device: u64) -> String {
        let step = (u64::from(u32::MAX) / self.devices).max(1);
        guid(device * step + mix(device) % step, device ^ 0xde71_ce00)
    }

    /// The id of a run state, as the service makes them.
    pub(crate) fn state_id(self, state: u64) -> String {
        let (script, device) = self.parts(state);
        format!("{}:{}", self.script_id(script), self.device_id(device))
    }

    /// The script and the device of a run state. The state's primary key is its number plus one.
    pub(crate) fn parts(self, state: u64) -> (u64, u64) {
        (state / self.devices, state % self.devices)
    }
}

/// A GUID whose first group is `high`, so that GUIDs sort as those numbers do.
fn guid(high: u64, rest: u64) -> String {
    let (a, b) = (mix(rest), mix(rest ^ 0xffff_0000_ffff));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high & 0xffff_ffff,
        a & 0xffff,
        (a >> 16) & 0xfff,
        0x8000 | ((a >> 32) & 0x3fff),
        b & 0xffff_ffff_ffff,
    )
}

/// What a run state shows before anything is reported to it.
pub(crate) struct Shown {
    pub(crate) run_state: i64,
    pub(crate) result_message: String,
    /// Ticks of 100 ns since 1970.
    pub(crate) updated: i64,
    pub(crate) error_code: i64,
    pub(crate) error_description: Option<&'static str>,
}

/// 2026-01-01T00:00:00Z, after which no generated outcome is; and how long before it they begin.
const END: i64 = 17_672_256_000_000_000;
const MONTH: i64 = 30 * 24 * 3600 * 10_000_000;

impl Fleet {
    /// What the run state shows: 85 % succeeded, 10 % failed, 5 % have not run.
    pub(crate) fn shown(self, state: u64) -> Shown {
        let chance = mix(state ^ 0x0bad_cafe);
        let run_state = match chance % 100 {
            0..85 => SUCCESS,
            85..95 => FAIL,
            _ => PENDING,
        };
        let (result_message, error_code, error_description) = match run_state {
            SUCCESS => (
                format!("{} GiB free on /", 20 + (chance >> 8) % 900),
                0,
                None,
            ),
            FAIL => (
                format!("{} services are not running", 1 + (chance >> 8) % 9),
                1 + i64::try_from((chance >> 16) % 120).unwrap_or(0),
                Some("the script ended with another status than 0"),
            ),
            _ => (String::new(), 0, None),
        };
        Shown {
            run_state,
            result_message,
            updated: self.updated(state),
            error_code,
            error_description,
        }
    }

    /// When the state was reported: a moment of its own, in an order that has nothing to do with the
    /// order of the states.
    fn updated(self, state: u64) -> i64 {
        // An odd factor permutes the numbers below a power of two.
        let slots = self.states().next_power_of_two();
        let slot = state.wrapping_mul(0x9E37_79B9) & (slots - 1);
        let step = MONTH / i64::try_from(slots).unwrap_or(MONTH).max(1);
        END - i64::try_from(slot).unwrap_or(0) * step - 1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_rise_and_moments_are_distinct() {
        let fleet = Fleet::with_states(20_000);
        let ids: Vec<_> = (0..fleet.states())
            .map(|state| fleet.state_id(state))
            .collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert_eq!(ids[0].len(), 73);
        let moments: HashSet<_> = (0..fleet.states())
            .map(|state| fleet.updated(state))
            .collect();
        assert_eq!(moments.len(), 20_000);
    }

    #[test]
    fn a_tenth_fails() {
        let fleet = Fleet::with_states(100_000);
        let failed = (0..100_000).filter(|state| fleet.shown(*state).run_state == FAIL);
        assert!((9_500..10_500).contains(&failed.count()));
    }
}
