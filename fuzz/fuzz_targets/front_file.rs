//! Front files: what is read, written and read again is the same, and always written alike; and the
//! path that one names leads to a file within the folder, or nowhere.
//!
//! The program is no library, so the files that read are compiled here.
#![no_main]
#![allow(dead_code, reason = "only what reads and writes is called")]

#[path = "../../crates/cli/src/gitops/assignment.rs"]
mod assignment;
#[path = "../../crates/cli/src/gitops/front.rs"]
mod front;
#[path = "../../crates/cli/src/gitops/kind.rs"]
mod kind;
#[path = "../../crates/cli/src/gitops/place.rs"]
mod place;
#[path = "../../crates/cli/src/gitops/settings.rs"]
mod settings;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let at = ["shell".to_owned(), "a.yaml".to_owned()];
    stays_within(&at, text);
    let Ok(front) = front::parse(text) else {
        return;
    };
    let written = front::write(&front).expect("what was read can be written");
    let again = front::parse(&written).unwrap_or_else(|what| panic!("{what}:\n{written}"));
    assert_eq!(front, again, "{written}");
    assert_eq!(front::write(&again).expect("it can be written"), written);
    if let Some(content) = &front.content {
        stays_within(&at, content);
    }
});

fn stays_within(at: &[String], written: &str) {
    let Ok(parts) = place::resolve(at, written) else {
        return;
    };
    assert!(!parts.is_empty());
    for part in &parts {
        assert!(!part.is_empty() && !part.starts_with('.'), "{part:?}");
        assert!(!part.contains(['/', '\\', ':', '\0']), "{part:?}");
    }
    // Written as a path again, it leads to the same place.
    let up = "../".repeat(at.len() - 1);
    let whole = format!("{up}{}", place::shown(&parts));
    assert_eq!(place::resolve(at, &whole), Ok(parts));
}
