//! An overlay among others: whom its members ask when it has no answer, what it stands on, who uses it without being a
//! member.

use std::collections::BTreeSet;
use std::time::Duration;

use toml::Spanned;

use super::check::Builder;
use super::diagnose::{Problems, suggest};
use super::file::{BeyondEntry, OverlayEntry};
use super::model::{Beyond, NodeId, Overlay, Topology};
use super::overlays::of_no_effect;
use super::table::Table;
use crate::anycast::{self, MOST_HOPS};
use crate::overlay::AskKind;

/// The longest that an answer from elsewhere is kept.
const HOUR: Duration = Duration::from_secs(3600);

impl BeyondEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Self {
        let anycast::Beyond { hops, cache, .. } = anycast::Beyond::default();
        let gateways = table.strings("gateways", f).unwrap_or_default();
        if gateways.is_empty() {
            of_no_effect(table, &["gateway_hops", "gateway_cache"], "`gateways`", f);
        }
        Self {
            gateways,
            hops: table.integer("gateway_hops", 1..=u64::from(MOST_HOPS), f).map_or(hops, |n| *n.get_ref() as u8),
            cache: table.duration("gateway_cache", Duration::ZERO..=HOUR, f).map_or(cache, |time| *time.get_ref()),
            over: table.string("over", f),
            guests: table.strings("guests", f).unwrap_or_default(),
            share_neighbors: table.boolean("share_neighbors", f).unwrap_or(true),
            span: table.get("protocol").map_or(table.span.clone(), |protocol| protocol.span()),
        }
    }

    /// Before the overlays have been read.
    pub(super) fn alone(&self) -> Beyond {
        Beyond {
            gateways: Vec::new(),
            hops: self.hops,
            cache: self.cache,
            over: None,
            guests: Vec::new(),
            share_neighbors: self.share_neighbors,
        }
    }
}

impl Overlay {
    /// Whether a node of it lives on this host, to join or only to ask.
    pub fn lives_on(&self, host: NodeId) -> bool {
        self.members.contains(&host) || self.beyond.guests.contains(&host)
    }
}

impl Topology {
    /// Whether an overlay may be asked this: its own protocol, or one that its members ask on.
    pub fn may(&self, overlay: usize, kind: AskKind) -> bool {
        let own = |index: usize| self.overlays[index].settings.protocol.may(kind);
        own(overlay) || matches!(kind, AskKind::Get | AskKind::Search) && self.reached(overlay).into_iter().any(own)
    }

    /// The overlays that a question to this one may come to, itself included.
    pub fn reached(&self, overlay: usize) -> BTreeSet<usize> {
        let (mut reached, mut ahead) = (BTreeSet::new(), vec![overlay]);
        while let Some(index) = ahead.pop() {
            if reached.insert(index) {
                ahead.extend(&self.overlays[index].beyond.gateways);
            }
        }
        reached
    }
}

impl Builder<'_> {
    /// What overlays have to do with each other, once all are known.
    pub(super) fn connect(&mut self, entries: &[OverlayEntry]) {
        // One that could not be read has been told of.
        if entries.len() != self.topology.overlays.len() {
            return;
        }
        for (index, entry) in entries.iter().enumerate() {
            let mut gateways = Vec::new();
            for name in &entry.beyond.gateways {
                if let Some(other) = self.other(index, name, "asks on").filter(|other| !gateways.contains(other)) {
                    gateways.push(other);
                }
            }
            let over = entry.beyond.over.as_ref().and_then(|name| self.over(index, name));
            let stands = self.topology.overlays[index].settings.protocol.layered;
            if stands && entry.beyond.over.is_none() {
                let title = self.topology.overlays[index].settings.protocol.title;
                let message = format!("{title} keeps what it knows in another overlay, and none is named");
                let found = self.problems.error("missing-key", entry.beyond.span.clone(), message);
                found.label("on which?").help("add over = \"OVERLAY\", one in which keys have owners".to_owned());
            }
            if let Some(name) = entry.beyond.over.as_ref().filter(|_| !stands) {
                let found = self.problems.warning("no-effect", name.span(), "`over` has no effect with this protocol");
                found.label("not used");
            }
            let own = self.hosts(&entry.beyond.guests);
            let beyond = &mut self.topology.overlays[index].beyond;
            (beyond.gateways, beyond.over) = (gateways, over.filter(|_| stands));
            beyond.guests.extend(own);
        }
        for index in 0..entries.len() {
            let Beyond { gateways, over, .. } = self.topology.overlays[index].beyond.clone();
            let members = self.topology.overlays[index].members.clone();
            for other in gateways.into_iter().chain(over) {
                self.topology.overlays[other].beyond.guests.extend(&members);
            }
        }
        for overlay in &mut self.topology.overlays {
            overlay.beyond.guests.sort_unstable();
            overlay.beyond.guests.dedup();
            overlay.beyond.guests.retain(|guest| !overlay.members.contains(guest));
        }
    }

    /// Another overlay, by its name.
    fn other(&mut self, index: usize, name: &Spanned<String>, what: &str) -> Option<usize> {
        let overlays = &self.topology.overlays;
        let found = overlays.iter().position(|overlay| overlay.name == *name.get_ref());
        match found {
            None => {
                let names = overlays.iter().map(|overlay| overlay.name.as_str());
                let help = suggest(name.get_ref(), names);
                let message = format!("there is no overlay `{name}`");
                self.problems.error("unknown-name", name.span(), message).label("no [[overlay]]").help(help);
                None
            }
            Some(other) if other == index => {
                let message = format!("overlay `{name}` {what} itself");
                let found = self.problems.error("itself", name.span(), message);
                found.label("another one is meant").help("name another overlay".to_owned());
                None
            }
            other => other,
        }
    }

    /// The overlay that one stands on: keys have owners there.
    fn over(&mut self, index: usize, name: &Spanned<String>) -> Option<usize> {
        let other = self.other(index, name, "stands on")?;
        let protocol = self.topology.overlays[other].settings.protocol;
        if !protocol.is_keyed() {
            let message = format!("no key has an owner in `{name}`: it is of {}", protocol.title);
            let found = self.problems.error("no-owners", name.span(), message);
            found.label("nothing can be kept there").help("name one of Chord, Pastry or CAN".to_owned());
            return None;
        }
        Some(other)
    }
}
