//! What a routing daemon is to the rest of anybed, whichever it is.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use futures_util::future::BoxFuture;
use ipnet::IpNet;

use super::route::Route;
use super::speaker::Speaker;
use crate::program::{Process, Program};
use crate::topology::{Family, Roa};

/// A make of routing daemon: a row of [`super::registry`].
pub trait Daemon: fmt::Debug + Sync {
    /// The row's own.
    fn name(&self) -> &'static str;

    /// What people call it; several rows may be one to them.
    fn title(&self) -> &'static str;

    /// A lab file's word for whichever of these rows is there, and the folder of configs.
    fn make(&self) -> &'static str;

    /// Whether it can announce the groups of a host: [`Control::set`].
    fn on_hosts(&self) -> bool;

    /// What runs on a node with these needs, in the order of its start. The one that talks BGP is of
    /// [`crate::program::ProcessKind::Routing`].
    fn processes(&self, needs: &Needs) -> Vec<Process>;

    /// Where such a daemon may be on this machine, the likeliest first: those of `named` that are of this make, and
    /// where they usually are.
    ///
    /// # Errors
    /// Nowhere.
    fn places(&self, named: &Places) -> Result<Vec<PathBuf>, FindError>;

    /// Looks at the one there.
    ///
    /// # Errors
    /// Not runnable, or not a version of this row.
    fn examine(&'static self, path: &Path) -> Result<Installed, FindError>;

    /// Whether the one that is here can be told of ROAs by a server.
    ///
    /// # Errors
    /// It lacks what that takes.
    fn can_validate(&self, _: &Installed) -> Result<(), FindError> {
        Ok(())
    }

    /// Whether it can do that.
    fn has(&self, feature: Feature) -> bool;

    /// Folders of the whole machine that it writes to, whatever it is told.
    fn scratch(&self) -> &'static [&'static str] {
        &[]
    }

    /// How long it may say nothing though it has something to say: a session that is up, or a route that has changed.
    fn hesitates(&self) -> Duration {
        Duration::ZERO
    }

    /// What is started for `process` of the one at `path`.
    fn executable(&self, path: &Path, process: Process) -> PathBuf;

    /// What renders its configs, from the templates that anybed carries; those in `own` take precedence. `installed`:
    /// the one that is to read them; `None`: none has been looked for.
    ///
    /// # Errors
    /// A template that cannot be read or compiled.
    fn renderer(&self, own: Option<&Path>, installed: Option<&Installed>) -> Result<Box<dyn Renderer>, RenderError>;

    /// Has `process` of the daemon at `path` read a config without running; the inner `Err` holds its words.
    ///
    /// # Errors
    /// It does not start.
    fn check(&self, path: &Path, process: Process, config: &Path) -> Result<Result<(), String>>;

    /// Where the daemon of a node is controlled, inside the sandbox.
    fn socket(&self, node: &str) -> PathBuf;

    /// Connects to the daemon that is controlled there.
    ///
    /// # Errors
    /// It has not started, or has ended.
    fn control<'a>(&self, socket: &'a Path) -> BoxFuture<'a, Result<Box<dyn Control>>>;

    /// Where the daemon of a node writes down what its neighbors tell it, inside the sandbox, and who reads that;
    /// `None`: nowhere.
    fn heard(&self, node: &str) -> Option<(PathBuf, Box<dyn Heard>)>;
}

/// What not every daemon has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// The least time between two announcements of a prefix to a neighbor (RFC 4271 §9.2.1.1).
    Mrai,
    /// Route flap damping (RFC 2439).
    Damping,
    /// Origins of routes compared with ROAs in its config (RFC 6811).
    StaticValidation,
    /// Prefixes of groups that a gateway announces by itself; what no longer prefix leads on is dropped.
    Origination,
    /// Routes passed on with the path and the next hop that they came with (RFC 7947).
    RouteServer,
    /// Prefixes of others that a gateway announces, and sends to a host.
    Impersonation,
    /// Routes above a number that are not taken, while the session stays.
    Blocking,
    /// A number that a router likes a neighbor's routes by, before all else.
    Weight,
}

/// What a node needs a daemon for besides BGP: some daemons have a process for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// In which it speaks OSPF.
    pub igp: Vec<Family>,
    pub bfd: bool,
}

