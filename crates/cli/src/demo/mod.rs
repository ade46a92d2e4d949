//! The sample data that `runstate demo` loads.

// Until `runstate demo` is there, only the tests call this; the compiler says when to delete it.
#![cfg_attr(
    not(test),
    expect(dead_code, reason = "`runstate demo` is not there yet")
)]

pub(crate) mod fleet;
