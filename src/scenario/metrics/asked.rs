//! Reads what a metric is about: the names after `of`, `from`, `for` and `to`.

use std::ops::Range;

use super::subject::{Subject, Target};
use crate::overlay::AskKind;
use crate::scenario::words::{ActionError, Word, Words, able, host, overlay, probed, stub};
use crate::topology::diagnose::suggest;
use crate::topology::{AsId, GroupId, NodeId, NodeKind, Overlay, Topology};

/// A metric that has been named, and what is left of its text.
pub(super) struct Asked<'a, 't> {
    pub(super) name: &'static str,
    pub(super) form: &'static str,
    /// The first word of the name.
    pub(super) first: Word<'t>,
    /// Where the name stands.
    pub(super) span: Range<usize>,
    /// The word after `of`.
    pub(super) subject: Option<Word<'t>>,
    pub(super) words: &'a mut Words<'t>,
    pub(super) topology: &'t Topology,
}

impl<'t> Asked<'_, 't> {
    /// The next word, or an error that says what should stand there.
    pub(super) fn expect(&mut self, what: &str) -> Result<Word<'t>, ActionError> {
        self.words.expect(what, self.form)
    }

    /// The word after `of`.
    pub(super) fn required(&self) -> Result<Word<'t>, ActionError> {
        let missing = || self.first.error(format!("`{}` of what?", self.name), format!("write `{}`", self.form));
        self.subject.clone().ok_or_else(missing)
    }

    /// Clients probe a group, or nothing can be said.
    pub(super) fn probing(&self) -> Result<(), ActionError> {
        let help = "give a stub `clients`, and the lab a group";
        self.lab_has(self.topology.probe.is_some(), "no client probes a group in this lab", help)
    }

    /// As [`Self::probing`], of anything.
    pub(super) fn lab_has(&self, has: bool, message: &str, help: &str) -> Result<(), ActionError> {
        let error =
            || ActionError { message: message.to_owned(), span: self.span.clone(), help: Some(help.to_owned()) };
        if has { Ok(()) } else { Err(error()) }
    }

    /// About everything there is.
    pub(super) fn everything(&self, why: &str) -> Result<Subject, ActionError> {
        match &self.subject {
            None => Ok(Subject::default()),
            Some(subject) => Err(subject.error(why, format!("write `{}`", self.form))),
        }
    }

    /// `of OVERLAY`.
    pub(super) fn overlay(&self) -> Result<Subject, ActionError> {
        let word = self.required()?;
        overlay(&word, self.topology)?;
        Ok(of(&word))
    }

    /// `of OVERLAY [from STUB]`.
    pub(super) fn lookups(&mut self) -> Result<Subject, ActionError> {
        let (word, topology) = (self.required()?, self.topology);
        let overlay = &topology.overlays[able(&word, topology, AskKind::Find)?];
        if overlay.lookups_per_second == 0.0 {
            let help = "set its `lookups_per_second`".to_owned();
            return Err(word.error(format!("overlay `{}` sends no lookups", word.text), help));
        }
        self.of_stub(&word, overlay)
    }

    /// `of OVERLAY`, one that searches, or whose keys have no owners and are searched for.
    pub(super) fn searched(&self) -> Result<Subject, ActionError> {
        let word = self.required()?;
        let protocol = self.topology.overlays[overlay(&word, self.topology)?].settings.protocol;
        let stores = protocol.may(AskKind::Get) && !protocol.is_keyed();
        able(&word, self.topology, if stores { AskKind::Get } else { AskKind::Search })?;
        Ok(of(&word))
    }

    /// `of OVERLAY [from STUB]`, one that searches.
    pub(super) fn searches(&mut self) -> Result<Subject, ActionError> {
        let (word, topology) = (self.required()?, self.topology);
        self.of_stub(&word, &topology.overlays[able(&word, topology, AskKind::Search)?])
    }

    /// `[from STUB]`.
    fn of_stub(&mut self, of_overlay: &Word<'t>, overlay: &Overlay) -> Result<Subject, ActionError> {
        let (mut subject, topology) = (of(of_overlay), self.topology);
        if self.words.take("from") {
            let word = self.expect("a stub")?;
            let id = stub(&word, topology)?;
            if !overlay.members.iter().any(|m| topology.node(*m).as_id == id) {
                return Err(word.error(format!("no member of `{}` is in stub `{}`", overlay.name, word.text), None));
            }
            subject.from = Some(word.text.to_owned());
        }
        Ok(subject)
    }

    /// `of CLIENT`.
    pub(super) fn client(&self) -> Result<Subject, ActionError> {
        let word = self.required()?;
        client(&word, self.topology)?;
        Ok(of(&word))
    }

    /// `[of CLIENT]`.
    pub(super) fn any_client(&self) -> Result<Subject, ActionError> {
        if self.subject.is_some() { self.client() } else { Ok(Subject::default()) }
    }

    /// `of CLIENT [for GROUP]`: without one, the only group that is probed.
    pub(super) fn client_and_group(&mut self) -> Result<Subject, ActionError> {
        let subject = self.client()?;
        Ok(Subject { group: self.probed_group()?, ..subject })
    }

    /// `of SITE [for GROUP]`.
    pub(super) fn site_and_group(&mut self) -> Result<Subject, ActionError> {
        let word = self.required()?;
        let group = self.probed_group()?;
        Ok(Subject { of: Some(site(&word, group.as_deref(), self.topology)?), group, ..Subject::default() })
    }

    /// `[for GROUP]`, one that clients probe. `None`: the only one.
    fn probed_group(&mut self) -> Result<Option<String>, ActionError> {
        if !self.words.take("for") {
            return self.only_group(&self.required()?, "for");
        }
        let topology = self.topology;
        let word = self.expect("a group")?;
        let known = || probed(topology).iter().map(|id| topology.groups[id.0].name.as_str());
        if !known().any(|name| name == word.text) {
            return Err(word.error(format!("clients probe no group `{}`", word.text), suggest(word.text, known())));
        }
        Ok(Some(word.text.to_owned()))
    }

    /// `None`, for the only group that clients probe.
    fn only_group(&self, at: &Word<'_>, preposition: &str) -> Result<Option<String>, ActionError> {
        let probed = probed(self.topology);
        if probed.len() == 1 {
            return Ok(None);
        }
        let names: Vec<_> = probed.iter().map(|id| self.topology.groups[id.0].name.as_str()).collect();
        let message = format!("clients probe several groups: {}", names.join(", "));
        Err(at.error(message, format!("say which one: `{preposition} GROUP`")))
    }

    /// `[of GROUP]`: the only one that is probed, unless one is named: of those probed, or of all.
    pub(super) fn one_group(&self, by_probes: bool) -> Result<Subject, ActionError> {
        let Some(word) = &self.subject else {
            return self.only_group(&self.first, "of").map(|of| Subject { of, ..Subject::default() });
        };
        let known = || {
            let all = self.topology.groups.iter().enumerate();
            let meant = all.filter(|(i, _)| !by_probes || probed(self.topology).contains(&GroupId(*i)));
            meant.map(|(_, g)| g.name.as_str())
        };
        if known().any(|name| name == word.text) {
            return Ok(of(word));
        }
        let whose = if by_probes { "clients probe" } else { "there is" };
        Err(word.error(format!("{whose} no group `{}`", word.text), suggest(word.text, known())))
    }

    /// `[of GROUP]`, whose address is meant; without one, that of any.
    pub(super) fn any_group(&self) -> Result<Subject, ActionError> {
        if self.topology.groups.is_empty() {
            return Err(self.first.error(format!("the lab has no group that could have {}", self.name), None));
        }
        let Some(word) = &self.subject else { return Ok(Subject::default()) };
        let known = self.topology.groups.iter().map(|g| g.name.as_str());
        if !known.clone().any(|name| name == word.text) {
            return Err(word.error(format!("there is no group `{}`", word.text), suggest(word.text, known)));
        }
        Ok(of(word))
    }

    /// `of NODE to NODE`.
    pub(super) fn two_nodes(&mut self) -> Result<Subject, ActionError> {
        let subject = self.required()?;
        if !self.words.take("to") {
            return Err(subject.error("the other end is missing", format!("write `{}`", self.form)));
        }
        let other = self.expect("a node")?;
        node(&subject, self.topology)?;
        node(&other, self.topology)?;
        Ok(Subject { to: Some(Target::Node(other.text.to_owned())), ..of(&subject) })
    }

    /// `of NODE to NODE|GROUP`.
    pub(super) fn node_and_target(&mut self) -> Result<Subject, ActionError> {
        let subject = self.required()?;
        let from = node(&subject, self.topology)?;
        if !self.words.take("to") {
            return Err(subject.error("where to?", format!("write `{}`", self.form)));
        }
        let to = target(&self.expect("a node or a group")?, from, self.topology)?;
        Ok(Subject { to: Some(to), ..of(&subject) })
    }

    /// `of NODE`, one with routes of its own.
    pub(super) fn router(&self) -> Result<Subject, ActionError> {
        let word = self.required()?;
        if self.topology.node(node(&word, self.topology)?).kind.is_host() {
            let help = "routers and gateways have; a host sends everything to its gateway".to_owned();
            return Err(word.error(format!("`{}` has no routes of its own", word.text), help));
        }
        Ok(of(&word))
    }
}

