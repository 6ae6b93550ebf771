//! The lab's processes: spawned in their namespaces, reaped in one place.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::kernel::namespace::{Namespace, Stepper, enter};
use crate::program::{Process, ProcessKind};
use crate::topology::NodeId;

/// How long a stopped process may take to stand still: a thread in a system call finishes that first.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks whether a socket is there, and how long that may take.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LONGEST_START: Duration = Duration::from_secs(60);

/// A process that ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub node: NodeId,
    pub process: Process,
    pub status: String,
    /// We killed it.
    pub expected: bool,
}

/// How to start a process.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub node: NodeId,
    pub process: Process,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// Receives standard output and standard error.
    pub log: PathBuf,
    /// A socket that must be there before.
    pub after: Option<PathBuf>,
}

/// Every process of the lab. Cheap to clone.
#[derive(Clone)]
pub(super) struct Processes {
    table: Arc<Mutex<Table>>,
    stepper: Stepper,
    /// Counts the ends, for those who wait for one.
    ends: Arc<watch::Sender<u64>>,
}

#[derive(Default)]
struct Table {
    running: HashMap<(NodeId, Process), Running>,
    by_pid: HashMap<i32, (NodeId, Process)>,
    /// Ended before its spawner could note it here.
    early: HashMap<i32, ExitStatus>,
}

struct Running {
    pid: i32,
    killed: bool,
}

impl Processes {
    pub(super) fn new(stepper: Stepper) -> Self {
        Self { table: Arc::default(), stepper, ends: Arc::new(watch::Sender::new(0)) }
    }

    /// Starts all of `launches` in their namespaces, those that need another's socket after all that do not: about
    /// 1 ms each. Returns those that have ended already.
    pub(super) async fn spawn(&self, launches: Vec<(Namespace, Launch)>) -> Result<Vec<Ended>> {
        let (later, first) = launches.into_iter().partition::<Vec<_>, _>(|(_, launch)| launch.after.is_some());
        let mut ended = self.spawn_now(first).await?;
        let sockets = later.iter().filter_map(|(_, launch)| launch.after.as_deref()).map(is_there);
        try_join_all(sockets).await?;
        ended.extend(self.spawn_now(later).await?);
        Ok(ended)
    }

    async fn spawn_now(&self, launches: Vec<(Namespace, Launch)>) -> Result<Vec<Ended>> {
        let processes = self.clone();
        let spawn_all = move || {
            let mut ended = Vec::new();
            for (namespace, launch) in launches {
                enter(&namespace)?;
                ended.extend(processes.spawn_here(&launch)?);
            }
            Ok(ended)
        };
        self.stepper.run(spawn_all).await
    }

