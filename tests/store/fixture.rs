//! A new store, spoken to in the texts that a client would send.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use runstate_graph::{
    clock::Clock,
    entity::MODEL,
    json::{
        Json,
        read::{self, Purpose},
    },
    permit::{Act, Caller, CallerKind, Permit, authorize, rules},
};
use runstate_odata::{
    check::{self, Query, ResourcePath},
    edm::{DateTimeOffset, Record, Value},
    grammar,
};
use runstate_store::{AnyStore, Changes, Error, Expanded, NewEntity, Page, Precondition, Row};
use runstate_testkit::Data;

/// The tenant that most stories play in.
pub(crate) const TENANT: &str = "11111111-1111-1111-1111-111111111111";
/// Another one.
pub(crate) const OTHER_TENANT: &str = "22222222-2222-2222-2222-222222222222";

/// A clock that stands still.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(Stopped)
}

/// A store, whoever asks it, and where it is.
pub(crate) struct Fixture {
    pub(crate) store: Arc<dyn AnyStore>,
    pub(crate) data: Data,
    pub(crate) page_size: u32,
    pub(crate) tenant_id: String,
}

/// A store that is not open.
pub(crate) struct Closed {
    data: Data,
    page_size: u32,
    tenant_id: String,
}

impl Closed {
    pub(crate) async fn open(self) -> Fixture {
        let Self {
            data,
            page_size,
            tenant_id,
        } = self;
        Fixture {
            store: data.open(clock()).await,
            data,
            page_size,
            tenant_id,
        }
    }

    /// The file of one on SQLite.
    pub(crate) fn file(&self) -> PathBuf {
        self.data.address().into()
    }
}

impl Fixture {
    /// On the backend that the environment names.
    pub(crate) async fn new() -> Self {
        Self::on(Data::new()).await
    }

    /// On SQLite, whatever the environment says.
    pub(crate) async fn sqlite() -> Self {
        Self::on(Data::sqlite()).await
    }

    async fn on(data: Data) -> Self {
        let closed = Closed {
            data,
            page_size: 100,
            tenant_id: TENANT.to_owned(),
        };
        closed.open().await
    }

    /// The same store as another tenant sees it.
    pub(crate) fn of_tenant(&self, tenant_id: &str) -> Self {
        Self {
            tenant_id: tenant_id.to_owned(),
            ..self.again()
        }
    }

