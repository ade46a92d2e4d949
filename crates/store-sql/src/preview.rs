//! Who would be hit by a change, from the very query by which the change finds its devices.

use std::{collections::BTreeSet, sync::LazyLock};

use async_trait::async_trait;
use runstate_graph::{entity::DEVICE_STATE, permit::Permit};
use runstate_odata::{
    check::{Query, ResourcePath},
    edm::{Record, Value},
};
use runstate_store::{
    Error,
    preview::{NAMED, Preview, PreviewStore},
    query::{self, Dialect, Owner, Scope},
};

use crate::{
    Backend, BindRef, Database, SqlStore,
    cells::{CellsExt as _, binds},
    error::internal,
    path::{self, End, Found},
    statement,
    targeting::{APPLICABLE, ONE_SCRIPT, effective, in_postgres},
};

const DEVICE_ID: &str = "SELECT id FROM managed_device WHERE pk = ?1";

/// The statements that are put together, in one dialect.
struct Texts {
    /// The row ids of the devices on which the script `?2` of the tenant `?1` is effective and applies.
    devices: String,
    /// The row ids of their run states, each with that of its device.
    states: String,
}

static SQLITE: LazyLock<Texts> = LazyLock::new(|| Texts::new(str::to_owned));
static POSTGRES: LazyLock<Texts> = LazyLock::new(|| Texts::new(in_postgres));

fn texts(dialect: Dialect) -> &'static Texts {
    match dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
    }
}

impl Texts {
    fn new(write: fn(&str) -> String) -> Self {
        let of_script = effective("TRUE", ONE_SCRIPT);
        let devices = format!(
            "{of_script} SELECT d.pk FROM effective AS e \
             CROSS JOIN device AS d ON d.pk = e.device_pk \
             CROSS JOIN script AS s ON s.pk = e.script_pk WHERE {APPLICABLE}"
        );
        let states = format!(
            "{of_script} SELECT st.pk, d.pk FROM effective AS e \
             CROSS JOIN device AS d ON d.pk = e.device_pk \
             CROSS JOIN script AS s ON s.pk = e.script_pk \
             CROSS JOIN device_run_state AS st ON st.device_id = d.id AND st.script_pk = s.pk \
                 AND st.user_state_pk = 0 \
             WHERE {APPLICABLE}"
        );
        Self {
            devices: write(&devices),
            states: write(&states),
        }
    }

    /// [`Texts::devices`] with so many targets in the place of the script's assignments: their types are
    /// `?3`, `?5` …, their groups `?4`, `?6` … Within the statement the tables of assignments are hidden
    /// by expressions of the same names.
    fn devices_of(&self, targets: usize) -> String {
        let target = |at: usize| {
            let (ty, group) = (2 * at + 3, 2 * at + 4);
            format!(
                "SELECT CAST(?2 AS BIGINT) AS script_pk, CAST(?{ty} AS TEXT) AS target_type, \
                 CAST(?{group} AS TEXT) AS target_group_id, \
                 0 AS target_device_and_app_management_assignment_filter_type"
            )
        };
        let targets: Vec<String> = (0..targets).map(target).collect();
        let assigned = format!(
            "WITH RECURSIVE assignment AS ({}), group_assignment AS ( \
                 SELECT script_pk, target_group_id FROM assignment WHERE FALSE), ",
            targets.join(" UNION ALL ")
        );
        self.devices.replacen("WITH RECURSIVE ", &assigned, 1)
    }
}

/// A target that includes devices, or excludes them: its type and group.
type Target = (String, Option<String>);

/// The targets of assignments that can reach a device. One with an assignment filter includes nobody;
/// an exclusion holds all the same.
fn targets(assignments: &[Record]) -> Vec<Target> {
    let target = |assignment: &Record| {
        let Value::Complex(target) = assignment.get("target") else {
            return None;
        };
        let filter = target.get("deviceAndAppManagementAssignmentFilterType");
        let unfiltered = matches!(filter, Value::Null | Value::Enum(0));
        let excludes = target.ty.name == "exclusionGroupAssignmentTarget";
        let group = match target.ty.property("groupId") {
            Some(_) => target.get("groupId").as_str().map(str::to_owned),
            None => None,
        };
        (unfiltered || excludes).then(|| (target.ty.name.to_owned(), group))
    };
    assignments.iter().filter_map(target).collect()
}

