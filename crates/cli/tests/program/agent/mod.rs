//! The agent as devices run it: real processes against a real server.

mod fleet;
mod once;
mod scripts;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use http::Method;
use runstate_testkit::{Data, Http};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::start::{Process, output, runstate};

/// What an administrator needs.
const PERMISSIONS: &[&str] = &[
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
    "DeviceManagementManagedDevices.PrivilegedOperations.All",
    "DeviceManagementServiceConfig.ReadWrite.All",
    "Group.ReadWrite.All",
];

/// A server with an empty store, and a folder for devices.
pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) token: String,
    http: Http,
    pub(crate) folder: TempDir,
    pub(crate) data: Data,
    server: Process,
}

impl Site {
    /// Starts `runstate serve` with these arguments besides.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_in(folder, Data::new(), "127.0.0.1:0", arguments)
    }

    fn start_in(folder: TempDir, data: Data, listen: &str, arguments: &[&str]) -> Self {
        let address = data.address();
        let mut server = runstate()
            .args(["serve", "--listen", listen, "--data"])
            .arg(&address)
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .map(Process)
            .unwrap();
        let mut lines = BufReader::new(server.0.stderr.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("the server ended early").unwrap();
            if let Some((_, rest)) = line.split_once("url=\"") {
                break rest.split('"').next().unwrap().to_owned();
            }
        };
        // The rest of the log must have somewhere to go.
        std::thread::spawn(move || lines.for_each(drop));
        let token = [
            "token",
            "--data",
            &address,
            "--tenant",
            "contoso.example",
            "--permission",
        ];
        let token = output(&[&token, PERMISSIONS].concat());
        Self {
            url,
            token,
            http: Http::new(),
            folder,
            data,
            server,
        }
    }

    /// Ends the server; its data stay.
    pub(crate) fn stop(&mut self) {
        self.server.signal("TERM");
        self.server.wait();
    }

    /// Starts the server again at the same address, after it was ended.
    pub(crate) fn start_again(self) -> Self {
        let listen = self.url.trim_start_matches("http://").to_owned();
        Self::start_in(self.folder, self.data, &listen, &[])
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let url = match path.starts_with("http") {
            true => path.to_owned(),
            false => format!("{}/beta/{path}", self.url),
        };
        let request = self.http.request(method, &url).token(&self.token);
        let reply = match body {
            Some(body) => request.json(body).send().await,
            None => request.send().await,
        };
        assert!(reply.status.is_success(), "{path}: {}", reply.text());
        match reply.body.is_empty() {
            true => Value::Null,
            false => reply.json(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Value {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// All entities of a collection.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let page = self.get(&path).await;
            all.extend(page["value"].as_array().unwrap().iter().cloned());
            next = page["@odata.nextLink"].as_str().map(str::to_owned);
        }
        all
    }

    /// Makes a script and assigns it; answers its path.
    pub(crate) async fn script(&self, collection: &str, body: Value, targets: &[Value]) -> String {
        let collection = format!("deviceManagement/{collection}");
        let script = self.post(&collection, &body).await;
        let path = format!("{collection}/{}", script["id"].as_str().unwrap());
        self.assign(&path, targets).await;
        path
    }

    /// Makes a shell script for all devices; answers its path.
    pub(crate) async fn shell(&self, name: &str, content: &str, more: Value) -> String {
        let mut body = json!({ "displayName": name, "scriptContent": base64(content) });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.script("deviceShellScripts", body, &[all_devices()])
            .await
    }

    pub(crate) async fn assign(&self, script: &str, targets: &[Value]) {
        let targets: Vec<Value> = targets
            .iter()
            .map(|target| json!({ "target": target }))
            .collect();
        let body = json!({ "deviceManagementScriptAssignments": targets });
        self.post(&format!("{script}/assign"), &body).await;
    }

    /// An enrolment token, by the command line.
    pub(crate) fn enrollment_token(&self) -> String {
        let arguments = [
            "enrollment",
            "create",
            "--server",
            &self.url,
            "--token",
            &self.token,
        ];
        let token = output(&[&arguments[..], &["--output", "json"]].concat());
        let token: Value = serde_json::from_str(&token).unwrap();
        token["tokenValue"].as_str().unwrap().to_owned()
    }

    /// Enrols a device by that name, which reaches the server by `url`.
    pub(crate) fn enroll_by(&self, url: &str, token: &str, name: &str) -> Device {
        let state = self.folder.path().join(name);
        let path = state.to_str().unwrap();
        let arguments = [
            "agent", "enroll", "--server", url, "--token", token, "--name", name,
        ];
        let printed = output(&[&arguments[..], &["--state-dir", path]].concat());
        let id = printed.lines().next().unwrap().rsplit(' ').next().unwrap();
        Device {
            id: id.to_owned(),
            state,
        }
    }

    pub(crate) fn enroll(&self, name: &str) -> Device {
        self.enroll_by(&self.url, &self.enrollment_token(), name)
    }

    /// The run state of a script on a device, once it is not pending any more.
    pub(crate) async fn outcome(&self, script: &str, device: &Device) -> Value {
        let path = self.state(script, device);
        let mut look = tokio::time::interval(LOOK);
        loop {
            let state = self.get(&path).await;
            if state["runState"] != "pending" {
                return state;
            }
            look.tick().await;
        }
    }

    pub(crate) fn state(&self, script: &str, device: &Device) -> String {
        let id = script.rsplit('/').next().unwrap();
        format!("{script}/deviceRunStates/{id}%3A{}", device.id)
    }

    /// The runs of a script on a device, in the order in which they came.
    pub(crate) async fn runs(&self, script: &str, device: &Device) -> Vec<Value> {
        let state = self.state(script, device);
        self.all(&format!("{state}/runs?$orderby=receivedDateTime"))
            .await
    }
}

/// How often something is looked at again that is waited for.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// A device that is enrolled.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) state: PathBuf,
}

impl Device {
    /// The agent of the device, with these arguments besides.
    pub(crate) fn agent(&self, arguments: &[&str]) -> Command {
        let mut command = runstate();
        command
            .args(["agent", "run", "--state-dir"])
            .arg(&self.state);
        command.args(arguments);
        command
    }

    /// An agent that goes on until the test ends.
    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        let mut command = self.agent(&["--splay", "0", "--log", "error"]);
        command.args(arguments);
        command.spawn().map(Process).unwrap()
    }

    /// One round; what the agent prints.
    pub(crate) fn once(&self, arguments: &[&str]) -> String {
        let output = self.agent(&["--once"]).args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// What `runstate agent status` shows.
    pub(crate) fn status(&self) -> Value {
        let state = self.state.to_str().unwrap();
        let text = output(&["agent", "status", "--output", "json", "--state-dir", state]);
        serde_json::from_str(&text).unwrap()
    }
}

pub(crate) fn all_devices() -> Value {
    json!({ "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" })
}

pub(crate) fn to_group(group: &str) -> Value {
    json!({ "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group })
}

pub(crate) fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Waits until there is a file.
pub(crate) async fn appears(path: &Path) {
    let mut look = tokio::time::interval(LOOK);
    while !path.exists() {
        look.tick().await;
    }
}

/// Whether any process has these words in its command line.
pub(crate) fn is_running(words: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap();
    processes.filter_map(Result::ok).any(|process| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line: Vec<u8> = line
            .iter()
            .map(|byte| if *byte == 0 { b' ' } else { *byte })
            .collect();
        String::from_utf8_lossy(&line).contains(words)
    })
}

/// Whether there is a program of that name.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
