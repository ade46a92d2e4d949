//! The `runstate` program.

mod agent;
mod api;
mod app;
mod ask;
mod audit;
mod certificate;
mod clock;
mod config;
mod console_link;
mod demo;
mod device;
mod enrollment;
mod failure;
mod find;
mod gitops;
mod login;
mod manual;
mod migrate;
mod open_store;
mod print;
mod results;
mod script;
mod serve;
#[cfg(test)]
mod tests;
mod token;
mod watch;

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
///
/// The commands that talk to a server take its URL and a token from --server and --token, from
/// RUNSTATE_SERVER and RUNSTATE_TOKEN, or from `runstate login`. They end with 0 where all is well, 1
/// on a failure, 2 on wrong usage and where --check finds a difference, 3 where what was named is not
/// there, 4 where the token may not, 5 where there is no good token, 6 on a conflict or an ambiguous
/// name, 7 where the server cannot be reached, 8 where runs failed.
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
    /// Signs in to a server, and keeps the token.
    Login(Box<login::LoginArgs>),
    /// Forgets a token that `login` has kept.
    Logout(login::LogoutArgs),
    /// Lists, shows, makes, changes, assigns, runs and deletes scripts.
    #[command(subcommand)]
    Script(script::ScriptCommand),
    /// Makes the scripts of a server what a folder says: shows what differs, asks, and changes it.
    Apply(gitops::ApplyArgs),
    /// Writes the scripts of a server into a folder, for `apply`.
    Export(gitops::ExportArgs),
    /// Prints the JSON Schema of the files that `apply` and `export` know.
    Schema,
    /// Shows how a script's last run ended, device by device.
    Results(results::ResultsArgs),
    /// Waits until all devices have reported on a script, and shows how far it has come.
    Watch(watch::WatchArgs),
    /// Lists and shows devices.
    #[command(subcommand)]
    Device(device::DeviceCommand),
    /// Shows and verifies the audit's chains of events.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
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
    /// Prints the completions of a shell.
    Completions(manual::CompletionsArgs),
    /// Prints the manual page, or writes those of all commands.
    Man(manual::ManArgs),
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
            let Some(exit) = failure::exit(&failure) else {
                return ExitCode::SUCCESS;
            };
            // It may tell a name, or what a server said. Nothing is left to tell it to when even
            // this fails.
            let text = print::printable_lines(&failure.to_string());
            let _ = writeln!(std::io::stderr(), "runstate: {text}");
            ExitCode::from(exit.status())
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
        Command::Audit(command) => {
            let store = open_existing_store(command.data()).await?;
            audit::run(command, store.as_ref(), out).await
        }
        Command::Token(args) => {
            let store = open_existing_store(&args.data).await?;
            token::run(args, store, clock, out).await
        }
        Command::Login(args) => login::login(*args, &*clock, out).await,
        Command::Logout(args) => login::logout(&args, out),
        Command::Script(command) => script::run(command, out).await,
        Command::Apply(args) => gitops::apply(args, out).await,
        Command::Export(args) => gitops::export(args, out).await,
        Command::Schema => gitops::schema(out),
        Command::Results(args) => results::run(args, out).await,
        Command::Watch(args) => watch::run(args, out).await,
        Command::Device(command) => device::run(command, out).await,
        Command::ConsoleLink(args) => {
            let store = open_existing_store(&args.data).await?;
            console_link::run(args, store.as_ref(), &*clock, out).await
        }
        Command::Enrollment(command) => enrollment::run(command, &*clock, out).await,
        Command::Agent(command) => agent::run(command, out).await,
        Command::Migrate(migrate) => migrate.run(out).await,
        Command::Certificate(args) => certificate::run(&args, clock.now(), out),
        Command::Completions(args) => manual::completions(&args, out),
        Command::Man(args) => manual::man(&args, out),
    }
}
