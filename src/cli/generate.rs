//! `anybed import` and `anybed generate`: lab files from elsewhere.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, Subcommand};

use super::{Ended, Failure, complain, print};
use crate::topology::generate::Edge;
use crate::topology::{generate, graphml};

#[derive(Args, Debug)]
pub(super) struct Import {
    /// GraphML file of the Internet Topology Zoo
    file: PathBuf,
    /// Keep nodes marked as external to the network
    #[arg(long)]
    include_external: bool,
    /// Of a network in parts, take the largest one, and say what was left out
    #[arg(long)]
    largest_part: bool,
}

#[derive(Args, Debug)]
pub(super) struct Generate {
    #[command(subcommand)]
    shape: Shape,
}

#[derive(Debug, Subcommand)]
enum Shape {
    /// A tree of providers and customers
    Tree {
        /// Routers, each its own AS
        #[arg(long)]
        nodes: usize,
        /// Customers per provider
        #[arg(long, default_value_t = 3)]
        branching: usize,
        #[command(flatten)]
        edge: EdgeArgs,
    },
    /// A tree with random further links
    Random {
        /// Routers, each its own AS
        #[arg(long)]
        nodes: usize,
        /// Links between routers
        #[arg(long)]
        links: usize,
        #[command(flatten)]
        edge: EdgeArgs,
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

#[derive(Args, Debug)]
struct EdgeArgs {
    /// Stubs with one site each of the anycast group
    #[arg(long, default_value_t = 4)]
    stubs: usize,
    /// Delay of every link but those to hosts, one way, such as 5ms
    #[arg(long)]
    delay: Option<String>,
}

impl From<EdgeArgs> for Edge {
    fn from(EdgeArgs { stubs, delay }: EdgeArgs) -> Self {
        Self { stubs, delay }
    }
}

impl Import {
    pub(super) fn execute(self) -> Ended {
        let choice = graphml::Choice { external: self.include_external, largest_part: self.largest_part };
        match graphml::read(&self.file, choice) {
            Ok(graph) => {
                if !graph.warnings.0.is_empty() {
                    complain(&graph.warnings.render(false));
                }
                print(&graphml::to_lab_file(&graph));
                Ok(0)
            }
            Err(problems) => {
                complain(&problems.render(false));
                Err(Failure::Said(2))
            }
        }
    }
}

impl Generate {
    pub(super) fn execute(self) -> Ended {
        let text = match self.shape {
            Shape::Tree { nodes, branching, edge } => generate::tree(nodes, branching, &edge.into()),
            Shape::Random { nodes, links, edge, seed } => generate::random(nodes, links, &edge.into(), seed),
        };
        print(&text.map_err(|error| Failure::Usage(anyhow!("{error}")))?);
        Ok(0)
    }
}
