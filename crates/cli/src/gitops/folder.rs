//! A folder of scripts: front files, and beside them the files with the texts.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    front::{self, Front},
    place::{self, Parts},
    script::Wanted,
};
use crate::failure::Failure;

/// The largest text of a script that is read, in bytes. Servers take less; they say how much.
pub(super) const LARGEST_CONTENT: u64 = 4 * 1024 * 1024;

/// A folder.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) root: PathBuf,
}

/// A front file that was read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) at: Parts,
    pub(super) front: Front,
    /// Where the text is; none for a script without.
    pub(super) content_at: Option<Parts>,
}

impl Folder {
    /// The folder of that path, which must be there.
    pub(super) fn open(root: &Path) -> Result<Self, Failure> {
        let shown = root.display();
        match std::fs::metadata(root) {
            Ok(found) if found.is_dir() => Ok(Self {
                root: root.to_owned(),
            }),
            Ok(_) => Err(format!("{shown} is no folder").into()),
            Err(error) => Err(format!("{shown}: {error}").into()),
        }
    }

    /// All front files. What is wrong is said of all of them at once.
    pub(super) fn sources(&self) -> Result<Vec<Source>, Failure> {
        let is_front = |name: &str| name.ends_with(".yaml") || name.ends_with(".yml");
        let (mut sources, mut problems) = (Vec::new(), Vec::new());
        for at in place::files(&self.root, &is_front)? {
            match self.source(&at) {
                Ok(source) => sources.push(source),
                Err(what) => problems.push(format!("{}: {what}", place::shown(&at))),
            }
        }
        fail_with(&problems)?;
        Ok(sources)
    }

    fn source(&self, at: &Parts) -> Result<Source, String> {
        let bytes = place::read(&self.root, at, front::LARGEST).map_err(|e| e.to_string())?;
        let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
        let front = front::parse(&text)?;
        let written = front.content.as_deref();
        let content_at = written.map(|path| place::resolve(at, path)).transpose()?;
        Ok(Source {
            at: at.clone(),
            front,
            content_at,
        })
    }

    /// The text of a script.
    ///
    /// # Errors
    /// Where its file is not there or cannot be read; the kind says which.
    pub(super) fn content(&self, source: &Source) -> io::Result<Option<Vec<u8>>> {
        let read = |at: &Parts| place::read(&self.root, at, LARGEST_CONTENT);
        source.content_at.as_ref().map(read).transpose()
    }

    /// All scripts that the folder wants, each with its text.
    pub(super) fn wanted(&self) -> Result<Vec<Wanted>, Failure> {
        let (mut wanted, mut problems) = (Vec::new(), Vec::new());
        for source in self.sources()? {
            match self.content(&source) {
                Ok(content) => wanted.push(source.wanted(content)),
                Err(error) => {
                    let content_at = source.content_at.as_deref().unwrap_or_default();
                    let (at, content) = (place::shown(&source.at), place::shown(content_at));
                    problems.push(format!("{at}: the file with its text, {content}: {error}"));
                }
            }
        }
        fail_with(&problems)?;
        Ok(wanted)
    }
}

impl Source {
    /// What it says, with its text.
    pub(super) fn wanted(&self, content: Option<Vec<u8>>) -> Wanted {
        Wanted {
            at: place::shown(&self.at),
            kind: self.front.kind,
            id: self.front.id.clone(),
            settings: self.front.settings.clone(),
            content,
            content_at: self.front.content.clone(),
            assignments: self.front.assignments.clone(),
        }
    }
}

/// Fails where there are problems, with all of them.
pub(super) fn fail_with(problems: &[String]) -> Result<(), Failure> {
    match problems {
        [] => Ok(()),
        [one] => Err(one.as_str().into()),
        several => {
            let lines = several.join("\n  ");
            Err(format!("{} things are wrong:\n  {lines}", several.len()).into())
        }
    }
}
