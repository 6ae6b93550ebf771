//! `anybed what-if`: changes of what sites announce, ranked by what is predicted of them, and the best one played.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;

use super::daemons::Daemons;
use super::{Choices, Ended, Failure, Format, check, complain, is_colored, labs, print};
use crate::lab::api::{FaultAnswer, FaultRequest};
use crate::lab::keeper;
use crate::lab::survey::{From, SurveyRequest};
use crate::predict::what_if::{Aim, Change, How, Outcome, rank};
use crate::record::survey::{Survey, Surveyed, Witness};
use crate::report::page::{BOLD, Cell, DIM, Page};
use crate::topology::{AsId, GroupId, NodeId, NodeKind, Topology};

/// Routing has so long to do what is predicted.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Args, Debug)]
pub(super) struct WhatIf {
    /// Lab file
    file: PathBuf,
    /// The anycast group [default: the lab's only one]
    #[arg(long)]
    group: Option<String>,
    /// What the best change is: fairest loads, or shortest ways
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// How many changes are shown
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,
    /// Play the best one in a lab, and compare who answers each client
    #[arg(long)]
    play: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    daemons: Daemons,
    #[command(flatten)]
    choices: Choices,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum By {
    #[default]
    Balance,
    Distance,
}

#[derive(Serialize)]
struct Shown {
    /// As it is, if there is no change.
    change: Option<String>,
    /// The actions that make it.
    actions: Vec<String>,
    /// Shares of all clients.
    loads: BTreeMap<String, f64>,
    fairness: f64,
    moved: usize,
    unanswered: usize,
    /// The mean way to the member, one way, by the delays of the lab file.
    delay_ms: f64,
    links: f64,
    stretch: f64,
    /// Client to members, as predicted.
    catchments: BTreeMap<String, Vec<String>>,
}

impl WhatIf {
    /// Exit code 1: what was played is not what was predicted.
    pub(super) fn execute(self) -> Ended {
        let (topology, _) = check::load(&self.file, &self.choices)?;
        let group = self.group(&topology)?;
        if topology.of_kind(|kind| kind == NodeKind::Client).next().is_none() {
            let name = &topology.groups[group.0].name;
            return Err(Failure::Usage(anyhow!("nobody would notice a change of {name}: the lab has no clients")));
        }
        let aim = if matches!(self.by, By::Balance) { Aim::Balance } else { Aim::Distance };
        let (now, ranked) = rank(&topology, group, aim).map_err(|unsettled| Failure::Usage(anyhow!(unsettled)))?;
        // Of changes that lead to the same, the smallest stands for all.
        let mut told = vec![&now.catchments];
        let others = ranked.iter().filter(|(_, found)| {
            let is_new = !told.contains(&&found.catchments);
            told.push(&found.catchments);
            is_new
        });
        let others: Vec<&(Change, Outcome)> = others.collect();
        let best = others.iter().take(usize::from(self.top));
        let best: Vec<Shown> = best.map(|(change, found)| shown(&topology, group, Some(change), found)).collect();
        let counts = (ranked.len(), others.len());
        let now = shown(&topology, group, None, &now);
        let shown: Vec<&Shown> = std::iter::once(&now).chain(&best).collect();
        match self.format {
            Format::Json => print(&labs::json(&shown)?),
            Format::Text => print(&text(&topology.groups[group.0].name, counts, &shown)),
        }
        match best.first() {
            Some(first) if self.play && !first.is_better_than(&now, aim) => {
                complain("no change is better than none: nothing is played");
                Ok(0)
            }
            Some(first) if self.play => self.play(&topology, group, first),
            _ => Ok(0),
        }
    }

    fn group(&self, topology: &Topology) -> Result<GroupId, Failure> {
        let mut public = topology.groups.iter().enumerate().filter(|(_, group)| group.is_public());
        let found = match &self.group {
            Some(name) => public.find(|(_, group)| group.name == *name),
            None => public.next().filter(|_| public.next().is_none()),
        };
        let names: Vec<&str> = topology.groups.iter().filter(|g| g.is_public()).map(|g| g.name.as_str()).collect();
        found.map(|(index, _)| GroupId(index)).ok_or_else(|| {
            Failure::Usage(anyhow!("--group names one of the groups of {}: {}", self.file.display(), names.join(", ")))
        })
    }

