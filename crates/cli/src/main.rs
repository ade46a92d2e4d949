//! The `runstate` program.

mod agent;
mod api;
mod app;
mod certificate;
mod clock;
mod config;
mod console_link;
mod demo;
mod enrollment;
mod failure;
mod migrate;
mod open_store;
mod serve;
#[cfg(test)]
mod tests;
mod token;

use std::{io::Write, process::ExitCode, sync::Arc};

use clap::{Parser, Subcommand};
use runstate_graph::clock::Clock;

use crate::{
    clock::SystemClock,
    failure::Failure,
    open_store::{open_beside, open_existing_store},
};

/// A report is made on one thread and freed on another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs scripts on a fleet of devices, and knows how each run ended.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a tenant with sample data, to try and to test with.
    Demo(demo::Demo),
    /// Serves the API.
    Serve(Box<serve::Serve>),
    /// Registers the applications that may ask the built-in issuer for tokens.
    #[command(subcommand)]
    App(app::AppCommand),
    /// Prints a token, for curl.
    Token(token::TokenArgs),
    /// Prints a link that signs in to the console, once.
    ConsoleLink(console_link::ConsoleLinkArgs),
    /// Makes, lists and deletes the tokens that let devices enrol.
    #[command(subcommand)]
    Enrollment(enrollment::EnrollmentCommand),
    /// Runs scripts on this device.
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// Copies a store from a SQLite file into a PostgreSQL database.
    Migrate(migrate::Migrate),
    /// Makes a certificate for a server, and an authority that vouches for it.
    Certificate(certificate::CertificateArgs),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Before there is any thread: what changes who a process is must change all of it.
    #[cfg(unix)]
    if let Command::Agent(agent::AgentCommand::ExecAs(args)) = arguments.command {
        let (reason, status) = args.run();
        let _ = writeln!(std::io::stderr(), "{reason}");
        return ExitCode::from(status);
    }
    match work(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to tell it to when even this fails.
            let _ = writeln!(std::io::stderr(), "runstate: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn work(arguments: Arguments) -> Result<(), Failure> {
    let mut runtime = match arguments.command {
        // An agent does one thing at a time, and should be small.
        Command::Agent(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build()?;
    runtime.block_on(run(arguments, &mut std::io::stdout()))
}

/// Does what the arguments say, and writes to `out` what came of it.
async fn run(arguments: Arguments, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let clock = Arc::new(SystemClock);
    match arguments.command {
        Command::Demo(demo) => demo.run(out).await,
        Command::Serve(serve) => serve.run().await,
        Command::App(command) => {
            // The first application of a store may well come before its server.
            let store = match &command {
                app::AppCommand::Create(_) => open_beside(command.data()).await?,
                _ => open_existing_store(command.data()).await?,
            };
            app::run(command, store.as_ref(), out).await
        }
        Command::Token(args) => {
            let store = open_existing_store(&args.data).await?;
            token::run(args, store, clock, out).await
        }
        Command::ConsoleLink(args) => {
            let store = open_existing_store(&args.data).await?;
            console_link::run(args, store.as_ref(), &*clock, out).await
        }
        Command::Enrollment(command) => enrollment::run(command, &*clock, out).await,
        Command::Agent(command) => agent::run(command, out).await,
        Command::Migrate(migrate) => migrate.run(out).await,
        Command::Certificate(args) => certificate::run(&args, clock.now(), out),
    }
}
