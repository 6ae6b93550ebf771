//! Which routing daemon each part of a lab is to run: whether there is such a one, and whether it can do what is asked
//! of it.

use std::ops::Range;

use toml::Spanned;

use crate::routing::daemon::{Daemon, Feature};
use crate::routing::registry::{self, DAEMONS};
use crate::topology::diagnose::{Problems, nearest};
use crate::topology::file::LabFile;
use crate::topology::{Excess, LinkKind, NodeId, NodeKind, Origination, Rov, Topology};

/// Reports what is asked for and is no daemon.
pub(super) fn check(file: &LabFile, problems: &mut Problems) {
    let words = registry::words();
    for given in asked_for(file) {
        let word = given.get_ref().as_str();
        if !words.contains(&word) {
            let found = problems.error("unknown-word", given.span(), format!("`{word}` is no value of `daemon`"));
            found.label(format!("must be `{}`", words.join("` or `"))).help(nearest(word, &words));
        }
    }
    check_route_servers(file, problems);
}

/// An exchange's is a route server.
fn check_route_servers(file: &LabFile, problems: &mut Problems) {
    let serves = |row: &&dyn Daemon| row.has(Feature::RouteServer);
    for word in file.exchanges.iter().filter_map(|exchange| exchange.daemon.as_ref()) {
        let mut rows = registry::rows(word.get_ref()).peekable();
        if rows.peek().is_some() && !rows.any(|row| serves(&row)) {
            let others = DAEMONS.iter().copied().filter(serves);
            let others: Vec<String> = others.map(|row| format!("`{}`", row.name())).collect();
            let found = problems.error("daemon-cannot", word.span(), format!("`{word}` is no route server here"));
            found.label("an exchange has one").help(format!("{} can be one", others.join(" or ")));
        }
    }
}

fn asked_for(file: &LabFile) -> impl Iterator<Item = &Spanned<String>> {
    let routers = file.ases.iter().flat_map(|own| own.routers.iter().flatten().map(|router| &router.daemon));
    let ases = file.ases.iter().map(|own| &own.daemon).chain(file.stubs.iter().map(|stub| &stub.daemon));
    let exchanges = file.exchanges.iter().map(|exchange| &exchange.daemon);
    std::iter::once(&file.daemon).chain(ases).chain(exchanges).chain(routers).flatten()
}

/// Who can do it, and what does the same elsewhere.
pub(super) fn elsewhere(feature: Feature) -> String {
    let others = DAEMONS.iter().filter(|row| row.has(feature));
    let others: Vec<String> = others.map(|row| format!("`daemon = \"{}\"`", row.name())).collect();
    let instead = match feature {
        Feature::Weight => "; `local_pref` does as much with any, for all routers of the AS",
        _ => "",
    };
    format!("{} has it{instead}", others.join(" or "))
}

