//! The grammar of faults of links and of the network: what is cut, impaired, partitioned, flapped.

use std::collections::BTreeSet;
use std::time::Duration;

use super::action::parse_at;
use super::damage::members;
use super::words::{ActionError, Word, Words};
use super::{Action, Ends, Part};
use crate::physics::{PROPERTIES, Properties};
use crate::topology::diagnose::suggest;
use crate::topology::{AsId, GroupId, Link, LinkId, NodeId, Topology};

/// A link by its name, or by its two ends in the other order.
pub(super) fn link(word: &Word<'_>, topology: &Topology) -> Result<LinkId, ActionError> {
    if let Some(id) = topology.find_link(word.text) {
        return Ok(id);
    }
    let name = |id: NodeId| topology.node(id).name.as_str();
    let reversed = |l: &Link| word.text == format!("{}-{}", name(l.b), name(l.a));
    let found: Vec<_> = topology.links.iter().enumerate().filter(|(_, l)| reversed(l)).map(|(i, _)| i).collect();
    match found[..] {
        [one] => Ok(LinkId(one)),
        [] => {
            let known = topology.links.iter().map(|l| l.name.as_str());
            Err(word.error(format!("there is no link `{}`", word.text), suggest(word.text, known)))
        }
        _ => {
            let names: Vec<_> = found.iter().map(|i| topology.links[*i].name.as_str()).collect();
            Err(word
                .error(format!("`{}` can be {}", word.text, names.join(" or ")), "use one of these names".to_owned()))
        }
    }
}

/// A link, and `from` one of its ends.
pub(super) fn clear(
    words: &mut Words<'_>,
    form: &str,
    topology: &Topology,
    action: impl FnOnce(LinkId, Ends) -> Action,
) -> Result<Action, ActionError> {
    let link = link(&words.expect("a link", form)?, topology)?;
    Ok(action(link, ends(words, form, link, topology)?))
}

fn ends(words: &mut Words<'_>, form: &str, link: LinkId, topology: &Topology) -> Result<Ends, ActionError> {
    if !words.take("from") {
        return Ok(Ends::Both);
    }
    let word = words.expect("an end of the link", form)?;
    let link = &topology.links[link.0];
    let names = [link.a, link.b].map(|id| topology.node(id).name.as_str());
    match names.iter().position(|name| *name == word.text) {
        Some(side) => Ok(Ends::One(side)),
        None => {
            let message = format!("`{}` is no end of link {}", word.text, link.name);
            Err(word.error(message, format!("its ends are `{}` and `{}`", names[0], names[1])))
        }
    }
}

pub(super) fn impair(words: &mut Words<'_>, form: &str, topology: &Topology) -> Result<Action, ActionError> {
    let link = link(&words.expect("a link", form)?, topology)?;
    let ends = ends(words, form, link, topology)?;
    let mut properties = Properties::default();
    let mut word = words.expect("a property", form)?;
    loop {
        property(&mut properties, &word)?;
        match words.next() {
            Some(next) => word = next,
            None => return Ok(Action::Impair(link, ends, properties)),
        }
    }
}

fn property(properties: &mut Properties, word: &Word<'_>) -> Result<(), ActionError> {
    let Some((name, value)) = word.text.split_once('=') else {
        return Err(word.error(format!("`{}` has no value", word.text), "write it as `delay=80ms`".to_owned()));
    };
    let Some((_, example)) = PROPERTIES.iter().find(|(known, _)| *known == name) else {
        let help = suggest(name, PROPERTIES.iter().map(|(known, _)| *known));
        return Err(word.error(format!("there is no property `{name}` of a link"), help));
    };
    properties.set(name, value).map_err(|why| word.error(why, format!("such as `{name}={example}`")))
}

/// ASes, routers and hosts: one side of a cut that leaves something on the other.
pub(super) fn partition(words: &mut Words<'_>, form: &str, topology: &Topology) -> Result<Vec<Part>, ActionError> {
    let (first, parts) = several(words, form, topology)?;
    let inside = members(&parts, topology);
    if !topology.links.iter().any(|l| inside.contains(&l.a) != inside.contains(&l.b)) {
        let help = "name some of the network, not all of it".to_owned();
        return Err(first.error("no link leads from these to the rest: there is nothing to cut", help));
    }
    Ok(parts)
}

/// The nodes of a `ping`: two at least.
pub(super) fn ping(words: &mut Words<'_>, form: &str, topology: &Topology) -> Result<Action, ActionError> {
    let (first, parts) = several(words, form, topology)?;
    if pinged(&parts, topology).len() < 2 {
        let help = "name an AS of several routers, or several nodes".to_owned();
        return Err(first.error("that is one node, which has nobody to ping", help));
    }
    Ok(Action::Ping { parts })
}

/// The group of a `catchment`: the lab's only one, unless it is named.
pub(super) fn catchment(words: &mut Words<'_>, form: &str, topology: &Topology) -> Result<Action, ActionError> {
    let groups = || topology.groups.iter().enumerate();
    if words.peek().is_some() {
        let word = words.expect("a group", form)?;
        let found = groups().find(|(_, group)| group.name == word.text);
        let known = || suggest(word.text, topology.groups.iter().map(|group| group.name.as_str()));
        let found = found.ok_or_else(|| word.error(format!("there is no group `{}`", word.text), known()));
        return found.map(|(index, _)| Action::Catchment { group: GroupId(index) });
    }
    let plain: Vec<_> = groups().filter(|(_, group)| group.is_public()).collect();
    if let [(only, _)] = plain[..] {
        return Ok(Action::Catchment { group: GroupId(only) });
    }
    let names: Vec<_> = plain.iter().map(|(_, group)| group.name.as_str()).collect();
    let help =
        if names.is_empty() { "the lab has none".to_owned() } else { format!("say which one: {}", names.join(", ")) };
    Err(words.missing("a group is missing", help))
}

