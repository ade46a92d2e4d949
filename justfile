# Daily commands, for those who have `just`. All are plain cargo commands underneath.

# What can be run.
default:
    @just --list

# Start a server with sample data.
demo *arguments:
    cargo run --release --package runstate -- demo {{arguments}}

# The quick checks, before a commit.
check:
    cargo fmt --all --check
    cargo xtask tidy
    cargo clippy --workspace --all-targets -- -D warnings

# The whole test suite.
test:
    cargo xtask test

# Write format and simple lints right.
fix:
    cargo clippy --workspace --all-targets --fix --allow-dirty
    cargo fmt --all

# Each fuzz target for a while.
fuzz seconds="60":
    cargo xtask fuzz --seconds {{seconds}}

# What the program does in a second, beside others.
bench *arguments:
    cargo xtask bench {{arguments}}

# How many instructions the micro-benchmarks take.
instructions:
    cargo xtask instructions

# The documentation of the code, private items too.
doc:
    cargo doc --workspace --no-deps --document-private-items --open

# All that CI checks.
ci:
    .ci/run
