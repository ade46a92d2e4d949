//! The folder that users are given to copy, and the schema that is published.

use std::path::Path;

use super::files;
use crate::{agent::Site, start::output};

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[tokio::test]
async fn the_example_is_applied_and_is_as_an_export_writes_it() {
    let site = Site::start(&[]);
    let example = root().join("examples/gitops/scripts");
    let folder = example.display().to_string();
    site.give(&["apply", &folder, "--create-missing", "--yes"])
        .good();
    site.give(&["apply", &folder, "--check", "--prune"]).good();
    site.give(&["export", &folder, "--check"]).good();
    site.give(&["export", "out"]).good();
    let whole: Vec<_> = files(&example)
        .into_iter()
        .filter(|(name, _)| !name.starts_with(".git"))
        .collect();
    let names: Vec<_> = whole.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(site.files("out").into_keys().collect::<Vec<_>>(), names);
}

#[test]
fn the_published_schema_is_what_the_program_prints() {
    let path = root().join("docs/schema/script.schema.json");
    let printed = output(&["schema"]) + "\n";
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &printed).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap();
    assert!(
        published == printed,
        "docs/schema/script.schema.json is not what the code says: UPDATE_EXPECT=1 writes it anew"
    );
}
