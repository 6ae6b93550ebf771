//! Where one kernel would send a packet: its own answer, not a reading of its tables.

use std::net::IpAddr;

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use netlink_packet_route::route::{
    RouteAttribute, RouteFlags, RouteMessage, RouteNextHop, RouteNextHopFlags, RouteType,
};
use rtnetlink::{Error, RouteMessageBuilder};

use super::fib::{gateway, oif};
use super::interface::Netlink;

/// Its protocol number.
const ICMPV6: u8 = 58;

/// Where packets leave a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The interface's.
    pub index: u32,
    /// The gateway; `None`: the destination is on the link.
    pub via: Option<IpAddr>,
}

/// A kernel's decision about a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// The address is its own.
    Here,
    /// Out of an interface.
    Out(Way),
    /// It has no route, or one that says so.
    Nowhere,
}

/// A kernel's decision about a destination, with every equal-cost way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hops {
    Here,
    /// Out of one of these.
    Out(Vec<Way>),
    Nowhere,
}

impl Netlink {
    /// What the namespace's kernel would do with a packet from `source` to `destination` that came in
    /// at interface `input` (`None`: one of its own), as `ip route get` asks; of an ICMPv6 packet in IPv6. Of equal-cost routes it
    /// names the one that it takes for such a packet.
    pub async fn next_hop(&self, source: IpAddr, destination: IpAddr, input: Option<u32>) -> Result<Hop> {
        let Some(route) = self.ask(question(source, destination, input)?).await? else { return Ok(Hop::Nowhere) };
        Ok(match (route.header.kind, oif(&route.attributes)) {
            (RouteType::Local, _) => Hop::Here,
            (RouteType::Unicast, Some(index)) => Hop::Out(Way { index, via: gateway(&route.attributes) }),
            _ => Hop::Nowhere,
        })
    }

    /// All that the namespace's kernel may do with such a packet: the whole of the route that matches, of
    /// which it takes one next hop for each flow (`ip route get fibmatch`).
    pub async fn next_hops(&self, source: IpAddr, destination: IpAddr, input: Option<u32>) -> Result<Hops> {
        let mut question = question(source, destination, input)?;
        question.header.flags |= RouteFlags::FibMatch;
        let Some(route) = self.ask(question).await? else { return Ok(Hops::Nowhere) };
        let alive = |hop: &&RouteNextHop| !hop.flags.contains(RouteNextHopFlags::Dead);
        let way = |hop: &RouteNextHop| Way { index: hop.interface_index, via: gateway(&hop.attributes) };
        let several = route.attributes.iter().filter_map(|attribute| match attribute {
            RouteAttribute::MultiPath(hops) => Some(hops.iter().filter(alive).map(way)),
            _ => None,
        });
        let one = oif(&route.attributes).map(|index| Way { index, via: gateway(&route.attributes) });
        let out: Vec<Way> = one.into_iter().chain(several.flatten()).collect();
        Ok(match route.header.kind {
            RouteType::Local => Hops::Here,
            RouteType::Unicast if !out.is_empty() => Hops::Out(out),
            _ => Hops::Nowhere,
        })
    }

    /// `None`: the kernel has no route, or one that says so.
    async fn ask(&self, question: RouteMessage) -> Result<Option<RouteMessage>> {
        match self.handle().route().get(question).execute().try_next().await {
            Ok(route) => Ok(route),
            // ENETUNREACH and its kin.
            Err(Error::NetlinkError(_)) => Ok(None),
            Err(error) => Err(error).context("ask for a route"),
        }
    }
}

fn question(source: IpAddr, destination: IpAddr, input: Option<u32>) -> Result<RouteMessage> {
    let length = if destination.is_ipv4() { 32 } else { 128 };
    let builder = RouteMessageBuilder::<IpAddr>::new().destination_prefix(destination, length);
    let builder = builder.context("a destination")?.source_prefix(source, length).context("a source")?;
    // IPv6 draws among equal-cost routes by the protocol too; this is the way of an echo.
    let builder = if destination.is_ipv6() { builder.ip_protocol(ICMPV6) } else { builder };
    let mut question = builder.build();
    question.attributes.extend(input.map(RouteAttribute::Iif));
    Ok(question)
}
