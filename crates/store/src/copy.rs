//! What a copy from one backend to another consists of: the tables, in an order in which each comes
//! after those that it refers to, and what of their columns refers to rows.
//!
//! Rows get new row ids in the copy where the destination has others already: all of a table's grow by
//! the same number, its offset. Whatever refers to them grows likewise.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::query::Bind;

/// Which of the two a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// SQLite, where a row says whose it is only by the row that it hangs on.
    Source,
    /// PostgreSQL, where each row names its tenant, which leads every key.
    Destination,
}

/// A table to be copied.
#[derive(Debug)]
pub struct CopiedTable {
    /// Its name.
    pub name: &'static str,
    /// The columns of its primary key, by which it is read in pieces.
    pub key: &'static [&'static str],
    /// By what its rows are one tenant's.
    pub owner: Owned,
}

/// What makes a row one tenant's.
#[derive(Debug, Clone, Copy)]
pub enum Owned {
    /// A column `tenant_id`.
    ByTenant,
    /// The row of another table that a column names by its `pk`.
    By(&'static str, &'static CopiedTable),
    /// Nothing: it is the whole installation's.
    ByNobody,
}

const PK: &[&str] = &["pk"];
const TENANT: &str = "tenant_id";

const fn of_tenant(name: &'static str, key: &'static [&'static str]) -> CopiedTable {
    CopiedTable {
        name,
        key,
        owner: Owned::ByTenant,
    }
}

const fn of(
    name: &'static str,
    key: &'static [&'static str],
    column: &'static str,
    owner: &'static CopiedTable,
) -> CopiedTable {
    CopiedTable {
        name,
        key,
        owner: Owned::By(column, owner),
    }
}

static SIGNING_KEY: CopiedTable = CopiedTable {
    name: "signing_key",
    key: &["kid"],
    owner: Owned::ByNobody,
};
static USED_ASSERTION: CopiedTable = CopiedTable {
    name: "used_assertion",
    key: &["hash"],
    owner: Owned::ByNobody,
};
static APPLICATION: CopiedTable = of_tenant("application", &["tenant_id", "client_id"]);
static APPLICATION_SECRET: CopiedTable =
    of_tenant("application_secret", &["tenant_id", "client_id", "hash"]);
static APPLICATION_KEY: CopiedTable =
    of_tenant("application_key", &["tenant_id", "client_id", "kid"]);
static RETIRED_DEVICE: CopiedTable = of_tenant("retired_device", &["tenant_id", "device_id"]);
static AUDIT_CHAIN: CopiedTable = of_tenant("audit_chain", &["tenant_id"]);
static AUDIT_EVENT: CopiedTable = of_tenant("audit_event", PK);
static ENROLLMENT_TOKEN: CopiedTable = of_tenant("enrollment_token", PK);
static OUTCOME_SAMPLE: CopiedTable = of_tenant("outcome_sample", PK);
static ASSIGNMENT_FILTER: CopiedTable = of_tenant("assignment_filter", PK);
static USER_ACCOUNT: CopiedTable = of_tenant("user_account", PK);
static MANAGED_DEVICE: CopiedTable = of_tenant("managed_device", PK);
static DIRECTORY_GROUP: CopiedTable = of_tenant("directory_group", PK);
static GROUP_MEMBER: CopiedTable = of(
    "group_member",
    &["group_pk", "object_id"],
    "group_pk",
    &DIRECTORY_GROUP,
);
static LOGGED_ON_USER: CopiedTable = of(
    "logged_on_user",
    &["device_pk", "user_id"],
    "device_pk",
    &MANAGED_DEVICE,
);
static TARGETING: CopiedTable = of_tenant("targeting", &["tenant_id"]);
static DEVICE_TARGETING: CopiedTable = of(
    "device_targeting",
    &["device_pk"],
    "device_pk",
    &MANAGED_DEVICE,
);
static SCRIPT: CopiedTable = of_tenant("script", PK);
static SCRIPT_VERSION: CopiedTable = of("script_version", PK, "script_pk", &SCRIPT);
static ASSIGNMENT: CopiedTable = of("assignment", PK, "script_pk", &SCRIPT);
static GROUP_ASSIGNMENT: CopiedTable = of("group_assignment", PK, "script_pk", &SCRIPT);
static RUN_SUMMARY: CopiedTable = of("run_summary", PK, "script_pk", &SCRIPT);
static USER_RUN_STATE: CopiedTable = of("user_run_state", PK, "script_pk", &SCRIPT);
static RUN_STATE_COUNT: CopiedTable = of(
    "run_state_count",
    &["script_pk", "run_state"],
    "script_pk",
    &SCRIPT,
);
static DEVICE_RUN_STATE: CopiedTable = of("device_run_state", PK, "script_pk", &SCRIPT);
static FORMER_RUN_STATE: CopiedTable = of(
    "former_run_state",
    &["script_pk", "device_id"],
    "script_pk",
    &SCRIPT,
);
static TARGET_CHANGE: CopiedTable = of("target_change", PK, "script_pk", &SCRIPT);
static RUN_REQUEST: CopiedTable = of("run_request", PK, "script_pk", &SCRIPT);
static RUN_REQUEST_DEVICE: CopiedTable = of(
    "run_request_device",
    &["request_pk", "state_pk"],
    "request_pk",
    &RUN_REQUEST,
);
static NOTIFICATION_KEY: CopiedTable = of_tenant("notification_key", &["tenant_id"]);
static SUBSCRIPTION: CopiedTable = of_tenant("subscription", PK);
static SUBSCRIPTION_NOTICE: CopiedTable = of_tenant("subscription_notice", PK);
static SUBSCRIPTION_EVENT: CopiedTable = of_tenant("subscription_event", PK);
/// The runs of states that are gone belong to nobody any more, and are not copied.
static RUN: CopiedTable = of("run", PK, "state_pk", &DEVICE_RUN_STATE);

