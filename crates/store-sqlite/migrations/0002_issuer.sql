-- What the built-in issuer of tokens remembers. Moments are whole seconds since 1970, in UTC.

-- The keys that sign tokens. They belong to the server, not to a tenant.
CREATE TABLE signing_key (
    kid         TEXT    NOT NULL PRIMARY KEY,
    algorithm   TEXT    NOT NULL,
    private_key BLOB    NOT NULL, -- PKCS#8 in DER
    created     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The clients of the token endpoint.
CREATE TABLE application (
    tenant_id    TEXT NOT NULL,
    client_id    TEXT NOT NULL,
    display_name TEXT NOT NULL,
    permissions  TEXT NOT NULL, -- a JSON array of names
    PRIMARY KEY (tenant_id, client_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE application_secret (
    tenant_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    hash      BLOB NOT NULL CHECK (length(hash) = 32), -- SHA-256
    expires   INTEGER,
    PRIMARY KEY (tenant_id, client_id, hash),
    FOREIGN KEY (tenant_id, client_id) REFERENCES application ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE application_key (
    tenant_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    kid       TEXT NOT NULL,
    jwk       TEXT NOT NULL, -- a JSON Web Key, public members only
    PRIMARY KEY (tenant_id, client_id, kid),
    FOREIGN KEY (tenant_id, client_id) REFERENCES application ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
