//! `anybed sim`: overlays without namespaces, under virtual time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::check::{self, refused};
use super::studied::{self, plural};
use super::{Choices, Ended, Failure, Format, complain, crowd, hunt, is_colored, play, print};
use crate::lab::claim::Claimant;
use crate::lab::{facts, tenants};
use crate::overlay::{Given, LookupMode, Protocol};
use crate::physics::Impairment;
use crate::record::Record;
use crate::report::{self, Files};
use crate::scenario;
use crate::sim::{self, Choice, Crowd, Delays, Hunt, MOST_IDEAL, Options, SETTLE_ROUNDS, Settled, Study};
use crate::topology::{NodeId, NodeKind, Topology};

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
    /// One of the protocol's keys, as a lab file's overlay has it; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "file")]
    keys: Vec<String>,
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
    /// Of an overlay that searches: things of different names, each rarer than the one before
    #[arg(long, value_name = "M", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    items: u32,
    /// Of an overlay that searches: searches for them, in turn
    #[arg(long, value_name = "M", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    searches: u32,
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
    PossibleValuesParser::new(Protocol::all().filter(|protocol| !protocol.layered).map(|protocol| protocol.name))
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
        if !self.protocol.is_keyed() {
            return self.hunts(&delays);
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
            Format::Json => studied::json(&found, SCHEMA),
            Format::Text if found.len() > 1 => studied::table(&found),
            Format::Text => found.iter().map(|(found, seconds)| studied::text(found, *seconds)).collect(),
        });
        Ok(0)
    }

    /// Plays crowds, each with each seed.
    fn crowds(&self, delays: &Option<Delays>) -> Ended {
        let choice = self.proximity.choice();
        if choice == Choice::Ideal {
            return Err(Failure::Usage(anyhow!("--proximity ideal: a crowd is told of nobody")));
        }
        if !self.protocol.is_keyed() {
            let why = "a crowd is watched until everybody has the right neighbors, of which there are none";
            return Err(Failure::Usage(anyhow!("--crowd of {}: {why}", self.protocol.title)));
        }
        let (mut found, mut wall_clock) = (Vec::new(), Vec::new());
        for size in &self.crowd {
            for seed in (self.seed.unwrap_or(1)..).take(self.seeds as usize) {
                let begun = Instant::now();
                let mut crowd = Crowd::of(*size as usize, self.given(choice)?, seed);
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
        let settled = |host: NodeId| {
            let address = plan.addresses.host(host, topology.family.families()[0]);
            let name = topology.node(host).name.clone();
            (host, Settled { name, address, tenants: tenants(&topology, &plan.addresses, host) })
        };
        let members = topology.of_kind(|kind| kind == NodeKind::Member);
        let settled = members.map(settled).filter(|(_, host)| !host.tenants.is_empty()).collect();
        let mut facts = facts::collect(&topology, &scenario, &plan, SIMULATED, file);
        facts.kernel = SIMULATED.to_owned();
        let events = sim::play(&topology, &scenario, facts, settled);
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

    /// Plays an overlay that searches, once for each number of nodes.
    fn hunts(&self, delays: &Option<Delays>) -> Ended {
        let choice = self.proximity.choice();
        if choice == Choice::Ideal {
            return Err(Failure::Usage(anyhow!(
                "--proximity ideal: {} has no neighbors to prefer",
                self.protocol.title
            )));
        }
        let mut found = Vec::new();
        for nodes in &self.nodes {
            let Study { options, choice, settle, .. } = self.study(*nodes, delays)?;
            let (begun, hunt) =
                (Instant::now(), Hunt { options, choice, settle, items: self.items, searches: self.searches });
            let hunted = hunt.run(|done| {
                if !self.quiet {
                    complain(&format!("{:>7.1} s  {done}", begun.elapsed().as_secs_f64()));
                }
            });
            found.push((hunted, begun.elapsed().as_secs_f64()));
        }
        print(&match self.format {
            Format::Json => studied::json(&found, SCHEMA),
            Format::Text => hunt::text(&found),
        });
        Ok(0)
    }

    /// What the nodes are told.
    fn given(&self, choice: Choice) -> Result<Given, Failure> {
        let mut given = sim::settings(self.protocol, choice.proximity());
        for text in &self.keys {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            let key = self.protocol.key(name);
            let value = key
                .and_then(|key| key.what.parse(value))
                .filter(|value| key.is_some_and(|key| (key.wrong)(value).is_none()));
            let Some(value) = value else {
                let known: Vec<&str> = self.protocol.keys.iter().map(|key| key.name).collect();
                let title = self.protocol.title;
                let why = format!("--set {text}: not KEY=VALUE of {title}, whose keys are {}", known.join(", "));
                return Err(Failure::Usage(anyhow!(why)));
            };
            given = given.with(name, value);
        }
        Ok(given)
    }

    fn study(&self, nodes: u64, delays: &Option<Delays>) -> Result<Study, Failure> {
        let nodes = nodes as usize;
        let choice = self.proximity.choice();
        if choice == Choice::Ideal && nodes > MOST_IDEAL {
            let why = "everyone is told of everyone, which costs the square of their number";
            return Err(Failure::Usage(anyhow!("--proximity ideal with {nodes} nodes: {why}: at most {MOST_IDEAL}")));
        }
        let mut options = Options::of(nodes, self.given(choice)?, self.seed.unwrap_or(1));
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
