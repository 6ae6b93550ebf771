//! The grammar of expectations: `METRIC of SUBJECT OPERATOR VALUE`.

use std::collections::BTreeSet;

use super::effects::{least, load, of_group};
use super::expectation::{Metric, Op, Value};
use super::ways;
use super::words::{ActionError, Word, Words, host, overlay, probed, stub};
use crate::topology::diagnose::suggest;
use crate::topology::{AsId, GroupId, NodeKind, Topology};

/// Every metric, its form, and what its value is.
pub const FORMS: &[(&str, &str, Kind)] = &[
    ("joins", "joins of OVERLAY", Kind::Count),
    ("failed joins", "failed joins of OVERLAY", Kind::Count),
    ("members", "members of OVERLAY", Kind::Count),
    ("islands", "islands of OVERLAY", Kind::Count),
    ("whole", "whole of OVERLAY", Kind::YesNo),
    ("merge", "merge of OVERLAY", Kind::Seconds),
    ("lookups", "lookups of OVERLAY [from STUB]", Kind::Count),
    ("lookup success", "lookup success of OVERLAY [from STUB]", Kind::Ratio),
    ("wrong lookups", "wrong lookups of OVERLAY [from STUB]", Kind::Count),
    ("missing keys", "missing keys of OVERLAY", Kind::Count),
    ("found keys", "found keys of OVERLAY", Kind::Count),
    ("conflicting keys", "conflicting keys of OVERLAY", Kind::Count),
    ("flood gain", "flood gain of OVERLAY", Kind::Factor),
    ("outage", "outage of CLIENT [for GROUP]", Kind::Seconds),
    ("rtt", "rtt of NODE to NODE", Kind::Seconds),
    ("rtt error", "rtt error", Kind::Ratio),
    ("catchment", "catchment of CLIENT [for GROUP]", Kind::Site),
    ("disagreements", "disagreements [of GROUP]", Kind::Count),
    ("moved clients", "moved clients", Kind::Count),
    ("lost probes", "lost probes [of CLIENT]", Kind::Count),
    ("stretch p50", "stretch p50 [of GROUP]", Kind::Factor),
    ("stretch p90", "stretch p90 [of GROUP]", Kind::Factor),
    ("stretch p99", "stretch p99 [of GROUP]", Kind::Factor),
    ("best site", "best site [of GROUP]", Kind::Ratio),
    ("fairness", "fairness [of GROUP]", Kind::Ratio),
    ("load", "load of SITE [for GROUP]", Kind::Ratio),
    ("flips", "flips [of CLIENT]", Kind::Count),
    ("reachable", "reachable of NODE to NODE|GROUP", Kind::YesNo),
    ("hops", "hops of NODE to NODE|GROUP", Kind::Count),
    ("as path", "as path of NODE to NODE|GROUP", Kind::Path),
    ("routes", "routes of NODE", Kind::Count),
    ("loops", "loops [of GROUP]", Kind::Count),
    ("blackholes", "blackholes [of GROUP]", Kind::Count),
    ("updates", "updates", Kind::Count),
    ("broken flows", "broken flows [of CLIENT]", Kind::Count),
    ("affinity", "affinity [of CLIENT]", Kind::Ratio),
    ("flow members", "flow members of CLIENT", Kind::Count),
];

/// What a metric's value is, and so how the file writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Count,
    /// `95%` or 0.95.
    Ratio,
    /// `1.2`: so many times as much.
    Factor,
    /// `4s`.
    Seconds,
    /// `yes` or `no`.
    YesNo,
    /// A host or a stub.
    Site,
    /// ASes, by name or number, the nearest first.
    Path,
}

/// The path to a target in a node's own AS.
pub const LOCAL: &str = "local";

const OPERATORS: &[(&str, Op)] =
    &[("==", Op::Eq), ("!=", Op::Ne), ("<=", Op::Le), (">=", Op::Ge), ("<", Op::Lt), (">", Op::Gt)];

