-- What administrators did and what was denied, in one chain for each tenant.

-- How far a tenant's chain has come: the number and hash of the last event, and those of the last that was
-- removed by its age (0 and the chain's beginning: none was).
CREATE TABLE audit_chain (
    tenant_id       TEXT    NOT NULL PRIMARY KEY,
    sequence        INTEGER NOT NULL,
    hash            BLOB    NOT NULL CHECK (length(hash) = 32),
    kept_after      INTEGER NOT NULL,
    kept_after_hash BLOB    NOT NULL CHECK (length(kept_after_hash) = 32)
) STRICT, WITHOUT ROWID;

-- The events. `hash` is SHA-256 of the hash before and of the event, see `docs/audit.md`.
CREATE TABLE audit_event (
    pk                             INTEGER PRIMARY KEY,
    id                             TEXT    NOT NULL, -- a UUID that begins with `sequence`
    version                        INTEGER NOT NULL, -- 1
    tenant_id                      TEXT    NOT NULL,
    sequence                       INTEGER NOT NULL, -- 1, 2, 3 … of the tenant
    hash                           BLOB    NOT NULL CHECK (length(hash) = 32),
    display_name                   TEXT,
    component_name                 TEXT,
    actor_odata_type               TEXT,
    actor_type                     TEXT,
    actor_audit_actor_type         TEXT,
    actor_user_permissions         TEXT, -- a JSON array
    actor_application_id           TEXT,
    actor_application_display_name TEXT,
    actor_user_principal_name      TEXT,
    actor_service_principal_name   TEXT,
    actor_ip_address               TEXT,
    actor_user_id                  TEXT,
    activity                       TEXT,
    activity_date_time             INTEGER NOT NULL,
    activity_date_time_form        INTEGER NOT NULL,
    activity_type                  TEXT,
    activity_operation_type        TEXT,
    activity_result                TEXT,
    correlation_id                 TEXT,
    resources                      TEXT    NOT NULL, -- a JSON array of objects
    category                       TEXT,
    UNIQUE (tenant_id, sequence),
    UNIQUE (tenant_id, id)
) STRICT;
CREATE INDEX audit_event_by_date ON audit_event (tenant_id, activity_date_time, id);
CREATE INDEX audit_event_by_category ON audit_event (tenant_id, category, activity_date_time, id);

-- Whoever can write the file can drop these; they are against mistakes, and the chain shows the rest.
CREATE TRIGGER audit_event_stays_as_it_is BEFORE UPDATE ON audit_event
BEGIN
    SELECT RAISE(ABORT, 'an audit event is never changed');
END;
CREATE TRIGGER audit_event_stays BEFORE DELETE ON audit_event
WHEN OLD.sequence >
    coalesce((SELECT kept_after FROM audit_chain WHERE tenant_id = OLD.tenant_id), 0)
BEGIN
    SELECT RAISE(ABORT, 'an audit event is removed by its age alone');
END;
CREATE TRIGGER audit_chain_goes_on BEFORE UPDATE ON audit_chain
WHEN NEW.tenant_id <> OLD.tenant_id OR NEW.sequence < OLD.sequence OR NEW.kept_after < OLD.kept_after
BEGIN
    SELECT RAISE(ABORT, 'the chain of audit events only goes on');
END;
CREATE TRIGGER audit_chain_stays BEFORE DELETE ON audit_chain
BEGIN
    SELECT RAISE(ABORT, 'the chain of audit events stays');
END;
