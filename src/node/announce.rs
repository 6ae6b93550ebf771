//! Announcing groups from a host: the address on `lo`, and the route in the host's own routing daemon.
//!
//! The announcer keeps the daemon at what is wanted: one that has been restarted begins with every
//! group disabled and is told again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::kernel::interface::Netlink as Kernel;
use crate::physics::LOOPBACK;
use crate::routing::{Announce, Control, Daemon};

/// How long a leaving member stays reachable after it has asked others to route around it. Every
/// router of a lab has heard of it within a fraction of that; on the Internet it takes minutes.
pub const DRAIN: Duration = Duration::from_millis(500);

/// Between two attempts to reach a daemon that is not there.
const RETRY: Duration = Duration::from_millis(20);

/// A group as the host's routing daemon has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupConfig {
    pub name: String,
    pub addresses: Vec<IpAddr>,
    /// Those of other groups in the prefix that is announced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<IpAddr>,
    /// By this, the daemon knows it.
    pub protocol: String,
}

impl GroupConfig {
    /// What a host has on `lo` while it announces the group.
    pub fn all(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().chain(&self.within).copied()
    }
}

/// What to do to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Announce,
    Withdraw,
    /// Tag the route for graceful shutdown (RFC 8326), wait, withdraw.
    DrainAndWithdraw,
}

/// A wish that has come true, by the group's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub group: String,
    pub announced: bool,
}

/// Runs until `wishes` ends.
pub async fn announce(
    groups: Vec<GroupConfig>,
    (daemon, socket): (&'static dyn Daemon, PathBuf),
    mut wishes: UnboundedReceiver<(String, Wish)>,
    granted: UnboundedSender<Result<Granted>>,
) -> Result<()> {
    let groups = groups.into_iter().map(|g| (g.name.clone(), (g, false))).collect();
    let kernel = Kernel::here("the host")?;
    let mut announcer = Announcer { groups, daemon, socket, kernel, control: None, draining: VecDeque::new() };
    // A node that was killed leaves its addresses behind, and its daemon announcing.
    announcer.withdraw_all().await?;
    let tell = |group: String, announced, done: Result<()>| {
        let _ = granted.send(done.map(|()| Granted { group, announced }));
    };
    loop {
        let drained = announcer.draining.front().map(|(until, _)| *until);
        let wish = tokio::select! {
            wish = wishes.recv() => wish,
            () = until(drained) => {
                if let Some((_, group)) = announcer.draining.pop_front() {
                    let done = announcer.grant(&group, false).await;
                    tell(group, false, done);
                }
                continue;
            }
            // The daemon has gone away.
            () = announcer.lost() => {
                announcer.restore().await?;
                continue;
            }
        };
        let Some((group, wish)) = wish else { return Ok(()) };
        // What is being drained is withdrawn first: whoever asked for that is told.
        if announcer.stop_draining(&group) {
            let done = announcer.grant(&group, false).await;
            tell(group.clone(), false, done);
        }
        match wish {
            Wish::DrainAndWithdraw => {
                if let Err(error) = announcer.drain(&group).await {
                    tell(group, false, Err(error));
                }
            }
            Wish::Announce | Wish::Withdraw => {
                let announced = wish == Wish::Announce;
                let done = announcer.grant(&group, announced).await;
                tell(group, announced, done);
            }
        }
    }
}

/// `None`: for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

struct Announcer {
    /// By name: the group, and whether it is to be announced.
    groups: BTreeMap<String, (GroupConfig, bool)>,
    daemon: &'static dyn Daemon,
    socket: PathBuf,
    kernel: Kernel,
    control: Option<Box<dyn Control>>,
    /// Groups that are drained, side by side, and until when: the first is the earliest.
    draining: VecDeque<(Instant, String)>,
}

impl Announcer {
    /// Has a group announced, or withdrawn.
    async fn grant(&mut self, name: &str, announced: bool) -> Result<()> {
        let group = self.want(name, announced)?;
        if !announced {
            return self.withdraw(&group).await;
        }
        // The address first: a packet that arrives before it is there would be refused.
        for address in group.all() {
            self.kernel.add_address(LOOPBACK, IpNet::from(address)).await?;
        }
        self.set(&group, Announce::Plain).await
    }

    /// Asks others to route around this host, for [`DRAIN`].
    async fn drain(&mut self, name: &str) -> Result<()> {
        let group = self.want(name, false)?;
        self.set(&group, Announce::Drain).await?;
        self.draining.push_back((Instant::now() + DRAIN, name.to_owned()));
        Ok(())
    }

    fn want(&mut self, name: &str, announced: bool) -> Result<GroupConfig> {
        let (group, wanted) = self.groups.get_mut(name).with_context(|| format!("no group {name} on this host"))?;
        *wanted = announced;
        Ok(group.clone())
    }

    /// Whether it was being drained.
    fn stop_draining(&mut self, name: &str) -> bool {
        let before = self.draining.len();
        self.draining.retain(|(_, draining)| draining != name);
        self.draining.len() < before
    }

    async fn withdraw(&mut self, group: &GroupConfig) -> Result<()> {
        self.set(group, Announce::Off).await?;
        self.remove_addresses(group).await
    }

    async fn remove_addresses(&self, group: &GroupConfig) -> Result<()> {
        let held: BTreeSet<IpAddr> =
            self.groups.values().filter(|(_, wanted)| *wanted).flat_map(|(other, _)| other.all()).collect();
        for address in group.all().filter(|address| !held.contains(address)) {
            self.kernel.remove_address(LOOPBACK, IpNet::from(address)).await?;
        }
        Ok(())
    }

    async fn withdraw_all(&mut self) -> Result<()> {
        let groups: Vec<_> = self.groups.values().map(|(group, _)| group.clone()).collect();
        for group in &groups {
            self.withdraw(group).await?;
        }
        Ok(())
    }

    /// Tells a new daemon what the old one had been told.
    async fn restore(&mut self) -> Result<()> {
        let wanted: Vec<_> = self.groups.values().filter(|(_, w)| *w).map(|(group, _)| group.clone()).collect();
        for group in &wanted {
            self.set(group, Announce::Plain).await?;
        }
        Ok(())
    }

    /// Tells the daemon, waiting for it if it is not there.
    async fn set(&mut self, group: &GroupConfig, to: Announce) -> Result<()> {
        loop {
            let control = match &mut self.control {
                Some(control) => control,
                None => self.control.insert(connect(self.daemon, &self.socket).await),
            };
            match control.set(&group.protocol, &group.addresses, to).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::warn!("{error:#}");
                    self.control = None;
                }
            }
        }
    }

    /// Returns when the daemon closes the connection. Without one there is nothing that a daemon would have to be
    /// told: the next wish connects.
    async fn lost(&mut self) {
        match &mut self.control {
            Some(control) => control.closed().await,
            None => std::future::pending().await,
        }
        self.control = None;
    }
}

/// Connects to the daemon as soon as it listens.
async fn connect(daemon: &dyn Daemon, socket: &Path) -> Box<dyn Control> {
    loop {
        // A socket that a daemon has bound and not yet listens on accepts nothing.
        match timeout(Duration::from_secs(1), daemon.control(socket)).await {
            Ok(Ok(control)) => return control,
            _ => sleep(RETRY).await,
        }
    }
}
