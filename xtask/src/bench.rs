//! The benchmark: the program as it is released, and what measures it.

use crate::{
    Outcome,
    workspace::{cargo, run},
};

/// Arguments with which nothing is measured, and the program is not needed.
const WITHOUT: [&str; 4] = ["-h", "--help", "--version", "generate"];

/// Builds both and hands the arguments on.
pub(crate) fn run_bench(arguments: &[&str]) -> Outcome {
    // The program is built by itself: exactly as it is released, without features that the benchmark
    // asks of what both use.
    let measures = !arguments.iter().any(|argument| WITHOUT.contains(argument));
    if measures {
        run(cargo().args(["build", "--release", "--package", "runstate"]))?;
    }
    let mut bench = cargo();
    bench.args(["run", "--release", "--package", "runstate-bench", "--"]);
    run(bench.args(arguments))
}
