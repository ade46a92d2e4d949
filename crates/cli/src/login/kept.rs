//! The file in which tokens are kept: in the user's configuration folder, for the user alone.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use runstate_graph::clock::Clock;
use serde::{Deserialize, Serialize};

use super::oauth::{Client, Tokens};
use crate::failure::Failure;

/// What is kept for one server. It has no `Debug`, because it is full of secrets.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    pub(super) token_endpoint: String,
    pub(super) client_id: String,
    /// With it a new token is asked for where the old one came by client credentials, for which there
    /// are no refresh tokens (RFC 6749, 4.4.3).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) client_secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) scope: Option<String>,
    /// Whether a user signed in, by a code.
    pub(super) by_code: bool,
    pub(super) access_token: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) refresh_token: Option<String>,
    /// When the access token ends, in seconds since 1970.
    pub(super) expires_at: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) ca: Option<PathBuf>,
}

/// How long before its end a token is renewed, in seconds: a request is on its way for a while, and
/// clocks differ.
const MARGIN: u64 = 60;

impl Account {
    pub(super) fn new(
        client: Client,
        token_endpoint: String,
        tokens: Tokens,
        ca: Option<PathBuf>,
        by_code: bool,
        clock: &dyn Clock,
    ) -> Self {
        let mut account = Self {
            token_endpoint,
            client_id: client.id,
            client_secret: client.secret,
            scope: client.scope,
            by_code,
            access_token: String::new(),
            refresh_token: None,
            expires_at: 0,
            ca,
        };
        account.take(tokens, clock.now());
        account
    }

    /// Takes new tokens. A refresh token that does not come anew stays good (RFC 6749, 6).
    pub(super) fn take(&mut self, tokens: Tokens, now: SystemTime) {
        self.access_token = tokens.access_token;
        self.expires_at = seconds(now).saturating_add(tokens.expires_in);
        self.refresh_token = tokens.refresh_token.or(self.refresh_token.take());
    }

    /// Whether the access token is good for a while yet.
    pub(super) fn is_fresh(&self, now: SystemTime) -> bool {
        self.expires_at > seconds(now).saturating_add(MARGIN)
    }
}

fn seconds(moment: SystemTime) -> u64 {
    let since = moment.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// All that is kept.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The server that is meant where none is named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    current: Option<String>,
    #[serde(default)]
    servers: BTreeMap<String, Account>,
}

impl Kept {
    /// What is kept at present.
    pub(crate) fn read() -> Result<Self, Failure> {
        Self::read_from(&file(&folder()?))
    }

    fn read_from(path: &Path) -> Result<Self, Failure> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(format!("{}: {error}", path.display()).into()),
        };
        let kept = serde_json::from_slice(&text);
        kept.map_err(|error| {
            let path = path.display();
            format!("{path} is damaged ({error}); delete it and sign in again").into()
        })
    }

    /// Changes it while nobody else does, and says where it is.
    pub(super) fn change(change: impl FnOnce(&mut Self)) -> Result<PathBuf, Failure> {
        Lock::take(folder()?)?.change(change)
    }

    /// Writes it whole, under another name first; the file is the user's alone (mode 0600) from the
    /// start.
    fn write(&self, folder: &Path, path: &Path) -> Result<(), Failure> {
        let shown = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(shown)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)
            .map_err(shown)?;
        file.as_file().sync_all().map_err(shown)?;
        file.persist(path).map_err(|error| shown(error.error))?;
        Ok(())
    }

    /// The server that is meant where none is named.
    pub(crate) fn current(&self) -> Option<String> {
        self.current.clone()
    }

    pub(super) fn account(&self, server: &str) -> Option<Account> {
        self.servers.get(server).cloned()
    }

    pub(super) fn sign_in(&mut self, server: &str, account: Account) {
        self.servers.insert(server.to_owned(), account);
        self.current = Some(server.to_owned());
    }

    /// Replaces an account that is still there; whoever signed out meanwhile stays so.
    pub(super) fn renew(&mut self, server: &str, account: Account) {
        if let Some(kept) = self.servers.get_mut(server) {
            *kept = account;
        }
    }

    pub(super) fn sign_out(&mut self, server: &str) -> bool {
        if self.current.as_deref() == Some(server) {
            self.current = None;
        }
        self.servers.remove(server).is_some()
    }
}

/// The right to change what is kept. It is gone with its value, and with the process.
pub(super) struct Lock {
    folder: PathBuf,
    _file: File,
}

impl Lock {
    /// Waits until nobody else has it.
    pub(super) fn take(folder: PathBuf) -> Result<Self, Failure> {
        let shown = |error: std::io::Error| format!("{}: {error}", folder.display());
        make(&folder).map_err(shown)?;
        let file = File::create(folder.join("login.lock")).map_err(shown)?;
        file.lock().map_err(shown)?;
        Ok(Self {
            folder,
            _file: file,
        })
    }

    /// Changes what is kept, and says where it is.
    pub(super) fn change(&self, change: impl FnOnce(&mut Kept)) -> Result<PathBuf, Failure> {
        let path = file(&self.folder);
        let mut kept = Kept::read_from(&path)?;
        change(&mut kept);
        kept.write(&self.folder, &path)?;
        Ok(path)
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("login.json")
}

fn make(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The user's folder: `RUNSTATE_CONFIG_DIR`, or `runstate` where the system has such things (XDG Base
/// Directory Specification).
pub(super) fn folder() -> Result<PathBuf, Failure> {
    let variable = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    if let Some(folder) = std::env::var_os("RUNSTATE_CONFIG_DIR").filter(|dir| !dir.is_empty()) {
        return Ok(folder.into());
    }
    let folder = match cfg!(windows) {
        true => variable("APPDATA"),
        false => {
            let home = || variable("HOME").map(|home| home.join(".config"));
            variable("XDG_CONFIG_HOME").or_else(home)
        }
    };
    let folder = folder.map(|folder| folder.join("runstate"));
    folder.ok_or_else(|| "no folder for configuration is known; set RUNSTATE_CONFIG_DIR".into())
}
