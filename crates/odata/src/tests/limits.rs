//! No text exhausts the stack or takes long, however deep or long it is.

use super::model::{MODEL, SCRIPT};
use crate::{
    Error, ErrorKind, check,
    grammar::{MAX_DEPTH, expand, filter, options, orderby, path, search, select},
};

/// Runs in a thread of the size that servers give theirs.
fn in_small_stack<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    thread.spawn(act).unwrap().join().unwrap()
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    match result {
        Ok(_) => panic!("accepted"),
        Err(error) => error.kind,
    }
}

#[test]
fn deep_nesting_is_too_complex() {
    in_small_stack(|| {
        for (open, middle, close) in [
            ("(", "enabled", ")"),
            ("not ", "enabled", ""),
            ("not(", "enabled", ")"),
            ("tolower(", "displayName", ")"),
            ("a/any(x:", "enabled", ")"),
            ("a or b and c eq d gt (", "enabled", ")"),
            ("a in (", "1", ")"),
        ] {
            for count in [MAX_DEPTH + 1, 100_000] {
                let text = format!("{}{middle}{}", open.repeat(count), close.repeat(count));
                assert_eq!(kind(filter::parse(&text)), ErrorKind::TooComplex, "{open}");
                assert_eq!(kind(orderby::parse(&text)), ErrorKind::TooComplex, "{open}");
            }
        }
        for open in ["(", "NOT ", "NOT ("] {
            let text = format!("{}a", open.repeat(100_000));
            assert_eq!(kind(search::parse(&text)), ErrorKind::TooComplex, "{open}");
        }
        let text = "a($expand=".repeat(100_000);
        assert_eq!(kind(expand::parse(&text)), ErrorKind::TooComplex);
    });
}

#[test]
fn the_deepest_that_is_read_is_also_checked_and_printed() {
    in_small_stack(|| {
        // Every level of strength on every level of depth.
        let deepest = MAX_DEPTH - 1;
        for (open, close) in [
            ("(", ")"),
            ("not ", ""),
            ("tags/any(x:", ")"),
            ("enabled or enabled and enabled eq (", ")"),
        ] {
            let text = format!("{}enabled{}", open.repeat(deepest), close.repeat(deepest));
            let tree = filter::parse(&text).unwrap();
            assert_eq!(filter::parse(&tree.to_string()).unwrap(), tree);
            let options = options::parse(&format!("$filter={text}")).unwrap();
            // The last of them compares conditions, which is an error of type, not of depth.
            let _ = check::query(&SCRIPT, &options, &MODEL);
        }
        let long = vec!["enabled"; 500].join(" or ");
        let options = options::parse(&format!("$filter={long}")).unwrap();
        let query = check::query(&SCRIPT, &options, &MODEL).unwrap();
        assert!(query.filter.is_some());
        assert_eq!(options::parse(&options.to_string()).unwrap(), options);
    });
}

#[test]
fn long_lists_are_too_complex() {
    let numbers = vec!["1"; 2_000].join(",");
    let names = vec!["id"; 2_000].join(",");
    let words = vec!["id"; 2_000].join(" ");
    let path = vec!["id"; 2_000].join("/");
    let filter = |text: &str| kind(filter::parse(text));
    assert_eq!(filter(&format!("a in ({numbers})")), ErrorKind::TooComplex);
    assert_eq!(filter(&path), ErrorKind::TooComplex);
    assert_eq!(kind(select::parse(&names)), ErrorKind::TooComplex);
    assert_eq!(kind(orderby::parse(&names)), ErrorKind::TooComplex);
    assert_eq!(kind(expand::parse(&names)), ErrorKind::TooComplex);
    assert_eq!(kind(search::parse(&words)), ErrorKind::TooComplex);
    let served = vec!["'0cf1a2b3-1111-2222-3333-444455556666'"; 900].join(",");
    assert!(filter::parse(&format!("id in ({served})")).is_ok());
}

#[test]
fn long_tokens_end() {
    let long = "x".repeat(1 << 20);
    assert_eq!(kind(filter::parse(&long)), ErrorKind::Syntax);
    assert!(filter::parse(&format!("a eq '{long}'")).is_ok());
    assert_eq!(kind(filter::parse(&"1".repeat(1 << 20))), ErrorKind::Type);
    assert!(path::parse(&long).is_ok());
    for text in [
        format!("a eq 1-{long}"),
        format!("a eq duration'{long}'"),
        format!("a.{long}"),
    ] {
        let refused = filter::parse(&text).unwrap_err();
        assert!(refused.message.chars().count() <= 401);
    }
    let refused = options::parse(&format!("${long}=1")).unwrap_err();
    assert!(refused.describe().chars().count() < 1000);
}
