//! What clients of all kinds would send, one request after the other.

use std::collections::BTreeMap;

use http::Method;
use runstate_graph::entity::{
    ASSIGNMENT, ASSIGNMENT_FILTER, DEVICE_CUSTOM_ATTRIBUTE_SHELL_SCRIPT, DEVICE_MANAGEMENT_SCRIPT,
    DEVICE_SHELL_SCRIPT, DEVICE_STATE, DIRECTORY_OBJECT, ENROLLMENT_TOKEN, GROUP, GROUP_ASSIGNMENT,
    MANAGED_DEVICE, RUN, RUN_REQUEST, SCRIPT_VERSION, USER, USER_STATE,
};
use runstate_odata::edm::StructuredType;
use runstate_testkit::{Seeded, encode};
use serde_json::{Value, json};

use super::{
    pair::{Answer, Request},
    query,
};

pub(super) const SCRIPTS: [(&str, &StructuredType); 3] = [
    ("deviceManagementScripts", &DEVICE_MANAGEMENT_SCRIPT),
    ("deviceShellScripts", &DEVICE_SHELL_SCRIPT),
    (
        "deviceCustomAttributeShellScripts",
        &DEVICE_CUSTOM_ATTRIBUTE_SHELL_SCRIPT,
    ),
];

/// Makes requests, from what it has learnt there is.
pub(crate) struct Requests {
    pub(super) random: Seeded,
    /// The paths of what has been made, by the path of its collection.
    pub(super) made: BTreeMap<String, Vec<String>>,
    pub(super) count: usize,
}

