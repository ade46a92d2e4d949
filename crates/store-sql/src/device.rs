//! Devices: enrolled, asked what they have to run, told of, retired.

use runstate_graph::{
    clock::Clock,
    entity::{ASSIGNED_SCRIPT, MANAGED_DEVICE},
    permit::Permit,
};
use runstate_odata::{
    check::ResourcePath,
    edm::{DateTimeOffset, Duration, Record, Value},
};
use runstate_store::{
    AssignedScripts, Changes, Error,
    issuer::{Application, Enrolled, Enrollment},
    query::{self, Scope, Viewer},
};

use crate::{
    Cells, Database, audit,
    cells::{CellsExt as _, binds},
    change::{self, Effect},
    error::internal,
    group, issuer, path, script_version, statement, targeting, write,
};

/// Whether a device is retired.
pub const IS_RETIRED: &str =
    "SELECT EXISTS (SELECT 1 FROM retired_device WHERE tenant_id = ?1 AND device_id = ?2)";
const RETIRE: &str = "INSERT INTO retired_device (tenant_id, device_id) VALUES (?1, ?2) \
     ON CONFLICT (tenant_id, device_id) DO NOTHING";
const SET_RETIRED: &str = "UPDATE managed_device SET version = version + 1, \
     management_state = ?3 WHERE tenant_id = ?1 AND id = ?2";
const SEEN: &str = "UPDATE managed_device SET last_sync_date_time = ?3, \
     last_sync_date_time_form = ?4 WHERE tenant_id = ?1 AND id = ?2";
/// Both only ever grow, so their sum does with every change of either.
const VERSION: &str = "SELECT coalesce(t.generation, 0) + coalesce(o.generation, 0) \
     FROM managed_device AS d LEFT JOIN targeting AS t ON t.tenant_id = d.tenant_id \
     LEFT JOIN device_targeting AS o ON o.device_pk = d.pk WHERE d.tenant_id = ?1 AND d.id = ?2";
const SETTINGS: &str = "SELECT id, kind, display_name, file_name, run_as_account, \
     enforce_signature_check, run_as32_bit, execution_frequency_text, retry_count, \
     block_execution_notifications, custom_attribute_type FROM script WHERE pk = ?1";
const DEVICE: &str = "SELECT pk FROM managed_device WHERE tenant_id = ?1 AND id = ?2";
const LOG_OFF: &str = "DELETE FROM logged_on_user WHERE device_pk = ?1";
const LOG_ON: &str = "INSERT INTO logged_on_user (device_pk, user_id) VALUES (?1, ?2) \
     ON CONFLICT (device_pk, user_id) DO NOTHING";
const USER_BY_PRINCIPAL: &str = "SELECT id, display_name, mail, user_principal_name \
     FROM user_account WHERE tenant_id = ?1 AND user_principal_name = ?2 ORDER BY id LIMIT 1";
const USERS_BY_ACCOUNT: &str = "SELECT id FROM user_account WHERE tenant_id = ?1 \
     AND user_principal_name = ?2 UNION \
     SELECT id FROM user_account WHERE tenant_id = ?1 AND mail_nickname = ?2 LIMIT 2";
const TENANT_OF_TOKEN: &str = "SELECT tenant_id FROM enrollment_token WHERE token_hash = ?1";
const TOKEN: &str = "SELECT pk, tenant_id, group_id, expiration_date_time, maximum_uses, \
     use_count FROM enrollment_token WHERE token_hash = ?1";
const USE_TOKEN: &str = "UPDATE enrollment_token SET version = version + 1, \
     use_count = use_count + 1 WHERE pk = ?1";
const DEVICE_OF_KEY: &str = "SELECT a.device_id FROM application_key AS k \
     JOIN application AS a ON a.tenant_id = k.tenant_id AND a.client_id = k.client_id \
     WHERE k.tenant_id = ?1 AND k.kid = ?2 AND a.device_id IS NOT NULL";
const GROUP: &str = "SELECT pk FROM directory_group WHERE tenant_id = ?1 AND id = ?2";

/// All of the above, whose plans a test of a backend looks at.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("is retired", IS_RETIRED),
    ("retire", RETIRE),
    ("set retired", SET_RETIRED),
    ("seen", SEEN),
    ("version", VERSION),
    ("settings", SETTINGS),
    ("device", DEVICE),
    ("log off", LOG_OFF),
    ("log on", LOG_ON),
    ("user by principal", USER_BY_PRINCIPAL),
    ("users by account", USERS_BY_ACCOUNT),
    ("tenant of token", TENANT_OF_TOKEN),
    ("token", TOKEN),
    ("use token", USE_TOKEN),
    ("device of key", DEVICE_OF_KEY),
    ("group", GROUP),
];

