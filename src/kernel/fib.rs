//! Watches the kernel's routing tables and interfaces: netlink notifications of every namespace,
//! stamped by one thread as they arrive.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::{NetlinkBuffer, NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteNextHop, RouteType,
};
use rtnetlink::sys::{Socket, SocketAddr};
use tokio::sync::mpsc::UnboundedSender;

use super::now;
use crate::event::FibChange;

/// What one namespace's kernel said.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    Route(FibChange),
    Carrier {
        interface: String,
        up: bool,
    },
    /// The socket's buffer ran over: notices were lost.
    Overrun,
}

/// A notice with its namespace (by the index given to [`Watch::open`]) and the time it was read.
pub type Stamped = (u64, usize, Notice);

/// A socket subscribed to one namespace, not yet watched.
pub struct Watch {
    socket: Socket,
    node: usize,
}

impl Watch {
    /// Subscribes to routes and links of the calling thread's namespace. Open it before the first
    /// link exists: names of interfaces are learned from their notifications.
    pub fn open(node: usize) -> Result<Self> {
        let mut socket = Socket::new(rtnetlink::sys::protocols::NETLINK_ROUTE).context("open a netlink socket")?;
        // Convergence of a large lab bursts; the default of 208 KiB holds about 500 routes.
        socket.set_rx_buf_sz(1_u32 << 20).context("size the buffer of a netlink socket")?;
        socket.bind(&SocketAddr::new(0, 0)).context("bind a netlink socket")?;
        for group in [MulticastGroup::Link, MulticastGroup::Ipv4Route, MulticastGroup::Ipv6Route] {
            socket.add_membership(group as u32).context("subscribe to routes and links")?;
        }
        socket.set_non_blocking(true).context("set a netlink socket non-blocking")?;
        Ok(Self { socket, node })
    }
}

/// Watches all of `watches` on a thread of its own until the receiver is gone.
pub fn watch(watches: Vec<Watch>, out: UnboundedSender<Stamped>) -> Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("create an epoll")?;
    for (at, watch) in watches.iter().enumerate() {
        let interest = EpollEvent::new(EpollFlags::EPOLLIN, at as u64);
        epoll.add(&watch.socket, interest).context("watch a netlink socket")?;
    }
    let mut listeners: Vec<Listener> = watches.into_iter().map(Listener::new).collect();
    let work = move || {
        let mut ready = [EpollEvent::empty(); 256];
        loop {
            let count = match epoll.wait(&mut ready, EpollTimeout::NONE) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => {
                    tracing::error!("route monitor: {error}");
                    return;
                }
            };
            for event in &ready[..count] {
                if listeners[event.data() as usize].drain(&out).is_none() {
                    return;
                }
            }
        }
    };
    std::thread::Builder::new().name("routes".into()).spawn(work).context("start the route monitor")?;
    Ok(())
}

struct Listener {
    watch: Watch,
    interfaces: HashMap<u32, (Arc<str>, bool)>,
    buffer: Vec<u8>,
}

impl Listener {
    fn new(watch: Watch) -> Self {
        Self { watch, interfaces: HashMap::new(), buffer: Vec::new() }
    }

    /// Reads what is there. `None`: nobody listens any more.
    fn drain(&mut self, out: &UnboundedSender<Stamped>) -> Option<()> {
        loop {
            self.buffer.clear();
            self.buffer.reserve(32 << 10);
            let received = self.watch.socket.recv(&mut self.buffer, 0);
            let at = now();
            match received {
                Ok(0) => return Some(()),
                Ok(_) => {
                    for notice in self.parse() {
                        out.send((at, self.watch.node, notice)).ok()?;
                    }
                }
                Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => {
                    out.send((at, self.watch.node, Notice::Overrun)).ok()?;
                }
                Err(_) => return Some(()),
            }
        }
    }

