//! Who is near, asked of BGP: a lab on the Abilene backbone with the delays of real distances.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::Setup;
use super::page::{Finding, Page, Source, Table, number, percent};
use crate::measure::Report;

const NEIGHBORS: &str = include_str!("../../topologies/neighbors.toml");

/// What packets to the overlay's addresses reached.
pub(super) struct Contacts {
    /// Clients, which are no members.
    clients: usize,
    /// Those whose packet reached a member of the stub that is nearest by round trip.
    nearest: usize,
    /// The round trip to who was reached over the shortest there is, of each client that has one.
    stretches: Vec<f64>,
    members: usize,
    /// Members that reached only themselves at the overlay's own address.
    selves: usize,
    /// Members whose list has one of the nearest members on it: by BGP, and by the same colors if anycast
    /// always led to the nearest.
    by_bgp: usize,
    by_distance: usize,
}

/// Host to whom its packet to a group reached.
type Reached<'a> = &'a BTreeMap<String, Option<String>>;

pub(super) fn in_lab(setup: &Setup, page: &mut Page) -> Result<Contacts> {
    page.heading("In namespaces");
    page.text(
        "Thirty members in six cities of the Abilene backbone and clients in all eleven; links have the delays of their \
         lengths, BGP and OSPF choose. Packets were followed to the overlay's address and to eight colors; round trips \
         between the stubs are measured.",
    );
    setup.say("who is near, on the Abilene backbone in namespaces");
    let report = setup.labs.play("neighbors", NEIGHBORS, &[])?;
    let contacts = Contacts::of(&report);
    let caption = "Whom packets reach (measured), against the measured distances";
    let mut table = Table::new("contacts", caption, Source::Lab, &["question", "answer"]);
    let share = |part: usize, all: usize| format!("{part} of {all}");
    let c = &contacts;
    table.row(["clients whose packet reached the nearest stub with members".into(), share(c.nearest, c.clients)]);
    table.row(["longest round trip over the shortest, of clients".into(), number(c.worst(), 2)]);
    table.row(["members that reach only themselves at the overlay's address".into(), share(c.selves, c.members)]);
    table.row(["members with a nearest member on their list of colors, by BGP".into(), share(c.by_bgp, c.members)]);
    table.row(["the same colors, if anycast were ideal (derived)".into(), share(c.by_distance, c.members)]);
    page.table(table);
    Ok(contacts)
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

    fn nearest<'a>(&self, from: &str, of: impl Iterator<Item = &'a str>) -> Option<f64> {
        of.filter_map(|other| self.between(from, other)).min_by(f64::total_cmp)
    }
}

fn stub(host: &str) -> &str {
    host.split_once('.').map_or(host, |(stub, _)| stub)
}

impl Contacts {
    fn of(report: &Report) -> Self {
        let distances = Distances::of(report);
        let surveys: BTreeMap<&str, Reached<'_>> =
            report.surveys.iter().map(|s| (s.group_name.as_str(), &s.nodes)).collect();
        let empty = BTreeMap::new();
        let join = surveys.get("music").copied().unwrap_or(&empty);
        let colors: Vec<Reached<'_>> =
            surveys.iter().filter(|(name, _)| name.starts_with("music/")).map(|(_, nodes)| *nodes).collect();
        let hosts = |mark: &'static str| join.keys().filter(move |n| n.contains(mark)).map(String::as_str);
        let members: BTreeSet<&str> = hosts(".n").collect();
        let mut contacts = Self {
            clients: 0,
            nearest: 0,
            stretches: Vec::new(),
            members: members.len(),
            selves: members.iter().filter(|m| join[**m].as_deref() == Some(**m)).count(),
            by_bgp: 0,
            by_distance: 0,
        };
        for client in hosts(".c") {
            let Some(reached) = join[client].as_deref() else { continue };
            let Some(least) = distances.nearest(client, members.iter().copied()) else { continue };
            let Some(took) = distances.between(client, reached) else { continue };
            contacts.clients += 1;
            contacts.nearest += usize::from(took <= least);
            if least > 0.0 {
                contacts.stretches.push(took / least);
            }
        }
        for member in &members {
            let others = members.iter().copied().filter(|m| m != member);
            let Some(least) = distances.nearest(member, others) else { continue };
            let found =
                |list: &mut dyn Iterator<Item = &str>| distances.nearest(member, list).is_some_and(|d| d <= least);
            let others = colors.iter().filter(|c| c.get(*member).and_then(Option::as_deref) != Some(*member));
            let mut list = others.clone().filter_map(|c| c.get(*member)?.as_deref());
            contacts.by_bgp += usize::from(found(&mut list));
            // Who announces a color reaches itself at it.
            let ideal = others.filter_map(|color| {
                let of = members.iter().copied().filter(|m| color.get(*m).and_then(Option::as_deref) == Some(*m));
                let far = |m: &&str| distances.between(member, m).unwrap_or(f64::INFINITY);
                of.min_by(|a, b| far(a).total_cmp(&far(b)))
            });
            contacts.by_distance += usize::from(found(&mut { ideal }));
        }
        contacts
    }

    fn worst(&self) -> f64 {
        self.stretches.iter().copied().fold(1.0, f64::max)
    }

    pub(super) fn claim(&self, page: &mut Page) {
        let share = self.nearest as f64 / self.clients.max(1) as f64;
        page.claim(
            "Anycast redirects a request to a nearby, or ideally the nearest, node",
            if self.nearest == self.clients { Finding::Confirmed } else { Finding::Conditional },
            format!(
                "on Abilene in namespaces BGP led {} of {} clients ({}) to the nearest stub with members, the others at most {} \
                 times as far",
                self.nearest,
                self.clients,
                percent(share),
                number(self.worst(), 2)
            ),
        );
        page.claim(
            "A member asks the anycast address for the nodes near it",
            if self.selves == self.members { Finding::Refuted } else { Finding::Conditional },
            format!(
                "{} of {} members reach only themselves there (Table 1: not available in IP anycast); by eight colors {} of {} \
                 find a nearest one, {} if anycast were ideal",
                self.selves, self.members, self.by_bgp, self.members, self.by_distance
            ),
        );
    }
}
