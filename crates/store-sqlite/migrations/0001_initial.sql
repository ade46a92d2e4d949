-- The entities of the API and the journal of runs.
--
-- Frozen: a file in the world has run this text. What must change is changed by the next migration.
--
-- A property's column has the property's name in snake case. A DateTimeOffset is two columns, its
-- ticks of 100 ns since 1970 and `_form`, how it was written; a Duration is its ticks and `_text`; a
-- collection is a JSON array; the complex `target` is its exact type and one column per property of
-- all its types. `version` grows with every change of the row and is the stuff of its ETag.

-- The random keys of this file, made when it is first opened.
CREATE TABLE secret (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The three kinds of script; `kind` is the entity type's name.
CREATE TABLE script (
    pk                            INTEGER PRIMARY KEY,
    id                            TEXT    NOT NULL,
    version                       INTEGER NOT NULL,
    tenant_id                     TEXT    NOT NULL,
    kind                          TEXT    NOT NULL,
    display_name                  TEXT    NOT NULL,
    description                   TEXT,
    script_content                BLOB,
    created_date_time             INTEGER NOT NULL,
    created_date_time_form        INTEGER NOT NULL,
    last_modified_date_time       INTEGER NOT NULL,
    last_modified_date_time_form  INTEGER NOT NULL,
    run_as_account                INTEGER NOT NULL,
    file_name                     TEXT,
    role_scope_tag_ids            TEXT    NOT NULL,
    enforce_signature_check       INTEGER, -- deviceManagementScript
    run_as32_bit                  INTEGER, -- deviceManagementScript
    execution_frequency           INTEGER, -- deviceShellScript
    execution_frequency_text      TEXT,    -- deviceShellScript
    retry_count                   INTEGER, -- deviceShellScript
    block_execution_notifications INTEGER, -- deviceShellScript
    custom_attribute_name         TEXT,    -- deviceCustomAttributeShellScript
    custom_attribute_type         INTEGER, -- deviceCustomAttributeShellScript
    UNIQUE (tenant_id, kind, id)
) STRICT;
CREATE INDEX script_by_name ON script (tenant_id, kind, display_name, id);
CREATE INDEX script_by_modified ON script (tenant_id, kind, last_modified_date_time, id);

CREATE TABLE assignment (
    pk                 INTEGER PRIMARY KEY,
    id                 TEXT    NOT NULL,
    version            INTEGER NOT NULL,
    script_pk          INTEGER NOT NULL REFERENCES script ON DELETE CASCADE,
    target_type        TEXT,
    target_device_and_app_management_assignment_filter_id   TEXT,
    target_device_and_app_management_assignment_filter_type INTEGER,
    target_group_id    TEXT,
    target_collection_id TEXT,
    target_target_type INTEGER,
    target_entra_object_id TEXT,
    UNIQUE (script_pk, id)
) STRICT;

CREATE TABLE group_assignment (
    pk              INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL,
    version         INTEGER NOT NULL,
    script_pk       INTEGER NOT NULL REFERENCES script ON DELETE CASCADE,
    target_group_id TEXT    NOT NULL,
    UNIQUE (script_pk, id)
) STRICT;

-- Counters, exact at every commit. One row per script; `id` is the script's.
CREATE TABLE run_summary (
    pk                   INTEGER PRIMARY KEY,
    id                   TEXT    NOT NULL,
    version              INTEGER NOT NULL,
    script_pk            INTEGER NOT NULL UNIQUE REFERENCES script ON DELETE CASCADE,
    success_device_count INTEGER NOT NULL,
    error_device_count   INTEGER NOT NULL,
    success_user_count   INTEGER NOT NULL,
    error_user_count     INTEGER NOT NULL
) STRICT;

CREATE TABLE user_run_state (
    pk                   INTEGER PRIMARY KEY,
    id                   TEXT    NOT NULL,
    version              INTEGER NOT NULL,
    script_pk            INTEGER NOT NULL REFERENCES script ON DELETE CASCADE,
    success_device_count INTEGER NOT NULL,
    error_device_count   INTEGER NOT NULL,
    user_principal_name  TEXT,
    UNIQUE (script_pk, id)
) STRICT;

-- The latest outcome of a script on a device. `user_state_pk` is the user state that it is in, or 0
-- where it is the script's own, so that one unique key covers both; it can therefore not be a
-- foreign key. `version` is the `seq` of the run that the row shows. `pk` is never used twice,
-- because `run` speaks of it after the row is gone.
CREATE TABLE device_run_state (
    pk                               INTEGER PRIMARY KEY AUTOINCREMENT,
    id                               TEXT    NOT NULL,
    version                          INTEGER NOT NULL,
    script_pk                        INTEGER NOT NULL REFERENCES script ON DELETE CASCADE,
    user_state_pk                    INTEGER NOT NULL,
    device_id                        TEXT, -- the managed device's id, which need not exist any more
    run_state                        INTEGER NOT NULL,
    result_message                   TEXT,
    last_state_update_date_time      INTEGER NOT NULL,
    last_state_update_date_time_form INTEGER NOT NULL,
    error_code                       INTEGER NOT NULL,
    error_description                TEXT,
    UNIQUE (script_pk, user_state_pk, id)
) STRICT;
CREATE INDEX device_run_state_by_outcome ON device_run_state
    (script_pk, user_state_pk, run_state, last_state_update_date_time, id);
CREATE INDEX device_run_state_by_update ON device_run_state
    (script_pk, user_state_pk, last_state_update_date_time, id);
CREATE INDEX device_run_state_by_device ON device_run_state
    (device_id, script_pk, user_state_pk);

-- The journal: every outcome that was ever acknowledged, whole, in the order of arrival. Only ever
-- appended to; it outlives the state that it is of. Has no index but its key, because every index
-- makes the call slower that everything waits for, and nothing looks for the runs of one state yet.
CREATE TABLE run (
    seq                              INTEGER PRIMARY KEY AUTOINCREMENT,
    state_pk                         INTEGER NOT NULL,
    received                         INTEGER NOT NULL, -- ticks of 100 ns since 1970
    run_state                        INTEGER NOT NULL,
    result_message                   TEXT,
    last_state_update_date_time      INTEGER NOT NULL,
    last_state_update_date_time_form INTEGER NOT NULL,
    error_code                       INTEGER NOT NULL,
    error_description                TEXT
) STRICT;

CREATE TABLE managed_device (
    pk                           INTEGER PRIMARY KEY,
    id                           TEXT    NOT NULL,
    version                      INTEGER NOT NULL,
    tenant_id                    TEXT    NOT NULL,
    user_id                      TEXT,
    device_name                  TEXT,
    managed_device_name          TEXT,
    managed_device_owner_type    INTEGER,
    owner_type                   INTEGER,
    enrolled_date_time           INTEGER,
    enrolled_date_time_form      INTEGER,
    last_sync_date_time          INTEGER,
    last_sync_date_time_form     INTEGER,
    operating_system             TEXT,
    os_version                   TEXT,
    device_type                  INTEGER,
    compliance_state             INTEGER,
    management_agent             INTEGER,
    management_state             INTEGER,
    device_registration_state    INTEGER,
    azure_ad_registered          INTEGER,
    azure_ad_device_id           TEXT,
    aad_registered               INTEGER,
    email_address                TEXT,
    user_principal_name          TEXT,
    user_display_name            TEXT,
    model                        TEXT,
    manufacturer                 TEXT,
    serial_number                TEXT,
    imei                         TEXT,
    meid                         TEXT,
    wi_fi_mac_address            TEXT,
    ethernet_mac_address         TEXT,
    processor_architecture       INTEGER,
    total_storage_space_in_bytes INTEGER,
    free_storage_space_in_bytes  INTEGER,
    physical_memory_in_bytes     INTEGER,
    is_encrypted                 INTEGER,
    is_supervised                INTEGER,
    jail_broken                  TEXT,
    notes                        TEXT,
    sku_family                   TEXT,
    sku_number                   INTEGER,
    device_category_display_name TEXT,
    role_scope_tag_ids           TEXT    NOT NULL,
    UNIQUE (tenant_id, id)
) STRICT;
CREATE INDEX managed_device_by_name ON managed_device (tenant_id, device_name, id);
CREATE INDEX managed_device_by_sync ON managed_device (tenant_id, last_sync_date_time, id);
CREATE INDEX managed_device_by_user ON managed_device (tenant_id, user_id);

CREATE TABLE assignment_filter (
    pk                                INTEGER PRIMARY KEY,
    id                                TEXT    NOT NULL,
    version                           INTEGER NOT NULL,
    tenant_id                         TEXT    NOT NULL,
    created_date_time                 INTEGER NOT NULL,
    created_date_time_form            INTEGER NOT NULL,
    last_modified_date_time           INTEGER NOT NULL,
    last_modified_date_time_form      INTEGER NOT NULL,
    display_name                      TEXT    NOT NULL,
    description                       TEXT,
    platform                          INTEGER NOT NULL,
    rule                              TEXT,
    role_scope_tags                   TEXT    NOT NULL,
    assignment_filter_management_type INTEGER NOT NULL,
    UNIQUE (tenant_id, id)
) STRICT;

CREATE TABLE user_account (
    pk                  INTEGER PRIMARY KEY,
    id                  TEXT    NOT NULL,
    version             INTEGER NOT NULL,
    tenant_id           TEXT    NOT NULL,
    display_name        TEXT,
    user_principal_name TEXT,
    mail                TEXT,
    given_name          TEXT,
    surname             TEXT,
    job_title           TEXT,
    department          TEXT,
    office_location     TEXT,
    mobile_phone        TEXT,
    preferred_language  TEXT,
    account_enabled     INTEGER,
    mail_nickname       TEXT,
    UNIQUE (tenant_id, id)
) STRICT;
CREATE INDEX user_account_by_name ON user_account (tenant_id, display_name, id);
CREATE INDEX user_account_by_principal ON user_account (tenant_id, user_principal_name, id);

CREATE TABLE directory_group (
    pk                     INTEGER PRIMARY KEY,
    id                     TEXT    NOT NULL,
    version                INTEGER NOT NULL,
    tenant_id              TEXT    NOT NULL,
    display_name           TEXT,
    description            TEXT,
    created_date_time      INTEGER,
    created_date_time_form INTEGER,
    group_types            TEXT    NOT NULL,
    mail_enabled           INTEGER,
    mail_nickname          TEXT,
    membership_rule        TEXT,
    security_enabled       INTEGER,
    UNIQUE (tenant_id, id)
) STRICT;
CREATE INDEX directory_group_by_name ON directory_group (tenant_id, display_name, id);

-- `object_id` is a user, a group or a device of the group's tenant.
CREATE TABLE group_member (
    group_pk  INTEGER NOT NULL REFERENCES directory_group ON DELETE CASCADE,
    object_id TEXT    NOT NULL,
    PRIMARY KEY (group_pk, object_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_member_by_object ON group_member (object_id, group_pk);

-- What a group may hold; `kind` is the exact entity type's name.
CREATE VIEW directory_object (tenant_id, kind, pk, id, version, display_name) AS
    SELECT tenant_id, 'user', pk, id, version, display_name FROM user_account
    UNION ALL
    SELECT tenant_id, 'group', pk, id, version, display_name FROM directory_group
    UNION ALL
    SELECT tenant_id, 'managedDevice', pk, id, version, device_name FROM managed_device;
