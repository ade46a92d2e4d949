//! Targeting on random data, held against a plain reference that walks Rust collections; and the run
//! states that follow, after every change.
// tidy: long because the reference, the file and what compares them speak of one small world.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, SystemTime},
};

use proptest::prelude::*;
use runstate_graph::clock::Clock;
use runstate_store_sql::targeting::{
    device_scripts, devices_of_user, reconcile_device, reconcile_script, scripts_of_group,
};
use rusqlite::{Connection, params};

use crate::{database::SqliteDatabase, migration};

struct Still;

impl Clock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }
}

/// Choices that follow from one number.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: usize) -> usize {
        // Knuth's MMIX generator; its high bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

const TENANTS: [&str; 2] = ["a", "b"];
const DEVICES: usize = 7;
const USERS: usize = 4;
const GROUPS: usize = 5;
const SCRIPTS: usize = 4;
const KINDS: [&str; 3] = [
    "deviceShellScript",
    "deviceManagementScript",
    "deviceCustomAttributeShellScript",
];

/// One tenant, as plain collections. Ids are the same in both tenants: `d0`, `u0`, `g0`, `s0`.
#[derive(Default, Clone)]
struct Tenant {
    windows: Vec<bool>,
    primary: Vec<Option<usize>>,
    logged_on: BTreeSet<(usize, usize)>,
    retired: BTreeSet<usize>,
    /// Group and member, by their ids.
    members: BTreeSet<(usize, String)>,
    /// Script, type of target, group, whether filtered.
    assignments: Vec<(usize, &'static str, Option<usize>, bool)>,
    group_assignments: Vec<(usize, usize)>,
}

impl Tenant {
    fn random(choices: &mut Choices) -> Self {
        let mut tenant = Self::default();
        for device in 0..DEVICES {
            tenant.windows.push(choices.one_in(4));
            tenant
                .primary
                .push(choices.one_in(2).then(|| choices.below(USERS)));
            if choices.one_in(4) {
                tenant.logged_on.insert((device, choices.below(USERS)));
            }
            if choices.one_in(8) {
                tenant.retired.insert(device);
            }
        }
        for _ in 0..choices.below(14) {
            tenant.members.insert(member(choices));
        }
        for script in 0..SCRIPTS {
            for _ in 0..choices.below(4) {
                tenant.assign(choices, script);
            }
        }
        tenant
    }

    fn assign(&mut self, choices: &mut Choices, script: usize) {
        let group = choices.below(GROUPS);
        if choices.one_in(6) {
            self.group_assignments.push((script, group));
            return;
        }
        let (target, group) = match choices.below(10) {
            0 => ("allDevicesAssignmentTarget", None),
            1 => ("allLicensedUsersAssignmentTarget", None),
            2 | 3 => ("exclusionGroupAssignmentTarget", Some(group)),
            4 => ("configurationManagerCollectionAssignmentTarget", None),
            _ => ("groupAssignmentTarget", Some(group)),
        };
        self.assignments
            .push((script, target, group, choices.one_in(8)));
    }

    /// The groups that contain the object, at any depth.
    fn groups_of(&self, object: &str, found: &mut BTreeSet<usize>) {
        for (group, member) in &self.members {
            if member == object && found.insert(*group) {
                self.groups_of(&format!("g{group}"), found);
            }
        }
    }

    fn users(&self, device: usize) -> BTreeSet<usize> {
        let logged_on = self.logged_on.iter().filter(|(on, _)| *on == device);
        let logged_on = logged_on.map(|(_, user)| *user);
        logged_on.chain(self.primary[device]).collect()
    }

    fn is_effective(&self, script: usize, device: usize) -> bool {
        let users = self.users(device);
        let mut groups = BTreeSet::new();
        self.groups_of(&format!("d{device}"), &mut groups);
        for user in &users {
            self.groups_of(&format!("u{user}"), &mut groups);
        }
        let is_in = |group: &Option<usize>| group.is_some_and(|group| groups.contains(&group));
        let mut included = self
            .group_assignments
            .iter()
            .any(|(of, group)| *of == script && groups.contains(group));
        let mut excluded = false;
        for (_, target, group, filtered) in self.assignments.iter().filter(|(of, ..)| *of == script)
        {
            match *target {
                "exclusionGroupAssignmentTarget" => excluded |= is_in(group),
                _ if *filtered => {}
                "allDevicesAssignmentTarget" => included = true,
                "allLicensedUsersAssignmentTarget" => included |= !users.is_empty(),
                "groupAssignmentTarget" => included |= is_in(group),
                _ => {}
            }
        }
        included && !excluded && !self.retired.contains(&device)
    }

