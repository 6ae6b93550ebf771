//! `anybed import` and `anybed generate`: lab files from elsewhere.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, Subcommand};

use super::{Ended, Failure, complain, is_colored, print};
use crate::topology::generate::{Edge, Shape};
use crate::topology::{Diagnostics, as_rel, generate, graphml};

#[derive(Args, Debug)]
pub(super) struct Import {
    /// GraphML file of the Internet Topology Zoo, or CAIDA's AS relationships (as-rel or as-rel2, plain or bz2)
    file: PathBuf,
    /// GraphML: keep nodes marked as external to the network
    #[arg(long)]
    include_external: bool,
    /// GraphML: of a network in parts, take the largest one, and say what was left out
    #[arg(long)]
    largest_part: bool,
    /// AS relationships: keep so many ASes, of all tiers
    #[arg(long, value_name = "N", default_value_t = 100)]
    ases: usize,
    /// AS relationships: ASes with a site; all of their providers are kept [default: four at the edge, drawn]
    #[arg(long, value_name = "ASN,…", value_delimiter = ',')]
    sites: Vec<u32>,
    /// AS relationships: so many ASes at the edge, drawn, have a client
    #[arg(long, value_name = "N", default_value_t = 8)]
    clients: usize,
    /// AS relationships: what is drawn follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args, Debug)]
pub(super) struct Generate {
    #[command(subcommand)]
    shape: Network,
}

#[derive(Debug, Subcommand)]
enum Network {
    /// A tree of providers and customers
    Tree {
        /// Customers per provider
        #[arg(long, default_value_t = 3)]
        branching: usize,
        #[command(flatten)]
        common: Common,
    },
    /// A tree with random further links
    Random {
        /// Links between routers
        #[arg(long)]
        links: usize,
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        drawn: Drawn,
    },
    /// Every router a customer of all before it
    Clique {
        #[command(flatten)]
        common: Common,
    },
    /// Routers in a plane, of which near ones are linked more often (Waxman 1988)
    Waxman {
        /// How far links reach, as a share of the plane: more than 0, up to 1
        #[arg(long, default_value_t = 0.15)]
        alpha: f64,
        /// How many there are: more than 0, up to 1
        #[arg(long, default_value_t = 0.4)]
        beta: f64,
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        drawn: Drawn,
    },
    /// A network that has grown: who has many links gets more (Barabási and Albert 1999)
    BarabasiAlbert {
        /// Links of each newcomer
        #[arg(long, default_value_t = 2)]
        links: usize,
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        drawn: Drawn,
    },
    /// Tiers as the Internet's: peers at the top, transit with peering among itself, an edge of customers
    Internet {
        /// Exchanges, at which peers meet instead of each with each [default: none]
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        exchanges: usize,
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        drawn: Drawn,
    },
}

#[derive(Args, Debug)]
struct Common {
    /// Routers, each its own AS
    #[arg(long)]
    nodes: usize,
    /// Stubs with one site each of the anycast group
    #[arg(long, default_value_t = 4)]
    stubs: usize,
    /// Delay of every link but those to hosts, one way, such as 5ms
    #[arg(long)]
    delay: Option<String>,
    /// Print the relations as CAIDA writes them (as-rel), not a lab file: no stubs, no delays
    #[arg(long, conflicts_with_all = ["stubs", "delay"])]
    as_rel: bool,
}

#[derive(Args, Debug)]
struct Drawn {
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Import {
    pub(super) fn execute(self) -> Ended {
        if as_rel::is_one(&self.file) {
            return self.relations();
        }
        let choice = graphml::Choice { external: self.include_external, largest_part: self.largest_part };
        let graph = graphml::read(&self.file, choice).map_err(refused)?;
        warn(&graph.warnings);
        print(&graphml::to_lab_file(&graph));
        Ok(0)
    }

    fn relations(self) -> Ended {
        let whole = as_rel::read(&self.file).map_err(refused)?;
        warn(&whole.warnings);
        let Self { ases, sites, clients, seed, .. } = self;
        let choice = as_rel::Choice { ases, sites, random_sites: 4, clients, seed };
        let reduced = as_rel::reduce(&whole, &choice);
        let reduced = reduced.map_err(|why| Failure::Usage(anyhow!("{}: {why}", self.file.display())))?;
        if reduced.unusable > 0 {
            let count = reduced.unusable;
            complain(&format!("warning: {count} ASes with private or reserved numbers were left out"));
        }
        for (provider, customer) in &reduced.circles {
            complain(&format!("warning: AS{customer} as a customer of AS{provider} closes a circle: left out"));
        }
        let name = format!("as-rel-{}", reduced.ases.len());
        print(&as_rel::to_lab_file(&name, &reduced, seed));
        Ok(0)
    }
}

fn refused(problems: Diagnostics) -> Failure {
    complain(&problems.render(is_colored()));
    Failure::Said(2)
}

fn warn(warnings: &Diagnostics) {
    if !warnings.is_empty() {
        complain(&warnings.render(is_colored()));
    }
}

impl Generate {
    pub(super) fn execute(self) -> Ended {
        let (shape, common) = self.shape.drawn();
        let wrong = |error| Failure::Usage(anyhow!("{error}"));
        let shape = shape.map_err(wrong)?;
        let Common { stubs, delay, as_rel, .. } = common;
        print(&if as_rel { shape.as_rel() } else { shape.lab_file(&Edge { stubs, delay }).map_err(wrong)? });
        Ok(0)
    }
}

impl Network {
    fn drawn(self) -> (Result<Shape, generate::GenerateError>, Common) {
        match self {
            Self::Tree { branching, common } => (generate::tree(common.nodes, branching), common),
            Self::Random { links, common, drawn } => (generate::random(common.nodes, links, drawn.seed), common),
            Self::Clique { common } => (generate::clique(common.nodes), common),
            Self::Waxman { alpha, beta, common, drawn } => {
                (generate::waxman(common.nodes, alpha, beta, drawn.seed), common)
            }
            Self::BarabasiAlbert { links, common, drawn } => {
                (generate::barabasi_albert(common.nodes, links, drawn.seed), common)
            }
            Self::Internet { exchanges, common, drawn } => {
                (generate::internet(common.nodes, exchanges, drawn.seed), common)
            }
        }
    }
}
