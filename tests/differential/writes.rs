//! Requests that change something.

use http::Method;
use serde_json::{Value, json};

use super::{
    pair::{LAST_TAG, Request},
    query::one_in,
    requests::{Requests, SCRIPTS},
};

const NAMES: &[&str] = &[
    "Alpha",
    "alpha",
    "ALPHA beta",
    "beta",
    "été",
    "ÉTÉ",
    "straße",
    "a%b",
    "a_b",
    "o'hara",
    "",
    " ",
    "10",
    "9",
    "🐧",
    "Z",
];

impl Requests {
    pub(super) fn create(&mut self, collection: &str) -> Request {
        let number = self.count;
        let body = match collection.rsplit('/').next().unwrap_or_default() {
            "managedDevices" => {
                let user = self.any_id("users");
                let kind = *self
                    .random
                    .one_of(&["compliant", "noncompliant", "unknown"]);
                json!({
                    "id": format!("d-{number}"), "deviceName": self.name(), "userId": user,
                    "complianceState": kind, "operatingSystem": "Linux",
                    "totalStorageSpaceInBytes": self.random.below(1 << 40),
                    "isEncrypted": one_in(&mut self.random, 2), "serialNumber": format!("{number:x}"),
                })
            }
            "users" => json!({
                "displayName": self.name(), "userPrincipalName": format!("u{number}@example.com"),
                "accountEnabled": one_in(&mut self.random, 2), "department": self.name(),
            }),
            _ => json!({ "displayName": format!("f {}", self.name()), "rule": self.name() }),
        };
        Self::plain(Method::POST, collection.to_owned(), Some(&body))
    }

    pub(super) fn new_script(&mut self) -> Request {
        let (collection, _) = *self.random.one_of(&SCRIPTS);
        let mut body = json!({
            "displayName": self.name(), "description": self.name(), "scriptContent": "IyEvYmluL3NoCg==",
            "runAsAccount": *self.random.one_of(&["system", "user"]), "fileName": "a.sh",
            "roleScopeTagIds": ["0", self.name()],
        });
        if collection == "deviceCustomAttributeShellScripts" {
            body["customAttributeName"] = self.name().into();
            body["customAttributeType"] = "string".into();
        }
        Self::plain(
            Method::POST,
            format!("/deviceManagement/{collection}"),
            Some(&body),
        )
    }

    pub(super) fn new_group(&mut self) -> Request {
        let mut body = json!({ "displayName": self.name(), "securityEnabled": true });
        if let Some(user) = self.any("users") {
            let link = format!("https://graph.microsoft.com/beta{user}");
            body["members@odata.bind"] = json!([link]);
        }
        Self::plain(Method::POST, "/groups".to_owned(), Some(&body))
    }

    pub(super) fn new_state(&mut self) -> Request {
        let script = self.any_script();
        let mut body = self.outcome();
        let number = self.count;
        match self.random.below(4) {
            0 => body["id"] = format!("state {number}").into(),
            1 => {
                let id = format!("u-{number}");
                let body =
                    json!({ "id": id, "userPrincipalName": self.name(), "errorDeviceCount": 1 });
                return Self::plain(Method::POST, format!("{script}/userRunStates"), Some(&body));
            }
            2 => {
                if let Some(user) = self.any("userRunStates") {
                    body["id"] = format!("us-{number}").into();
                    return Self::plain(
                        Method::POST,
                        format!("{user}/deviceRunStates"),
                        Some(&body),
                    );
                }
            }
            _ => {
                let device = self.any_id("managedDevices");
                body["managedDevice@odata.bind"] = format!(
                    "https://graph.microsoft.com/beta/deviceManagement/managedDevices/{device}"
                )
                .into();
            }
        }
        Self::plain(
            Method::POST,
            format!("{script}/deviceRunStates"),
            Some(&body),
        )
    }

    /// What a run state's body says, in part.
    pub(super) fn outcome(&mut self) -> Value {
        let random = &mut self.random;
        let states = &[
            "success",
            "fail",
            "pending",
            "scriptError",
            "notApplicable",
            "unknown",
        ];
        let mut body = json!({ "runState": *random.one_of(states) });
        if one_in(random, 2) {
            body["errorCode"] = random.below(200).into();
        }
        if one_in(random, 2) {
            body["resultMessage"] = (*random.one_of(NAMES)).into();
        }
        if one_in(random, 4) {
            body["errorDescription"] = Value::Null;
        }
        if one_in(random, 2) {
            let second = random.below(60);
            let zone = *random.one_of(&["Z", "-08:00", "+05:30"]);
            body["lastStateUpdateDateTime"] = format!(
                "2026-01-0{}T00:02:{second:02}.4418045{zone}",
                1 + random.below(4)
            )
            .into();
        }
        body
    }

    pub(super) fn report(&mut self) -> Request {
        let Some(state) = self.any("deviceRunStates") else {
            return self.new_state();
        };
        let mut body = self.outcome();
        let mut device = None;
        if one_in(&mut self.random, 4) {
            // Sent twice now and then.
            body["@runstate.run"] = json!({
                "id": format!("run-{}", self.random.below(60)), "exitCode": self.random.below(3),
                "startDateTime": "2026-01-01T00:00:00Z", "output": self.name(),
            });
            device = state.rsplit_once(':').map(|(_, device)| device.to_owned());
        }
        match self.random.below(20) {
            0 => body["errorCode"] = "text".into(),
            1 => body["lastStateUpdateDateTime"] = "yesterday".into(),
            2 => body["noSuch"] = 1.into(),
            _ => {}
        }
        let mut request = Self::plain(Method::PATCH, state.clone(), Some(&body));
        request.device = device;
        self.conditions(&mut request);
        if one_in(&mut self.random, 8) {
            request
                .headers
                .push(("Prefer", "return=minimal".to_owned()));
        }
        request
    }

