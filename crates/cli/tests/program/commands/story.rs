//! An administrator's story: a script made, assigned, failed, looked at, mended, run again on those
//! where it failed, and deleted. What each command prints is a snapshot.

use serde_json::{Value, json};

use super::stable;
use crate::agent::Site;

/// All that was given and printed, in its order.
struct Story<'s> {
    site: &'s Site,
    told: String,
}

impl Story<'_> {
    fn tell(&mut self, arguments: &[&str], status: i32) {
        let done = self.site.give(arguments);
        assert_eq!(done.status, status, "{}{}", done.stdout, done.stderr);
        self.told += &format!("$ runstate {}\n", arguments.join(" "));
        // In a snapshot the end of a line of CSV would not be seen.
        self.told += &done.stdout.replace('\r', "␍");
        self.told += &done.stderr;
        self.told.push('\n');
    }
}

#[tokio::test]
async fn from_a_file_to_a_fleet_and_back() {
    let site = Site::start(&[]);
    let one = site.enroll("one");
    let two = site.enroll("two");
    site.file("kernel.sh", "#!/bin/sh\nuname -s\nexit 3\n");
    site.file("mended.sh", "#!/bin/sh\necho mended\n");
    let group = json!({
        "displayName": "Pilots", "mailEnabled": false, "mailNickname": "pilots",
        "securityEnabled": true,
    });
    site.post("groups", &group).await;

    let mut story = Story {
        site: &site,
        told: String::new(),
    };
    story.tell(&["script", "list"], 0);
    story.tell(&["script", "list", "--output", "table"], 0);
    story.tell(&["script", "list", "--output", "json"], 0);
    let create = [
        "script",
        "create",
        "kernel.sh",
        "--name",
        "Kernel",
        "--retries",
        "0",
    ];
    story.tell(&create, 0);
    story.tell(&["script", "assign", "Kernel", "--group", "Pilots"], 0);
    story.tell(&["script", "assign", "Kernel", "--all-devices"], 0);
    // With one assignment only: several come by their ids, which are as they fall.
    story.tell(&["script", "show", "Kernel", "--output", "json"], 0);
    story.tell(
        &[
            "script",
            "assign",
            "kernel",
            "--add",
            "--exclude-group",
            "Pilots",
        ],
        0,
    );
    story.tell(&["script", "list", "--output", "table"], 0);
    story.tell(&["script", "show", "Kernel"], 0);
    story.tell(&["script", "show", "Kernel", "--content"], 0);
    let script = site.all("deviceManagement/deviceShellScripts").await;
    let script = format!(
        "deviceManagement/deviceShellScripts/{}",
        script[0]["id"].as_str().unwrap()
    );
    for device in [&one, &two] {
        assert_eq!(device.once(&[]), "ran 1 script: 1 failed; all is reported");
        site.outcome(&script, device).await;
    }
    story.tell(&["watch", "Kernel", "--interval", "1"], 0);
    story.tell(&["watch", "Kernel", "--interval", "1", "--exit-status"], 8);
    story.tell(&["results", "Kernel", "--failed", "--device", "two"], 0);
    story.tell(
        &["results", "Kernel", "--device", "two", "--output", "table"],
        0,
    );
    story.tell(
        &["results", "Kernel", "--device", "two", "--output", "csv"],
        0,
    );
    story.tell(
        &["results", "Kernel", "--device", "two", "--output", "json"],
        0,
    );

    story.tell(
        &[
            "script",
            "edit",
            "Kernel",
            "mended.sh",
            "--description",
            "Mended",
        ],
        0,
    );
    assert_eq!(one.once(&[]), "ran 1 script: 1 succeeded; all is reported");
    site.outcome(&script, &one).await;
    story.tell(&["script", "run", "Kernel", "--failed"], 0);
    assert_eq!(two.once(&[]), "ran 1 script: 1 succeeded; all is reported");
    story.tell(&["watch", "Kernel", "--interval", "1", "--exit-status"], 0);
    story.tell(
        &["watch", "Kernel", "--interval", "1", "--output", "json"],
        0,
    );
    story.tell(&["results", "Kernel", "--failed", "--output", "table"], 0);
    story.tell(&["script", "run", "Kernel"], 2);
    story.tell(&["script", "run", "Kernel", "--yes"], 0);
    for device in [&one, &two] {
        device.once(&[]);
    }
    story.tell(&["script", "assign", "Kernel", "--none"], 0);
    story.tell(&["script", "delete", "Kernel"], 2);
    story.tell(&["script", "delete", "Kernel", "--yes"], 0);
    story.tell(&["script", "list", "--output", "csv"], 0);
    insta::assert_snapshot!(stable(&story.told));
}