    fn is_applicable(&self, script: usize, device: usize) -> bool {
        !self.windows[device] || KINDS[script % 3] == "deviceManagementScript"
    }
}

fn member(choices: &mut Choices) -> (usize, String) {
    let group = choices.below(GROUPS);
    let member = match choices.below(3) {
        0 => format!("d{}", choices.below(DEVICES)),
        1 => format!("u{}", choices.below(USERS)),
        // Circles too, which the API refuses to make.
        _ => format!("g{}", choices.below(GROUPS)),
    };
    (group, member)
}

/// The same in a file.
fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .pragma_update(None, "foreign_keys", true)
        .unwrap();
    migration::migrate(&connection, Path::new("memory")).unwrap();
    for (number, tenant) in TENANTS.iter().enumerate() {
        for device in 0..DEVICES {
            let sql = "INSERT INTO managed_device (pk, id, version, tenant_id, role_scope_tag_ids) \
                VALUES (?, ?, 1, ?, '[]')";
            // The devices of the tenants stand mixed.
            let pk = i64::try_from(device * 2 + number + 1).unwrap();
            connection
                .execute(sql, params![pk, format!("d{device}"), tenant])
                .unwrap();
        }
        for group in 0..GROUPS {
            let sql = "INSERT INTO directory_group (id, version, tenant_id, group_types) \
                VALUES (?, 1, ?, '[]')";
            connection
                .execute(sql, params![format!("g{group}"), tenant])
                .unwrap();
        }
        for script in 0..SCRIPTS {
            let sql = "INSERT INTO script (id, version, tenant_id, kind, display_name, \
                created_date_time, created_date_time_form, last_modified_date_time, \
                last_modified_date_time_form, run_as_account, role_scope_tag_ids) \
                VALUES (?, 1, ?, ?, '', 0, 0, 0, 0, 0, '[]')";
            let kind = KINDS[script % 3];
            connection
                .execute(sql, params![format!("s{script}"), tenant, kind])
                .unwrap();
        }
    }
    connection
}

const DEVICE_PK: &str = "(SELECT pk FROM managed_device WHERE tenant_id = ?1 AND id = ?2)";

/// Makes the file's facts, members and assignments those of the tenants.
fn write(connection: &Connection, tenants: &[Tenant; 2]) {
    for table in [
        "group_member",
        "assignment",
        "group_assignment",
        "logged_on_user",
        "retired_device",
    ] {
        connection
            .execute(&format!("DELETE FROM {table}"), [])
            .unwrap();
    }
    for (id, tenant) in TENANTS.iter().zip(tenants) {
        for device in 0..DEVICES {
            let sql = "UPDATE managed_device SET operating_system = ?3, user_id = ?4 \
                WHERE tenant_id = ?1 AND id = ?2";
            let system = if tenant.windows[device] {
                "windows 11"
            } else {
                "Linux"
            };
            let user = tenant.primary[device].map(|user| format!("u{user}"));
            connection
                .execute(sql, params![id, format!("d{device}"), system, user])
                .unwrap();
        }
        for (device, user) in &tenant.logged_on {
            let sql =
                format!("INSERT INTO logged_on_user (device_pk, user_id) SELECT {DEVICE_PK}, ?3");
            connection
                .execute(&sql, params![id, format!("d{device}"), format!("u{user}")])
                .unwrap();
        }
        for device in &tenant.retired {
            let sql = "INSERT INTO retired_device (tenant_id, device_id) VALUES (?, ?)";
            connection
                .execute(sql, params![id, format!("d{device}")])
                .unwrap();
        }
        for (group, member) in &tenant.members {
            let sql = "INSERT INTO group_member (group_pk, object_id) \
                SELECT pk, ?3 FROM directory_group WHERE tenant_id = ?1 AND id = ?2";
            connection
                .execute(sql, params![id, format!("g{group}"), member])
                .unwrap();
        }
        for (number, (script, target, group, filtered)) in tenant.assignments.iter().enumerate() {
            let sql = "INSERT INTO assignment (id, version, script_pk, target_type, target_group_id, \
                target_device_and_app_management_assignment_filter_type) \
                SELECT ?3, 1, pk, ?4, ?5, ?6 FROM script WHERE tenant_id = ?1 AND id = ?2";
            let group = group.map(|group| format!("g{group}"));
            let filter = filtered.then_some(1);
            let script = format!("s{script}");
            connection
                .execute(
                    sql,
                    params![id, script, number.to_string(), target, group, filter],
                )
                .unwrap();
        }
        for (number, (script, group)) in tenant.group_assignments.iter().enumerate() {
            let sql = "INSERT INTO group_assignment (id, version, script_pk, target_group_id) \
                SELECT ?3, 1, pk, ?4 FROM script WHERE tenant_id = ?1 AND id = ?2";
            let (script, group) = (format!("s{script}"), format!("g{group}"));
            connection
                .execute(sql, params![id, script, number.to_string(), group])
                .unwrap();
        }
    }
}

