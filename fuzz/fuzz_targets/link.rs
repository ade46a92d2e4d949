//! Links to entities: the id to which one leads, and any other, written as a link leads there again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runstate_graph::{
    entity::MODEL,
    json::{link, url},
};
use runstate_odata::{check, grammar::path};

fuzz_target!(|text: &str| {
    let segments = path::parse("/groups('g')/members").expect("a path");
    let members = check::path(&MODEL, &segments).expect("the members of a group");
    let id = link::id(text).ok();
    for id in id.iter().map(String::as_str).chain([text]) {
        // No URL holds this character, so no id may.
        if id.contains('\0') {
            continue;
        }
        let written = url::entity("https://localhost/beta", &members, id);
        if id.is_empty() {
            assert!(link::id(&written).is_err());
        } else {
            assert_eq!(link::id(&written).as_deref(), Ok(id));
        }
    }
});
