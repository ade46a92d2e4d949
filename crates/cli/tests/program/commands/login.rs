//! Signing in: with a client secret at the built-in issuer, and by a code at another.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Done, Json, stable};
use crate::{
    agent::Site,
    start::{output, runstate},
};

/// A user's folder of configuration.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("runstate")
    }

    fn file(&self) -> PathBuf {
        self.path().join("login.json")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = runstate();
        command
            .env("RUNSTATE_CONFIG_DIR", self.path())
            .args(arguments);
        command
    }

    fn give(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments).output().unwrap())
    }

    fn kept(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap()
    }

    /// Changes what is kept for a server.
    fn change(&self, server: &str, change: impl FnOnce(&mut Value)) {
        let mut kept = self.kept();
        change(&mut kept["servers"][server]);
        std::fs::write(self.file(), kept.to_string()).unwrap();
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_secret_signs_in_until_somebody_signs_out() {
    let site = Site::start(&[]);
    let data = site.data.address();
    let create = [
        "app",
        "create",
        "--data",
        &data,
        "--tenant",
        "contoso.example",
    ];
    let permission = [
        "--permission",
        "DeviceManagementConfiguration.ReadWrite.All",
    ];
    let printed = output(&[&create[..], &permission].concat());
    let line = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    };
    let (id, secret) = (line("client id:"), line("client secret:"));
    let folder = Folder::new();
    let server = format!("{}/beta", site.url);
    let login = [
        "login",
        "--server",
        &server,
        "--tenant",
        "contoso.example",
        "--client-id",
        &id,
    ];

    let wrong = folder.give(&[&login[..], &["--client-secret", "wrong"]].concat());
    assert_eq!(wrong.status, 5, "{}", wrong.stderr);
    assert!(!folder.file().exists());
    let nobody = folder.give(&login);
    assert_eq!(nobody.status, 2);
    assert!(
        nobody.stderr.contains("--client-secret"),
        "{}",
        nobody.stderr
    );

    let mut given = folder.command(&login);
    let done = Done::of(
        given
            .env("RUNSTATE_CLIENT_SECRET", &secret)
            .output()
            .unwrap(),
    );
    let shown = done
        .good()
        .replace(folder.0.path().to_str().unwrap(), "~/.config");
    insta::assert_snapshot!(stable(&shown));
    assert_eq!(mode(&folder.file()), 0o600);
    assert_eq!(mode(&folder.path()), 0o700);

    // No flag, no variable.
    assert_eq!(
        folder.give(&["script", "list", "--output", "json"]).good(),
        "[]\n"
    );
    // One that has ended, and one that the server refuses, are renewed, and kept.
    for change in [
        json!({ "expiresAt": 0 }),
        json!({ "accessToken": "nonsense" }),
    ] {
        let before = folder.kept()["servers"][&site.url]["accessToken"].clone();
        folder.change(&site.url, |account| {
            for (name, value) in change.as_object().unwrap() {
                account[name] = value.clone();
            }
        });
        assert_eq!(
            folder.give(&["script", "list", "--output", "json"]).good(),
            "[]\n"
        );
        let after = folder.kept()["servers"][&site.url].clone();
        assert_ne!(after["accessToken"], "nonsense");
        assert!(after["expiresAt"].as_u64().unwrap() > 0);
        assert!(before.is_string());
        assert_eq!(mode(&folder.file()), 0o600);
    }
    // A token for one server goes to no other.
    let other = folder.give(&["script", "list", "--server", "http://127.0.0.1:1"]);
    assert_eq!(other.status, 5, "{}", other.stderr);

    folder.give(&["logout"]).good();
    assert!(
        !std::fs::read_to_string(folder.file())
            .unwrap()
            .contains(&secret)
    );
    assert_eq!(folder.give(&["script", "list"]).status, 2);
    assert_eq!(folder.give(&["logout"]).status, 3);
}

/// An issuer that signs users in by a code (RFC 8628): the person is the test.
#[derive(Clone)]
struct Issuer {
    /// The token that it gives, which the server accepts.
    token: String,
    state: Arc<Mutex<State_>>,
}

#[derive(Default)]
struct State_ {
    url: String,
    approved: bool,
    denied: bool,
    /// The forms that came to the token endpoint.
    forms: Vec<String>,
}

