-- Devices that run scripts: targeting, enrolment, versions of scripts, the history of runs, and runs
-- on request.

-- The journal becomes the history: every ended run of every state, whole, in the order of arrival.
-- What the agent tells of a run beyond Graph's properties stands beside them. `id` is the run's, and
-- makes a report idempotent. `version` is always 1, for nothing here changes.
CREATE TABLE history (
    pk                               INTEGER PRIMARY KEY AUTOINCREMENT,
    id                               TEXT    NOT NULL,
    version                          INTEGER NOT NULL,
    state_pk                         INTEGER NOT NULL,
    run_state                        INTEGER NOT NULL,
    result_message                   TEXT,
    last_state_update_date_time      INTEGER NOT NULL,
    last_state_update_date_time_form INTEGER NOT NULL,
    error_code                       INTEGER NOT NULL,
    error_description                TEXT,
    received_date_time               INTEGER NOT NULL,
    received_date_time_form          INTEGER NOT NULL,
    script_version                   INTEGER,
    start_date_time                  INTEGER,
    start_date_time_form             INTEGER,
    end_date_time                    INTEGER,
    end_date_time_form               INTEGER,
    exit_code                        INTEGER,
    account                          TEXT,
    run_request_id                   TEXT,
    output_truncated                 INTEGER NOT NULL,
    output                           TEXT,
    error_output                     TEXT,
    UNIQUE (state_pk, id)
) STRICT;
-- An id of the form of a UUID of version 7 without a time, so that these runs come before all others;
-- 13455 is the form of a UTC date with seven fraction digits.
INSERT INTO history (pk, id, version, state_pk, run_state, result_message,
        last_state_update_date_time, last_state_update_date_time_form, error_code,
        error_description, received_date_time, received_date_time_form, output_truncated)
    SELECT seq, printf('00000000-0000-7000-8000-%012x', seq), 1, state_pk, run_state, result_message,
        last_state_update_date_time, last_state_update_date_time_form, error_code,
        error_description, received, 13455, 0
    FROM run;
-- Also where the journal is empty now: no number is used twice.
DELETE FROM sqlite_sequence WHERE name = 'history';
INSERT INTO sqlite_sequence (name, seq) SELECT 'history', seq FROM sqlite_sequence WHERE name = 'run';
DROP TABLE run;
ALTER TABLE history RENAME TO run;

-- What a script's content has been. The youngest version is the content that the script has.
CREATE TABLE script_version (
    pk                     INTEGER PRIMARY KEY,
    id                     TEXT    NOT NULL, -- `number` in decimal
    version                INTEGER NOT NULL,
    script_pk              INTEGER NOT NULL REFERENCES script ON DELETE CASCADE,
    number                 INTEGER NOT NULL, -- 1, 2, 3 …
    created_date_time      INTEGER NOT NULL,
    created_date_time_form INTEGER NOT NULL,
    rolled_back_to         INTEGER,          -- the number of the version whose content this is again
    script_content         BLOB,
    UNIQUE (script_pk, id)
) STRICT;
CREATE UNIQUE INDEX script_version_by_number ON script_version (script_pk, number);
INSERT INTO script_version (id, version, script_pk, number, created_date_time,
        created_date_time_form, script_content)
    SELECT '1', 1, pk, 1, last_modified_date_time, last_modified_date_time_form, script_content
    FROM script WHERE script_content IS NOT NULL;

