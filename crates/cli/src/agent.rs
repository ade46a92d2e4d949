//! `runstate agent`: a device's part.

use std::{io::Write, path::PathBuf, sync::Arc, time::Duration};

use clap::{Args, Subcommand};
use runstate_agent::{Agent, Enrollment, Options, StateDir, Status, Summary};
use tokio::sync::watch;

use crate::{
    clock::SystemClock,
    config::Level,
    failure::Failure,
    print::{Form, printable},
    serve::{log_to_stderr, stop_signal},
};

/// Enrols this device, runs the scripts that are assigned to it, and shows what it has run.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Makes this device known to a server.
    Enroll(EnrollArgs),
    /// Runs what is assigned to this device, and reports.
    Run(RunArgs),
    /// Shows what this device has run, and what waits to be reported.
    Status(StatusArgs),
    /// Runs a program under another account; the agent calls it for itself.
    #[cfg(unix)]
    #[command(hide = true)]
    ExecAs(ExecAsArgs),
}

/// Where the agent keeps its things.
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    /// Folder for the device's key, its scripts and what waits to be reported
    #[arg(
        long,
        value_name = "DIR",
        env = "RUNSTATE_STATE_DIR",
        default_value = "/var/lib/runstate-agent"
    )]
    state_dir: PathBuf,
}

/// With what to enrol.
#[derive(Debug, Args)]
pub(crate) struct EnrollArgs {
    #[command(flatten)]
    state: StateArgs,
    /// URL of the server
    #[arg(long, value_name = "URL", env = "RUNSTATE_SERVER")]
    server: String,
    /// Enrolment token, from `runstate enrollment create`
    #[arg(
        long,
        value_name = "TOKEN",
        env = "RUNSTATE_ENROLLMENT_TOKEN",
        hide_env_values = true
    )]
    token: String,
    /// userPrincipalName of the device's primary user
    #[arg(long, value_name = "UPN")]
    user: Option<String>,
    /// Name of the device [default: the machine's own]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// PEM file of authorities to trust beside the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// How to run.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    state: StateArgs,
    /// Check in, run what is due, deliver what waits, and end: for cron and for trying out
    #[arg(long)]
    once: bool,
    /// Seconds between two check-ins, at most; the server can shorten it
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    interval: u64,
    /// Begin at some moment within so many seconds [default: 60; with --once 0]
    #[arg(long, value_name = "SECONDS")]
    splay: Option<u64>,
    /// Seconds that a script may take; then it is ended, with all that it has started
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    timeout: u64,
    /// Account to take for the logged-on user, where sessions cannot be listed
    #[arg(long, value_name = "NAME")]
    logon_user: Option<String>,
    /// Processes that an account other than root may have while it runs a script
    #[arg(long, value_name = "COUNT", default_value_t = 512)]
    max_processes: u64,
    /// What to log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: Level,
}

/// How to show it.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    state: StateArgs,
    /// Form of the output
    #[arg(long, value_name = "FORM", default_value = "table")]
    output: Form,
}

/// Whom to become, and what to run.
#[cfg(unix)]
#[derive(Debug, Args)]
pub(crate) struct ExecAsArgs {
    #[arg(long)]
    name: String,
    #[arg(long)]
    uid: u32,
    #[arg(long)]
    gid: u32,
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    processes: Option<u64>,
    #[arg(last = true, required = true)]
    command: Vec<std::ffi::OsString>,
}

#[cfg(unix)]
impl ExecAsArgs {
    /// Becomes the program. Returns only where that cannot be.
    pub(crate) fn run(self) -> (String, u8) {
        runstate_agent::exec_as(&runstate_agent::ExecAs {
            name: self.name,
            uid: self.uid,
            gid: self.gid,
            folder: self.folder,
            processes: self.processes,
            command: self.command,
        })
    }
}

