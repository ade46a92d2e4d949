//! Which table holds which entity type, and which columns hold which property.
//!
//! Everything here is derived from the entity descriptions, once. A table has `pk` (the row id),
//! `id` and `version`, then the columns of its scope (tenant, owner), then those of its properties.

use std::sync::LazyLock;

use runstate_graph::entity::{
    ASSIGNMENT, ASSIGNMENT_FILTER, AUDIT_EVENT, DEVICE_CUSTOM_ATTRIBUTE_SHELL_SCRIPT,
    DEVICE_MANAGEMENT_SCRIPT, DEVICE_SHELL_SCRIPT, DEVICE_STATE, DIRECTORY_OBJECT,
    ENROLLMENT_TOKEN, GROUP, GROUP_ASSIGNMENT, MANAGED_DEVICE, OUTCOME_SAMPLE, RUN, RUN_REQUEST,
    RUN_SUMMARY, SCRIPT_VERSION, SUBSCRIPTION, USER, USER_STATE,
};
use runstate_odata::edm::{Property, StructuredType, Type};

/// A table, or a view that is read like one.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The entity types whose rows it holds; more than one are told apart by its column `kind`.
    pub types: Vec<&'static StructuredType>,
    /// Whether it only shows what other tables hold.
    pub is_view: bool,
    /// What the table begins with: `pk`, `id` and `version`.
    pub head: Vec<Column>,
    /// The columns that say whose the row is.
    pub scope: Vec<Column>,
    /// The properties of all its types, each once; the first is `id`, whose column is in `head`.
    pub fields: Vec<Field>,
    /// The sets of columns that are unique, each led by the scope.
    pub unique: &'static [&'static [&'static str]],
    /// Whether rows that agree in all keys by which they are sorted come in the order in which they
    /// were made, by `pk`, and not by `id`: a long id in indexes that change with every report would
    /// be most of what is written for it.
    pub ties_by_pk: bool,
}

/// A property and where its value is kept.
#[derive(Debug, Clone)]
pub struct Field {
    /// The property.
    pub property: &'static Property,
    /// Its own columns. The first is what comparisons and orderings look at; an instant has a
    /// second one for its form, a duration one for its text. A complex value has the name of its
    /// exact type, null for a null value.
    pub columns: Vec<Column>,
    /// Of a complex value: its properties and those of all derived types, each once.
    pub parts: Vec<Field>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub ty: ColumnType,
    /// Whether it is never null.
    pub required: bool,
}

/// What a column holds: `TEXT`, `INTEGER` and `BLOB` in SQLite, `text`, `bigint` and `bytea` in
/// PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text, compared by code point.
    Text,
    /// A signed number of 64 bits; a Boolean is 0 or 1, an enumeration its value.
    Integer,
    /// Bytes.
    Blob,
}

/// The table that holds the entities of the type; none for what is not stored.
pub fn of(ty: &StructuredType) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.types.contains(&ty))
}

/// Every table and view of entities, those that others refer to first.
pub fn all() -> &'static [Table] {
    &TABLES
}

