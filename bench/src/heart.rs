//! The heart call: beside its upper limit, beside SAP CAP, in batches, and at half of its peak.

use std::{process::Command, time::Duration};

use hyper::header::HeaderValue;

use crate::{
    cap::{self, Cap},
    disk::Disk,
    echo::Captured,
    failure::Outcome,
    fleet::{FAIL, Fleet, SCRIPTS},
    http::Connection,
    lab::{Lab, Served, devices},
    load::{Closed, Open, closed, open},
    process::Process,
    report::{Line, Report, figure},
    stats::{median, percentile, wide},
    workload::{BATCH, Target},
};

/// Connections that report, and that read pages.
pub(crate) const CONNECTIONS: usize = 64;
const READERS: usize = 8;
/// How often the disk is synced in each round.
const SYNCS: usize = 200;

/// The contenders that are there.
struct Contenders {
    runstate: Served,
    echo: Process,
    cap: Option<Process>,
}

/// Rates of each round.
#[derive(Default)]
struct Rates {
    echo: Vec<f64>,
    patch: Vec<f64>,
    /// With the time in which the server does what it has put off.
    patch_folded: Vec<f64>,
    batch: Vec<f64>,
    batch_folded: Vec<f64>,
    cap: Vec<f64>,
    get: Vec<f64>,
    check_in: Vec<f64>,
    page: Vec<f64>,
    cap_page: Vec<f64>,
}

/// Measures the lines that need the middle file.
pub(crate) async fn measure(lab: &Lab, report: &mut Report, cap: Option<&Cap>) -> Outcome {
    let fleet = Fleet::with_states(lab.plan.middle);
    let file = lab.copy(fleet, "middle")?;
    let token = lab.token(&file)?;
    let known = devices(&file, fleet, 1).await?;
    let runstate = lab.serve(file, fleet, token)?;
    let echo = start_echo(lab, &runstate.target).await?;
    let cap = match cap {
        Some(cap) => {
            let file = lab.folder.join("cap.db");
            let log = lab.log("cap");
            Some(cap.start(&file, &lab.generated(fleet)?, &log)?)
        }
        None => None,
    };
    let contenders = Contenders {
        runstate,
        echo,
        cap,
    };
    let mut rates = Rates::default();
    for round in 0..lab.plan.rounds {
        println!("round {} of {}", round + 1, lab.plan.rounds);
        writes(lab, &contenders, &mut rates, round).await?;
        pages(lab, &contenders, &mut rates, round).await?;
    }
    let target = contenders.runstate.target.clone();
    let mut connection = Connection::open(target.address).await?;
    for device in &known {
        let answer = connection.ask(target.check_in(device, None)).await?;
        let tag = HeaderValue::from_str(answer.header("etag"))?;
        let (device, target) = (device.clone(), target.clone());
        let seen = closed(target.address, how(lab, CONNECTIONS, 0), move |_| {
            target.check_in(&device, Some(&tag))
        });
        rates.check_in.push(seen.await?.per_second());
        contenders.runstate.process.settle().await?;
    }
    note(report, &rates, contenders.cap.is_some());
    let peak = median(&rates.patch);
    latency(lab, report, &contenders.runstate, peak).await
}

async fn start_echo(lab: &Lab, target: &Target) -> Outcome<Process> {
    let mut connection = Connection::open(target.address).await?;
    let mut random = crate::random::Random::new(1);
    let answer = connection.ask(target.any_patch(&mut random)).await?;
    let file = lab.folder.join("answer.json");
    std::fs::write(&file, serde_json::to_vec(&Captured::of(&answer))?)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["echo", "--answer"]).arg(&file);
    Process::start(command, &lab.log("echo"))
}

pub(crate) fn how(lab: &Lab, connections: usize, round: usize) -> Closed {
    Closed {
        connections,
        warm: lab.plan.warm,
        time: lab.plan.round,
        seed: u64::try_from(round).unwrap_or(0) + 1,
    }
}

/// One turn of each contender that writes, each alone.
async fn writes(lab: &Lab, all: &Contenders, rates: &mut Rates, round: usize) -> Outcome {
    let how = how(lab, CONNECTIONS, round);
    let server = &all.runstate;
    let fleet = server.target.fleet;
    #[expect(clippy::cast_precision_loss, reason = "twenty")]
    let in_batch = BATCH as f64;

    let target = server.target.clone();
    let seen = closed(all.echo.address, how, move |random| {
        target.any_patch(random)
    })
    .await?;
    rates.echo.push(seen.per_second());
    all.echo.settle().await?;

    let target = server.target.clone();
    let seen = closed(target.address, how, move |random| target.any_patch(random)).await?;
    rates.patch.push(seen.per_second());
    let folded = folded(lab, seen.per_second(), server.process.settle().await?);
    rates.patch_folded.push(folded);

    let target = server.target.clone();
    let seen = closed(target.address, how, move |random| target.any_batch(random)).await?;
    let rate = seen.per_second() * in_batch;
    rates.batch.push(rate);
    let folded = self::folded(lab, rate, server.process.settle().await?);
    rates.batch_folded.push(folded);

    if let Some(cap) = &all.cap {
        let patch = move |random: &mut _| cap::any_patch(fleet, random);
        let seen = closed(cap.address, how, patch).await?;
        rates.cap.push(seen.per_second());
        cap.settle().await?;
    }
    Ok(())
}

