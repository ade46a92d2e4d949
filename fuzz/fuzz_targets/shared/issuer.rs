//! A built-in issuer whose key is known, at a time that stands still.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use ring::signature::Ed25519KeyPair;
use runstate_graph::{clock::Clock, entity::FACTS};
use runstate_server::{auth::issuer::BuiltinIssuer, base_url::BaseUrl};
use runstate_store::{
    Error,
    issuer::{Application, Enrolled, Enrollment, IssuerStore, SigningKey},
};
use tokio::runtime::Runtime;

/// Seconds since 1970.
pub const NOW: u64 = 1_769_860_800;
/// The id of the issuer's key.
pub const KID: &str = "key";

/// What lies before the seed of an Ed25519 private key (RFC 8410, section 7).
const PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The issuer, which knows these applications.
pub fn open(runtime: &Runtime, seed: [u8; 32], applications: Vec<Application>) -> BuiltinIssuer {
    let private_key = [PREFIX.as_slice(), &seed].concat();
    let store = Arc::new(Fixed {
        private_key,
        applications,
        used: Mutex::default(),
    });
    let issuer = BuiltinIssuer::open(store, Arc::new(Stopped), BaseUrl::default());
    runtime.block_on(issuer).expect("an issuer")
}

/// A runtime for futures that wait for nothing outside.
pub fn runtime() -> Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().build().expect("a runtime")
}

/// The key pair of a seed.
pub fn key(seed: [u8; 32]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed")
}

/// A clock that says [`NOW`].
pub struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
    }
}

/// A store that holds what it was given, and takes no more but used assertions.
struct Fixed {
    private_key: Vec<u8>,
    applications: Vec<Application>,
    used: Mutex<HashSet<[u8; 32]>>,
}

#[async_trait]
impl IssuerStore for Fixed {
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, Error> {
        Ok(vec![SigningKey {
            kid: KID.to_owned(),
            algorithm: "EdDSA".to_owned(),
            private_key: self.private_key.clone(),
            created: SystemTime::UNIX_EPOCH,
        }])
    }

    async fn signing_key_add(&self, _: SigningKey) -> Result<(), Error> {
        Ok(())
    }

    async fn application_get(
        &self,
        tenant_id: &str,
        client_id: &str,
    ) -> Result<Option<Application>, Error> {
        let mut all = self.applications.iter();
        let found = all.find(|one| one.tenant_id == tenant_id && one.client_id == client_id);
        Ok(found.cloned())
    }

    async fn application_add(&self, _: Application) -> Result<(), Error> {
        Ok(())
    }

    async fn application_list(&self, _: &str) -> Result<Vec<Application>, Error> {
        Ok(self.applications.clone())
    }

    /// Enrols whoever is well described: a device with an id, a system and a name, and facts that a
    /// device may tell.
    async fn device_enroll(&self, enrollment: Enrollment) -> Result<Enrolled, Error> {
        let device = &enrollment.device;
        for needed in ["id", "operatingSystem", "deviceName"] {
            assert!(!device.get(needed).is_null(), "{needed}");
        }
        let of_service = [
            "id",
            "managementState",
            "deviceRegistrationState",
            "managedDeviceOwnerType",
            "ownerType",
            "roleScopeTagIds",
        ];
        for (property, value) in device.ty.properties.iter().zip(&device.values) {
            let may = FACTS.contains(&property.name) || of_service.contains(&property.name);
            assert!(may || value.is_null(), "{}", property.name);
        }
        assert!(enrollment.accounts.is_sorted());
        Ok(Enrolled {
            tenant_id: "t".to_owned(),
            device_id: device.get("id").as_str().unwrap_or_default().to_owned(),
        })
    }

    async fn assertion_use(
        &self,
        hash: [u8; 32],
        _: SystemTime,
        _: SystemTime,
    ) -> Result<bool, Error> {
        Ok(self.used.lock().expect("no holder panics").insert(hash))
    }

    async fn application_delete(&self, _: &str, _: &str) -> Result<bool, Error> {
        Ok(false)
    }
}
