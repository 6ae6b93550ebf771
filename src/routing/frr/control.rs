//! What bgpd is asked, and told.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;

use super::config;
use super::names::{READ, TITLE, ZEBRA};
use super::routes::{self, Entry, Hops, Sessions};
use super::vty::Vty;
use crate::routing::daemon::{Announce, Control, Destination, SessionState};
use crate::routing::route::Route;
use crate::topology::Roa;

/// The config that bgpd has got so far, where that is not [`READ`].
const APPLIED: &str = "applied.conf";

/// A connection to bgpd, and the folder of its node.
pub(super) struct Bgpd {
    vty: Vty,
    folder: PathBuf,
}

/// `show bgp summary json`: by address family.
type Summary = BTreeMap<String, FamilySummary>;

#[derive(Debug, Deserialize)]
struct FamilySummary {
    #[serde(default)]
    peers: BTreeMap<String, Peer>,
}

#[derive(Debug, Deserialize)]
struct Peer {
    state: String,
}

/// `show bgp ipv4 unicast json`.
#[derive(Debug, Deserialize)]
struct Table {
    #[serde(default)]
    routes: BTreeMap<String, Value>,
}

impl Bgpd {
    pub(super) async fn open(socket: &Path) -> Result<Self> {
        let vty = Vty::open(socket).await?;
        let folder = socket.parent().unwrap_or(Path::new("/")).to_owned();
        // The plan writes the next config over the one that bgpd has started with.
        let applied = folder.join(APPLIED);
        if !applied.exists() {
            std::fs::copy(folder.join(READ), &applied).with_context(|| format!("write {}", applied.display()))?;
        }
        Ok(Self { vty, folder })
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.folder.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }

    /// What the configured sessions are called, by address. A bgpd that has just started knows none yet.
    fn named(&self) -> Result<Sessions> {
        let config = self.read(READ)?;
        Ok(config::sessions(&config).into_iter().map(|(address, name)| (address.to_owned(), name.to_owned())).collect())
    }

    async fn summary(&mut self) -> Result<BTreeMap<String, String>> {
        let (text, _) = self.vty.try_to("show bgp summary json").await?;
        // Without a process it says so in words.
        let summary: Summary = serde_json::from_str(&text).unwrap_or_default();
        let peers = summary.into_values().flat_map(|family| family.peers);
        Ok(peers.map(|(address, peer)| (address, peer.state)).collect())
    }

    /// The routes to one prefix, or of the longest one of an address.
    async fn at(&mut self, family: &str, to: &str, named: &Sessions, zebra: &mut Vty) -> Result<Vec<Route>> {
        let (text, _) = self.vty.try_to(&format!("show bgp {family} unicast {to} json")).await?;
        // Of what is not there it says so in words, or nothing.
        let Ok(entry) = serde_json::from_str::<Entry>(&text) else { return Ok(Vec::new()) };
        let hops = match &entry.prefix {
            Some(prefix) => in_kernel(zebra, family, prefix).await?,
            None => Vec::new(),
        };
        Ok(routes::of_bgp(entry, named, &hops))
    }

    async fn all(&mut self, to: &Destination) -> Result<Vec<Route>> {
        let named = self.named()?;
        let mut zebra = Vty::open(&self.folder.join(format!("{}.vty", ZEBRA.name))).await?;
        let mut found = Vec::new();
        for family in ["ipv4", "ipv6"] {
            let is_of = |address: &IpAddr| address.is_ipv4() == (family == "ipv4");
            let mut wanted: Vec<String> = match to {
                Destination::Prefix(prefix) if is_of(&prefix.addr()) => vec![prefix.to_string()],
                Destination::Address(address) if is_of(address) => vec![address.to_string()],
                Destination::Prefix(_) | Destination::Address(_) => continue,
                Destination::All => {
                    let (text, _) = self.vty.try_to(&format!("show bgp {family} unicast json")).await?;
                    let table: Option<Table> = serde_json::from_str(&text).ok();
                    table.map(|table| table.routes.into_keys().collect()).unwrap_or_default()
                }
            };
            wanted.sort_by_key(|prefix| prefix.parse::<IpNet>().ok());
            for one in &wanted {
                found.extend(self.at(family, one, &named, &mut zebra).await?);
            }
            found.extend(self.others(family, to, &mut zebra).await?);
        }
        Ok(found)
    }

