//! What FRR's processes are called, and where a node's FRR keeps what, inside the sandbox.

use std::path::{Path, PathBuf};

use crate::program::{PRIVATE, Process, ProcessKind};
use crate::routing::daemon::Needs;
use crate::topology::Family;

pub(super) const TITLE: &str = "FRR";

/// The word of lab files, and the folder of its configs.
pub(super) const MAKE: &str = "frr";

/// It writes the kernel's table for all others, which connect to it.
pub(super) const ZEBRA: Process = Process { kind: ProcessKind::Service, name: "zebra" };
pub(super) const BGPD: Process = Process { kind: ProcessKind::Routing, name: "bgpd" };
pub(super) const OSPFD: Process = Process { kind: ProcessKind::Service, name: "ospfd" };
pub(super) const OSPF6D: Process = Process { kind: ProcessKind::Service, name: "ospf6d" };
pub(super) const BFDD: Process = Process { kind: ProcessKind::Service, name: "bfdd" };

/// In the order of their start.
pub(super) fn processes(needs: &Needs) -> Vec<Process> {
    let wanted = [
        (ZEBRA, true),
        (BFDD, needs.bfd),
        (OSPFD, needs.igp.contains(&Family::Ipv4)),
        (OSPF6D, needs.igp.contains(&Family::Ipv6)),
        (BGPD, true),
    ];
    wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(process, _)| process).collect()
}

/// What is a node's only.
pub(super) fn folder(node: &str) -> PathBuf {
    Path::new(PRIVATE).join(format!("{node}.{MAKE}"))
}

/// Where one of its processes is controlled: `vtysh --vty_socket FOLDER` finds it by this name.
pub(super) fn vty(node: &str, process: Process) -> PathBuf {
    folder(node).join(format!("{}.vty", process.name))
}

/// Where the others talk to zebra.
pub(super) fn kernel_socket(node: &str) -> PathBuf {
    folder(node).join("zserv.api")
}

/// Where bgpd dumps what it hears.
pub(super) fn dump(node: &str) -> PathBuf {
    folder(node).join("updates.mrt")
}

/// Its config as bgpd has read it last.
pub(super) const READ: &str = "read.conf";
