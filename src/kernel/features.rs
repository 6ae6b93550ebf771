//! What this kernel and these privileges allow, found by trying, in throw-away namespaces.

use std::fs;
use std::io;

use nix::sched::CloneFlags;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::geteuid;

use super::interface::Netlink;
use super::sys;
use crate::physics::Backend;

/// How much a missing thing matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// No lab runs without it.
    Needed,
    /// Some labs, or some features, need it.
    Useful,
}

/// One thing looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    pub name: &'static str,
    pub weight: Weight,
    pub found: String,
    /// What to do about it; `None` when all is well.
    pub fix: Option<String>,
}

/// Looks at everything but BIRD.
pub fn examine() -> Vec<Finding> {
    vec![privileges(), sandbox(), netem(), tun(), descriptors(), namespaces(), neighbors()]
}

fn privileges() -> Finding {
    let found = if geteuid().is_root() { "root" } else { "an ordinary user: labs run in a user namespace" };
    Finding { name: "privileges", weight: Weight::Needed, found: found.into(), fix: None }
}

/// Tries the very namespaces a lab starts with.
fn sandbox() -> Finding {
    let mut flags = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET;
    if !geteuid().is_root() {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    let (found, fix) = match try_in(flags, || Ok(())) {
        Ok(()) => ("can be created".into(), None),
        Err(error) => (format!("cannot be created: {error}"), Some(namespace_fix())),
    };
    Finding { name: "sandbox", weight: Weight::Needed, found, fix }
}

fn namespace_fix() -> String {
    let setting = |path: &str| fs::read_to_string(path).ok().map(|s| s.trim().to_owned());
    if setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").as_deref() == Some("1") {
        "`sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run as root".into()
    } else if setting("/proc/sys/kernel/unprivileged_userns_clone").as_deref() == Some("0") {
        "`sudo sysctl kernel.unprivileged_userns_clone=1`, or run as root".into()
    } else {
        "run as root; in a container, start it with --privileged".into()
    }
}

fn netem() -> Finding {
    let (found, fix) = match netem_works() {
        Ok(true) => ("available".into(), None),
        Ok(false) => (
            "not in this kernel".into(),
            Some("`sudo modprobe sch_netem` (package linux-modules-extra on cloud kernels)".into()),
        ),
        Err(error) => (format!("not known: {error}"), Some(namespace_fix())),
    };
    Finding { name: "netem", weight: Weight::Useful, found, fix }
}

/// Whether `lo` of a throw-away namespace takes a `netem`. For a process of one thread; inside a lab,
/// ask [`Netlink::has_netem`].
pub fn netem_works() -> io::Result<bool> {
    let mut flags = CloneFlags::CLONE_NEWNET;
    if !geteuid().is_root() {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let found = runtime.block_on(async { Netlink::here("a throw-away namespace")?.has_netem().await });
        found.map_err(|error| io::Error::other(format!("{error:#}")))
    };
    // The child's exit code is all that comes back.
    let add = || if ask()? { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) };
    try_in(flags, || Ok(()))?;
    Ok(try_in(flags, add).is_ok())
}

fn tun() -> Finding {
    let (found, fix) = match open_tun() {
        Ok(()) => ("/dev/net/tun opens".into(), None),
        Err(error) => {
            (format!("/dev/net/tun: {error}"), Some("`sudo modprobe tun && sudo chmod 666 /dev/net/tun`".into()))
        }
    };
    Finding { name: "TUN", weight: Weight::Useful, found, fix }
}

/// Neither netem nor TUN is there, as the lab file wants it.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    #[error(
        "this lab impairs links, and there is neither netem in this kernel (`sudo modprobe sch_netem`; package \
         linux-modules-extra on cloud kernels) nor /dev/net/tun for wires ({0}; `sudo modprobe tun && sudo chmod 666 \
         /dev/net/tun`, or run as root)"
    )]
    Neither(io::Error),
    #[error(
        "the lab file asks for netem, which is not in this kernel: `sudo modprobe sch_netem`, or `backend = \"auto\"`"
    )]
    NoNetem,
    #[error(
        "the lab file asks for wires, and /dev/net/tun cannot be opened ({0}): `sudo modprobe tun && sudo chmod 666 /dev/net/tun`, run as root, or `backend = \"auto\"`"
    )]
    NoTun(io::Error),
}

/// Who impairs the links of a lab on this machine: netem where it is there, else wires. For a process of
/// one thread.
pub fn backend(wanted: Backend) -> Result<Backend, BackendError> {
    let netem = || wanted != Backend::Wire && netem_works().unwrap_or(false);
    match (wanted, open_tun()) {
        (Backend::Auto | Backend::Netem, _) if netem() => Ok(Backend::Netem),
        (Backend::Netem, _) => Err(BackendError::NoNetem),
        (Backend::Auto | Backend::Wire, Ok(())) => Ok(Backend::Wire),
        (Backend::Wire, Err(error)) => Err(BackendError::NoTun(error)),
        (Backend::Auto, Err(error)) => Err(BackendError::Neither(error)),
    }
}

/// Whether this process may make TAP interfaces.
pub fn open_tun() -> io::Result<()> {
    fs::File::options().read(true).write(true).open("/dev/net/tun").map(drop)
}

/// Descriptors that a lab of 1000 nodes holds open.
const DESCRIPTORS: u64 = 8192;

fn descriptors() -> Finding {
    let hard = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard);
    let fix = (hard < DESCRIPTORS).then(|| format!("`ulimit -Hn {DESCRIPTORS}` for labs of 1000 nodes"));
    Finding { name: "open files", weight: Weight::Useful, found: format!("up to {hard}"), fix }
}

/// Namespaces of the largest lab that the budgets speak of.
const NAMESPACES: u64 = 1000;

fn namespaces() -> Finding {
    let number = |path: &str| fs::read_to_string(path).ok().and_then(|s| s.trim().parse::<u64>().ok()).unwrap_or(0);
    let most = number("/proc/sys/user/max_net_namespaces");
    let fix = (most < NAMESPACES).then(|| "`sudo sysctl user.max_net_namespaces=10000`".to_owned());
    let weight = if most == 0 { Weight::Needed } else { Weight::Useful };
    Finding { name: "namespaces", weight, found: format!("up to {most} network namespaces"), fix }
}

fn neighbors() -> Finding {
    // One table for the whole kernel; permanent entries, which anybed uses, do not count.
    let found = "permanent entries are used: the kernel-wide table's limit does not apply".into();
    Finding { name: "neighbors", weight: Weight::Useful, found, fix: None }
}

/// Runs `attempt` in a child process in new namespaces.
fn try_in(flags: CloneFlags, attempt: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match sys::fork_into(flags) {
        Err(error) => Err(io::Error::other(format!("{error:#}"))),
        Ok(None) => std::process::exit(i32::from(attempt().is_err())),
        Ok(Some(child)) => match waitpid(child, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            status => Err(io::Error::other(format!("{status:?}"))),
        },
    }
}
