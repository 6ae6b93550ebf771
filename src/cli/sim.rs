//! `anybed sim`: overlays without namespaces, under virtual time.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::check::{self, refused};
use super::{Choices, Ended, Failure, Format, complain, crowd, is_colored, play, print};
use crate::lab::claim::Claimant;
use crate::lab::{facts, node_config};
use crate::overlay::{LookupMode, Protocol};
use crate::physics::Impairment;
use crate::plan::deployed;
use crate::record::Record;
use crate::report::{self, Files};
use crate::scenario;
use crate::sim::{self, Choice, Crowd, Delays, MOST_IDEAL, Options, Played, SETTLE_ROUNDS, Studied, Study};
use crate::topology::{NodeId, Overlay, Topology};

/// Version of what `--format json` prints.
const SCHEMA: u32 = 1;
/// Where a record has the versions of what was not there.
const SIMULATED: &str = "none: simulated";
/// Colors that new nodes ask for near neighbors, where those are wanted.
const COLORS: u16 = 16;
/// Most nodes: a node takes some tens of kilobytes.
const MOST_NODES: u64 = 100_000;

#[derive(Args, Debug)]
pub(super) struct Simulation {
    /// Lab file: its overlays, its links' delays and its timeline
    #[arg(required_unless_present_any = ["nodes", "crowd"], conflicts_with_all = ["nodes", "crowd", "protocol", "rtt", "coordinates", "lookups",
          "proximity", "lookup", "loss"])]
    file: Option<PathBuf>,
    /// Number of nodes, without a lab file; of several, one simulation each
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=MOST_NODES))]
    nodes: Vec<u64>,
    /// Nodes that join an overlay of four at once, instead; of several numbers, one simulation each
    #[arg(long, value_name = "N", value_delimiter = ',', conflicts_with_all = ["nodes", "lookups"],
          value_parser = clap::value_parser!(u64).range(1..=MOST_NODES))]
    crowd: Vec<u64>,
    /// The crowd comes within this time
    #[arg(long, value_name = "TIME", default_value = "1s", requires = "crowd", value_parser = humantime::parse_duration)]
    within: Duration,
    /// Simulations of each crowd, with this seed and those that follow it
    #[arg(long, value_name = "K", default_value_t = 1, requires = "crowd", value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Any two nodes are so far apart, one way
    #[arg(long, value_name = "TIME", conflicts_with_all = ["rtt", "coordinates"], value_parser = humantime::parse_duration)]
    one_way: Option<Duration>,
    #[arg(long, default_value = Protocol::default().name, value_parser = protocols())]
    protocol: Protocol,
    /// Round trips in milliseconds, a line for each of N places with N of them
    #[arg(long, value_name = "FILE", conflicts_with = "coordinates")]
    rtt: Option<PathBuf>,
    /// Places, one `x y` a line: as far apart in milliseconds one way [default: as many random points as
    /// nodes, in a square of 100 ms]
    #[arg(long, value_name = "FILE")]
    coordinates: Option<PathBuf>,
    /// Lookups of random keys by random nodes
    #[arg(long, value_name = "M", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    lookups: u32,
    /// Random choices derive from this number [default: the lab file's, or 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Which neighbors a node prefers, of those that serve as well
    #[arg(long, value_enum, default_value_t)]
    proximity: ProximityArg,
    /// Who carries a lookup on
    #[arg(long, value_enum, default_value_t)]
    lookup: LookupArg,
    /// Probability that a datagram is lost
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    loss: f64,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Of a lab file, write the record and the report here
    #[arg(long, value_name = "DIR", conflicts_with = "nodes")]
    out: Option<PathBuf>,
    /// No progress on standard error
    #[arg(short, long)]
    quiet: bool,
}