    /// The same store in another hand.
    pub(crate) fn again(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            data: self.data.clone(),
            page_size: self.page_size,
            tenant_id: self.tenant_id.clone(),
        }
    }

    /// The file of one on SQLite.
    pub(crate) fn file(&self) -> PathBuf {
        self.data.address().into()
    }

    /// Closes the store and opens it again.
    pub(crate) async fn reopen(self) -> Self {
        self.close().open().await
    }

    /// Closes the store.
    pub(crate) fn close(self) -> Closed {
        let Self {
            store,
            data,
            page_size,
            tenant_id,
        } = self;
        assert_eq!(Arc::strong_count(&store), 1, "the store is still in use");
        drop(store);
        Closed {
            data,
            page_size,
            tenant_id,
        }
    }

    /// A permit of an administrator who may do everything.
    fn permit(&self, path: &ResourcePath, act: Act) -> Permit {
        let caller = Caller {
            tenant_id: self.tenant_id.clone(),
            kind: CallerKind::Application,
            permissions: rules::ALL_WRITES
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            client_id: None,
        };
        authorize(path, act, &caller).unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Result<Row, Error> {
        self.post_of(path, body, None, &[]).await
    }

    /// `POST` with what the server works out besides the body: the device that a run state is of,
    /// the first members of a group.
    pub(crate) async fn post_of(
        &self,
        path: &str,
        body: &str,
        device_id: Option<&str>,
        members: &[&str],
    ) -> Result<Row, Error> {
        let path = parse_path(path);
        let entity = NewEntity {
            record: record(path.ty().unwrap(), body),
            device_id: device_id.map(str::to_owned),
            members: members.iter().map(|member| (*member).to_owned()).collect(),
            token_hash: None,
        };
        self.store
            .entity_create(&self.permit(&path, Act::Create), &path, entity)
            .await
    }

    pub(crate) async fn patch(&self, path: &str, body: &str) -> Result<Row, Error> {
        self.patch_if(path, body, Precondition::None).await
    }

    pub(crate) async fn patch_if(
        &self,
        path: &str,
        body: &str,
        precondition: Precondition,
    ) -> Result<Row, Error> {
        let path = parse_path(path);
        let changes = changes(&path, body);
        let permit = self.permit(&path, Act::Update);
        self.store
            .entity_update(&permit, &path, changes, precondition)
            .await
    }

    /// `PATCH` with values that no body could hold.
    pub(crate) async fn change(&self, path: &ResourcePath, changes: Changes) -> Result<Row, Error> {
        let permit = self.permit(path, Act::Update);
        self.store
            .entity_update(&permit, path, changes, Precondition::None)
            .await
    }

    /// `PATCH` with the token of a device.
    pub(crate) async fn patch_as_device(
        &self,
        device_id: &str,
        path: &str,
        body: &str,
    ) -> Result<Row, Error> {
        let path = parse_path(path);
        let permit = self.device_permit(device_id);
        let changes = changes(&path, body);
        self.store
            .entity_update(&permit, &path, changes, Precondition::None)
            .await
    }

    /// The only permit that a device ever gets.
    pub(crate) fn device_permit(&self, device_id: &str) -> Permit {
        let caller = Caller {
            tenant_id: self.tenant_id.clone(),
            kind: CallerKind::Device {
                device_id: device_id.to_owned(),
            },
            permissions: Vec::new(),
            client_id: None,
        };
        let path = parse_path("deviceManagement/deviceShellScripts/s/deviceRunStates/d");
        authorize(&path, Act::Update, &caller).unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<(), Error> {
        self.delete_if(path, Precondition::None).await
    }

    pub(crate) async fn delete_if(
        &self,
        path: &str,
        precondition: Precondition,
    ) -> Result<(), Error> {
        let path = parse_path(path);
        let permit = self.permit(&path, Act::Delete);
        self.store.entity_delete(&permit, &path, precondition).await
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Row, Error> {
        let (path, options) = parse_url(url);
        let query = check::entity_query(path.ty().unwrap(), &options, &MODEL).unwrap();
        self.store
            .entity_get(&self.permit(&path, Act::Get), &path, &query)
            .await
    }

    pub(crate) async fn list(&self, url: &str) -> Result<Page, Error> {
        let (path, options) = parse_url(url);
        let query = check::query(path.ty().unwrap(), &options, &MODEL).unwrap();
        self.list_query(&path, &query).await
    }

    /// Has all reports folded into the tables, as every read does that cannot put the two together:
    /// one that skips rows, for instance.
    pub(crate) async fn fold(&self, script: &str) {
        let url = format!("{script}/deviceRunStates?$top=1&$skip=0");
        self.list(&url).await.unwrap();
    }

    pub(crate) async fn list_query(
        &self,
        path: &ResourcePath,
        query: &Query,
    ) -> Result<Page, Error> {
        let permit = self.permit(path, Act::List);
        self.store
            .entity_list(&permit, path, query, self.page_size)
            .await
    }

    /// The ids of a whole collection, page by page.
    pub(crate) async fn ids(&self, url: &str) -> Vec<String> {
        let (path, options) = parse_url(url);
        let mut query = check::query(path.ty().unwrap(), &options, &MODEL).unwrap();
        let mut ids = Vec::new();
        loop {
            let page = self.list_query(&path, &query).await.unwrap();
            ids.extend(page.rows.iter().map(|row| row.id().to_owned()));
            let Some(next) = page.next else { return ids };
            query.skiptoken = Some(next);
        }
    }

    pub(crate) async fn count(&self, url: &str) -> Result<u64, Error> {
        let (path, options) = parse_url(url);
        let query = check::count_query(path.ty().unwrap(), &options, &MODEL).unwrap();
        self.store
            .entity_count(&self.permit(&path, Act::Count), &path, &query)
            .await
    }

    pub(crate) async fn assign(
        &self,
        script: &str,
        assignments: &[&str],
        group_assignments: &[&str],
    ) -> Result<(), Error> {
        let path = parse_path(&format!("{script}/assign"));
        let records = |collection: &str, bodies: &[&str]| -> Vec<Record> {
            let ty = parse_path(&format!("{script}/{collection}")).ty().unwrap();
            bodies.iter().map(|body| record(ty, body)).collect()
        };
        let assignments = records("assignments", assignments);
        let groups = records("groupAssignments", group_assignments);
        self.store
            .script_assign(&self.permit(&path, Act::Invoke), &path, assignments, groups)
            .await
    }

    pub(crate) async fn has_links(&self, ids: &[&str]) -> Vec<bool> {
        let path = parse_path("deviceManagement/deviceManagementScripts/hasPayloadLinks");
        let permit = self.permit(&path, Act::Invoke);
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let links = self
            .store
            .script_payload_links(&permit, ids.clone())
            .await
            .unwrap();
        assert_eq!(
            links
                .iter()
                .map(|link| &link.payload_id)
                .collect::<Vec<_>>(),
            Vec::from_iter(&ids)
        );
        links.into_iter().map(|link| link.has_link).collect()
    }

    pub(crate) async fn member_add(&self, group: &str, object_id: &str) -> Result<(), Error> {
        let path = parse_path(&format!("groups/{group}/members/$ref"));
        let permit = self.permit(&path, Act::AddReference);
        self.store.group_member_add(&permit, &path, object_id).await
    }

    pub(crate) async fn member_remove(&self, group: &str, object_id: &str) -> Result<(), Error> {
        let path = parse_path(&format!("groups/{group}/members/{object_id}/$ref"));
        let permit = self.permit(&path, Act::RemoveReference);
        self.store.group_member_remove(&permit, &path).await
    }

    /// A shell script of that id.
    pub(crate) async fn shell_script(&self, id: &str) -> String {
        let body = format!(r#"{{"id": "{id}", "displayName": "Script {id}"}}"#);
        self.post("deviceManagement/deviceShellScripts", &body)
            .await
            .unwrap();
        format!("deviceManagement/deviceShellScripts/{id}")
    }

    /// The four counters of a script: devices with success and error, users with success and error.
    pub(crate) async fn summary(&self, script: &str) -> [i32; 4] {
        let row = self.get(&format!("{script}/runSummary")).await.unwrap();
        [
            "successDeviceCount",
            "errorDeviceCount",
            "successUserCount",
            "errorUserCount",
        ]
        .map(|name| int(&row, name))
    }
}

pub(crate) fn parse_path(path: &str) -> ResourcePath {
    check::path(&MODEL, &grammar::path::parse(path).unwrap()).unwrap()
}

fn parse_url(url: &str) -> (ResourcePath, grammar::ast::Options) {
    let (path, options) = url.split_once('?').unwrap_or((url, ""));
    (parse_path(path), grammar::options::parse(options).unwrap())
}

fn changes(path: &ResourcePath, body: &str) -> Changes {
    let json = Json::parse(body.as_bytes()).unwrap();
    read::entity(path.ty().unwrap(), &json, Purpose::Update)
        .unwrap()
        .values
}

/// A complete record, as the server makes one of a body: its dates are set, its id is the body's.
fn record(ty: &'static runstate_odata::edm::StructuredType, body: &str) -> Record {
    let json = Json::parse(body.as_bytes()).unwrap();
    let body = read::entity(ty, &json, Purpose::Create).unwrap();
    let mut record = read::new_record(ty, body.values).unwrap();
    let now = Value::DateTimeOffset(DateTimeOffset::from_system_time(clock().now()));
    for name in [
        "createdDateTime",
        "lastModifiedDateTime",
        "lastStateUpdateDateTime",
    ] {
        if record.get(name).is_null() {
            record.set(name, now.clone());
        }
    }
    record.set("id", Value::String(body.id.unwrap()));
    record
}

/// A text or, of anything but a text, nothing.
pub(crate) fn text<'a>(row: &'a Row, property: &str) -> Option<&'a str> {
    row.record.get(property).as_str()
}

pub(crate) fn int(row: &Row, property: &str) -> i32 {
    match row.record.get(property) {
        Value::Int32(number) | Value::Enum(number) => *number,
        other => panic!("{property} is {other:?}"),
    }
}

/// The ids of a page.
pub(crate) fn ids(page: &Page) -> Vec<&str> {
    page.rows.iter().map(Row::id).collect()
}

/// What an expansion led to.
pub(crate) fn many<'a>(row: &'a Row, navigation: &str) -> &'a Page {
    match expanded(row, navigation) {
        Expanded::Many(page) => page,
        Expanded::One(_) => panic!("{navigation} is not a collection"),
    }
}

pub(crate) fn one<'a>(row: &'a Row, navigation: &str) -> Option<&'a Row> {
    match expanded(row, navigation) {
        Expanded::One(row) => row.as_deref(),
        Expanded::Many(_) => panic!("{navigation} is a collection"),
    }
}

fn expanded<'a>(row: &'a Row, navigation: &str) -> &'a Expanded {
    let found = row
        .expanded
        .iter()
        .find(|(property, _)| property.name == navigation);
    &found
        .unwrap_or_else(|| panic!("{navigation} is not expanded"))
        .1
}

/// That something is not there, and what the error says is missing.
pub(crate) fn not_found<T: std::fmt::Debug>(result: Result<T, Error>) -> (&'static str, String) {
    match result.unwrap_err() {
        Error::NotFound { resource, id } => (resource, id),
        other => panic!("{other:?}"),
    }
}

/// The sentence of a conflict.
pub(crate) fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result.unwrap_err() {
        Error::Conflict { message } => message,
        other => panic!("{other:?}"),
    }
}

/// The statements of SQLite itself, to look behind the store.
pub(crate) fn behind(file: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(file).unwrap()
}
