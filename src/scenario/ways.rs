//! Expectations about the ways of packets: their ASes, their length, whether they arrive.

use std::collections::BTreeSet;

use super::expectation::{LOCAL, Op, Value};
use super::metrics::{self, Kind, Metric, Target};
use super::words::{ActionError, Word, Words};
use crate::topology::diagnose::suggest;
use crate::topology::{AsId, Topology};

/// Operators that are words.
const OPERATORS: [(&str, Op); 2] = [(" contains ", Op::Contains), (" lacks ", Op::Lacks)];

/// Where an operator that is a word stands, if there is no other before it.
pub(super) fn operator(text: &str) -> Option<(usize, Op)> {
    let before = &text[..text.find(['=', '!', '<', '>']).unwrap_or(text.len())];
    OPERATORS.iter().find_map(|(word, op)| before.find(word).map(|at| (at, *op)))
}

/// `as path of NODE to TARGET contains AS`.
pub(super) fn membership(
    text: &str,
    at: usize,
    op: Op,
    topology: &Topology,
) -> Result<(Metric, Op, Value), ActionError> {
    let word = text[at..].split_whitespace().next().unwrap_or_default();
    let metric = metrics::parse(Words::new(&text[..at], 0), topology)?;
    let Some(from) = metric.subject.of.as_deref().filter(|_| metric.row.kind == Kind::Path) else {
        let help = Some("only `as path` has parts".to_owned());
        return Err(ActionError {
            message: format!("this metric cannot be asked what it {word}"),
            span: at + 1..at + 1 + word.len(),
            help,
        });
    };
    let after = at + 1 + word.len();
    let mut words = Words::new(&text[after..], after);
    let wanted = words.expect("an AS", "as path of NODE to GROUP contains AS")?;
    words.finish("as path of NODE to GROUP contains AS")?;
    let id = an_as(&wanted, topology)?;
    if Some(id) == own(from, topology) {
        let message = format!("`{from}` is in `{}`, which is not on its own path", wanted.text);
        return Err(wanted.error(message, "an expectation must be able to hold and to fail".to_owned()));
    }
    let name = topology.ases[id.0].name.clone();
    Ok((metric, op, Value::Path(vec![name])))
}

fn own(node: &str, topology: &Topology) -> Option<AsId> {
    topology.find(node).map(|id| topology.node(id).as_id)
}

/// By name or number.
fn an_as(word: &Word<'_>, topology: &Topology) -> Result<AsId, ActionError> {
    let is = |a: &crate::topology::As| a.name == word.text || word.text.parse() == Ok(a.asn);
    topology.ases.iter().position(is).map(AsId).ok_or_else(|| {
        let known = topology.ases.iter().map(|a| a.name.as_str());
        word.error(format!("there is no AS `{}`", word.text), suggest(word.text, known))
    })
}

/// A whole path: `local`, or ASes that links lead along, from beyond the node's own to one with the target.
pub(super) fn path(metric: &Metric, mut words: Words<'_>, topology: &Topology) -> Result<Vec<String>, ActionError> {
    let form = "as path of NODE to GROUP == NEAREST … LAST";
    let (Some(from), Some(to)) = (&metric.subject.of, &metric.subject.to) else { return Ok(Vec::new()) };
    let Some(mut at) = own(from, topology) else { return Ok(Vec::new()) };
    let origins = origins(to, topology);
    let mut last = words.expect("an AS", form)?;
    if last.text == LOCAL {
        words.finish(form)?;
        return if origins.contains(&at) { Ok(Vec::new()) } else { Err(never(&last, "it is in another AS")) };
    }
    let mut path = Vec::new();
    loop {
        let id = an_as(&last, topology)?;
        if !linked(at, id, topology) {
            let (a, b) = (&topology.ases[at.0].name, &topology.ases[id.0].name);
            return Err(never(&last, &format!("no link leads from `{a}` to `{b}`")));
        }
        path.push(topology.ases[id.0].name.clone());
        at = id;
        let Some(next) = words.next() else { break };
        last = next;
    }
    if origins.contains(&at) { Ok(path) } else { Err(never(&last, "the target is not there")) }
}

fn never(word: &Word<'_>, why: &str) -> ActionError {
    word.error(
        format!("this path can never be: {why}"),
        "write the ASes after the node's own, the nearest first".to_owned(),
    )
}

fn origins(to: &Target, topology: &Topology) -> BTreeSet<AsId> {
    match to {
        Target::Node(name) => own(name, topology).into_iter().collect(),
        Target::Group(name) => {
            let members = topology.groups.iter().filter(|g| g.name == *name).flat_map(|g| &g.members);
            members.map(|member| topology.node(*member).as_id).collect()
        }
    }
}

fn linked(a: AsId, b: AsId, topology: &Topology) -> bool {
    let ends = |link: &crate::topology::Link| (topology.node(link.a).as_id, topology.node(link.b).as_id);
    a != b && topology.links.iter().map(ends).any(|(from, to)| (from, to) == (a, b) || (from, to) == (b, a))
}