    /// In a lab of its own, which ends with this command.
    fn play(&self, topology: &Topology, group: GroupId, best: &Shown) -> Ended {
        let program = std::env::current_exe().context("find this program")?;
        let lab = format!("what-if-{}", std::process::id());
        let mut up = Command::new(program);
        up.arg("up").arg(&self.file).args(["--name", &lab, "--quiet", "--held"]);
        let seed = self.choices.seed.map(|seed| ("seed", seed.to_string()));
        let options = self.choices.options().into_iter().chain(self.daemons.options()).chain(seed);
        up.args(options.map(|(name, value)| format!("--{name}={value}")));
        keeper::tie(&mut up);
        complain(&format!("building {}", self.file.display()));
        let mut up = up.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("build the lab")?;
        let mut said = String::new();
        up.stdout.take().map(|out| BufReader::new(out).read_line(&mut said)).transpose().context("build the lab")?;
        // It says a line when it is up, and nothing if it cannot be.
        let compared = (!said.is_empty()).then(|| self.compare(topology, group, best, &lab));
        // It passes that on, and the lab takes itself down.
        if let Ok(process) = i32::try_from(up.id()) {
            let _ = kill(Pid::from_raw(process), Signal::SIGTERM);
        }
        let ended = up.wait().context("end the lab")?;
        compared.unwrap_or_else(|| Err(Failure::Said(ended.code().unwrap_or(130))))
    }

    /// JSON has standard output to itself.
    fn tell(&self, text: &str) {
        if matches!(self.format, Format::Json) { complain(text.trim_end()) } else { print(text) }
    }

