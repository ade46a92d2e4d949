//! `Edm.DateTimeOffset`: what is read is written and read again as the same, and survives storage.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runstate_odata::edm::DateTimeOffset;

fuzz_target!(|text: &str| {
    if let Ok(value) = DateTimeOffset::parse(text) {
        let written = value.to_string();
        let again = DateTimeOffset::parse(&written).map(|v| (v.ticks(), v.form()));
        assert_eq!(again, Ok((value.ticks(), value.form())));
        let stored = DateTimeOffset::from_parts(value.ticks(), value.form());
        assert_eq!(stored.map(|v| v.to_string()), Some(written));
    }
});
