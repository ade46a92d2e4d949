//! Which crate may depend on which: arrows point down only.

use crate::workspace::Package;

/// Each crate, and those right below it. It may use these and whatever is below them.
const BELOW: &[(&str, &[&str])] = &[
    ("runstate-odata", &[]),
    ("runstate-graph", &["runstate-odata"]),
    ("runstate-store", &["runstate-graph"]),
    ("runstate-store-sqlite", &["runstate-store"]),
    ("runstate-server", &["runstate-store"]),
    ("runstate", &["runstate-server", "runstate-store-sqlite"]),
    ("runstate-testkit", &["runstate"]),
    ("runstate-tests", &["runstate-testkit"]),
    ("xtask", &["runstate-testkit"]),
];

/// Crates of others that a layer must never know, for its promise would be gone.
const NEVER: &[(&str, &[&str])] = &[
    ("runstate-odata", &["http", "rusqlite", "tokio"]),
    ("runstate-graph", &["http", "rusqlite", "tokio"]),
    ("runstate-store", &["http", "rusqlite"]),
    ("runstate-server", &["rusqlite"]),
];

pub(super) fn check(packages: &[Package]) -> Vec<String> {
    let mut problems = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        if row(BELOW, name).is_none() {
            problems.push(format!(
                "{name}: has no layer; name it in xtask/src/tidy/layers.rs"
            ));
            continue;
        }
        let never = row(NEVER, name).unwrap_or_default();
        for dependency in &package.dependencies {
            let dependency = dependency.as_str();
            let ours = packages.iter().any(|package| package.name == dependency);
            if ours && !reaches(name, dependency) {
                problems.push(format!(
                    "{name}: depends on {dependency}, which is not below it"
                ));
            }
            if never.contains(&dependency) {
                problems.push(format!("{name}: must never know {dependency}"));
            }
        }
    }
    problems
}

fn row(table: &[(&str, &'static [&'static str])], name: &str) -> Option<&'static [&'static str]> {
    table.iter().find(|row| row.0 == name).map(|row| row.1)
}

/// Whether `lower` is somewhere below `upper`.
fn reaches(upper: &str, lower: &str) -> bool {
    let below = row(BELOW, upper).unwrap_or_default();
    below
        .iter()
        .any(|next| *next == lower || reaches(next, lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(list: &[(&str, &[&str])]) -> Vec<Package> {
        let package = |(name, dependencies): &(&str, &[&str])| Package {
            name: (*name).to_owned(),
            dependencies: dependencies.iter().map(|&name| name.to_owned()).collect(),
        };
        list.iter().map(package).collect()
    }

    #[test]
    fn down_is_allowed_across_layers() {
        let good: &[(&str, &[&str])] = &[
            ("runstate-odata", &["time"]),
            ("runstate-store", &["runstate-odata"]),
            ("runstate", &["runstate-odata", "runstate-store", "tokio"]),
        ];
        assert_eq!(check(&packages(good)), Vec::<String>::new());
    }

    #[test]
    fn up_aside_unknown_and_forbidden_are_not() {
        let bad: &[(&str, &[&str])] = &[
            ("runstate-odata", &["runstate-graph"]),
            ("runstate-graph", &["tokio"]),
            ("runstate-server", &["runstate-store-sqlite"]),
            ("runstate-store-sqlite", &["rusqlite"]),
            ("runstate-new", &[]),
        ];
        let problems = [
            "runstate-odata: depends on runstate-graph, which is not below it",
            "runstate-graph: must never know tokio",
            "runstate-server: depends on runstate-store-sqlite, which is not below it",
            "runstate-new: has no layer; name it in xtask/src/tidy/layers.rs",
        ];
        assert_eq!(check(&packages(bad)), problems);
    }
}
