//! Who this device is: its key, made here and never sent anywhere, and what the server calls it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, random};

/// The folder in which an agent keeps all that it must remember.
#[derive(Debug, Clone)]
pub struct StateDir(PathBuf);

/// What the server calls this device, and where the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The server's URL, without a slash at its end.
    pub(crate) server: String,
    pub(crate) tenant_id: String,
    pub(crate) device_id: String,
    pub(crate) token_endpoint: String,
    /// The issuer's name, for whom assertions are made.
    pub(crate) issuer: String,
    /// The primary user, whom enrolment named.
    #[serde(default)]
    pub(crate) user_principal_name: Option<String>,
    /// The device's name where enrolment gave one that is not the machine's own.
    #[serde(default)]
    pub(crate) device_name: Option<String>,
    /// A PEM file of authorities to trust beside the system's.
    #[serde(default)]
    pub(crate) ca: Option<PathBuf>,
}

impl StateDir {
    /// The folder at that path, which need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes the folder, for its owner alone.
    pub(crate) fn create(&self) -> Result<(), Error> {
        create_private_dir(&self.0).map_err(|error| Error::file(&self.0, error))
    }

    /// Keeps other agents out for as long as the file is held.
    pub(crate) fn lock(&self) -> Result<File, Error> {
        let path = self.file("lock");
        let fail = |error| Error::file(&path, error);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file = options.open(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Error::Locked {
                path: self.0.clone(),
            }),
            Err(TryLockError::Error(error)) => Err(fail(error)),
        }
    }

    pub(crate) fn has_identity(&self) -> bool {
        self.file(IDENTITY).exists()
    }

    pub(crate) fn identity(&self) -> Result<Identity, Error> {
        let path = self.file(IDENTITY);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NotEnrolled {
                    path: self.0.clone(),
                });
            }
            Err(error) => return Err(Error::file(&path, error)),
        };
        serde_json::from_slice(&text).map_err(|error| Error::file(&path, error.into()))
    }

    pub(crate) fn set_identity(&self, identity: &Identity) -> Result<(), Error> {
        let path = self.file(IDENTITY);
        let text = serde_json::to_vec_pretty(identity)
            .map_err(|error| Error::file(&path, error.into()))?;
        write_private(&path, &text).map_err(|error| Error::file(&path, error))
    }

    /// The device's key; made where there is none.
    pub(crate) fn key_or_new(&self) -> Result<DeviceKey, Error> {
        let path = self.file(KEY);
        if !path.exists() {
            let pkcs8 = pkcs8(&random::bytes()?);
            write_private(&path, &pkcs8).map_err(|error| Error::file(&path, error))?;
        }
        self.key()
    }

    pub(crate) fn key(&self) -> Result<DeviceKey, Error> {
        let path = self.file(KEY);
        let bytes = fs::read(&path).map_err(|error| Error::file(&path, error))?;
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes).map_err(|_| {
            Error::file(
                &path,
                io::Error::new(io::ErrorKind::InvalidData, "not a key"),
            )
        })?;
        Ok(DeviceKey(key))
    }
}

const IDENTITY: &str = "identity.json";
const KEY: &str = "key.p8";

/// The device's Ed25519 key.
pub(crate) struct DeviceKey(Ed25519KeyPair);

impl DeviceKey {
    /// The public half, as the `x` of a JSON Web Key (RFC 8037, 2).
    pub(crate) fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref())
    }

    /// The RFC 7638 thumbprint of the public half.
    pub(crate) fn kid(&self) -> String {
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.x());
        URL_SAFE_NO_PAD.encode(Sha256::digest(members.as_bytes()))
    }

    /// Claims as a signed JSON Web Token (RFC 7515, 7.1; RFC 8037, 3.1).
    pub(crate) fn sign(&self, claims: &serde_json::Value) -> String {
        let header = serde_json::json!({ "alg": "EdDSA", "kid": self.kid(), "typ": "JWT" });
        let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// The PKCS#8 form (RFC 8410, 7) of an Ed25519 private key.
fn pkcs8(seed: &[u8; 32]) -> Vec<u8> {
    const PREFIX: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    [PREFIX.as_slice(), seed].concat()
}

/// Makes a folder, and those above it, that its owner alone may enter.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a file that its owner alone may read: whole or not at all, and to the disk.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::new(folder.path().join("state"));
        state.create().unwrap();
        let key = state.key_or_new().unwrap();
        assert_eq!(state.key_or_new().unwrap().kid(), key.kid());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(state.file(KEY)), 0o600);
            assert_eq!(mode(state.path().to_owned()), 0o700);
        }
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        // RFC 8037, A.1 and A.3.
        let seed = URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .unwrap();
        let bytes = pkcs8(&seed.try_into().unwrap());
        let key = DeviceKey(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes).unwrap());
        assert_eq!(key.x(), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn one_agent_in_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::new(folder.path());
        let held = state.lock().unwrap();
        assert!(matches!(state.lock(), Err(Error::Locked { .. })));
        drop(held);
        state.lock().unwrap();
    }
}
