//! What a person is told while a lab plays: the same measuring, event by event, and only what is new.

use std::collections::BTreeMap;

use super::islands::Membership;
use crate::record::{Event, LabFacts, NodeDid, OverlayFacts, What};

/// Follows a record as it is written.
pub struct Live<'a> {
    overlays: Vec<(&'a OverlayFacts, Membership<'a>, Told)>,
    /// (client, group) to who answered last, as told.
    answers: BTreeMap<(String, String), Option<String>>,
    play: Option<u64>,
}

/// What has been said of an overlay.
#[derive(Default)]
struct Told {
    islands: usize,
    /// One island, and its ring right, with so many members.
    whole: usize,
    /// A contact between islands has been told of since they were one.
    contact: bool,
}

impl<'a> Live<'a> {
    pub fn new(facts: &'a LabFacts) -> Self {
        let overlays = facts.overlays.iter().map(|o| (o, Membership::new(o), Told::default())).collect();
        Self { overlays, answers: BTreeMap::new(), play: None }
    }

    /// Takes in the next event; returns seconds of play and what is worth telling.
    pub fn take(&mut self, event: &Event) -> Option<(f64, String)> {
        if event.what == What::Play {
            self.play = Some(event.at);
        }
        let text = match &event.what {
            What::Probes { client, group, probes, .. } => {
                let last = probes.iter().rev().find(|p| p.member.is_some());
                self.answered(client, group, last?.member.clone())
            }
            what => self.overlays.iter_mut().find_map(|(facts, members, told)| tell(facts, members, told, what)),
        };
        let seconds = event.at.saturating_sub(self.play?) as f64 / 1e9;
        text.map(|text| (seconds, text))
    }

    fn answered(&mut self, client: &str, group: &str, member: Option<String>) -> Option<String> {
        let now = member.as_deref().unwrap_or_default().to_owned();
        let before = self.answers.insert((client.to_owned(), group.to_owned()), member)??;
        (before != now).then(|| format!("{client}: {before} → {now}"))
    }
}

fn tell(facts: &OverlayFacts, members: &mut Membership<'_>, told: &mut Told, what: &What) -> Option<String> {
    let overlay = &facts.name;
    if let What::Node { node, overlay: of, did: NodeDid::Contact { peer, by, color } } = what
        && of == overlay
        && told.islands > 1
        && !std::mem::replace(&mut told.contact, true)
    {
        return Some(format!("{overlay}: {node} asked {} and met {peer} of another island", by.asked(*color)));
    }
    if !members.apply(facts, what) {
        return None;
    }
    let shape = members.shape();
    let islands = shape.sizes.len();
    if islands > 1 && islands != told.islands {
        *told = Told { islands, ..Told::default() };
        let sizes: Vec<String> = shape.sizes.iter().map(ToString::to_string).collect();
        return Some(format!("{overlay}: {islands} islands: {}", sizes.join(" + ")));
    }
    told.islands = islands;
    // While nodes join one after another, only the full ring is worth a line.
    if shape.whole && shape.members == facts.ids.len() && told.whole != shape.members {
        told.whole = shape.members;
        return Some(format!("{overlay}: one ring of {}", shape.members));
    }
    None
}
