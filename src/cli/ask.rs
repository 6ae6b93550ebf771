//! `anybed routes`, `anybed trace` and `anybed watch`: looking into a running lab.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;

use super::{Ended, Failure, Format, labs, print};
use crate::lab::ask::{PathEnd, RoutesRequest, Trace, TraceRequest};
use crate::measure::Live;
use crate::record::{Event, What};
use crate::report::predicted;
use crate::routing::route::{Route, why};

#[derive(Args, Debug)]
pub(super) struct Routes {
    /// Running lab
    lab: String,
    /// Node with a BIRD
    node: String,
    /// Prefix, address or group [default: all]
    prefix: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
pub(super) struct TraceOf {
    /// Running lab
    lab: String,
    /// Node from which packets are sent
    from: String,
    /// Node, group or address
    to: String,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
pub(super) struct Watch {
    /// Running lab
    lab: String,
    /// json: the record's lines as they are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Routes {
    pub(super) fn execute(self) -> Ended {
        let request = RoutesRequest { node: self.node, prefix: self.prefix };
        let routes: Vec<Route> = labs::post(&self.lab, "/routes", &request)?;
        match self.format {
            Format::Json => print(&labs::json(&routes)?),
            Format::Text if routes.is_empty() => print("no route\n"),
            Format::Text => print(&show_routes(&routes)),
        }
        Ok(0)
    }
}

/// Prefix by prefix, the best route first, and why the others are not.
fn show_routes(routes: &[Route]) -> String {
    let mut text = String::new();
    let mut best: Option<&Route> = None;
    for route in routes {
        if best.is_none_or(|best| best.prefix != route.prefix) {
            text += &format!("{}\n", route.prefix);
            best = Some(route);
        }
        let mark = if route.best { '*' } else { ' ' };
        let via = route.via.iter().map(|(gateway, interface)| match gateway {
            Some(gateway) => format!("{gateway} on {interface}"),
            None => format!("on {interface}"),
        });
        let via: Vec<String> = via.collect();
        let via = if via.is_empty() { route.kind.clone() } else { via.join(", ") };
        let path = match &route.as_path()[..] {
            [] => String::new(),
            path => format!("  AS path {}", path.join(" ")),
        };
        let reason = match best {
            Some(best) if best.best && !route.best => format!("  not best: the best has {}", why(best, route)),
            _ => String::new(),
        };
        text += &format!("  {mark} {:16} {via}{path}{reason}\n", route.protocol);
    }
    text
}

impl TraceOf {
    pub(super) fn execute(self) -> Ended {
        let request = TraceRequest { from: self.from, to: self.to };
        let trace: Trace = labs::post(&self.lab, "/trace", &request)?;
        match self.format {
            Format::Json => print(&labs::json(&trace)?),
            Format::Text => print(&show_trace(&trace)),
        }
        Ok(0)
    }
}

fn show_trace(trace: &Trace) -> String {
    let mut text = format!("{} to {}\n", trace.from, trace.target);
    let width = trace.hops.iter().map(|hop| hop.node.len()).max().unwrap_or(0);
    for (number, hop) in trace.hops.iter().enumerate() {
        let time = hop.rtt_ms.map_or("no answer".to_owned(), |ms| format!("{ms:.2} ms"));
        let other = hop.answered_by.as_ref().map_or(String::new(), |other| format!("  answered by {other}"));
        let own = format!("{} AS{}", hop.as_name, hop.asn);
        text += &format!("{:>3}  {:width$}  {own:20} {time:>10}  over {}{other}\n", number + 1, hop.node, hop.link);
    }
    text += match trace.end {
        PathEnd::Arrives => "",
        PathEnd::NoRoute => "     ends: no route there\n",
        PathEnd::DeadLink => "     ends: the next link carries nothing\n",
        PathEnd::Circle => "     goes round in a circle\n",
    };
    if let Some(bgp) = &trace.bgp {
        text += &format!("BGP at {}: {} by AS path {}\n", bgp.at, bgp.prefix, bgp.names.join(" "));
    }
    text
}

impl Watch {
    /// Until the lab ends, or Ctrl-C.
    pub(super) fn execute(self) -> Ended {
        let facts = labs::find(&self.lab)?;
        let path = facts.out.join("events.jsonl");
        let file = std::fs::File::open(&path).with_context(|| format!("open {}", path.display()))?;
        let mut lines = BufReader::new(file);
        let (mut line, mut head) = (String::new(), None);
        // Lines of before are taken in, and not told again.
        let begun = crate::kernel::now();
        loop {
            match lines.read_line(&mut line).context("read the record")? {
                0 => std::thread::sleep(BETWEEN),
                _ if !line.ends_with('\n') => continue,
                _ => {
                    let event: Event = serde_json::from_str(&line)
                        .map_err(|error| Failure::Lab(anyhow!("a line of the record: {error}")))?;
                    if let What::Lab(facts) = &event.what {
                        // Lives as long as the program.
                        head = Some(Live::new(Box::leak(facts.clone())));
                    }
                    let told = head.as_mut().and_then(|live| live.take(&event));
                    let own = describe(&event);
                    match (self.format, event.at >= begun) {
                        (Format::Json, _) => print(&line),
                        (Format::Text, true) => {
                            for text in own.into_iter().chain(told.map(|(_, text)| text)) {
                                print(&format!("{text}\n"));
                            }
                        }
                        (Format::Text, false) => {}
                    }
                    if matches!(event.what, What::End { .. }) {
                        return Ok(0);
                    }
                    line.clear();
                }
            }
        }
    }
}

/// The record is written in batches: looking more often shows nothing sooner.
const BETWEEN: Duration = Duration::from_millis(100);

/// What happened, in one line, if it is worth one.
fn describe(event: &Event) -> Option<String> {
    Some(match &event.what {
        What::Fault { action, .. } => action.clone(),
        What::Refused { action, reason } => format!("refused: {action}: {reason}"),
        What::Carrier { node, interface, up } => {
            format!("  {node} {interface} {}", if *up { "up" } else { "down" })
        }
        What::Fib { node, change } => {
            let sign = if change.add { '+' } else { '-' };
            format!("  {node} {sign}{} {}", change.prefix, change.interfaces.join(", "))
        }
        What::Verified { found, .. } => format!("  verified: {found}"),
        What::Predicted(predicted) => format!("  {}", predicted::line(predicted)),
        What::Exit { node, process, status, .. } => format!("  the {process} of {node} ended ({status})"),
        What::End { reason } => format!("the lab has {reason}"),
        _ => return None,
    })
}