impl Requests {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Seeded::new(seed),
            made: BTreeMap::new(),
            count: 0,
        }
    }

    /// Remembers what the answer has shown.
    pub(crate) fn learn(&mut self, request: &Request, answer: &Answer) {
        let path = request
            .path
            .split('?')
            .next()
            .unwrap_or_default()
            .to_owned();
        if answer.status == 201 && request.method == Method::POST {
            let id = encode(answer.json["id"].as_str().unwrap()).replace("%3A", ":");
            let made = format!("{path}/{id}");
            self.made.entry(path).or_default().push(made);
        } else if answer.status == 204 && request.method == Method::DELETE {
            // Not those below: what leads nowhere any more is asked for now and then too.
            self.made
                .values_mut()
                .for_each(|paths| paths.retain(|other| *other != path));
        }
    }

    pub(crate) fn next(&mut self) -> Request {
        self.count += 1;
        // The first things first, so that there is something for the rest to be about.
        let act = if self.count < 40 {
            self.count % 6
        } else {
            6 + self.random.below(30)
        };
        match act {
            0 | 6 => self.new_script(),
            1 | 7 => self.create("/deviceManagement/managedDevices"),
            2 | 8 => self.create("/users"),
            3 | 9 => self.new_group(),
            4 | 10..=12 => self.new_state(),
            5 | 13 => self.assign(),
            14..=19 => self.report(),
            20 => self.change(),
            21 => self.delete(),
            22 => self.member(),
            23 => self.of_script(),
            24 => self.create("/deviceManagement/assignmentFilters"),
            25 => self.batch(),
            26..=28 => self.get(),
            _ => self.list(),
        }
    }

    pub(super) fn plain(method: Method, path: String, body: Option<&Value>) -> Request {
        Request {
            method,
            path,
            headers: Vec::new(),
            body: body.map(Value::to_string),
            device: None,
        }
    }

    /// One of what was made in a collection of that name, wherever it is.
    pub(super) fn any(&mut self, collection: &str) -> Option<String> {
        let end = format!("/{collection}");
        let found: Vec<&String> = self
            .made
            .iter()
            .filter(|(path, _)| path.ends_with(&end))
            .flat_map(|(_, made)| made)
            .collect();
        match found.is_empty() {
            true => None,
            false => Some((*self.random.one_of(&found)).clone()),
        }
    }

    pub(super) fn any_script(&mut self) -> String {
        let (collection, _) = *self.random.one_of(&SCRIPTS);
        self.any(collection)
            .unwrap_or_else(|| format!("/deviceManagement/{collection}/none"))
    }

    /// The id of what was made last in a path.
    pub(super) fn id_of(path: &str) -> String {
        path.rsplit('/').next().unwrap_or_default().to_owned()
    }

    pub(super) fn any_id(&mut self, collection: &str) -> String {
        self.any(collection)
            .map_or_else(|| "none".to_owned(), |path| Self::id_of(&path))
    }

    fn batch(&mut self) -> Request {
        let parts = 1 + self.random.below(5);
        let parts: Vec<Value> = (0..parts)
            .map(|id| {
                let part = match self.random.below(3) {
                    0 => self.get(),
                    1 => self.list(),
                    _ => self.report(),
                };
                let mut json = json!({ "id": id.to_string(), "method": part.method.as_str(), "url": part.path });
                // One after the other: what runs at the same time may come out either way.
                if id > 0 {
                    json["dependsOn"] = json!([(id - 1).to_string()]);
                }
                if let Some(body) = part.body {
                    json["body"] = serde_json::from_str(&body).unwrap();
                    json["headers"] = json!({ "Content-Type": "application/json" });
                }
                json
            })
            .collect();
        Self::plain(
            Method::POST,
            "/$batch".to_owned(),
            Some(&json!({ "requests": parts })),
        )
    }

    fn get(&mut self) -> Request {
        let script = self.any_script();
        let path = match self.random.below(9) {
            0 => format!("{script}/runSummary"),
            1 => script + &query::entity(&mut self.random, &DEVICE_SHELL_SCRIPT),
            2 => {
                let device = self.any_id("managedDevices");
                format!(
                    "/deviceManagement/managedDevices/{device}{}",
                    query::entity(&mut self.random, &MANAGED_DEVICE)
                )
            }
            3 => format!(
                "/groups/{}{}",
                self.any_id("groups"),
                query::entity(&mut self.random, &GROUP)
            ),
            4 => format!(
                "{}{}",
                self.any("userRunStates").unwrap_or(script),
                query::entity(&mut self.random, &USER_STATE)
            ),
            5 => format!(
                "{}/$count",
                self.any("userRunStates")
                    .map_or(script, |state| state + "/deviceRunStates")
            ),
            6 => self.any("runRequests").unwrap_or(script),
            _ => {
                let state = self.any("deviceRunStates").unwrap_or(script);
                state + &query::entity(&mut self.random, &DEVICE_STATE)
            }
        };
        Self::plain(Method::GET, path, None)
    }

    fn list(&mut self) -> Request {
        let script = self.any_script();
        let group = self
            .any("groups")
            .unwrap_or_else(|| "/groups/none".to_owned());
        let (path, ty): (String, &'static StructuredType) = match self.random.below(20) {
            0 => (
                "/deviceManagement/managedDevices".to_owned(),
                &MANAGED_DEVICE,
            ),
            1 => ("/users".to_owned(), &USER),
            2 => ("/groups".to_owned(), &GROUP),
            3 => (
                "/deviceManagement/assignmentFilters".to_owned(),
                &ASSIGNMENT_FILTER,
            ),
            4 => (format!("{group}/members"), &DIRECTORY_OBJECT),
            5 => (format!("{group}/transitiveMembers"), &DIRECTORY_OBJECT),
            6 => (format!("{script}/assignments"), &ASSIGNMENT),
            7 => (format!("{script}/groupAssignments"), &GROUP_ASSIGNMENT),
            8 => (format!("{script}/userRunStates"), &USER_STATE),
            9 => (format!("{script}/versions"), &SCRIPT_VERSION),
            10 => (format!("{script}/runRequests"), &RUN_REQUEST),
            11 => ("/runstate/enrollmentTokens".to_owned(), &ENROLLMENT_TOKEN),
            12 => {
                let state = self.any("deviceRunStates").unwrap_or(script);
                (format!("{state}/runs"), &RUN)
            }
            13 => {
                let user = self.any("userRunStates").unwrap_or(script);
                (format!("{user}/deviceRunStates"), &DEVICE_STATE)
            }
            14..=16 => {
                let (collection, ty) = *self.random.one_of(&SCRIPTS);
                (format!("/deviceManagement/{collection}"), ty)
            }
            _ => (format!("{script}/deviceRunStates"), &DEVICE_STATE),
        };
        Self::plain(Method::GET, path + &query::list(&mut self.random, ty), None)
    }
}
