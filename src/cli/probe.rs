//! `anybed probe`: probes from nodes of a running lab, like ping.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use serde::Serialize;

use super::{Ended, Failure, Format, labs};
use crate::lab::api;
use crate::lab::live_probe::{ProbeRequest, Probed};
use crate::lab::runtime;
use crate::measure::quantile;

#[derive(Args, Debug)]
pub(super) struct ProbeOf {
    /// Running lab
    lab: String,
    /// Nodes to probe from [default: all clients]
    nodes: Vec<String>,
    /// Anycast group [default: the lab's only one]
    #[arg(long)]
    group: Option<String>,
    /// Probes of each node [default: until Ctrl-C]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Between two probes of one node
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = pace)]
    every: Duration,
    /// json: one object a line
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn pace(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|why| format!("{why}, such as `100ms`"))?;
    if every < Duration::from_millis(1) { Err("at least 1ms".to_owned()) } else { Ok(every) }
}

/// A line of JSON.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line<'a> {
    Probe(&'a Probed),
    Summary(Summary<'a>),
}

#[derive(Serialize)]
struct Summary<'a> {
    node: &'a str,
    sent: usize,
    lost: usize,
    /// Member to the number of its answers.
    answered_by: &'a BTreeMap<String, usize>,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

/// What one node has seen so far. A probe counts when its fate is known.
#[derive(Default)]
struct Tally {
    lost: usize,
    answered_by: BTreeMap<String, usize>,
    times: Vec<f64>,
}

impl ProbeOf {
    pub(super) fn execute(self) -> Ended {
        labs::find(&self.lab)?;
        let (every, count) = (self.every, self.count);
        let request = ProbeRequest { nodes: self.nodes, group: self.group, every, count };
        let body = serde_json::to_string(&request).context("write JSON")?;
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        let take = |line: &[u8]| match serde_json::from_slice::<Probed>(line) {
            Ok(probed) => {
                let told = self.format.tell(&Line::Probe(&probed));
                tallies.entry(probed.node.clone()).or_default().add(probed);
                told
            }
            // Cut off by the lab's end.
            Err(_) => ControlFlow::Break(()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
        let socket = runtime::socket(&self.lab);
        let done = runtime.block_on(async {
            tokio::select! {
                done = api::follow(&socket, "/probe", body, take) => done,
                _ = tokio::signal::ctrl_c() => Ok(Ok(())),
            }
        });
        done?.map_err(|reason| Failure::Usage(anyhow!(reason)))?;
        if self.format == Format::Text {
            // Apart from the probes, and from what a terminal shows for Ctrl-C.
            super::print("\n");
        }
        for (node, tally) in &mut tallies {
            let _ = self.format.tell(&Line::Summary(tally.summary(node)));
        }
        Ok(i32::from(tallies.is_empty() || tallies.values().any(|tally| tally.times.is_empty())))
    }
}

impl Tally {
    fn add(&mut self, probed: Probed) {
        match (probed.member, probed.rtt_ms) {
            (Some(member), Some(time)) => {
                *self.answered_by.entry(member).or_default() += 1;
                self.times.push(time);
            }
            _ => self.lost += 1,
        }
    }

    fn summary<'a>(&'a mut self, node: &'a str) -> Summary<'a> {
        self.times.sort_by(f64::total_cmp);
        Summary {
            node,
            sent: self.times.len() + self.lost,
            lost: self.lost,
            p50_ms: quantile(&self.times, 0.5),
            p99_ms: quantile(&self.times, 0.99),
            answered_by: &self.answered_by,
        }
    }
}

impl Format {
    /// Writes a line at once; breaks when nobody reads any more (`| head`).
    fn tell(self, line: &Line<'_>) -> ControlFlow<()> {
        let text = match self {
            Self::Json => serde_json::to_string(line).unwrap_or_default(),
            Self::Text => show(line),
        };
        match writeln!(anstream::stdout().lock(), "{text}") {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

fn show(line: &Line<'_>) -> String {
    match line {
        Line::Probe(Probed { node, seq, member: Some(member), rtt_ms: Some(time) }) => {
            format!("{node}  seq {seq}  {member}  {time:.2} ms")
        }
        Line::Probe(Probed { node, seq, .. }) => format!("{node}  seq {seq}  lost"),
        Line::Summary(summary) => {
            let who: Vec<_> = summary.answered_by.iter().map(|(member, count)| format!("{member} {count}")).collect();
            let who =
                if who.is_empty() { "nobody answered".to_owned() } else { format!("answered by {}", who.join(", ")) };
            let time = |ms: Option<f64>| ms.map_or("–".to_owned(), |ms| format!("{ms:.2} ms"));
            let (p50, p99) = (time(summary.p50_ms), time(summary.p99_ms));
            format!("{}: {} sent, {} lost, {who}; p50 {p50}, p99 {p99}", summary.node, summary.sent, summary.lost)
        }
    }
}
