//! A script run: its file, its process, its output, its end.

mod capture;
mod invocation;
mod process;
mod value;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use crate::{delay::Stop, platform, server::AssignedScript};

pub(crate) use capture::shortened;

/// How scripts are run on this device.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    /// Where the folders of runs are made.
    pub(crate) folder: PathBuf,
    /// How long a script may take.
    pub(crate) time: Duration,
    /// What starts a program under another account, see [`crate::exec_as`].
    pub(crate) exec_as: Vec<OsString>,
    /// How many processes an account that is not root may have while it runs a script.
    pub(crate) processes: u64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) run_state: &'static str,
    /// None where the script did not end by itself.
    pub(crate) exit_code: Option<i32>,
    /// What the run state shows as its `errorCode`.
    pub(crate) error_code: i32,
    /// What was wrong, where the output does not say it.
    pub(crate) reason: Option<String>,
    pub(crate) output: String,
    pub(crate) error_output: String,
    pub(crate) is_truncated: bool,
}

impl Ended {
    /// A script that could not be run, or was ended.
    pub(crate) fn script_error(reason: impl Into<String>) -> Self {
        Self {
            run_state: "scriptError",
            exit_code: None,
            error_code: 0,
            reason: Some(reason.into()),
            output: String::new(),
            error_output: String::new(),
            is_truncated: false,
        }
    }

    /// A script that is not for this device.
    pub(crate) fn not_applicable(reason: &str) -> Self {
        Self {
            run_state: "notApplicable",
            ..Self::script_error(reason)
        }
    }
}

/// Why a script has no business on this device; none where it has.
pub(crate) fn not_applicable(script: &AssignedScript) -> Option<&'static str> {
    let as_32_bit = script.run_as_32_bit == Some(true);
    if script.is_powershell() {
        let is_there = platform::powershell(as_32_bit).is_some();
        return (!is_there).then_some("PowerShell is not installed on this device.");
    }
    cfg!(windows).then_some("Shell scripts are not for Windows.")
}

/// Why a run did not come to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Interrupted;

impl Runner {
    /// Runs a script under an account. `started` is told the process group as soon as there is one.
    ///
    /// # Errors
    /// [`Interrupted`] where the agent is to stop; what had started is ended then.
    pub(crate) async fn run(
        &self,
        script: &AssignedScript,
        content: &[u8],
        account: &process::RunAs,
        stop: &mut Stop,
        started: impl FnOnce(i32),
    ) -> Result<Ended, Interrupted> {
        let invocation = match invocation::of(script, content) {
            Ok(invocation) => invocation,
            Err(reason) => return Ok(Ended::script_error(reason)),
        };
        let folder = match process::Folder::new(&self.folder, account, &invocation, content) {
            Ok(folder) => folder,
            Err(error) => {
                let reason = format!("The script's file could not be written: {error}.");
                return Ok(Ended::script_error(reason));
            }
        };
        let ended = process::run(self, &invocation, &folder, account, stop, started).await?;
        Ok(self.judge(script, ended))
    }

    /// What the end of a process says of the script.
    fn judge(&self, script: &AssignedScript, process: process::Outcome) -> Ended {
        let process::Outcome {
            end,
            output,
            errors,
        } = process;
        let mut ended = Ended {
            run_state: "success",
            exit_code: None,
            error_code: 0,
            reason: None,
            output: output.text(),
            error_output: errors.text(),
            is_truncated: output.left_out() > 0 || errors.left_out() > 0,
        };
        match end {
            process::End::Exit(0) => {
                ended.exit_code = Some(0);
                let ty = script.custom_attribute_type.as_deref();
                let ty = ty.filter(|_| script.is_custom_attribute());
                if let Some(ty) = ty
                    && let Err(reason) = value::check(ty, &ended.output)
                {
                    ended.run_state = "scriptError";
                    ended.reason = Some(format!(
                        "The output is no value of the attribute: {reason}."
                    ));
                }
            }
            process::End::Exit(code) => {
                ended.run_state = "fail";
                ended.exit_code = Some(code);
                ended.error_code = code;
            }
            process::End::Signal(signal) => {
                ended.run_state = "fail";
                // As a shell shows it.
                ended.error_code = 128 + signal;
                ended.reason = Some(format!("The script was killed by signal {signal}."));
            }
            process::End::TimeOut => {
                ended.run_state = "scriptError";
                ended.error_code = TIMED_OUT;
                let seconds = self.time.as_secs();
                ended.reason = Some(format!(
                    "The script did not end within {seconds} seconds and was ended, with all that it \
                     had started."
                ));
            }
            process::End::NotStarted(reason) => {
                ended.run_state = "scriptError";
                ended.reason = Some(format!("The script could not be started: {reason}."));
            }
        }
        ended
    }
}

/// The `errorCode` of a script that took too long, as `timeout(1)` has it.
const TIMED_OUT: i32 = 124;

pub(crate) use process::RunAs;