/// Indexes beside the unique ones that the queries of [`crate::query`] run on: table and columns.
///
/// The order in which a page is read is that of the sort keys and then of `id` in the direction of
/// the last of them, so an index of `(scope, filtered…, sorted…, id)` serves filter, order and
/// continuation in one range, forwards and backwards. In the place of `id` there is the row id, which
/// every index of SQLite ends with, where [`Table::ties_by_pk`].
pub const INDEXES: &[(&str, &[&str])] = &[
    ("script", &["tenant_id", "kind", "display_name", "id"]),
    (
        "script",
        &["tenant_id", "kind", "last_modified_date_time", "id"],
    ),
    (
        "device_run_state",
        &[
            "script_pk",
            "user_state_pk",
            "run_state",
            "last_state_update_date_time",
        ],
    ),
    (
        "device_run_state",
        &["script_pk", "user_state_pk", "last_state_update_date_time"],
    ),
    // What a device's own token sees, and what goes when a device goes.
    (
        "device_run_state",
        &["device_id", "script_pk", "user_state_pk"],
    ),
    ("managed_device", &["tenant_id", "device_name", "id"]),
    (
        "managed_device",
        &["tenant_id", "last_sync_date_time", "id"],
    ),
    ("managed_device", &["tenant_id", "user_id"]),
    // Steps through a fleet.
    ("managed_device", &["tenant_id", "pk"]),
    ("user_account", &["tenant_id", "display_name", "id"]),
    ("user_account", &["tenant_id", "user_principal_name", "id"]),
    ("directory_group", &["tenant_id", "display_name", "id"]),
    ("audit_event", &["tenant_id", "activity_date_time", "id"]),
    (
        "audit_event",
        &["tenant_id", "category", "activity_date_time", "id"],
    ),
    ("outcome_sample", &["tenant_id", "sampled_date_time", "id"]),
    ("group_member", &["object_id", "group_pk"]),
    ("assignment", &["target_group_id", "script_pk"]),
    ("group_assignment", &["target_group_id", "script_pk"]),
];

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let tenant = || required("tenant_id", ColumnType::Text);
    let kind = || required("kind", ColumnType::Text);
    let script = || required("script_pk", ColumnType::Integer);
    let user_state = || required("user_state_pk", ColumnType::Integer);
    let in_tenant: &[&[&str]] = &[&["tenant_id", "id"]];
    let in_script: &[&[&str]] = &[&["script_pk", "id"]];
    vec![
        Table::new(
            "script",
            &[
                &DEVICE_MANAGEMENT_SCRIPT,
                &DEVICE_SHELL_SCRIPT,
                &DEVICE_CUSTOM_ATTRIBUTE_SHELL_SCRIPT,
            ],
            vec![tenant(), kind()],
            &[&["tenant_id", "kind", "id"]],
        ),
        Table::new("assignment", &[&ASSIGNMENT], vec![script()], in_script),
        Table::new(
            "group_assignment",
            &[&GROUP_ASSIGNMENT],
            vec![script()],
            in_script,
        ),
        Table::new("user_run_state", &[&USER_STATE], vec![script()], in_script),
        Table {
            ties_by_pk: true,
            ..Table::new(
                "device_run_state",
                &[&DEVICE_STATE],
                vec![
                    script(),
                    user_state(),
                    optional("device_id", ColumnType::Text),
                ],
                &[&["script_pk", "user_state_pk", "id"]],
            )
        },
        // The journal and the history: every run that was reported, in the order of arrival.
        Table::new(
            "run",
            &[&RUN],
            vec![required("state_pk", ColumnType::Integer)],
            &[&["state_pk", "id"]],
        ),
        Table::new(
            "script_version",
            &[&SCRIPT_VERSION],
            vec![script()],
            &[&["script_pk", "id"], &["script_pk", "number"]],
        ),
        Table::new("run_request", &[&RUN_REQUEST], vec![script()], in_script),
        Table::new(
            "outcome_sample",
            &[&OUTCOME_SAMPLE],
            vec![tenant()],
            in_tenant,
        ),
        Table::new(
            "enrollment_token",
            &[&ENROLLMENT_TOKEN],
            vec![tenant(), required("token_hash", ColumnType::Blob)],
            in_tenant,
        ),
        Table::new(
            "subscription",
            &[&SUBSCRIPTION],
            vec![
                tenant(),
                required("subject", ColumnType::Integer),
                required("script_kind", ColumnType::Text),
                optional("target_pk", ColumnType::Integer),
                required("target_path", ColumnType::Text),
                required("on_created", ColumnType::Integer),
                required("on_updated", ColumnType::Integer),
                required("on_deleted", ColumnType::Integer),
                required("is_closing", ColumnType::Integer),
                optional("remind_at", ColumnType::Integer),
                required("next_attempt", ColumnType::Integer),
                required("failures", ColumnType::Integer),
                optional("failing_since", ColumnType::Integer),
                optional("lease_owner", ColumnType::Text),
                required("lease_end", ColumnType::Integer),
            ],
            in_tenant,
        ),
        Table::new(
            "run_summary",
            &[&RUN_SUMMARY],
            vec![script()],
            &[&["script_pk"]],
        ),
        Table::new(
            "assignment_filter",
            &[&ASSIGNMENT_FILTER],
            vec![tenant()],
            in_tenant,
        ),
        Table::new(
            "managed_device",
            &[&MANAGED_DEVICE],
            vec![tenant()],
            in_tenant,
        ),
        Table::new("user_account", &[&USER], vec![tenant()], in_tenant),
        Table::new("directory_group", &[&GROUP], vec![tenant()], in_tenant),
        Table::new(
            "audit_event",
            &[&AUDIT_EVENT],
            vec![
                tenant(),
                required("sequence", ColumnType::Integer),
                required("hash", ColumnType::Blob),
            ],
            &[&["tenant_id", "sequence"], &["tenant_id", "id"]],
        ),
        Table {
            is_view: true,
            ..Table::new(
                "directory_object",
                &[&DIRECTORY_OBJECT],
                vec![tenant(), kind()],
                &[],
            )
        },
    ]
});

