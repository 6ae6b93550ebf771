//! The sandbox: new PID, mount and network namespaces (and a user namespace when not root), with a
//! tiny init as process 1 and the supervisor under it.
//!
//! Three processes make a lab. The **command** stays outside; it holds a *leash*, a pipe that init
//! watches. **Init** is process 1 of the sandbox; when it ends, the kernel ends every process in it,
//! and with them their namespaces, interfaces and mounts. The **supervisor** does the work.
//! Whichever of them is killed, the others notice: the leash breaks, or init's child ends, or the
//! command's child does.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getegid, geteuid, pipe2, setsid};

use crate::kernel::sys;

pub use crate::program::{OUT, PRIVATE};

/// Exit code when the lab itself failed.
pub const FAILED: i32 = 4;

const READY: u8 = b'r';
const RELEASE: u8 = b'l';

/// Which process this is after [`enter`].
pub enum Side {
    /// The command that started the lab.
    Outside(Outside),
    /// The supervisor, inside.
    Inside(Inside),
}

/// The command's hold on its lab.
pub struct Outside {
    init: Pid,
    leash: File,
    ready: File,
    signals: SignalFd,
}

/// The supervisor's line to the command.
pub struct Inside {
    ready: File,
}

/// How a lab's start or run ended, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The lab is up and lives on without the command.
    Detached,
    /// The lab ended with this exit code.
    Ended(i32),
}

/// Enters a new sandbox. Must be called before any thread exists. `out` is the run directory; inside
/// it is [`OUT`], wherever it lies. What programs write to the `scratch` folders ends with the sandbox.
pub fn enter(out: &Path, scratch: &[&str]) -> Result<Side> {
    let (leash_held, leash) = pipe2(nix::fcntl::OFlag::O_CLOEXEC).context("make a pipe")?;
    let (ready, ready_inside) = pipe2(nix::fcntl::OFlag::O_CLOEXEC).context("make a pipe")?;
    let mask = watched_signals();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None).context("block signals")?;
    let (uid, gid) = (geteuid(), getegid());
    let mut flags = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET;
    if !uid.is_root() {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    if let Some(init) = sys::fork_into(flags)? {
        drop((leash_held, ready_inside));
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        let signals = signals.context("watch signals")?;
        return Ok(Side::Outside(Outside { init, leash: leash.into(), ready: ready.into(), signals }));
    }
    drop((leash, ready));
    let prepared = prepare(uid.as_raw(), gid.as_raw(), out, scratch);
    if let Err(error) = prepared.context("prepare the sandbox") {
        complain(&error);
        std::process::exit(3);
    }
    match sys::fork()? {
        ForkResult::Parent { child } => {
            drop(ready_inside);
            std::process::exit(init(child, leash_held, &mask))
        }
        ForkResult::Child => {
            drop(leash_held);
            sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&mask), None).context("unblock signals")?;
            nix::sys::prctl::set_name(c"anybed-lab").context("name the supervisor")?;
            Ok(Side::Inside(Inside { ready: ready_inside.into() }))
        }
    }
}

/// Process 1 has no logger and no caller: it says what went wrong on standard error.
#[expect(clippy::print_stderr, reason = "process 1 of the sandbox has nothing else to report through")]
fn complain(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

fn watched_signals() -> SigSet {
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCHLD].into_iter().collect()
}

/// Makes the new namespaces a place to live in.
fn prepare(uid: u32, gid: u32, out: &Path, scratch: &[&str]) -> Result<()> {
    nix::sys::prctl::set_name(c"anybed-init").context("name init")?;
    // Out of the terminal's process group: Ctrl-C reaches the command alone, which passes it on.
    setsid().context("start a session")?;
    if uid != 0 {
        // The kernel wants setgroups denied before an ordinary user may map its group.
        write_own("setgroups", "deny")?;
        write_own("uid_map", &format!("0 {uid} 1"))?;
        write_own("gid_map", &format!("0 {gid} 1"))?;
    }
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).context("make mounts private")?;
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), quiet, none)
        .context("mount /proc (inside a container, it must not mask its own /proc)")?;
    // Held by a descriptor, as it may lie below /run. Opened here: a mount of another namespace cannot be bound.
    let out = File::open(out).with_context(|| format!("open run directory {}", out.display()))?;
    // Descriptors opened before this one (the run directory, the lab's socket) stay usable.
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some("mode=0755"))
        .context("mount a private /run")?;
    for directory in [crate::kernel::namespace::NAMES, OUT] {
        fs::create_dir_all(directory).with_context(|| format!("create {directory}"))?;
    }
    for folder in scratch {
        mount(Some("tmpfs"), *folder, Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some("mode=1777"))
            .with_context(|| format!("mount a private {folder}"))?;
    }
    let out = format!("/proc/self/fd/{}", out.as_raw_fd());
    mount(Some(&*out), OUT, none, MsFlags::MS_BIND, none).context("bind the run directory")
}

