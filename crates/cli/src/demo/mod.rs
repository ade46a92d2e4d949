//! `runstate demo`: a server on loopback with a tenant full of sample data, to try and to test with.

mod emulator;
mod fleet;
mod load;

use std::{
    fmt::Write as _,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use clap::Args;
use runstate_console::new_link;
use runstate_graph::{clock::Clock, permit::rules};
use runstate_odata::edm::DateTimeOffset;
use runstate_server::auth::issuer::{BuiltinIssuer, Grant, Registered, Subject, register};
use runstate_store::{AnyStore, console::Person};
use serde::Serialize;

use self::{
    emulator::{Emulator, EmulatorArgs, Prepared},
    fleet::{Fleet, Object, Size, seeded::Seeded},
    load::Loader,
};
use crate::{
    clock::SystemClock,
    config::{Level, Settings},
    console_link::all_permissions,
    failure::Failure,
    open_store::{open_store, shown},
    serve::{Listening, Server, log_to_stderr, stop_signal},
};

/// From this all sample data follows, ids included, so that what is written about it stays true,
/// unless another seed is given.
const SEED: u64 = 2017;

/// The tenant of the sample data.
const TENANT: &str = "c0de0000-57a7-4e00-8000-000000002017";

/// The user in whose name the demo's tokens speak.
const USER: &str = "c0de0000-57a7-4e00-8000-00000000ad31";

/// The name of the demo's application, by which an earlier run's is found.
const APPLICATION: &str = "Runstate demo";

/// How long the demo's tokens live, in seconds.
const TOKEN_LIFETIME: i64 = 7 * 24 * 3600;

/// How long the demo's link to the console is good, on this machine alone as it is.
const CONSOLE_LINK_LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// Serves a tenant with sample data, to try and to test with.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Address and port to listen on; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// SQLite file or postgres:// URL to keep the data in [default: a temporary file]
    #[arg(long, value_name = "FILE|URL")]
    data: Option<String>,

    /// JSON file to write once the server answers: baseUrl, tenantId, clientId, clientSecret, token,
    /// readToken, consoleLink; with --emulate also controlUrl, controlToken
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,

    /// Certificate chain in PEM; with --tls-key, the demo speaks TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Private key of the certificate in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Limit each tenant and app to as many requests as Graph does (429 with Retry-After)
    #[arg(long)]
    throttle: bool,

    /// Number from which all sample data follow, ids included
    #[arg(long, value_name = "NUMBER", default_value_t = SEED)]
    seed: u64,

    /// How many users the sample data have
    #[arg(long, value_name = "COUNT", default_value_t = Size::USUAL.users, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    users: u32,

    /// How many devices the sample data have
    #[arg(long, value_name = "COUNT", default_value_t = Size::USUAL.devices, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    devices: u32,

    #[command(flatten)]
    emulator: EmulatorArgs,

    /// What to log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: Level,
}

/// What the sample data are made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    seed: u64,
    size: Size,
}

#[cfg(test)]
impl Plan {
    /// The sample data that everybody gets who asks for no others.
    pub(crate) const USUAL: Self = Self {
        seed: SEED,
        size: Size::USUAL,
    };
}

/// What the ready file holds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    /// The service root, ending in `/beta`.
    base_url: String,
    tenant_id: &'static str,
    /// An application with all permissions, for the token endpoint.
    client_id: String,
    client_secret: String,
    /// A delegated token with all permissions to write.
    token: String,
    /// A delegated token with all permissions to read, and none to write.
    read_token: String,
    /// Signs in to the console, once.
    console_link: String,
    /// How a stand-in for Graph is controlled.
    #[serde(flatten)]
    control: Option<Control>,
}

/// The part of the ready file that only a stand-in for Graph has.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Control {
    /// Below which the pages for control are.
    control_url: String,
    /// The token that they want.
    control_token: String,
}

impl Demo {
    pub(crate) async fn run(self, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        log_to_stderr(self.log);
        let folder = tempfile::Builder::new()
            .prefix("runstate-demo-")
            .tempdir()?;
        let plan = Plan {
            seed: self.seed,
            size: Size {
                users: self.users,
                devices: self.devices,
            },
        };
        let settings = Settings {
            listen: Some(self.listen),
            tls_cert: self.tls_cert.clone(),
            tls_key: self.tls_key.clone(),
            throttle: Some(self.throttle),
            // It is on loopback, and so is whoever tries it out.
            notify_loopback: Some(true),
            ..Settings::default()
        };
        let shutdown = stop_signal()?;
        if self.emulator.emulate {
            let (listening, emulator, ready, fleet) =
                self.emulate(plan, &settings, folder.path()).await?;
            let text = self.announce(&ready, &fleet, folder.path(), None)?;
            let (router, shutdown) = (emulator.router(), emulator.shutdown(shutdown));
            return self
                .serve(listening.serve(router, shutdown), &ready, &text, out)
                .await;
        }
        let data = match &self.data {
            Some(data) => data.clone(),
            None => {
                let file = folder.path().join("demo.db");
                let file = file
                    .to_str()
                    .ok_or("the temporary folder's path is not UTF-8")?;
                file.to_owned()
            }
        };
        let store = open_store(&data).await?;
        let fleet = fill(store.as_ref(), TENANT, plan, SystemClock.now()).await?;
        let server = Server::bind(Arc::clone(&store), &settings).await?;
        let ready = ready(server.url(), server.issuer(), store.as_ref(), None).await?;
        let kept = self.data.is_some().then_some(shown(&data));
        let text = self.announce(&ready, &fleet, folder.path(), kept.as_deref())?;
        self.serve(server.run(shutdown), &ready, &text, out).await
    }

