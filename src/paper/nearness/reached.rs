//! What one lab says of who is reached: packets followed, against the measured distances.

use std::collections::{BTreeMap, BTreeSet};

use super::lists::{Found, judged};
use crate::measure::{Report, quantile};

/// Colors of the lab's overlay.
pub(super) const COLORS: u16 = 4;

/// Where BGP chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Abilene,
    Ases,
}

/// What one lab found.
pub(super) struct Lab {
    pub(super) kind: Kind,
    pub(super) seed: u64,
    /// Of each client of `sites`.
    pub(super) clients: Vec<Client>,
    pub(super) members: usize,
    /// Members that reached only themselves at the overlay's own address.
    pub(super) selves: usize,
    /// Who is reached at the colors that a member does not announce, by BGP, and by distance.
    pub(super) by_bgp: Option<Found>,
    pub(super) by_distance: Option<Found>,
}

/// Round trips in milliseconds: to who was reached, to the nearest site, to all of them on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Client {
    reached: f64,
    nearest: f64,
    mean: f64,
}

impl Kind {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Abilene => "Abilene",
            Self::Ases => "ASes with policies",
        }
    }
}

/// Round trips in milliseconds between stubs, by their names.
struct Distances(BTreeMap<(String, String), f64>);

impl Distances {
    fn of(report: &Report) -> Self {
        let both = report.round_trips.iter().filter_map(|r| Some((&r.from, &r.to, r.rtt_ms?)));
        let both = both.flat_map(|(a, b, ms)| [((a.clone(), b.clone()), ms), ((b.clone(), a.clone()), ms)]);
        Self(both.collect())
    }

    /// Between two hosts; those of one stub are at the same place.
    fn between(&self, a: &str, b: &str) -> Option<f64> {
        let (a, b) = (stub(a), stub(b));
        if a == b { Some(0.0) } else { self.0.get(&(a.to_owned(), b.to_owned())).copied() }
    }
}

fn stub(host: &str) -> &str {
    host.split_once('.').map_or(host, |(stub, _)| stub)
}

impl Lab {
    pub(super) fn of(kind: Kind, seed: u64, report: &Report) -> Self {
        let distances = Distances::of(report);
        let empty = BTreeMap::new();
        let survey = |name: &str| report.surveys.iter().find(|s| s.group_name == name).map_or(&empty, |s| &s.nodes);
        // Those without a dot are routers.
        let join = survey("music");
        let members: Vec<&str> = join.keys().map(String::as_str).filter(|name| name.contains('.')).collect();
        let numbers: BTreeMap<&str, usize> = members.iter().enumerate().map(|(i, m)| (*m, i)).collect();
        let to = survey("sites");
        let reached = |from: &BTreeMap<String, Option<String>>, host: &str| from.get(host).cloned().flatten();
        let sites: BTreeSet<&str> = members.iter().copied().filter(|m| reached(to, m).as_deref() == Some(*m)).collect();
        let clients = members.iter().filter(|m| !sites.contains(*m)).filter_map(|client| {
            let all: Vec<f64> = sites.iter().filter_map(|site| distances.between(client, site)).collect();
            Some(Client {
                reached: distances.between(client, &reached(to, client)?)?,
                nearest: all.iter().copied().min_by(f64::total_cmp)?,
                mean: crate::measure::mean(all)?,
            })
        });
        let far = |a: usize, b: usize| distances.between(members[a], members[b]).unwrap_or(f64::INFINITY);
        let colors: Vec<_> = (0..COLORS).map(|color| survey(&format!("music/{color}"))).collect();
        let (mut by_bgp, mut by_distance) = (Vec::new(), Vec::new());
        for (index, member) in members.iter().enumerate() {
            // Who announces a color reaches itself at it.
            let others = || colors.iter().filter(|color| reached(color, member).as_deref() != Some(*member));
            let answers = others().filter_map(|color| numbers.get(reached(color, member)?.as_str()).copied());
            by_bgp.push((index, answers.collect()));
            let nearest = others().filter_map(|color| {
                let of = (0..members.len()).filter(|m| reached(color, members[*m]).as_deref() == Some(members[*m]));
                of.min_by(|a, b| far(index, *a).total_cmp(&far(index, *b)))
            });
            by_distance.push((index, nearest.collect()));
        }
        let everybody: Vec<usize> = (0..members.len()).collect();
        Self {
            kind,
            seed,
            clients: clients.collect(),
            selves: members.iter().filter(|m| reached(join, m).as_deref() == Some(**m)).count(),
            members: members.len(),
            by_bgp: judged(&by_bgp, &everybody, far),
            by_distance: judged(&by_distance, &everybody, far),
        }
    }

    /// Share of its clients that reached the nearest site.
    pub(super) fn nearest(&self) -> Option<f64> {
        let nearest = self.clients.iter().filter(|c| c.reached <= c.nearest).count();
        (!self.clients.is_empty()).then(|| nearest as f64 / self.clients.len() as f64)
    }

    pub(super) fn stretch(&self, q: f64) -> Option<f64> {
        let mut stretches: Vec<f64> = self.clients.iter().map(Client::stretch).collect();
        stretches.sort_by(f64::total_cmp);
        quantile(&stretches, q)
    }

    /// The way to who was reached, over that to a site drawn at random: of the sums.
    pub(super) fn over_drawn(&self) -> Option<f64> {
        let sum = |of: fn(&Client) -> f64| self.clients.iter().map(of).sum::<f64>();
        (!self.clients.is_empty()).then(|| sum(|c| c.reached) / sum(|c| c.mean))
    }

    /// By how much more members the nearest answers if anycast leads to it.
    pub(super) fn missed(&self) -> Option<f64> {
        Some(self.by_bgp?.nearest - self.by_distance?.nearest)
    }
}

impl Client {
    pub(super) fn stretch(&self) -> f64 {
        self.reached / self.nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_judged_by_the_nearest_site() {
        let client = |reached, nearest| Client { reached, nearest, mean: 20.0 };
        let clients = vec![client(10.0, 10.0), client(30.0, 10.0), client(20.0, 20.0), client(20.0, 10.0)];
        let (by_bgp, by_distance) = (None, None);
        let lab = Lab { kind: Kind::Ases, seed: 1, clients, members: 5, selves: 5, by_bgp, by_distance };
        assert_eq!((lab.nearest(), lab.stretch(0.5), lab.stretch(1.0)), (Some(0.5), Some(1.0), Some(3.0)));
        assert_eq!((lab.over_drawn(), lab.missed()), (Some(1.0), None));
        let nobody = Lab { clients: Vec::new(), ..lab };
        assert_eq!((nobody.nearest(), nobody.stretch(0.5), nobody.over_drawn()), (None, None, None));
    }
}
