//! Fewer ASes that are like the whole: its tiers, the ways up from the sites, and the policies between those that stay.

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::Relations;
use crate::topology::values::is_public;

/// Of the ASes that stay, those that sell transit: so many at least, however few they are in the whole.
const TRANSIT: f64 = 0.2;
/// Peers at the top: so many at least.
const TOP: usize = 3;

/// What is to stay.
#[derive(Clone, Debug)]
pub struct Choice {
    /// So many ASes; a few more if the ways up from the sites need them.
    pub ases: usize,
    /// ASes in which there are sites; none: so many as `random_sites` says, drawn from the edge.
    pub sites: Vec<u32>,
    pub random_sites: usize,
    /// ASes with a client, drawn from the edge.
    pub clients: usize,
    pub seed: u64,
}

/// What stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduced {
    pub ases: BTreeSet<u32>,
    /// Provider and customer.
    pub customers: BTreeSet<(u32, u32)>,
    /// The lower number first.
    pub peers: BTreeSet<(u32, u32)>,
    pub sites: Vec<u32>,
    pub clients: Vec<u32>,
    /// ASes of the file whose numbers no AS of a lab may have.
    pub unusable: usize,
    /// Links that would have made somebody its own provider's provider.
    pub circles: Vec<(u32, u32)>,
    /// Of the whole and of what stays: at the top, with customers, without.
    pub tiers: [[usize; 3]; 2],
}

/// Keeps the peers at the top with the largest customer cones, the sites with all of their providers and the way from
/// each up to the top, those with the largest cones of the others that sell transit, and of the edge a random choice.
///
/// # Errors
/// A site that is not in the file; fewer ASes than the sites need; a file without peers at the top.
pub fn reduce(whole: &Relations, choice: &Choice) -> Result<Reduced, String> {
    let all: BTreeSet<u32> = whole.ases().into_iter().filter(|asn| is_public(*asn)).collect();
    let cones = cones(whole, &all);
    let top = clique(whole, &all, &cones);
    if top.is_empty() {
        return Err("nobody in the file is without a provider: it has no top".to_owned());
    }
    let mut rng = ChaCha8Rng::seed_from_u64(choice.seed);
    let sells = |asn: &u32| cones[asn] > 1;
    let up = Up { whole, all: &all, cones: &cones, top: &top };
    let is_edge =
        |asn: &u32| !sells(asn) && whole.providers.contains_key(asn) && up.way(*asn, &BTreeSet::new()).is_some();
    let mut edge: Vec<u32> = all.iter().copied().filter(is_edge).collect();
    edge.shuffle(&mut rng);
    if let Some(absent) = choice.sites.iter().find(|asn| !all.contains(asn)) {
        return Err(format!("AS{absent} is not in the file, or its number is private or reserved"));
    }
    let sites: Vec<u32> = if choice.sites.is_empty() {
        edge.iter().copied().take(choice.random_sites).collect()
    } else {
        let unique: BTreeSet<u32> = choice.sites.iter().copied().collect();
        unique.into_iter().collect()
    };
    if let Some(apart) = sites.iter().find(|asn| up.way(**asn, &BTreeSet::new()).is_none()) {
        return Err(format!("AS{apart} has no way up to the top over providers: nobody else would hear of it"));
    }
    if sites.is_empty() && choice.random_sites > 0 {
        return Err("nobody at the edge has a way up to the top: name ASes with --sites".to_owned());
    }
    let share = |tier: usize| tier as f64 / all.len() as f64 * choice.ases as f64;
    let tops = (share(top.len()).round() as usize).clamp(TOP.min(top.len()), top.len());
    let mut kept: BTreeSet<u32> = top.iter().copied().take(tops).collect();
    for site in &sites {
        kept.insert(*site);
        whole.providers.get(site).into_iter().flatten().for_each(|provider| up.keep(*provider, &mut kept));
        up.keep(*site, &mut kept);
    }
    if kept.len() > choice.ases.max(1) {
        let needed = kept.len();
        return Err(format!(
            "the sites and the ways up from them are {needed} ASes: more than {} (--ases)",
            choice.ases
        ));
    }
    let mut transit: Vec<u32> = all.iter().copied().filter(|asn| sells(asn) && !top.contains(asn)).collect();
    transit.sort_by_key(|asn| (std::cmp::Reverse(cones[asn]), *asn));
    let wanted = tops + share(transit.len()).max(TRANSIT * choice.ases as f64) as usize;
    for asn in transit {
        if kept.iter().filter(|asn| sells(asn)).count() >= wanted || kept.len() >= choice.ases {
            break;
        }
        up.keep(asn, &mut kept);
    }
    let inside = |asn: &u32, kept: &BTreeSet<u32>| whole.providers[asn].iter().any(|provider| kept.contains(provider));
    for asn in &edge {
        if kept.len() < choice.ases && inside(asn, &kept) {
            kept.insert(*asn);
        }
    }
    let clients = edge.iter().copied().filter(|asn| kept.contains(asn) && !sites.contains(asn)).take(choice.clients);
    let clients = clients.collect();
    let tier = |of: &BTreeSet<u32>| {
        let count = |which: &dyn Fn(&u32) -> bool| of.iter().filter(|asn| which(asn)).count();
        let tops = count(&|asn| top.contains(asn));
        let transit = count(&|asn| sells(asn) && !top.contains(asn));
        [tops, transit, of.len() - tops - transit]
    };
    let tiers = [tier(&all), tier(&kept)];
    let (customers, circles) = without_circles(whole, &kept);
    let of = |asn: &u32| whole.peers.get(asn).into_iter().flatten().copied().collect::<Vec<_>>();
    let pairs = kept.iter().flat_map(|a| of(a).into_iter().map(move |b| (*a, b)));
    let peers = pairs.filter(|(a, b)| a < b && kept.contains(b)).collect();
    let unusable = whole.ases().len() - all.len();
    Ok(Reduced { unusable, ases: kept, customers, peers, sites, clients, circles, tiers })
}