-- The users who are logged on to a device, as its agent told.
CREATE TABLE logged_on_user (
    device_pk INTEGER NOT NULL REFERENCES managed_device ON DELETE CASCADE,
    user_id   TEXT    NOT NULL,
    PRIMARY KEY (device_pk, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX logged_on_user_by_user ON logged_on_user (user_id, device_pk);

-- The devices of a tenant in the order in which they came, in steps.
CREATE INDEX managed_device_in_order ON managed_device (tenant_id, pk);

-- Which assignments name a group.
CREATE INDEX assignment_by_group ON assignment (target_group_id, script_pk);
CREATE INDEX group_assignment_by_group ON group_assignment (target_group_id, script_pk);

-- Grows with every change that may change what some device of the tenant has to run.
CREATE TABLE targeting (
    tenant_id  TEXT    NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Grows with every change that may change what this device alone has to run.
CREATE TABLE device_targeting (
    device_pk  INTEGER PRIMARY KEY REFERENCES managed_device ON DELETE CASCADE,
    generation INTEGER NOT NULL
) STRICT;

-- Scripts whose run states still have to follow a change of assignments or groups. The devices up to
-- `after_device_pk` are done; a row goes when all are.
CREATE TABLE target_change (
    pk              INTEGER PRIMARY KEY AUTOINCREMENT,
    script_pk       INTEGER NOT NULL REFERENCES script ON DELETE CASCADE,
    after_device_pk INTEGER NOT NULL
) STRICT;

-- Run states that went with their assignment before anything was reported to them. The device may have
-- run the script all the same, and not have reached the server yet: its report brings the state back.
CREATE TABLE former_run_state (
    script_pk INTEGER NOT NULL REFERENCES script ON DELETE CASCADE,
    device_id TEXT    NOT NULL,
    PRIMARY KEY (script_pk, device_id)
) STRICT, WITHOUT ROWID;

-- What lets a device enrol. The token itself is not kept: `token_hash` is its SHA-256.
CREATE TABLE enrollment_token (
    pk                        INTEGER PRIMARY KEY,
    id                        TEXT    NOT NULL,
    version                   INTEGER NOT NULL,
    tenant_id                 TEXT    NOT NULL,
    token_hash                BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    display_name              TEXT,
    created_date_time         INTEGER NOT NULL,
    created_date_time_form    INTEGER NOT NULL,
    expiration_date_time      INTEGER,
    expiration_date_time_form INTEGER,
    group_id                  TEXT,
    maximum_uses              INTEGER,
    use_count                 INTEGER NOT NULL,
    UNIQUE (tenant_id, id)
) STRICT;

-- An application that is a device: its tokens are that device's.
ALTER TABLE application ADD COLUMN device_id TEXT;
-- The same key enrolled again is the same device.
CREATE INDEX application_key_by_kid ON application_key (tenant_id, kid);

-- Devices whose tokens are refused, however long they would be good.
CREATE TABLE retired_device (
    tenant_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    PRIMARY KEY (tenant_id, device_id)
) STRICT, WITHOUT ROWID;

-- That a script be run now on some devices. The counters are those of `run_request_device`.
CREATE TABLE run_request (
    pk                     INTEGER PRIMARY KEY,
    id                     TEXT    NOT NULL,
    version                INTEGER NOT NULL,
    script_pk              INTEGER NOT NULL REFERENCES script ON DELETE CASCADE,
    created_date_time      INTEGER NOT NULL,
    created_date_time_form INTEGER NOT NULL,
    device_filter          TEXT,
    device_count           INTEGER NOT NULL,
    pending_count          INTEGER NOT NULL,
    running_count          INTEGER NOT NULL,
    success_count          INTEGER NOT NULL,
    error_count            INTEGER NOT NULL,
    canceled_count         INTEGER NOT NULL,
    UNIQUE (script_pk, id)
) STRICT;

-- `status`: 0 pending, 1 running, 2 success, 3 error, 4 canceled.
CREATE TABLE run_request_device (
    request_pk INTEGER NOT NULL REFERENCES run_request ON DELETE CASCADE,
    state_pk   INTEGER NOT NULL REFERENCES device_run_state ON DELETE CASCADE,
    status     INTEGER NOT NULL,
    PRIMARY KEY (request_pk, state_pk)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_request_device_by_state ON run_request_device (state_pk, status, request_pk);
