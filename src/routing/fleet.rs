//! Which routing daemon each node of a lab runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::daemon::{Daemon, FindError, Installed, Places, RenderError, Renderer};
use super::{registry, rtr};
use crate::program::{Executable, Process, Program};
use crate::topology::{Node, NodeId, Topology};

/// The daemons of a lab, by the words of its file.
#[derive(Debug)]
pub struct Fleet {
    kinds: Vec<Kind>,
    /// Their indices.
    words: BTreeMap<&'static str, usize>,
    /// The RTR server; `None`: none is needed, or none has been looked for.
    rtr: Option<PathBuf>,
}

#[derive(Debug)]
struct Kind {
    daemon: &'static dyn Daemon,
    renderer: Box<dyn Renderer>,
    /// `None`: none has been looked for.
    installed: Option<Installed>,
}

impl Fleet {
    /// The preferred row of each word, none of which has been looked for. Templates in `own` take precedence.
    ///
    /// # Errors
    /// A template that cannot be read or compiled.
    pub fn meant(topology: &Topology, own: Option<&Path>) -> Result<Self, RenderError> {
        Self::of(words(topology).into_iter().map(|word| (word, None)), own)
    }

    /// Those on this machine.
    ///
    /// # Errors
    /// One that is not there, or not supported; the inner `Err` is of [`Fleet::meant`].
    pub fn found(
        topology: &Topology,
        named: &Places,
        own: Option<&Path>,
    ) -> Result<Result<Self, RenderError>, FindError> {
        let found: Result<Vec<_>, _> =
            words(topology).into_iter().map(|word| Ok((word, Some(registry::find(word, named)?)))).collect();
        let found = found?;
        let asks = |id: &NodeId| topology.rtr.is_some() && topology.asks_for_roas(*id);
        for router in topology.of_kind(|kind| kind.is_router()).filter(asks) {
            let word = registry::word(topology.node(router));
            if let Some((_, Some(installed))) = found.iter().find(|(of, _)| *of == word) {
                installed.daemon.can_validate(installed)?;
            }
        }
        let rtr = topology.rtr.as_ref().map(|_| rtr::find()).transpose()?;
        Ok(Self::of(found.into_iter(), own).map(|fleet| Self { rtr, ..fleet }))
    }

    fn of(
        found: impl Iterator<Item = (&'static str, Option<Installed>)>,
        own: Option<&Path>,
    ) -> Result<Self, RenderError> {
        let mut fleet = Self { kinds: Vec::new(), words: BTreeMap::new(), rtr: None };
        for (word, installed) in found {
            let row = registry::rows(word).next().unwrap_or(registry::preferred());
            let daemon = installed.as_ref().map_or(row, |installed| installed.daemon);
            let is_it = |kind: &Kind| match (&kind.installed, &installed) {
                (Some(one), Some(other)) => one.path == other.path,
                _ => kind.daemon.name() == daemon.name(),
            };
            let index = match fleet.kinds.iter().position(is_it) {
                Some(index) => index,
                None => {
                    fleet.kinds.push(Kind { daemon, renderer: daemon.renderer(own, installed.as_ref())?, installed });
                    fleet.kinds.len() - 1
                }
            };
            fleet.words.insert(word, index);
        }
        Ok(fleet)
    }

    fn kind(&self, node: &Node) -> &Kind {
        // Every lab has the words of its own nodes.
        &self.kinds[self.words.get(registry::word(node)).copied().unwrap_or_default()]
    }

    /// The daemon of a node that talks BGP.
    pub fn daemon(&self, node: &Node) -> &'static dyn Daemon {
        self.kind(node).daemon
    }

    /// What renders its configs.
    pub fn renderer(&self, node: &Node) -> &dyn Renderer {
        &*self.kind(node).renderer
    }

    /// Where it is, and its version; `None`: it has not been looked for.
    pub fn installed(&self, node: &Node) -> Option<&Installed> {
        self.kind(node).installed.as_ref()
    }

    /// What is started for a program of `node`.
    pub fn executable(&self, node: &Node, program: &Program) -> PathBuf {
        let of_daemon = |process: Process| {
            let Kind { daemon, installed, .. } = self.kind(node);
            installed.as_ref().map(|installed| daemon.executable(&installed.path, process))
        };
        match program.executable {
            Executable::Daemon => of_daemon(program.process).unwrap_or_default(),
            Executable::Rtr => self.rtr.clone().unwrap_or_default(),
            Executable::Own => PathBuf::from("/proc/self/exe"),
        }
    }

    /// Folders of the whole machine that they write to.
    pub fn scratch(&self) -> Vec<&'static str> {
        self.kinds.iter().flat_map(|kind| kind.daemon.scratch()).copied().collect()
    }

    /// How long one of them may say nothing though it has something to say.
    pub fn hesitates(&self) -> Duration {
        self.kinds.iter().map(|kind| kind.daemon.hesitates()).max().unwrap_or_default()
    }

    /// What they are called: `BIRD`, or `BIRD or FRR`.
    pub fn title(&self) -> String {
        self.titles().join(" or ")
    }

    /// How many nodes run what: `9 BIRDs`, or `7 BIRDs, 2 FRRs`.
    pub fn counted(&self, topology: &Topology) -> String {
        let runs = |node: &Node, title: &str| node.kind.speaks_bgp() && self.daemon(node).title() == title;
        let count = |title: &&str| topology.nodes.iter().filter(|node| runs(node, title)).count();
        let counted: Vec<String> = self.titles().iter().map(|title| format!("{} {title}s", count(title))).collect();
        counted.join(", ")
    }

    fn titles(&self) -> Vec<&'static str> {
        let mut titles = Vec::new();
        for title in self.kinds.iter().map(|kind| kind.daemon.title()) {
            if !titles.contains(&title) {
                titles.push(title);
            }
        }
        titles
    }

    /// Each with the nodes that run it, in file order.
    pub fn crews(&self, topology: &Topology) -> Vec<(&Installed, Vec<NodeId>)> {
        let mut crews = Vec::new();
        for (index, kind) in self.kinds.iter().enumerate() {
            let Some(installed) = &kind.installed else { continue };
            let runs = |id: &NodeId| self.words.get(registry::word(topology.node(*id))) == Some(&index);
            crews.push((installed, topology.of_kind(|kind| kind.speaks_bgp()).filter(runs).collect()));
        }
        crews
    }
}

/// Those of the nodes of a lab, in file order.
fn words(topology: &Topology) -> Vec<&'static str> {
    let mut words = Vec::new();
    for word in topology.of_kind(|kind| kind.speaks_bgp()).map(|id| registry::word(topology.node(id))) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}
