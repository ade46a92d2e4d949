//! SAP CAP: an OData service of the same entities on a SQLite file. It is installed on request only,
//! into the folder of builds.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use hyper::{Method, header::HeaderValue};
use rusqlite::Connection;
use serde_json::json;

use crate::{
    failure::{Context, Outcome, fail},
    fleet::Fleet,
    http::Call,
    process::Process,
    random::Random,
    workload::body,
};

const FILES: [&str; 2] = ["package.json", "srv/fleet.cds"];
const SERVE: &str = "node_modules/@sap/cds/bin/serve.js";
const DEPLOY: &str = "node_modules/@sap/cds/bin/deploy.js";

/// The same rows as in the other file, with the enumerations as their names.
const LOAD: &str = "
    INSERT INTO ManagedDevices (id, userId, deviceName, managedDeviceName, managedDeviceOwnerType,
        ownerType, enrolledDateTime, lastSyncDateTime, operatingSystem, osVersion, deviceType,
        complianceState, managementAgent, managementState, deviceRegistrationState,
        azureADRegistered, azureADDeviceId, aadRegistered, emailAddress, userPrincipalName,
        userDisplayName, model, manufacturer, serialNumber, wiFiMacAddress, ethernetMacAddress,
        processorArchitecture, totalStorageSpaceInBytes, freeStorageSpaceInBytes,
        physicalMemoryInBytes, isEncrypted, isSupervised, jailBroken, roleScopeTagIds)
    SELECT id, user_id, device_name, managed_device_name, 'company', 'company',
        strftime('%Y-%m-%dT%H:%M:%fZ', enrolled_date_time / 1e7, 'unixepoch'),
        strftime('%Y-%m-%dT%H:%M:%fZ', last_sync_date_time / 1e7, 'unixepoch'),
        operating_system, os_version, iif(device_type = 14, 'macMDM', 'linux'),
        iif(compliance_state = 1, 'compliant', 'noncompliant'), 'mdm', 'managed', 'registered',
        azure_ad_registered, azure_ad_device_id, aad_registered, email_address,
        user_principal_name, user_display_name, model, manufacturer, serial_number,
        wi_fi_mac_address, ethernet_mac_address, 'x64', total_storage_space_in_bytes,
        free_storage_space_in_bytes, physical_memory_in_bytes, is_encrypted, is_supervised,
        jail_broken, role_scope_tag_ids
    FROM fleet.managed_device;
    INSERT INTO DeviceRunStates (id, scriptId, managedDevice_id, runState, resultMessage,
        lastStateUpdateDateTime, errorCode, errorDescription)
    SELECT s.id, script.id, device_id,
        CASE run_state WHEN 1 THEN 'success' WHEN 2 THEN 'fail' ELSE 'pending' END, result_message,
        strftime('%Y-%m-%dT%H:%M:%fZ', last_state_update_date_time / 1e7, 'unixepoch'),
        error_code, error_description
    FROM fleet.device_run_state AS s JOIN fleet.script ON script.pk = s.script_pk;
    CREATE INDEX DeviceRunStates_outcome ON DeviceRunStates
        (scriptId, runState, lastStateUpdateDateTime DESC, id);
";

/// An installation.
pub(crate) struct Cap {
    folder: PathBuf,
}

impl Cap {
    /// The installation in `folder`, brought there by npm where that is asked for. What is missing is
    /// said in the failure.
    pub(crate) fn find(folder: PathBuf, install: bool) -> Outcome<Self> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("cap");
        if install {
            std::fs::create_dir_all(folder.join("srv"))?;
            copy(&sources, &folder)?;
            println!("installing SAP CAP in {}", folder.display());
            let status = Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--no-package-lock"])
                .current_dir(&folder)
                .status()
                .context("npm is missing")?;
            if !status.success() {
                return fail("npm could not install SAP CAP");
            }
        }
        if !folder.join(SERVE).exists() {
            return fail("SAP CAP is not installed; --install-cap installs it with npm");
        }
        copy(&sources, &folder)?;
        Ok(Self { folder })
    }

    fn node(&self, program: &str, file: &Path) -> Command {
        let mut command = Command::new("node");
        let config =
            json!({ "requires": { "db": { "kind": "sqlite", "credentials": { "url": file } } } });
        command
            .arg(program)
            .current_dir(&self.folder)
            .env("NODE_ENV", "production")
            .env("CDS_CONFIG", config.to_string());
        command
    }

    /// Makes a file at `file` with the rows of a generated one, and serves it.
    pub(crate) fn start(&self, file: &Path, generated: &Path, log: &Path) -> Outcome<Process> {
        let deployed = self.node(DEPLOY, file).output()?;
        if !deployed.status.success() {
            let printed = String::from_utf8_lossy(&deployed.stderr);
            return fail(format!("SAP CAP could not make its tables: {printed}"));
        }
        let connection = Connection::open(file)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let generated = generated.to_str().context("a path that is no text")?;
        connection.execute("ATTACH ? AS fleet", [generated])?;
        connection.execute_batch(&format!("BEGIN; {LOAD} COMMIT;"))?;
        drop(connection);
        let mut serve = self.node(SERVE, file);
        serve.args(["all", "--port", "0"]);
        Process::start(serve, log)
    }
}

fn copy(from: &Path, to: &Path) -> Outcome {
    for file in FILES {
        std::fs::copy(from.join(file), to.join(file)).context(file)?;
    }
    Ok(())
}

const STATES: &str = "/beta/deviceManagement/deviceRunStates";

/// The `PATCH` of any run state. It names the state by its own key alone.
pub(crate) fn any_patch(fleet: Fleet, random: &mut Random) -> Call {
    let id = fleet.state_id(random.below(fleet.states()));
    Call {
        method: Method::PATCH,
        token: Some(HeaderValue::from_static("Bearer none")),
        body: body(random, 9).into(),
        ..Call::get(format!("{STATES}('{id}')"))
    }
}

/// The first page of what has failed of a script.
pub(crate) fn failed(fleet: Fleet, script: u64, top: usize) -> Call {
    let script = fleet.script_id(script);
    Call::get(format!(
        "{STATES}?$filter=scriptId%20eq%20'{script}'%20and%20runState%20eq%20'fail'\
         &$orderby=lastStateUpdateDateTime%20desc&$top={top}&$count=true&$expand=managedDevice"
    ))
}
