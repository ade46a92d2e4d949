//! The rules of the tree that no other tool checks, each a function from what the tree holds to
//! the places where it is broken.

mod layers;
mod length;
mod links;
mod snapshots;
mod words;

use crate::{Outcome, workspace};

/// Checks all rules.
pub(crate) fn run() -> Outcome {
    let files = workspace::files()?;
    let mut problems = length::check(&files);
    problems.extend(layers::check(&workspace::packages()?));
    problems.extend(snapshots::check(&files));
    problems.extend(links::check(&files));
    problems.extend(words::check(&files));
    if problems.is_empty() {
        return Ok(());
    }
    problems.sort();
    Err(format!(
        "{}\n{} places are not tidy",
        problems.join("\n"),
        problems.len()
    ))
}

#[cfg(test)]
mod tests {
    use crate::workspace::File;

    /// A file for the tests of the rules.
    pub(super) fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: Some(text.to_owned()),
        }
    }

    #[test]
    fn the_tree_is_tidy() {
        super::run().unwrap_or_else(|problems| panic!("{problems}"));
    }
}
