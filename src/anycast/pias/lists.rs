//! Which JAPs a group has: what a RAP was told, what a JAP has told, what an IAP has heard, and the choice.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::message::{Jap, MAX_LISTED};
use super::proxies::Proxies;
use super::settings::{Selection, Settings};
use crate::machine::Time;
use crate::overlay::id::Id;

/// What was reported is believed through so many missing repetitions; a count of nothing is repeated as often.
const REPEATS: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Lists {
    /// Of the RAP: by group and JAP.
    counts: BTreeMap<(u16, u16), (Jap, Time)>,
    /// Of the JAP.
    told: BTreeMap<u16, Told>,
    /// Of the IAP, and until when.
    heard: BTreeMap<u16, (Vec<Jap>, Time)>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    rap: usize,
    count: u32,
    at: Time,
    /// How often a count of nothing was told.
    nothing: u32,
}

impl Lists {
    /// A JAP tells the RAP. Nothing is remembered until the JAP is taken for dead, or tells no more.
    pub(super) fn counted(&mut self, now: Time, group: u16, jap: Jap, settings: &Settings) {
        if jap.count == 0 {
            self.counts.remove(&(group, jap.server));
        } else {
            self.counts.insert((group, jap.server), (jap, now + settings.report * REPEATS));
        }
    }

    /// Those whose numbers were told.
    pub(super) fn groups(&self) -> impl Iterator<Item = u16> {
        self.told.keys().copied()
    }

    /// What the RAP knows.
    pub(super) fn counts(&self, now: Time, group: u16, proxies: &Proxies) -> Vec<Jap> {
        let of_group = self.counts.range((group, 0)..=(group, u16::MAX)).map(|(_, entry)| entry);
        let live = of_group.filter(|(jap, until)| *until > now && proxies.alive(now, usize::from(jap.server)));
        live.map(|(jap, _)| *jap).collect()
    }

    /// Whether the number of a JAP's targets has to be told (to the RAP), now.
    pub(super) fn has_to_tell(&mut self, now: Time, group: u16, rap: usize, count: u32, settings: &Settings) -> bool {
        let told = self.told.get(&group).copied();
        let Some(told) = told.or((count > 0).then_some(Told { rap, count: 0, at: now, nothing: 0 })) else {
            return false;
        };
        let (few, change) = (count <= 1 && count != told.count, f64::from(count.abs_diff(told.count)));
        let changed = few || change > settings.change * f64::from(told.count);
        let repeats = now - told.at >= settings.report && (count > 0 || told.nothing < REPEATS);
        if !changed && !repeats && (rap == told.rap || count == 0) {
            return false;
        }
        let nothing = if count == 0 { told.nothing + 1 } else { 0 };
        self.told.insert(group, Told { rap, count, at: now, nothing });
        true
    }

    /// The group's JAPs, from its RAP. That it has none is believed for a shorter time.
    pub(super) fn heard(&mut self, now: Time, group: u16, mut japs: Vec<Jap>, list: Duration) {
        japs.truncate(MAX_LISTED);
        let until = now + if japs.is_empty() { list / 4 } else { list };
        self.heard.insert(group, (japs, until));
    }

    /// What the IAP knows; `None`: nothing.
    pub(super) fn known(&self, now: Time, group: u16) -> Option<&[Jap]> {
        self.heard.get(&group).filter(|(_, until)| *until > now).map(|(japs, _)| &japs[..])
    }

    /// A JAP has said that it has nobody any more.
    pub(super) fn gone(&mut self, group: u16, server: usize) {
        if let Some((japs, _)) = self.heard.get_mut(&group) {
            japs.retain(|jap| usize::from(jap.server) != server);
            if japs.is_empty() {
                self.heard.remove(&group);
            }
        }
    }

    /// A new flow goes to this JAP.
    pub(super) fn flow(&mut self, group: u16, server: usize) {
        let japs = self.heard.get_mut(&group).map(|(japs, _)| japs).into_iter().flatten();
        let counts = self.counts.range_mut((group, 0)..=(group, u16::MAX)).map(|(_, (jap, _))| jap);
        for jap in japs.chain(counts).filter(|jap| usize::from(jap.server) == server) {
            jap.flows = jap.flows.saturating_add(1);
        }
    }

    pub(super) fn expire(&mut self, now: Time) {
        self.counts.retain(|_, (_, until)| *until > now);
        self.heard.retain(|_, (_, until)| *until > now);
        self.told.retain(|_, told| told.count > 0 || told.nothing < REPEATS);
    }

    pub(super) fn tables(&self) -> [(&'static str, usize); 3] {
        let listed = self.heard.values().map(|(japs, _)| japs.len()).sum();
        [("counts", self.counts.len()), ("told", self.told.len()), ("listed", listed)]
    }

    pub(super) fn bytes(&self) -> usize {
        let [(_, counts), (_, told), (_, listed)] = self.tables();
        counts * size_of::<((u16, u16), (Jap, Time))>()
            + told * size_of::<(u16, Told)>()
            + listed * size_of::<Jap>()
            + self.heard.len() * size_of::<(u16, (Vec<Jap>, Time))>()
    }
}

/// Who chooses, for whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) selection: Selection,
    pub(super) iap: usize,
    pub(super) client: IpAddr,
    /// A JAP that has nobody for this client.
    pub(super) past: Option<u16>,
}

impl Choice {
    /// The JAP of a new flow.
    pub(super) fn among(self, now: Time, japs: &[Jap], proxies: &Proxies) -> Option<usize> {
        let able = |jap: &&Jap| jap.count > 0 && Some(jap.server) != self.past;
        let japs = japs.iter().filter(able).filter(|jap| proxies.alive(now, usize::from(jap.server)));
        let near = |jap: &Jap| (proxies.distance(self.iap, usize::from(jap.server)), jap.server);
        let chosen = match self.selection {
            Selection::Proximity => japs.min_by_key(|jap| near(jap)),
            // Flows of a target, with the new one.
            Selection::Load => {
                let load = |jap: &Jap| (f64::from(jap.flows) + 1.0) / f64::from(jap.count);
                japs.min_by(|a, b| load(a).total_cmp(&load(b)).then(near(a).cmp(&near(b))))
            }
            Selection::Affinity => japs.min_by(|a, b| self.weight(a).total_cmp(&self.weight(b))),
        };
        chosen.map(|jap| usize::from(jap.server))
    }

    /// Highest random weight, of a JAP with as many targets as it has: when one comes or goes the clients that move
    /// are those that it gets or had.
    fn weight(self, jap: &Jap) -> f64 {
        let Id(hash) = Id::hash(&[self.client.to_string().as_bytes(), &jap.server.to_be_bytes()]);
        let uniform = ((hash >> 75) as f64 + 0.5) / (1u64 << 53) as f64;
        -uniform.ln() / f64::from(jap.count)
    }
}

/// A JAP drawn by its count; for an idle member the one with the least flows a target.
pub(super) fn draw(japs: &[Jap], idle: bool, random: u64) -> Option<usize> {
    if idle {
        let load = |jap: &&Jap| f64::from(jap.flows) / f64::from(jap.count.max(1));
        return japs.iter().min_by(|a, b| load(a).total_cmp(&load(b))).map(|jap| usize::from(jap.server));
    }
    let total: u64 = japs.iter().map(|jap| u64::from(jap.count)).sum();
    let mut rest = random.checked_rem(total)?;
    let drawn = japs.iter().find(|jap| {
        let here = rest < u64::from(jap.count);
        rest = rest.saturating_sub(u64::from(jap.count));
        here
    });
    drawn.map(|jap| usize::from(jap.server))
}
