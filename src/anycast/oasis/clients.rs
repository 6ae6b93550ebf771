//! How clients ask a core node that run nothing of ours, and how they are answered.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::base::Base;
use super::dns::{self, Content, Named, Query, Refused, Signs};
use super::http;
use super::message::{Message, Order, Wanted};
use super::pending::Asker;
use super::streams::Open;
use crate::machine::{Output, Port, Stream, StreamId, Time};
use crate::overlay::wire::encode;

/// Most streams at a time.
const MAX_STREAMS: usize = 256;
/// Core nodes in an answer's authority section.
const NAMESERVERS: usize = 3;
/// No port: of a stream in which nothing more is read.
const ANSWERING: u16 = 0;
/// Longest length of a message in a stream of questions for names.
const MAX_BUFFER: usize = 2 + 1024;

impl Base {
    /// Something happens in a stream that a client has opened.
    pub(super) fn stream(&mut self, now: Time, id: StreamId, part: Stream<&[u8]>) {
        match part {
            Stream::Open { at, peer } => {
                let ours = at == Port::unicast(dns::PORT) || at == Port::unicast(http::PORT);
                if !ours || self.streams.len() >= MAX_STREAMS {
                    return self.out.push_back(Output::Stream(id, Stream::Close));
                }
                self.streams.0.insert(id, Open { port: at.number, peer, heard: Vec::new(), since: now });
            }
            Stream::Close | Stream::Lost => {
                self.streams.0.remove(&id);
            }
            Stream::Bytes(bytes) => {
                let Some(open) = self.streams.0.get_mut(&id) else { return };
                open.since = now;
                let most = if open.port == http::PORT { http::MAX_HEAD } else { MAX_BUFFER };
                // What is more than that is not read: the head is too long, or the client asks faster than it hears.
                let room = most.saturating_sub(open.heard.len());
                open.heard.extend_from_slice(&bytes[..bytes.len().min(room)]);
                let cut = bytes.len() > room;
                match open.port {
                    http::PORT => self.web(now, id),
                    dns::PORT => self.names(now, id, cut),
                    _ => {}
                }
            }
        }
    }

    pub(super) fn hang_up(&mut self, id: StreamId) {
        if self.streams.0.remove(&id).is_some() {
            self.out.push_back(Output::Stream(id, Stream::Close));
        }
    }

    /// Messages in a stream have their length before them (RFC 1035 §4.2.2).
    fn names(&mut self, now: Time, id: StreamId, cut: bool) {
        loop {
            let Some(open) = self.streams.0.get_mut(&id) else { return };
            let Some((length, rest)) = open.heard.split_first_chunk::<2>() else { break };
            let length = usize::from(u16::from_be_bytes(*length));
            if length + 2 > MAX_BUFFER {
                return self.hang_up(id);
            }
            let Some(message) = rest.get(..length).map(<[u8]>::to_vec) else { break };
            open.heard.drain(..length + 2);
            let client = open.peer.ip();
            self.name_asked(now, Asker::Stream(id), client, &message);
        }
        if cut {
            self.hang_up(id);
        }
    }

    fn web(&mut self, now: Time, id: StreamId) {
        let Some(open) = self.streams.0.get_mut(&id) else { return };
        let client = open.peer.ip();
        match http::read(&self.zone, &open.heard) {
            http::Heard::Partly => {}
            http::Heard::Refused(status) => self.say_and_close(id, http::refuse(status)),
            http::Heard::Request(request) => {
                // One request a stream: what follows is not read.
                open.port = ANSWERING;
                let how = Order::Near;
                let wanted = Wanted {
                    service: request.service,
                    how,
                    place: None,
                    count: 1,
                    except: None,
                    ipv6: Some(client.is_ipv6()),
                };
                self.begin(now, Asker::Web { stream: id, path: request.path }, client, wanted);
            }
        }
    }

    fn say_and_close(&mut self, id: StreamId, bytes: Vec<u8>) {
        if self.streams.0.contains_key(&id) {
            self.out.push_back(Output::Stream(id, Stream::Bytes(bytes)));
            self.hang_up(id);
        }
    }

