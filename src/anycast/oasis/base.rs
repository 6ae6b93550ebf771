//! What all parts of a core node work with.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::dns::{Limiter, Zone};
use super::hashing::Circle;
use super::landmarks::landmarks;
use super::meridian::node::Node;
use super::message::{Contact, Core, Landmark, Message};
use super::pending::Pending;
use super::prefixes::Prefixes;
use super::services::Services;
use super::settings::Settings;
use super::streams::Streams;
use super::view::View;
use crate::anycast::config::PORT;
use crate::anycast::facts::{Facts, Place};
use crate::anycast::life::draws;
use crate::anycast::server::{Served, ServerConfig};
use crate::machine::{Output, Port, Time};
use crate::overlay::wire::{Tag, encode};

pub(super) struct Base {
    pub(super) config: ServerConfig,
    pub(super) settings: Settings,
    pub(super) me: usize,
    pub(super) place: Option<Place>,
    pub(super) view: View,
    pub(super) circle: Circle,
    /// A landmark, if it is known where it stands.
    pub(super) meridian: Option<Node>,
    pub(super) services: Services,
    pub(super) prefixes: Prefixes,
    pub(super) pending: BTreeMap<u64, Pending>,
    pub(super) streams: Streams,
    pub(super) zone: Zone,
    pub(super) limiter: Limiter,
    /// Searches of its own: which address, since when.
    pub(super) searches: BTreeMap<u64, (IpAddr, Time)>,
    pub(super) vain: BTreeMap<ipnet::IpNet, Time>,
    pub(super) rng: ChaCha8Rng,
    pub(super) out: VecDeque<Output<Served>>,
}

impl Base {
    pub(super) fn new(config: ServerConfig, now: Time) -> Self {
        let settings = Settings::of(&config.facts);
        let facts = &config.facts;
        let me = facts.servers.iter().position(|site| site.host == config.host).unwrap_or(usize::MAX);
        let site = facts.servers.get(me);
        let mut rng = draws(&[b"core node", &config.seed.to_be_bytes(), config.host.as_bytes()], now);
        let place = site.and_then(|site| site.place);
        let meridian = site.zip(place).map(|(site, place)| {
            let contact = Contact { address: site.peer.address, tag: facts.tag() };
            let below = ChaCha8Rng::from_seed(rng.random());
            let mut node = Node::new(Landmark { contact, place }, settings, below, now);
            landmarks(facts).for_each(|landmark| node.keep(landmark));
            node
        });
        Self {
            me,
            place,
            view: View::new(me, facts.servers.len(), settings.silence, now),
            circle: Circle::new(facts.servers.iter().map(|site| &site.peer)),
            meridian,
            services: Services::default(),
            prefixes: Prefixes::new(&facts.prefixes),
            pending: BTreeMap::new(),
            streams: Streams::default(),
            zone: Zone::new(facts),
            limiter: Limiter::default(),
            searches: BTreeMap::new(),
            vain: BTreeMap::new(),
            rng,
            settings,
            out: VecDeque::new(),
            config,
        }
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.config.facts
    }

    pub(super) fn service(&self, name: &str) -> Option<u16> {
        let at = self.facts().groups.iter().position(|group| group.name == name)?;
        u16::try_from(at).ok()
    }

    /// Core nodes that know a service's replicas, as this one sees it.
    pub(super) fn knowing(&self, service: u16) -> Vec<usize> {
        let Some(group) = self.facts().groups.get(usize::from(service)) else { return Vec::new() };
        self.circle.owners(Circle::of_service(&group.name), self.settings.rendezvous, self.view.alive())
    }

    /// Core nodes that look after the prefix of this address.
    pub(super) fn keeping(&self, address: IpAddr) -> Vec<usize> {
        let key = Circle::of_prefix(&self.prefixes.root(address));
        self.circle.owners(key, self.settings.rendezvous, self.view.alive())
    }

    pub(super) fn send(&mut self, to: SocketAddr, tag: Tag, message: &Message) {
        if let Some(bytes) = encode(tag, message) {
            self.out.push_back(Output::Datagram { from: Port::unicast(PORT), to, bytes });
        }
    }

    /// The same, if it is not larger than what it answers.
    pub(super) fn answer(&mut self, to: SocketAddr, tag: Tag, room: usize, message: &Message) {
        if let Some(bytes) = encode(tag, message).filter(|bytes| bytes.len() <= room) {
            self.out.push_back(Output::Datagram { from: Port::unicast(PORT), to, bytes });
        }
    }

    /// To another core node.
    pub(super) fn tell(&mut self, node: usize, message: Core) {
        let Some(site) = self.facts().servers.get(node) else { return };
        let (to, tag) = (site.peer.address, self.facts().tag());
        self.send(to, tag, &Message::Core(message));
    }

    pub(super) fn is_core_node(&self, address: SocketAddr) -> bool {
        self.facts().servers.iter().any(|site| site.peer.address == address)
    }

    pub(super) fn said(&mut self, what: &str, service: Option<u16>, who: String) {
        let group = service.and_then(|s| self.facts().groups.get(usize::from(s))).map(|group| group.name.clone());
        self.out.push_back(Output::Said(Served { what: what.to_owned(), group, who: Some(who) }));
    }
}
