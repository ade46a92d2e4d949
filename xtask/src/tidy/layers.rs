//! Which crate may depend on which: arrows point down only.

use crate::workspace::Package;

/// Each crate, and those right below it. It may use these and whatever is below them.
const BELOW: &[(&str, &[&str])] = &[
    ("runstate-odata", &[]),
    ("runstate-graph", &["runstate-odata"]),
    // A PostgreSQL for tests; knows nothing of ours, so that those of a layer may stand on it.
    ("runstate-test-postgres", &[]),
    (
        "runstate-store",
        &["runstate-graph", "runstate-test-postgres"],
    ),
    ("runstate-store-sql", &["runstate-store"]),
    ("runstate-store-sqlite", &["runstate-store-sql"]),
    ("runstate-store-postgres", &["runstate-store-sql"]),
    ("runstate-server", &["runstate-store"]),
    // Server and store behind the same door as everybody: it asks the API in the process.
    ("runstate-console", &["runstate-server"]),
    ("runstate-agent", &["runstate-graph"]),
    (
        "runstate-testkit",
        &[
            "runstate-console",
            "runstate-store-postgres",
            "runstate-store-sqlite",
        ],
    ),
    // Only this crate's tests can run its program, so they stand above the testkit too.
    (
        "runstate",
        &[
            "runstate-agent",
            "runstate-store-postgres",
            "runstate-testkit",
        ],
    ),
    ("runstate-tests", &["runstate-testkit"]),
    (
        "runstate-bench",
        &["runstate-test-postgres", "runstate-testkit"],
    ),
    ("xtask", &["runstate-testkit"]),
];

/// Crates that a layer must never know, for its promise would be gone. Its tests may.
const NEVER: &[(&str, &[&str])] = &[
    ("runstate-odata", &["http", "rusqlite", "tokio"]),
    ("runstate-graph", &["http", "rusqlite", "tokio"]),
    (
        "runstate-store",
        &[
            "http",
            "runstate-test-postgres",
            "rusqlite",
            "tokio-postgres",
        ],
    ),
    (
        "runstate-store-sql",
        &["http", "rusqlite", "tokio-postgres"],
    ),
    ("runstate-server", &["rusqlite", "tokio-postgres"]),
    ("runstate-console", &["rusqlite", "tokio-postgres"]),
    (
        "runstate-store-postgres",
        &["http", "rusqlite", "runstate-test-postgres"],
    ),
    (
        "runstate-agent",
        &["runstate-server", "runstate-store", "runstate-store-sqlite"],
    ),
    ("runstate", &["runstate-testkit"]),
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
            let other = dependency.name.as_str();
            let ours = packages.iter().any(|package| package.name == other);
            if ours && !reaches(name, other) {
                problems.push(format!("{name}: depends on {other}, which is not below it"));
            }
            if never.contains(&other) && !dependency.dev {
                problems.push(format!("{name}: must never know {other}"));
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
    use crate::workspace::Dependency;

    /// Packages by name; a dependency that begins with `dev:` is one of the tests.
    fn packages(list: &[(&str, &[&str])]) -> Vec<Package> {
        let dependency = |name: &&str| Dependency {
            name: name.trim_start_matches("dev:").to_owned(),
            dev: name.starts_with("dev:"),
        };
        let package = |(name, dependencies): &(&str, &[&str])| Package {
            name: (*name).to_owned(),
            dependencies: dependencies.iter().map(dependency).collect(),
        };
        list.iter().map(package).collect()
    }

    #[test]
    fn down_is_allowed_across_layers() {
        let good: &[(&str, &[&str])] = &[
            ("runstate-odata", &["time"]),
            ("runstate-store", &["runstate-odata", "dev:rusqlite"]),
            ("runstate", &["runstate-odata", "runstate-store", "tokio"]),
        ];
        assert_eq!(check(&packages(good)), Vec::<String>::new());
    }

    #[test]
    fn up_aside_unknown_and_forbidden_are_not() {
        let bad: &[(&str, &[&str])] = &[
            ("runstate-odata", &["dev:runstate-graph"]),
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