impl Table {
    fn new(
        name: &'static str,
        types: &[&'static StructuredType],
        scope: Vec<Column>,
        unique: &'static [&'static [&'static str]],
    ) -> Self {
        let everywhere =
            |property: &Property| types.iter().all(|ty| ty.property(property.name).is_some());
        let mut fields: Vec<Field> = Vec::new();
        let properties = types.iter().flat_map(|ty| ty.properties);
        for property in properties.filter(|property| property.stored) {
            if !fields.iter().any(|field| field.property == *property) {
                fields.push(Field::new("", property, everywhere(property)));
            }
        }
        Self {
            name,
            types: types.to_vec(),
            is_view: false,
            head: vec![
                required("pk", ColumnType::Integer),
                required("id", ColumnType::Text),
                required("version", ColumnType::Integer),
            ],
            scope,
            fields,
            unique,
            ties_by_pk: false,
        }
    }

    /// Where the property of that name is kept.
    pub fn field(&self, property: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.property.name == property)
    }

    /// Whether the scope has that column.
    pub fn has_scope(&self, column: &str) -> bool {
        self.scope.iter().any(|scope| scope.name == column)
    }

    /// All columns in their order: head, scope, properties.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        let properties = self.fields.iter().flat_map(Field::all_columns);
        let properties =
            properties.filter(|column| !self.head.iter().any(|head| head.name == column.name));
        self.head.iter().chain(&self.scope).chain(properties)
    }
}

impl Field {
    /// `required` says whether every row of the table has the property.
    fn new(prefix: &str, property: &'static Property, required: bool) -> Self {
        let name = format!("{prefix}{}", snake_case(property.name));
        let required = required && !property.nullable;
        let column = |suffix: &str, ty| Column {
            name: format!("{name}{suffix}"),
            ty,
            required,
        };
        let mut parts = Vec::new();
        let columns = match property.ty {
            // A JSON array.
            _ if property.collection => vec![column("", ColumnType::Text)],
            Type::String | Type::Guid => vec![column("", ColumnType::Text)],
            Type::Boolean | Type::Int32 | Type::Int64 | Type::Enum(_) => {
                vec![column("", ColumnType::Integer)]
            }
            Type::DateTimeOffset => vec![
                column("", ColumnType::Integer),
                column("_form", ColumnType::Integer),
            ],
            Type::Duration => vec![
                column("", ColumnType::Integer),
                column("_text", ColumnType::Text),
            ],
            Type::Binary => vec![column("", ColumnType::Blob)],
            Type::Complex(complex) => {
                let prefix = format!("{name}_");
                let types = std::iter::once(&complex).chain(complex.derived);
                for part in types.flat_map(|ty| ty.properties) {
                    if !parts.iter().any(|known: &Field| known.property == *part) {
                        parts.push(Field::new(&prefix, part, false));
                    }
                }
                // A part may have that name itself.
                let is_part = parts.iter().any(|part| part.property.name == "type");
                let suffix = if is_part { "_odata_type" } else { "_type" };
                vec![column(suffix, ColumnType::Text)]
            }
        };
        Self {
            property,
            columns,
            parts,
        }
    }

    /// Its own columns and those of its parts, in the order in which they are read and written.
    pub fn all_columns(&self) -> impl Iterator<Item = &Column> {
        // No complex type holds another, so one level is all there is.
        self.columns
            .iter()
            .chain(self.parts.iter().flat_map(|part| &part.columns))
    }
}

fn required(name: &str, ty: ColumnType) -> Column {
    Column {
        required: true,
        ..optional(name, ty)
    }
}

fn optional(name: &str, ty: ColumnType) -> Column {
    Column {
        name: name.to_owned(),
        ty,
        required: false,
    }
}

/// `azureADDeviceId` is `azure_ad_device_id`: a word begins at an upper-case letter that follows a
/// lower-case one or a digit, and at the last of several upper-case letters before a lower-case one.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 8);
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase()
                    || after.is_some_and(|after| after.is_ascii_lowercase())
            });
        if begins {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns() {
        for (name, column) in [
            ("id", "id"),
            ("displayName", "display_name"),
            ("runAs32Bit", "run_as32_bit"),
            ("azureADDeviceId", "azure_ad_device_id"),
            ("azureADRegistered", "azure_ad_registered"),
            ("wiFiMacAddress", "wi_fi_mac_address"),
            ("totalStorageSpaceInBytes", "total_storage_space_in_bytes"),
        ] {
            assert_eq!(snake_case(name), column);
        }
    }

    /// What has no bound is sorted by its first characters, which an index of the column cannot serve.
    #[test]
    fn text_that_is_sorted_on_an_index_is_bounded() {
        let mut bounded = 0;
        for (name, columns) in INDEXES {
            let Some(table) = all().iter().find(|table| table.name == *name) else {
                continue;
            };
            let Some((&"id", sorted)) = columns.split_last() else {
                continue;
            };
            for column in sorted {
                let holds = |field: &&Field| {
                    let first = field.columns.first();
                    first.is_some_and(|first| first.name == *column)
                };
                let Some(field) = table.fields.iter().find(holds) else {
                    continue;
                };
                if matches!(field.property.ty, Type::String) {
                    assert!(field.property.max_length.is_some(), "{name}.{column}");
                    bounded += 1;
                }
            }
        }
        assert_eq!(bounded, 6);
    }

    #[test]
    fn column_names_are_unique() {
        for table in all() {
            let mut names: Vec<_> = table.columns().map(|column| &column.name).collect();
            names.sort();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{}", table.name);
        }
    }
}
