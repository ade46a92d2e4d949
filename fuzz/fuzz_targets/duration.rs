//! `Edm.Duration`: what is read is written as it was, and stays below what ticks can count.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runstate_odata::edm::Duration;

fuzz_target!(|text: &str| {
    if let Ok(value) = Duration::parse(text) {
        assert_eq!(value.to_string(), text);
        assert_eq!(
            value.ticks() < 0,
            text.starts_with('-') && value.ticks() != 0
        );
        let stored = Duration::from_parts(value.ticks(), text.to_owned());
        assert_eq!(stored, value);
    }
});
