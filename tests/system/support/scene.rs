//! The scenes of a lab test: who runs it, and which address family it speaks.

use std::net::IpAddr;

use super::place::Place;
use super::skip;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    Root,
    /// An ordinary user, in a user namespace.
    Rootless,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
    Dual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scene {
    pub(crate) who: As,
    pub(crate) family: Family,
}

impl Scene {
    /// `root`, `rootless_ipv6`, …
    pub(crate) fn of(name: &str) -> Self {
        let (who, family) = name.split_once('_').unwrap_or((name, "ipv4"));
        let who = match who {
            "root" => As::Root,
            "rootless" => As::Rootless,
            other => panic!("no such user: {other}"),
        };
        let family = match family {
            "ipv4" => Family::Ipv4,
            "ipv6" => Family::Ipv6,
            "dual" => Family::Dual,
            other => panic!("no such family: {other}"),
        };
        Self { who, family }
    }

    pub(crate) fn name(self) -> String {
        let who = if self.who == As::Root { "root" } else { "rootless" };
        format!("{who}-{}", self.family.name())
    }
}

impl Family {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Dual => "dual",
        }
    }

    /// Of two addresses, an IPv4 and an IPv6 one, those that this family speaks.
    pub(crate) fn pick(self, ipv4: &str, ipv6: &str) -> Vec<IpAddr> {
        let address = |text: &str| text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        match self {
            Self::Ipv4 => vec![address(ipv4)],
            Self::Ipv6 => vec![address(ipv6)],
            Self::Dual => vec![address(ipv4), address(ipv6)],
        }
    }
}

/// Runs a test's body in a scene, or says why it cannot.
pub(crate) fn play(name: &str, scene: Scene, body: impl FnOnce(&Place)) {
    let place = Place::of(name, scene);
    match skip::missing(&place) {
        Some(feature) => skip::say(&place.name, &feature),
        None => body(&place),
    }
}
