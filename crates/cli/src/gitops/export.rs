//! `runstate export`: writes the scripts of a server into a folder.
//!
//! A folder that has front files already keeps them: a file that says what the server has is not
//! touched, and of one that does not only what differs is changed.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    directory::Directory,
    file_name::{Taken, stem},
    folder::{Folder, Source},
    front::{self, Front},
    intunecd,
    kind::Kind,
    place::{self, Parts},
    plan::{Differs, pair},
    remote::{self, Listed, Remote},
    script::Wanted,
    show,
};
use crate::{
    api::{Api, ApiArgs},
    failure::{Exit, Failure, told},
    print::{Screen, Tone},
};

/// What to export.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Folder to write into; it is made where there is none
    dir: PathBuf,
    #[command(flatten)]
    api: ApiArgs,
    /// Delete the files of scripts that the server doesn't have
    #[arg(long)]
    prune: bool,
    /// Write the id of each new script, so that it can be renamed in its file
    #[arg(long)]
    ids: bool,
    /// Write nothing; end with 2 where the folder and the server differ
    #[arg(long)]
    check: bool,
}

/// A script whose files have to be written.
struct Step {
    kind: Kind,
    at: Parts,
    /// As it is, for what is there already.
    before: Option<(Front, Option<Vec<u8>>)>,
    after: Front,
    /// The text and where it goes, where it has to be written.
    content: Option<(Parts, Vec<u8>)>,
}

/// Does what the arguments say.
pub(crate) async fn export(args: ExportArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let sources = sources(&args.dir)?;
    let api = Api::new(args.api)?;
    let mut directory = Directory::new(&api);
    let wanted = wanted(&args.dir, &sources, &mut directory).await?;
    let listed = remote::list(&api).await?;
    let paired = pair(&api, &wanted, &listed).await?;
    let left = remote::read(&api, &paired.left(&listed)).await?;

    let mut names = Names::of(&args.dir, &sources)?;
    let (mut steps, mut gone) = (Vec::new(), Vec::new());
    for ((source, wanted), remote) in sources.iter().zip(&wanted).zip(&paired.remotes) {
        match remote {
            Some(remote) => {
                let step = changed(source, wanted, remote, &mut directory, &mut names).await?;
                steps.extend(step);
            }
            None => gone.push(source),
        }
    }
    for remote in &left {
        let with_id = args.ids || !is_unique(remote, &listed);
        steps.push(new(remote, &left, with_id, &mut directory, &mut names).await?);
    }
    if let Some(refusal) = &directory.refusal {
        writeln!(out, "note: groups are written by their ids, for {refusal}")?;
    }
    for step in &steps {
        step.show(Screen::stdout(), out)?;
    }
    for source in &gone {
        let (front, at) = (&source.front, place::shown(&source.at));
        let name = front.settings.name(front.kind);
        show::head('-', Tone::Bad, front.kind, name, &at, Screen::stdout(), out)?;
    }
    if args.check {
        return check(steps.len() + gone.len());
    }
    if steps.is_empty() && gone.is_empty() {
        let scripts = match listed.len() {
            1 => "1 script is".to_owned(),
            count => format!("{count} scripts are"),
        };
        writeln!(out, "nothing to write: {scripts} as on the server")?;
        return Ok(());
    }
    for step in &steps {
        step.write(&args.dir)?;
    }
    let mut done = format!("wrote {} of {} scripts", steps.len(), listed.len());
    if args.prune {
        for source in &gone {
            delete(&args.dir, source, &sources, &gone)?;
        }
        done.push_str(&format!(", deleted {}", gone.len()));
    } else if !gone.is_empty() {
        done.push_str(&format!(
            "; {} that the server doesn't have stay without --prune",
            gone.len()
        ));
    }
    writeln!(out, "{done}")?;
    Ok(())
}

fn check(differ: usize) -> Result<(), Failure> {
    let said = match differ {
        0 => return Ok(()),
        1 => "1 script differs".to_owned(),
        _ => format!("{differ} scripts differ"),
    };
    Err(told(Exit::Differs, format!("{said} from the server's")))
}

/// The front files that are there.
fn sources(dir: &Path) -> Result<Vec<Source>, Failure> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    if intunecd::is_one(dir) {
        let shown = dir.display();
        let message = format!("{shown} is a backup of IntuneCD; export into a folder of its own");
        return Err(message.into());
    }
    Folder::open(dir)?.sources()
}

/// What the front files want, with their assignments by ids as far as there are any. A text whose
/// file is missing is written again.
async fn wanted(
    dir: &Path,
    sources: &[Source],
    directory: &mut Directory<'_>,
) -> Result<Vec<Wanted>, Failure> {
    let folder = Folder {
        root: dir.to_owned(),
    };
    let mut all = Vec::new();
    for source in sources {
        let content = match folder.content(source) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            other => other.map_err(|error| format!("{}: {error}", place::shown(&source.at)))?,
        };
        let mut wanted = source.wanted(content);
        if let Some(assignments) = &wanted.assignments {
            // A group that does not exist is a difference, and no mistake.
            let resolved = directory.resolve(assignments, &mut Vec::new()).await;
            wanted.assignments = Some(resolved?);
        }
        all.push(wanted);
    }
    Ok(all)
}

/// Whether the name tells the script from all others of its kind.
fn is_unique(remote: &Remote, listed: &[Listed]) -> bool {
    let name = remote.settings.name(remote.kind);
    let same = |one: &&Listed| one.kind == remote.kind && one.name == name;
    listed.iter().filter(same).count() <= 1
}

/// The names that are taken, by folder, and how many front files name each text.
struct Names {
    taken: BTreeMap<Parts, Taken>,
    texts: BTreeMap<Parts, usize>,
    root: PathBuf,
}

