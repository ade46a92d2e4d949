-- Subscriptions to changes, and what their receivers have not been told of yet.

-- The key from which the secrets of a tenant's subscriptions are derived; made with the first of them.
CREATE TABLE notification_key (
    tenant_id TEXT NOT NULL PRIMARY KEY,
    value     BLOB NOT NULL CHECK (length(value) = 32)
) STRICT, WITHOUT ROWID;

-- Who is told of which changes, and how far that has come. `subject`: 0 the scripts of a kind, 1 one
-- script, 2 one script's own run states. `target_pk` is the script's row id and outlives the script,
-- until the subscription is removed for that. Moments beside the entity's own are ticks of 100 ns since
-- 1970.
CREATE TABLE subscription (
    pk                           INTEGER PRIMARY KEY AUTOINCREMENT,
    id                           TEXT    NOT NULL,
    version                      INTEGER NOT NULL,
    tenant_id                    TEXT    NOT NULL,
    subject                      INTEGER NOT NULL,
    script_kind                  TEXT    NOT NULL, -- the scripts' entity type
    target_pk                    INTEGER,
    target_path                  TEXT    NOT NULL, -- the resource, as notifications name it
    on_created                   INTEGER NOT NULL,
    on_updated                   INTEGER NOT NULL,
    on_deleted                   INTEGER NOT NULL,
    is_closing                   INTEGER NOT NULL, -- nothing more is noted; it goes when all is told
    remind_at                    INTEGER,          -- when to ask to renew it, where that is to be done
    next_attempt                 INTEGER NOT NULL,
    failures                     INTEGER NOT NULL, -- attempts since one succeeded
    failing_since                INTEGER,
    lease_owner                  TEXT,             -- the server that delivers, until `lease_end`
    lease_end                    INTEGER NOT NULL,
    application_id               TEXT    NOT NULL,
    change_type                  TEXT    NOT NULL,
    client_state                 TEXT,
    creator_id                   TEXT    NOT NULL,
    expiration_date_time         INTEGER NOT NULL,
    expiration_date_time_form    INTEGER NOT NULL,
    include_resource_data        INTEGER,
    latest_supported_tls_version TEXT,
    lifecycle_notification_url   TEXT,
    notification_content_type    TEXT,
    notification_url             TEXT    NOT NULL,
    resource                     TEXT    NOT NULL,
    UNIQUE (tenant_id, id)
) STRICT;
-- Whoever writes a change looks here for those who are to be told of it.
CREATE INDEX subscription_by_target ON subscription (tenant_id, target_pk);

-- Changes of which a receiver has not been told. `change`: 0 created, 1 updated, 2 deleted.
-- `item_version` is the version that the changed entity had then.
CREATE TABLE subscription_notice (
    pk              INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id       TEXT    NOT NULL,
    subscription_pk INTEGER NOT NULL,
    change          INTEGER NOT NULL,
    item_id         TEXT    NOT NULL,
    item_version    INTEGER NOT NULL
) STRICT;
CREATE INDEX subscription_notice_in_order ON subscription_notice (tenant_id, subscription_pk, pk);

-- What a receiver has to be told of its subscription itself, which may be gone by then. `event`: 0
-- reauthorizationRequired, 1 subscriptionRemoved, 2 missed.
CREATE TABLE subscription_event (
    pk              INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id       TEXT    NOT NULL,
    subscription_id TEXT    NOT NULL,
    event           INTEGER NOT NULL,
    url             TEXT    NOT NULL,
    client_state    TEXT,
    resource        TEXT    NOT NULL,
    expiration      INTEGER NOT NULL,
    next_attempt    INTEGER NOT NULL,
    failures        INTEGER NOT NULL,
    failing_since   INTEGER,
    lease_owner     TEXT,
    lease_end       INTEGER NOT NULL
) STRICT;
CREATE INDEX subscription_event_by_tenant ON subscription_event (tenant_id, next_attempt);
