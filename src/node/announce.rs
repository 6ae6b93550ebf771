//! Announcing groups from a host: the address on `lo`, and the route in the host's own BIRD.
//!
//! The announcer keeps BIRD at what is wanted: a BIRD that has been restarted begins with every
//! group disabled and is told again.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{sleep, timeout};

use crate::bird::control::Control as Bird;
use crate::kernel::interface::Control as Kernel;
use crate::physics::LOOPBACK;

/// How long a leaving member stays reachable after it has asked others to route around it. Every
/// router of a lab has heard of it within a fraction of that; on the Internet it takes minutes.
const DRAIN: Duration = Duration::from_millis(500);

/// Between two attempts to reach a BIRD that is not there.
const RETRY: Duration = Duration::from_millis(20);

/// A group as the host's BIRD config has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupConfig {
    pub name: String,
    pub addresses: Vec<IpAddr>,
    /// Names of the static protocols, without family and `-drain`.
    pub protocol: String,
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
    bird: PathBuf,
    mut wishes: UnboundedReceiver<(String, Wish)>,
    granted: UnboundedSender<Result<Granted>>,
) -> Result<()> {
    let groups = groups.into_iter().map(|g| (g.name.clone(), (g, false))).collect();
    let mut announcer = Announcer { groups, socket: bird, kernel: Kernel::here("the host")?, bird: None };
    // A node that was killed leaves its addresses behind, and its BIRD announcing.
    announcer.withdraw_all().await?;
    loop {
        // `None`: BIRD has gone away.
        let wish = tokio::select! {
            wish = wishes.recv() => match wish { Some(wish) => Some(wish), None => return Ok(()) },
            () = announcer.lost() => None,
        };
        match wish {
            Some((group, wish)) => {
                let done = announcer.grant(&group, wish).await;
                let announced = wish == Wish::Announce;
                let _ = granted.send(done.map(|()| Granted { group, announced }));
            }
            None => announcer.restore().await?,
        }
    }
}

struct Announcer {
    /// By name: the group, and whether it is to be announced.
    groups: BTreeMap<String, (GroupConfig, bool)>,
    socket: PathBuf,
    kernel: Kernel,
    bird: Option<Bird>,
}

impl Announcer {
    async fn grant(&mut self, name: &str, wish: Wish) -> Result<()> {
        let (group, wanted) = self.groups.get_mut(name).with_context(|| format!("no group {name} on this host"))?;
        *wanted = wish == Wish::Announce;
        let group = group.clone();
        match wish {
            Wish::Announce => {
                // The address first: a packet that arrives before it is there would be refused.
                for address in &group.addresses {
                    self.kernel.add_address(LOOPBACK, IpNet::from(*address)).await?;
                }
                self.switch(&group, "", true).await
            }
            Wish::Withdraw => self.withdraw(&group).await,
            Wish::DrainAndWithdraw => {
                self.switch(&group, "-drain", true).await?;
                sleep(DRAIN).await;
                self.withdraw(&group).await
            }
        }
    }

    async fn withdraw(&mut self, group: &GroupConfig) -> Result<()> {
        self.switch(group, "", false).await?;
        self.switch(group, "-drain", false).await?;
        self.remove_addresses(group).await
    }

    async fn remove_addresses(&self, group: &GroupConfig) -> Result<()> {
        for address in &group.addresses {
            self.kernel.remove_address(LOOPBACK, IpNet::from(*address)).await?;
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

    /// Tells a new BIRD what the old one had been told.
    async fn restore(&mut self) -> Result<()> {
        let wanted: Vec<_> = self.groups.values().filter(|(_, w)| *w).map(|(group, _)| group.clone()).collect();
        for group in &wanted {
            self.switch(group, "", true).await?;
        }
        Ok(())
    }

    /// Enables or disables a group's static protocols, waiting for BIRD if it is not there.
    async fn switch(&mut self, group: &GroupConfig, suffix: &str, on: bool) -> Result<()> {
        let verb = if on { "enable" } else { "disable" };
        for address in &group.addresses {
            let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
            let command = format!("{verb} '{}-{family}{suffix}'", group.protocol);
            loop {
                let bird = match &mut self.bird {
                    Some(bird) => bird,
                    None => self.bird.insert(connect(&self.socket).await?),
                };
                match bird.ask(&command).await {
                    Ok(_) => break,
                    Err(error) => {
                        tracing::warn!("{error:#}");
                        self.bird = None;
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns when BIRD closes the connection. Without one there is nothing that a BIRD would have to be
    /// told: the next wish connects.
    async fn lost(&mut self) {
        match &mut self.bird {
            Some(bird) => bird.closed().await,
            None => std::future::pending().await,
        }
        self.bird = None;
    }
}

/// Connects to BIRD as soon as it listens.
async fn connect(socket: &Path) -> Result<Bird> {
    loop {
        // A socket that BIRD has bound and not yet listens on accepts nothing.
        match timeout(Duration::from_secs(1), Bird::connect(socket)).await {
            Ok(Ok(bird)) => return Ok(bird),
            _ => sleep(RETRY).await,
        }
    }
}