/// All tables, in the order in which they are copied. The console's links and sessions are not among them:
/// people sign in again.
pub static TABLES: &[&CopiedTable] = &[
    &SIGNING_KEY,
    &USED_ASSERTION,
    &APPLICATION,
    &APPLICATION_SECRET,
    &APPLICATION_KEY,
    &RETIRED_DEVICE,
    &AUDIT_CHAIN,
    &AUDIT_EVENT,
    &ENROLLMENT_TOKEN,
    &OUTCOME_SAMPLE,
    &ASSIGNMENT_FILTER,
    &USER_ACCOUNT,
    &MANAGED_DEVICE,
    &DIRECTORY_GROUP,
    &GROUP_MEMBER,
    &LOGGED_ON_USER,
    &TARGETING,
    &DEVICE_TARGETING,
    &SCRIPT,
    &SCRIPT_VERSION,
    &ASSIGNMENT,
    &GROUP_ASSIGNMENT,
    &RUN_SUMMARY,
    &USER_RUN_STATE,
    &RUN_STATE_COUNT,
    &DEVICE_RUN_STATE,
    &FORMER_RUN_STATE,
    &TARGET_CHANGE,
    &RUN_REQUEST,
    &RUN_REQUEST_DEVICE,
    &NOTIFICATION_KEY,
    &SUBSCRIPTION,
    &SUBSCRIPTION_NOTICE,
    &SUBSCRIPTION_EVENT,
    &RUN,
];

impl CopiedTable {
    /// Whether its rows have a row id of their own.
    pub fn has_pk(&self) -> bool {
        self.key == PK
    }

    /// The names of its columns in a copy, of those that it has in the source: each row says whose it is.
    pub fn columns(&self, source: Vec<String>) -> Vec<String> {
        let mut columns = source;
        if matches!(self.owner, Owned::By(..)) {
            columns.push(TENANT.to_owned());
        }
        columns
    }

    /// What a page of the destination is ordered by.
    pub fn key_there(&self) -> Vec<&'static str> {
        let named = self.key.contains(&TENANT) || matches!(self.owner, Owned::ByNobody);
        let tenant = (!named).then_some(TENANT);
        tenant.into_iter().chain(self.key.iter().copied()).collect()
    }

    /// In the source, the id of the tenant whose the row is that is known by that name; null where it
    /// hangs on a row that is gone. None where it is nobody's.
    fn tenant(&self, row: &str) -> Option<String> {
        match self.owner {
            Owned::ByTenant => Some(format!("{row}.{TENANT}")),
            Owned::By(column, owner) => {
                let (name, of_owner) = (owner.name, owner.tenant(owner.name)?);
                Some(format!(
                    "(SELECT {of_owner} FROM {name} WHERE {name}.pk = {row}.{column})"
                ))
            }
            Owned::ByNobody => None,
        }
    }

    /// Which rows of the source are copied: those of the tenant that is bound to `?1`, or all that are
    /// somebody's. None where none is a tenant's.
    pub fn copied(&self, tenant_id: Option<&str>) -> Option<String> {
        match (self.owner, tenant_id) {
            (Owned::ByNobody, Some(_)) => None,
            (Owned::By(column, owner), Some(_)) => {
                let (name, of_owner) = (owner.name, owner.copied(tenant_id)?);
                Some(format!(
                    "{column} IN (SELECT pk FROM {name} WHERE {of_owner})"
                ))
            }
            (Owned::ByTenant, Some(_)) => Some(format!("{TENANT} = ?1")),
            (Owned::By(column, owner), None) => {
                let name = owner.name;
                Some(format!("{column} IN (SELECT pk FROM {name})"))
            }
            (_, None) => Some("TRUE".to_owned()),
        }
    }

    /// A statement that reads the next rows behind the key `after`, in the order of the key, at most
    /// `limit`; of one tenant, where one is named. With placeholders `?1` …, and their values. None where
    /// no row is the tenant's.
    pub fn page(
        &self,
        side: Side,
        columns: &[String],
        tenant_id: Option<&str>,
        after: Option<&[Bind]>,
        limit: u32,
    ) -> Option<(String, Vec<Bind>)> {
        let copied = self.copied(tenant_id)?;
        let (condition, key) = match (side, self.owner, tenant_id) {
            (Side::Source, ..) => (copied, self.key.to_vec()),
            (Side::Destination, Owned::ByNobody, _) | (Side::Destination, _, None) => {
                ("TRUE".to_owned(), self.key_there())
            }
            (Side::Destination, _, Some(_)) => (format!("{TENANT} = ?1"), self.key_there()),
        };
        let (mut conditions, mut values) = (vec![condition], Vec::new());
        if let Some(tenant_id) = tenant_id {
            values.push(Bind::Text(tenant_id.to_owned()));
        }
        let key = key.join(", ");
        if let Some(after) = after {
            let first = values.len() + 1;
            let places = first..first + after.len();
            let places: Vec<_> = places.map(|at| format!("?{at}")).collect();
            conditions.push(format!("({key}) > ({})", places.join(", ")));
            values.extend_from_slice(after);
        }
        let name = self.name;
        let cell = |column: &String| match (side, self.owner, &**column) {
            (Side::Source, Owned::By(..), TENANT) => self.tenant(name),
            _ => Some(column.clone()),
        };
        let cells: Vec<String> = columns.iter().filter_map(cell).collect();
        let (cells, condition) = (cells.join(", "), conditions.join(" AND "));
        let sql =
            format!("SELECT {cells} FROM {name} WHERE {condition} ORDER BY {key} LIMIT {limit}");
        Some((sql, values))
    }

    /// The table to whose rows a column refers, its own included.
    pub fn refers_to(&self, column: &str) -> Option<&'static str> {
        match (self.name, column) {
            ("device_run_state", "version") => Some("run"),
            (_, "pk") if self.has_pk() => TABLES
                .iter()
                .find(|table| table.name == self.name)
                .map(|table| table.name),
            (_, "script_pk" | "target_pk") => Some("script"),
            (_, "subscription_pk") => Some("subscription"),
            (_, "user_state_pk") => Some("user_run_state"),
            (_, "state_pk") => Some("device_run_state"),
            (_, "device_pk" | "after_device_pk") => Some("managed_device"),
            (_, "group_pk") => Some("directory_group"),
            (_, "request_pk") => Some("run_request"),
            _ => None,
        }
    }
}