impl Names {
    fn of(root: &Path, sources: &[Source]) -> Result<Self, Failure> {
        let mut texts = BTreeMap::new();
        for at in sources
            .iter()
            .filter_map(|source| source.content_at.clone())
        {
            *texts.entry(at).or_default() += 1;
        }
        Ok(Self {
            taken: BTreeMap::new(),
            texts,
            root: root.to_owned(),
        })
    }

    /// The names in a folder, with those of the files that are there.
    fn within(&mut self, folder: &[String]) -> &mut Taken {
        let root = &self.root;
        self.taken.entry(folder.to_vec()).or_insert_with(|| {
            let mut taken = Taken::default();
            let mut path = root.clone();
            path.extend(folder);
            // Where it cannot be read, nothing can be written either, and that is said then.
            for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
                taken.insert(&entry.file_name().to_string_lossy());
            }
            taken
        })
    }

    fn is_shared(&self, at: &Parts) -> bool {
        self.texts.get(at).is_some_and(|count| *count > 1)
    }
}

/// What has to be written of a script that has a front file; nothing where that says what the server
/// has.
async fn changed(
    source: &Source,
    wanted: &Wanted,
    remote: &Remote,
    directory: &mut Directory<'_>,
    names: &mut Names,
) -> Result<Option<Step>, Failure> {
    let differs = Differs::of(wanted, remote);
    if differs.is_nothing() {
        return Ok(None);
    }
    let kind = wanted.kind;
    let mut front = source.front.clone();
    front.settings = front
        .settings
        .taking(kind, &differs.settings, &remote.settings);
    if differs.assignments {
        front.assignments = Some(directory.name(&remote.assignments).await?);
    }
    let mut content = None;
    if differs.content {
        let own = source.content_at.as_ref().filter(|at| !names.is_shared(at));
        let at = match own {
            Some(at) => at.clone(),
            None => {
                let (_, folder) = source.at.split_last().ok_or("a file has no name")?;
                let name = remote.settings.name(kind);
                let stem = names.within(folder).allocate(kind, name, &remote.id, true);
                let file = format!("{stem}.{}", kind.extension());
                front.content = Some(file.clone());
                [folder, &[file]].concat()
            }
        };
        content = Some((at, remote.content.clone().unwrap_or_default()));
    }
    Ok(Some(Step {
        kind,
        at: source.at.clone(),
        before: Some((source.front.clone(), wanted.content.clone())),
        after: front,
        content,
    }))
}

/// The files of a script that has none.
async fn new(
    remote: &Remote,
    all: &[Remote],
    with_id: bool,
    directory: &mut Directory<'_>,
    names: &mut Names,
) -> Result<Step, Failure> {
    let kind = remote.kind;
    let name = remote.settings.name(kind);
    let same =
        |other: &&Remote| other.kind == kind && stem(other.settings.name(kind)) == stem(name);
    let alone = all.iter().filter(same).count() == 1;
    let folder = [kind.folder().to_owned()];
    let stem = names
        .within(&folder)
        .allocate(kind, name, &remote.id, alone);
    let below = |file: String| [folder.as_slice(), &[file]].concat();
    let file = format!("{stem}.{}", kind.extension());
    let content = remote.content.clone();
    Ok(Step {
        kind,
        at: below(format!("{stem}.yaml")),
        before: None,
        after: Front {
            kind,
            id: with_id.then(|| remote.id.clone()),
            content: content.as_ref().map(|_| file.clone()),
            settings: remote.settings.clone(),
            assignments: Some(directory.name(&remote.assignments).await?),
        },
        content: content.map(|content| (below(file), content)),
    })
}

impl Step {
    fn show(&self, screen: Screen, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let (name, at) = (self.after.settings.name(self.kind), place::shown(&self.at));
        let Some((front, content)) = &self.before else {
            return show::head('+', Tone::Good, self.kind, name, &at, screen, out);
        };
        show::head('~', Tone::Bold, self.kind, name, &at, screen, out)?;
        let (before, after) = (front::write(front)?, front::write(&self.after)?);
        show::difference(&before, &after, screen, out)?;
        if let Some((at, after)) = &self.content {
            let at = place::shown(at);
            show::content(&at, content.as_deref(), Some(after), screen, out)?;
        }
        Ok(())
    }

    /// The front file first: if this ends in between, its text is missing, and written next time.
    fn write(&self, root: &Path) -> Result<(), Failure> {
        let is_same = self
            .before
            .as_ref()
            .is_some_and(|(front, _)| *front == self.after);
        if !is_same {
            let text = front::write(&self.after)?;
            write(root, &self.at, text.as_bytes())?;
        }
        if let Some((at, content)) = &self.content {
            write(root, at, content)?;
        }
        Ok(())
    }
}

fn write(root: &Path, at: &Parts, bytes: &[u8]) -> Result<(), Failure> {
    let written = place::write(root, at, bytes);
    Ok(written.map_err(|error| format!("{} cannot be written: {error}", place::shown(at)))?)
}

/// Deletes a front file, and its text where no file that stays names it.
fn delete(root: &Path, source: &Source, all: &[Source], gone: &[&Source]) -> Result<(), Failure> {
    let mut files = vec![&source.at];
    if let Some(at) = &source.content_at {
        let stays = |other: &&Source| !gone.iter().any(|gone| gone.at == other.at);
        let names = |other: &Source| other.content_at.as_ref() == Some(at);
        if !all.iter().filter(stays).any(names) {
            files.push(at);
        }
    }
    for at in files {
        let deleted = place::delete(root, at);
        deleted.map_err(|error| format!("{} cannot be deleted: {error}", place::shown(at)))?;
    }
    Ok(())
}