/// The ways from an AS to the top.
struct Up<'a> {
    whole: &'a Relations,
    all: &'a BTreeSet<u32>,
    cones: &'a BTreeMap<u32, usize>,
    top: &'a [u32],
}

impl Up<'_> {
    /// Keeps an AS, and if none of its providers has been kept, the one with the largest cone, and so on up.
    fn keep(&self, asn: u32, kept: &mut BTreeSet<u32>) {
        // Nobody reaches those without a way to the top: they are left out.
        let way = self.way(asn, kept).unwrap_or_default();
        kept.extend(way);
    }

    /// An AS and those above it, up to one that has been kept or is at the top; `None`: there is no such way.
    fn way(&self, asn: u32, kept: &BTreeSet<u32>) -> Option<Vec<u32>> {
        let (mut at, mut way) = (asn, vec![asn]);
        while !self.top.contains(&at) {
            let providers = self.whole.providers.get(&at).into_iter().flatten();
            let open: Vec<u32> = providers.copied().filter(|p| self.all.contains(p) && !way.contains(p)).collect();
            if open.iter().any(|provider| kept.contains(provider)) {
                break;
            }
            at = open.into_iter().max_by_key(|p| (self.cones[p], std::cmp::Reverse(*p)))?;
            way.push(at);
        }
        Some(way)
    }
}

/// How many ASes each reaches by going down, itself included.
fn cones(whole: &Relations, all: &BTreeSet<u32>) -> BTreeMap<u32, usize> {
    let cone = |asn: &u32| {
        let (mut seen, mut open) = (BTreeSet::from([*asn]), vec![*asn]);
        while let Some(at) = open.pop() {
            let below = whole.customers.get(&at).into_iter().flatten();
            open.extend(below.copied().filter(|below| all.contains(below) && seen.insert(*below)));
        }
        seen.len()
    };
    all.iter().map(|asn| (*asn, cone(asn))).collect()
}

/// Those at the top, the largest cone first: whom the file names, or else those without a provider who all peer.
fn clique(whole: &Relations, all: &BTreeSet<u32>, cones: &BTreeMap<u32, usize>) -> Vec<u32> {
    let named: Vec<u32> = whole.clique.iter().copied().filter(|asn| all.contains(asn)).collect();
    let without = |asn: &u32| whole.providers.get(asn).is_none_or(|of| !of.iter().any(|p| all.contains(p)));
    let mut open: Vec<u32> = if named.is_empty() { all.iter().copied().filter(without).collect() } else { named };
    open.sort_by_key(|asn| (std::cmp::Reverse(cones[asn]), *asn));
    let mut top: Vec<u32> = Vec::new();
    for asn in open {
        let peers = |other: &u32| whole.peers.get(&asn).is_some_and(|of| of.contains(other));
        if top.iter().all(peers) {
            top.push(asn);
        }
    }
    top
}

/// Of providers and their customers.
type Pairs = BTreeSet<(u32, u32)>;

/// Links between providers and customers that stay, but for those that close a circle.
fn without_circles(whole: &Relations, kept: &BTreeSet<u32>) -> (Pairs, Vec<(u32, u32)>) {
    let (mut customers, mut circles) = (BTreeSet::new(), Vec::new());
    let mut above: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for provider in kept {
        for customer in whole.customers.get(provider).into_iter().flatten().filter(|asn| kept.contains(asn)) {
            let (mut seen, mut open) = (BTreeSet::new(), vec![*provider]);
            while let Some(at) = open.pop() {
                open.extend(above.get(&at).into_iter().flatten().copied().filter(|up| seen.insert(*up)));
            }
            if seen.contains(customer) {
                circles.push((*provider, *customer));
            } else {
                above.entry(*customer).or_default().insert(*provider);
                customers.insert((*provider, *customer));
            }
        }
    }
    (customers, circles)
}