/// Reports what is asked of a daemon that cannot do it.
pub(super) fn check_features(file: &LabFile, topology: &Topology, problems: &mut Problems) {
    let mut lacking = |feature, key: &str, span: Range<usize>, nodes: &[NodeId]| {
        let lacks = |id: &&NodeId| !registry::meant(topology.node(**id)).has(feature);
        let Some(node) = nodes.iter().find(lacks).map(|id| topology.node(*id)) else { return };
        let (title, name) = (registry::meant(node).title(), &node.name);
        let found = problems.error("daemon-cannot", span, format!("{title} has no `{key}`"));
        found.label(format!("`{name}` runs {title}")).help(elsewhere(feature));
    };
    let waits = |mrai: &&Spanned<u16>| *mrai.get_ref() > 0;
    if let Some(mrai) = file.mrai.as_ref().filter(waits) {
        let between = topology.links.iter().filter(|link| matches!(link.kind, LinkKind::External(_)));
        let ends: Vec<NodeId> = between.flat_map(|link| [link.a, link.b]).collect();
        lacking(Feature::Mrai, "mrai", mrai.span(), &ends);
    }
    let links = file.links.iter().map(|link| (&link.options, [&link.a, &link.b]));
    let uplinks = file.stubs.iter().flat_map(|stub| stub.uplinks.iter().map(move |up| (stub, up)));
    let uplinks = uplinks.map(|(stub, up)| (&up.options, [&stub.name, &up.to]));
    let ports = file.exchanges.iter().flat_map(|exchange| exchange.ports());
    for (options, ends) in links.chain(uplinks).chain(ports) {
        let named = |name: &Spanned<String>| {
            let one = topology.find(name.get_ref()).map(|id| vec![id]);
            one.unwrap_or_else(|| topology.routers_of(name.get_ref()))
        };
        let ends: Vec<NodeId> = ends.into_iter().flat_map(named).collect();
        if let Some(mrai) = options.mrai.as_ref().filter(waits) {
            lacking(Feature::Mrai, "mrai", mrai.span(), &ends);
        }
        if options.session.guards.max_prefix.is_some_and(|most| most.action == Excess::Block) {
            // A stub takes all that its providers have.
            let takes = |id: &NodeId| topology.node(*id).kind == NodeKind::Router;
            let ends: Vec<NodeId> = ends.into_iter().filter(takes).collect();
            lacking(Feature::Blocking, "max_prefix_action = \"block\"", options.span.clone(), &ends);
        }
    }
    for stub in &file.stubs {
        let own: Vec<NodeId> =
            topology.find_stub(stub.name.get_ref()).map(|id| topology.ases[id.0].routers.clone()).unwrap_or_default();
        for weight in stub.uplinks.iter().filter_map(|up| up.policy.weight.as_ref()) {
            lacking(Feature::Weight, "weight", weight.span(), &own);
        }
    }
    for entry in &file.policies {
        if let Some(weight) = &entry.options.weight {
            let own: Vec<NodeId> = entry.of.iter().flat_map(|name| topology.routers_of(name.get_ref())).collect();
            lacking(Feature::Weight, "weight", weight.span(), &own);
        }
    }
    for (own, entry) in topology.ases.iter().zip(&file.ases) {
        if let Some(damping) = &entry.damping {
            lacking(Feature::Damping, "damping", damping.span(), &own.routers);
        }
    }
    for entry in &file.groups {
        let is_it = |it: &&Origination| topology.groups[it.group.0].name == *entry.name.get_ref();
        let gateways: Vec<NodeId> = topology.originations.iter().filter(is_it).map(|it| it.at).collect();
        let span = entry.by_border.clone().unwrap_or_else(|| entry.name.span());
        lacking(Feature::Origination, "announced_by = \"border\"", span, &gateways);
    }
    if file.rtr.is_none() {
        static_roas(file, topology, problems);
    }
}

/// Reports who is to look at ROAs and can have them from a server only.
fn static_roas(file: &LabFile, topology: &Topology, problems: &mut Problems) {
    let given = file.ases.iter().map(|own| &own.conduct.rov).chain(file.stubs.iter().map(|stub| &stub.conduct.rov));
    for (own, rov) in topology.ases.iter().zip(given).filter(|(own, _)| own.rov != Rov::Off) {
        let lacks = |id: &&NodeId| !registry::meant(topology.node(**id)).has(Feature::StaticValidation);
        let Some(node) = own.routers.iter().find(lacks).map(|id| topology.node(*id)) else { continue };
        let title = registry::meant(node).title();
        let span = rov.as_ref().map(Spanned::span).unwrap_or_default();
        let found = problems.error("daemon-cannot", span, format!("{title} has no ROAs in its config"));
        found.label(format!("`{}` runs {title}, which has them from an RTR server only", node.name)).help(
            "add [rtr] with at = \"HOST\": a server in the lab tells its routers which ROAs there are".to_owned(),
        );
    }
}