    fn spawn_here(&self, launch: &Launch) -> Result<Option<Ended>> {
        let log = File::options().create(true).append(true).open(&launch.log);
        let log = log.with_context(|| format!("open {}", launch.log.display()))?;
        let errors = log.try_clone().context("copy a descriptor")?;
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments).stdin(Stdio::null()).stdout(log).stderr(errors);
        // Without pre_exec, std spawns by posix_spawn, at half the cost of a fork.
        let child = command.spawn().with_context(|| format!("start {}", launch.program.display()))?;
        let pid = child.id() as i32;
        let key = (launch.node, launch.process);
        let mut table = self.table();
        table.by_pid.insert(pid, key);
        table.running.insert(key, Running { pid, killed: false });
        let early = table.early.remove(&pid);
        Ok(early.and_then(|status| table.end(pid, status)))
    }

    /// Reaps everything that has ended.
    pub(super) fn reap(&self) -> Vec<Ended> {
        let mut ended = Vec::new();
        let mut table = self.table();
        loop {
            let (pid, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, ExitStatus::from_raw(code << 8)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, ExitStatus::from_raw(signal as i32)),
                Ok(WaitStatus::StillAlive) | Err(_) => break,
                Ok(_) => continue,
            };
            if table.by_pid.contains_key(&pid.as_raw()) {
                ended.extend(table.end(pid.as_raw(), status));
            } else {
                table.early.insert(pid.as_raw(), status);
            }
        }
        drop(table);
        self.ends.send_modify(|count| *count += 1);
        ended
    }

    /// Kills a process (SIGKILL) and waits until it is gone. False: it was not running.
    pub(super) async fn kill(&self, node: NodeId, process: Process) -> Result<bool> {
        let mut ends = self.ends.subscribe();
        {
            let mut table = self.table();
            let Some(running) = table.running.get_mut(&(node, process)) else { return Ok(false) };
            running.killed = true;
            kill(Pid::from_raw(running.pid), Signal::SIGKILL).context("kill a process")?;
        }
        ends.wait_for(|_| !self.is_running(node, process)).await.context("the reaper has ended")?;
        Ok(true)
    }

    /// Stops a process (SIGSTOP) and waits until the kernel has stopped it.
    pub(super) async fn freeze(&self, node: NodeId, process: Process) -> Result<()> {
        // The kernel tells the parent of stops as it does of ends.
        let mut ends = self.ends.subscribe();
        let pid = self.signal(node, process, Signal::SIGSTOP)?;
        let stopped = timeout(PATIENCE, ends.wait_for(|_| is_stopped(pid)));
        stopped.await.with_context(|| format!("process {pid} does not stop"))?.context("the reaper has ended")?;
        Ok(())
    }

    /// Lets a stopped process go on (SIGCONT).
    pub(super) fn thaw(&self, node: NodeId, process: Process) -> Result<()> {
        self.signal(node, process, Signal::SIGCONT).map(drop)
    }

    /// Has a process read its files again (SIGHUP); one that is stopped does when it goes on.
    pub(super) fn read_again(&self, node: NodeId, process: Process) -> Result<()> {
        self.signal(node, process, Signal::SIGHUP).map(drop)
    }

    fn signal(&self, node: NodeId, process: Process, signal: Signal) -> Result<i32> {
        let pid = self.pid(node, process).context("the process is not running")?;
        kill(Pid::from_raw(pid), signal).with_context(|| format!("send {signal} to process {pid}"))?;
        Ok(pid)
    }

    pub(super) fn is_running(&self, node: NodeId, process: Process) -> bool {
        self.table().running.contains_key(&(node, process))
    }

    pub(super) fn pid(&self, node: NodeId, process: Process) -> Option<i32> {
        self.table().running.get(&(node, process)).map(|r| r.pid)
    }

    pub(super) fn count(&self, kind: ProcessKind) -> usize {
        self.table().running.keys().filter(|(_, process)| process.kind == kind).count()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("no holder of the process table panics")
    }
}

impl Table {
    fn end(&mut self, pid: i32, status: ExitStatus) -> Option<Ended> {
        let (node, process) = self.by_pid.remove(&pid)?;
        let running = self.running.remove(&(node, process))?;
        Some(Ended { node, process, status: status.to_string(), expected: running.killed })
    }
}

/// Waits until somebody has made a socket. Nobody connects to find out: zebra 10.3 takes a client that leaves at once
/// for one whose routes are to go, and may lose those of its interfaces.
async fn is_there(socket: &Path) -> Result<()> {
    let made = async {
        while !socket.exists() {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(LONGEST_START, made).await.with_context(|| format!("nobody has made {}", socket.display()))
}

/// Whether every thread of a process is stopped by a signal: state `T` of proc(5).
fn is_stopped(pid: i32) -> bool {
    let stopped = |task: std::io::Result<std::fs::DirEntry>| {
        let stat = task.and_then(|task| std::fs::read_to_string(task.path().join("stat"))).unwrap_or_default();
        // The name in parentheses may hold anything.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    };
    std::fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|mut tasks| tasks.all(stopped))
}

/// The last lines of a log, for an error message.
pub(super) fn tail(log: &Path, lines: usize) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
