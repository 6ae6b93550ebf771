//! `anybed node`: the process on a host. It drives the machine of all its overlays, and
//! announces the host's groups.

use std::collections::VecDeque;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::announce::{Granted, GroupConfig, Wish, announce};
use super::channel::{HostConfig, Order, Report};
use super::driver::{Driver, Event};
use super::flows;
use super::impostor::Impostor;
use crate::anycast::{self, Deed, Did, Dispatch, Heard};
use crate::kernel::now;
use crate::machine::{Input, Machine, Part, Time, Via};
use crate::plan::PORT;
use crate::routing::registry;

/// Runs until the supervisor closes its end of the channel.
pub fn run(config: &Path) -> Result<()> {
    let text = fs::read_to_string(config).with_context(|| format!("read {}", config.display()))?;
    let config: HostConfig = serde_json::from_str(&text).with_context(|| format!("parse {}", config.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async { Host::start(config).await?.run().await })
}

struct Host {
    config: HostConfig,
    nodes: Driver<Dispatch>,
    impostor: Impostor,
    orders: Lines<BufReader<OwnedReadHalf>>,
    reports: OwnedWriteHalf,
    wishes: UnboundedSender<(String, Wish)>,
    granted: UnboundedReceiver<Result<Granted>>,
    pending: VecDeque<Report>,
}

/// Addresses of the host's groups, in their order, and of others in what it announces, each once.
fn groups_addresses(groups: &[GroupConfig]) -> Vec<Vec<IpAddr>> {
    let mut addresses: Vec<Vec<IpAddr>> = groups.iter().map(|group| group.addresses.clone()).collect();
    for address in groups.iter().flat_map(|group| &group.within) {
        if !addresses.iter().flatten().any(|known| known == address) {
            addresses.push(vec![*address]);
        }
    }
    addresses
}

impl Host {
    async fn start(config: HostConfig) -> Result<Self> {
        let start = Time(Duration::from_nanos(now()));
        let addresses = groups_addresses(&config.groups);
        let dispatch = Dispatch::new(&config.host, &config.tenants, &addresses, start);
        let mut nodes = Driver::new(dispatch);
        for (port, need) in nodes.machine().needs(addresses.len()) {
            let addresses = match port.via {
                Via::Unicast => vec![config.address],
                Via::Group(Part(index)) => addresses[usize::from(index)].clone(),
            };
            for address in addresses {
                nodes.open(port, need, address)?;
            }
        }
        flows::serve(&config.host, &config.flows)?;
        let supervisor = UnixStream::connect(&config.supervisor).await;
        let (orders, reports) = supervisor.context("connect to the supervisor")?.into_split();
        let (wishes, wished) = unbounded_channel();
        let (grants, granted) = unbounded_channel();
        let daemon = registry::named(&config.routing).with_context(|| format!("no daemon {}", config.routing))?;
        let routing = (daemon, config.control.clone());
        let announcer = announce(config.groups.clone(), routing, wished, grants.clone());
        tokio::spawn(async move {
            if let Err(error) = announcer.await {
                let _ = grants.send(Err(error));
            }
        });
        let orders = BufReader::new(orders).lines();
        let pending = VecDeque::from([Report::Hello { host: config.host.clone() }]);
        let mut impostor = Impostor::new(&config.host)?;
        impostor.answer(&config.impersonates).await?;
        let host = Self { config, nodes, impostor, orders, reports, wishes, granted, pending };
        for group in &host.config.sites {
            host.wish(group, Wish::Announce);
        }
        Ok(host)
    }

    async fn run(mut self) -> Result<()> {
        loop {
            self.settle().await?;
            tokio::select! {
                () = self.nodes.step() => {}
                line = self.orders.next_line() => match line.context("read an order")? {
                    Some(line) => self.obey(serde_json::from_str(&line).context("parse an order")?).await,
                    None => return Ok(()),
                },
                Some(granted) = self.granted.recv() => self.grant(granted),
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Overlay { overlay, what } => {
                if !self.nodes.tell(|nodes, time| nodes.order(time, &overlay, what)) {
                    self.complain(format!("{} has no overlay {overlay}", self.config.host));
                }
            }
            Order::Digest { overlay } => {
                if let Some(digest) = self.nodes.machine().digest(&overlay) {
                    self.pending.push_back(Report::Digest { overlay, digest: Box::new(digest) });
                }
            }
            Order::Impersonate { addresses } => {
                if let Err(error) = self.impostor.answer(&addresses).await {
                    self.complain(format!("{error:#}"));
                }
            }
            Order::Renumber { address } => self.renumber(address),
            Order::Announce { group } => self.wish(&group, Wish::Announce),
            Order::Withdraw { group } => self.wish(&group, Wish::Withdraw),
            Order::Drain { group } => self.wish(&group, Wish::DrainAndWithdraw),
        }
    }

    fn renumber(&mut self, address: IpAddr) {
        if let Err(error) = self.nodes.renumber(address) {
            return self.complain(format!("{error:#}"));
        }
        self.config.address = address;
        self.nodes.tell(|nodes, time| nodes.renumber(time, SocketAddr::new(address, PORT)));
    }

    fn wish(&self, group: &str, wish: Wish) {
        // The announcer ends before this process only with an error, which arrives as a grant.
        let _ = self.wishes.send((group.to_owned(), wish));
    }

    fn grant(&mut self, granted: Result<Granted>) {
        let Granted { group: name, announced } = match granted {
            Ok(granted) => granted,
            Err(error) => return self.complain(format!("{error:#}")),
        };
        let at = now();
        if let Some(index) = self.config.groups.iter().position(|g| g.name == name) {
            let routing = Input::Routing { group: Part::nth(index), announced };
            self.nodes.tell(|nodes, time| nodes.input(time, routing));
        }
        let report =
            if announced { Report::Announced { at, group: name } } else { Report::Withdrew { at, group: name } };
        self.pending.push_back(report);
    }

    /// Whether a part of an overlay is a group that this host announces.
    fn is_announced(&self, overlay: &str, part: Part) -> bool {
        let hosted = self.config.tenants.overlays.iter().find(|hosted| hosted.node.overlay == overlay);
        let address = hosted.and_then(|hosted| hosted.node.group(part)).map(|address| address.ip());
        address.is_some_and(|address| self.config.groups.iter().any(|group| group.addresses.contains(&address)))
    }

    fn complain(&mut self, text: String) {
        tracing::warn!("{text}");
        self.pending.push_back(Report::Trouble { text });
    }

    /// Passes on what the nodes did and want.
    async fn settle(&mut self) -> Result<()> {
        while let Some(event) = self.nodes.take_event() {
            match event {
                Event::Announce(Part(group), on) => {
                    let wish = if on { Wish::Announce } else { Wish::DrainAndWithdraw };
                    // What is in a block is announced with it.
                    if let Some(group) = self.config.groups.get(usize::from(group)) {
                        self.wish(&group.name, wish);
                    }
                }
                // Reported by `grant`, for plain groups too.
                Event::Said(Did {
                    what: Deed::Node(anycast::Event::Announced { group } | anycast::Event::Withdrew { group }),
                    of,
                }) if self.is_announced(&of, group) => {}
                // Over an infrastructure with servers no route says so.
                Event::Said(Did { of, what: Deed::Node(anycast::Event::Announced { .. }) }) => {
                    self.pending.push_back(Report::Announced { at: now(), group: of });
                }
                Event::Said(Did { of, what: Deed::Node(anycast::Event::Withdrew { .. }) }) => {
                    self.pending.push_back(Report::Withdrew { at: now(), group: of });
                }
                Event::Said(Did { of, what: Deed::Node(what) }) => {
                    self.pending.push_back(Report::Overlay { at: now(), overlay: of, what });
                }
                Event::Said(Did { of, what: Deed::Server(what) }) => {
                    self.pending.push_back(Report::Served { at: now(), infrastructure: of, what });
                }
                Event::Said(Did { of, what: Deed::Endpoint(Heard::Member { joined }) }) => {
                    let at = now();
                    let made =
                        |group| if joined { Report::Announced { at, group } } else { Report::Withdrew { at, group } };
                    self.pending.push_back(made(of));
                }
                // A program asks nothing.
                Event::Said(Did { what: Deed::Endpoint(_), .. }) => {}
            }
        }
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for report in self.pending.drain(..) {
            serde_json::to_writer(&mut lines, &report).context("write a report")?;
            lines.push(b'\n');
        }
        self.reports.write_all(&lines).await.context("report to the supervisor")
    }
}
