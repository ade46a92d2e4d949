//! A contender as a process of its own: started, watched, ended.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::failure::{Context, Outcome, fail};

/// In front of the port, where a contender says what it listens on.
const MARKS: [&str; 2] = ["http://127.0.0.1:", "http://localhost:"];
const START: Duration = Duration::from_secs(60);

/// `/proc` counts in hundredths of a second, whatever the kernel's own ticks are (proc(5)).
const TICK: Duration = Duration::from_millis(10);
/// Who does not use a tick in this time does nothing.
const IDLE: Duration = Duration::from_millis(200);
const SETTLE: Duration = Duration::from_secs(30);

/// A process that listens, ended with this value.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts it and waits until it says on which port it listens. What it prints goes to `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> Outcome<Self> {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RUNSTATE_")) {
            command.env_remove(name);
        }
        let shown = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context(&shown)?;
        let log_file = File::create(log).context(log.display())?;
        let (sender, ports) = mpsc::channel();
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|out| Box::new(out) as _),
            child.stderr.take().map(|out| Box::new(out) as _),
        ];
        for output in outputs.into_iter().flatten() {
            let (sender, mut log) = (sender.clone(), log_file.try_clone()?);
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if let Some(port) = port(&line) {
                        // Only the first is waited for.
                        let _ = sender.send(port);
                    }
                    // A log that cannot be written is no reason to stop the contender.
                    let _ = writeln!(log, "{line}");
                }
            });
        }
        drop(sender);
        let Ok(port) = ports.recv_timeout(START) else {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            let printed = std::fs::read_to_string(log).unwrap_or_default();
            return fail(format!("{shown}: does not listen:\n{printed}"));
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Self { child, address })
    }

    /// Ends it at once, as a crash would (SIGKILL).
    pub(crate) fn kill(mut self) -> Outcome {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// The processor time that it has used.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        let file = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(&file).context(&file)?;
        cpu_of(&stat).context(format!("{file}: {stat}"))
    }

    /// The bytes of memory that it has resident: its own and those of files.
    pub(crate) fn resident(&self) -> Outcome<u64> {
        let file = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&file).context(&file)?;
        resident_of(&status).context(file)
    }

    /// Whether one of its threads waits for the disk.
    fn waits_for_disk(&self) -> Outcome<bool> {
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end meanwhile.
            let stat = std::fs::read_to_string(task?.path().join("stat")).unwrap_or_default();
            if is_blocked(&stat) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waits until it does nothing any more, 30 s at most; answers how long it went on working.
    ///
    /// Nothing that a contender put off is thereby done in another's time.
    pub(crate) async fn settle(&self) -> Outcome<Duration> {
        let start = Instant::now();
        loop {
            let (before, worked) = (self.cpu()?, start.elapsed());
            let mut idle = !self.waits_for_disk()?;
            tokio::time::sleep(IDLE).await;
            idle &= self.cpu()? == before && !self.waits_for_disk()?;
            if idle || worked >= SETTLE {
                return Ok(worked);
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port in a line that names the contender's URL.
fn port(line: &str) -> Option<u16> {
    MARKS.iter().find_map(|mark| {
        let (_, rest) = line.split_once(mark)?;
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest.get(..end.unwrap_or(rest.len()))?.parse().ok()
    })
}

/// `utime` and `stime` of `/proc/PID/stat`, the 14th and 15th field. The second is the program's
/// name in parentheses, which may hold anything.
fn cpu_of(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u32>().unwrap_or(0))
        .sum();
    TICK.checked_mul(ticks)
}

/// The processor time of all processes of that name.
pub(crate) fn cpu_of_all(name: &str) -> Outcome<Duration> {
    let mut all = Duration::ZERO;
    for process in std::fs::read_dir("/proc")? {
        let folder = process?.path();
        // A process may end meanwhile.
        let comm = std::fs::read_to_string(folder.join("comm")).unwrap_or_default();
        if comm.trim_end() == name {
            let stat = std::fs::read_to_string(folder.join("stat")).unwrap_or_default();
            all += cpu_of(&stat).unwrap_or_default();
        }
    }
    Ok(all)
}

/// Whether a thread is in the state that waits for the disk: `D`, the third field.
fn is_blocked(stat: &str) -> bool {
    let state = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    state.trim_start().starts_with('D')
}

fn resident_of(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_read_from_a_log() {
        let line = r#"INFO runstate: serving url="http://127.0.0.1:4711" data="a.db""#;
        assert_eq!(port(line), Some(4711));
        assert_eq!(
            port("listening on { url: 'http://localhost:80' }"),
            Some(80)
        );
        assert_eq!(port("nothing"), None);
    }

    #[test]
    fn proc_is_read() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20";
        assert_eq!(cpu_of(stat), Some(Duration::from_secs(2)));
        assert!(!is_blocked(stat));
        assert!(is_blocked("12 (D) D 1 2"));
        let status = "Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t  2 kB\n";
        assert_eq!(resident_of(status), Some(2048));
    }
}