/// Reads the `that` of an expectation.
///
/// # Errors
/// The text is no expectation, names what the lab has not, or is true or false of every run.
pub fn parse(text: &str, topology: &Topology) -> Result<(Metric, Op, Value), ActionError> {
    if let Some((at, op)) = ways::operator(text) {
        return ways::membership(text, at, op, topology);
    }
    let Some(at) = text.find(['=', '!', '<', '>']) else {
        let help = "write it as METRIC == VALUE, such as `islands of music == 1`".to_owned();
        let end = text.trim_end().len();
        return Err(ActionError { message: "nothing is compared".to_owned(), span: end..end, help: Some(help) });
    };
    let Some((symbol, op)) = OPERATORS.iter().find(|(symbol, _)| text[at..].starts_with(symbol)) else {
        let help = Some("operators: == != < <= > >=".to_owned());
        return Err(ActionError { message: "no such operator".to_owned(), span: at..at + 1, help });
    };
    let (metric, kind) = metric(Words::new(&text[..at], 0), topology)?;
    let after = at + symbol.len();
    if kind == Kind::Path && matches!(op, Op::Eq | Op::Ne) {
        let path = ways::path(&metric, Words::new(&text[after..], after), topology)?;
        return Ok((metric, *op, Value::Path(path)));
    }
    if text[after..].split_whitespace().nth(1).is_some() {
        return Ok((metric.clone(), *op, Value::Metric(Box::new(other(&text[after..], after, kind, topology)?))));
    }
    let mut words = Words::new(&text[after..], after);
    let word = words.expect("a value", "METRIC == VALUE")?;
    words.finish("METRIC == VALUE")?;
    if matches!(kind, Kind::YesNo | Kind::Site | Kind::Path) && !matches!(op, Op::Eq | Op::Ne) {
        let more = if kind == Kind::Path { ", `contains` or `lacks`" } else { "" };
        let help = Some(format!("use == or !={more}"));
        return Err(ActionError { message: format!("`{symbol}` needs numbers"), span: at..after, help });
    }
    let value = value(&word, kind, &metric, topology)?;
    if let Value::Number(number) = value {
        can_go_either_way(&metric, *op, number, topology).map_err(|why| ActionError {
            message: format!("`{}` {why}", text.trim()),
            span: at..word.span.end,
            help: Some("an expectation must be able to hold and to fail".to_owned()),
        })?;
    }
    Ok((metric, *op, value))
}

/// The metric on the other side of a comparison: of the same kind, a number, and measured over a window.
fn other(text: &str, start: usize, kind: Kind, topology: &Topology) -> Result<Metric, ActionError> {
    let (metric, of) = metric(Words::new(text, start), topology)?;
    if of == kind && matches!(kind, Kind::Count | Kind::Ratio | Kind::Factor | Kind::Seconds) && !metric.is_state() {
        return Ok(metric);
    }
    let span = start + (text.len() - text.trim_start().len())..start + text.trim_end().len();
    let message = format!("`{}` cannot be compared with this", text.trim());
    Err(ActionError { message, span, help: Some("counts, shares or times, two of the same".to_owned()) })
}

