//! One of everything, each with an id of its own, so that every path of the schema leads somewhere.

use std::{collections::HashMap, sync::LazyLock};

use runstate_testkit::{Receiver, TENANT, TestServer};
use serde_json::{Value, json};

use crate::authorization::surface::{Route, SCRIPT_COLLECTIONS};

/// Whoever is told of changes.
static RECEIVER: LazyLock<Receiver> = LazyLock::new(Receiver::start);

/// A tenant with one of everything.
pub(crate) struct World {
    /// The key behind each collection's path.
    keys: HashMap<String, String>,
    /// The device of every run state.
    pub(crate) device: String,
    /// The user of the device, a member of the group.
    pub(crate) user: String,
    /// A group that holds the user.
    pub(crate) group: String,
}

impl World {
    /// Makes it, with the server's own token.
    pub(crate) async fn make(server: &TestServer) -> Self {
        let user = server.create("/users", &new_user()).await;
        let device = json!({ "deviceName": "lab-01", "userId": user });
        let device = server
            .create("/deviceManagement/managedDevices", &device)
            .await;
        let group = json!({ "displayName": "Lab", "members@odata.bind": [link("users", &user)] });
        let group = server.create("/groups", &group).await;
        let mut world = Self {
            keys: HashMap::new(),
            device,
            user,
            group,
        };
        world.put("deviceManagement/managedDevices", world.device.clone());
        world.put(
            "deviceManagement/managedDevices/{id}/users",
            world.user.clone(),
        );
        world.put("users", world.user.clone());
        world.put("groups", world.group.clone());
        world.put("groups/{id}/members", world.user.clone());
        world.put("groups/{id}/transitiveMembers", world.user.clone());
        let filters = "deviceManagement/assignmentFilters";
        world.make_one(server, filters, json!({})).await;
        let tokens = "runstate/enrollmentTokens";
        world.make_one(server, tokens, json!({})).await;
        world.make_one(server, "subscriptions", json!({})).await;
        // The service alone makes these, once an hour.
        server.sabotage(&format!(
            "INSERT INTO outcome_sample (id, version, tenant_id, sampled_date_time, \
             sampled_date_time_form, success_count, error_count, pending_count, other_count) \
             VALUES ('2026-01-31T12', 1, '{TENANT}', 0, 13455, 1, 2, 3, 4)"
        ));
        world.put("runstate/outcomeSamples", "2026-01-31T12".to_owned());
        for collection in SCRIPT_COLLECTIONS {
            world.make_script(server, collection).await;
        }
        let script = world.keys["deviceManagement/deviceShellScripts"].clone();
        world.put(
            "deviceManagement/managedDevices/{id}/assignedScripts",
            script,
        );
        // Each of the above has left one; the first stays the first.
        let events = "deviceManagement/auditEvents";
        let event = server.ids(&format!("/{events}")).await.remove(0);
        world.put(events, event);
        world
    }

    async fn make_script(&mut self, server: &TestServer, collection: &str) {
        let root = format!("deviceManagement/{collection}");
        let body = body(&root);
        let script = server.create(&format!("/{root}"), &body).await;
        self.put(&root, script);
        let root = format!("{root}/{{id}}");
        for part in ["assignments", "groupAssignments", "userRunStates"] {
            self.make_one(server, &format!("{root}/{part}"), json!({}))
                .await;
        }
        let bind = json!({ "managedDevice@odata.bind": link("deviceManagement/managedDevices", &self.device) });
        for states in ["deviceRunStates", "userRunStates/{id}/deviceRunStates"] {
            let states = format!("{root}/{states}");
            self.make_one(server, &states, bind.clone()).await;
            let users = format!("{states}/{{id}}/managedDevice/users");
            self.put(&users, self.user.clone());
            let runs = format!("{states}/{{id}}/runs");
            let run = server
                .ids(&format!("/{}", self.fill(&runs)))
                .await
                .remove(0);
            self.put(&runs, run);
        }
        self.put(&format!("{root}/versions"), "1".to_owned());
        self.make_one(server, &format!("{root}/runRequests"), json!({}))
            .await;
    }

    async fn make_one(&mut self, server: &TestServer, path: &str, more: Value) {
        let mut body = body(path);
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let id = server.create(&format!("/{}", self.fill(path)), &body).await;
        self.put(path, id);
    }

    fn put(&mut self, path: &str, key: String) {
        self.keys.insert(path.to_owned(), key);
    }

    /// The route's path with the keys of what there is.
    pub(crate) fn path(&self, route: &Route) -> String {
        self.fill(&route.path)
    }

    /// A path with a key for each `{id}`.
    pub(crate) fn fill(&self, path: &str) -> String {
        let mut filled = Vec::new();
        let mut walked = String::new();
        for segment in path.split('/') {
            let key = || self.keys[walked.trim_start_matches('/')].replace(':', "%3A");
            filled.push(if segment == "{id}" {
                key()
            } else {
                segment.to_owned()
            });
            walked = format!("{walked}/{segment}");
        }
        filled.join("/")
    }
}

/// A link as clients write it.
pub(crate) fn link(collection: &str, id: &str) -> String {
    format!("https://graph.microsoft.com/beta/{collection}('{id}')")
}

/// A body that a POST to the collection takes; each one's names are its own.
pub(crate) fn body(path: &str) -> Value {
    let name = unique();
    match path.rsplit('/').next().unwrap_or_default() {
        "deviceCustomAttributeShellScripts" => json!({
            "displayName": name, "scriptContent": "IyEvYmluL3NoCg==",
            "customAttributeName": name, "customAttributeType": "string",
        }),
        collection if SCRIPT_COLLECTIONS.contains(&collection) => {
            json!({ "displayName": name, "scriptContent": "IyEvYmluL3NoCg==" })
        }
        "assignments" => {
            json!({ "target": { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } })
        }
        "groupAssignments" => json!({ "targetGroupId": name }),
        "deviceRunStates" => json!({ "id": name, "runState": "pending" }),
        "userRunStates" => json!({ "id": name, "userPrincipalName": "ada@example.com" }),
        "assignmentFilters" => json!({ "displayName": format!("Lab {name}"), "rule": "(true)" }),
        "managedDevices" => json!({ "deviceName": name }),
        // Of what is there in every tenant.
        "subscriptions" => json!({
            "changeType": "created", "notificationUrl": RECEIVER.url("/hook"),
            "resource": "deviceManagement/deviceShellScripts",
            "expirationDateTime": "2026-02-01T12:00:00Z",
        }),
        "users" => new_user(),
        "groups" => json!({ "displayName": name }),
        "assign" | "microsoft.graph.assign" => json!({}),
        "hasPayloadLinks" | "microsoft.graph.hasPayloadLinks" => json!({ "payloadIds": [] }),
        "rollBack" | "runstate.rollBack" => json!({ "number": 1 }),
        "reportInventory" | "runstate.reportInventory" => {
            json!({ "device": { "osVersion": "13" }, "loggedOnUsers": [] })
        }
        "$ref" => json!({ "@odata.id": link("users", &name) }),
        _ => json!({}),
    }
}

/// A user whose names are its own.
pub(crate) fn new_user() -> Value {
    let name = unique();
    json!({ "displayName": name, "userPrincipalName": format!("{name}@example.com") })
}

fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("name-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}
