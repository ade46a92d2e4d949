//! What a copy from one backend to another consists of: the tables, in an order in which each comes
//! after those that it refers to, and what of their columns refers to rows.
//!
//! Rows get new row ids in the copy where the destination has others already: all of a table's grow by
//! the same number, its offset. Whatever refers to them grows likewise.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::query::Bind;

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
#[derive(Debug)]
pub enum Owned {
    /// A column `tenant_id`.
    ByTenant,
    /// The row of another table that a column names by its `pk`.
    By(&'static str, &'static CopiedTable),
    /// Nothing: it is the whole installation's.
    ByNobody,
}

const PK: &[&str] = &["pk"];

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
/// The runs of states that are gone belong to nobody any more: only a copy of everything has them.
static RUN: CopiedTable = of("run", PK, "state_pk", &DEVICE_RUN_STATE);

/// All tables, in the order in which they are copied. `run_state_count` is not among them: the
/// destination counts for itself. Nor are the console's links and sessions: people sign in again.
pub static TABLES: &[&CopiedTable] = &[
    &SIGNING_KEY,
    &USED_ASSERTION,
    &APPLICATION,
    &APPLICATION_SECRET,
    &APPLICATION_KEY,
    &RETIRED_DEVICE,
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
    &DEVICE_RUN_STATE,
    &FORMER_RUN_STATE,
    &TARGET_CHANGE,
    &RUN_REQUEST,
    &RUN_REQUEST_DEVICE,
    &RUN,
];

impl CopiedTable {
    /// Whether its rows have a row id of their own.
    pub fn has_pk(&self) -> bool {
        self.key == PK
    }

    /// The condition that a row is the tenant's whose id is bound to that placeholder; none where no
    /// row is any tenant's.
    pub fn of_tenant(&self, placeholder: &str) -> Option<String> {
        match self.owner {
            Owned::ByTenant => Some(format!("tenant_id = {placeholder}")),
            Owned::By(column, owner) => {
                let (name, owned) = (owner.name, owner.of_tenant(placeholder)?);
                Some(format!("{column} IN (SELECT pk FROM {name} WHERE {owned})"))
            }
            Owned::ByNobody => None,
        }
    }

    /// A statement that reads the next rows behind the key `after`, in the order of the key, at most
    /// `limit`; of one tenant, where one is named. With placeholders `?1` …, and their values. None where
    /// no row is the tenant's.
    pub fn page(
        &self,
        columns: &[String],
        tenant_id: Option<&str>,
        after: Option<&[Bind]>,
        limit: u32,
    ) -> Option<(String, Vec<Bind>)> {
        let (mut conditions, mut values) = (Vec::new(), Vec::new());
        if let Some(tenant_id) = tenant_id {
            conditions.push(self.of_tenant("?1")?);
            values.push(Bind::Text(tenant_id.to_owned()));
        }
        let key = self.key.join(", ");
        if let Some(after) = after {
            let first = values.len() + 1;
            let places = first..first + after.len();
            let places: Vec<_> = places.map(|at| format!("?{at}")).collect();
            conditions.push(format!("({key}) > ({})", places.join(", ")));
            values.extend_from_slice(after);
        }
        let condition = match conditions.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", conditions.join(" AND ")),
        };
        let (columns, name) = (columns.join(", "), self.name);
        let sql = format!("SELECT {columns} FROM {name} {condition} ORDER BY {key} LIMIT {limit}");
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
            (_, "script_pk") => Some("script"),
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
        assert_eq!(RUN.of_tenant("?1").as_deref(), Some(owned));
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