/// Daemons that are named outside of lab files, by their make, the preferred first.
#[derive(Clone, Debug, Default)]
pub struct Places(pub Vec<(&'static str, PathBuf)>);

impl Places {
    /// Those of a make, then those that the environment variable lists, with colons between.
    pub(super) fn of(&self, make: &str, variable: &str) -> Vec<PathBuf> {
        let named = self.0.iter().filter(|(of, _)| *of == make).map(|(_, path)| path.clone());
        let listed = std::env::var_os(variable).unwrap_or_default();
        let listed = std::env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty());
        named.chain(listed).collect()
    }
}

/// A daemon on this machine.
#[derive(Clone, Debug)]
pub struct Installed {
    pub daemon: &'static dyn Daemon,
    pub path: PathBuf,
    /// `2.0.12`.
    pub version: String,
}

/// Why there is no usable daemon; the text says how to get one.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("{title} is not {place}{hint}")]
    Missing { title: &'static str, place: &'static str, hint: String },
    #[error("{path} is {title} {version}; anybed needs {needed}")]
    Version { title: &'static str, path: PathBuf, version: String, needed: &'static str },
    #[error("{path} does not run: {reason}")]
    Broken { path: PathBuf, reason: String },
}

/// Turns what a node is to do into configs. Touches nothing.
pub trait Renderer: fmt::Debug + Send + Sync {
    /// A program for each of [`Daemon::processes`].
    ///
    /// # Errors
    /// A template that cannot be rendered.
    fn programs(&self, speaker: &Speaker) -> Result<Vec<Program>, RenderError>;
}

#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("read template {path}: {source}")]
    Read { path: String, source: io::Error },
    /// Syntax of the template, or a name it does not get.
    #[error("template {0:#}")]
    Template(#[from] minijinja::Error),
}

/// A connection to a running daemon. Any of its methods fails when the daemon has ended.
pub trait Control: Send + Sync {
    /// Its BGP sessions.
    fn sessions(&mut self) -> BoxFuture<'_, Result<Vec<SessionState>>>;

    /// Routes that it has.
    fn routes<'a>(&'a mut self, to: &'a Destination) -> BoxFuture<'a, Result<Vec<Route>>>;

    /// Announces a group of the host, by the name of [`super::speaker::HostGroup::protocol`], or does not. What is
    /// so already stays so.
    fn set<'a>(&'a mut self, group: &'a str, addresses: &'a [IpAddr], to: Announce) -> BoxFuture<'a, Result<()>>;

    /// The ROAs that it has been told of by a server, in no order.
    fn roas(&mut self) -> BoxFuture<'_, Result<Vec<Roa>>>;

    /// Has it hold all that it has heard against the ROAs that it has, if it does not of its own accord.
    fn validate(&mut self) -> BoxFuture<'_, Result<()>>;

    /// Has it tell the kernel once more of what it originates of these, if it may have told nobody.
    fn insist<'a>(&'a mut self, _missing: &'a [IpNet]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// Has it read its config again. Sessions that have not changed stay up, and groups announced.
    fn reconfigure(&mut self) -> BoxFuture<'_, Result<()>>;

    /// Returns when the daemon has closed the connection.
    fn closed(&mut self) -> BoxFuture<'_, ()>;
}

/// How a group is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announce {
    Plain,
    /// With the community of a graceful shutdown (RFC 8326).
    Drain,
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    All,
    Prefix(IpNet),
    Address(IpAddr),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionState {
    pub name: String,
    pub up: bool,
    /// The daemon's own word.
    pub state: String,
}

/// Reads what a daemon has written down of its BGP sessions, in pieces as they come.
pub trait Heard: Send {
    /// Reads whole records from the begin of `bytes`; returns what they say, and how many bytes they took.
    fn read(&mut self, bytes: &[u8]) -> (Vec<Said>, usize);
}

/// Something that a daemon has noted of its neighbors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// An UPDATE from this neighbor, with so many routes. An End-of-RIB (RFC 4724) is none.
    Update { peer: IpAddr, announced: u32, withdrawn: u32 },
    /// The session with this neighbor was established, or has ended; `None`: with one of several of this AS.
    Session { peer: Option<IpAddr>, asn: u32, up: bool },
}
