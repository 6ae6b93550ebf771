//! Watches the kernel's routing tables and interfaces: netlink notifications of every namespace,
//! stamped by one thread as they arrive.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Context, Result};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteNextHop, RouteType, RouteVia,
};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::{NetlinkBuffer, NetlinkMessage, NetlinkPayload};
use rtnetlink::sys::{Socket, SocketAddr};
use tokio::sync::mpsc::UnboundedSender;

use super::now;
use crate::physics::FibChange;

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

/// A notice with its namespace (as marked by [`Monitor::watch`]) and the time it was read.
pub type Stamped = (u64, usize, Notice);

/// Watches any number of namespaces, on one thread, until the receiver of its notices is gone.
#[derive(Debug)]
pub struct Monitor {
    epoll: Arc<Epoll>,
    arrivals: Sender<Listener>,
}

impl Monitor {
    pub fn start(out: UnboundedSender<Stamped>) -> Result<Self> {
        let epoll = Arc::new(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("create an epoll")?);
        let (arrivals, arriving) = channel();
        let watched = epoll.clone();
        let work = move || watch(&watched, &arriving, &out);
        std::thread::Builder::new().name("routes".into()).spawn(work).context("start the route monitor")?;
        Ok(Self { epoll, arrivals })
    }

    /// Watches the calling thread's namespace from now on. `node` is what its notices are marked
    /// with; `interfaces` are the names of its interfaces by index, all of them up.
    ///
    /// A notification costs the kernel a look at every subscribed socket of every namespace, so
    /// watch a namespace after its links are made.
    pub fn watch(&self, node: usize, interfaces: Vec<(u32, String)>) -> Result<()> {
        let mut socket = Socket::new(rtnetlink::sys::protocols::NETLINK_ROUTE).context("open a netlink socket")?;
        // Convergence of a large lab bursts; the default of 208 KiB holds about 500 routes.
        socket.set_rx_buf_sz(1_u32 << 20).context("size the buffer of a netlink socket")?;
        socket.bind(&SocketAddr::new(0, 0)).context("bind a netlink socket")?;
        for group in [MulticastGroup::Link, MulticastGroup::Ipv4Route, MulticastGroup::Ipv6Route] {
            socket.add_membership(group as u32).context("subscribe to routes and links")?;
        }
        socket.set_non_blocking(true).context("set a netlink socket non-blocking")?;
        let interfaces = interfaces.into_iter().map(|(index, name)| (index, (name.into(), true))).collect();
        // What arrives before the thread has this listener stays readable until it has.
        let interest = EpollEvent::new(EpollFlags::EPOLLIN, node as u64);
        self.epoll.add(&socket, interest).context("watch a netlink socket")?;
        let listener = Listener { socket, node, interfaces, buffer: Vec::new() };
        self.arrivals.send(listener).context("the route monitor has ended")
    }
}

fn watch(epoll: &Epoll, arriving: &Receiver<Listener>, out: &UnboundedSender<Stamped>) {
    let mut listeners: HashMap<usize, Listener> = HashMap::new();
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
        listeners.extend(arriving.try_iter().map(|listener| (listener.node, listener)));
        for event in &ready[..count] {
            let listener = listeners.get_mut(&(event.data() as usize));
            if listener.is_some_and(|listener| listener.drain(out).is_none()) {
                return;
            }
        }
    }
}

#[derive(Debug)]
struct Listener {
    socket: Socket,
    node: usize,
    /// Name and state of each interface, by index.
    interfaces: HashMap<u32, (Arc<str>, bool)>,
    buffer: Vec<u8>,
}

impl Listener {
    /// Reads what is there. `None`: nobody listens any more.
    fn drain(&mut self, out: &UnboundedSender<Stamped>) -> Option<()> {
        loop {
            self.buffer.clear();
            self.buffer.reserve(32 << 10);
            let received = self.socket.recv(&mut self.buffer, 0);
            let at = now();
            match received {
                Ok(0) => return Some(()),
                Ok(_) => {
                    for notice in self.parse() {
                        out.send((at, self.node, notice)).ok()?;
                    }
                }
                Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => {
                    out.send((at, self.node, Notice::Overrun)).ok()?;
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
        (changed && link.header.index != crate::physics::LOOPBACK)
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

/// An IPv4 route may have an IPv6 gateway (RFC 8950).
pub(super) fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|a| match a {
        RouteAttribute::Gateway(address) => ip(address),
        RouteAttribute::Via(RouteVia::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    })
}

pub(super) fn oif(attributes: &[RouteAttribute]) -> Option<u32> {
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
