//! `$filter`: what is read is printed and read again as the same; a fault points into the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runstate_odata::grammar::filter;

fuzz_target!(|text: &str| match filter::parse(text) {
    Ok(tree) => assert_eq!(filter::parse(&tree.to_string()), Ok(tree)),
    Err(error) => assert!((1..=text.chars().count() + 1).contains(&error.column)),
});
