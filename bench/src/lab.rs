//! Where the contenders are set up: files copied, tokens made, servers started.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use hyper::header::HeaderValue;
use runstate_server::{
    auth::issuer::{BuiltinIssuer, Grant, Subject},
    base_url::BaseUrl,
};

use runstate_store::issuer::IssuerStore;

use crate::{
    failure::{Context, Outcome, fail},
    fleet::{Fleet, TENANT},
    generate::{SystemClock, cached, with_siblings},
    plan::Plan,
    process::Process,
    workload::{Device, Target},
};

/// The permissions of the administrator's token.
const PERMISSIONS: [&str; 2] = [
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
];
/// A token outlives the longest run.
const VALID: i64 = 24 * 3600;
/// The client that the devices' tokens name.
const CLIENT: &str = "62656e63-6800-4000-8000-000000000001";

/// Below the folder of the benchmark: the beginning of a run's folder, and the folder of all logs.
const RUN: &str = "run-";
const LOGS: &str = "logs";

/// The place of one run, removed with this value.
pub(crate) struct Lab {
    pub(crate) plan: Plan,
    /// Where builds go; generated files are kept below it.
    target: PathBuf,
    /// Where copies are worked on.
    pub(crate) folder: PathBuf,
    runstate: PathBuf,
}

/// A server of Runstate with the file that it serves.
pub(crate) struct Served {
    pub(crate) process: Process,
    pub(crate) target: Target,
    pub(crate) file: PathBuf,
}

impl Lab {
    pub(crate) fn new(plan: Plan, target: PathBuf, runstate: PathBuf) -> Outcome<Self> {
        if !runstate.exists() {
            let shown = runstate.display();
            return fail(format!(
                "{shown} is missing: cargo build --release -p runstate"
            ));
        }
        let bench = target.join("bench");
        let folder = bench.join(format!("{RUN}{}", std::process::id()));
        for folder in [&folder, &bench.join(LOGS)] {
            std::fs::create_dir_all(folder).context(folder.display())?;
        }
        remove_left(&bench)?;
        Ok(Self {
            plan,
            target,
            folder,
            runstate,
        })
    }

    /// What a contender prints; kept after the run.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.target.join(format!("bench/{LOGS}/{name}.log"))
    }

    /// Where SAP CAP is installed.
    pub(crate) fn cap_folder(&self) -> PathBuf {
        self.target.join("bench/cap")
    }

    /// The generated file with so many states, not to be written to.
    pub(crate) fn generated(&self, fleet: Fleet) -> Outcome<PathBuf> {
        cached(&self.target.join("bench/data"), fleet)
    }

    /// A copy of a generated file.
    pub(crate) fn copy(&self, fleet: Fleet, name: &str) -> Outcome<PathBuf> {
        let copy = self.folder.join(format!("{name}.db"));
        for (from, to) in with_siblings(&self.generated(fleet)?, &copy)? {
            let status = Command::new("cp")
                .arg("--reflink=auto")
                .args([&from, &to])
                .status()?;
            if !status.success() {
                return fail(format!("{} could not be copied", from.display()));
            }
        }
        // What the copy leaves to be written must not be written while something is measured.
        std::fs::File::open(&copy)?.sync_all()?;
        cache(&copy)?;
        Ok(copy)
    }

    /// A server on a copy of a generated file.
    pub(crate) fn serve_copy(&self, fleet: Fleet, name: &str) -> Outcome<Served> {
        let file = self.copy(fleet, name)?;
        let token = self.token(&file)?;
        self.serve(file, fleet, token)
    }

    /// A server on a file.
    pub(crate) fn serve(&self, file: PathBuf, fleet: Fleet, token: HeaderValue) -> Outcome<Served> {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let process = self.start(file.as_ref(), &name)?;
        let target = Target {
            address: process.address,
            fleet,
            token,
        };
        Ok(Served {
            process,
            target,
            file,
        })
    }

    /// A server on a store, a file or a database, whose log has that name.
    pub(crate) fn start(&self, data: &OsStr, name: &str) -> Outcome<Process> {
        let mut command = Command::new(&self.runstate);
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "info"]);
        command.arg("--data").arg(data);
        Process::start(command, &self.log(name))
    }

    /// The program that is measured.
    pub(crate) fn program(&self) -> &Path {
        &self.runstate
    }

    /// Removes a copy that is not needed any more: it is large.
    pub(crate) fn remove(&self, copy: &Path) -> Outcome {
        for (_, file) in with_siblings(copy, copy)? {
            match file.is_dir() {
                true => std::fs::remove_dir_all(file)?,
                false => std::fs::remove_file(file)?,
            }
        }
        Ok(())
    }

    /// An administrator's token. To be asked for before the file is served.
    pub(crate) fn token(&self, file: &Path) -> Outcome<HeaderValue> {
        let output = Command::new(&self.runstate)
            .args(["token", "--tenant", TENANT, "--app"])
            .args(["--expires-in", &VALID.to_string(), "--data"])
            .arg(file)
            .arg("--permission")
            .args(PERMISSIONS)
            .output()?;
        if !output.status.success() {
            return fail(String::from_utf8_lossy(&output.stderr));
        }
        bearer(&String::from_utf8(output.stdout)?)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // What cannot be removed is removed with the builds.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Reads a file once from end to end, so that the system has it in memory where it fits: otherwise the
/// contender whose file was touched last would have an advantage.
pub(crate) fn cache(file: &Path) -> Outcome {
    std::io::copy(&mut std::fs::File::open(file)?, &mut std::io::sink())?;
    Ok(())
}

/// Removes what runs have left that were ended from outside: it is large.
fn remove_left(bench: &Path) -> Outcome {
    for entry in std::fs::read_dir(bench)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let ended = |process: &&str| !Path::new("/proc").join(process).exists();
        if name.strip_prefix(RUN).as_ref().is_some_and(ended) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Devices from all over the fleet, each with a token of its own, as `runstate token --device` makes
/// them one by one. To be asked for before the file is served.
pub(crate) async fn devices(file: &Path, fleet: Fleet, many: u64) -> Outcome<Vec<Device>> {
    let store = runstate_store_sqlite::open_beside(file, Arc::new(SystemClock))?;
    let store = Arc::new(store);
    devices_of(store, fleet, many).await
}

/// [`devices`] of any store.
pub(crate) async fn devices_of(
    store: Arc<dyn IssuerStore>,
    fleet: Fleet,
    many: u64,
) -> Outcome<Vec<Device>> {
    let issuer = BuiltinIssuer::open(store, Arc::new(SystemClock), BaseUrl::default()).await?;
    let many = many.min(fleet.devices);
    let mut devices = Vec::new();
    for at in 0..many {
        let number = at * (fleet.devices / many);
        let id = fleet.device_id(number);
        let token = issuer.issue(&Grant {
            tenant_id: TENANT.to_owned(),
            subject: Subject::Device {
                device_id: id.clone(),
            },
            permissions: Vec::new(),
            client_id: CLIENT.to_owned(),
            expires_in: VALID,
        })?;
        devices.push(Device {
            number,
            id: id.into(),
            token: bearer(&token)?,
        });
    }
    Ok(devices)
}

fn bearer(token: &str) -> Outcome<HeaderValue> {
    Ok(HeaderValue::from_str(&format!("Bearer {}", token.trim()))?)
}