    fn parse(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        let bytes = std::mem::take(&mut self.buffer);
        let mut rest = &bytes[..];
        while let Some(length) = message_length(rest) {
            if let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&rest[..length]) {
                notices.extend(self.interpret(message.payload));
            }
            // Messages are aligned to four bytes.
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        self.buffer = bytes;
        notices
    }

    fn interpret(&mut self, payload: NetlinkPayload<RouteNetlinkMessage>) -> Option<Notice> {
        let NetlinkPayload::InnerMessage(message) = payload else { return None };
        match message {
            RouteNetlinkMessage::NewRoute(route) => self.route(&route, true),
            RouteNetlinkMessage::DelRoute(route) => self.route(&route, false),
            RouteNetlinkMessage::NewLink(link) => self.link(&link),
            _ => None,
        }
    }

    fn link(&mut self, link: &LinkMessage) -> Option<Notice> {
        let name = link.attributes.iter().find_map(|a| match a {
            LinkAttribute::IfName(name) => Some(Arc::<str>::from(name.as_str())),
            _ => None,
        })?;
        let up = link.header.flags.contains(LinkFlags::Up | LinkFlags::LowerUp);
        let before = self.interfaces.insert(link.header.index, (name.clone(), up));
        let changed = before.is_none_or(|(_, was)| was != up);
        (changed && link.header.index != super::interface::LOOPBACK)
            .then(|| Notice::Carrier { interface: name.to_string(), up })
    }

    fn route(&self, route: &RouteMessage, add: bool) -> Option<Notice> {
        // The main table, and of it what packets can be sent by: no multicast, no link-local.
        let unicast = matches!(route.header.kind, RouteType::Unicast | RouteType::BlackHole | RouteType::Unreachable);
        if !unicast || table(route) != u32::from(RouteHeader::RT_TABLE_MAIN) {
            return None;
        }
        let prefix = prefix(route)?;
        let mut via = Vec::new();
        let mut interfaces = Vec::new();
        let mut hop = |gateway: Option<IpAddr>, index: Option<u32>| {
            via.extend(gateway);
            interfaces.extend(index.and_then(|i| self.interfaces.get(&i)).map(|(name, _)| name.to_string()));
        };
        hop(gateway(&route.attributes), oif(&route.attributes));
        for next in next_hops(route) {
            hop(gateway(&next.attributes), Some(next.interface_index));
        }
        Some(Notice::Route(FibChange { add, prefix, via, interfaces }))
    }
}

fn message_length(bytes: &[u8]) -> Option<usize> {
    let length = NetlinkBuffer::new_checked(bytes).ok()?.length() as usize;
    (length > 0 && length <= bytes.len()).then_some(length)
}

fn table(route: &RouteMessage) -> u32 {
    let wide = route.attributes.iter().find_map(|a| match a {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    wide.unwrap_or(u32::from(route.header.table))
}

fn prefix(route: &RouteMessage) -> Option<String> {
    let destination = route.attributes.iter().find_map(|a| match a {
        RouteAttribute::Destination(address) => ip(address),
        _ => None,
    });
    match destination {
        None => Some("default".into()),
        Some(IpAddr::V6(v6)) if v6.is_unicast_link_local() || v6.is_multicast() => None,
        Some(address) => Some(format!("{address}/{}", route.header.destination_prefix_length)),
    }
}

fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|a| match a {
        RouteAttribute::Gateway(address) => ip(address),
        _ => None,
    })
}

fn oif(attributes: &[RouteAttribute]) -> Option<u32> {
    attributes.iter().find_map(|a| match a {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

fn next_hops(route: &RouteMessage) -> &[RouteNextHop] {
    let hops = route.attributes.iter().find_map(|a| match a {
        RouteAttribute::MultiPath(hops) => Some(&hops[..]),
        _ => None,
    });
    hops.unwrap_or_default()
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some(IpAddr::V4(*v4)),
        RouteAddress::Inet6(v6) => Some(IpAddr::V6(*v6)),
        _ => None,
    }
}