/// The row ids of the devices that would have to run a script with these targets.
fn would_run(
    database: &dyn Database,
    tenant_id: &str,
    script_pk: i64,
    targets: &[Target],
) -> Result<BTreeSet<i64>, Error> {
    // As many places as the next power of two, so that there are few texts to prepare; those that are
    // left over are targets of no type, which reach nobody.
    let places = targets.len().max(1).next_power_of_two();
    let sql = texts(database.dialect()).devices_of(places);
    let mut values = binds![tenant_id, script_pk].to_vec();
    for place in 0..places {
        let (ty, group) = match targets.get(place) {
            Some((ty, group)) => (BindRef::from(ty), group.as_deref().into()),
            None => (BindRef::Null, BindRef::Null),
        };
        values.extend([ty, group]);
    }
    device_pks(database, &sql, &values)
}

fn device_pks(
    database: &dyn Database,
    sql: &str,
    values: &[BindRef<'_>],
) -> Result<BTreeSet<i64>, Error> {
    let devices = database.rows(sql, values, |cells| cells.integer(0))?;
    Ok(devices.into_iter().collect())
}

fn count(set: usize) -> u64 {
    u64::try_from(set).unwrap_or(u64::MAX)
}

fn ids(database: &dyn Database, pks: impl Iterator<Item = i64>) -> Result<Vec<String>, Error> {
    pks.take(NAMED)
        .map(|pk| database.one(DEVICE_ID, binds![pk], |cells| cells.text(0)))
        .collect()
}

fn assign(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
    assignments: &[Record],
) -> Result<Preview, Error> {
    path::refuse_device(permit, path)?;
    let end = path::resolve(database, path::viewer(permit), path)?;
    let Found { pk, .. } = path::find(database, &end)?;
    let tenant_id = permit.tenant_id();
    let then = would_run(database, tenant_id, pk, &targets(assignments))?;
    let sql = &texts(database.dialect()).devices;
    let now = device_pks(database, sql, binds![tenant_id, pk])?;
    let first = then.difference(&now).chain(then.intersection(&now));
    Ok(Preview {
        devices: count(then.len()),
        added: count(then.difference(&now).count()),
        removed: count(now.difference(&then).count()),
        device_ids: ids(database, first.copied())?,
    })
}

fn run_request(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
    states: &Query,
) -> Result<Preview, Error> {
    path::refuse_device(permit, path)?;
    let End { scope, .. } = path::resolve(database, path::viewer(permit), path)?;
    let script = scope
        .owner
        .ok_or_else(|| internal("run requests of nothing"))?;
    let navigation = script
        .source
        .navigation("deviceRunStates")
        .ok_or_else(|| internal("a script without run states"))?;
    let of_script = Scope {
        viewer: scope.viewer,
        ty: &DEVICE_STATE,
        owner: Some(Owner {
            navigation,
            ..script
        }),
    };
    let keys = query::keys(database.dialect(), &of_script, states)?;
    let chosen: BTreeSet<i64> = statement::integers(database, &keys)?.into_iter().collect();
    let effective = &texts(database.dialect()).states;
    let values = binds![permit.tenant_id(), script.pk];
    let effective = database.rows(effective, values, |cells| {
        Ok((cells.integer(0)?, cells.integer(1)?))
    })?;
    let asked = effective.iter().filter(|(state, _)| chosen.contains(state));
    let asked: BTreeSet<i64> = asked.map(|(_, device)| *device).collect();
    Ok(Preview {
        devices: count(asked.len()),
        added: count(asked.len()),
        removed: 0,
        device_ids: ids(database, asked.iter().copied())?,
    })
}

#[async_trait]
impl<B: Backend> PreviewStore for SqlStore<B> {
    async fn script_assign_preview(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        assignments: Vec<Record>,
    ) -> Result<Preview, Error> {
        self.backend.admit()?;
        let (on_behalf, path) = (permit.clone(), path.clone());
        let read = move |database: &dyn Database| assign(database, &on_behalf, &path, &assignments);
        self.backend.read(Some(permit.tenant_id()), read).await
    }

    async fn run_request_preview(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        states: &Query,
    ) -> Result<Preview, Error> {
        self.backend.admit()?;
        let (on_behalf, path, states) = (permit.clone(), path.clone(), states.clone());
        let tenant_id = Some(permit.tenant_id());
        // The change that this foretells sees every acknowledged report, for it is a write, before which
        // those that wait go into the tables. An empty one does that too, and then nobody waits for us.
        self.backend.write(tenant_id, |_| Ok(())).await?;
        let look = move |database: &dyn Database| run_request(database, &on_behalf, &path, &states);
        self.backend.read(tenant_id, look).await
    }
}