pub(super) fn metric(mut words: Words<'_>, topology: &Topology) -> Result<(Metric, Kind), ActionError> {
    let first = words.expect("a metric", "islands of OVERLAY == 1")?;
    let mut name = first.text.to_owned();
    let mut span = first.span.clone();
    while let Some(next) = words.peek().filter(|w| !matches!(*w, "of" | "from" | "for" | "to")) {
        name = format!("{name} {next}");
        span.end = words.next().map_or(span.end, |w| w.span.end);
    }
    let Some((_, form, kind)) = FORMS.iter().find(|(known, ..)| *known == name) else {
        let help = suggest(&name, FORMS.iter().map(|(known, ..)| *known));
        return Err(ActionError { message: format!("there is no metric `{name}`"), span, help });
    };
    let subject = if words.take("of") { Some(words.expect("a name", form)?) } else { None };
    let metric = match (&*name, &subject) {
        (
            "moved clients" | "lost probes" | "outage" | "catchment" | "stretch p50" | "stretch p90" | "stretch p99"
            | "best site" | "fairness" | "load" | "flips",
            _,
        ) if topology.probe.is_none() => {
            let help = Some("give a stub `clients`, and the lab a group".to_owned());
            return Err(ActionError { message: "no client probes a group in this lab".to_owned(), span, help });
        }
        ("broken flows" | "affinity" | "flow members", _) if topology.flows.is_none() => {
            let help = Some("add a `[flows]` table".to_owned());
            return Err(ActionError { message: "no client keeps flows open in this lab".to_owned(), span, help });
        }
        ("moved clients", None) => Metric::MovedClients,
        ("lost probes", None) => Metric::LostProbes(None),
        ("lost probes", Some(subject)) => Metric::LostProbes(Some(client(subject, topology)?)),
        ("broken flows" | "affinity", subject) => {
            let client = subject.as_ref().map(|subject| client(subject, topology)).transpose()?;
            if name == "affinity" { Metric::Affinity(client) } else { Metric::BrokenFlows(client) }
        }
        ("flow members", Some(subject)) => Metric::FlowMembers(client(subject, topology)?),
        ("catchment", Some(subject)) => {
            let (client, group) = client_and_group(subject, &mut words, form, topology)?;
            Metric::Catchment(client, group)
        }
        ("outage", Some(subject)) => {
            let (client, group) = client_and_group(subject, &mut words, form, topology)?;
            Metric::Outage(client, group)
        }
        ("flips", None) => Metric::Flips(None),
        ("flips", Some(subject)) => Metric::Flips(Some(client(subject, topology)?)),
        ("stretch p50" | "stretch p90" | "stretch p99" | "best site" | "fairness", subject) => {
            of_group(&name, &first, subject.as_ref(), topology)?
        }
        ("load", Some(subject)) => load(subject, &mut words, form, topology)?,
        ("loops", subject) => Metric::Loops(group(&first, subject.as_ref(), topology)?),
        ("blackholes", subject) => Metric::Blackholes(group(&first, subject.as_ref(), topology)?),
        ("updates", None) => Metric::Updates,
        ("updates", Some(subject)) => {
            return Err(subject.error("`updates` counts those of all routers", format!("write `{form}`")));
        }
        ("disagreements", subject) => Metric::Disagreements(group(&first, subject.as_ref(), topology)?),
        ("rtt", Some(subject)) => round_trip(subject, &mut words, form, topology)?,
        ("rtt error", None) => Metric::RoundTripError,
        ("rtt error", Some(subject)) => {
            return Err(subject.error("`rtt error` is of all pairs pinged", format!("write `{form}`")));
        }
        ("moved clients", Some(subject)) => {
            return Err(subject.error("`moved clients` counts all clients", format!("write `{form}`")));
        }
        ("as path" | "hops" | "reachable" | "routes", Some(subject)) => {
            ways::metric(&name, subject, &mut words, form, topology)?
        }
        (_, Some(subject)) => of_overlay(&name, subject, &mut words, form, topology)?,
        (_, None) => return Err(first.error(format!("`{name}` of what?"), format!("write `{form}`"))),
    };
    words.finish(form)?;
    Ok((metric, *kind))
}

fn of_overlay(
    name: &str,
    subject: &Word<'_>,
    words: &mut Words<'_>,
    form: &str,
    topology: &Topology,
) -> Result<Metric, ActionError> {
    let index = overlay(subject, topology)?;
    let overlay = subject.text.to_owned();
    let lookups = matches!(name, "lookups" | "lookup success" | "wrong lookups");
    if lookups && topology.overlays[index].lookups_per_second == 0.0 {
        let help = "set its `lookups_per_second`".to_owned();
        return Err(subject.error(format!("overlay `{overlay}` sends no lookups"), help));
    }
    let mut from = None;
    if lookups && words.take("from") {
        let word = words.expect("a stub", form)?;
        let id = stub(&word, topology)?;
        if !topology.overlays[index].members.iter().any(|m| topology.node(*m).as_id == id) {
            return Err(word.error(format!("no member of `{overlay}` is in stub `{}`", word.text), None));
        }
        from = Some(word.text.to_owned());
    }
    Ok(match name {
        "joins" => Metric::Joins(overlay),
        "failed joins" => Metric::FailedJoins(overlay),
        "members" => Metric::Members(overlay),
        "islands" => Metric::Islands(overlay),
        "whole" => Metric::Whole(overlay),
        "merge" => Metric::Merge(overlay),
        "lookups" => Metric::Lookups(overlay, from),
        "lookup success" => Metric::LookupSuccess(overlay, from),
        "wrong lookups" => Metric::WrongLookups(overlay, from),
        "missing keys" => Metric::MissingKeys(overlay),
        "conflicting keys" => Metric::ConflictingKeys(overlay),
        "flood gain" => Metric::FloodGain(overlay),
        "found keys" => Metric::FoundKeys(overlay),
        other => return Err(subject.error(format!("`{other}` cannot be read yet"), None)),
    })
}

