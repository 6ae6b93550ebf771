//! What runs on a node: how a program is started, what it finds there, and when it is ready.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The run directory, seen from inside the sandbox.
pub const OUT: &str = "/run/anybed/out";
/// What its processes have written to their standard output and error.
pub const LOGS: &str = "/run/anybed/out/logs";
/// What a lab needs while it runs, on a private tmpfs that ends with it.
pub const PRIVATE: &str = "/run/anybed";

/// What a process is to its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessKind {
    /// It talks BGP.
    Routing,
    /// It hosts overlay nodes and plain sites.
    Node,
    /// Any other program.
    Service,
}

/// A process of a node, by the word that faults have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    pub kind: ProcessKind,
    pub name: &'static str,
}

impl Process {
    /// `anybed node`: overlay nodes and plain sites.
    pub const NODE: Self = Self { kind: ProcessKind::Node, name: "node" };
    /// It tells routers which ROAs there are (RFC 8210).
    pub const RTR: Self = Self { kind: ProcessKind::Service, name: "rtr" };
}

/// How to start a process, and what must be there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub process: Process,
    pub executable: Executable,
    pub arguments: Vec<String>,
    /// Further arguments when it is started again.
    pub again: Vec<String>,
    /// The first is the one that people read.
    pub files: Vec<File>,
    /// Receives standard output and standard error.
    pub log: PathBuf,
    pub ready: Ready,
    /// The socket by which others of its node know that it is there.
    pub makes: Option<PathBuf>,
    /// That of another, which must be there first.
    pub after: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executable {
    /// This very program, even if its file has been replaced since.
    Own,
    /// The routing daemon that was found on this machine.
    Daemon,
    /// The RTR server that was.
    Rtr,
}

/// When a program can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// All its BGP sessions are established.
    Sessions,
    /// It has connected to the supervisor.
    Connected,
    /// It runs.
    Started,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: PathBuf,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Text(String),
    /// What a host's node is told, as the faults in force leave it: written when it starts.
    Host,
}

impl Program {
    /// The config that people read.
    pub fn config(&self) -> Option<&str> {
        self.files.first().and_then(File::text)
    }
}

impl File {
    pub fn new(path: PathBuf, text: String) -> Self {
        Self { path, content: Content::Text(text) }
    }

    /// `None`: it is written when its program starts.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Host => None,
        }
    }
}

/// What a node's process logs to.
pub fn log(node: &str, process: Process) -> PathBuf {
    Path::new(LOGS).join(format!("{node}.{}.log", process.name))
}

/// The program of a host's overlay nodes and plain sites.
pub fn of_node(host: &str) -> Program {
    let config = Path::new(PRIVATE).join(format!("{host}.node.json"));
    Program {
        process: Process::NODE,
        executable: Executable::Own,
        arguments: vec!["node".into(), "--config".into(), config.display().to_string()],
        again: Vec::new(),
        files: vec![File { path: config, content: Content::Host }],
        log: log(host, Process::NODE),
        ready: Ready::Connected,
        makes: None,
        after: None,
    }
}