#[tokio::test]
async fn devices_and_what_is_known_of_them() {
    let site = Site::start(&[]);
    let device = site.enroll("one");
    site.shell("Kernel", "uname -s\n", json!({})).await;
    device.once(&[]);
    // The machine's own facts would differ from machine to machine.
    let path = format!("deviceManagement/managedDevices/{}", device.id);
    let facts = json!({
        "operatingSystem": "Linux", "osVersion": "6.1", "processorArchitecture": "x64",
        "manufacturer": "QEMU", "model": "Standard PC", "serialNumber": "S-1",
        "physicalMemoryInBytes": 8_589_934_592_u64, "totalStorageSpaceInBytes": 0,
        "freeStorageSpaceInBytes": 0, "notes": "two\nlines",
    });
    site.patch(&path, &facts).await;

    let mut story = Story {
        site: &site,
        told: String::new(),
    };
    story.tell(&["device", "list"], 0);
    story.tell(&["device", "list", "--output", "table"], 0);
    story.tell(&["device", "list", "--output", "csv"], 0);
    story.tell(
        &[
            "device",
            "list",
            "--filter",
            "deviceName eq 'two'",
            "--output",
            "json",
        ],
        0,
    );
    story.tell(&["device", "show", "one"], 0);
    insta::assert_snapshot!(stable(&story.told));

    // JSON is the API's own object, found by name or by id.
    let entity = site.get(&path).await;
    for name in ["one", &device.id] {
        let shown = site
            .give(&["device", "show", name, "--output", "json"])
            .good();
        let mut shown: Value = serde_json::from_str(&shown).unwrap();
        shown["@odata.context"] = entity["@odata.context"].clone();
        assert_eq!(shown, entity);
    }
}

#[tokio::test]
async fn each_kind_of_script_is_made_found_and_changed() {
    let site = Site::start(&[]);
    site.file("Get-Thing.ps1", "Get-Date\n");
    site.file("disk.sh", "df\n");
    let made = |arguments: &[&str]| -> Value {
        let arguments = [&["script", "create", "--output", "json"], arguments].concat();
        serde_json::from_str(&site.give(&arguments).good()).unwrap()
    };
    let powershell = made(&[
        "Get-Thing.ps1",
        "--enforce-signature-check",
        "--run-as",
        "user",
    ]);
    assert_eq!(powershell["displayName"], "Get-Thing.ps1");
    assert_eq!(powershell["enforceSignatureCheck"], true);
    assert_eq!(powershell["runAsAccount"], "user");
    let attribute = made(&["disk.sh", "--name", "Disk", "--attribute-type", "integer"]);
    assert_eq!(attribute["customAttributeName"], "Disk");
    assert_eq!(attribute["customAttributeType"], "integer");
    let shell = made(&["disk.sh", "--frequency", "1d", "--scope-tag", "7"]);
    assert_eq!(shell["executionFrequency"], "P1D");
    assert_eq!(shell["roleScopeTagIds"], json!(["7"]));

    let listed = site.give(&["script", "list", "--output", "json"]).good();
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let types: Vec<&str> = listed
        .iter()
        .map(|row| row["@odata.type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "#microsoft.graph.deviceCustomAttributeShellScript",
            "#microsoft.graph.deviceManagementScript",
            "#microsoft.graph.deviceShellScript",
        ]
    );

    // Found by name without a word about the kind; changed by flags, and back to once.
    site.give(&[
        "script",
        "edit",
        "disk.sh",
        "--frequency",
        "once",
        "--retries",
        "2",
    ])
    .good();
    let path = format!(
        "deviceManagement/deviceShellScripts/{}",
        shell["id"].as_str().unwrap()
    );
    let changed = site.get(&path).await;
    assert_eq!(changed["executionFrequency"], Value::Null);
    assert_eq!(changed["retryCount"], 2);
    // And its content in an editor.
    let mut edit = site.command(&["script", "edit", "disk.sh"]);
    edit.env("EDITOR", "sed -i s/df/du/").env_remove("VISUAL");
    assert!(edit.status().unwrap().success());
    let content = site
        .give(&["script", "show", "disk.sh", "--content"])
        .good();
    assert_eq!(content, "du\n");
    // An editor that changes nothing changes nothing.
    let mut edit = site.command(&["script", "edit", "disk.sh"]);
    edit.env("EDITOR", "true").env_remove("VISUAL");
    assert_eq!(edit.status().unwrap().code(), Some(1));
}

