//! Where addresses are: prefixes of the routing table, and for each the landmark that a search found nearest to an
//! address in it. A prefix whose addresses turn out to be far apart is split.

use std::net::IpAddr;

use ipnet::IpNet;
use prefix_trie::joint::map::JointPrefixMap;

use super::message::Mapped;
use crate::machine::Time;

/// Most prefixes whose place it knows.
const MAX_KNOWN: usize = 65_536;
/// Most prefixes of the routing table.
const MAX_ROOTS: usize = 1_048_576;
/// What stands for an address that no prefix covers has so many bits: what RFC 7871 §11.1 lets a resolver tell.
const UNKNOWN: (u8, u8) = (24, 56);

/// What is known of where an address is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Answer {
    /// The addresses of which the same holds: an answer for one may be given to all.
    pub(super) block: IpNet,
    /// `None`: nothing, or only of a covering prefix.
    pub(super) mapped: Option<Mapped>,
    /// Of the prefix, or of one that covers it.
    pub(super) near: Option<Mapped>,
    /// When it was found out.
    pub(super) since: Time,
}

pub(super) struct Prefixes {
    roots: JointPrefixMap<IpNet, ()>,
    known: JointPrefixMap<IpNet, Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    mapped: Mapped,
    since: Time,
    /// The address that was probed.
    probed: IpAddr,
}

impl Prefixes {
    pub(super) fn new(prefixes: &[IpNet]) -> Self {
        let mut roots = JointPrefixMap::new();
        for prefix in prefixes.iter().take(MAX_ROOTS) {
            roots.insert(prefix.trunc(), ());
        }
        Self { roots, known: JointPrefixMap::new() }
    }

    /// The prefix of the routing table that an address is in; a small block if it is in none.
    pub(super) fn root(&self, address: IpAddr) -> IpNet {
        let host = IpNet::from(address);
        // A default route says nothing of where its addresses are.
        let root = self.roots.get_lpm_prefix(&host).filter(|prefix| prefix.prefix_len() > 0);
        root.unwrap_or_else(|| block(address, if host.max_prefix_len() == 32 { UNKNOWN.0 } else { UNKNOWN.1 }))
    }

    pub(super) fn look(&self, address: IpAddr) -> Answer {
        let root = self.root(address);
        let known = self.known.get_lpm(&IpNet::from(address));
        let exact = known.filter(|(prefix, _)| prefix.prefix_len() >= root.prefix_len());
        let matched = exact.map_or(root, |(prefix, _)| prefix);
        Answer {
            block: self.block(address, matched),
            mapped: exact.map(|(_, known)| known.mapped),
            near: known.map(|(_, known)| known.mapped),
            since: exact.map(|(_, known)| known.since).unwrap_or_default(),
        }
    }

    /// The largest block around the address within what it matched of whose addresses none matches anything longer
    /// (RFC 7871 §7.2.1: answers for overlapping prefixes would be mixed up in caches).
    fn block(&self, address: IpAddr, matched: IpNet) -> IpNet {
        let longer = self.roots.children(&matched).map(|(prefix, ())| prefix);
        let longer = longer.chain(self.known.children(&matched).map(|(prefix, _)| prefix));
        let longer = longer.filter(|prefix| prefix.prefix_len() > matched.prefix_len());
        let least = longer.map(|prefix| common(address, prefix.addr()) + 1).max().unwrap_or(0);
        block(address, least.max(matched.prefix_len()))
    }

    /// A search has found the landmark nearest to this address. Where its prefix was thought to be farther away than
    /// `disagree` km, by another address, it is split; whether it was.
    pub(super) fn learn(&mut self, now: Time, address: IpAddr, mapped: Mapped, disagree: f64) -> bool {
        let known = Known { mapped, since: now, probed: address };
        let root = self.root(address);
        let old =
            self.known.get_lpm(&IpNet::from(address)).filter(|(prefix, _)| prefix.prefix_len() >= root.prefix_len());
        let Some((prefix, old)) = old.map(|(prefix, old)| (prefix, *old)) else {
            self.put(root, known);
            return false;
        };
        let apart = old.mapped.place.distance(mapped.place) > disagree;
        if !apart || old.probed == address || !prefix.contains(&old.probed) {
            self.put(prefix, known);
            return false;
        }
        let length = common(address, old.probed) + 1;
        self.known.remove(&prefix);
        self.put(block(old.probed, length), old);
        self.put(block(address, length), known);
        true
    }

