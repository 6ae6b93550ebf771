//! What everybody in a lab is told about an infrastructure: its servers, its agents, its clients.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::machine::Part;
use crate::overlay::key::{Key, Value};
use crate::overlay::wire::Tag;
use crate::overlay::{Peer, Values};

/// An infrastructure of a lab.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// As the lab file names it; for plain IP anycast, which no lab file declares, `ip`.
    pub name: String,
    /// All its servers, in the order of the lab file.
    pub servers: Vec<Site>,
    /// The block that its servers announce, if they announce one: of its first address is what is the
    /// infrastructure's own, and of each other one a group's.
    pub block: Option<IpAddr>,
    /// The groups that use it, in the order of the lab file.
    pub groups: Vec<Shared>,
    /// What the lab file says of the kind's own keys.
    pub settings: BTreeMap<String, Value>,
    /// Prefixes of the lab's routing tables, for who maps addresses to places.
    pub prefixes: Vec<IpNet>,
}

/// A server, or a member that serves as a landmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Site {
    pub host: String,
    /// Its id among the servers, and its address with port [`super::PORT`].
    pub peer: Peer,
    pub place: Option<Place>,
}

/// Geographic coordinates in degrees (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub lat: f64,
    pub lon: f64,
}

/// A group that uses an infrastructure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    pub name: String,
    /// By this the machine of a server knows the group's address, if it has one: from 1 on.
    pub part: Part,
    /// The group's address and port.
    pub address: SocketAddr,
    pub transport: Transport,
}

/// What is spoken at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Tcp,
    /// Of clients' flows, datagrams with a connection id whose state one member has, as QUIC's (RFC 9000 §5.1).
    Udp,
}

impl Transport {
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl Facts {
    /// Of plain IP anycast, which no lab file declares.
    pub fn plain() -> Self {
        Self { name: "ip".to_owned(), ..Self::default() }
    }

    /// What datagrams bear that are for the infrastructure's servers.
    pub fn tag(&self) -> Tag {
        Tag::of_infrastructure(&self.name)
    }

    /// The settings, and what holds where the lab file does not say.
    pub fn values(&self, keys: &'static [Key]) -> Values {
        Values::set(keys, self.settings.clone())
    }

    pub fn server(&self, host: &str) -> Option<&Site> {
        self.servers.iter().find(|site| site.host == host)
    }

    pub fn group(&self, name: &str) -> Option<&Shared> {
        self.groups.iter().find(|group| group.name == name)
    }
}

impl Place {
    /// Mean radius of the earth in km: of WGS 84, (2a + b) / 3.
    pub const RADIUS: f64 = 6371.0088;

    /// Whether these are degrees of latitude and longitude.
    pub fn is_on_earth(self) -> bool {
        self.lat.abs() <= 90.0 && self.lon.abs() <= 180.0
    }

    /// The great circle to another place on a sphere, in km.
    pub fn distance(self, other: Self) -> f64 {
        let (latitudes, longitudes) = ((other.lat - self.lat).to_radians(), (other.lon - self.lon).to_radians());
        let cosines = self.lat.to_radians().cos() * other.lat.to_radians().cos();
        // Haversine: exact to the last digits for near places too. Rounding must not take it above 1.
        let h = (latitudes / 2.0).sin().powi(2) + cosines * (longitudes / 2.0).sin().powi(2);
        2.0 * Self::RADIUS * h.min(1.0).sqrt().asin()
    }
}
