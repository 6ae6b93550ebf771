//! The keys of an `[[overlay]]` that go together: a protocol's own, healing, redirection.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;

use super::diagnose::Findings;
use super::model::*;
use super::read::{LONGEST, MILLISECOND};
use super::table::Table;
use crate::overlay::ProtocolSettings;
use crate::overlay::structured::can::Partitioning;
use crate::overlay::structured::dht::MAX_PEERS;
use crate::overlay::structured::{can, chord, pastry};

const SECOND: Duration = Duration::from_secs(1);

/// Which keys belong to one protocol only.
const OF_PROTOCOL: &[(&str, &[&str])] = &[
    ("chord", &["successors"]),
    ("pastry", &["b", "leaf_set", "neighborhood"]),
    ("can", &["dimensions", "landmarks", "partitioning"]),
];

/// `protocol` and the keys that only some protocols have.
#[derive(Debug)]
pub(crate) struct ProtocolEntry {
    protocol: Option<Spanned<Protocol>>,
    proximity: Proximity,
    successors: Option<Spanned<u64>>,
    digit: Option<Spanned<u64>>,
    leaf_set: Option<Spanned<u64>>,
    neighborhood: Option<Spanned<u64>>,
    dimensions: Option<Spanned<u64>>,
    pub(super) landmarks: Vec<Spanned<String>>,
    partitioning: Partitioning,
}

/// How many copies of a key a protocol has nodes for, and why not more.
pub(super) struct Holders {
    pub(super) most: usize,
    pub(super) what: String,
    pub(super) why: &'static str,
}

impl ProtocolEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Findings) -> Self {
        let proximities = [("anycast", Proximity::Anycast), ("probed", Proximity::Probed), ("none", Proximity::None)];
        let partitionings = [("random", Partitioning::Random), ("uniform", Partitioning::Uniform)];
        let protocols = [("chord", Protocol::Chord), ("pastry", Protocol::Pastry), ("can", Protocol::Can)];
        if table.get("protocol").is_none() {
            table.missing("protocol", f);
        }
        let protocol = table.word("protocol", &protocols, f);
        if protocol.is_some()
            && let Some(word) = table.string("protocol", f)
        {
            let others = OF_PROTOCOL.iter().filter(|(protocol, _)| protocol != word.get_ref());
            for (other, keys) in others {
                of_no_effect(table, keys, &format!("`protocol = \"{other}\"`"), f);
            }
        }
        Self {
            protocol,
            proximity: table.word("proximity", &proximities, f).map_or(Proximity::default(), Spanned::into_inner),
            successors: table.integer("successors", 1..=MAX_PEERS as u64, f),
            digit: table.integer("b", 1..=4, f),
            leaf_set: even(table.integer("leaf_set", 2..=MAX_PEERS as u64, f), f),
            neighborhood: table.integer("neighborhood", 1..=64, f),
            dimensions: table.integer("dimensions", 1..=u64::from(can::MAX_DIMENSIONS), f),
            landmarks: table.strings("landmarks", f).unwrap_or_default(),
            partitioning: table
                .word("partitioning", &partitionings, f)
                .map_or(Partitioning::default(), Spanned::into_inner),
        }
    }

    pub(super) fn settings(&self) -> (ProtocolSettings, Holders) {
        let proximity = self.proximity;
        match self.protocol.as_ref().map_or(Protocol::Chord, |p| *p.get_ref()) {
            Protocol::Chord => {
                let successors = number(&self.successors, 6);
                let holders = Holders {
                    most: successors + 1,
                    what: format!("{successors} successors"),
                    why: "a key is kept by its owner and by successors of the owner",
                };
                (ProtocolSettings::Chord(chord::Settings { successors, proximity }), holders)
            }
            Protocol::Pastry => {
                let usual = pastry::Settings::default();
                let leaf_set = number(&self.leaf_set, usual.leaf_set);
                let neighborhood = number(&self.neighborhood, usual.neighborhood);
                // At most 4.
                let b = number(&self.digit, usual.b.into()) as u8;
                let holders = Holders {
                    most: leaf_set + 1,
                    what: format!("{leaf_set} leaves"),
                    why: "a key is kept by its owner and by leaves of the owner",
                };
                (ProtocolSettings::Pastry(pastry::Settings { b, leaf_set, neighborhood, proximity }), holders)
            }
            Protocol::Can => {
                let usual = can::Settings::default();
                // At most 8. Landmarks get their addresses when all hosts have theirs.
                let dimensions = number(&self.dimensions, usual.dimensions as usize) as u32;
                let holders = Holders {
                    most: dimensions as usize + 1,
                    what: format!("{dimensions} dimensions"),
                    why: "a key is kept by its owner and by neighbors of the owner, of which there may be one a dimension",
                };
                let partitioning = self.partitioning;
                (ProtocolSettings::Can(can::Settings { dimensions, proximity, partitioning, ..usual }), holders)
            }
        }
    }
}

/// Leaf sets have two halves.
fn even(leaves: Option<Spanned<u64>>, f: &mut Findings) -> Option<Spanned<u64>> {
    if let Some(odd) = leaves.as_ref().filter(|n| n.get_ref() % 2 == 1) {
        let message = format!("a leaf set of {} has no two halves", odd.get_ref());
        f.error("out-of-range", odd.span(), message).label("write an even number");
    }
    leaves
}

/// How islands are to find one another.
#[derive(Debug)]
pub(crate) struct HealingEntry {
    pub(super) healing: Option<Spanned<Healing>>,
    coloring: Option<Spanned<Coloring>>,
    colors: Option<Spanned<u64>>,
    every: Option<Spanned<Duration>>,
    remember: Option<Spanned<Duration>>,
    epoch: Option<Spanned<Duration>>,
    listen: Option<Spanned<Duration>>,
}