    /// A stand-in for Graph, full of data.
    async fn emulate(
        &self,
        plan: Plan,
        settings: &Settings,
        folder: &Path,
    ) -> Result<(Listening, Arc<Emulator>, Ready, Fleet), Failure> {
        let prepared = Prepared::new(&self.emulator, plan, settings, folder).await?;
        let fleet = fill(prepared.store.as_ref(), TENANT, plan, prepared.beginning()).await?;
        let listening = Listening::bind(settings).await?;
        if !listening.address.ip().is_loopback() {
            tracing::warn!(
                address = %listening.address,
                "a stand-in for tests is open to other machines"
            );
        }
        let client_id = Seeded::guid(plan.seed, "application");
        let url = listening.url();
        let store = prepared.store.as_ref();
        let mut ready = ready(url.clone(), &prepared.issuer, store, Some(client_id)).await?;
        let emulator = prepared.start().await?;
        ready.control = Some(Control {
            control_url: format!("{url}/emulator"),
            control_token: emulator.token.clone(),
        });
        Ok((listening, emulator, ready, fleet))
    }

    /// What is to be printed; the lines in it name a file in `folder` that this writes.
    fn announce(
        &self,
        ready: &Ready,
        fleet: &Fleet,
        folder: &Path,
        data: Option<&str>,
    ) -> Result<String, Failure> {
        let header = folder.join("authorization");
        let line = format!("Authorization: Bearer {}\n", ready.token);
        write_private(&header, line.as_bytes())?;
        Ok(greeting(ready, fleet, &header, data))
    }

    /// Serves, and tells it.
    async fn serve(
        &self,
        serving: impl Future<Output = Result<(), Failure>> + Send + 'static,
        ready: &Ready,
        text: &str,
        out: &mut (dyn Write + Send),
    ) -> Result<(), Failure> {
        // From here on connections are taken: the listener has its address, the server runs.
        let serving = tokio::spawn(serving);
        if let Some(path) = &self.ready_file {
            write_whole(path, &serde_json::to_vec_pretty(ready)?)?;
        }
        out.write_all(text.as_bytes())?;
        out.flush()?;
        serving.await??;
        Ok(())
    }
}

/// Puts the sample data into a tenant that has none yet.
pub(crate) async fn fill(
    store: &dyn AnyStore,
    tenant_id: &str,
    plan: Plan,
    now: SystemTime,
) -> Result<Fleet, Failure> {
    let fleet = Fleet::new(plan.seed, plan.size, now)?;
    let now = DateTimeOffset::from_system_time(now);
    let loader = Loader {
        store,
        tenant_id,
        now,
    };
    if !loader.is_loaded().await? {
        loader.load(&fleet).await?;
    }
    Ok(fleet)
}

/// Tokens, and an application of its own, for whoever tries the demo.
/// The application goes by `client_id`, or by an id of its own.
async fn ready(
    url: String,
    issuer: &BuiltinIssuer,
    store: &dyn AnyStore,
    client_id: Option<String>,
) -> Result<Ready, Failure> {
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>()
    };
    for application in store.application_list(TENANT).await? {
        if application.display_name == APPLICATION {
            store
                .application_delete(TENANT, &application.client_id)
                .await?;
        }
    }
    let Registered {
        mut application,
        secret,
    } = register(TENANT, APPLICATION, names(rules::ALL_WRITES), Vec::new())?;
    if let Some(client_id) = client_id {
        application.client_id = client_id;
    }
    let client_id = application.client_id.clone();
    store.application_add(application).await?;
    let person = Person {
        tenant_id: TENANT.to_owned(),
        user_id: USER.to_owned(),
        display_name: "Demo".to_owned(),
        permissions: all_permissions(),
    };
    let now = SystemClock.now();
    let console_link = new_link(store, &url, person, now, CONSOLE_LINK_LIFETIME).await?;
    Ok(Ready {
        console_link,
        base_url: format!("{url}/beta"),
        tenant_id: TENANT,
        client_secret: secret.unwrap_or_default(),
        token: token(issuer, &client_id, names(rules::ALL_WRITES))?,
        read_token: token(issuer, &client_id, names(rules::ALL_READS))?,
        client_id,
        control: None,
    })
}

