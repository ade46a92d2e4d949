//! What the demo's reader relies on, checked on the whole fleet.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use runstate_graph::{
    entity,
    json::{
        Json,
        read::{self, Purpose},
    },
};
use serde_json::Value;

use super::*;

const SEED: u64 = 2017;

/// 2025-07-15T12:00:00Z.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_752_580_800)
}

fn fleet() -> Fleet {
    Fleet::new(SEED, Size::USUAL, now()).unwrap()
}

fn names(object: &Object) -> BTreeSet<&str> {
    object.keys().map(String::as_str).collect()
}

fn set(words: &str) -> BTreeSet<&str> {
    words.split_whitespace().collect()
}

/// Every run state, those in a user's context included.
fn run_states(script: &ScriptSeed) -> impl Iterator<Item = &Object> {
    let of_users = script
        .user_run_states
        .iter()
        .flat_map(|user| &user.device_run_states);
    script.device_run_states.iter().chain(of_users)
}

fn device_of<'a>(fleet: &'a Fleet, state: &Object) -> &'a Object {
    &fleet.devices[usize::try_from(state["deviceIndex"].as_u64().unwrap()).unwrap()]
}

#[test]
fn the_fleet_has_the_promised_size() {
    let fleet = fleet();
    assert_eq!(
        (fleet.users.len(), fleet.devices.len(), fleet.groups.len()),
        (240, 300, 12)
    );
    let mut kinds = BTreeMap::new();
    for script in &fleet.scripts {
        *kinds.entry(script.collection.as_str()).or_insert(0) += 1;
    }
    assert_eq!(
        kinds,
        BTreeMap::from([
            ("deviceCustomAttributeShellScripts", 12),
            ("deviceManagementScripts", 12),
            ("deviceShellScripts", 12),
        ])
    );
    let mut platforms = BTreeMap::new();
    for device in &fleet.devices {
        *platforms
            .entry(device["operatingSystem"].as_str().unwrap())
            .or_insert(0) += 1;
    }
    assert_eq!(
        platforms,
        BTreeMap::from([("Linux", 60), ("Windows", 160), ("macOS", 80)])
    );
}

#[test]
fn the_same_seed_gives_the_same_fleet_and_another_seed_another() {
    assert_eq!(fleet(), fleet());
    assert_ne!(fleet(), Fleet::new(SEED + 1, Size::USUAL, now()).unwrap());
}

#[test]
fn ids_do_not_depend_on_the_time() {
    let later = Fleet::new(SEED, Size::USUAL, now() + Duration::from_secs(86_400 * 500)).unwrap();
    assert_eq!(ids(&fleet()), ids(&later));
}