fn write_own(file: &str, text: &str) -> Result<()> {
    let path = format!("/proc/self/{file}");
    fs::write(&path, text).with_context(|| format!("write {text:?} to {path}"))
}

/// Whether somebody asked the command to end while it held no lab. [`enter`] has blocked the signals, so
/// that they wait to be read.
pub fn is_interrupted() -> Result<bool> {
    let mut mask = watched_signals();
    mask.remove(Signal::SIGCHLD);
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
    let signals = signals.context("watch signals")?;
    Ok(matches!(signals.read_signal(), Ok(Some(_))))
}

/// Process 1: reaps, forwards signals, ends with its supervisor or with the leash.
fn init(supervisor: Pid, leash: OwnedFd, mask: &SigSet) -> i32 {
    let Ok(signals) = SignalFd::with_flags(mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK) else {
        return FAILED;
    };
    let mut leash = Some(File::from(leash));
    loop {
        if let Some(code) = reap(supervisor) {
            return code;
        }
        let mut watched = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        watched.extend(leash.as_ref().map(|l| PollFd::new(l.as_fd(), PollFlags::POLLIN)));
        // EINTR cannot happen: every signal with a handler is blocked.
        let _ = poll(&mut watched, PollTimeout::NONE);
        let leash_spoke = watched.get(1).and_then(PollFd::any).unwrap_or(false);
        while let Ok(Some(info)) = signals.read_signal() {
            match Signal::try_from(info.ssi_signo as i32) {
                Ok(Signal::SIGCHLD) | Err(_) => {}
                // A supervisor that has just ended is seen by the next reap.
                Ok(signal) => drop(kill(supervisor, signal)),
            }
        }
        if leash_spoke {
            match leash.as_mut().map(read_byte) {
                Some(Some(RELEASE)) => {
                    leash = None;
                    let_go_of_caller();
                }
                // The command is gone: so are we, and with us everything in here.
                _ => return FAILED,
            }
        }
    }
}

/// Whoever reads the command's output through a pipe waits until the last holder of its end is gone.
fn let_go_of_caller() {
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        for target in [0, 1, 2] {
            let _ = sys::redirect(&null, target);
        }
    }
}

fn reap(supervisor: Pid) -> Option<i32> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == supervisor => return Some(code),
            Ok(WaitStatus::Signaled(pid, ..)) if pid == supervisor => return Some(FAILED),
            Ok(WaitStatus::StillAlive) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

fn read_byte(file: &mut File) -> Option<u8> {
    let mut byte = [0];
    (file.read(&mut byte).ok()? == 1).then_some(byte[0])
}

impl Outside {
    /// Process 1 of the sandbox, as seen from outside.
    pub fn init(&self) -> i32 {
        self.init.as_raw()
    }

    /// Waits for the lab to end, or to be up: lets it go then, if `up` says so. Passes signals on; the second one kills.
    pub fn wait(mut self, up: &dyn Fn() -> bool) -> Result<Ending> {
        let mut signaled = 0;
        let mut ready = Some(self.ready);
        loop {
            if let Some(code) = ended(self.init)? {
                return Ok(Ending::Ended(code));
            }
            let mut watched = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            watched.extend(ready.as_ref().map(|r| PollFd::new(r.as_fd(), PollFlags::POLLIN)));
            poll(&mut watched, PollTimeout::NONE).context("wait for the lab")?;
            let ready_spoke = watched.get(1).and_then(PollFd::any).unwrap_or(false);
            while let Ok(Some(info)) = self.signals.read_signal() {
                match Signal::try_from(info.ssi_signo as i32) {
                    Ok(Signal::SIGCHLD) | Err(_) => {}
                    Ok(signal) => {
                        signaled += 1;
                        kill(self.init, if signaled > 1 { Signal::SIGKILL } else { signal })
                            .context("pass a signal on")?;
                    }
                }
            }
            if ready_spoke {
                match ready.as_mut().and_then(read_byte) {
                    Some(READY) if up() => {
                        self.leash.write_all(&[RELEASE]).context("let the lab go")?;
                        return Ok(Ending::Detached);
                    }
                    Some(_) => {}
                    None => ready = None,
                }
            }
        }
    }
}

fn ended(init: Pid) -> Result<Option<i32>> {
    match waitpid(init, Some(WaitPidFlag::WNOHANG)).context("wait for init")? {
        WaitStatus::Exited(_, code) => Ok(Some(code)),
        WaitStatus::Signaled(..) => Ok(Some(FAILED)),
        _ => Ok(None),
    }
}

impl Inside {
    /// Tells the command that the lab is up.
    pub fn ready(&mut self) -> Result<()> {
        self.ready.write_all(&[READY]).context("tell the command that the lab is up")
    }
}
