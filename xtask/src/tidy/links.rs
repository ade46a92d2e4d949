//! Links in Markdown to files of the project must lead somewhere.

use std::{
    collections::HashSet,
    path::{Component, Path},
};

use crate::workspace::File;

pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut there = HashSet::new();
    for file in files {
        there.extend(Path::new(&file.path).ancestors());
    }
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        let text = file.text.as_deref().unwrap_or_default();
        for (line, target) in targets(text) {
            let found = resolve(&file.path, target).is_some_and(|path| there.contains(&*path));
            if !found {
                let path = &file.path;
                problems.push(format!("{path}:{line}: nothing is at '{target}'"));
            }
        }
    }
    problems
}

/// The targets of links that name files, with the lines they stand on.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut targets = Vec::new();
    let mut fenced = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second piece stands between back-ticks and is code.
        for prose in line.split('`').step_by(2) {
            let inline = prose.split("](").skip(1);
            let inline = inline.filter_map(|rest| rest.split([')', ' ']).next());
            let reference = prose.strip_prefix('[').and_then(|rest| {
                let (_, target) = rest.split_once("]: ")?;
                target.split(' ').next()
            });
            let named = inline.chain(reference).filter_map(|target| {
                let path = target.split('#').next().unwrap_or_default();
                let elsewhere = path.is_empty() || path.contains(':');
                (!elsewhere).then_some((number, path))
            });
            targets.extend(named);
        }
    }
    targets
}

/// The path from the root that a target means; none where it leads out of the project.
fn resolve(file: &str, target: &str) -> Option<std::path::PathBuf> {
    let from = if target.starts_with('/') {
        Path::new("")
    } else {
        Path::new(file).parent()?
    };
    let mut path = from.to_owned();
    for part in Path::new(target).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::ParentDir if path.pop() => {}
            Component::ParentDir => return None,
            _ => {}
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::file;

    #[test]
    fn dead_links_are_found_and_others_left_alone() {
        let text = "See [a](../b.rs#L3), [gone](gone.md), [web](https://example.org/x),\n\
                    [up](../../../x), [folder](..), [top](/docs/a.md), [here](#below),\n\
                    and `[code](nowhere)`.\n\
                    ```\n[fenced](nowhere)\n```\n\
                    [ref]: missing.md";
        let files = [file("docs/a.md", text), file("b.rs", "")];
        assert_eq!(
            check(&files),
            [
                "docs/a.md:1: nothing is at 'gone.md'",
                "docs/a.md:2: nothing is at '../../../x'",
                "docs/a.md:7: nothing is at 'missing.md'"
            ]
        );
    }
}
