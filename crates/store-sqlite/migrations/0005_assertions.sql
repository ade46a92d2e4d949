-- The assertions that clients have proved themselves by, until they would be refused for their age
-- anyhow: none is taken twice. `hash` is the SHA-256 of tenant, client and `jti`.
CREATE TABLE used_assertion (
    hash    BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    expires INTEGER NOT NULL -- seconds since 1970
) STRICT, WITHOUT ROWID;
CREATE INDEX used_assertion_by_end ON used_assertion (expires);