/// The group whose address is meant: `None` means that of any.
fn group(name: &Word<'_>, subject: Option<&Word<'_>>, topology: &Topology) -> Result<Option<String>, ActionError> {
    if topology.groups.is_empty() {
        return Err(name.error(format!("the lab has no group that could have {}", name.text), None));
    }
    let Some(word) = subject else { return Ok(None) };
    let known = topology.groups.iter().map(|g| g.name.as_str());
    if !known.clone().any(|name| name == word.text) {
        return Err(word.error(format!("there is no group `{}`", word.text), suggest(word.text, known)));
    }
    Ok(Some(word.text.to_owned()))
}

pub(super) fn client(word: &Word<'_>, topology: &Topology) -> Result<String, ActionError> {
    let id = host(word, topology)?;
    if topology.node(id).kind != NodeKind::Client {
        let known = topology.of_kind(|k| k == NodeKind::Client).map(|n| topology.node(n).name.as_str());
        return Err(word.error(format!("`{}` is a member, not a client", word.text), suggest(word.text, known)));
    }
    Ok(word.text.to_owned())
}

fn round_trip(
    subject: &Word<'_>,
    words: &mut Words<'_>,
    form: &str,
    topology: &Topology,
) -> Result<Metric, ActionError> {
    if !words.take("to") {
        return Err(subject.error("the other end is missing", format!("write `{form}`")));
    }
    let other = words.expect("a node", form)?;
    for word in [subject, &other] {
        if topology.find(word.text).is_none() {
            let known = topology.nodes.iter().map(|n| n.name.as_str());
            return Err(word.error(format!("there is no node `{}`", word.text), suggest(word.text, known)));
        }
    }
    Ok(Metric::RoundTrip(subject.text.to_owned(), other.text.to_owned()))
}

/// A client, and the group it probes: `None` if it probes only one.
fn client_and_group(
    subject: &Word<'_>,
    words: &mut Words<'_>,
    form: &str,
    topology: &Topology,
) -> Result<(String, Option<String>), ActionError> {
    let client = client(subject, topology)?;
    if words.take("for") {
        let probed = probed(topology);
        let name = |id: &GroupId| topology.groups[id.0].name.as_str();
        let word = words.expect("a group", form)?;
        if !probed.iter().any(|id| name(id) == word.text) {
            let help = suggest(word.text, probed.iter().map(name));
            return Err(word.error(format!("clients probe no group `{}`", word.text), help));
        }
        return Ok((client, Some(word.text.to_owned())));
    }
    Ok((client, only_group(subject, "for", topology)?))
}

/// `None`, for the only group that clients probe.
pub(super) fn only_group(
    subject: &Word<'_>,
    preposition: &str,
    topology: &Topology,
) -> Result<Option<String>, ActionError> {
    let probed = probed(topology);
    if probed.len() == 1 {
        return Ok(None);
    }
    let names: Vec<_> = probed.iter().map(|id| topology.groups[id.0].name.as_str()).collect();
    let message = format!("clients probe several groups: {}", names.join(", "));
    Err(subject.error(message, format!("say which one: `{preposition} GROUP`")))
}

