//! What one report and one check-in cost, and how many bytes one thing takes: what SCALING.md multiplies.

use std::{sync::Arc, time::Duration};

use hyper::header::HeaderValue;
use runstate_test_postgres::{Cluster, Durability};
use rusqlite::Connection as File;

use crate::{
    failure::{Context, Outcome},
    fleet::Fleet,
    generate::SystemClock,
    heart::{CONNECTIONS, how},
    http::{Call, Connection},
    lab::{Lab, devices, devices_of},
    load::closed,
    postgres,
    process::{Process, cpu_of_all},
    random::Random,
    report::{Report, figure},
    workload::{Device, Target},
};

/// Measures both stores, on the middle file.
pub(crate) async fn measure(lab: &Lab, report: &mut Report) -> Outcome {
    let fleet = Fleet::with_states(lab.plan.middle);
    let file = lab.copy(fleet, "units")?;
    let length = std::fs::metadata(&file)?.len();
    let token = lab.token(&file)?;
    let known = devices(&file, fleet, 1).await?;
    let device = known.first().context("no devices")?;
    let served = lab.serve(file.clone(), fleet, token)?;
    let reports = costs(
        lab,
        report,
        "SQLite",
        &served.process,
        &served.target,
        device,
        None,
    )
    .await?;
    drop(served);
    // What is in the log beside the file belongs to it.
    let connection = File::open(&file)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let grown = std::fs::metadata(&file)?.len().saturating_sub(length);
    report.extra(
        "SQLite: bytes of a run state, with a tenth of a device",
        each(length, fleet.states()),
    );
    report.extra(
        "SQLite: bytes of a run in the history",
        each(grown, reports),
    );

    let Some(cluster) = Cluster::start_installed(Durability::Full).or_else(crate::failure::fail)?
    else {
        println!("PostgreSQL is missing (Debian: apt-get install postgresql): going on without");
        return Ok(());
    };
    let (url, _) = postgres::copy(lab, &cluster, fleet, "postgres_units")?;
    let served = postgres::serve(lab, &url, fleet, "postgres-units")?;
    let store = runstate_store_postgres::open(&url, Arc::new(SystemClock)).await?;
    let known = devices_of(Arc::new(store), fleet, 1).await?;
    let device = known.first().context("no devices")?;
    let (process, target) = (&served.process, &served.target);
    costs(
        lab,
        report,
        "PostgreSQL",
        process,
        target,
        device,
        Some("postgres"),
    )
    .await?;
    for (what, table) in [
        ("run state", "device_run_state"),
        ("device", "managed_device"),
        ("run in the history", "run"),
    ] {
        let sql = format!("SELECT pg_total_relation_size('{table}') / count(*) FROM {table}");
        let bytes = postgres::answer(&cluster, &url, &sql)?;
        report.extra(
            format!("PostgreSQL: bytes of a {what}, with its indexes"),
            bytes,
        );
    }
    Ok(())
}

fn each(bytes: u64, many: u64) -> String {
    (bytes / many.max(1)).to_string()
}

/// The processor time of a report, what is folded behind it included, and of a check-in with nothing new;
/// of the server and of all processes of that name besides. Answers how many reports there were.
async fn costs(
    lab: &Lab,
    report: &mut Report,
    store: &str,
    process: &Process,
    target: &Target,
    device: &Device,
    others: Option<&str>,
) -> Outcome<u64> {
    let patching = target.clone();
    let patch = move |random: &mut Random| patching.any_patch(random);
    let reports = cost(lab, report, store, "report", process, target, others, patch).await?;
    let mut connection = Connection::open(target.address).await?;
    let answer = connection.ask(target.check_in(device, None)).await?;
    let tag = HeaderValue::from_str(answer.header("etag"))?;
    let (asking, device) = (target.clone(), device.clone());
    let check_in = move |_: &mut Random| asking.check_in(&device, Some(&tag));
    cost(
        lab, report, store, "check-in", process, target, others, check_in,
    )
    .await?;
    Ok(reports)
}

#[expect(
    clippy::too_many_arguments,
    reason = "they are what one measurement is about"
)]
async fn cost(
    lab: &Lab,
    report: &mut Report,
    store: &str,
    what: &str,
    process: &Process,
    target: &Target,
    others: Option<&str>,
    call: impl Fn(&mut Random) -> Call + Clone + Send + Sync + 'static,
) -> Outcome<u64> {
    let mut how = how(lab, CONNECTIONS, 0);
    // All of it counts: what is warmed up is work too.
    how.time += how.warm;
    how.warm = Duration::ZERO;
    let used = || -> Outcome<[Duration; 2]> {
        let others = others.map_or(Ok(Duration::ZERO), cpu_of_all);
        Ok([process.cpu()?, others?])
    };
    process.settle().await?;
    let before = used()?;
    let seen = closed(target.address, how, call).await?;
    process.settle().await?;
    let after = used()?;
    let many = seen.count();
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let each = |at: usize| {
        let [before, after] = [before, after].map(|used| used.get(at).copied().unwrap_or_default());
        figure(after.saturating_sub(before).as_secs_f64() * 1e6 / many as f64)
    };
    let database = match others {
        Some(_) => format!(", the database {} µs", each(1)),
        None => String::new(),
    };
    let text = format!(
        "the server {} µs{database}, {} a second",
        each(0),
        figure(seen.per_second())
    );
    report.extra(format!("{store}: processor for a {what}"), text);
    Ok(many)
}