fn several<'a>(words: &mut Words<'a>, form: &str, topology: &Topology) -> Result<(Word<'a>, Vec<Part>), ActionError> {
    let first = words.expect("a name", form)?;
    let mut parts = vec![part(&first, topology)?];
    while words.peek().is_some_and(|word| word != "silently") {
        if let Some(word) = words.next() {
            parts.push(part(&word, topology)?);
        }
    }
    parts.sort_unstable();
    parts.dedup();
    Ok((first, parts))
}

/// The nodes that a `ping` names: of an AS, its routers.
pub fn pinged(parts: &[Part], topology: &Topology) -> BTreeSet<NodeId> {
    let of = |part: &Part| match part {
        Part::As(id) => topology.ases[id.0].routers.clone(),
        Part::Node(id) => vec![*id],
    };
    parts.iter().flat_map(of).collect()
}

/// An AS rather than the router of the same name.
fn part(word: &Word<'_>, topology: &Topology) -> Result<Part, ActionError> {
    if let Some(index) = topology.ases.iter().position(|a| a.name == word.text) {
        return Ok(Part::As(AsId(index)));
    }
    topology.find(word.text).map(Part::Node).ok_or_else(|| {
        let ases = topology.ases.iter().map(|a| a.name.as_str());
        let known = ases.chain(topology.nodes.iter().map(|n| n.name.as_str()));
        word.error(format!("there is no AS, router or host `{}`", word.text), suggest(word.text, known))
    })
}

/// The most times, and the shortest period: what a flap makes is played entry by entry.
const MOST_TIMES: u32 = 10_000;
const SHORTEST: Duration = Duration::from_millis(20);

/// `flap FAULT every PERIOD times COUNT`.
pub(super) fn flap(text: &str, start: usize, form: &str, topology: &Topology) -> Result<Action, ActionError> {
    let (inner, begin) = after_verb(text);
    let Some(every) = inner.rfind(" every ") else {
        let end = start + text.trim_end().len();
        let help = Some(format!("write `{form}`"));
        return Err(ActionError { message: "`every` is missing".to_owned(), span: end..end, help });
    };
    let fault = undoable(&inner[..every], start + begin, topology)?;
    let mut words = Words::new(&inner[every..], start + begin + every);
    words.take("every");
    let period = words.expect("a period", form)?;
    let every = humantime::parse_duration(period.text).ok().filter(|t| *t >= SHORTEST);
    let every = every.ok_or_else(|| {
        let help = format!("a time of {} ms at least, with its unit, such as `2s`", SHORTEST.as_millis());
        period.error(format!("`{}` is no period", period.text), help)
    })?;
    words.demand("times", form)?;
    let count = words.expect("a number", form)?;
    let times = count.text.parse().ok().filter(|n| (1..=MOST_TIMES).contains(n));
    let help = format!("a whole number from 1 to {MOST_TIMES}");
    let times = times.ok_or_else(|| count.error(format!("`{}` is no number of times", count.text), help))?;
    words.finish(form)?;
    Ok(Action::Flap { fault: Box::new(fault), every, times })
}

/// `stop FAULT`.
pub(super) fn stop(text: &str, start: usize, form: &str, topology: &Topology) -> Result<Action, ActionError> {
    let (inner, begin) = after_verb(text);
    if inner.trim().is_empty() {
        let end = start + text.trim_end().len();
        let help = Some(format!("write `{form}`"));
        return Err(ActionError { message: "what has been flapping is missing".to_owned(), span: end..end, help });
    }
    Ok(Action::Stop(Box::new(undoable(inner, start + begin, topology)?)))
}

/// The text after the first word, and where it begins.
fn after_verb(text: &str) -> (&str, usize) {
    let verb = text.len() - text.trim_start().len();
    let begin = text[verb..].find(char::is_whitespace).map_or(text.len(), |at| verb + at);
    (&text[begin..], begin)
}

/// One action that has an undo.
fn undoable(text: &str, start: usize, topology: &Topology) -> Result<Action, ActionError> {
    let mut actions = parse_at(text, start, topology)?;
    match actions.pop() {
        Some(action) if actions.is_empty() && action.undo().is_some() => Ok(action),
        _ => Err(ActionError {
            message: format!("`{}` cannot flap", text.trim()),
            span: start + (text.len() - text.trim_start().len())..start + text.trim_end().len(),
            help: Some("a fault that has an undo can, such as `cut LINK`".to_owned()),
        }),
    }
}

/// When the faults and undos of a `flap` fall, from its begin on: a fault at the begin of each period
/// and its undo half a period later, each late by up to a tenth of the period as `draw` (0 to 1) says.
pub fn schedule(every: Duration, times: u32, mut draw: impl FnMut() -> f64) -> Vec<Duration> {
    let half = every / 2;
    (0..2 * times).map(|step| half * step + every.mul_f64(0.1 * draw())).collect()
}
