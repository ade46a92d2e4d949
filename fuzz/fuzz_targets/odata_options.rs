//! Query strings: what is read is printed and read again as the same, and the check ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runstate_graph::entity::{DEVICE_SHELL_SCRIPT, MODEL};
use runstate_odata::{check, grammar::options};

fuzz_target!(|text: &str| {
    if let Ok(tree) = options::parse(text) {
        assert_eq!(options::parse(&tree.to_string()).as_ref(), Ok(&tree));
        for check in [check::query, check::entity_query, check::count_query] {
            let _ = check(&DEVICE_SHELL_SCRIPT, &tree, &MODEL);
        }
    }
});
