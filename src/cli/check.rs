//! `anybed check` and `anybed plan`: everything that can be said without touching anything.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::daemons::Daemons;
use super::{Choices, Ended, Failure, Format, complain, print};
use crate::overlay::id::Id;
use crate::plan::Plan as Built;
use crate::program::{Executable, Program};
use crate::routing::{FindError, Fleet, RenderError, registry};
use crate::scenario::{self, Scenario};
use crate::topology::{Diagnostics, Topology};

#[derive(Args, Debug)]
pub(super) struct Check {
    /// Lab files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Have every rendered config read by its routing daemon; so does naming one
    #[arg(long)]
    configs: bool,
    #[command(flatten)]
    daemons: Daemons,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    choices: Choices,
}

#[derive(Args, Debug)]
pub(super) struct Plan {
    /// Lab file
    file: PathBuf,
    /// Print only the BIRD config of this node
    #[arg(long, value_name = "NODE")]
    bird: Option<String>,
    #[command(flatten)]
    choices: Choices,
}

/// Reads and checks a lab file, reporting every problem.
pub(super) fn load(file: &Path, choices: &Choices) -> Result<(Topology, Scenario), Failure> {
    scenario::read_with(file, &choices.overrides()).map_err(|problems| refused(&problems))
}

/// Says what is wrong with a lab file.
pub(super) fn refused(problems: &Diagnostics) -> Failure {
    complain(&problems.render(is_stderr_colored()));
    Failure::Said(2)
}

fn is_stderr_colored() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Plans a checked lab.
pub(super) fn plan(topology: &Topology, choices: &Choices) -> Result<Built, Failure> {
    plan_with(topology, &Fleet::meant(topology, choices.bird_configs.as_deref()).map_err(unusable)?)
}

pub(super) fn plan_with(topology: &Topology, fleet: &Fleet) -> Result<Built, Failure> {
    Built::new(topology, fleet).map_err(unusable)
}

/// The routing daemons of a lab that are on this machine.
pub(super) fn fleet(topology: &Topology, daemons: &Daemons, choices: &Choices) -> Result<Fleet, Failure> {
    let missing = |error: FindError| Failure::Machine(error.into());
    Fleet::found(topology, &daemons.places(), choices.bird_configs.as_deref()).map_err(missing)?.map_err(unusable)
}

/// Templates are the user's.
fn unusable(error: RenderError) -> Failure {
    Failure::Usage(error.into())
}

impl Check {
    pub(super) fn execute(self) -> Ended {
        let mut problems = Vec::new();
        let mut refused = false;
        for file in &self.files {
            match scenario::read_with(file, &self.choices.overrides()) {
                Err(Diagnostics(found)) => problems.extend(found),
                Ok((topology, _)) => {
                    let wanted = self.configs || self.daemons.are_named();
                    let fleet = wanted.then(|| fleet(&topology, &self.daemons, &self.choices)).transpose()?;
                    let plan = match &fleet {
                        Some(fleet) => plan_with(&topology, fleet)?,
                        None => plan(&topology, &self.choices)?,
                    };
                    let configs = plan.nodes.iter().filter(|n| n.routing().is_some()).count();
                    if let Some(fleet) = &fleet {
                        refused |= !check_configs(&topology, fleet, &plan)?;
                    }
                    if self.format == Format::Text {
                        let checked = match &fleet {
                            Some(fleet) => format!(", {configs} {} configs", fleet.title()),
                            None => String::new(),
                        };
                        let (nodes, links) = (plan.nodes.len(), plan.links.len());
                        print(&format!("{}: {nodes} nodes, {links} links{checked}\n", file.display()));
                    }
                }
            }
        }
        let problems = Diagnostics(problems);
        match self.format {
            Format::Json => {
                let text = serde_json::to_string_pretty(&problems.json()).context("write problems as JSON")?;
                print(&format!("{text}\n"));
            }
            Format::Text if !problems.0.is_empty() => complain(&problems.render(is_stderr_colored())),
            Format::Text => {}
        }
        Ok(if problems.0.is_empty() && !refused { 0 } else { 2 })
    }
}

/// False: the daemon refused one, and its words have been said.
fn check_configs(topology: &Topology, fleet: &Fleet, plan: &Built) -> Result<bool, Failure> {
    let directory = std::env::temp_dir().join(format!("anybed-check-{}", std::process::id()));
    std::fs::create_dir(&directory).with_context(|| format!("create {}", directory.display()))?;
    let checked = check_configs_in(&directory, topology, fleet, plan);
    std::fs::remove_dir_all(&directory).with_context(|| format!("remove {}", directory.display()))?;
    checked
}

fn check_configs_in(directory: &Path, topology: &Topology, fleet: &Fleet, plan: &Built) -> Result<bool, Failure> {
    let mut fine = true;
    for node in &plan.nodes {
        let Some(installed) = fleet.installed(topology.node(node.id)) else { continue };
        for program in node.programs.iter().filter(|program| program.executable == Executable::Daemon) {
            let Some(config) = program.config() else { continue };
            let path = directory.join(format!("{}.conf", node.name));
            std::fs::write(&path, config).with_context(|| format!("write {}", path.display()))?;
            if let Err(words) = installed.daemon.check(&installed.path, program.process, &path)? {
                let shown = words.replace(&format!("{}/", directory.display()), "");
                let (title, version) = (installed.daemon.title(), &installed.version);
                complain(&format!("error: {title} {version} refuses the config of {}: {shown}", node.name));
                fine = false;
            }
        }
    }
    Ok(fine)
}

impl Plan {
    pub(super) fn execute(self) -> Ended {
        let (topology, scenario) = load(&self.file, &self.choices)?;
        let plan = plan(&topology, &self.choices)?;
        match &self.bird {
            None => print(&show(&topology, &scenario, &plan)),
            Some(name) => {
                let node = plan.nodes.iter().find(|n| n.name == *name);
                let node = node.ok_or_else(|| Failure::Usage(anyhow!("{} has no node {name}", self.file.display())))?;
                let programs = node.programs.iter().filter(|program| program.executable == Executable::Daemon);
                let configs: Vec<&str> = programs.filter_map(Program::config).collect();
                if configs.is_empty() {
                    let title = registry::preferred().title();
                    return Err(Failure::Usage(anyhow!("{name} is a client: it runs no {title}")));
                }
                print(&configs.join("\n"));
            }
        }
        Ok(0)
    }
}

/// The whole plan: network, overlay ids and colors, timeline.
pub(super) fn show(topology: &Topology, scenario: &Scenario, plan: &Built) -> String {
    let mut text = format!("lab {} seed {}\n{plan}", topology.name, topology.seed);
    for group in &topology.groups {
        for address in &group.addresses {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "group {} {address}", group.name);
        }
    }
    for overlay in &topology.overlays {
        for (index, member) in overlay.members.iter().enumerate() {
            let host = &topology.node(*member).name;
            let color = overlay.colors.get(index).map(|c| format!(" color {c}")).unwrap_or_default();
            let id = Id::of_node(topology.seed, &overlay.name, host);
            let _ = writeln!(text, "member {} {host} {id}{color}", overlay.name);
        }
    }
    for entry in &scenario.timeline {
        let _ = writeln!(text, "at {:.3} {}", entry.at.as_secs_f64(), entry.action.display(topology));
    }
    text
}
