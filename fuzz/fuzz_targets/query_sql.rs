//! From a URL to SQL: whatever path and query are checked, SQLite runs; and pages are the whole.
#![no_main]

use std::{
    sync::{Arc, LazyLock},
    time::SystemTime,
};

use libfuzzer_sys::fuzz_target;
use runstate_graph::{
    clock::Clock,
    entity::MODEL,
    json::{
        Json,
        read::{self, Purpose},
    },
    permit::{Act, Caller, CallerKind, Permit, acts, authorize},
};
use runstate_odata::{
    check::{self, Query, ResourcePath},
    edm::{DateTimeOffset, Value},
    grammar,
};
use runstate_store::{Error, NewEntity, Page, Store, table};
use runstate_store_sqlite::SqliteStore;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// More than there is of anything.
const ALL: u32 = 100;

fuzz_target!(|url: &str| {
    let (path, options) = url.split_once('?').unwrap_or((url, ""));
    let (Some(path), Ok(options)) = (resource(path), grammar::options::parse(options)) else {
        return;
    };
    // What is not stored, the server answers by itself.
    let Some(ty) = path.ty().filter(|ty| table::of(ty).is_some()) else {
        return;
    };
    let Some(act) = acts(&path).into_iter().find(|act| act.is_read()) else {
        return;
    };
    let permit = permit(&path, act);
    match act {
        Act::Count => {
            if let Ok(query) = check::count_query(ty, &options, &MODEL) {
                sound(WORLD.run(WORLD.store.entity_count(&permit, &path, &query)));
            }
        }
        Act::Get => {
            if let Ok(query) = check::entity_query(ty, &options, &MODEL) {
                sound(WORLD.run(WORLD.store.entity_get(&permit, &path, &query)));
            }
        }
        _ => {
            if let Ok(query) = check::query(ty, &options, &MODEL) {
                list(&permit, &path, query);
            }
        }
    }
});

/// Lists as asked; then the same without bounds, where pages of one must be what a page of all is.
fn list(permit: &Permit, path: &ResourcePath, query: Query) {
    let page =
        |query: &Query, size| sound(WORLD.run(WORLD.store.entity_list(permit, path, query, size)));
    page(&query, 2);
    let mut query = Query {
        top: None,
        skip: None,
        skiptoken: None,
        count: true,
        ..query
    };
    let Some(all) = page(&query, ALL) else { return };
    assert_eq!(all.next, None);
    assert_eq!(all.count, u64::try_from(all.rows.len()).ok());
    query.expand.clear();
    let mut ids = Vec::new();
    loop {
        let one = page(&query, 1).expect("a next link leads on");
        ids.extend(ids_of(&one));
        if one.next.is_none() {
            break;
        }
        query.skiptoken = one.next;
    }
    assert_eq!(ids, ids_of(&all));
}

fn ids_of(page: &Page) -> Vec<String> {
    page.rows.iter().map(|row| row.id().to_owned()).collect()
}

/// The answer, unless the client is told why there is none. The store has no other excuse.
fn sound<T>(result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(answer) => Some(answer),
        Err(Error::NotFound { .. } | Error::Invalid { .. } | Error::InvalidSkipToken) => None,
        Err(error) => panic!("{error:?}"),
    }
}

fn resource(path: &str) -> Option<ResourcePath> {
    let segments = grammar::path::parse(path).ok()?;
    check::path(&MODEL, &segments).ok()
}

fn permit(path: &ResourcePath, act: Act) -> Permit {
    let caller = Caller {
        tenant_id: "tenant".to_owned(),
        kind: CallerKind::Application,
        permissions: PERMISSIONS.map(str::to_owned).to_vec(),
        client_id: None,
    };
    authorize(path, act, &caller).expect("these permissions are enough for all")
}

const PERMISSIONS: [&str; 5] = [
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
    "Directory.ReadWrite.All",
    "Group.ReadWrite.All",
    "User.ReadWrite.All",
];

struct World {
    runtime: Runtime,
    store: SqliteStore,
    _folder: TempDir,
}

/// A file with a little of everything; no input changes it.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let store = runstate_store_sqlite::open(folder.path().join("fuzz.db"), Arc::new(Stopped));
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let world = World {
        runtime: runtime.enable_time().build().expect("a runtime"),
        store: store.expect("a file"),
        _folder: folder,
    };
    for (path, body) in CONTENT {
        world.create(path, body);
    }
    world
});