fn of(word: &Word<'_>) -> Subject {
    Subject { of: Some(word.text.to_owned()), ..Subject::default() }
}

fn client(word: &Word<'_>, topology: &Topology) -> Result<(), ActionError> {
    let id = host(word, topology)?;
    if topology.node(id).kind != NodeKind::Client {
        let known = topology.of_kind(|k| k == NodeKind::Client).map(|n| topology.node(n).name.as_str());
        return Err(word.error(format!("`{}` is a member, not a client", word.text), suggest(word.text, known)));
    }
    Ok(())
}

fn node(word: &Word<'_>, topology: &Topology) -> Result<NodeId, ActionError> {
    topology.find(word.text).ok_or_else(|| {
        let known = topology.nodes.iter().map(|n| n.name.as_str());
        word.error(format!("there is no node `{}`", word.text), suggest(word.text, known))
    })
}

fn target(word: &Word<'_>, from: NodeId, topology: &Topology) -> Result<Target, ActionError> {
    let name = &topology.node(from).name;
    if let Some(group) = topology.groups.iter().find(|g| g.name == word.text) {
        if group.members.contains(&from) {
            let help = "ask for another node, such as its gateway".to_owned();
            return Err(word.error(format!("`{name}` is a member of `{}`: its packets stay with it", word.text), help));
        }
        return Ok(Target::Group(word.text.to_owned()));
    }
    if topology.find(word.text).is_none() {
        let known =
            topology.nodes.iter().map(|n| n.name.as_str()).chain(topology.groups.iter().map(|g| g.name.as_str()));
        return Err(word.error(format!("there is no node or group `{}`", word.text), suggest(word.text, known)));
    }
    if word.text == name {
        return Err(word.error("from a node to itself", "name two nodes".to_owned()));
    }
    Ok(Target::Node(word.text.to_owned()))
}

/// The name of a host or a stub that is a site of this group, or of the only one that is probed.
pub(in crate::scenario) fn site(
    word: &Word<'_>,
    wanted: Option<&str>,
    topology: &Topology,
) -> Result<String, ActionError> {
    let groups = probed(topology).iter().map(|id| &topology.groups[id.0]);
    let group = groups.into_iter().find(|g| wanted.is_none_or(|name| g.name == name));
    let members = group.map_or_else(Vec::new, |group| topology.answering(group));
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