/// `managementState` of a device that is not managed any more: `retireIssued`.
const RETIRE_ISSUED: i32 = 7;

pub(crate) fn is_retired(
    database: &dyn Database,
    tenant_id: &str,
    device_id: &str,
) -> Result<bool, Error> {
    let key = binds![tenant_id, device_id];
    database.one(IS_RETIRED, key, |cells| cells.truth(0))
}

/// The token of a device that is retired is no longer good, however long it would be.
pub(crate) fn refuse_retired(database: &dyn Database, permit: &Permit) -> Result<(), Error> {
    match permit.device_id() {
        Some(device_id) if is_retired(database, permit.tenant_id(), device_id)? => {
            Err(Error::DeviceRetired)
        }
        _ => Ok(()),
    }
}

/// What hangs on a managed device is there for that device alone, and for whom the rules let see it.
fn refuse_other_device(
    database: &dyn Database,
    permit: &Permit,
    device_id: &str,
) -> Result<(), Error> {
    if permit.device_id().is_some_and(|own| own != device_id) {
        return Err(path::not_found(MANAGED_DEVICE.name, device_id));
    }
    refuse_retired(database, permit)
}

/// The tenant that a device enrols in by the enrolment token of that hash.
pub(crate) fn tenant_of_token(database: &dyn Database, hash: &[u8; 32]) -> Result<String, Error> {
    let tenant_id = database.first(TENANT_OF_TOKEN, binds![hash.as_slice()], |cells| {
        cells.text(0)
    })?;
    tenant_id.ok_or_else(|| path::not_found("enrollmentToken", ""))
}

/// Enrols a device, see [`runstate_store::issuer::IssuerStore::device_enroll`].
pub(crate) fn enroll(
    database: &dyn Database,
    clock: &dyn Clock,
    enrollment: &Enrollment,
    effect: &mut Effect,
) -> Result<Enrolled, Error> {
    let now = DateTimeOffset::from_system_time(clock.now());
    let token = database.first(TOKEN, binds![enrollment.token_hash.as_slice()], |cells| {
        Ok(Token {
            pk: cells.integer(0)?,
            tenant_id: cells.text(1)?,
            group_id: cells.optional_text(2)?,
            expires: cells.optional_integer(3)?,
            maximum_uses: cells.optional_integer(4)?,
            use_count: cells.integer(5)?,
        })
    })?;
    let token = token.ok_or_else(|| path::not_found("enrollmentToken", ""))?;
    let tenant_id = token.tenant_id.as_str();
    let key = &enrollment.public_key;
    let key_of_tenant = binds![tenant_id, &key.kid];
    let known = database.first(DEVICE_OF_KEY, key_of_tenant, |cells| cells.text(0))?;
    if let Some(device_id) = known {
        return Ok(Enrolled {
            tenant_id: token.tenant_id,
            device_id,
        });
    }
    token.refuse_spent(now)?;
    let mut device = enrollment.device.clone();
    for (name, value) in [
        ("enrolledDateTime", Value::DateTimeOffset(now)),
        ("lastSyncDateTime", Value::DateTimeOffset(now)),
    ] {
        device.set(name, value);
    }
    if let Some(principal) = &enrollment.user_principal_name {
        set_primary_user(database, tenant_id, principal, &mut device)?;
    }
    let viewer = Viewer {
        tenant_id,
        device_id: None,
    };
    let scope = Scope {
        viewer,
        ty: &MANAGED_DEVICE,
        owner: None,
    };
    let device_id = device
        .get("id")
        .as_str()
        .ok_or_else(|| internal("a device without id"))?
        .to_owned();
    let pk = write::insert(database, &scope, &device, &[])?;
    let name = device.get("deviceName").as_str().unwrap_or_default();
    let application = Application {
        tenant_id: tenant_id.to_owned(),
        client_id: device_id.clone(),
        display_name: name.to_owned(),
        permissions: Vec::new(),
        secrets: Vec::new(),
        public_keys: vec![key.clone()],
        device_id: Some(device_id.clone()),
    };
    issuer::application_add(database, &application)?;
    if let Some(group_id) = &token.group_id {
        join(database, tenant_id, group_id, &device_id)?;
    }
    log_on(database, tenant_id, pk, &enrollment.accounts)?;
    database.execute(USE_TOKEN, binds![token.pk])?;
    audit::enrolled(database, clock, tenant_id, token.pk, enrollment, &device)?;
    change::of_device(database, clock, tenant_id, &device_id, effect)?;
    Ok(Enrolled {
        tenant_id: token.tenant_id,
        device_id,
    })
}

/// An enrolment token as it is kept.
struct Token {
    pk: i64,
    tenant_id: String,
    group_id: Option<String>,
    /// Ticks.
    expires: Option<i64>,
    maximum_uses: Option<i64>,
    use_count: i64,
}

