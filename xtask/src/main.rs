//! The developers' commands. `cargo xtask` alone lists them.
//!
//! Read in this order: [`workspace`], what the tree holds; [`tidy`], the rules that no other tool
//! checks; [`suite`], the whole test suite and what it needs; [`fuzz`]; [`mod@bench`];
//! [`instructions`].
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line talks to its terminal"
)]

mod bench;
mod fuzz;
mod instructions;
mod needs;
mod suite;
mod tidy;
mod workspace;

use std::process::ExitCode;

/// What a command answers; an error is one text for the terminal.
type Outcome<T = ()> = Result<T, String>;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  tidy                 check the rules of the tree that no other tool checks
  test                 install what the tests need, where that is possible, and run them all
  fuzz [--seconds N]   run each fuzz target for N seconds, 60 if not said
  bench [ARGS...]      build for release and measure; --help says what and how
  instructions [--json FILE]
                       count the instructions of the micro-benchmarks; needs valgrind
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["tidy"] => tidy::run(),
        ["test"] => suite::run_suite(),
        ["fuzz"] => fuzz::run(60),
        ["fuzz", "--seconds", seconds] => match seconds.parse() {
            Ok(seconds) => fuzz::run(seconds),
            Err(_) => Err(format!("'{seconds}' is not a number of seconds")),
        },
        ["bench", arguments @ ..] => bench::run_bench(arguments),
        ["instructions"] => instructions::run_instructions(None),
        ["instructions", "--json", file] => instructions::run_instructions(Some(file)),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