    /// Routes that zebra has from others than bgpd.
    async fn others(&self, family: &str, to: &Destination, zebra: &mut Vty) -> Result<Vec<Route>> {
        let which = match to {
            Destination::All => String::new(),
            Destination::Prefix(prefix) => format!(" {prefix}"),
            Destination::Address(address) => format!(" {address}"),
        };
        let word = if family == "ipv4" { "ip" } else { "ipv6" };
        let (text, _) = zebra.try_to(&format!("show {word} route{which} json")).await?;
        Ok(routes::of_zebra(serde_json::from_str(&text).unwrap_or_default(), family))
    }

    /// Types what leads from the config that bgpd has to the one that it is to have.
    async fn apply(&mut self) -> Result<()> {
        let (before, after) = (self.read(APPLIED)?, self.read(READ)?);
        let change = config::change(&before, &after);
        if change.commands.is_empty() {
            return Ok(());
        }
        self.vty.ask("configure terminal").await?;
        for command in &change.commands {
            let (text, status) = self.vty.try_to(command).await?;
            if status != 0 && !command.starts_with("no ") {
                self.vty.ask("end").await?;
                bail!("{TITLE} refuses `{command}`: {}", text.trim());
            }
        }
        self.vty.ask("end").await?;
        for (address, name) in config::sessions(&after) {
            let family = if address.contains(':') { "ipv6" } else { "ipv4" };
            for (end, way) in [("-in", "in"), ("-out", "out")] {
                if change.sessions.contains(&format!("{name}{end}")) {
                    self.vty.try_to(&format!("clear bgp {family} unicast {address} soft {way}")).await?;
                }
            }
        }
        let applied = self.folder.join(APPLIED);
        std::fs::write(&applied, after).with_context(|| format!("write {}", applied.display()))
    }
}

/// The next hops by which zebra has a route of bgpd.
async fn in_kernel(zebra: &mut Vty, family: &str, prefix: &str) -> Result<Hops> {
    let word = if family == "ipv4" { "ip" } else { "ipv6" };
    let (text, _) = zebra.try_to(&format!("show {word} route {prefix} json")).await?;
    Ok(routes::hops(serde_json::from_str(&text).unwrap_or_default()))
}

impl Control for Bgpd {
    fn sessions(&mut self) -> BoxFuture<'_, Result<Vec<SessionState>>> {
        Box::pin(async {
            let mut states = self.summary().await?;
            let state = |(address, name): (String, String)| {
                let state = states.remove(&address).unwrap_or_else(|| "not there yet".to_owned());
                SessionState { name, up: state == "Established", state }
            };
            Ok(self.named()?.into_iter().map(state).collect())
        })
    }

    fn routes<'a>(&'a mut self, to: &'a Destination) -> BoxFuture<'a, Result<Vec<Route>>> {
        Box::pin(self.all(to))
    }

    /// An aggregate that bgpd (10.7.1) has selected before it has found zebra stays away from the kernel.
    fn insist<'a>(&'a mut self, missing: &'a [IpNet]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            let commands = config::aggregates(&self.read(READ)?, missing);
            for command in &commands {
                self.vty.try_to(command).await?;
            }
            Ok(())
        })
    }

    fn roas(&mut self) -> BoxFuture<'_, Result<Vec<Roa>>> {
        Box::pin(async {
            // It looks every 3 s whether all has come, and uses none before.
            let (text, _) = self.vty.try_to("show rpki cache-connection").await?;
            ensure!(text.contains("Connected to group"), "it has not heard all of the RTR server yet");
            let (text, _) = self.vty.try_to("show rpki prefix-table").await?;
            Ok(text.lines().filter_map(routes::roa).collect())
        })
    }

    /// What it has refused it does not look at again when a ROA goes, and nothing when it has its first ROAs.
    fn validate(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            for family in ["ipv4", "ipv6"] {
                self.vty.try_to(&format!("clear bgp {family} unicast * soft in")).await?;
            }
            Ok(())
        })
    }

    fn set<'a>(&'a mut self, group: &'a str, _: &'a [IpAddr], _: Announce) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { bail!("{TITLE} is on no host, so it does not announce {group}") })
    }

    fn reconfigure(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.apply())
    }

    fn closed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.vty.closed())
    }
}
