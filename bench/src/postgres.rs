//! The same program on PostgreSQL: reports beside `pgbench`, pages as the fleet grows, and the way there
//! from a SQLite file.

use std::{io::Write, process::Command, time::Instant};

use runstate_test_postgres::{Cluster, Durability};

use crate::{
    failure::{Context, Outcome, fail},
    fleet::Fleet,
    heart::{CONNECTIONS, how, most_failed},
    http::Connection,
    lab::Lab,
    large::{MS, SCRIPT, in_turns},
    load::closed,
    process::Process,
    report::{Line, Report, figure},
    stats::median,
    workload::Target,
};

/// What `pgbench` does: the row is changed, and nothing else. A table of its own, with the indexes of the
/// one that it is a copy of.
const BARE: &str = "\\set n random(1, STATES)
UPDATE bare SET version = version + 1, run_state = 1 + random()::int, \
 result_message = 'Result Message value', \
 last_state_update_date_time = last_state_update_date_time + 1, error_code = 9, \
 error_description = 'Error Description value' WHERE pk = :n;
";
const COPY: &str = "CREATE TABLE bare (LIKE device_run_state INCLUDING ALL); \
     INSERT INTO bare SELECT * FROM device_run_state; ANALYZE bare; CHECKPOINT";

/// A server of Runstate on a database of its own.
pub(crate) struct Served {
    pub(crate) process: Process,
    pub(crate) target: Target,
}

/// Measures the lines of PostgreSQL, on a server that this starts; nothing where none is installed.
pub(crate) async fn measure(lab: &Lab, report: &mut Report) -> Outcome {
    let Some(cluster) = Cluster::start_installed(Durability::Full).or_else(fail)? else {
        println!("PostgreSQL is missing (Debian: apt-get install postgresql): going on without");
        return Ok(());
    };
    let middle = Fleet::with_states(lab.plan.middle);
    let (url, _) = copy(lab, &cluster, middle, "postgres_middle")?;
    heart(lab, report, &cluster, &url, middle).await?;

    let (small, large) = (lab.plan.small, lab.plan.large);
    let (small, large) = (Fleet::with_states(small), Fleet::with_states(large));
    let (small_url, _) = copy(lab, &cluster, small, "postgres_small")?;
    let (large_url, seconds) = copy(lab, &cluster, large, "postgres_large")?;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let rate = large.states() as f64 / seconds;
    report.single(Line::PostgresCopy, rate);
    let note = format!("{} states, read again and compared", large.states());
    report.note(Line::PostgresCopy, note);
    let small = serve(lab, &small_url, small, "postgres-small")?;
    let large = serve(lab, &large_url, large, "postgres-large")?;
    growth(lab, report, &small, &large).await
}

/// A database with the states of a generated file, and how long it took to come there.
pub(crate) fn copy(
    lab: &Lab,
    cluster: &Cluster,
    fleet: Fleet,
    name: &str,
) -> Outcome<(String, f64)> {
    psql(cluster, &cluster.url(), &format!("CREATE DATABASE {name}"))?;
    let server = cluster.url();
    let (server, _) = server
        .rsplit_once('/')
        .context("a URL without a database")?;
    let (url, file) = (format!("{server}/{name}"), lab.copy(fleet, name)?);
    println!("copying {} states into PostgreSQL", fleet.states());
    let start = Instant::now();
    let migrate = Command::new(lab.program())
        .args(["migrate", "--from"])
        .arg(&file)
        .args(["--to", &url])
        .output()?;
    if !migrate.status.success() {
        return fail(String::from_utf8_lossy(&migrate.stderr));
    }
    let seconds = start.elapsed().as_secs_f64();
    lab.remove(&file)?;
    // What PostgreSQL would do by itself later, and in somebody's turn.
    psql(cluster, &url, "VACUUM ANALYZE")?;
    psql(cluster, &url, "CHECKPOINT")?;
    Ok((url, seconds))
}

