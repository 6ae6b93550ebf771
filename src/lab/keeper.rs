//! Programs that a command runs inside a lab, and their end with it.
//!
//! ```text
//! outside   command ──leash──►  keeper ──► program ──► whatever it starts
//!                               in the lab's PID namespace: `down` ends them all
//! ```
//!
//! A program cannot be relied on to see its command's end: what changes its user (tcpdump does) loses the
//! parent's death signal, and what it starts never had one. The keeper has nothing to change. It holds the
//! other end of a pipe that breaks when the command ends, however that is, and it is who the kernel gives
//! orphans to, so that it finds all of them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, pipe2};

use crate::kernel::sys;

/// How long a program may take to end when it has been told to.
const GRACE: Duration = Duration::from_secs(2);
/// How long killed processes may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a program is to run.
#[derive(Debug)]
pub struct Place {
    /// `None`: it is ours.
    pub user: Option<File>,
    pub pid: File,
    /// The other namespaces, in the order in which to enter them.
    pub others: Vec<File>,
}

/// Runs `command` in a place and returns its exit code, 128 and more for a signal.
///
/// It returns in two processes, of which the one inside tells what kept the program from running.
///
/// # Errors
/// A namespace that cannot be entered, or a program that cannot be run.
pub fn run(place: Place, command: Command) -> Result<i32> {
    // Before the keeper is there to miss one. Ctrl-C is the program's business, as it is a shell's.
    let mask = watched();
    mask.thread_block().context("block signals")?;
    let directory = std::env::current_dir().ok();
    let (held, leash) = pipe2(nix::fcntl::OFlag::O_CLOEXEC).context("make a pipe")?;
    // The user namespace first: it gives the right to enter the others.
    if let Some(user) = &place.user {
        setns(user, CloneFlags::empty()).context("enter the lab's user namespace")?;
    }
    // What is forked from here on is born there.
    setns(&place.pid, CloneFlags::empty()).context("enter the lab's PID namespace")?;
    match sys::fork()? {
        ForkResult::Child => {
            drop(leash);
            keep(place.others, directory, command, &held, &mask)
        }
        ForkResult::Parent { child } => {
            drop((held, command));
            let code = follow(child, &mask);
            drop(leash);
            code
        }
    }
}

/// Lets a process that is started outside, such as a lab's command, die with the thread that starts it.
pub fn tie(command: &mut Command) {
    sys::die_with_parent(command);
}

fn watched() -> SigSet {
    use Signal::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCHLD].into_iter().collect()
}

/// The command's part: passes on what asks it to end, and waits.
fn follow(keeper: Pid, mask: &SigSet) -> Result<i32> {
    let signals = SignalFd::with_flags(mask, SfdFlags::SFD_CLOEXEC).context("watch signals")?;
    loop {
        if let Some(code) = ended(keeper)? {
            return Ok(code);
        }
        if let Some(signal) = read(&signals)? {
            // One that has just ended is seen in the next turn.
            let _ = kill(keeper, signal);
        }
    }
}

/// The next signal that asks for an end; `None`: it was another one.
fn read(signals: &SignalFd) -> Result<Option<Signal>> {
    let info = signals.read_signal().context("read a signal")?;
    let signal = info.and_then(|info| Signal::try_from(info.ssi_signo as i32).ok());
    Ok(signal.filter(|signal| matches!(signal, Signal::SIGTERM | Signal::SIGHUP)))
}