    /// A question for a name.
    pub(super) fn name_asked(&mut self, now: Time, by: Asker, client: IpAddr, bytes: &[u8]) {
        let query = match dns::read(bytes) {
            Ok(query) => query,
            Err(Refused::Silently) => return,
            Err(Refused::With(message, rcode)) => {
                if let Some(bytes) = dns::refuse(&message, rcode) {
                    self.say(&by, bytes);
                }
                return;
            }
        };
        if let Asker::Datagram(from) = by
            && !self.limiter.allows(now, from.ip())
        {
            return self.name_answer(&by, &query, &Content::Cut, client, 0);
        }
        let content = match (self.zone.named(&query.name), query.ipv6()) {
            (Named::Service(service), Some(ipv6)) => {
                // A resolver's own address says little of who asked it.
                let address = query.subnet().map_or(client, |(address, _)| address);
                let count = u16::try_from(self.settings.answers).unwrap_or(1);
                let wanted = Wanted { service, how: Order::Near, place: None, count, except: None, ipv6: Some(ipv6) };
                let asker = Asker::Named { by: Box::new(by), query: Box::new(query) };
                return self.begin(now, asker, address, wanted);
            }
            (Named::Node(address), Some(ipv6)) if address.is_ipv6() == ipv6 => Content::Addresses(vec![address]),
            (Named::Service(_) | Named::Node(_) | Named::Inner, _) => Content::NoData,
            (Named::Apex, _) => Content::Apex,
            (Named::Nothing, _) => Content::NoName,
            (Named::Elsewhere, _) => Content::NotOurs,
        };
        self.name_answer(&by, &query, &content, client, 0);
    }

    fn name_answer(&mut self, by: &Asker, query: &Query, content: &Content, client: IpAddr, scope: u8) {
        let nodes: Vec<_> = self.nameservers(client);
        let named: Vec<_> = nodes.iter().map(|(host, address)| (&host[..], *address)).collect();
        let signs = Signs { zone: &self.zone, nodes: &named, ttl: self.settings.ttl, scope };
        if let Some(bytes) = dns::reply(query, content, &signs, matches!(by, Asker::Datagram(_))) {
            self.say(by, bytes);
        }
    }

    /// Core nodes that are alive, nearest to an address first.
    fn nameservers(&self, client: IpAddr) -> Vec<(String, IpAddr)> {
        let place = self.prefixes.look(client).near.map(|mapped| mapped.place).or(self.place);
        let alive = self.facts().servers.iter().zip(self.view.alive()).filter(|(_, alive)| **alive);
        let far = |at: Option<_>| place.zip(at).map_or(f64::MAX, |(a, b): (crate::anycast::Place, _)| a.distance(b));
        let mut all: Vec<_> = alive.map(|(site, _)| (far(site.place), site)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all.into_iter().take(NAMESERVERS).map(|(_, site)| (site.host.clone(), site.peer.address.ip())).collect()
    }

    fn say(&mut self, to: &Asker, bytes: Vec<u8>) {
        match to {
            Asker::Datagram(to) => {
                self.out.push_back(Output::Datagram { from: Port::unicast(dns::PORT), to: *to, bytes });
            }
            Asker::Stream(id) if self.streams.0.contains_key(id) => {
                let Ok(length) = u16::try_from(bytes.len()) else { return };
                let bytes = [&length.to_be_bytes()[..], &bytes].concat();
                self.out.push_back(Output::Stream(*id, Stream::Bytes(bytes)));
            }
            _ => {}
        }
    }

    /// The answer to a question: these replicas, or `None`: nobody could be asked. It holds for all of the block.
    pub(super) fn reply(
        &mut self,
        _: Time,
        asker: Asker,
        address: IpAddr,
        block: IpNet,
        members: Option<Vec<SocketAddr>>,
    ) {
        match asker {
            Asker::Agent { to, tag, nonce, room } => {
                // Silence would have it ask again elsewhere, and be right.
                let Some(mut members) = members else { return };
                let ttl = u32::try_from(self.settings.ttl.as_millis()).unwrap_or(u32::MAX);
                while !members.is_empty() {
                    let found = Message::Found { nonce, ttl, members: members.clone() };
                    if encode(tag, &found).is_some_and(|bytes| bytes.len() <= room) {
                        break;
                    }
                    members.pop();
                }
                self.answer(to, tag, room, &Message::Found { nonce, ttl, members });
            }
            Asker::Named { by, query } => {
                let content = match members {
                    None => Content::Failed,
                    Some(members) if members.is_empty() => Content::NoData,
                    Some(members) => {
                        // Several replicas may be at one address.
                        let mut addresses: Vec<IpAddr> = Vec::new();
                        for member in members {
                            if !addresses.contains(&member.ip()) {
                                addresses.push(member.ip());
                            }
                        }
                        Content::Addresses(addresses)
                    }
                };
                let depends = matches!(content, Content::Addresses(_)) && query.subnet().is_some();
                let scope = if depends { block.prefix_len() } else { 0 };
                self.name_answer(&by, &query, &content, address, scope);
            }
            Asker::Web { stream, path } => {
                let answer = match members.as_deref() {
                    Some([member, ..]) => http::redirect(*member, &path, self.settings.ttl),
                    _ => http::refuse(503),
                };
                self.say_and_close(stream, answer);
            }
            Asker::Datagram(_) | Asker::Stream(_) => {}
        }
    }
}