impl Issuer {
    async fn start(token: &str) -> (Self, String) {
        let issuer = Self {
            token: token.to_owned(),
            state: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        issuer.state.lock().unwrap().url = url.clone();
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/device", post(authorize))
            .route("/token", post(token_))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (issuer, url)
    }
}

async fn metadata(State(issuer): State<Issuer>) -> Json {
    let url = issuer.state.lock().unwrap().url.clone();
    Json(json!({
        "issuer": url,
        "token_endpoint": format!("{url}/token"),
        "device_authorization_endpoint": format!("{url}/device"),
    }))
}

async fn authorize(State(issuer): State<Issuer>, form: String) -> Json {
    assert_eq!(form, "client_id=cli&scope=openid");
    let url = issuer.state.lock().unwrap().url.clone();
    Json(json!({
        "device_code": "the device code", "user_code": "WDJB-MJHT",
        "verification_uri": format!("{url}/enter"), "expires_in": 600, "interval": 0,
    }))
}

async fn token_(State(issuer): State<Issuer>, form: String) -> (StatusCode, Json) {
    let mut state = issuer.state.lock().unwrap();
    let refuse = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": error })));
    let renews = form.contains("grant_type=refresh_token&refresh_token=once");
    state.forms.push(form);
    if state.denied {
        return refuse("access_denied");
    }
    if !state.approved {
        return refuse("authorization_pending");
    }
    let refresh = if renews { "twice" } else { "once" };
    let answer = json!({
        "token_type": "Bearer", "access_token": issuer.token, "expires_in": 600,
        "refresh_token": refresh,
    });
    (StatusCode::OK, Json(answer))
}

/// Begins to sign in, and reads until the code is shown.
fn begin(folder: &Folder, site: &Site, issuer: &str) -> (std::process::Child, String) {
    let login = [
        "login",
        "--server",
        &site.url,
        "--issuer",
        issuer,
        "--client-id",
        "cli",
    ];
    let mut child = folder
        .command(&login)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    let shown = lines.next().unwrap().unwrap();
    (child, shown)
}

// The issuer answers while the test waits for the program.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_signs_a_user_in_and_the_token_is_renewed() {
    let site = Site::start(&[]);
    let (issuer, url) = Issuer::start(&site.token).await;
    let folder = Folder::new();
    let (child, shown) = begin(&folder, &site, &url);
    assert_eq!(
        shown,
        format!("To sign in, open {url}/enter in a browser and enter the code WDJB-MJHT")
    );
    // The person signs in only after the program has asked and was told to wait.
    let mut look = tokio::time::interval(crate::agent::LOOK);
    while issuer.state.lock().unwrap().forms.len() < 2 {
        look.tick().await;
    }
    issuer.state.lock().unwrap().approved = true;
    let done = child.wait_with_output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let asked = issuer.state.lock().unwrap().forms[0].clone();
    assert_eq!(
        asked,
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code\
         &device_code=the+device+code&client_id=cli"
    );

    let list = || folder.give(&["script", "list", "--output", "json"]);
    assert_eq!(list().good(), "[]\n");
    let asked = issuer.state.lock().unwrap().forms.len();
    folder.change(&site.url, |account| account["expiresAt"] = json!(0));
    assert_eq!(list().good(), "[]\n");
    assert_eq!(issuer.state.lock().unwrap().forms.len(), asked + 1);
    // The refresh token was turned; the next time it is the new one.
    assert_eq!(folder.kept()["servers"][&site.url]["refreshToken"], "twice");

    // Two commands at once: the one waits for the other, and takes the token that it got.
    folder.change(&site.url, |account| account["expiresAt"] = json!(0));
    let both = [(); 2].map(|()| {
        let mut command = folder.command(&["script", "list", "--output", "json"]);
        command.stdout(Stdio::piped()).spawn().unwrap()
    });
    for child in both {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(issuer.state.lock().unwrap().forms.len(), asked + 2);

    // Once the issuer declines, the person has to sign in again.
    issuer.state.lock().unwrap().denied = true;
    folder.change(&site.url, |account| account["expiresAt"] = json!(0));
    let refused = list();
    assert_eq!(refused.status, 5);
    assert!(
        refused.stderr.contains("runstate login --server"),
        "{}",
        refused.stderr
    );
}

// The issuer answers while the test waits for the program.
#[tokio::test(flavor = "multi_thread")]
async fn who_declines_is_not_signed_in() {
    let site = Site::start(&[]);
    let (issuer, url) = Issuer::start(&site.token).await;
    let folder = Folder::new();
    issuer.state.lock().unwrap().denied = true;
    let (site_url, issuer_url) = (site.url.as_str(), url.as_str());
    let login = [
        "login",
        "--server",
        site_url,
        "--issuer",
        issuer_url,
        "--client-id",
        "cli",
    ];
    let done = folder.give(&login);
    assert_eq!(done.status, 5);
    assert!(
        done.stderr.contains("declined to sign in"),
        "{}",
        done.stderr
    );
    assert!(!folder.file().exists());
}
