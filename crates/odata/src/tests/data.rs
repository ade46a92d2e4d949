//! Runs the cases in `test_data`: text beside what is expected of it.
//!
//! A case is a line of input and the line after it. Among the good ones that line is `=> tree`;
//! among the bad ones `^ message`, the caret standing below the character at fault. With the
//! environment variable `UPDATE_EXPECT=1` the files are written anew; read the difference.

use std::{fs, path::PathBuf};

use crate::Error;

/// Checks the cases of one area, `ok/{area}.txt` and `err/{area}.txt`.
pub(super) fn check(area: &str, show: impl Fn(&str) -> Result<String, Error>) {
    let mut cases = 0;
    for kind in ["ok", "err"] {
        let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "test_data", kind]
            .iter()
            .collect();
        let path = path.join(format!("{area}.txt"));
        let written = fs::read_to_string(&path).unwrap();
        let mut actual = String::new();
        for line in written.lines() {
            if line.is_empty() || line.starts_with('#') {
                actual.push_str(line);
            } else if line.trim_start().starts_with(['^', '=']) {
                continue;
            } else {
                actual.push_str(line);
                actual.push('\n');
                let good = kind == "ok";
                match show(line) {
                    Ok(tree) if good => actual.push_str(&format!("=> {tree}")),
                    Err(error) if !good => actual.push_str(&pointed(&error)),
                    other => panic!("{}: {line}\n{other:?}", path.display()),
                }
                cases += 1;
            }
            actual.push('\n');
        }
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&path, &actual).unwrap();
            continue;
        }
        assert_eq!(written, actual, "{}", path.display());
    }
    assert!(cases > 10, "{area} has only {cases} cases");
}

/// The message below its column; what is wrong with the whole stands at the beginning with `=`.
fn pointed(error: &Error) -> String {
    let kind = error.kind;
    match error.column {
        0 => format!("= {kind:?}: {}", error.message),
        column => format!("{}^ {kind:?}: {}", " ".repeat(column - 1), error.message),
    }
}
