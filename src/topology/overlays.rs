//! The keys of an `[[overlay]]` that go together: a protocol's own, healing, redirection.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;

use super::diagnose::Problems;
use super::file::{HealingEntry, ProtocolEntry, RedirectEntry};
use super::keys::{LONGEST, MILLISECOND};
use super::model::*;
use super::table::Table;
use crate::overlay::Given;
use crate::overlay::key::{Key, Value, What};

const SECOND: Duration = Duration::from_secs(1);

impl ProtocolEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Self {
        let protocols: Vec<_> = Protocol::all().map(|protocol| (protocol.name, protocol)).collect();
        if table.get("protocol").is_none() {
            table.missing("protocol", f);
        }
        let protocol = table.word("protocol", &protocols, f);
        if let Some(chosen) = protocol.as_ref().map(|p| *p.get_ref()) {
            for key in Protocol::all_keys().into_iter().filter(|key| chosen.key(key.name).is_none()) {
                let having = Protocol::all().filter(|protocol| protocol.key(key.name).is_some());
                let having: Vec<_> = having.map(|protocol| format!("`protocol = \"{}\"`", protocol.name)).collect();
                of_no_effect(table, &[key.name], &having.join(" or "), f);
            }
        }
        let mut entry = Self { protocol, values: Vec::new(), hosts: Vec::new(), spans: Vec::new() };
        for key in Protocol::all_keys() {
            entry.read_key(key, table, f);
        }
        entry
    }

    fn read_key(&mut self, key: &'static Key, table: &Table<'_>, f: &mut Problems) {
        if let What::Hosts(_) = key.what {
            self.hosts.push((key, table.strings(key.name, f).unwrap_or_default()));
        }
        self.spans.extend(table.get(key.name).map(|value| (key.name, value.span())));
        self.values.extend(read_value(key, table, f).map(|value| (key, value)));
    }

    /// What its nodes are told but for hosts, which have no addresses yet.
    pub(super) fn settings(&self) -> Given {
        let protocol = self.protocol.as_ref().map_or_else(Protocol::default, |p| *p.get_ref());
        self.values.iter().fold(Given::of(protocol), |given, (key, value)| given.with(key.name, value.clone()))
    }
}

/// The value of a key that is not about hosts.
pub(super) fn read_value(key: &'static Key, table: &Table<'_>, f: &mut Problems) -> Option<Value> {
    let name = key.name;
    let (span, value) = match &key.what {
        What::Int(range) => table.integer(name, range.clone(), f).map(|n| (n.span(), Value::Int(*n.get_ref()))),
        What::Float(range) => table.number(name, range.clone(), f).map(|n| (n.span(), Value::Float(*n.get_ref()))),
        What::Time(range) => table.duration(name, range.clone(), f).map(|t| (t.span(), Value::Time(*t.get_ref()))),
        What::Bool => table.get(name).map(|v| v.span()).zip(table.boolean(name, f).map(Value::Bool)),
        What::Word(words) => {
            let words: Vec<_> = words.iter().map(|word| (*word, *word)).collect();
            table.word(name, &words, f).map(|word| (word.span(), Value::from(*word.get_ref())))
        }
        What::Hosts(_) => None,
    }?;
    if let Some(wrong) = (key.wrong)(&value) {
        f.error("out-of-range", span, wrong.message).label(wrong.label);
    }
    Some(value)
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
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Self {
        let healings = [
            ("colors", Healing::Colors),
            ("rendezvous", Healing::Rendezvous),
            ("colors+rendezvous", Healing::ColorsAndRendezvous),
            ("remembered-peers", Healing::RememberedPeers),
            ("well-known", Healing::WellKnown),
            ("random-peer", Healing::RandomPeer),
            ("none", Healing::None),
        ];
        let colorings = [("random", Coloring::Random), ("by-as", Coloring::ByAs), ("farthest", Coloring::Farthest)];
        let times = |from: Duration| -> RangeInclusive<Duration> { from..=LONGEST };
        let entry = Self {
            healing: table.word("healing", &healings, f),
            served: table.get("via").is_some_and(|via| via.get_ref().as_str() != Some(Infrastructure::default().name)),
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
        let default = if self.served { Healing::RandomPeer } else { Healing::Colors };
        self.healing.as_ref().map_or(default, |h| *h.get_ref())
    }

    pub(super) fn checked(&self, f: &mut Problems) -> CheckedHealing {
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

impl RedirectEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Self {
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

    pub(super) fn checked(&self, f: &mut Problems) -> (Redirect, u32, Option<Drain>) {
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
pub(super) fn of_no_effect(table: &Table<'_>, keys: &[&str], without: &str, f: &mut Problems) {
    for key in keys {
        if let Some(value) = table.get(key) {
            let found = f.warning("no-effect", value.span(), format!("`{key}` has no effect without {without}"));
            found.label("not used");
        }
    }
}
