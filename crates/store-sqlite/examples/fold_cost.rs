#![allow(
    clippy::all,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing
)]
use rusqlite::{Connection, params};
use std::time::Instant;
fn cpu() -> f64 {
    let t = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = t.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (file, modes, per, folds) = (
        &a[1],
        &a[2],
        a[3].parse::<usize>().unwrap(),
        a[4].parse::<usize>().unwrap(),
    );
    let c = Connection::open(file).unwrap();
    c.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768; PRAGMA wal_autocheckpoint=65536; PRAGMA temp_store=MEMORY;PRAGMA foreign_keys=1").unwrap();
    if modes.contains('x') {
        c.execute_batch("CREATE INDEX IF NOT EXISTS z ON run(state_pk); ")
            .unwrap();
    }
    if modes.contains('o') {
        c.execute_batch("DROP INDEX device_run_state_by_outcome")
            .unwrap();
    }
    if modes.contains('t') {
        c.execute_batch("DROP INDEX device_run_state_by_update")
            .unwrap();
    }
    if modes.contains('n') {
        c.execute_batch("CREATE TABLE runx (pk INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, version INTEGER NOT NULL, state_pk INTEGER NOT NULL, run_state INTEGER NOT NULL, result_message TEXT, last_state_update_date_time INTEGER NOT NULL, last_state_update_date_time_form INTEGER NOT NULL, error_code INTEGER NOT NULL, error_description TEXT, received_date_time INTEGER NOT NULL, received_date_time_form INTEGER NOT NULL, output_truncated INTEGER NOT NULL) STRICT").unwrap();
    }
    let mut number: i64 = c
        .query_row(
            "select coalesce(max(seq),0) from sqlite_sequence where name='run'",
            [],
            |r| r.get(0),
        )
        .unwrap();
    let max: i64 = c
        .query_row("select max(pk) from device_run_state", [], |r| r.get(0))
        .unwrap();
    let mut x: u64 = 88172645463325252;
    let mut rnd = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    };
    let mut total = 0.0;
    let t0 = Instant::now();
    let c0 = cpu();
    let mut at: i64 = 17_900_000_000_000_000;
    for fold in 0..folds + 1 {
        if fold == 1 {}
        let mut e: Vec<(i64, i64, i64)> = (0..per)
            .map(|_| {
                number += 1;
                at += 300;
                ((rnd() % max as u64) as i64 + 1, number, at)
            })
            .collect();
        let t = Instant::now();
        c.execute_batch("BEGIN IMMEDIATE").unwrap();
        if modes.contains('h') {
            let table = if modes.contains('n') { "runx" } else { "run" };
            let sql = format!(
                "INSERT INTO {table} (pk, state_pk, id, version, received_date_time, received_date_time_form, run_state, result_message, last_state_update_date_time, last_state_update_date_time_form, error_code, error_description, output_truncated) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING"
            );
            let mut s = c.prepare(&sql).unwrap();
            for (pk, n, at) in &e {
                let id = format!("0197a5b2-{:04x}-7000-8000-{:012x}", n % 65536, n);
                s.execute(params![
                    n,
                    pk,
                    id,
                    at,
                    13455,
                    1 + (n % 5 == 0) as i64,
                    "Result Message value 123",
                    at,
                    9103,
                    7,
                    "Error Description value"
                ])
                .unwrap();
            }
        }
        e.sort_unstable();
        if modes.contains('s') {
            let mut s = c
                .prepare("SELECT run_state FROM device_run_state WHERE pk = ?")
                .unwrap();
            for (pk, _, _) in &e {
                let _: i64 = s.query_row([pk], |r| r.get(0)).unwrap();
            }
        }
        if modes.contains('u') {
            let mut s = c.prepare("UPDATE device_run_state SET version = ?2, run_state = ?3, result_message = ?4, last_state_update_date_time = ?5, last_state_update_date_time_form = ?6, error_code = ?7, error_description = ?8 WHERE pk = ?1").unwrap();
            for (pk, n, at) in &e {
                s.execute(params![
                    pk,
                    n,
                    1 + (n % 5 == 0) as i64,
                    "Result Message value 123",
                    at,
                    9103,
                    7,
                    "Error Description value"
                ])
                .unwrap();
            }
        }
        c.execute_batch("COMMIT").unwrap();
        if fold > 0 {
            total += t.elapsed().as_secs_f64();
        }
    }
    let per_report = 1e6 / (per * (folds + 1)) as f64;
    println!(
        "{modes:8} per={per} wall {:.2} us/report, cpu {:.2} us/report ({:.1}s)",
        total * 1e6 / (per * folds) as f64,
        (cpu() - c0) * per_report,
        t0.elapsed().as_secs_f64()
    );
}