/// The rate where the time of the work that was put off counts too. What the warm-up put off is
/// counted on both sides.
fn folded(lab: &Lab, rate: f64, worked: Duration) -> f64 {
    let time = (lab.plan.warm + lab.plan.round).as_secs_f64();
    rate * time / (time + worked.as_secs_f64())
}

/// One turn of each contender that reads.
async fn pages(lab: &Lab, all: &Contenders, rates: &mut Rates, round: usize) -> Outcome {
    let how = how(lab, READERS, round);
    let fleet = all.runstate.target.fleet;
    let target = all.runstate.target.clone();
    let page = move |random: &mut crate::random::Random| target.failed(random.below(SCRIPTS), 100);
    let seen = closed(all.runstate.process.address, how, page).await?;
    rates.page.push(seen.per_second());
    all.runstate.process.settle().await?;
    if let Some(cap) = &all.cap {
        let page = move |random: &mut crate::random::Random| {
            cap::failed(fleet, random.below(SCRIPTS), 100)
        };
        let seen = closed(cap.address, how, page).await?;
        rates.cap_page.push(seen.per_second());
        cap.settle().await?;
    }
    let target = all.runstate.target.clone();
    let how = Closed {
        connections: CONNECTIONS,
        ..how
    };
    let get = move |random: &mut crate::random::Random| target.state(random.below(fleet.states()));
    let seen = closed(all.runstate.process.address, how, get).await?;
    rates.get.push(seen.per_second());
    all.runstate.process.settle().await?;
    Ok(())
}

fn note(report: &mut Report, rates: &Rates, cap: bool) {
    let (echo, patch) = (median(&rates.echo), median(&rates.patch));
    report.set(Line::PatchEcho, patch, echo);
    let batch = median(&rates.batch);
    report.set(Line::Batch, batch, patch);
    if cap {
        report.set(Line::PatchCap, patch, median(&rates.cap));
        report.set(Line::PageCap, median(&rates.page), median(&rates.cap_page));
    } else {
        report.row(Line::PatchCap).runstate = Some(patch);
        report.row(Line::PageCap).runstate = Some(median(&rates.page));
        for line in [Line::PatchCap, Line::PageCap] {
            report.note(line, "SAP CAP was not measured");
        }
    }
    let (patch_folded, batch_folded) = (median(&rates.patch_folded), median(&rates.batch_folded));
    for (name, rate) in [
        ("PATCHes a second with what is folded behind", patch_folded),
        (
            "PATCHes in batches a second with what is folded behind",
            batch_folded,
        ),
        (
            "GETs of one state a second (64 connections)",
            median(&rates.get),
        ),
        (
            "check-ins with nothing new a second, of one device (64 connections)",
            median(&rates.check_in),
        ),
    ] {
        report.extra(name, figure(rate));
    }
}

/// The latency of the heart call at half of its peak, taking turns with the disk by itself.
async fn latency(lab: &Lab, report: &mut Report, server: &Served, peak: f64) -> Outcome {
    let mut disk = Disk::open(&lab.folder)?;
    let (mut syncs, mut over) = (Vec::new(), Vec::new());
    let (mut middles, mut slow) = (Vec::new(), Vec::new());
    for round in 0..lab.plan.rounds {
        syncs.extend(disk.append(SYNCS)?);
        over.extend(disk.overwrite(SYNCS)?);
        let how = Open {
            connections: CONNECTIONS,
            rates: vec![peak / 2.0],
            time: lab.plan.paced,
            seed: u64::try_from(round)? + 1,
        };
        let target = server.target.clone();
        let patch = move |random: &mut _, _| target.any_patch(random);
        let seen = wide(&open(server.process.address, &how, patch).await?.latencies);
        middles.push(median(&seen));
        slow.push(percentile(&seen, 0.99));
        server.process.settle().await?;
    }
    let ms = 1_000.0;
    report.set(Line::Latency, median(&slow) * ms, median(&syncs) * ms);
    report.note(
        Line::Latency,
        format!("at {} PATCHes a second", figure(peak / 2.0)),
    );
    for (name, seconds) in [
        ("median of PATCH at half of its peak", median(&middles)),
        ("p99 of fdatasync", percentile(&syncs, 0.99)),
        (
            "median of fdatasync where nothing is appended",
            median(&over),
        ),
    ] {
        report.extra(name, format!("{} ms", figure(seconds * ms)));
    }
    Ok(())
}

/// The script with the most failed states: in a small file, the one whose first page is full.
pub(crate) fn most_failed(fleet: Fleet) -> u64 {
    let failed = |script: u64| {
        let states = script * fleet.devices..(script + 1) * fleet.devices;
        states
            .filter(|state| fleet.shown(*state).run_state == FAIL)
            .count()
    };
    (0..SCRIPTS)
        .max_by_key(|script| failed(*script))
        .unwrap_or(0)
}
