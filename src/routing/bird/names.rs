//! What BIRD is called, and where a node's BIRD keeps what, inside the sandbox.

use std::path::{Path, PathBuf};

use crate::program::{PRIVATE, Process, ProcessKind};

pub(super) const TITLE: &str = "BIRD";

/// What runs, by the word of lab files, and the folder of its configs.
pub(super) const PROCESS: Process = Process { kind: ProcessKind::Routing, name: "bird" };

/// Its control socket.
pub(super) fn socket(node: &str) -> PathBuf {
    Path::new(PRIVATE).join(format!("{node}.ctl"))
}

/// Where it dumps what it hears.
pub(super) fn dump(node: &str) -> PathBuf {
    Path::new(PRIVATE).join(format!("{node}.mrt"))
}
