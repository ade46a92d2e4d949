use super::*;

#[track_caller]
fn check(sql: &str, expected: &str) {
    let text = Text {
        sql: expected.to_owned(),
        has_tenant: expected.contains("$9"),
    };
    assert_eq!(of_tenant(sql, 9), Ok(text));
}

#[test]
fn what_is_read_is_the_tenants() {
    check(
        "SELECT id FROM script WHERE pk = ?1",
        "SELECT id FROM (SELECT * FROM script WHERE tenant_id = $9) AS script WHERE pk = ?1",
    );
    check(
        "SELECT s.id FROM assignment AS a JOIN script AS s ON s.pk = a.script_pk",
        "SELECT s.id FROM (SELECT * FROM assignment WHERE tenant_id = $9) AS a JOIN \
         (SELECT * FROM script WHERE tenant_id = $9) AS s ON s.pk = a.script_pk",
    );
    check(
        "WITH x (pk) AS (SELECT pk FROM run) SELECT EXISTS (SELECT 1 FROM directory_object), x.run FROM x",
        "WITH x (pk) AS (SELECT pk FROM (SELECT * FROM run WHERE tenant_id = $9) AS run) \
         SELECT EXISTS (SELECT 1 FROM (SELECT * FROM directory_object WHERE tenant_id = $9) AS \
         directory_object), x.run FROM x",
    );
}

#[test]
fn what_is_changed_is_the_tenants() {
    check(
        "UPDATE script SET version = version + 1 WHERE pk = ?1 OR TRUE RETURNING version",
        "UPDATE script SET version = version + 1 WHERE script.tenant_id = $9 AND ( pk = ?1 OR TRUE) \
         RETURNING version",
    );
    check(
        "DELETE FROM run WHERE a < ?1 AND pk IN (SELECT pk FROM run ORDER BY pk)",
        "DELETE FROM run WHERE run.tenant_id = $9 AND ( a < ?1 AND pk IN (SELECT pk FROM \
         (SELECT * FROM run WHERE tenant_id = $9) AS run ORDER BY pk))",
    );
    check(
        "UPDATE run_summary AS s SET n = 1 FROM script AS t WHERE s.pk = t.pk",
        "UPDATE run_summary AS s SET n = 1 FROM (SELECT * FROM script WHERE tenant_id = $9) AS t \
         WHERE s.tenant_id = $9 AND ( s.pk = t.pk)",
    );
}

#[test]
fn what_is_added_is_the_tenants() {
    check(
        "INSERT INTO run (id, n) VALUES (?1, (2)), (?2, 3) RETURNING pk",
        "INSERT INTO run (tenant_id, id, n) VALUES ($9, ?1, (2)), ($9, ?2, 3) RETURNING pk",
    );
    check(
        "INSERT INTO run_state_count (a) SELECT DISTINCT 1 FROM script UNION SELECT 2 \
         ON CONFLICT (a) DO UPDATE SET count = run_state_count.count + 1",
        "INSERT INTO run_state_count (tenant_id, a) SELECT DISTINCT $9::text,  1 FROM \
         (SELECT * FROM script WHERE tenant_id = $9) AS script UNION SELECT  $9::text, 2 \
         ON CONFLICT (tenant_id, a) DO UPDATE SET count = run_state_count.count + 1",
    );
    check(
        "INSERT INTO targeting (tenant_id, n) VALUES (?1, 1) ON CONFLICT (tenant_id) DO NOTHING",
        "INSERT INTO targeting (tenant_id, n) VALUES (?1, 1) ON CONFLICT (tenant_id) DO NOTHING",
    );
}

#[test]
fn what_is_nobodys_stays_as_it_is() {
    for sql in [
        "SELECT value FROM secret WHERE name = ?1",
        "INSERT INTO used_assertion (hash) VALUES (?1) ON CONFLICT (hash) DO NOTHING",
        "SELECT 'FROM script', \"run\"",
    ] {
        check(sql, sql);
    }
}

