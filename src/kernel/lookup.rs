//! Where one kernel would send a packet: its own answer, not a reading of its tables.

use std::net::IpAddr;

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use rtnetlink::packet_route::route::{RouteAttribute, RouteType};
use rtnetlink::{Error, RouteMessageBuilder};

use super::interface::Control;

/// Its protocol number.
const ICMPV6: u8 = 58;

/// A kernel's decision about a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// The address is its own.
    Here,
    /// Out of the interface with this index.
    Out(u32),
    /// It has no route, or one that says so.
    Nowhere,
}

impl Control {
    /// What the namespace's kernel would do with a packet from `source` to `destination` that came in
    /// at interface `input` (`None`: one of its own), as `ip route get` asks; of an ICMPv6 packet in IPv6. Of equal-cost routes it
    /// names the one that it takes for such a packet.
    pub async fn next_hop(&self, source: IpAddr, destination: IpAddr, input: Option<u32>) -> Result<Hop> {
        let length = if destination.is_ipv4() { 32 } else { 128 };
        let builder = RouteMessageBuilder::<IpAddr>::new().destination_prefix(destination, length);
        let builder = builder.context("a destination")?.source_prefix(source, length).context("a source")?;
        // IPv6 draws among equal-cost routes by the protocol too; this is the way of an echo.
        let builder = if destination.is_ipv6() { builder.ip_protocol(ICMPV6) } else { builder };
        let mut question = builder.build();
        question.attributes.extend(input.map(RouteAttribute::Iif));
        let mut answers = self.handle().route().get(question).execute();
        let route = match answers.try_next().await {
            Ok(Some(route)) => route,
            // ENETUNREACH and its kin.
            Ok(None) | Err(Error::NetlinkError(_)) => return Ok(Hop::Nowhere),
            Err(error) => return Err(error).context("ask for a route"),
        };
        let out = route.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Oif(index) => Some(*index),
            _ => None,
        });
        Ok(match (route.header.kind, out) {
            (RouteType::Local, _) => Hop::Here,
            (RouteType::Unicast, Some(index)) => Hop::Out(index),
            _ => Hop::Nowhere,
        })
    }
}
