//! Processes of a lab: started in a namespace, logged to a file, ended by their own id.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{LabError, Result, wait_for};

/// How a process is started beyond its command line.
#[derive(Debug, Clone, Default)]
pub struct Spawn {
    /// Variables added to the environment.
    pub env: Vec<(String, String)>,
    /// The program changes its user, which clears the parent-death signal; it runs in a process
    /// namespace whose first process keeps that signal. Its id is then not known outside.
    pub changes_user: bool,
    /// A command that runs the program: `setpriv` with options, say. It must not fork.
    pub launcher: Vec<String>,
}

/// What a process used so far.
#[derive(Debug, Clone, Copy)]
pub struct ProcessUse {
    /// User and system time together, of the threads that are still there.
    pub cpu: Duration,
    /// Resident memory now, in KiB.
    pub resident_kib: u64,
    /// The largest resident memory so far, in KiB.
    pub peak_kib: u64,
}

/// One running process of a lab. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    what: String,
    log: PathBuf,
}

impl Process {
    /// Starts `command` in the network namespace of process `anchor`, with both outputs appended
    /// to `log`.
    ///
    /// The parent-death signal belongs to the *thread* that starts the process: start daemons
    /// from the thread that also ends them.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(anchor: u32, command: &[&str], log: &Path, spawn: &Spawn) -> Result<Process> {
        let (program, _) = command
            .split_first()
            .ok_or_else(|| LabError::new("empty command"))?;
        let out = File::options().create(true).append(true).open(log)?;
        let mut full = Command::new("setpriv");
        full.args(["--pdeathsig", "KILL"]);
        full.arg("nsenter")
            .arg(format!("--net=/proc/{anchor}/ns/net"));
        full.args(&spawn.launcher);
        if spawn.changes_user {
            full.args(["unshare", "--pid", "--fork", "--kill-child=KILL"]);
            // `wait` keeps this shell as the first process: with it, the namespace goes.
            full.args(["sh", "-c", "\"$@\" & wait", "sh"]);
        }
        full.args(command);
        full.envs(spawn.env.iter().map(|(key, value)| (key, value)));
        full.stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out);
        // Ctrl-C on the terminal is for the maker of the lab, who then ends the processes.
        full.process_group(0);
        let child = full
            .spawn()
            .map_err(|error| LabError::from(error).during(program))?;
        Ok(Process {
            child,
            what: (*program).to_owned(),
            log: log.to_owned(),
        })
    }

    /// The process id, as the host sees it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is still there. A process that has ended is collected.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends `signal` to exactly this process.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).map_err(|e| LabError::new(e.to_string()))?;
        kill(Pid::from_raw(id), signal)
            .map_err(|errno| LabError::from(errno).during(format!("{signal} to {}", self.what)))
    }

    /// Asks it to end with SIGTERM and waits; after `limit` it is killed, which is an error.
    ///
    /// # Errors
    /// When it did not end by itself.
    pub fn terminate(&mut self, limit: Duration) -> Result<Option<i32>> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status.code());
        }
        self.signal(Signal::SIGTERM)?;
        self.wait_end(limit)
    }

    /// Waits until it has ended and returns its exit code, `None` if a signal ended it.
    ///
    /// # Errors
    /// When it is still there after `limit`; it is then killed.
    pub fn wait_end(&mut self, limit: Duration) -> Result<Option<i32>> {
        let what = format!("the end of {}", self.what);
        let ended = wait_for(limit, &what, || match self.child.try_wait()? {
            Some(status) => Ok(status.code()),
            None => Err(LabError::new("still running")),
        });
        if ended.is_err() {
            self.kill();
        }
        ended
    }

    /// Kills it and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Everything it wrote so far.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// CPU time and memory used so far, from `/proc`.
    ///
    /// # Errors
    /// When it has ended.
    pub fn usage(&self) -> Result<ProcessUse> {
        usage_of(self.child.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// CPU time and memory that the process with this id has used so far, from `/proc`.
///
/// # Errors
/// When there is none.
pub fn usage_of(id: u32) -> Result<ProcessUse> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    // Nanoseconds, where /proc/ID/stat has hundredths of a second.
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{id}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        let first = text
            .split(' ')
            .next()
            .and_then(|number| number.parse::<u64>().ok());
        nanoseconds += first.unwrap_or(0);
    }
    Ok(ProcessUse {
        cpu: Duration::from_nanos(nanoseconds),
        resident_kib: status_field(&status, "VmRSS:"),
        peak_kib: status_field(&status, "VmHWM:"),
    })
}

fn status_field(status: &str, name: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_usage_is_readable() {
        let used = usage_of(std::process::id()).unwrap();
        assert!(used.resident_kib > 100, "{used:?}");
        assert!(used.peak_kib >= used.resident_kib, "{used:?}");
    }
}