#[test]
fn what_cannot_be_said_is_refused() {
    for (sql, table) in [
        ("SELECT 1 FROM secret, script", "script"),
        ("UPDATE run SET id = ''", "run"),
        ("DELETE FROM run", "run"),
        (
            "WITH x AS (UPDATE run SET id = '' RETURNING pk) SELECT 1 FROM x WHERE 1 = 1",
            "run",
        ),
        ("TRUNCATE script", "script"),
        ("TABLE run", "run"),
    ] {
        let table = table.to_owned();
        assert_eq!(of_tenant(sql, 1), Err(Unscoped { table }), "{sql}");
    }
}

use crate::citus::SMALL;

#[tokio::test]
async fn the_tenant_leads_every_key_of_what_is_a_tenants() {
    let Some(database) = runstate_test_postgres::Database::create() else {
        return;
    };
    let pool = crate::connection::Address::of(database.url()).unwrap();
    let mut client = pool.pool(1, "").unwrap().get().await.unwrap();
    crate::migration::migrate(&mut client).await.unwrap();
    // The first column of each unique index and of each foreign key.
    let keys = database.psql(
        "SELECT c.relname, a.attname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid \
         JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] \
         WHERE c.relnamespace = 'public'::regnamespace AND i.indisunique \
         UNION ALL SELECT c.relname, a.attname FROM pg_constraint AS f \
         JOIN pg_class AS c ON c.oid = f.conrelid \
         JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = f.conkey[1] \
         WHERE f.contype = 'f'",
    );
    for key in keys.lines() {
        let (table, first) = key.split_once('|').unwrap();
        let leads = match table {
            "used_assertion" => "hash",
            _ if TABLES.contains(&table) => "tenant_id",
            // A table that is in none of the lists is sent here, to be put into one.
            _ => SMALL
                .iter()
                .find(|small| **small == table)
                .map(|_| first)
                .unwrap(),
        };
        assert_eq!(first, leads, "{table}");
    }
    let triggers = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal";
    assert_eq!(database.psql(triggers), "");
}

#[test]
fn what_is_added_may_depend_on_what_is_there() {
    check(
        "INSERT INTO script_version (script_pk, number) SELECT $1, next FROM \
         (SELECT max(number) AS next FROM script_version WHERE script_pk = $1) AS n RETURNING number",
        "INSERT INTO script_version (tenant_id, script_pk, number) SELECT  $9::text, $1, next FROM \
         (SELECT max(number) AS next FROM (SELECT * FROM script_version WHERE tenant_id = $9) AS \
         script_version WHERE script_pk = $1) AS n RETURNING number",
    );
}

#[test]
fn every_statement_that_is_shared_can_be_a_tenants() {
    use runstate_store::query::Dialect::Postgres;
    use runstate_store_sql as sql;
    let statements = [
        sql::change::STATEMENTS,
        sql::counters::STATEMENTS,
        sql::device::STATEMENTS,
        sql::history::STATEMENTS,
        sql::run_request::STATEMENTS,
        sql::run_state::STATEMENTS,
        sql::script_version::STATEMENTS,
        sql::user_run::STATEMENTS,
    ];
    for (name, text) in statements
        .concat()
        .into_iter()
        .chain(sql::targeting::statements(Postgres))
    {
        assert!(of_tenant(text, 9).is_ok(), "{name}: {text}");
    }
}

#[test]
fn an_expression_may_stand_for_a_table() {
    check(
        "WITH RECURSIVE assignment AS (SELECT 1 AS script_pk), x AS MATERIALIZED (SELECT 2) \
         SELECT s.id FROM assignment AS a JOIN script AS s ON s.pk = a.script_pk",
        "WITH RECURSIVE assignment AS (SELECT 1 AS script_pk), x AS MATERIALIZED (SELECT 2) \
         SELECT s.id FROM assignment AS a JOIN (SELECT * FROM script WHERE tenant_id = $9) AS s \
         ON s.pk = a.script_pk",
    );
}