    /// Whoever looks after this block has told where it is.
    pub(super) fn hear(&mut self, now: Time, block: IpNet, mapped: Mapped) {
        self.put(block.trunc(), Known { mapped, since: now, probed: block.addr() });
    }

    fn put(&mut self, prefix: IpNet, known: Known) {
        if self.known.len() < MAX_KNOWN || self.known.contains_key(&prefix) {
            self.known.insert(prefix, known);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.known.len() * (size_of::<IpNet>() + size_of::<Known>()) + self.roots.len() * size_of::<IpNet>()
    }
}

/// Bits that two addresses of a family have in common from the first on; 0 for those of two families.
fn common(a: IpAddr, b: IpAddr) -> u8 {
    let bits = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => 0,
    };
    bits as u8
}

/// The block of so many bits around an address.
pub(super) fn block(address: IpAddr, length: u8) -> IpNet {
    let host = IpNet::from(address);
    IpNet::new(address, length.min(host.max_prefix_len())).unwrap_or(host).trunc()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::anycast::facts::Place;

    fn mapped(longitude: f64) -> Mapped {
        Mapped { place: Place { lat: 0.0, lon: longitude }, micros: 100 }
    }

    fn at(seconds: u64) -> Time {
        Time(Duration::from_secs(seconds))
    }

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_longest_match_counts_and_a_covering_prefix_is_only_near() {
        let mut table = Prefixes::new(&nets(&["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"]));
        table.learn(at(1), ip("10.9.0.1"), mapped(5.0), 500.0);
        let inner = table.look(ip("10.1.0.1"));
        assert_eq!((inner.mapped, inner.near), (None, Some(mapped(5.0))));
        assert_eq!(inner.block, "10.1.0.0/16".parse::<IpNet>().unwrap());
        assert_eq!(table.look(ip("2001:db8::1")).block, "2001:db8::/32".parse::<IpNet>().unwrap());
        assert_eq!(table.look(ip("192.0.2.9")).block, "192.0.2.0/24".parse::<IpNet>().unwrap());
    }

    #[test]
    fn a_prefix_is_split_when_probes_disagree() {
        let mut table = Prefixes::new(&nets(&["10.0.0.0/16"]));
        assert!(!table.learn(at(1), ip("10.0.1.1"), mapped(0.0), 500.0));
        assert!(!table.learn(at(2), ip("10.0.1.9"), mapped(1.0), 500.0), "111 km");
        assert!(table.learn(at(3), ip("10.0.129.1"), mapped(90.0), 500.0));
        assert_eq!(table.look(ip("10.0.7.7")).mapped, Some(mapped(1.0)));
        assert_eq!(table.look(ip("10.0.200.7")).mapped, Some(mapped(90.0)));
        assert_eq!(table.look(ip("10.0.7.7")).block, "10.0.0.0/17".parse::<IpNet>().unwrap());
        assert!(!table.learn(at(4), ip("10.0.129.1"), mapped(0.0), 500.0), "the same address has moved");
    }

    proptest! {
        /// What is told of a block holds of each of its addresses: a cache may give it to all of them.
        #[test]
        fn all_of_a_block_get_the_same(
            roots in prop::collection::vec((any::<u32>(), 1u8..=28), 0..12),
            learned in prop::collection::vec((any::<u32>(), 0..8u32), 0..12),
            asked: u32,
            other: u32,
        ) {
            // Few bits, so that they meet.
            let few = |bits: u32| std::net::Ipv4Addr::from(bits & 0xC000_00FF);
            let roots: Vec<_> = roots.into_iter().map(|(a, l)| block(few(a).into(), l)).collect();
            let mut table = Prefixes::new(&roots);
            for (address, place) in learned {
                table.learn(at(1), few(address).into(), mapped(f64::from(place) * 20.0), 500.0);
            }
            let asked = few(asked);
            let answer = table.look(asked.into());
            prop_assert!(answer.block.contains(&IpAddr::from(asked)));
            let mask = u32::MAX.checked_shr(u32::from(answer.block.prefix_len())).unwrap_or(0);
            let other = std::net::Ipv4Addr::from((asked.to_bits() & !mask) | (other & mask));
            prop_assert_eq!(table.look(other.into()), answer);
        }
    }
}