/// What is in the file. A device run state is of the device behind the colon of its id.
const CONTENT: [(&str, &str); 16] = [
    (
        "users",
        r#"{"id":"u","displayName":"Ada","userPrincipalName":"ada@example.org","mail":null}"#,
    ),
    ("users", r#"{"id":"v","displayName":"ada"}"#),
    (
        "deviceManagement/managedDevices",
        r#"{"id":"d","deviceName":"lab-01","userId":"u","isEncrypted":true,"lastSyncDateTime":"2026-01-01T00:00:00.1234567+02:00","totalStorageSpaceInBytes":9007199254740993,"roleScopeTagIds":["0","1"]}"#,
    ),
    (
        "deviceManagement/managedDevices",
        r#"{"id":"e","deviceName":"LAB-01"}"#,
    ),
    ("groups", r#"{"id":"g","displayName":"Lab"}"#),
    ("groups", r#"{"id":"h","displayName":null}"#),
    (
        "deviceManagement/assignmentFilters",
        r#"{"id":"f","displayName":"Linux","rule":"x"}"#,
    ),
    (
        "deviceManagement/deviceShellScripts",
        r#"{"id":"s","displayName":"100%_\\","scriptContent":"AA==","executionFrequency":"PT1H","retryCount":3,"roleScopeTagIds":["0"]}"#,
    ),
    (
        "deviceManagement/deviceShellScripts",
        r#"{"id":"t","displayName":"Z"}"#,
    ),
    (
        "deviceManagement/deviceShellScripts('s')/assignments",
        r##"{"id":"a","target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"g"}}"##,
    ),
    (
        "deviceManagement/deviceShellScripts('s')/groupAssignments",
        r#"{"id":"s:g","targetGroupId":"g"}"#,
    ),
    (
        "deviceManagement/deviceShellScripts('s')/deviceRunStates",
        r#"{"id":"s:d","runState":"success","errorCode":-1,"lastStateUpdateDateTime":"2017-01-01T00:02:58.4418045-08:00","resultMessage":"ok"}"#,
    ),
    (
        "deviceManagement/deviceShellScripts('s')/deviceRunStates",
        r#"{"id":"s:e","runState":"fail"}"#,
    ),
    (
        "deviceManagement/deviceShellScripts('s')/deviceRunStates",
        r#"{"id":"x","runState":"fail","errorCode":2147483647}"#,
    ),
    (
        "deviceManagement/deviceShellScripts('s')/userRunStates",
        r#"{"id":"w","userPrincipalName":"ada@example.org"}"#,
    ),
    (
        "deviceManagement/deviceShellScripts('s')/userRunStates('w')/deviceRunStates",
        r#"{"id":"w:d","runState":"scriptError"}"#,
    ),
];

impl World {
    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    fn create(&self, path: &str, body: &str) {
        let path = resource(path).expect("a collection");
        let ty = path.ty().expect("of entities");
        let json = Json::parse(body.as_bytes()).expect("JSON");
        let body = read::entity(ty, &json, Purpose::Create).expect("an entity");
        let mut record = read::new_record(ty, body.values).expect("a whole one");
        let id = body.id.expect("an id");
        let device = id.split_once(':').map(|(_, device)| device.to_owned());
        for date in [
            "createdDateTime",
            "lastModifiedDateTime",
            "lastStateUpdateDateTime",
        ] {
            if record.get(date).is_null() {
                let epoch = DateTimeOffset::from_system_time(SystemTime::UNIX_EPOCH);
                record.set(date, Value::DateTimeOffset(epoch));
            }
        }
        let members = if id == "g" {
            vec!["u".to_owned(), "d".to_owned()]
        } else {
            Vec::new()
        };
        let of_device = ty.name == "deviceManagementScriptDeviceState";
        record.set("id", Value::String(id));
        let entity = NewEntity {
            record,
            device_id: device.filter(|_| of_device),
            members,
            token_hash: None,
        };
        let permit = permit(&path, Act::Create);
        self.run(self.store.entity_create(&permit, &path, entity))
            .expect("it is new");
    }
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}
