//! Measures Runstate beside what it is compared with. BENCHMARKS.md says how, and what was found.
//!
//! Read in this order: `report`, the goal table; `plan`, how much is done; `lab`, where the contenders
//! are set up; `heart`, `large`, `postgres` and `durability`, what is measured; `load` and `workload`, with which
//! requests. `generate` makes the files.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement reads the clock, keeps a pace and prints"
)]

mod cap;
mod counts;
mod devices;
mod disk;
mod durability;
mod echo;
mod failure;
mod fleet;
mod generate;
mod heart;
mod http;
mod lab;
mod large;
mod load;
mod plan;
mod postgres;
mod process;
mod random;
mod raw;
mod report;
mod stats;
mod svg;
mod units;
mod workload;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    cap::Cap,
    failure::{Context, Outcome, fail},
    fleet::Fleet,
    lab::Lab,
    plan::Plan,
    report::Report,
};

/// Measures Runstate beside a bare echo server, SAP CAP, raw SQLite and the disk itself.
///
/// Every contender is a process of its own on loopback, gets the same requests from the same number of
/// connections, and they take turns, so that whatever drifts on the machine falls on all. Between turns
/// a contender's work in the background is waited for (until it uses no tick of the processor in 200 ms
/// and no thread of it waits for the disk, 30 s at most): none of it hides in another's turn. Prints medians, their ratios and the goals.
///
/// All of it takes half an hour and 25 GB of disk below the folder of builds. Ends with an error where
/// an answer was not the expected one or an acknowledged write was lost; a goal that is missed is none.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// Less of everything, in under two minutes: 1e5 rows in the place of 1e7
    #[arg(long)]
    quick: bool,

    /// Whether everything runs, with figures that say nothing
    #[arg(long, hide = true, conflicts_with = "quick")]
    smoke: bool,

    /// Write what was found as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write a bar chart: how many times as good as its goal each measure is
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Measure one part alone; the rows of the others stay empty
    #[arg(long, value_name = "PART")]
    only: Option<Part>,

    /// Install SAP CAP first, with npm, in the folder of builds
    #[arg(long)]
    install_cap: bool,

    /// Leave SAP CAP out
    #[arg(long, conflicts_with = "install_cap")]
    no_cap: bool,

    /// Seconds for which the server is loaded in row 4, in the place of 600 (10 where it is quick)
    #[arg(long, value_name = "SECONDS")]
    sustained: Option<u64>,

    /// The program that is measured [default: the one that was built beside this]
    #[arg(long, value_name = "FILE")]
    runstate: Option<PathBuf>,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Rows 1, 2, 3, 6 and 7, on 1e5 states
    Heart,
    /// Rows 4, 5 and 8 to 12, on 1e7 states
    Large,
    /// The last three rows, on PostgreSQL, with 1e7 states
    Postgres,
    /// What a killed server has lost
    Durability,
    /// No row, but what SCALING.md multiplies: the cost of one report, one check-in, one run state
    Units,
}

impl Arguments {
    fn does(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a file with a fleet: ten shell scripts, a tenth as many devices as rows
    Generate {
        /// Run states
        #[arg(long, value_name = "COUNT", default_value_t = 10_000_000)]
        rows: u64,
        /// The file, which must not be there yet
        #[arg(long, value_name = "FILE")]
        data: PathBuf,
    },
    /// The upper limit
    #[command(hide = true)]
    Echo {
        #[arg(long)]
        answer: PathBuf,
    },
    /// SQLite by itself
    #[command(hide = true)]
    Raw {
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        states: u64,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", failure.0);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Outcome {
    match &arguments.command {
        None => measure(&arguments).await,
        Some(Command::Generate { rows, data }) => {
            generate::generate(data, Fleet::with_states(*rows))
        }
        Some(Command::Echo { answer }) => echo::serve(answer).await,
        Some(Command::Raw { data, states }) => raw::serve(data, *states),
    }
}

async fn measure(arguments: &Arguments) -> Outcome {
    let start = Instant::now();
    // `target/release/runstate-bench`
    let own = std::env::current_exe()?;
    let built = own.parent().context("no folder")?;
    let target = built.parent().context("no folder")?.to_owned();
    let runstate = arguments
        .runstate
        .clone()
        .unwrap_or_else(|| built.join("runstate"));
    let mut plan = if arguments.smoke {
        Plan::smoke()
    } else if arguments.quick {
        Plan::quick()
    } else {
        Plan::full()
    };
    if let Some(seconds) = arguments.sustained {
        plan.sustained = Duration::from_secs(seconds);
        plan.raw = plan.raw.min(plan.sustained);
    }
    let lab = Lab::new(plan, target, runstate)?;
    let cap = if arguments.no_cap || arguments.smoke {
        None
    } else {
        match Cap::find(lab.cap_folder(), arguments.install_cap) {
            Ok(cap) => Some(cap),
            Err(failure) => {
                println!("{}: going on without", failure.0);
                None
            }
        }
    };
    // Before anything is measured, so that nothing is made meanwhile.
    let large = [lab.plan.small, lab.plan.large];
    let does_large = arguments.does(Part::Large) || arguments.does(Part::Postgres);
    let large = large.into_iter().filter(|_| does_large);
    for states in large.chain([lab.plan.middle]) {
        lab.generated(Fleet::with_states(states))?;
    }
    println!("between turns, each contender is waited for until it does nothing any more");
    let mut report = Report::new();
    report.extra("machine", machine());
    // What was measured before something failed was measured.
    let measured = parts(arguments, &lab, &mut report, cap.as_ref()).await;
    report.extra("took", format!("{:.0} s", start.elapsed().as_secs_f64()));

    println!("\n{}", report.text());
    if let Some(file) = &arguments.json {
        let json = serde_json::to_string_pretty(&report.json())? + "\n";
        std::fs::write(file, json).context(file.display())?;
    }
    if let Some(file) = &arguments.svg {
        std::fs::write(file, svg::chart(&report)).context(file.display())?;
    }
    measured?;
    match report.durability.lost {
        0 => Ok(()),
        lost => fail(format!("{lost} acknowledged writes were lost")),
    }
}

/// Measures the parts that are asked for, one after the other.
async fn parts(
    arguments: &Arguments,
    lab: &Lab,
    report: &mut Report,
    cap: Option<&Cap>,
) -> Outcome {
    if arguments.does(Part::Heart) {
        heart::measure(lab, report, cap).await?;
    }
    if arguments.does(Part::Large) {
        large::measure(lab, report).await?;
    }
    if arguments.does(Part::Durability) {
        report.durability = durability::measure(lab).await?;
    }
    if arguments.does(Part::Postgres) {
        postgres::measure(lab, report).await?;
    }
    if arguments.only == Some(Part::Units) {
        units::measure(lab, report).await?;
    }
    Ok(())
}

/// What all of it ran on.
fn machine() -> String {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let (processors, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let (model, total) = (after(&processors, "model name"), after(&memory, "MemTotal"));
    format!(
        "{cores} cores of {model}, {total} of memory, Linux {}",
        read("/proc/sys/kernel/osrelease").trim()
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