/// The same with everything decided.
pub(super) struct CheckedHealing {
    pub(super) healing: Healing,
    /// 0 without.
    pub(super) colors: u16,
    pub(super) coloring: Coloring,
    pub(super) every: Duration,
    pub(super) remember: Duration,
    /// Epoch and length of its pauses.
    pub(super) rendezvous: Option<(Duration, Duration)>,
}

impl HealingEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Findings) -> Self {
        let healings = [
            ("colors", Healing::Colors),
            ("rendezvous", Healing::Rendezvous),
            ("colors+rendezvous", Healing::ColorsAndRendezvous),
            ("remembered-peers", Healing::RememberedPeers),
            ("well-known", Healing::WellKnown),
            ("none", Healing::None),
        ];
        let colorings = [("random", Coloring::Random), ("by-as", Coloring::ByAs), ("farthest", Coloring::Farthest)];
        let times = |from: Duration| -> RangeInclusive<Duration> { from..=LONGEST };
        let entry = Self {
            healing: table.word("healing", &healings, f),
            coloring: table.word("coloring", &colorings, f),
            colors: table.integer("colors", 2..=64, f),
            every: table.duration("heal_every", times(100 * MILLISECOND), f),
            remember: table.duration("remember", times(SECOND), f),
            epoch: table.duration("rendezvous_epoch", times(SECOND), f),
            listen: table.duration("rendezvous_listen", times(100 * MILLISECOND), f),
        };
        let healing = entry.chosen();
        if !healing.has_colors() {
            of_no_effect(table, &["coloring"], "colors", f);
        }
        if !healing.has_rendezvous() {
            of_no_effect(table, &["rendezvous_epoch", "rendezvous_listen"], "`healing = \"rendezvous\"`", f);
        }
        if healing != Healing::RememberedPeers {
            of_no_effect(table, &["remember"], "`healing = \"remembered-peers\"`", f);
        }
        entry
    }

    fn chosen(&self) -> Healing {
        self.healing.as_ref().map_or(Healing::Colors, |h| *h.get_ref())
    }

    pub(super) fn checked(&self, f: &mut Findings) -> CheckedHealing {
        let time = |given: &Option<Spanned<Duration>>, or| given.as_ref().map_or(or, |t| *t.get_ref());
        let healing = self.chosen();
        let (epoch, listen) = (time(&self.epoch, 30 * SECOND), time(&self.listen, 2 * SECOND));
        let given = self.listen.as_ref().or(self.epoch.as_ref());
        if let Some(given) = given.filter(|_| healing.has_rendezvous() && listen * 2 > epoch) {
            let message = "a leader cannot listen for more than half of its epoch";
            let found = f.error("out-of-range", given.span(), message);
            found.label("nobody would be announced to be heard").help(format!(
                "`rendezvous_epoch` is {}, `rendezvous_listen` {}",
                humantime::format_duration(epoch),
                humantime::format_duration(listen)
            ));
        }
        CheckedHealing {
            healing,
            colors: if healing.has_colors() { number(&self.colors, 16) as u16 } else { 0 },
            coloring: self.coloring.as_ref().map_or(Coloring::Random, |c| *c.get_ref()),
            every: time(&self.every, 5 * SECOND),
            remember: time(&self.remember, 600 * SECOND),
            rendezvous: healing.has_rendezvous().then_some((epoch, listen)),
        }
    }
}

/// What members do that serve too many joins.
#[derive(Debug)]
pub(crate) struct RedirectEntry {
    redirect: Redirect,
    capacity: u32,
    above: Option<Spanned<u64>>,
    below: Option<Spanned<u64>>,
}

impl RedirectEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Findings) -> Self {
        let redirects = [("nearest", Redirect::Nearest), ("least-loaded", Redirect::LeastLoaded)];
        let redirect = table.word("redirect", &redirects, f).map_or(Redirect::Nearest, Spanned::into_inner);
        if redirect == Redirect::Nearest {
            of_no_effect(table, &["join_capacity"], "`redirect = \"least-loaded\"`", f);
        }
        if table.get("drain_above").is_none() {
            of_no_effect(table, &["return_below"], "`drain_above`", f);
        }
        Self {
            redirect,
            capacity: number(&table.integer("join_capacity", 1..=10_000, f), 10) as u32,
            above: table.integer("drain_above", 1..=10_000, f),
            below: table.integer("return_below", 1..=10_000, f),
        }
    }

    pub(super) fn checked(&self, f: &mut Findings) -> (Redirect, u32, Option<Drain>) {
        let above = self.above.as_ref().map(|n| *n.get_ref() as u32);
        let below = |above: u32| number(&self.below, (above as usize / 2).max(1)) as u32;
        let drain = above.map(|above| Drain { above, below: below(above) });
        if let (Some(drain), Some(given)) = (drain, &self.below)
            && drain.below > drain.above
        {
            let found = f.error("out-of-range", given.span(), "`return_below` is more than `drain_above`");
            found.label("it would return at once").help(format!("`drain_above` is {}", drain.above));
        }
        (self.redirect, self.capacity, drain)
    }
}

fn number(given: &Option<Spanned<u64>>, or: usize) -> usize {
    given.as_ref().map_or(or, |n| *n.get_ref() as usize)
}

/// Only warned of, so that a sweep over protocols or ways of healing can set what some of them do not have.
fn of_no_effect(table: &Table<'_>, keys: &[&str], without: &str, f: &mut Findings) {
    for key in keys {
        if let Some(value) = table.get(key) {
            let found = f.warning("no-effect", value.span(), format!("`{key}` has no effect without {without}"));
            found.label("not used");
        }
    }
}
