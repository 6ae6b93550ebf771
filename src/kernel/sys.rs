//! The system calls that the compiler cannot vouch for. The only module with `unsafe`.
#![expect(unsafe_code, reason = "fork, clone and exec hooks have no safe form; each block says why it is sound")]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::sched::CloneFlags;
use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, Pid};

/// `fork`, refused once the process has a second thread: a forked child of a threaded process may
/// call only async-signal-safe functions.
pub fn fork() -> Result<ForkResult> {
    ensure_single_threaded()?;
    // SAFETY: the process has one thread, so the child is a full copy with no lock held elsewhere.
    Ok(unsafe { nix::unistd::fork() }?)
}

/// Forks into the new namespaces of `flags`. With `CLONE_NEWPID` the child is process 1 of its own.
/// `None` in the child.
pub fn fork_into(flags: CloneFlags) -> Result<Option<Pid>> {
    ensure_single_threaded()?;
    let flags = flags.bits() as libc::c_long | libc::SIGCHLD as libc::c_long;
    // SAFETY: with a null stack and without CLONE_VM, clone(2) is fork(2) with new namespaces; the
    // process has one thread (checked above). The argument order differs only in arguments that are null.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match pid {
        -1 => Err(io::Error::last_os_error()).context("clone into new namespaces"),
        0 => Ok(None),
        pid => Ok(Some(Pid::from_raw(pid as i32))),
    }
}

fn ensure_single_threaded() -> Result<()> {
    let threads = std::fs::read_dir("/proc/self/task").context("list own threads")?.count();
    ensure!(threads == 1, "fork with {threads} threads running");
    Ok(())
}

/// Makes `command` die with the thread that spawns it, and begin with no signal blocked.
pub fn die_with_parent(command: &mut Command) {
    let prepare = || {
        nix::sys::signal::SigSet::empty().thread_set_mask()?;
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        Ok(())
    };
    // SAFETY: sigprocmask and prctl are async-signal-safe system calls; nothing is allocated or locked.
    unsafe { command.pre_exec(prepare) };
}

/// A descriptor that becomes readable when process `pid` has ended; for process 1 of a PID namespace,
/// when every process in it has.
pub fn watch_end(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two numbers and returns a new descriptor or -1.
    match unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the kernel has just opened it for this process.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) }),
    }
}

/// Makes of `file`, an open `/dev/net/tun`, one end of a new TAP interface in the namespace that the
/// file was opened in. It goes when the file is closed, unless [`keep_tap`] is called.
pub fn create_tap(file: &File, name: &str, index: u32, mac: [u8; 6]) -> io::Result<()> {
    let index = libc::c_int::try_from(index).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut request = interface_request(name)?;
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: TUNSETIFINDEX reads an int and TUNSETIFF reads and writes an ifreq; both live on this stack
    // for as long as the calls take.
    let created = unsafe {
        match libc::ioctl(file.as_raw_fd(), libc::TUNSETIFINDEX, &raw const index) {
            0 => libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request),
            failed => failed,
        }
    };
    succeeded(created)?;
    let mut address = libc::sockaddr { sa_family: libc::ARPHRD_ETHER, sa_data: [0; 14] };
    for (to, from) in address.sa_data.iter_mut().zip(mac) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_hwaddr = address;
    // SAFETY: on a TAP's descriptor SIOCSIFHWADDR reads an ifreq, whose address has just been set.
    succeeded(unsafe { libc::ioctl(file.as_raw_fd(), libc::SIOCSIFHWADDR, &raw const request) })
}

/// Lets the TAP interface of `file` stay when the file is closed, until its namespace goes.
pub fn keep_tap(file: &File) -> io::Result<()> {
    // SAFETY: TUNSETPERSIST takes a number in place of a pointer.
    succeeded(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETPERSIST, libc::c_ulong::from(true)) })
}

/// A socket for whole frames of interface `index` in the calling thread's namespace: it reads all that arrive,
/// whatever they are, and not what it sends itself.
///
/// # Errors
/// Without the right to raw sockets in the namespace.
pub fn packet_socket(index: u32) -> io::Result<OwnedFd> {
    let index = libc::c_int::try_from(index).map_err(|_| io::ErrorKind::InvalidInput)?;
    let (every, yes) = ((libc::ETH_P_ALL as u16).to_be(), 1 as libc::c_int);
    // SAFETY: a sockaddr_ll is numbers and arrays of such: all zeros are a value of it.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = every;
    address.sll_ifindex = index;
    // SAFETY: socket takes numbers; of protocol 0, it reads nothing before it is bound.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    succeeded(fd)?;
    // SAFETY: the kernel has just opened it for this process.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: setsockopt reads an int and bind a sockaddr_ll, with their sizes; both live on this stack.
    unsafe {
        let (of, size) = (libc::SOL_PACKET, size_of_val(&yes) as libc::socklen_t);
        succeeded(libc::setsockopt(fd, of, libc::PACKET_IGNORE_OUTGOING, (&raw const yes).cast(), size))?;
        let size = size_of_val(&address) as libc::socklen_t;
        succeeded(libc::bind(fd, (&raw const address).cast(), size))?;
    }
    Ok(socket)
}

/// Lets the calling thread run before every thread of ordinary priority, whatever their number.
///
/// # Errors
/// Without the privilege, which is root's outside of any user namespace.
pub fn run_first() -> io::Result<()> {
    // SAFETY: a sched_param is numbers, and zero is a value of each.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = 1;
    // SAFETY: it reads the sched_param, which lives on this stack; process 0 is the calling thread.
    succeeded(unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const parameters) })
}

fn interface_request(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: an ifreq is numbers, arrays and a union of such: all zeros are a value of it.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero and ends the name.
    if name.is_empty() || name.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}

fn succeeded(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Points standard descriptor `target` (0, 1 or 2) at `file`.
pub fn redirect(file: &impl AsRawFd, target: RawFd) -> io::Result<()> {
    // SAFETY: dup2 replaces `target` in one step; both numbers are valid descriptors of this process.
    match unsafe { libc::dup2(file.as_raw_fd(), target) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