    pub(super) fn conditions(&mut self, request: &mut Request) {
        let etag = LAST_TAG.to_owned();
        match self.random.below(10) {
            0 => request.headers.push(("If-Match", etag)),
            1 => request
                .headers
                .push(("If-Match", "W/\"999999\", *".to_owned())),
            2 => request
                .headers
                .push(("If-Match", "W/\"999999\"".to_owned())),
            3 => request.headers.push(("If-None-Match", etag)),
            _ => {}
        }
    }

    pub(super) fn change(&mut self) -> Request {
        let collections = [
            "deviceManagementScripts",
            "deviceShellScripts",
            "managedDevices",
            "users",
            "groups",
            "userRunStates",
            "assignmentFilters",
        ];
        let collection = *self.random.one_of(&collections);
        let Some(path) = self.any(collection) else {
            return self.create("/users");
        };
        let body = match collection {
            "managedDevices" => json!({ "deviceName": self.name(), "notes": self.name() }),
            "userRunStates" => json!({ "successDeviceCount": self.random.below(5) }),
            "users" => json!({ "displayName": self.name(), "department": null }),
            "deviceShellScripts" | "deviceManagementScripts" => {
                json!({ "displayName": self.name(), "scriptContent": *self.random.one_of(&["QQ==", "Qg==", "Qw=="]) })
            }
            _ => json!({ "displayName": self.name() }),
        };
        let mut request = Self::plain(Method::PATCH, path.clone(), Some(&body));
        if collection != "userRunStates" {
            self.conditions(&mut request);
        }
        request
    }

    pub(super) fn delete(&mut self) -> Request {
        let collections = [
            "deviceRunStates",
            "userRunStates",
            "managedDevices",
            "users",
            "groups",
            "assignments",
            "deviceShellScripts",
            "assignmentFilters",
        ];
        let collection = *self.random.one_of(&collections);
        let path = self
            .any(collection)
            .unwrap_or_else(|| format!("/{collection}/none"));
        let mut request = Self::plain(Method::DELETE, path.clone(), None);
        if collection != "userRunStates" {
            self.conditions(&mut request);
        }
        request
    }

    pub(super) fn target(&mut self) -> Value {
        let group = self.any_id("groups");
        match self.random.below(4) {
            0 => json!({ "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" }),
            1 => json!({ "@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget" }),
            2 => {
                json!({ "@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget", "groupId": group })
            }
            _ => {
                json!({ "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group })
            }
        }
    }

    pub(super) fn assign(&mut self) -> Request {
        let script = self.any_script();
        if one_in(&mut self.random, 3) {
            let body = json!({ "target": self.target() });
            return Self::plain(Method::POST, format!("{script}/assignments"), Some(&body));
        }
        let targets: Vec<Value> = (0..self.random.below(3))
            .map(|_| json!({ "target": self.target() }))
            .collect();
        let body = json!({ "deviceManagementScriptAssignments": targets });
        Self::plain(Method::POST, format!("{script}/assign"), Some(&body))
    }

    pub(super) fn member(&mut self) -> Request {
        let group = self
            .any("groups")
            .unwrap_or_else(|| "/groups/none".to_owned());
        let (collection, set) = *self.random.one_of(&[
            ("users", "users"),
            ("groups", "groups"),
            ("managedDevices", "devices"),
        ]);
        let id = self.any_id(collection);
        if one_in(&mut self.random, 3) {
            return Self::plain(Method::DELETE, format!("{group}/members/{id}/$ref"), None);
        }
        let body = json!({ "@odata.id": format!("https://graph.microsoft.com/beta/{set}/{id}") });
        Self::plain(Method::POST, format!("{group}/members/$ref"), Some(&body))
    }

    /// Versions, runs on request, what links there are.
    pub(super) fn of_script(&mut self) -> Request {
        let script = self.any_script();
        match self.random.below(4) {
            0 => Self::plain(
                Method::POST,
                format!("{script}/runstate.rollBack"),
                Some(&json!({ "number": 1 + self.random.below(3) })),
            ),
            1 => {
                let filter = *self.random.one_of(&[
                    "runState eq 'fail'",
                    "errorCode gt 50",
                    "runState ne 'success'",
                ]);
                Self::plain(
                    Method::POST,
                    format!("{script}/runRequests"),
                    Some(&json!({ "deviceFilter": filter })),
                )
            }
            2 => {
                let request = self
                    .any("runRequests")
                    .unwrap_or_else(|| format!("{script}/runRequests/none"));
                Self::plain(Method::POST, format!("{request}/runstate.cancel"), None)
            }
            _ => {
                let ids = [self.any_id("deviceManagementScripts"), "none".to_owned()];
                let path = "/deviceManagement/deviceManagementScripts/hasPayloadLinks";
                Self::plain(
                    Method::POST,
                    path.to_owned(),
                    Some(&json!({ "payloadIds": ids })),
                )
            }
        }
    }

    fn name(&mut self) -> &'static str {
        let name: &&str = self.random.one_of(NAMES);
        name
    }
}