fn ids(fleet: &Fleet) -> Vec<String> {
    let scripts = fleet.scripts.iter();
    let objects = fleet.users.iter().chain(&fleet.devices);
    objects
        .chain(fleet.groups.iter().map(|group| &group.object))
        .chain(scripts.clone().map(|script| &script.object))
        .chain(scripts.clone().flat_map(|script| &script.assignments))
        .chain(scripts.flat_map(run_states))
        .map(|object| object["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn ids_and_the_names_people_sign_in_with_are_unique() {
    let fleet = fleet();
    let ids = ids(&fleet);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    for (objects, property) in [
        (&fleet.users, "userPrincipalName"),
        (&fleet.devices, "serialNumber"),
        (&fleet.devices, "azureADDeviceId"),
    ] {
        let values: Vec<_> = objects
            .iter()
            .filter_map(|object| object[property].as_str())
            .collect();
        assert_eq!(
            values.iter().collect::<BTreeSet<_>>().len(),
            values.len(),
            "{property}"
        );
    }
}

#[test]
fn every_object_has_exactly_the_properties_of_the_contract() {
    let fleet = fleet();
    for user in &fleet.users {
        let wanted = "id displayName userPrincipalName mail givenName surname jobTitle \
                      department accountEnabled";
        assert_eq!(names(user), set(wanted));
    }
    for group in &fleet.groups {
        let wanted = "id displayName description mailEnabled mailNickname securityEnabled";
        assert_eq!(names(&group.object), set(wanted));
    }
    for device in &fleet.devices {
        let wanted = "id userId deviceName managedDeviceName managedDeviceOwnerType ownerType \
             enrolledDateTime lastSyncDateTime operatingSystem osVersion deviceType \
             complianceState managementAgent managementState deviceRegistrationState \
             azureADRegistered azureADDeviceId aadRegistered emailAddress userPrincipalName \
             userDisplayName model manufacturer serialNumber imei meid wiFiMacAddress \
             ethernetMacAddress processorArchitecture totalStorageSpaceInBytes \
             freeStorageSpaceInBytes physicalMemoryInBytes isEncrypted isSupervised jailBroken \
             notes skuFamily skuNumber deviceCategoryDisplayName roleScopeTagIds";
        assert_eq!(names(device), set(wanted));
    }
    for script in &fleet.scripts {
        let mut wanted = set("id displayName description scriptContent createdDateTime \
                              lastModifiedDateTime runAsAccount fileName roleScopeTagIds");
        wanted.extend(match script.collection.as_str() {
            "deviceManagementScripts" => set("enforceSignatureCheck runAs32Bit"),
            "deviceShellScripts" => set("retryCount blockExecutionNotifications"),
            _ => set("customAttributeName customAttributeType"),
        });
        let mut actual = names(&script.object);
        // A shell script without a frequency runs once.
        if script.collection == "deviceShellScripts" {
            actual.remove("executionFrequency");
        }
        assert_eq!(actual, wanted);
        for assignment in &script.assignments {
            assert_eq!(names(assignment), set("id target"));
        }
        for state in run_states(script) {
            let wanted = "id runState resultMessage lastStateUpdateDateTime errorCode \
                          errorDescription deviceIndex";
            assert_eq!(names(state), set(wanted));
        }
    }
}

/// The service's own reader knows every property, its type and its enumeration's members.
#[test]
fn the_service_reads_every_object() {
    let fleet = fleet();
    let read = |ty, object: &Object| {
        let body = serde_json::to_vec(object).unwrap();
        let body = Json::parse(&body).unwrap();
        let read = read::entity(ty, &body, Purpose::Create);
        assert!(read.is_ok(), "{object:?}: {:?}", read.err());
    };
    for user in &fleet.users {
        read(&entity::USER, user);
    }
    for device in &fleet.devices {
        read(&entity::MANAGED_DEVICE, device);
    }
    for group in &fleet.groups {
        read(&entity::GROUP, &group.object);
    }
    for script in &fleet.scripts {
        let ty = match script.collection.as_str() {
            "deviceManagementScripts" => &entity::DEVICE_MANAGEMENT_SCRIPT,
            "deviceShellScripts" => &entity::DEVICE_SHELL_SCRIPT,
            _ => &entity::DEVICE_CUSTOM_ATTRIBUTE_SHELL_SCRIPT,
        };
        read(ty, &script.object);
        for assignment in &script.assignments {
            read(&entity::ASSIGNMENT, assignment);
        }
        for state in run_states(script) {
            let mut state = state.clone();
            state.remove("deviceIndex");
            read(&entity::DEVICE_STATE, &state);
        }
    }
}

#[test]
fn every_run_state_occurs_in_both_contexts_and_every_collection() {
    let fleet = fleet();
    let all = set("unknown success fail scriptError pending notApplicable");
    let mut seen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut of_users = BTreeSet::new();
    for script in &fleet.scripts {
        assert!(
            run_states(script).count() > 0,
            "{} reaches nobody",
            script.object["fileName"]
        );
        let states = seen.entry(&script.collection).or_default();
        states.extend(run_states(script).map(|state| state["runState"].as_str().unwrap()));
        let users = script
            .user_run_states
            .iter()
            .flat_map(|user| &user.device_run_states);
        of_users.extend(users.map(|state| state["runState"].as_str().unwrap()));
    }
    for states in seen.values() {
        assert_eq!(*states, all);
    }
    assert!(of_users.is_superset(&set("unknown success fail scriptError pending")));
}

#[test]
fn a_script_runs_in_the_context_of_its_account_and_on_its_platform() {
    let fleet = fleet();
    for script in &fleet.scripts {
        let windows = script.collection == "deviceManagementScripts";
        let per_user = windows && script.object["runAsAccount"] == "user";
        assert_eq!(script.user_run_states.is_empty(), !per_user);
        assert_eq!(script.device_run_states.is_empty(), per_user);
        for user in &script.user_run_states {
            let id = &fleet.users[user.user_index]["id"];
            for state in &user.device_run_states {
                assert_eq!(device_of(&fleet, state)["userId"], *id);
            }
        }
        for state in run_states(script) {
            let device = device_of(&fleet, state);
            assert_eq!(device["operatingSystem"] == "Windows", windows);
        }
    }
}

#[test]
fn every_member_and_every_assignment_resolves() {
    let fleet = fleet();
    let mut nested = 0;
    for (position, group) in fleet.groups.iter().enumerate() {
        assert!(!group.members.is_empty());
        for member in &group.members {
            match *member {
                MemberRef::User(user) => assert!(user < fleet.users.len()),
                MemberRef::Device(device) => assert!(device < fleet.devices.len()),
                MemberRef::Group(inner) => {
                    nested += 1;
                    assert!(inner < position, "a member group stands before its group");
                }
            }
        }
    }
    assert_eq!(nested, 2);

    let ids = fleet.groups.iter().map(|group| &group.object["id"]);
    let groups: BTreeSet<_> = ids.filter_map(Value::as_str).collect();
    let mut kinds = BTreeSet::new();
    for script in &fleet.scripts {
        assert!(!script.assignments.is_empty());
        for assignment in &script.assignments {
            let target = assignment["target"].as_object().unwrap();
            assert!(!target.contains_key("groupDisplayName"));
            kinds.insert(target["@odata.type"].as_str().unwrap());
            if let Some(id) = target.get("groupId") {
                assert!(groups.contains(id.as_str().unwrap()));
            }
        }
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
}

#[test]
fn every_script_is_embedded_within_its_limit_and_named_once() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/scripts");
    let mut on_disk = BTreeSet::new();
    for kind in ["shell", "powershell", "custom-attributes"] {
        for file in fs::read_dir(folder.join(kind)).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            on_disk.insert(format!("{kind}/{name}"));
        }
    }
    let embedded: BTreeSet<_> = content::FILES
        .iter()
        .map(|(path, _)| (*path).to_owned())
        .collect();
    assert_eq!(embedded, on_disk);

    let fleet = fleet();
    let mut named = BTreeSet::new();
    for script in &fleet.scripts {
        let windows = script.collection == "deviceManagementScripts";
        let content = BASE64_STANDARD.decode(script.object["scriptContent"].as_str().unwrap());
        let content = String::from_utf8(content.unwrap()).unwrap();
        assert!(content.len() <= if windows { 200 * 1024 } else { 1024 * 1024 });
        assert!(windows || content.starts_with("#!/bin/"));
        named.insert((
            script.collection.as_str(),
            script.object["fileName"].as_str().unwrap(),
        ));
    }
    assert_eq!(named.len(), on_disk.len());
}

#[test]
fn outcomes_agree_with_themselves_and_with_the_device() {
    let fleet = fleet();
    for state in fleet.scripts.iter().flat_map(run_states) {
        let code = state["errorCode"].as_i64().unwrap();
        let ran = matches!(
            state["runState"].as_str().unwrap(),
            "success" | "scriptError"
        );
        let failed = matches!(state["runState"].as_str().unwrap(), "fail" | "scriptError");
        assert_eq!(code != 0, failed, "{state:?}");
        assert_eq!(state["resultMessage"].is_string(), ran, "{state:?}");
        assert!(
            !state["resultMessage"]
                .as_str()
                .unwrap_or_default()
                .contains(['{', '}'])
        );
    }
    for device in &fleet.devices {
        let total = device["totalStorageSpaceInBytes"].as_i64().unwrap();
        let free = device["freeStorageSpaceInBytes"].as_i64().unwrap();
        assert!(0 < free && free < total);
        assert!(device["enrolledDateTime"].as_str() < device["lastSyncDateTime"].as_str());
        assert!(device["lastSyncDateTime"].as_str() < Some("2025-07-15T12:00:00Z"));
    }
}

#[test]
fn a_custom_attribute_has_a_value_of_its_type() {
    for script in fleet().scripts {
        let Some(kind) = script
            .object
            .get("customAttributeType")
            .and_then(Value::as_str)
        else {
            continue;
        };
        for state in script
            .device_run_states
            .iter()
            .filter(|state| state["runState"] == "success")
        {
            let value = state["resultMessage"].as_str().unwrap();
            match kind {
                "integer" => assert!(value.parse::<u64>().is_ok(), "{value}"),
                "dateTime" => assert!(value.len() == 20 && value.ends_with('Z'), "{value}"),
                _ => assert!(!value.is_empty() && !value.contains('\n'), "{value}"),
            }
        }
    }
}

#[test]
fn addresses_are_plain_ascii() {
    for user in fleet().users {
        let address = user["userPrincipalName"].as_str().unwrap();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-@".contains(c);
        assert!(address.chars().all(plain), "{address}");
        assert!(
            !address.contains("..") && !address.starts_with('.'),
            "{address}"
        );
    }
}

#[test]
fn every_message_of_the_manifest_can_occur_and_fills_in() {
    let now = instant::Instant::from_system(now());
    let people = people::people(SEED, Size::USUAL);
    let devices = devices::devices(SEED, Size::USUAL, now, &people);
    let groups = groups::groups(SEED, &people, &devices);
    let tenant = runs::Tenant {
        seed: SEED,
        now,
        people: &people,
        devices: &devices,
        groups: &groups,
    };
    let mut chance = seeded::Seeded::new(SEED, "messages");
    for entry in content::manifest().unwrap() {
        let reached = tenant.reached(&entry).unwrap();
        for message in entry.outcomes.iter().flat_map(|outcome| &outcome.messages) {
            let holding: Vec<_> = reached
                .iter()
                .filter(|(_, device)| message.holds(&device.facts))
                .collect();
            assert!(
                !holding.is_empty(),
                "{}: {:?}",
                entry.file_name,
                message.result_message
            );
            for (_, device) in holding {
                for text in [&message.result_message, &message.error_description] {
                    let text = text.as_deref().unwrap_or_default();
                    tenant.fill_in(text, &device.facts, &mut chance).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_brace_with_an_unknown_word_is_refused() {
    let now = instant::Instant::from_system(now());
    let tenant = runs::Tenant {
        seed: SEED,
        now,
        people: &[],
        devices: &[],
        groups: &[],
    };
    let mut chance = seeded::Seeded::new(SEED, "messages");
    let mut fill_in = |text| tenant.fill_in(text, &Object::new(), &mut chance);
    assert_eq!(
        fill_in("{int 7 7} of {date 1 1}").unwrap(),
        "7 of 2025-07-16"
    );
    assert_eq!(
        fill_in("ends {opensslDate 2 2}").unwrap(),
        "ends Jul 17 12:00:00 2025 GMT"
    );
    for text in ["{model}", "{int 1}", "{int one 2}", "{", "{}"] {
        assert!(
            matches!(fill_in(text), Err(FleetError::Placeholder(_))),
            "{text}"
        );
    }
}

#[test]
fn a_fleet_of_any_size_has_so_many_and_every_device_but_servers_an_owner() {
    for (users, devices) in [(1, 1), (3, 40), (700, 11), (7_000, 900)] {
        let fleet = Fleet::new(SEED, Size { users, devices }, now()).unwrap();
        assert_eq!(
            (fleet.users.len(), fleet.devices.len()),
            (users as usize, devices as usize)
        );
        let addresses: BTreeSet<_> = fleet
            .users
            .iter()
            .map(|user| user["userPrincipalName"].as_str().unwrap())
            .collect();
        assert_eq!(addresses.len(), users as usize);
        for device in &fleet.devices {
            let server = device["deviceCategoryDisplayName"] == "Server";
            assert_eq!(device["userId"].is_null(), server);
        }
    }
}
