//! What must not get worse as the fleet grows: pages, summaries, lists after bursts, memory, and the
//! rate over a long time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::header::HeaderValue;
use serde_json::Value;

use crate::{
    failure::{Context, Outcome},
    fleet::Fleet,
    heart::{CONNECTIONS, most_failed},
    http::{Call, Connection},
    lab::{Lab, Served, cache, devices},
    load::{Closed, Open, burst, closed, open, times},
    process::Process,
    random::Random,
    raw::Raw,
    report::{Line, Report, figure},
    stats::{median, percentile, wide},
    workload::Device,
};

/// A million devices that check in every 15 minutes, and a tenth of them with a report.
const CHECK_INS: f64 = 1_000_000.0 / 900.0;
const REPORTS: f64 = CHECK_INS / 10.0;

pub(crate) const MS: f64 = 1_000.0;

/// The script that is looked at in the large file.
pub(crate) const SCRIPT: u64 = 0;

/// Measures the lines that need the large file.
pub(crate) async fn measure(lab: &Lab, report: &mut Report) -> Outcome {
    let (small, large) = (
        Fleet::with_states(lab.plan.small),
        Fleet::with_states(lab.plan.large),
    );
    let file = lab.copy(large, "large")?;
    let token = lab.token(&file)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of requests"
    )]
    let check_ins = (CHECK_INS * lab.plan.fleet.as_secs_f64()).ceil() as u64;
    let devices = devices(&file, large, check_ins).await?;
    let served = lab.serve(file, large, token)?;
    let small = lab.serve_copy(small, "small")?;
    growth(lab, report, &small, &served).await?;
    drop(small);
    after_bursts(lab, report, &served).await?;
    fleet(lab, report, &served, devices).await?;
    sustained(lab, report, &served).await
}

/// Pages and summaries of the large file beside those of the small one, each on one connection.
async fn growth(lab: &Lab, report: &mut Report, small: &Served, large: &Served) -> Outcome {
    let plan = &lab.plan;
    let script = most_failed(small.target.fleet);
    let many = plan.rounds * plan.pages;
    let mut on_small = Connection::open(small.process.address).await?;
    let mut on_large = Connection::open(large.process.address).await?;

    let first = large.target.failed(SCRIPT, plan.top);
    let mut page = first.clone();
    for _ in 1..100 {
        let answer = on_large.ask(page).await?;
        let body: Value = serde_json::from_slice(&answer.body)?;
        let link = body.get("@odata.nextLink").and_then(Value::as_str);
        page = large
            .target
            .page(link.context("there are fewer than a hundred pages")?);
    }
    let calls = [
        (&mut on_large, large.target.failed(SCRIPT, 100)),
        (&mut on_small, small.target.failed(script, 100)),
    ];
    let [at_large, at_small] = in_turns(calls, many).await?;
    report.set(Line::PageGrowth, at_large * MS, at_small * MS);

    let calls = [
        (&mut on_large, large.target.summary(SCRIPT)),
        (&mut on_small, small.target.summary(script)),
    ];
    // Short ones: ten times as many, or the machine's own noise is seen.
    let [at_large, at_small] = in_turns(calls, 10 * many).await?;
    report.set(Line::SummaryGrowth, at_large * MS, at_small * MS);

    let mut again = Connection::open(large.process.address).await?;
    let calls = [(&mut on_large, page), (&mut again, first)];
    let [deep, shallow] = in_turns(calls, many).await?;
    report.set(Line::DeepPage, deep * MS, shallow * MS);
    if plan.top != 100 {
        report.note(Line::DeepPage, format!("pages of {}", plan.top));
    }
    Ok(())
}

/// Two calls in turns, one after the other; the median seconds of each. Both first ones are not counted.
pub(crate) async fn in_turns(
    mut calls: [(&mut Connection, Call); 2],
    many: usize,
) -> Outcome<[f64; 2]> {
    let mut seen = [Vec::new(), Vec::new()];
    for _ in 0..=many {
        for ((connection, call), seen) in calls.iter_mut().zip(&mut seen) {
            seen.extend(times(connection, call, 1).await?);
        }
    }
    Ok(seen.map(|seen| median(&wide(seen.get(1..).unwrap_or_default()))))
}

/// A list right after the last answer of a burst of writes on its script.
async fn after_bursts(lab: &Lab, report: &mut Report, served: &Served) -> Outcome {
    let plan = &lab.plan;
    let target = &served.target;
    let list = target.failed(SCRIPT, 100);
    let mut connection = Connection::open(target.address).await?;
    let (mut rest, mut after) = (Vec::new(), Vec::new());
    for round in 0..plan.bursts {
        served.process.settle().await?;
        rest.extend(times(&mut connection, &list, plan.pages).await?);
        let writes = target.clone();
        let patch = move |random: &mut Random| {
            let state = SCRIPT * writes.fleet.devices + random.below(writes.fleet.devices);
            writes.patch(state, crate::workload::body(random, 9))
        };
        let seed = u64::try_from(round)? + 1;
        let writing = burst(target.address, CONNECTIONS, plan.burst, seed, patch);
        kept_open(&mut connection, &target.summary(SCRIPT), writing).await?;
        after.extend(times(&mut connection, &list, 1).await?);
    }
    served.process.settle().await?;
    let p99 = |seconds: &[f32]| percentile(&wide(seconds), 0.99) * MS;
    report.set(Line::AfterBurst, p99(&after), p99(&rest));
    let note = format!("{} bursts of {} PATCHes", plan.bursts, plan.burst);
    report.note(Line::AfterBurst, note);
    Ok(())
}