#[tokio::test]
async fn what_another_has_changed_meanwhile_is_not_written_over() {
    let site = Site::start(&[]);
    site.shell("Shared", "echo one\n", json!({})).await;
    site.file("theirs.sh", "echo theirs\n");
    // While one person's editor is open, another changes the script.
    let program = site.command(&[]).get_program().to_owned();
    let editor = format!(
        "#!/bin/sh\n{} script edit Shared theirs.sh && echo mine > \"$1\"\n",
        program.to_str().unwrap()
    );
    site.file("editor", &editor);
    let mut edit = site.command(&["script", "edit", "Shared"]);
    edit.env("EDITOR", "sh editor")
        .env("TMPDIR", site.folder.path())
        .env_remove("VISUAL");
    let done = super::Done::of(edit.output().unwrap());
    assert_eq!(done.status, 6, "{}", done.stderr);
    let content = site.give(&["script", "show", "Shared", "--content"]).good();
    assert_eq!(content, "echo theirs\n");
    // Nor is what the first has typed lost.
    let (_, path) = done
        .stderr
        .trim_end()
        .rsplit_once("your text is in ")
        .unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), "mine\n");
}

#[tokio::test]
async fn what_devices_say_commands_neither_a_terminal_nor_a_spreadsheet() {
    let site = Site::start(&[]);
    let name = "=cmd|' /C calc'!A0";
    let device = site.enroll(name);
    let hostile = "printf '\\033[2J\\033]0;mine\\007ok\\rgone'\n";
    site.shell("Hostile \u{202e}\u{1b}[1m", hostile, json!({}))
        .await;
    device.once(&[]);
    let path = "deviceManagement/deviceShellScripts";
    let id = site.all(path).await[0]["id"].as_str().unwrap().to_owned();
    for arguments in [
        &["script", "list"][..],
        &["script", "list", "--output", "table"],
        &["script", "show", &id],
        &["results", &id],
        &["results", &id, "--output", "table"],
        &["watch", &id, "--interval", "1"],
        &["device", "list"],
        &["script", "run", &id],
        &["script", "delete", &id],
    ] {
        let done = site.give(arguments);
        let bad = |c: char| c != '\n' && c != '\t' && (c.is_control() || c == '\u{202e}');
        let all = format!("{}{}", done.stdout, done.stderr);
        assert!(!all.contains(bad), "{arguments:?}: {all:?}");
    }
    let table = site.give(&["results", &id]).good();
    assert!(table.contains("␛[2J␛]0;mine␇ok␍gone"), "{table}");
    let csv = site.give(&["results", &id, "--output", "csv"]).good();
    assert!(csv.lines().nth(1).unwrap().starts_with("'=cmd"), "{csv}");
    let json = site.give(&["results", &id, "--output", "json"]).good();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json[0]["resultMessage"],
        "\u{1b}[2J\u{1b}]0;mine\u{7}ok\rgone"
    );
}