fn value(word: &Word<'_>, kind: Kind, metric: &Metric, topology: &Topology) -> Result<Value, ActionError> {
    let text = word.text;
    let (number, help) = match kind {
        Kind::YesNo if text == "yes" => return Ok(Value::Yes),
        Kind::YesNo if text == "no" => return Ok(Value::No),
        Kind::YesNo => (None, "`yes` or `no`"),
        Kind::Site => return site(word, metric, topology),
        Kind::Path => (None, "ASes, the nearest first"),
        Kind::Count => (text.parse::<u32>().ok().map(f64::from), "a whole number"),
        Kind::Ratio => (ratio(text), "a share from 0% to 100%, such as `95%` or `0.95`"),
        Kind::Factor => {
            // A flood may be answered with nothing.
            let least = if matches!(metric, Metric::FloodGain(_)) { 0.0 } else { f64::MIN_POSITIVE };
            let factor = text.parse::<f64>().ok().filter(|factor| factor.is_finite() && *factor >= least);
            (factor, "a factor, such as `1.2`")
        }
        Kind::Seconds => {
            let time = humantime::parse_duration(text).ok();
            (time.map(|t| t.as_secs_f64()), "a time with its unit, such as `4s` or `500ms`")
        }
    };
    number.map(Value::Number).ok_or_else(|| word.error(format!("`{text}` is no value of this metric"), help.to_owned()))
}

fn ratio(text: &str) -> Option<f64> {
    let ratio = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    (0.0..=1.0).contains(&ratio).then_some(ratio)
}

/// A host or a stub that can answer the probes in question.
fn site(word: &Word<'_>, metric: &Metric, topology: &Topology) -> Result<Value, ActionError> {
    let wanted = match metric {
        Metric::Catchment(_, group) => group.as_deref(),
        _ => None,
    };
    site_of(word, wanted, topology).map(Value::Name)
}

/// The name of a host or a stub that is a site of this group, or of the only one that is probed.
pub(super) fn site_of(word: &Word<'_>, wanted: Option<&str>, topology: &Topology) -> Result<String, ActionError> {
    let groups = probed(topology).iter().map(|id| &topology.groups[id.0]);
    let group = groups.into_iter().find(|g| wanted.is_none_or(|name| g.name == name));
    let members = group.map_or(&[][..], |g| &g.members);
    let stub_of = |as_id: AsId| topology.ases[as_id.0].name.as_str();
    let known = || {
        let hosts = members.iter().map(|m| topology.node(*m).name.as_str());
        hosts.chain(members.iter().map(|m| stub_of(topology.node(*m).as_id)))
    };
    if known().any(|name| name == word.text) {
        return Ok(word.text.to_owned());
    }
    let name = group.map_or("", |g| &g.name);
    let message = format!("`{}` is neither a member of group `{name}` nor a stub with one", word.text);
    Err(word.error(message, suggest(word.text, known())))
}

/// Refuses comparisons that every run satisfies, or none.
fn can_go_either_way(metric: &Metric, op: Op, value: f64, topology: &Topology) -> Result<(), &'static str> {
    let members = |name: &str| topology.overlays.iter().find(|o| o.name == name).map(|o| o.members.len() as f64);
    let clients = topology.of_kind(|k| k == NodeKind::Client).count() * probed(topology).len();
    let most = match metric {
        Metric::Members(overlay) | Metric::Islands(overlay) => members(overlay),
        Metric::LookupSuccess(..)
        | Metric::Affinity(_)
        | Metric::BestSite(_)
        | Metric::Fairness(_)
        | Metric::Load(..) => Some(1.0),
        Metric::Hops(..) => Some(topology.nodes.len() as f64 - 1.0),
        Metric::FlowMembers(_) => Some(flow_members(topology) as f64),
        Metric::MovedClients => Some(clients as f64),
        _ => None,
    };
    let least = least(metric, topology);
    // A way that does not exist is neither short nor long.
    let absent = matches!(metric, Metric::Hops(..));
    let above = most.is_some_and(|most| value > most);
    let at_most = most.is_some_and(|most| value >= most);
    let (always, never) = match op {
        Op::Ge => (value <= least, above),
        Op::Gt => (false, at_most),
        Op::Le => (at_most && !absent, value < least),
        Op::Lt => (above && !absent, value <= least),
        Op::Eq => (false, above || value < least),
        Op::Ne => (above || value < least, false),
        Op::Contains | Op::Lacks => (false, false),
    };
    match (always, never) {
        (true, _) => Err("cannot fail"),
        (_, true) => Err("can never hold"),
        _ => Ok(()),
    }
}

/// Hosts that may serve a client's flows.
fn flow_members(topology: &Topology) -> usize {
    let groups = topology.flows.iter().flat_map(|flows| &flows.groups);
    groups.flat_map(|id| &topology.groups[id.0].members).collect::<BTreeSet<_>>().len()
}
