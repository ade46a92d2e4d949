//! The benchmark: the program as it is released, and what measures it.

use crate::{
    Outcome,
    workspace::{cargo, run},
};

/// Builds both and hands the arguments on.
pub(crate) fn run_bench(arguments: &[&str]) -> Outcome {
    run(cargo().args(["build", "--release", "--package", "runstate"]))?;
    let mut bench = cargo();
    bench.args(["run", "--release", "--package", "runstate-bench", "--"]);
    run(bench.args(arguments))
}