/// Does something long beside a connection, which the server would close if it stayed silent.
async fn kept_open(
    connection: &mut Connection,
    call: &Call,
    work: impl Future<Output = Outcome>,
) -> Outcome {
    let mut work = std::pin::pin!(work);
    loop {
        let pause = tokio::time::sleep(Duration::from_secs(2));
        tokio::select! {
            done = &mut work => return done,
            () = pause => {}
        }
        connection.ask(call.clone()).await?;
    }
}

/// A million devices at work, each with its own token: the share of two cores that they need.
async fn fleet(lab: &Lab, report: &mut Report, served: &Served, devices: Vec<Device>) -> Outcome {
    let target = served.target.clone();
    let mut connection = Connection::open(target.address).await?;
    let first = devices.first().context("no devices")?;
    let answer = connection.ask(target.check_in(first, None)).await?;
    let tag = HeaderValue::from_str(answer.header("etag"))?;
    let how = Open {
        connections: CONNECTIONS,
        rates: vec![CHECK_INS, REPORTS],
        time: lab.plan.fleet,
        seed: 1,
    };
    let (devices, next) = (Arc::new(devices), Arc::new(AtomicU64::new(0)));
    let many = devices.len();
    let call = move |random: &mut Random, kind: usize| {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let at = usize::try_from(at).unwrap_or(0) % devices.len();
        match devices.get(at) {
            Some(device) if kind == 0 => target.check_in(device, Some(&tag)),
            Some(device) => target.report(device, random),
            None => target.any_patch(random),
        }
    };
    served.process.settle().await?;
    let before = served.process.cpu()?;
    let seen = open(served.process.address, &how, call).await?;
    // What it put off is its work too.
    served.process.settle().await?;
    let used = served.process.cpu()?.saturating_sub(before);
    report.set(Line::Fleet, used.as_secs_f64(), seen.seconds * 2.0);
    let note = format!(
        "{many} devices, each with its own token; every check-in notes when the device was seen"
    );
    report.note(Line::Fleet, note);
    let p99 = percentile(&wide(&seen.latencies), 0.99) * MS;
    report.extra(
        "p99 of a million devices' requests",
        format!("{} ms", figure(p99)),
    );
    Ok(())
}

/// The heart call for a long time, beside raw SQLite on a copy of the same file; and the memory that
/// it takes.
async fn sustained(lab: &Lab, report: &mut Report, served: &Served) -> Outcome {
    let plan = &lab.plan;
    let fleet = served.target.fleet;
    let copy = lab.copy(fleet, "raw")?;
    let mut raw = Raw::start(&copy, fleet)?;
    let (mut updates, mut seconds) = (0.0, 0.0);
    let mut raw_half = |raw: &mut Raw| -> Outcome {
        cache(&copy)?;
        raw.update(plan.sustained_warm)?;
        let (more, took) = raw.update(plan.raw / 2)?;
        updates += more;
        seconds += took;
        Ok(())
    };

    raw_half(&mut raw)?;
    let how = Closed {
        connections: CONNECTIONS,
        warm: plan.sustained_warm,
        time: plan.sustained,
        seed: 99,
    };
    let target = served.target.clone();
    cache(&served.file)?;
    println!("loading {} states for {:?}", fleet.states(), plan.sustained);
    let load = closed(target.address, how, {
        let target = target.clone();
        move |random| target.any_patch(random)
    });
    let (seen, resident) = with_resident(&served.process, load).await?;
    let worked = served.process.settle().await?;
    raw_half(&mut raw)?;

    let rate = seen.per_second();
    report.set(Line::Sustained, rate, updates / seconds);
    if fleet.states() != 10_000_000 || plan.sustained != Duration::from_secs(600) {
        let note = format!("{:?} on {} states", plan.sustained, fleet.states());
        report.note(Line::Sustained, note);
        let note = format!("at {} states", fleet.states());
        for line in [
            Line::PageGrowth,
            Line::DeepPage,
            Line::SummaryGrowth,
            Line::Memory,
            Line::AfterBurst,
        ] {
            report.note(line, note.clone());
        }
    }
    let whole = (plan.sustained_warm + plan.sustained).as_secs_f64();
    let folded = rate * whole / (whole + worked.as_secs_f64());
    report.extra(
        "sustained PATCHes a second with what is folded behind",
        figure(folded),
    );
    let seen = wide(&seen.latencies);
    let (middle, slow) = (median(&seen) * MS, percentile(&seen, 0.99) * MS);
    report.extra(
        "sustained PATCH",
        format!("median {} ms, p99 {} ms", figure(middle), figure(slow)),
    );
    let row = report.row(Line::Memory);
    #[expect(clippy::cast_precision_loss, reason = "far below 2⁵² bytes")]
    let megabytes = resident as f64 / 1e6;
    row.runstate = Some(megabytes);
    row.ratio = Some(megabytes);
    Ok(())
}

/// Runs a load and looks at the memory meanwhile; the most that was seen.
async fn with_resident<T>(
    process: &Process,
    load: impl Future<Output = Outcome<T>>,
) -> Outcome<(T, u64)> {
    let mut load = std::pin::pin!(load);
    let mut most = 0;
    loop {
        let pause = tokio::time::sleep(Duration::from_millis(200));
        tokio::select! {
            done = &mut load => return Ok((done?, most.max(process.resident()?))),
            () = pause => {}
        }
        most = most.max(process.resident()?);
    }
}
