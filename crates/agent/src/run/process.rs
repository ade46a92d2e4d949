//! The process of a run: started in a group of its own, read while it runs, ended with all that it has
//! started.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    task::JoinHandle,
};

use super::{
    Interrupted, Runner,
    capture::Capture,
    invocation::{Invocation, without_mark},
};
use crate::{
    delay::{Stop, pause},
    platform::{HELPER_FAILED, HELPER_MARK, account::Account, files, group},
};

/// How long a script gets to end when it is asked to, before it is made to.
const GRACE: Duration = Duration::from_secs(5);

/// How long output is read after the script has ended and its group with it: what has left the group
/// may hold the pipes for ever.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// How often an ending group is looked after.
const LOOK: Duration = Duration::from_millis(20);

/// Under which account a script runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunAs {
    pub(crate) account: Account,
    /// Whether that is another than the agent's own, so that privileges are to be given up.
    pub(crate) gives_up: bool,
}

/// How a process ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Exit(i32),
    Signal(i32),
    TimeOut,
    NotStarted(String),
}

/// The end of a process, and what it wrote.
pub(super) struct Outcome {
    pub(super) end: End,
    pub(super) output: Capture,
    pub(super) errors: Capture,
}

/// The folder of one run, which the account alone may enter; goes when dropped.
pub(super) struct Folder {
    folder: tempfile::TempDir,
    script: PathBuf,
}

impl Folder {
    pub(super) fn new(
        base: &Path,
        run_as: &RunAs,
        invocation: &Invocation,
        content: &[u8],
    ) -> io::Result<Self> {
        let folder = files::private_folder(base)?;
        let script = folder.path().join(invocation.file_name);
        fs::write(&script, without_mark(content))?;
        files::make_private(&script)?;
        if run_as.gives_up {
            files::give(&script, &run_as.account)?;
            files::give(folder.path(), &run_as.account)?;
        }
        Ok(Self { folder, script })
    }
}

/// Runs it to its end.
pub(super) async fn run(
    runner: &Runner,
    invocation: &Invocation,
    folder: &Folder,
    run_as: &RunAs,
    stop: &mut Stop,
    started: impl FnOnce(i32),
) -> Result<Outcome, Interrupted> {
    let mut command = command(runner, invocation, folder, run_as);
    // What earlier scripts have left behind is not this one's.
    let before = group::adopted();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let end = End::NotStarted(format!("{}: {error}", invocation.program.display()));
            let (output, errors) = (Capture::new(), Capture::new());
            return Ok(Outcome {
                end,
                output,
                errors,
            });
        }
    };
    let group = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .unwrap_or(0);
    started(group);
    let output = Reader::start(child.stdout.take());
    let errors = Reader::start(child.stderr.take());

    let ended = tokio::select! {
        status = child.wait() => Some(Ok(status)),
        stops = pause(runner.time, stop) => if stops { Some(Err(Interrupted)) } else { None },
    };
    let end = match ended {
        Some(Ok(Ok(status))) => End::of(status),
        Some(Ok(Err(error))) => End::NotStarted(error.to_string()),
        Some(Err(Interrupted)) => {
            put_to_end(&mut child, group).await;
            return Err(Interrupted);
        }
        None => {
            put_to_end(&mut child, group).await;
            // What has left the group belongs to the script all the same.
            let except = group;
            let ending = tokio::task::spawn_blocking(move || group::end_orphans(except, &before));
            let _ = ending.await;
            End::TimeOut
        }
    };
    // What it left behind in its group ends with it; a service has a manager of its own.
    end_group(group).await;
    let (output, errors) = (output.finish().await, errors.finish().await);
    let said = errors.text();
    let end = match end {
        End::Exit(HELPER_FAILED) if run_as.gives_up && said.starts_with(HELPER_MARK) => {
            let reason = said.trim_start_matches(HELPER_MARK).trim();
            End::NotStarted(reason.trim_end_matches('.').to_owned())
        }
        end => end,
    };
    Ok(Outcome {
        end,
        output,
        errors,
    })
}

