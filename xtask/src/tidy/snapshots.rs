//! Expected answers that are kept in files: each must have a test that reads it.
//!
//! What can be seen from the text is checked here. Whether each snapshot was in fact compared is
//! known only after a whole run, so `cargo xtask test` checks that.

use crate::workspace::File;

pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files {
        let read = if file.path.ends_with(".snap") {
            snapshot_has_reader(file, files)
        } else if let Some((owner, name)) = file.path.split_once("/test_data/") {
            data_has_reader(owner, name, files)
        } else {
            continue;
        };
        if !read {
            problems.push(format!("{}: no test reads it", file.path));
        }
    }
    problems
}

/// The head of a snapshot names the file whose test wrote it, which must still compare snapshots.
fn snapshot_has_reader(snapshot: &File, files: &[File]) -> bool {
    let text = snapshot.text.as_deref().unwrap_or_default();
    let source = text.lines().find_map(|line| line.strip_prefix("source: "));
    source.is_some_and(|source| {
        let source = source.trim().trim_matches('"');
        let file = files.iter().find(|file| file.path == source);
        let code = file.and_then(|file| file.text.as_deref());
        code.is_some_and(|code| code.contains("snapshot"))
    })
}

/// A file of test data is named, by its whole name or by its stem, in the code of its crate.
fn data_has_reader(owner: &str, name: &str, files: &[File]) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let stem = name.split('.').next().unwrap_or(name);
    let code = files.iter().filter(|file| {
        let inside = file.path.strip_prefix(owner).unwrap_or_default();
        inside.starts_with('/') && inside.ends_with(".rs")
    });
    code.filter_map(|file| file.text.as_deref()).any(|code| {
        code.contains(name)
            || code.contains(&format!("\"{stem}\""))
            || code.contains(&format!("/{stem}\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::file;

    #[test]
    fn a_snapshot_needs_the_test_that_wrote_it() {
        let test = file("tests/a.rs", "insta::assert_json_snapshot!(answer);");
        let other = file("tests/b.rs", "assert!(true);");
        let read = file("tests/snapshots/a.snap", "---\nsource: tests/a.rs\n---\n{}");
        let unread = file("tests/snapshots/b.snap", "---\nsource: tests/b.rs\n---\n{}");
        let orphan = file("tests/snapshots/c.snap", "---\nsource: tests/c.rs\n---\n{}");
        assert_eq!(
            check(&[test, other, read, unread, orphan]),
            [
                "tests/snapshots/b.snap: no test reads it",
                "tests/snapshots/c.snap: no test reads it"
            ]
        );
    }

    #[test]
    fn test_data_needs_code_of_its_crate_that_names_it() {
        let code = file(
            "crates/a/src/tests.rs",
            "check(\"filter\"); open(\"m.xml\")",
        );
        let other = file("crates/b/src/tests.rs", "check(\"path\")");
        let data = [
            "crates/a/test_data/ok/filter.txt",
            "crates/a/test_data/m.xml",
            "crates/a/test_data/path.txt",
        ];
        let mut files: Vec<File> = data.iter().map(|path| file(path, "")).collect();
        files.extend([code, other]);
        assert_eq!(
            check(&files),
            ["crates/a/test_data/path.txt: no test reads it"]
        );
    }
}