    fn compare(&self, topology: &Topology, group: GroupId, best: &Shown, lab: &str) -> Ended {
        for action in &best.actions {
            complain(&format!("playing {action}"));
            let _: FaultAnswer = labs::post(lab, "/fault", &FaultRequest { action: action.clone() })?;
        }
        let (since, name) = (Instant::now(), topology.groups[group.0].name.clone());
        loop {
            let request =
                SurveyRequest { group: Some(name.clone()), from: From::Clients, witnesses: [Witness::Packets].into() };
            let surveys: Vec<Survey> = labs::post(lab, "/catchment", &request)?;
            let nodes = surveys.first().map(|survey| &survey.nodes[..]).unwrap_or_default();
            let differs: Vec<String> = nodes.iter().filter_map(|node| difference(best, node)).collect();
            if differs.is_empty() {
                self.tell(&format!("\nplayed: all {} clients are answered as predicted\n", nodes.len()));
                return Ok(0);
            }
            if since.elapsed() > PATIENCE {
                self.tell(&format!("\nplayed: not as predicted\n{}\n", differs.join("\n")));
                return Ok(1);
            }
            sleep(LOOK_EVERY);
        }
    }
}

impl Shown {
    fn is_better_than(&self, now: &Self, aim: Aim) -> bool {
        let shorter = (self.delay_ms, self.links) < (now.delay_ms, now.links);
        let better = if aim == Aim::Balance { self.fairness > now.fairness } else { shorter };
        self.unanswered < now.unanswered || self.unanswered == now.unanswered && better
    }
}

/// What a client's packet came to, if that is not predicted.
fn difference(best: &Shown, node: &Surveyed) -> Option<String> {
    let members = best.catchments.get(&node.node)?;
    let came = node.packet.as_ref().and_then(|packet| packet.member.clone());
    let as_said = came.as_ref().map_or(members.is_empty(), |member| members.contains(member));
    let said = if members.is_empty() { "nobody".to_owned() } else { members.join(" or ") };
    (!as_said).then(|| format!("  {}: {} instead of {said}", node.node, came.unwrap_or_else(|| "nobody".to_owned())))
}

fn shown(topology: &Topology, group: GroupId, change: Option<&Change>, found: &Outcome) -> Shown {
    let name = |site: &AsId| topology.ases[site.0].name.clone();
    let host = |id: &NodeId| topology.node(*id).name.clone();
    Shown {
        change: change.map(|change| words(topology, change)),
        actions: change.map(|change| actions(topology, group, change)).unwrap_or_default(),
        loads: found.loads.iter().map(|(site, load)| (name(site), *load)).collect(),
        fairness: found.fairness,
        moved: found.moved,
        unanswered: found.unanswered,
        delay_ms: found.delay.as_secs_f64() * 1000.0,
        links: found.links,
        stretch: found.stretch,
        catchments: found.catchments.iter().map(|(c, members)| (host(c), members.iter().map(host).collect())).collect(),
    }
}

fn words(topology: &Topology, change: &Change) -> String {
    match change {
        Change::Withdraw { site } => format!("{} withdraws", topology.ases[site.0].name),
        Change::Tell { gateway, link, how } => {
            let (own, link) = (&topology.node(*gateway).name, &topology.links[link.0]);
            let other = &topology.node(if link.a == *gateway { link.b } else { link.a }).name;
            match how {
                How::Prepend(times) => format!("{own} to {other}: prepend {times}"),
                How::NoExport => format!("{own} to {other}: no-export"),
                How::Nothing => format!("{own} to {other}: nothing"),
            }
        }
    }
}

/// As timelines and `anybed fault` have it.
fn actions(topology: &Topology, group: GroupId, change: &Change) -> Vec<String> {
    let name = &topology.groups[group.0].name;
    match change {
        Change::Withdraw { site } => {
            if topology.groups[group.0].by_border {
                return vec![format!("withdraw {} {name}", topology.ases[site.0].name)];
            }
            let members = topology.groups[group.0].members.iter().map(|member| topology.node(*member));
            let of_site = members.filter(|member| member.as_id == *site);
            of_site.map(|member| format!("withdraw {} {name}", member.name)).collect()
        }
        Change::Tell { gateway, link, how } => {
            let what = match how {
                How::Prepend(times) => format!("prepend={times}"),
                How::NoExport => "add=no-export".to_owned(),
                How::Nothing => "reject=yes".to_owned(),
            };
            let (link, gateway) = (&topology.links[link.0].name, &topology.node(*gateway).name);
            vec![format!("set {link} from {gateway} for {name} {what}")]
        }
    }
}

fn text(group: &str, (changes, different): (usize, usize), all: &[&Shown]) -> String {
    let mut page = Page::new(is_colored());
    let group = page.paint(BOLD, group);
    page.raw(&format!("{group} · predicted of {changes} changes: {different} different outcomes, the best first"));
    let delays = all.iter().any(|shown| shown.delay_ms > 0.0);
    let sites: BTreeSet<&String> = all.iter().flat_map(|shown| shown.loads.keys()).collect();
    let way = if delays { "mean way" } else { "mean links" };
    let mut head = vec![Cell::left("change")];
    head.extend(sites.iter().map(Cell::right));
    head.extend(["fairness", "moved", "unanswered", way, "stretch"].map(Cell::right));
    let mut rows = vec![head.into_iter().map(|cell| cell.styled(DIM)).collect::<Vec<_>>()];
    for shown in all {
        let mut row = vec![Cell::left(shown.change.as_deref().unwrap_or("as it is"))];
        row.extend(sites.iter().map(|site| {
            let load = shown.loads.get(*site).copied().unwrap_or_default();
            Cell::right(format!("{:.0}\u{a0}%", load * 100.0))
        }));
        let way = if delays { format!("{:.1}\u{a0}ms", shown.delay_ms) } else { format!("{:.1}", shown.links) };
        let moved = if shown.change.is_some() { shown.moved.to_string() } else { "–".to_owned() };
        row.extend([format!("{:.2}", shown.fairness), moved, shown.unanswered.to_string()].map(Cell::right));
        let nobody = shown.unanswered == shown.catchments.len();
        let ways = if nobody { ["–".to_owned(), "–".to_owned()] } else { [way, format!("{:.2}", shown.stretch)] };
        row.extend(ways.map(Cell::right));
        rows.push(row);
    }
    page.table(&rows);
    page.finish()
}
