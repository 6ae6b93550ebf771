//! The answer.

use std::net::IpAddr;
use std::time::Duration;

use domain::base::iana::{Class, OptRcode, Rcode};
use domain::base::message_builder::{AdditionalBuilder, AuthorityBuilder, PushError};
use domain::base::name::ToName;
use domain::base::opt::ClientSubnet;
use domain::base::{Message, MessageBuilder, Rtype, Serial, StaticCompressor, Ttl};
use domain::rdata::{A, Aaaa, Ns, Soa};

use super::MAX_UDP;
use super::query::{Edns, Query};
use super::zone::Zone;

/// Room for the options of an answer.
const OPTIONS: usize = 11 + 4 + 20;

/// What the answer says.
#[derive(Debug)]
pub(in super::super) enum Content {
    /// These have the name.
    Addresses(Vec<IpAddr>),
    /// Nothing of the type that was asked for is known of the name.
    NoData,
    NoName,
    /// It is the zone's own name.
    Apex,
    /// It cannot be told.
    Failed,
    NotOurs,
    /// Ask again by a stream.
    Cut,
}

/// What goes along with it.
pub(in super::super) struct Signs<'a> {
    pub(in super::super) zone: &'a Zone,
    /// Core nodes near who asks, by their hosts.
    pub(in super::super) nodes: &'a [(&'a str, IpAddr)],
    pub(in super::super) ttl: Duration,
    /// Bits of the client's address for which the same answer holds.
    pub(in super::super) scope: u8,
}

type Target = StaticCompressor<Vec<u8>>;

/// The answer as a message. By a datagram it is cut where it would be too long.
pub(in super::super) fn reply(query: &Query, content: &Content, signs: &Signs<'_>, datagram: bool) -> Option<Vec<u8>> {
    let limit = if datagram { query.limit() } else { usize::from(u16::MAX) };
    match compose(query, content, signs, limit) {
        Ok(bytes) => Some(bytes),
        // The answer itself does not fit.
        Err(_) => compose(query, &Content::Cut, signs, limit).ok(),
    }
}

fn compose(query: &Query, content: &Content, signs: &Signs<'_>, limit: usize) -> Result<Vec<u8>, PushError> {
    let rcode = match content {
        Content::NoName => Rcode::NXDOMAIN,
        Content::Failed => Rcode::SERVFAIL,
        Content::NotOurs => Rcode::REFUSED,
        _ => Rcode::NOERROR,
    };
    let mut builder =
        MessageBuilder::from_target(StaticCompressor::new(Vec::new())).map_err(|_| PushError::ShortBuf)?;
    builder.set_push_limit(limit - if query.edns.is_some() { OPTIONS } else { 0 });
    let mut answer = builder.start_answer(&query.message, rcode)?;
    answer.header_mut().set_aa(!matches!(content, Content::Failed | Content::NotOurs | Content::Cut));
    answer.header_mut().set_tc(matches!(content, Content::Cut));
    let ttl = Ttl::from_secs(signs.ttl.as_secs().try_into().unwrap_or(u32::MAX));
    let (apex, question) = (signs.zone.apex(), query.message.sole_question().map_err(|_| PushError::ShortBuf)?);
    let mut negative = matches!(content, Content::NoData | Content::NoName);
    match content {
        Content::Addresses(addresses) => {
            for address in addresses {
                match address {
                    IpAddr::V4(a) => answer.push((question.qname(), Class::IN, ttl, A::new(*a)))?,
                    IpAddr::V6(a) => answer.push((question.qname(), Class::IN, ttl, Aaaa::new(*a)))?,
                }
            }
        }
        Content::Apex => match query.rtype {
            Rtype::NS => {
                for (host, _) in signs.nodes {
                    if let Some(name) = signs.zone.node(host) {
                        answer.push((question.qname(), Class::IN, ttl, Ns::new(name)))?;
                    }
                }
            }
            Rtype::SOA => {
                if let Some(soa) = soa(signs, ttl) {
                    answer.push((question.qname(), Class::IN, ttl, soa))?;
                }
            }
            _ => negative = true,
        },
        _ => {}
    }
    let mut authority = answer.authority();
    if negative {
        // It says how long a resolver may remember that there is nothing (RFC 2308 §3).
        if let (Some(apex), Some(soa)) = (&apex, soa(signs, ttl)) {
            authority.push((apex, Class::IN, ttl, soa))?;
        }
    }
    let named = matches!(content, Content::Addresses(_));
    // Without what follows the answer is one all the same (RFC 2181 §9).
    if let Some(apex) = apex.filter(|_| named) {
        nameservers(&mut authority, &apex, signs, ttl);
    }
    let mut additional = authority.additional();
    if let Some(edns) = query.edns {
        additional.set_push_limit(limit);
        options(&mut additional, edns, signs.scope, rcode.into())?;
    }
    if named || matches!(content, Content::Apex) && query.rtype == Rtype::NS {
        for (host, address) in signs.nodes {
            let Some(name) = signs.zone.node(host) else { continue };
            let pushed = match address {
                IpAddr::V4(a) => additional.push((name, Class::IN, ttl, A::new(*a))),
                IpAddr::V6(a) => additional.push((name, Class::IN, ttl, Aaaa::new(*a))),
            };
            if pushed.is_err() {
                break;
            }
        }
    }
    Ok(additional.finish().into_target())
}

/// Core nodes near who asks: later questions go to them.
fn nameservers(authority: &mut AuthorityBuilder<Target>, apex: &impl ToName, signs: &Signs<'_>, ttl: Ttl) {
    for (host, _) in signs.nodes {
        if let Some(name) = signs.zone.node(host)
            && authority.push((apex, Class::IN, ttl, Ns::new(name))).is_err()
        {
            return;
        }
    }
}

fn soa(signs: &Signs<'_>, ttl: Ttl) -> Option<Soa<domain::base::Name<Vec<u8>>>> {
    let first = signs.nodes.first().and_then(|(host, _)| signs.zone.node(host)).or_else(|| signs.zone.apex())?;
    // Nobody copies the zone: its serial and the times of copying say nothing.
    Some(Soa::new(first, signs.zone.hostmaster()?, Serial(1), ttl, ttl, ttl, ttl))
}

fn options(to: &mut AdditionalBuilder<Target>, edns: Edns, scope: u8, rcode: OptRcode) -> Result<(), PushError> {
    to.opt(|opt| {
        opt.set_udp_payload_size(MAX_UDP);
        opt.set_rcode(rcode);
        let Some(subnet) = edns.subnet else { return Ok(()) };
        // For a client that does not want to be known by its block, the scope is zero (RFC 7871 §7.1.2).
        let scope = if subnet.source_prefix_len() == 0 { 0 } else { scope };
        opt.push(&ClientSubnet::new(subnet.source_prefix_len(), scope, subnet.addr()))
    })
}

/// An answer that says only why there is none.
pub(in super::super) fn refuse(message: &Message<Vec<u8>>, rcode: OptRcode) -> Option<Vec<u8>> {
    let builder = MessageBuilder::from_target(StaticCompressor::new(Vec::new())).ok()?;
    let mut additional = builder.start_error(message, rcode.rcode()).additional();
    if rcode == OptRcode::BADVERS || message.opt().is_some() {
        additional
            .opt(|opt| {
                opt.set_udp_payload_size(MAX_UDP);
                opt.set_rcode(rcode);
                Ok(())
            })
            .ok()?;
    }
    let bytes = additional.finish().into_target();
    // Never more than was asked: what cannot be read may have a question that can be, once unpacked.
    (bytes.len() <= message.as_slice().len().max(12)).then_some(bytes)
}
