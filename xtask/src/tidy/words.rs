//! Texts that must not stand in the tree.

use crate::workspace::File;

/// Where packages come from is the business of each machine, not of the project; a host in a lock
/// or configuration file would bind everybody to it.
const HOSTS: &[&str] = &[
    "files.pythonhosted.org",
    "index.crates.io",
    "pypi.org",
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "static.crates.io",
];

/// Lines that a merge leaves when it is not finished.
const MERGE: &[&str] = &["<<<<<<< ", "||||||| ", ">>>>>>> "];

pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files {
        let text = file.text.as_deref().unwrap_or_default();
        for (number, line) in (1..).zip(text.lines()) {
            let host = HOSTS.iter().find(|host| line.contains(*host));
            if let Some(host) = host.filter(|_| is_configuration(&file.path)) {
                problems.push(format!("{}:{number}: names the host {host}", file.path));
            }
            if MERGE.iter().any(|mark| line.starts_with(mark)) {
                problems.push(format!("{}:{number}: an unfinished merge", file.path));
            }
        }
    }
    problems
}

fn is_configuration(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    matches!(
        extension,
        "cfg" | "conf" | "ini" | "json" | "lock" | "npmrc" | "toml" | "yaml" | "yml"
    ) || (stem.starts_with("requirements") && extension == "txt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::file;

    #[test]
    fn hosts_are_refused_where_they_bind() {
        let line = "registry=https://registry.npmjs.org/";
        let bound = [
            "js/.npmrc",
            "js/package-lock.json",
            ".cargo/config.toml",
            "a/requirements-dev.txt",
        ];
        for path in bound {
            let expected = format!("{path}:1: names the host registry.npmjs.org");
            assert_eq!(check(&[file(path, line)]), [expected]);
        }
        assert!(check(&[file("docs/a.md", line), file("notes.txt", line)]).is_empty());
    }

    #[test]
    fn an_unfinished_merge_is_seen() {
        let text = format!("a\n{} main\nb\n", "<".repeat(7));
        assert_eq!(
            check(&[file("a.rs", &text)]),
            ["a.rs:2: an unfinished merge"]
        );
    }
}
