-- Who is signed in to the console, and the links that sign somebody in once. `hash` is the SHA-256 of
-- the secret in the cookie or the link; `permissions` a JSON array of names; `expires` seconds since 1970.
CREATE TABLE console_session (
    tenant_id    TEXT COLLATE "C" NOT NULL,
    hash         BYTEA   NOT NULL CHECK (octet_length(hash) = 32),
    expires      BIGINT  NOT NULL,
    user_id      TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C" NOT NULL,
    permissions  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, hash)
);
CREATE INDEX console_session_by_end ON console_session (tenant_id, expires);

CREATE TABLE console_link (
    tenant_id    TEXT COLLATE "C" NOT NULL,
    hash         BYTEA   NOT NULL CHECK (octet_length(hash) = 32),
    expires      BIGINT  NOT NULL,
    user_id      TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C" NOT NULL,
    permissions  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, hash)
);
CREATE INDEX console_link_by_end ON console_link (tenant_id, expires);