/// The keeper's part, inside.
fn keep(
    others: Vec<File>,
    directory: Option<PathBuf>,
    mut command: Command,
    leash: &OwnedFd,
    mask: &SigSet,
) -> Result<i32> {
    nix::sys::prctl::set_name(c"anybed-keeper").context("name the keeper")?;
    for file in &others {
        setns(file, CloneFlags::empty()).context("enter the lab")?;
    }
    drop(others);
    nix::sys::prctl::set_child_subreaper(true).context("adopt orphans")?;
    // Entering the mounts led to their root. The lab has a /run of its own, and all else of the machine's.
    if let Some(directory) = directory
        && std::env::set_current_dir(&directory).is_err()
    {
        command.env("PWD", "/");
    }
    sys::die_with_parent(&mut command);
    let name: OsString = command.get_program().to_owned();
    let signals = SignalFd::with_flags(mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
    let signals = signals.context("watch signals")?;
    let child = command.spawn().with_context(|| format!("run {}", name.to_string_lossy()))?;
    drop(command);
    let program = Pid::from_raw(child.id() as i32);
    let (mut code, mut deadline, mut leash) = (None, None::<Instant>, Some(leash));
    loop {
        while let Some((pid, ended)) = reap()? {
            if pid == program {
                code = Some(ended);
            }
        }
        match (code, deadline) {
            // What it has left in the background was meant to stay.
            (Some(code), None) => return Ok(code),
            (Some(code), Some(_)) => return kill_all(&signals).map(|()| code),
            (None, Some(deadline)) if Instant::now() >= deadline => {
                kill_all(&signals)?;
                return Ok(128 + Signal::SIGKILL as i32);
            }
            (None, _) => {}
        }
        let timeout = deadline.map_or(PollTimeout::NONE, until);
        let mut ready = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        ready.extend(leash.map(|leash| PollFd::new(leash.as_fd(), PollFlags::POLLIN)));
        poll(&mut ready, timeout).context("wait for the program")?;
        let mut told = Vec::new();
        if ready.get(1).and_then(PollFd::any).unwrap_or(false) {
            leash = None;
            told.push(Signal::SIGTERM);
        }
        while let Ok(Some(info)) = signals.read_signal() {
            let signal = Signal::try_from(info.ssi_signo as i32).ok();
            told.extend(signal.filter(|signal| matches!(signal, Signal::SIGTERM | Signal::SIGHUP)));
        }
        for signal in told {
            deadline.get_or_insert_with(|| Instant::now() + GRACE);
            let _ = kill(program, signal);
        }
    }
}

fn ended(pid: Pid) -> Result<Option<i32>> {
    let status = waitpid(pid, Some(WaitPidFlag::WNOHANG)).context("wait for the keeper")?;
    Ok(exit_code(status).map(|(_, code)| code))
}

/// One child that has ended.
fn reap() -> Result<Option<(Pid, i32)>> {
    match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Err(nix::errno::Errno::ECHILD) => Ok(None),
        status => Ok(exit_code(status.context("wait for the program")?)),
    }
}

fn exit_code(status: WaitStatus) -> Option<(Pid, i32)> {
    match status {
        WaitStatus::Exited(pid, code) => Some((pid, code)),
        WaitStatus::Signaled(pid, signal, _) => Some((pid, 128 + signal as i32)),
        _ => None,
    }
}

/// A millisecond more, so that the deadline has passed afterwards.
fn until(deadline: Instant) -> PollTimeout {
    let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

/// Ends everything that the program has started, and what that has. Whose parent ends is ours by the time that we
/// are told of that end: so each turn waits for a SIGCHLD.
fn kill_all(signals: &SignalFd) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // Signals first: a child that ends after this is told by another one.
        while let Ok(Some(_)) = signals.read_signal() {}
        while reap()?.is_some() {}
        let left = descendants(Pid::this())?;
        if left.is_empty() || Instant::now() > deadline {
            return Ok(());
        }
        for pid in left {
            let _ = kill(pid, Signal::SIGKILL);
        }
        poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], until(deadline)).context("wait for an end")?;
    }
}

/// All processes below this one, as `/proc` has them.
fn descendants(of: Pid) -> Result<Vec<Pid>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").context("list processes")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        if let Ok(Some(parent)) = parent(pid) {
            parents.push((pid, parent));
        }
    }
    let mut found = vec![of.as_raw()];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    Ok(found.into_iter().skip(1).map(Pid::from_raw).collect())
}

fn parent(pid: i32) -> io::Result<Option<i32>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; after it come state and parent.
    Ok(stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_below_a_process_is_found() {
        let mut shell = Command::new("sh").args(["-c", "sleep 60 & (sleep 60 & wait); wait"]).spawn().unwrap();
        let own = Pid::from_raw(shell.id() as i32);
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut found = Vec::new();
        // Two sleeps and the shell between.
        while found.len() < 3 && Instant::now() < deadline {
            found = descendants(own).unwrap();
        }
        for pid in &found {
            let _ = kill(*pid, Signal::SIGKILL);
        }
        shell.kill().unwrap();
        shell.wait().unwrap();
        assert_eq!(found.len(), 3);
    }
}
