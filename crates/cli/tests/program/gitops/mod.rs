//! Scripts kept in files, by the program as people run it.

mod backup;
mod check;
mod example;
mod foreign;
mod hostile;
mod plan;
mod round_trip;
mod unfinished;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::agent::Site;

impl Site {
    /// A path in the folder in which the commands are given.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders on its way.
    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// All files of a folder.
    fn files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        files(&self.path(name))
    }

    async fn group(&self, name: &str) -> String {
        let body = json!({
            "displayName": name, "mailNickname": "g", "mailEnabled": false, "securityEnabled": true,
        });
        let group = self.post("groups", &body).await;
        group["id"].as_str().unwrap().to_owned()
    }

    /// The one script of a collection with this name, whole.
    async fn named(&self, collection: &str, name: &str) -> Value {
        let path = format!("deviceManagement/{collection}");
        let all = self.all(&path).await;
        let found: Vec<_> = all
            .iter()
            .filter(|one| one["displayName"] == name)
            .collect();
        assert_eq!(found.len(), 1, "{name}: {all:?}");
        let id = found[0]["id"].as_str().unwrap();
        self.get(&format!("{path}/{id}?$expand=assignments")).await
    }

    /// How many scripts there are.
    async fn count(&self) -> usize {
        let mut count = 0;
        for collection in [
            "deviceShellScripts",
            "deviceManagementScripts",
            "deviceCustomAttributeShellScripts",
        ] {
            count += self
                .all(&format!("deviceManagement/{collection}"))
                .await
                .len();
        }
        count
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(path) = folders.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            found.insert(name, fs::read(path).unwrap());
        }
    }
    found
}

/// A shell script's front file with these lines besides.
fn shell(name: &str, content: &str, more: &str) -> String {
    format!("kind: deviceShellScript\ndisplayName: {name}\ncontent: {content}\n{more}")
}