impl End {
    fn of(status: std::process::ExitStatus) -> Self {
        match (status.code(), files::signal_of(status)) {
            (Some(code), _) => Self::Exit(code),
            (None, signal) => Self::Signal(signal.unwrap_or(0)),
        }
    }
}

/// Asks the group to end, and makes it where it does not.
async fn put_to_end(child: &mut Child, group: i32) {
    group::terminate(group);
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        group::end(group);
        // Nothing survives that; waiting takes leave of it.
        let _ = child.wait().await;
    }
    end_group(group).await;
}

/// Ends what is left of a group whose leader is gone.
async fn end_group(group: i32) {
    if group <= 0 || !group::is_alive(group) {
        return;
    }
    group::terminate(group);
    let gone = async {
        let mut look = tokio::time::interval(LOOK);
        while group::is_alive(group) {
            group::bury_orphans();
            look.tick().await;
        }
    };
    if tokio::time::timeout(GRACE, gone).await.is_err() {
        group::end(group);
        group::bury_orphans();
    }
}

/// The command line, with nothing of the agent's own environment.
fn command(runner: &Runner, invocation: &Invocation, folder: &Folder, run_as: &RunAs) -> Command {
    let account = &run_as.account;
    let mut helper = runner.exec_as.iter();
    let mut command = match helper.next().filter(|_| run_as.gives_up) {
        Some(program) => {
            let mut command = Command::new(program);
            command.args(helper);
            command.args(["--name", &account.name]);
            command.args(["--uid", &account.uid.to_string()]);
            command.args(["--gid", &account.gid.to_string()]);
            command.arg("--folder").arg(&account.home);
            if account.uid != 0 {
                command.args(["--processes", &runner.processes.to_string()]);
            }
            command.arg("--").arg(&invocation.program);
            command
        }
        None => {
            let mut command = Command::new(&invocation.program);
            if account.home.is_dir() {
                command.current_dir(&account.home);
            } else {
                command.current_dir("/");
            }
            command
        }
    };
    command.args(&invocation.arguments).arg(&folder.script);
    let path = match account.uid {
        0 => "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        _ => "/usr/local/bin:/usr/bin:/bin",
    };
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", &account.home)
        .env("USER", &account.name)
        .env("LOGNAME", &account.name)
        .env("SHELL", &account.shell)
        .env("TMPDIR", std::env::temp_dir());
    // By these a program finds the session of its account.
    let session = PathBuf::from(format!("/run/user/{}", account.uid));
    if run_as.gives_up && session.is_dir() {
        let bus = format!("unix:path={}/bus", session.display());
        command.env("XDG_RUNTIME_DIR", session);
        command.env("DBUS_SESSION_BUS_ADDRESS", bus);
    }
    for name in ["LANG", "LC_ALL", "TZ"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    group::lead(&mut command);
    let _keeps = &folder.folder;
    command
}

/// A stream that is being read.
struct Reader {
    capture: Arc<Mutex<Capture>>,
    reading: Option<JoinHandle<()>>,
}

impl Reader {
    fn start(stream: Option<impl AsyncRead + Send + Unpin + 'static>) -> Self {
        let capture = Arc::new(Mutex::new(Capture::new()));
        let kept = Arc::clone(&capture);
        let reading = stream.map(|mut stream| {
            tokio::spawn(async move {
                let mut buffer = vec![0; 16 * 1024];
                while let Ok(count) = stream.read(&mut buffer).await {
                    let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
                        return;
                    };
                    lock(&kept).push(read);
                }
            })
        });
        Self { capture, reading }
    }

    /// What was read, after a short wait for what is still in the pipe.
    async fn finish(self) -> Capture {
        if let Some(mut reading) = self.reading
            && tokio::time::timeout(LEFTOVERS, &mut reading).await.is_err()
        {
            reading.abort();
        }
        std::mem::replace(&mut *lock(&self.capture), Capture::new())
    }
}

fn lock(capture: &Mutex<Capture>) -> MutexGuard<'_, Capture> {
    capture.lock().unwrap_or_else(PoisonError::into_inner)
}
