//! A store on a new database, and what is put into it from behind.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use runstate_graph::{
    clock::Clock,
    entity::{DEVICE_STATE, MODEL, RUN},
    json::{
        Json,
        read::{self, Purpose},
    },
    permit::{Act, Caller, CallerKind, Permit, authorize, rules},
};
use runstate_odata::{
    check,
    edm::{Record, Value},
    grammar,
};
use runstate_store::{Error, Precondition, Row};
use runstate_store_postgres::{Postgres, Report, Reported};
use runstate_test_postgres::Database;

/// The tenant that most stories play in.
pub(crate) const TENANT: &str = "11111111-1111-1111-1111-111111111111";
/// Another one.
pub(crate) const OTHER_TENANT: &str = "22222222-2222-2222-2222-222222222222";

/// The type of the scripts.
pub(crate) const KIND: &str = "deviceShellScript";

/// The clock stands still at 2023-11-14T22:13:20Z.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(Stopped)
}

/// A store, and the database that is its own.
pub(crate) struct Fixture {
    pub(crate) store: Arc<Postgres>,
    pub(crate) database: Database,
}

impl Fixture {
    /// None where there is no PostgreSQL.
    pub(crate) async fn new() -> Option<Self> {
        let database = Database::create()?;
        let store = Postgres::open(database.url(), clock()).await.unwrap();
        Some(Self {
            store: Arc::new(store),
            database,
        })
    }

    /// Another server on the same database.
    pub(crate) async fn another(&self) -> Arc<Postgres> {
        let store = Postgres::open(self.database.url(), clock()).await;
        Arc::new(store.unwrap())
    }

    /// Adds a script with as many device run states: `{script}:d1` of the device `d1`, and so on.
    pub(crate) fn script(&self, tenant_id: &str, id: &str, states: u32) {
        let sql = format!(
            "WITH s AS (
                INSERT INTO script (id, version, tenant_id, kind, display_name, created_date_time,
                    created_date_time_form, last_modified_date_time, last_modified_date_time_form,
                    run_as_account, role_scope_tag_ids)
                VALUES ('{id}', 1, '{tenant_id}', '{KIND}', '{id}', 0, 13455, 0, 13455, 0, '[]')
                RETURNING tenant_id, pk
            ), r AS (
                INSERT INTO run_summary (id, version, tenant_id, script_pk, success_device_count,
                    error_device_count, success_user_count, error_user_count)
                SELECT '{id}', 1, tenant_id, pk, 0, 0, 0, 0 FROM s
            ), c AS (
                INSERT INTO run_state_count (tenant_id, script_pk, run_state, count)
                SELECT tenant_id, pk, 0, {states} FROM s
            )
            INSERT INTO device_run_state (id, version, tenant_id, script_pk, user_state_pk, device_id,
                run_state, result_message, last_state_update_date_time,
                last_state_update_date_time_form, error_code)
            SELECT '{id}:d' || n, 0, tenant_id, pk, 0, 'd' || n, 0, 'before', 0, 13455, 7
            FROM s, generate_series(1, {states}) AS n"
        );
        assert_eq!(self.database.psql(&sql), "");
    }

    /// Reports as the administrator; the state as it is then.
    pub(crate) async fn report(&self, report: Report) -> Result<Row, Error> {
        send(&self.store, report).await
    }

    /// What differs between the counters and what they count, in both places; empty where nothing does.
    pub(crate) fn miscounts(&self) -> String {
        self.database.psql(
            "SELECT 'count', c.script_pk, c.run_state, c.count, s.count
             FROM run_state_count AS c FULL JOIN (
                 SELECT script_pk, run_state, count(*) FROM device_run_state
                 WHERE user_state_pk = 0 GROUP BY script_pk, run_state
             ) AS s USING (script_pk, run_state)
             WHERE coalesce(c.count, 0) <> coalesce(s.count, 0)
             UNION ALL
             SELECT 'summary', r.script_pk, 0, success_device_count, error_device_count
             FROM run_summary AS r JOIN (
                 SELECT script_pk, count(*) FILTER (WHERE run_state = 1) AS success,
                     count(*) FILTER (WHERE run_state IN (2, 3)) AS error
                 FROM device_run_state WHERE user_state_pk = 0 GROUP BY script_pk
             ) AS s USING (script_pk)
             WHERE (success_device_count, error_device_count) <> (success, error)",
        )
    }
}

/// Sends a report that has no consequences but for its state.
pub(crate) async fn send(store: &Postgres, report: Report) -> Result<Row, Error> {
    match store.report(report).await? {
        Reported::Done(row) => Ok(row),
        Reported::Elsewhere(report) => panic!("elsewhere: {report:?}"),
    }
}

/// A report of an administrator to the state of a device, `{script}:{device}`.
pub(crate) fn report(script: &str, device: &str, body: &str) -> Report {
    let json = Json::parse(body.as_bytes()).unwrap();
    Report {
        permit: administrator(TENANT),
        kind: KIND,
        script_id: script.to_owned(),
        state_id: format!("{script}:{device}"),
        changes: read::entity(&DEVICE_STATE, &json, Purpose::Update)
            .unwrap()
            .values,
        run: None,
        precondition: Precondition::None,
    }
}

/// The same with a run of that id.
pub(crate) fn run(script: &str, device: &str, body: &str, run_id: &str) -> Report {
    let mut record = Record::new(&RUN);
    record.set("id", Value::String(run_id.to_owned()));
    Report {
        run: Some(record),
        ..report(script, device, body)
    }
}

/// A permit of an administrator who may do everything.
pub(crate) fn administrator(tenant_id: &str) -> Permit {
    permit(tenant_id, CallerKind::Application, rules::ALL_WRITES)
}

/// The only permit that a device ever gets.
pub(crate) fn device(device_id: &str) -> Permit {
    let device_id = device_id.to_owned();
    permit(TENANT, CallerKind::Device { device_id }, &[])
}

fn permit(tenant_id: &str, kind: CallerKind, permissions: &[&str]) -> Permit {
    let caller = Caller {
        tenant_id: tenant_id.to_owned(),
        kind,
        permissions: permissions.iter().map(|&name| name.to_owned()).collect(),
        client_id: None,
    };
    let path = "deviceManagement/deviceShellScripts/s/deviceRunStates/d";
    let path = check::path(&MODEL, &grammar::path::parse(path).unwrap()).unwrap();
    authorize(&path, Act::Update, &caller).unwrap()
}

pub(crate) fn int(row: &Row, property: &str) -> i32 {
    match row.record.get(property) {
        Value::Int32(number) | Value::Enum(number) => *number,
        other => panic!("{property} is {other:?}"),
    }
}
