//! What was asked.

use std::net::IpAddr;

use domain::base::iana::{Class, Opcode, OptRcode, Rcode};
use domain::base::opt::ClientSubnet;
use domain::base::{Message, Rtype};

use super::MAX_UDP;

/// Longest question that is read.
const MAX_QUERY: usize = 1024;

/// A question that can be answered.
#[derive(Clone, Debug)]
pub(in super::super) struct Query {
    /// The message.
    pub(super) message: Message<Vec<u8>>,
    /// The name as text, without a dot at the end.
    pub(in super::super) name: String,
    pub(super) rtype: Rtype,
    pub(super) edns: Option<Edns>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Edns {
    /// Largest datagram that is taken.
    pub(super) size: u16,
    pub(super) subnet: Option<ClientSubnet>,
}

/// Why it is not answered.
#[derive(Debug)]
pub(in super::super) enum Refused {
    /// It is no question, and not answered at all.
    Silently,
    With(Box<Message<Vec<u8>>>, OptRcode),
}

impl Query {
    /// The block of the client for which a resolver asks, if it says (RFC 7871).
    pub(in super::super) fn subnet(&self) -> Option<(IpAddr, u8)> {
        let subnet = self.edns?.subnet?;
        (subnet.source_prefix_len() > 0).then(|| (subnet.addr(), subnet.source_prefix_len()))
    }

    /// Of which family addresses are asked for; `None`: it is not for addresses.
    pub(in super::super) fn ipv6(&self) -> Option<bool> {
        match self.rtype {
            Rtype::A => Some(false),
            Rtype::AAAA => Some(true),
            _ => None,
        }
    }

    /// Longest answer by a datagram.
    pub(super) fn limit(&self) -> usize {
        self.edns.map_or(512, |edns| usize::from(edns.size.clamp(512, MAX_UDP)))
    }
}

/// Reads a message.
pub(in super::super) fn read(bytes: &[u8]) -> Result<Query, Refused> {
    if bytes.len() > MAX_QUERY {
        return Err(Refused::Silently);
    }
    let message = Message::from_octets(bytes.to_vec()).map_err(|_| Refused::Silently)?;
    let header = message.header();
    if header.qr() {
        return Err(Refused::Silently);
    }
    let refuse = |rcode: OptRcode| Err(Refused::With(Box::new(message.clone()), rcode));
    if header.opcode() != Opcode::QUERY {
        return refuse(Rcode::NOTIMP.into());
    }
    let Ok(question) = message.sole_question() else { return refuse(Rcode::FORMERR.into()) };
    let Some(edns) = edns(&message) else { return refuse(Rcode::FORMERR.into()) };
    if edns.is_some_and(|(_, version)| version > 0) {
        return refuse(OptRcode::BADVERS);
    }
    if question.qclass() != Class::IN {
        return refuse(Rcode::REFUSED.into());
    }
    let name = question.qname().to_string();
    let (name, rtype, edns) = (name.trim_end_matches('.').to_owned(), question.qtype(), edns.map(|(edns, _)| edns));
    Ok(Query { message, name, rtype, edns })
}

/// What a message's options say, and their version; `None`: what they should not.
fn edns(message: &Message<Vec<u8>>) -> Option<Option<(Edns, u8)>> {
    let Some(opt) = message.opt() else {
        // One that cannot be read is not one that is not there.
        let records = message.additional().ok()?;
        let mut others = records.flatten();
        return others.all(|record| record.rtype() != Rtype::OPT).then_some(None);
    };
    let mut subnet = None;
    for option in opt.opt().iter::<ClientSubnet>() {
        subnet = Some(option.ok()?);
    }
    // In a question the scope is zero (RFC 7871 §6).
    if subnet.is_some_and(|subnet: ClientSubnet| subnet.scope_prefix_len() != 0) {
        return None;
    }
    Some(Some((Edns { size: opt.udp_payload_size(), subnet }, opt.version())))
}