fn token(
    issuer: &BuiltinIssuer,
    client_id: &str,
    permissions: Vec<String>,
) -> Result<String, Failure> {
    Ok(issuer.issue(&Grant {
        tenant_id: TENANT.to_owned(),
        subject: Subject::User {
            user_id: USER.to_owned(),
        },
        permissions,
        client_id: client_id.to_owned(),
        expires_in: TOKEN_LIFETIME,
    })?)
}

/// What the demo prints: where it is, a token, and three lines to paste.
fn greeting(ready: &Ready, fleet: &Fleet, header: &Path, data: Option<&str>) -> String {
    let scripts = fleet.scripts.iter();
    let states = |script: &fleet::ScriptSeed| {
        let users = script
            .user_run_states
            .iter()
            .map(|user| user.device_run_states.len());
        script.device_run_states.len() + users.sum::<usize>()
    };
    let mut text = format!(
        "Runstate demo: {} devices, {} users, {} groups, {} scripts, {} run states.\n\n",
        fleet.devices.len(),
        fleet.users.len(),
        fleet.groups.len(),
        fleet.scripts.len(),
        scripts.clone().map(states).sum::<usize>(),
    );
    let Ready {
        base_url,
        tenant_id,
        token,
        console_link,
        ..
    } = ready;
    let kept = data.unwrap_or("a temporary file, gone when the demo stops");
    let _ = write!(
        text,
        "  URL     {base_url}\n  tenant  {tenant_id}\n  data    {kept}\n"
    );
    let _ = write!(text, "  token   {token}\n\n");
    let _ = write!(
        text,
        "Console, by a link that works once:\n\n  {console_link}\n\n"
    );
    if let Some(Control {
        control_url,
        control_token,
    }) = &ready.control
    {
        let _ = write!(
            text,
            "Control, for tests on this machine alone; never expose it:\n\n\
             \x20 control       {control_url}\n  controlToken  {control_token}\n\n"
        );
    }

    let shell = |script: &&fleet::ScriptSeed| script.collection == "deviceShellScripts";
    let Some(script) = scripts.clone().find(shell) else {
        return text;
    };
    let id = |object: &Object| {
        object
            .get("id")
            .and_then(|id| id.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let pending = |state: &&Object| {
        state
            .get("runState")
            .is_some_and(|state| state == "pending")
    };
    let states = &script.device_run_states;
    let state = states
        .iter()
        .find(pending)
        .or_else(|| states.first())
        .map(id)
        .unwrap_or_default();
    let script_url = format!(
        "{base_url}/deviceManagement/deviceShellScripts/{}",
        id(&script.object)
    );
    let curl = format!("curl -sS -H @{}", header.display());
    let _ = write!(
        text,
        "Report a run, as a device does; list the failures with their devices; see the sum:\n\n\
         {curl} -X PATCH '{script_url}/deviceRunStates/{state}' -H 'Content-Type: application/json' -d '{EXAMPLE}'\n\n\
         {curl} -G '{script_url}/deviceRunStates' -d '$top=3' -d '$expand=managedDevice($select=deviceName)' --data-urlencode \"\\$filter=runState eq 'fail'\"\n\n\
         {curl} '{script_url}/runSummary'\n\n\
         Stop with Ctrl-C.\n"
    );
    text
}

/// The request example of Graph's documentation.
const EXAMPLE: &str = r##"{"@odata.type":"#microsoft.graph.deviceManagementScriptDeviceState","runState":"success","resultMessage":"Result Message value","lastStateUpdateDateTime":"2017-01-01T00:02:58.4418045-08:00","errorCode":9,"errorDescription":"Error Description value"}"##;

/// Writes a file that nobody sees half written: under another name first, then renamed.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(name);
    let written = write_private(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    written.map_err(|error| {
        // What is half written is of no use to anybody.
        let _ = std::fs::remove_file(&part);
        Failure::from(format!(
            "the ready file {} cannot be written: {error}",
            path.display()
        ))
    })
}

/// Writes a file that holds a secret: readable by its owner alone. The file is a new one, because one
/// that is there may be somebody else's, or lead elsewhere.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_secret_goes_to_a_new_file_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let [elsewhere, path] = ["elsewhere", "ready"].map(|name| folder.path().join(name));
        std::fs::write(&elsewhere, "theirs").unwrap();
        symlink(&elsewhere, &path).unwrap();
        write_private(&path, b"secret").unwrap();
        write_private(&path, b"another").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"another");
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"theirs");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
