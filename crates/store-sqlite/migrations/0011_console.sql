-- Who is signed in to the console, and the links that sign somebody in once. `hash` is the SHA-256 of
-- the secret in the cookie or the link; `permissions` a JSON array of names; `expires` seconds since 1970.
CREATE TABLE console_session (
    tenant_id    TEXT    NOT NULL,
    hash         BLOB    NOT NULL CHECK (length(hash) = 32),
    expires      INTEGER NOT NULL,
    user_id      TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    permissions  TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX console_session_by_end ON console_session (tenant_id, expires);

CREATE TABLE console_link (
    tenant_id    TEXT    NOT NULL,
    hash         BLOB    NOT NULL CHECK (length(hash) = 32),
    expires      INTEGER NOT NULL,
    user_id      TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    permissions  TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX console_link_by_end ON console_link (tenant_id, expires);

-- How many results had which outcome, hour by hour; `id` is the hour.
CREATE TABLE outcome_sample (
    pk                     INTEGER PRIMARY KEY,
    id                     TEXT    NOT NULL,
    version                INTEGER NOT NULL,
    tenant_id              TEXT    NOT NULL,
    sampled_date_time      INTEGER NOT NULL,
    sampled_date_time_form INTEGER NOT NULL,
    success_count          INTEGER NOT NULL,
    error_count            INTEGER NOT NULL,
    pending_count          INTEGER NOT NULL,
    other_count            INTEGER NOT NULL,
    UNIQUE (tenant_id, id)
) STRICT;
CREATE INDEX outcome_sample_by_date ON outcome_sample (tenant_id, sampled_date_time, id);