impl Token {
    fn refuse_spent(&self, now: DateTimeOffset) -> Result<(), Error> {
        let refuse = |message: &str| {
            Err(Error::Conflict {
                message: message.to_owned(),
            })
        };
        if self.expires.is_some_and(|expires| expires <= now.ticks()) {
            return refuse("The enrolment token has expired.");
        }
        if self.maximum_uses.is_some_and(|most| self.use_count >= most) {
            return refuse("The enrolment token has been used as often as it may be.");
        }
        Ok(())
    }
}

fn join(
    database: &dyn Database,
    tenant_id: &str,
    group_id: &str,
    device_id: &str,
) -> Result<(), Error> {
    let key = binds![tenant_id, group_id];
    let pk = database.first(GROUP, key, |cells| cells.integer(0))?;
    let pk = pk.ok_or_else(|| Error::Conflict {
        message: format!("The group '{group_id}' of the enrolment token does not exist any more."),
    })?;
    group::add(database, tenant_id, pk, device_id)
}

/// Makes the user of that `userPrincipalName` a device's primary user.
fn set_primary_user(
    database: &dyn Database,
    tenant_id: &str,
    principal: &str,
    device: &mut Record,
) -> Result<(), Error> {
    let key = binds![tenant_id, principal];
    let user = database.first(USER_BY_PRINCIPAL, key, |cells| {
        Ok([
            cells.optional_text(0)?,
            cells.optional_text(1)?,
            cells.optional_text(2)?,
            cells.optional_text(3)?,
        ])
    })?;
    let user = user.ok_or_else(|| Error::Invalid {
        message: format!("There is no user with the userPrincipalName '{principal}'."),
    })?;
    let names = [
        "userId",
        "userDisplayName",
        "emailAddress",
        "userPrincipalName",
    ];
    for (name, value) in names.into_iter().zip(user) {
        device.set(name, value.map_or(Value::Null, Value::String));
    }
    Ok(())
}

/// Notes who is logged on: those of the accounts that belong to one user of the tenant, by
/// `userPrincipalName` or `mailNickname`.
fn log_on(
    database: &dyn Database,
    tenant_id: &str,
    device_pk: i64,
    accounts: &[String],
) -> Result<(), Error> {
    database.execute(LOG_OFF, binds![device_pk])?;
    for account in accounts {
        if let Some(user_id) = user_of_account(database, tenant_id, account)? {
            database.execute(LOG_ON, binds![device_pk, &user_id])?;
        }
    }
    Ok(())
}

/// The id of the one user of the tenant whose account on a device has that name. Where two users could
/// be meant, neither is: a script must not reach the wrong one.
pub(crate) fn user_of_account(
    database: &dyn Database,
    tenant_id: &str,
    account: &str,
) -> Result<Option<String>, Error> {
    let key = binds![tenant_id, account];
    let users = database.rows(USERS_BY_ACCOUNT, key, |cells| cells.text(0))?;
    match users.as_slice() {
        [user_id] => Ok(Some(user_id.clone())),
        _ => Ok(None),
    }
}

/// Notes what a device tells of itself.
pub(crate) fn inventory(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    device_id: &str,
    facts: &Changes,
    accounts: &[String],
    effect: &mut Effect,
) -> Result<(), Error> {
    refuse_other_device(database, permit, device_id)?;
    let tenant_id = permit.tenant_id();
    let pk = device_pk(database, tenant_id, device_id)?;
    let update = query::update(database.dialect(), &MANAGED_DEVICE, pk, facts)?;
    statement::number(database, &update)?;
    log_on(database, tenant_id, pk, accounts)?;
    change::of_device(database, clock, tenant_id, device_id, effect)
}

fn device_pk(database: &dyn Database, tenant_id: &str, device_id: &str) -> Result<i64, Error> {
    let key = binds![tenant_id, device_id];
    let pk = database.first(DEVICE, key, |cells| cells.integer(0))?;
    pk.ok_or_else(|| path::not_found(MANAGED_DEVICE.name, device_id))
}

/// Notes that a device has been heard of. Its `version` stays: nobody's `If-Match` should fail for it.
pub(crate) fn seen(
    database: &dyn Database,
    clock: &dyn Clock,
    tenant_id: &str,
    device_id: &str,
) -> Result<(), Error> {
    let now = DateTimeOffset::from_system_time(clock.now());
    let values = binds![tenant_id, device_id, now.ticks(), now.form()];
    database.execute(SEEN, values)?;
    Ok(())
}