fn protocols() -> impl TypedValueParser<Value = Protocol> {
    PossibleValuesParser::new(Protocol::keyed().map(|protocol| protocol.name))
        .map(|name| Protocol::named(&name).unwrap_or_default())
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ProximityArg {
    /// The first that it hears of
    None,
    /// Near ones that its lookups find
    Probed,
    /// And those that answered at the anycast addresses, and their neighbors
    #[default]
    Anycast,
    /// The nearest there are: an oracle tells it of all nodes
    Ideal,
}

impl ProximityArg {
    fn choice(self) -> Choice {
        match self {
            Self::None => Choice::None,
            Self::Probed => Choice::Probed,
            Self::Anycast => Choice::Anycast,
            Self::Ideal => Choice::Ideal,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum LookupArg {
    /// The node that asked
    Iterative,
    /// Each node that it comes to
    #[default]
    Recursive,
}

impl Simulation {
    pub(super) fn execute(self) -> Ended {
        if let Some(file) = &self.file {
            return self.play(file);
        }
        if !(0.0..1.0).contains(&self.loss) {
            return Err(Failure::Usage(anyhow!("--loss {}: a probability, from 0 to less than 1", self.loss)));
        }
        let delays = match (&self.rtt, &self.coordinates) {
            (Some(path), _) => Some(sim::read_round_trips(path).map_err(|problems| refused(&problems))?),
            (None, Some(path)) => Some(sim::read_coordinates(path).map_err(|problems| refused(&problems))?),
            (None, None) => self.one_way.map(Delays::same),
        };
        if !self.crowd.is_empty() {
            return self.crowds(&delays);
        }
        let studies: Vec<Study> = self.nodes.iter().map(|n| self.study(*n, &delays)).collect::<Result<_, _>>()?;
        let mut found = Vec::new();
        for study in studies {
            let begun = Instant::now();
            let studied = study.run(|done| {
                if !self.quiet {
                    complain(&format!("{:>7.1} s  {done}", begun.elapsed().as_secs_f64()));
                }
            });
            found.push((studied, begun.elapsed().as_secs_f64()));
        }
        print(&match self.format {
            Format::Json => as_json(&found),
            Format::Text if found.len() > 1 => table(&found),
            Format::Text => found.iter().map(|(studied, seconds)| text(studied, *seconds)).collect(),
        });
        Ok(0)
    }

    /// Plays crowds, each with each seed.
    fn crowds(&self, delays: &Option<Delays>) -> Ended {
        let choice = self.proximity.choice();
        if choice == Choice::Ideal {
            return Err(Failure::Usage(anyhow!("--proximity ideal: a crowd is told of nobody")));
        }
        let (mut found, mut wall_clock) = (Vec::new(), Vec::new());
        for size in &self.crowd {
            for seed in (self.seed.unwrap_or(1)..).take(self.seeds as usize) {
                let begun = Instant::now();
                let mut crowd = Crowd::of(*size as usize, sim::settings(self.protocol, choice.proximity()), seed);
                crowd.within = self.within;
                self.set(&mut crowd.options, delays);
                found.push(crowd.play());
                wall_clock.push(begun.elapsed().as_secs_f64());
                if !self.quiet {
                    complain(&format!("{:>7.1} s  a crowd of {size}, seed {seed}", begun.elapsed().as_secs_f64()));
                }
            }
        }
        print(&match self.format {
            Format::Json => crowd::json(&found, SCHEMA, &wall_clock),
            Format::Text => crowd::text(&found),
        });
        Ok(0)
    }

    /// Plays a lab file, and reports as `anybed run` does.
    fn play(&self, file: &Path) -> Ended {
        let choices = Choices { seed: self.seed, ..Choices::default() };
        let loaded = scenario::read_for(file, &choices.overrides(), sim::refuse);
        let (topology, mut scenario) = loaded.map_err(|problems| refused(&problems))?;
        if topology.overlays.is_empty() {
            return Err(Failure::Usage(anyhow!("{}: there is no overlay to simulate", file.display())));
        }
        let all = scenario.expectations.len();
        scenario.expectations.retain(sim::can_judge);
        self.warn(&topology, all - scenario.expectations.len());
        let plan = check::plan(&topology, &choices)?;
        let played = |overlay: &Overlay| {
            let node = |host: &NodeId| node_config(&topology, &plan.addresses, overlay, *host);
            let servers = overlay.via.map(|via| deployed::servers(&topology, &plan.addresses, via));
            Played { nodes: overlay.members.iter().map(node).collect(), servers: servers.unwrap_or_default() }
        };
        let configs: Vec<Played> = topology.overlays.iter().map(played).collect();
        let mut facts = facts::collect(&topology, &scenario, &plan, SIMULATED, file);
        facts.kernel = SIMULATED.to_owned();
        let events = sim::play(&topology, &scenario, facts, &configs);
        let lines = events.iter().map(|event| serde_json::to_string(event).map(|line| line + "\n"));
        let lines: String = lines.collect::<Result<_, _>>().context("write the record as JSON")?;
        let record = Record::from_events(events).context("read the record")?;
        let files = Files::of(&record);
        if let Some(out) = &self.out {
            let claimed = play::claim(out, &Claimant { command: "sim", lab: Some(&topology.name), option: "--out" })?;
            play::clear(out)?;
            fs::write(out.join("events.jsonl"), lines).with_context(|| format!("write {}", out.display()))?;
            play::save(&files, out)?;
            claimed.release();
        }
        print(&match self.format {
            Format::Json => report::json(&files.report),
            Format::Text => report::text(&files.report, is_colored()),
        });
        Ok(i32::from(files.report.exit_code()))
    }

    /// Says what of the lab file is not simulated.
    fn warn(&self, topology: &Topology, left_out: usize) {
        let plain = |i: &Impairment| *i == Impairment { delay: i.delay, ..Impairment::default() };
        let more = topology.links.iter().filter(|link| !link.impairments.iter().all(plain)).count();
        if left_out > 0 && !self.quiet {
            let expectations = plural(left_out, "expectation");
            complain(&format!("warning: {expectations} left out: here are neither routers nor clients"));
        }
        if more > 0 && !self.quiet {
            complain(&format!("warning: of the properties of {} only the delay is simulated", plural(more, "link")));
        }
    }

    fn study(&self, nodes: u64, delays: &Option<Delays>) -> Result<Study, Failure> {
        let nodes = nodes as usize;
        let choice = self.proximity.choice();
        if choice == Choice::Ideal && nodes > MOST_IDEAL {
            let why = "everyone is told of everyone, which costs the square of their number";
            return Err(Failure::Usage(anyhow!("--proximity ideal with {nodes} nodes: {why}: at most {MOST_IDEAL}")));
        }
        let settings = sim::settings(self.protocol, choice.proximity());
        let mut options = Options::of(nodes, settings, self.seed.unwrap_or(1));
        self.set(&mut options, delays);
        options.colors = if choice == Choice::Anycast { COLORS } else { 0 };
        let settle = options.stabilize_every * SETTLE_ROUNDS;
        Ok(Study { options, choice, settle, lookups: self.lookups as usize })
    }

    fn set(&self, options: &mut Options, delays: &Option<Delays>) {
        options.lookup = match self.lookup {
            LookupArg::Iterative => LookupMode::Iterative,
            LookupArg::Recursive => LookupMode::Recursive,
        };
        options.network.loss = self.loss;
        if let Some(delays) = delays {
            options.network.delays = delays.clone();
        }
    }
}

/// All but the wall clock's part is the same whenever it is played again.
fn as_json(found: &[(Studied, f64)]) -> String {
    let simulations: Vec<&Studied> = found.iter().map(|(studied, _)| studied).collect();
    let seconds: Vec<f64> = found.iter().map(|(_, seconds)| *seconds).collect();
    let all = json!({ "schema": SCHEMA, "simulated": true, "simulations": simulations, "wall_clock": { "seconds": seconds } });
    format!("{all:#}\n")
}

/// What the protocol's paper says about the length of a path.
fn published(studied: &Studied) -> (&'static str, f64) {
    (studied.protocol.published)(studied.nodes as f64)
}

/// A row for each number of nodes.
fn table(found: &[(Studied, f64)]) -> String {
    let paper = found.first().map_or("", |(studied, _)| published(studied).0);
    let mut text = format!(
        "{:>8}{:>8}{:>11}{:>7}{:>8}{:>8}{:>9}{:>12}{:>12}{:>9}\n",
        "nodes", "hops", paper, "p99", "wrong", "failed", "RDP p50", "p50 ms", "neighbors", "seconds"
    );
    for (studied, seconds) in found {
        let (lookups, (_, paper)) = (&studied.lookups, published(studied));
        let (hops, latency) = (lookups.hops.unwrap_or_default(), lookups.latency_ms.unwrap_or_default());
        let (penalty, neighbors) =
            (lookups.delay_penalty.unwrap_or_default().p50, studied.neighbors.unwrap_or_default().mean);
        let _ = writeln!(
            text,
            "{:>8}{:>8.2}{paper:>11.2}{:>7.0}{:>8}{:>8}{penalty:>9.2}{:>12.1}{neighbors:>12.1}{seconds:>9.1}",
            studied.nodes, hops.mean, hops.p99, lookups.wrong, lookups.failed, latency.p50
        );
    }
    text
}

/// One simulation in words.
fn text(studied: &Studied, seconds: f64) -> String {
    let Studied { joins, lookups, .. } = studied;
    let (join, distance) = (joins.milliseconds.unwrap_or_default(), joins.distance_ms.unwrap_or_default());
    let (hops, latency) = (lookups.hops.unwrap_or_default(), lookups.latency_ms.unwrap_or_default());
    let (direct, penalty) = (lookups.direct_ms.unwrap_or_default(), lookups.delay_penalty.unwrap_or_default());
    let (neighbors, (paper, value)) = (studied.neighbors.unwrap_or_default(), published(studied));
    let mut text = format!("{} · {} nodes · seed {} · simulated\n", studied.protocol.name, studied.nodes, studied.seed);
    let mut line = |what: &str, words: String| {
        let _ = writeln!(text, "  {what:<11} {words}");
    };
    line("members", format!("{} in {}", studied.members, plural(studied.islands, "island")));
    line(
        "joins",
        format!(
            "{} ok, {} failed, p50 {:.1} ms, p99 {:.1} ms; served by {} members, {} at most by one, p50 {:.1} ms away",
            joins.ok, joins.failed, join.p50, join.p99, joins.servers, joins.most_served, distance.p50
        ),
    );
    line("neighbors", format!("{:.1} each on average, {} at most", neighbors.mean, neighbors.max));
    line(
        "lookups",
        format!("{} ok, {} wrong, {} failed of {}", lookups.ok, lookups.wrong, lookups.failed, lookups.sent),
    );
    line("hops", format!("mean {:.2}, p99 {}, at most {} ({paper} is {value:.2})", hops.mean, hops.p99, hops.max));
    line(
        "latency",
        format!(
            "p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms; straight to the owner and back p50 {:.1} ms",
            latency.p50, latency.p90, latency.p99, direct.p50
        ),
    );
    line(
        "RDP",
        format!(
            "p50 {:.2}, p90 {:.2}; of the sums {:.2}",
            penalty.p50,
            penalty.p90,
            lookups.mean_delay_penalty.unwrap_or_default()
        ),
    );
    line(
        "datagrams",
        format!(
            "{} ({:.0} MB), {:.2} a second and member while settling",
            studied.datagrams,
            studied.bytes as f64 / 1e6,
            studied.upkeep
        ),
    );
    line("time", format!("{:.0} s simulated in {seconds:.1} s", studied.virtual_seconds));
    text
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
