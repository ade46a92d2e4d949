//! The manifest `demo/scripts.json` and the scripts it names, both part of the program.

use serde::Deserialize;

use super::{FleetError, Object};

/// One script of the manifest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScriptEntry {
    /// The collection under `/deviceManagement` that it belongs to.
    pub(super) collection: String,
    pub(super) file_name: String,
    pub(super) run_as_account: String,
    /// As Graph has them, but that a group is named by `groupDisplayName`.
    pub(super) assignments: Vec<AssignmentEntry>,
    pub(super) outcomes: Vec<Outcome>,
    /// What else the manifest says of the script: properties of Graph, under Graph's names.
    #[serde(flatten)]
    pub(super) object: Object,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AssignmentEntry {
    pub(super) target: Object,
}

/// A way for a run to end. Its weight is relative to those of the outcomes that can happen on
/// the device in question: the outcomes with at least one message that holds there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Outcome {
    pub(super) run_state: String,
    pub(super) weight: u32,
    pub(super) messages: Vec<Message>,
}

/// What a run reports. Braces in the texts hold a device's fact or a draw, see `runs.rs`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Message {
    pub(super) error_code: i32,
    /// The agent's words; null where the script ended well or has not run.
    pub(super) error_description: Option<String>,
    /// The script's words, from standard output or, where it failed, standard error.
    pub(super) result_message: Option<String>,
    /// Facts that a device must have for this message to hold there.
    #[serde(rename = "where", default)]
    pub(super) condition: Object,
}

impl Message {
    /// Whether this message can come from a device with these facts.
    pub(super) fn holds(&self, facts: &Object) -> bool {
        self.condition
            .iter()
            .all(|(name, wanted)| facts.get(name) == Some(wanted))
    }
}

/// Reads the manifest.
pub(super) fn manifest() -> Result<Vec<ScriptEntry>, FleetError> {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/demo/scripts.json"));
    Ok(serde_json::from_str(text)?)
}

impl ScriptEntry {
    /// The script's text.
    pub(super) fn content(&self) -> Result<&'static [u8], FleetError> {
        let folder = match self.collection.as_str() {
            "deviceShellScripts" => "shell",
            "deviceManagementScripts" => "powershell",
            "deviceCustomAttributeShellScripts" => "custom-attributes",
            other => return Err(FleetError::Collection(other.to_owned())),
        };
        let path = format!("{folder}/{}", self.file_name);
        let found = FILES.iter().find(|(name, _)| *name == path);
        found.map(|(_, bytes)| *bytes).ok_or(FleetError::File(path))
    }
}

macro_rules! embedded {
    ($($path:literal),* $(,)?) => {
        &[$((
            $path,
            include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/demo/scripts/", $path)),
        )),*]
    };
}

/// Path below `demo/scripts` and content. A test compares the list with the folder.
pub(super) const FILES: &[(&str, &[u8])] = embedded![
    "custom-attributes/battery-cycle-count.sh",
    "custom-attributes/cpu-model.sh",
    "custom-attributes/disk-encryption.sh",
    "custom-attributes/free-disk-gib.sh",
    "custom-attributes/kernel-release.sh",
    "custom-attributes/last-boot-time.sh",
    "custom-attributes/last-patch-date.sh",
    "custom-attributes/local-admin-count.sh",
    "custom-attributes/os-install-date.sh",
    "custom-attributes/pending-package-updates.sh",
    "custom-attributes/sip-status.sh",
    "custom-attributes/uptime-days.sh",
    "powershell/Connect-TeamDrive.ps1",
    "powershell/Disable-GuestAccount.ps1",
    "powershell/Disable-SmbV1.ps1",
    "powershell/Enable-WindowsFirewall.ps1",
    "powershell/Get-DiskSpaceReport.ps1",
    "powershell/Remove-StaleTempFile.ps1",
    "powershell/Set-InactivityLock.ps1",
    "powershell/Show-FileExtension.ps1",
    "powershell/Sync-WindowsTime.ps1",
    "powershell/Test-BitLockerProtection.ps1",
    "powershell/Test-CertificateExpiry.ps1",
    "powershell/Update-DefenderSignature.ps1",
    "shell/check-certificate-expiry.sh",
    "shell/check-failed-services.sh",
    "shell/check-ssh-hardening.sh",
    "shell/check-time-sync.sh",
    "shell/clean-stale-user-caches.sh",
    "shell/disable-guest-account.sh",
    "shell/enable-firewall.sh",
    "shell/enable-macos-automatic-updates.sh",
    "shell/enable-unattended-upgrades.sh",
    "shell/enforce-screen-lock.sh",
    "shell/report-disk-space.sh",
    "shell/secure-ssh-keys.sh",
];