/// Tenant, script and device, with version and outcome of the state.
type States = BTreeMap<(String, String, String), (i64, i32)>;

fn states(connection: &Connection) -> States {
    let sql = "SELECT s.tenant_id, s.id, st.device_id, st.version, st.run_state, st.id \
        FROM device_run_state AS st JOIN script AS s ON s.pk = st.script_pk";
    let mut states = connection.prepare(sql).unwrap();
    let rows = states.query_map([], |row| {
        let (tenant, script, device): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        assert_eq!(row.get::<_, String>(5)?, format!("{script}:{device}"));
        Ok(((tenant, script, device), (row.get(3)?, row.get(4)?)))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

const PENDING: i32 = 4;
const NOT_APPLICABLE: i32 = 5;

/// The run states that there should be, where there were `before`.
fn expected(tenants: &[Tenant; 2], before: &States) -> States {
    let mut states = States::new();
    for (id, tenant) in TENANTS.iter().zip(tenants) {
        for script in 0..SCRIPTS {
            for device in 0..DEVICES {
                let key = ((*id).to_owned(), format!("s{script}"), format!("d{device}"));
                let kept = before.get(&key).filter(|(version, _)| *version > 0);
                let outcome = match tenant.is_applicable(script, device) {
                    true => PENDING,
                    false => NOT_APPLICABLE,
                };
                if let Some(kept) = kept {
                    states.insert(key, *kept);
                } else if tenant.is_effective(script, device) {
                    states.insert(key, (0, outcome));
                }
            }
        }
    }
    states
}

fn script_pk(connection: &Connection, tenant: &str, script: usize) -> i64 {
    let sql = "SELECT pk FROM script WHERE tenant_id = ? AND id = ?";
    connection
        .query_row(sql, params![tenant, format!("s{script}")], |row| row.get(0))
        .unwrap()
}

fn reconcile_scripts(connection: &Connection, choices: &mut Choices) {
    for tenant in TENANTS {
        for script in 0..SCRIPTS {
            let pk = (tenant, script_pk(connection, tenant, script));
            let mut next = Some(0);
            while let Some(after) = next {
                let limit = u32::try_from(choices.below(DEVICES) + 1).unwrap();
                next = reconcile_script(&SqliteDatabase(connection), &Still, pk, after, limit)
                    .unwrap()
                    .next;
            }
        }
    }
}

fn reconcile_devices(connection: &Connection) -> bool {
    let mut changed = false;
    for tenant in TENANTS {
        for device in 0..DEVICES {
            changed |= reconcile_device(
                &SqliteDatabase(connection),
                &Still,
                tenant,
                &format!("d{device}"),
            )
            .unwrap();
        }
    }
    changed
}

/// What each device is told to run is what the reference says.
fn check_scripts(connection: &Connection, tenants: &[Tenant; 2]) {
    for (id, tenant) in TENANTS.iter().zip(tenants) {
        for device in 0..DEVICES {
            let told = device_scripts(&SqliteDatabase(connection), id, &format!("d{device}"))
                .unwrap()
                .unwrap();
            let told: Vec<i64> = told.iter().map(|assigned| assigned.script_pk).collect();
            let wanted: Vec<i64> = (0..SCRIPTS)
                .filter(|script| tenant.is_effective(*script, device))
                .filter(|script| tenant.is_applicable(*script, device))
                .map(|script| script_pk(connection, id, script))
                .collect();
            assert_eq!(told, wanted, "device {device} of {id}");
        }
    }
}

/// The counters of each request are a recount of its devices.
fn check_requests(connection: &Connection) {
    let sql = "SELECT count(*) FROM run_request AS r WHERE \
        (r.pending_count, r.running_count, r.success_count) <> (SELECT \
            coalesce(sum(status = 0), 0), coalesce(sum(status = 1), 0), \
            coalesce(sum(status = 2), 0) FROM run_request_device WHERE request_pk = r.pk) \
        OR r.device_count <> r.pending_count + r.running_count + r.success_count + r.error_count \
            + r.canceled_count";
    let wrong: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(wrong, 0);
}

/// Some states get a result, and some requests wait for some states.
fn happen(connection: &Connection, choices: &mut Choices) {
    let pks: Vec<i64> = connection
        .prepare("SELECT pk FROM device_run_state ORDER BY pk")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for pk in &pks {
        let has_run = choices.one_in(3);
        if has_run {
            let sql = "UPDATE device_run_state SET version = 7, run_state = 1 WHERE pk = ?";
            connection.execute(sql, [pk]).unwrap();
        }
        if choices.one_in(3) {
            // Whatever succeeded has run.
            let status = i64::try_from(choices.below(2 + usize::from(has_run))).unwrap();
            let sql = "INSERT INTO run_request (id, version, script_pk, created_date_time, \
                created_date_time_form, device_count, pending_count, running_count, success_count, \
                error_count, canceled_count) \
                SELECT hex(randomblob(8)), 1, script_pk, 0, 0, 1, ?2 = 0, ?2 = 1, ?2 = 2, 0, 0 \
                FROM device_run_state WHERE pk = ?1 RETURNING pk";
            let request: i64 = connection
                .query_row(sql, params![pk, status], |row| row.get(0))
                .unwrap();
            let sql =
                "INSERT INTO run_request_device (request_pk, state_pk, status) VALUES (?, ?, ?)";
            connection
                .execute(sql, params![request, pk, status])
                .unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn run_states_and_scripts_of_devices_follow_from_assignments(seed in any::<u64>()) {
        let mut choices = Choices(seed);
        let connection = database();
        let mut tenants = [Tenant::random(&mut choices), Tenant::random(&mut choices)];
        write(&connection, &tenants);
        reconcile_scripts(&connection, &mut choices);
        let mut before = expected(&tenants, &States::new());
        prop_assert_eq!(&states(&connection), &before);
        check_scripts(&connection, &tenants);
        for round in 0..4 {
            happen(&connection, &mut choices);
            before = states(&connection);
            // Memberships, users and assignments change.
            let tenant = &mut tenants[choices.below(2)];
            for _ in 0..3 {
                let member = member(&mut choices);
                if !tenant.members.remove(&member) {
                    tenant.members.insert(member);
                }
            }
            match choices.below(4) {
                0 => {
                    let script = choices.below(SCRIPTS);
                    tenant.assign(&mut choices, script);
                }
                1 => tenant.assignments.truncate(2),
                2 => {
                    let device = choices.below(DEVICES);
                    tenant.primary[device] = Some(choices.below(USERS));
                    tenant.windows[device] ^= true;
                }
                _ => {
                    let pair = (choices.below(DEVICES), choices.below(USERS));
                    tenant.logged_on.insert(pair);
                }
            }
            write(&connection, &tenants);
            // What a device is told needs no run states to be right, but those that it reports to.
            if round % 2 == 0 {
                reconcile_devices(&connection);
            } else {
                reconcile_scripts(&connection, &mut choices);
            }
            let wanted = expected(&tenants, &before);
            prop_assert_eq!(&states(&connection), &wanted);
            check_scripts(&connection, &tenants);
            check_requests(&connection);
            // Both ways come to the same, and a second time changes nothing.
            reconcile_scripts(&connection, &mut choices);
            prop_assert!(!reconcile_devices(&connection));
            prop_assert_eq!(&states(&connection), &wanted);
        }
    }

    #[test]
    fn groups_and_users_lead_to_scripts_and_devices(seed in any::<u64>()) {
        let mut choices = Choices(seed);
        let connection = database();
        let tenants = [Tenant::random(&mut choices), Tenant::random(&mut choices)];
        write(&connection, &tenants);
        for (id, tenant) in TENANTS.iter().zip(&tenants) {
            for group in 0..GROUPS {
                let mut around = BTreeSet::from([group]);
                tenant.groups_of(&format!("g{group}"), &mut around);
                let named = tenant.assignments.iter().filter_map(|(s, _, g, _)| Some((*s, (*g)?)));
                let named = named.chain(tenant.group_assignments.iter().copied());
                let wanted: BTreeSet<i64> = named
                    .filter(|(_, named)| around.contains(named))
                    .map(|(script, _)| script_pk(&connection, id, script))
                    .collect();
                let found = scripts_of_group(&SqliteDatabase(&connection), id, &format!("g{group}")).unwrap();
                prop_assert_eq!(found.len(), wanted.len());
                prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted);
            }
            for user in 0..USERS {
                let wanted: BTreeSet<String> = (0..DEVICES)
                    .filter(|device| tenant.users(*device).contains(&user))
                    .map(|device| format!("d{device}"))
                    .collect();
                let found = devices_of_user(&SqliteDatabase(&connection), id, &format!("u{user}")).unwrap();
                prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted);
            }
        }
    }
}
