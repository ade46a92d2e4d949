//! Paths: a key survives being percent-encoded whole, and every path leads somewhere or nowhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runstate_graph::entity::MODEL;
use runstate_odata::{check, grammar::path};

fuzz_target!(|text: &str| {
    if let Ok(segments) = path::parse(text) {
        let _ = check::path(&MODEL, &segments);
        let encoded = segments.iter().map(|segment| {
            let bytes = segment.text.bytes().map(|byte| format!("%{byte:02X}"));
            format!("/{}", bytes.collect::<String>())
        });
        assert_eq!(path::parse(&encoded.collect::<String>()), Ok(segments));
    }
});