/// What one statement answers.
pub(crate) fn answer(cluster: &Cluster, url: &str, sql: &str) -> Outcome<String> {
    let mut psql = cluster.client("psql");
    let done = psql
        .args(["-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql, url])
        .output()?;
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned()),
        false => fail(String::from_utf8_lossy(&done.stderr)),
    }
}

fn psql(cluster: &Cluster, url: &str, sql: &str) -> Outcome {
    answer(cluster, url, sql)?;
    Ok(())
}

pub(crate) fn serve(lab: &Lab, url: &str, fleet: Fleet, name: &str) -> Outcome<Served> {
    let token = lab.token(url.as_ref())?;
    let process = lab.start(url.as_ref(), name)?;
    let target = Target {
        address: process.address,
        fleet,
        token,
    };
    Ok(Served { process, target })
}

/// Reports beside bare updates of as many clients.
async fn heart(
    lab: &Lab,
    report: &mut Report,
    cluster: &Cluster,
    url: &str,
    fleet: Fleet,
) -> Outcome {
    for sql in COPY.split(';') {
        psql(cluster, url, sql)?;
    }
    let file = lab.folder.join("bare.sql");
    let bare = BARE.replace("STATES", &fleet.states().to_string());
    std::fs::File::create(&file)?.write_all(bare.as_bytes())?;
    let served = serve(lab, url, fleet, "postgres")?;
    let (mut reports, mut updates) = (Vec::new(), Vec::new());
    for round in 0..lab.plan.rounds {
        println!("PostgreSQL, round {} of {}", round + 1, lab.plan.rounds);
        let time = lab.plan.round.as_secs_f64().ceil();
        let mut pgbench = cluster.client("pgbench");
        let clients = CONNECTIONS.to_string();
        pgbench.args(["-n", "-M", "prepared", "-j", "2", "-c", &clients]);
        pgbench
            .args(["-T", &format!("{time:.0}"), "-f"])
            .arg(&file)
            .arg(url);
        updates.push(per_second(&pgbench.output()?)?);

        let target = served.target.clone();
        let patch = move |random: &mut _| target.any_patch(random);
        let seen = closed(served.process.address, how(lab, CONNECTIONS, round), patch).await?;
        reports.push(seen.per_second());
        served.process.settle().await?;
    }
    report.set(Line::PostgresPatch, median(&reports), median(&updates));
    Ok(())
}

/// The rate that `pgbench` prints.
fn per_second(output: &std::process::Output) -> Outcome<f64> {
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = "));
    let rate = rate.and_then(|rest| rest.split(' ').next()?.parse().ok());
    rate.context(format!(
        "pgbench: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// A filtered page of the large fleet beside one of the small, and what else grows or doesn't.
async fn growth(lab: &Lab, report: &mut Report, small: &Served, large: &Served) -> Outcome {
    let script = most_failed(small.target.fleet);
    let many = lab.plan.rounds * lab.plan.pages;
    let mut on_small = Connection::open(small.process.address).await?;
    let mut on_large = Connection::open(large.process.address).await?;
    let calls = [
        (&mut on_large, large.target.failed(SCRIPT, 100)),
        (&mut on_small, small.target.failed(script, 100)),
    ];
    let [at_large, at_small] = in_turns(calls, many).await?;
    report.set(Line::PostgresPage, at_large * MS, at_small * MS);
    let calls = [
        (&mut on_large, large.target.summary(SCRIPT)),
        (&mut on_small, small.target.summary(script)),
    ];
    let [at_large, at_small] = in_turns(calls, many).await?;
    report.extra(
        "run summary on PostgreSQL, large and small fleet",
        format!("{} and {} ms", figure(at_large * MS), figure(at_small * MS)),
    );
    if lab.plan.large != 10_000_000 {
        let note = format!("at {} states", lab.plan.large);
        report.note(Line::PostgresPage, note);
    }
    Ok(())
}
