//! `[flows]`: what clients keep open to the groups, from its table to the model.

use std::time::Duration;

use toml::Spanned;

use super::check::Builder;
use super::diagnose::Problems;
use super::file::{FlowsEntry, LabFile};
use super::keys::keys;
use super::model::{GroupId, NodeKind};
use super::table::Table;
use super::traffic::{Flows, Transport};

/// Each is a socket at either end.
const MOST: usize = 10_000;

impl FlowsEntry {
    pub(super) fn read(root: &Table<'_>, f: &mut Problems) -> Option<Self> {
        let table = Table::new("[flows]", keys("flows"), root.get("flows")?, f)?;
        let (millisecond, minute) = (Duration::from_millis(1), Duration::from_secs(60));
        let mut time = |key: &str, least: Duration, default: Duration| {
            table.duration(key, least..=minute, f).map_or(default, Spanned::into_inner)
        };
        let every = time("every", millisecond, Duration::from_millis(200));
        let timeout = time("timeout", 10 * millisecond, Duration::from_secs(2));
        Some(Self {
            span: table.span.clone(),
            groups: table.strings("groups", f),
            transports: transports(&table, f),
            per_client: table.integer("per_client", 1..=1000, f).map_or(4, |n| *n.get_ref() as usize),
            every,
            timeout,
        })
    }
}

fn transports(table: &Table<'_>, f: &mut Problems) -> Option<Spanned<Vec<Transport>>> {
    let span = table.get("protocols")?.span();
    let mut found = Vec::new();
    for word in table.strings("protocols", f)? {
        match Transport::ALL.into_iter().find(|transport| transport.name() == word.get_ref()) {
            Some(transport) if found.contains(&transport) => {
                f.error("duplicate-member", word.span(), format!("`{word}` is listed twice")).label("again");
            }
            Some(transport) => found.push(transport),
            None => {
                let problem = f.error("unknown-word", word.span(), format!("`{word}` is no protocol of a flow"));
                problem.label("must be `tcp` or `udp`");
            }
        }
    }
    Some(Spanned::new(span, found))
}

impl Builder<'_> {
    /// Without the table there are no flows.
    pub(super) fn flows(&mut self, file: &LabFile) {
        let Some(entry) = &file.flows else { return };
        let clients = self.topology.of_kind(|k| k == NodeKind::Client).count();
        if clients == 0 {
            let found = self.problems.error("no-clients", entry.span.clone(), "[flows] without a client");
            found.label("nobody opens them").help("give a stub `clients`".to_owned());
        }
        let groups = match &entry.groups {
            Some(names) => self.named_groups(names),
            None => {
                let all = self.topology.groups.iter().enumerate();
                all.filter(|(_, g)| g.is_plain()).map(|(i, _)| GroupId(i)).collect()
            }
        };
        let transports = entry.transports.as_ref().map_or(Transport::ALL.to_vec(), |t| t.get_ref().clone());
        if groups.is_empty() && entry.groups.as_ref().is_none_or(Vec::is_empty) {
            let found = self.problems.error("no-group", entry.span.clone(), "[flows] to no group");
            found.label("nothing to open them to").help("add a [[group]], or name groups in `groups`".to_owned());
        }
        if let Some(empty) = entry.transports.as_ref().filter(|t| t.get_ref().is_empty()) {
            self.problems
                .error("empty-list", empty.span(), "`protocols` of [flows] is empty")
                .label("needs one at least");
        }
        let all = clients * groups.len() * transports.len() * entry.per_client;
        if all > MOST {
            let found =
                self.problems.error("too-many", entry.span.clone(), format!("there are more than {MOST} flows"));
            let per = format!("{} groups, {} protocols, {} of each", groups.len(), transports.len(), entry.per_client);
            found.label(format!("{all}: {clients} clients, {per}")).help("lower `per_client`".to_owned());
        }
        let (per_client, every, timeout) = (entry.per_client, entry.every, entry.timeout);
        self.topology.flows = Some(Flows { groups, transports, per_client, every, timeout });
    }
}