/// What a row's cells grow by in the copy. 0 says that there is no row to refer to, and stays.
pub fn moved(row: &mut [Bind], offsets: &[i64]) {
    for (cell, offset) in row.iter_mut().zip(offsets) {
        if let Bind::Integer(number) = cell
            && *number != 0
        {
            *number = number.saturating_add(*offset);
        }
    }
}

/// How many rows there were, and what they were, whatever their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// How many rows.
    pub rows: u64,
    /// A sum over them.
    pub checksum: u64,
}

impl Sum {
    /// Adds a row.
    pub fn add(&mut self, row: &[Bind]) {
        let mut hasher = DefaultHasher::new();
        row.hash(&mut hasher);
        self.rows += 1;
        self.checksum = self.checksum.wrapping_add(hasher.finish());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_after_those_that_it_refers_to() {
        for (at, table) in TABLES.iter().enumerate() {
            if let Owned::By(_, owner) = table.owner {
                let before = TABLES.iter().take(at);
                assert!(
                    before.clone().any(|table| table.name == owner.name),
                    "{table:?}"
                );
            }
        }
    }

    #[test]
    fn whose_a_row_is_follows_from_table_to_table() {
        let owned = "state_pk IN (SELECT pk FROM device_run_state WHERE script_pk IN \
             (SELECT pk FROM script WHERE tenant_id = ?1))";
        assert_eq!(RUN.copied(Some("t")).as_deref(), Some(owned));
        let of_all = "state_pk IN (SELECT pk FROM device_run_state)";
        assert_eq!(RUN.copied(None).as_deref(), Some(of_all));
        let tenant = "(SELECT (SELECT script.tenant_id FROM script WHERE script.pk = \
             device_run_state.script_pk) FROM device_run_state WHERE device_run_state.pk = run.state_pk)";
        assert_eq!(RUN.tenant("run").as_deref(), Some(tenant));
    }

    #[test]
    fn a_sum_tells_rows_apart_and_not_their_order() {
        let rows = [
            vec![Bind::Integer(1), Bind::Text("a".to_owned())],
            vec![Bind::Integer(1), Bind::Text("b".to_owned())],
            vec![Bind::Integer(1), Bind::Blob(b"a".to_vec())],
            vec![Bind::Integer(1), Bind::Null],
        ];
        let sum = |rows: &[&Vec<Bind>]| {
            let mut sum = Sum::default();
            rows.iter().for_each(|row| sum.add(row));
            sum
        };
        let [a, b, c, d] = &rows;
        assert_eq!(sum(&[a, b, c, d]), sum(&[d, b, a, c]));
        assert_ne!(sum(&[a, b]), sum(&[a, c]));
        assert_ne!(sum(&[a, b]), sum(&[a, d]));
        assert_ne!(sum(&[a, b]), sum(&[a, b, b]));
    }
}
