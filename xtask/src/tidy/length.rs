//! A file is one idea; past 500 lines it is probably two.

use crate::workspace::File;

const MOST: usize = 500;
const SOURCE: &[&str] = &["css", "js", "mjs", "ps1", "py", "rs", "sh", "sql"];
const REASON: &str = "tidy: long because ";

pub(super) fn check(files: &[File]) -> Vec<String> {
    let long = files.iter().filter_map(|file| {
        let (_, extension) = file.path.rsplit_once('.')?;
        let text = file.text.as_deref()?;
        let lines = text.lines().count();
        let wrong = SOURCE.contains(&extension) && lines > MOST && !text.lines().any(is_reason);
        wrong.then(|| {
            format!(
                "{}: {lines} lines; split it, or say `// {REASON}…`",
                file.path
            )
        })
    });
    long.collect()
}

/// Whether a line is a comment that gives the reason.
fn is_reason(line: &str) -> bool {
    ["// ", "# ", "-- ", "/* "].iter().any(|comment| {
        let rest = line.strip_prefix(comment);
        let reason = rest.and_then(|rest| rest.strip_prefix(REASON));
        reason.is_some_and(|reason| !reason.trim().is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::file;

    #[test]
    fn a_long_file_needs_a_reason() {
        let most = "line\n".repeat(MOST);
        let over = format!("{most}line\n");
        let reasoned = format!("// tidy: long because it is one table\n{over}");
        let empty = format!("// tidy: long because \n{over}");
        assert!(check(&[file("a.rs", &most), file("b.rs", &reasoned)]).is_empty());
        assert!(check(&[file("data.txt", &over)]).is_empty());
        assert_eq!(check(&[file("a.rs", &over), file("b.py", &empty)]).len(), 2);
    }
}