/// Does what was asked, and writes to `out` what came of it.
pub(crate) async fn run(
    command: AgentCommand,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match command {
        AgentCommand::Enroll(args) => enroll(args, out).await,
        AgentCommand::Run(args) => work(args, out).await,
        AgentCommand::Status(args) => {
            let status = runstate_agent::status(&StateDir::new(args.state.state_dir))?;
            match args.output {
                Form::Json => writeln!(out, "{}", serde_json::to_string_pretty(&status)?)?,
                Form::Table => table(&status, out)?,
            }
            Ok(())
        }
        #[cfg(unix)]
        AgentCommand::ExecAs(args) => Err(args.run().0.into()),
    }
}

async fn enroll(args: EnrollArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let state = StateDir::new(args.state.state_dir);
    let enrollment = Enrollment {
        server: args.server,
        token: args.token,
        user_principal_name: args.user,
        device_name: args.name,
        ca: args.ca,
    };
    let device_id = runstate_agent::enroll(&state, &enrollment).await?;
    writeln!(out, "enrolled as device {device_id}")?;
    writeln!(
        out,
        "its key is in {}; run it with: runstate agent run --state-dir {}",
        state.path().display(),
        state.path().display()
    )?;
    Ok(())
}

async fn work(args: RunArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    log_to_stderr(args.log);
    let program = std::env::current_exe()?;
    let default_splay = if args.once { 0 } else { 60 };
    let options = Options {
        interval: Duration::from_secs(args.interval),
        splay: Duration::from_secs(args.splay.unwrap_or(default_splay)),
        time_out: Duration::from_secs(args.timeout),
        logon_user: args.logon_user,
        exec_as: vec![program.into(), "agent".into(), "exec-as".into()],
        processes: args.max_processes,
    };
    let signal = stop_signal()?;
    let mut agent = Agent::open(
        StateDir::new(args.state.state_dir),
        options,
        Arc::new(SystemClock),
    )?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        signal.await;
        stop.send_replace(true);
        // The agent looks at it for as long as it works.
        stop.closed().await;
    });
    if args.once {
        let summary = agent.once(stopped).await?;
        writeln!(out, "{}", sentence(summary))?;
        return Ok(());
    }
    tracing::info!("at work; Ctrl-C or SIGTERM ends it");
    agent.run(stopped).await?;
    tracing::info!("stopped");
    Ok(())
}

/// What one round has done, for people.
fn sentence(summary: Summary) -> String {
    let Summary {
        success,
        fail,
        script_error,
        not_applicable,
        waiting_for_user,
        waiting,
    } = summary;
    let ran = success + fail + script_error;
    let mut text = match ran {
        0 => "nothing to run".to_owned(),
        1 => "ran 1 script".to_owned(),
        count => format!("ran {count} scripts"),
    };
    if ran > 0 {
        let parts = [
            (success, "succeeded"),
            (fail, "failed"),
            (script_error, "could not be run or did not end"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        text.push_str(&format!(": {}", parts.join(", ")));
    }
    if not_applicable > 0 {
        text.push_str(&format!("; {not_applicable} not for this device"));
    }
    if waiting_for_user > 0 {
        text.push_str(&format!("; {waiting_for_user} wait for somebody to log on"));
    }
    match waiting {
        0 => text.push_str("; all is reported"),
        count => text.push_str(&format!("; {count} reports wait")),
    }
    text
}

fn table(status: &Status, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let Status {
        server,
        tenant_id,
        device_id,
        ..
    } = status;
    writeln!(
        out,
        "device   {device_id}\ntenant   {tenant_id}\nserver   {server}"
    )?;
    writeln!(out, "assigned {} scripts", status.assigned_scripts)?;
    writeln!(out, "waiting  {} reports", status.waiting_reports)?;
    for name in &status.running {
        writeln!(out, "running  {}", printable(name))?;
    }
    if status.scripts.is_empty() {
        writeln!(out, "\nNothing has run yet.")?;
        return Ok(());
    }
    writeln!(
        out,
        "\n{:<14} {:>7}  {:<28}  SCRIPT",
        "LAST RUN", "VERSION", "ENDED"
    )?;
    for script in &status.scripts {
        writeln!(
            out,
            "{:<14} {:>7}  {:<28}  {}",
            script.run_state,
            script.script_version,
            script.end_date_time,
            printable(&script.display_name)
        )?;
    }
    Ok(())
}