/// Ends the enrolment of the device at `path`.
pub(crate) fn retire(
    database: &dyn Database,
    clock: &dyn Clock,
    permit: &Permit,
    path: &ResourcePath,
    effect: &mut Effect,
) -> Result<(), Error> {
    path::refuse_device(permit, path)?;
    let end = path::resolve(database, path::viewer(permit), path)?;
    path::find(database, &end)?;
    let device_id = end.id.unwrap_or_default();
    let tenant_id = permit.tenant_id();
    let values = binds![tenant_id, device_id, RETIRE_ISSUED];
    database.execute(SET_RETIRED, values)?;
    forget(database, clock, tenant_id, device_id, effect)
}

/// A device's identity ends, and it has nothing to run any more; its results stay.
pub(crate) fn forget(
    database: &dyn Database,
    clock: &dyn Clock,
    tenant_id: &str,
    device_id: &str,
    effect: &mut Effect,
) -> Result<(), Error> {
    database.execute(RETIRE, binds![tenant_id, device_id])?;
    issuer::application_delete(database, tenant_id, device_id)?;
    change::of_device(database, clock, tenant_id, device_id, effect)
}

/// What a device has to run, and the version of that.
pub(crate) fn scripts(
    database: &dyn Database,
    permit: &Permit,
    device_id: &str,
    seen: &[i64],
) -> Result<AssignedScripts, Error> {
    refuse_other_device(database, permit, device_id)?;
    let tenant_id = permit.tenant_id();
    let key = binds![tenant_id, device_id];
    let version = database.first(VERSION, key, |cells| cells.integer(0))?;
    let missing = || path::not_found(MANAGED_DEVICE.name, device_id);
    let version = version.ok_or_else(missing)?;
    if seen.contains(&version) {
        return Ok(AssignedScripts {
            version,
            scripts: None,
        });
    }
    let assigned = targeting::device_scripts(database, tenant_id, device_id)?;
    let records = assigned.ok_or_else(missing)?;
    let records = records.iter().map(|assigned| record(database, assigned));
    Ok(AssignedScripts {
        version,
        scripts: Some(records.collect::<Result<_, _>>()?),
    })
}

/// One script that a device has to run, with its content.
pub(crate) fn script(
    database: &dyn Database,
    permit: &Permit,
    device_id: &str,
    script_id: &str,
) -> Result<Record, Error> {
    refuse_other_device(database, permit, device_id)?;
    let assigned = targeting::device_scripts(database, permit.tenant_id(), device_id)?;
    let assigned = assigned.ok_or_else(|| path::not_found(MANAGED_DEVICE.name, device_id))?;
    for one in &assigned {
        let mut record = record(database, one)?;
        if record.get("id").as_str() == Some(script_id) {
            let content = script_version::current(database, one.script_pk)?;
            record.set("scriptContent", content.map_or(Value::Null, Value::Binary));
            return Ok(record);
        }
    }
    Err(path::not_found(ASSIGNED_SCRIPT.name, script_id))
}

fn record(database: &dyn Database, assigned: &targeting::Assigned) -> Result<Record, Error> {
    let text = |cell: Option<String>| cell.map_or(Value::Null, Value::String);
    let boolean = |cell: Option<bool>| cell.map_or(Value::Null, Value::Boolean);
    let read = |cells: &mut Cells| {
        let frequency = cells.optional_text(7)?;
        let frequency = frequency.and_then(|text| Duration::parse(&text).ok());
        let version = i32::try_from(assigned.version).unwrap_or(i32::MAX);
        let mut record = Record::new(&ASSIGNED_SCRIPT);
        for (name, value) in [
            ("id", Value::String(cells.text(0)?)),
            ("scriptType", Value::String(cells.text(1)?)),
            ("displayName", Value::String(cells.text(2)?)),
            ("fileName", text(cells.optional_text(3)?)),
            ("version", Value::Int32(version)),
            ("runAsAccount", Value::Enum(cells.int32(4)?)),
            ("enforceSignatureCheck", boolean(cells.optional_truth(5)?)),
            ("runAs32Bit", boolean(cells.optional_truth(6)?)),
            (
                "executionFrequency",
                frequency.map_or(Value::Null, Value::Duration),
            ),
            (
                "retryCount",
                cells.optional_int32(8)?.map_or(Value::Null, Value::Int32),
            ),
            (
                "blockExecutionNotifications",
                boolean(cells.optional_truth(9)?),
            ),
            (
                "customAttributeType",
                cells.optional_int32(10)?.map_or(Value::Null, Value::Enum),
            ),
            ("deviceRunStateId", Value::String(assigned.state_id.clone())),
            ("runRequestId", text(assigned.run_request_id.clone())),
        ] {
            record.set(name, value);
        }
        Ok(record)
    };
    database.one(SETTINGS, binds![assigned.script_pk], read)
}
