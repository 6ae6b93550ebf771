//! A network in the languages of graph drawing programs: Graphviz and Mermaid.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::network::{LinkWord, Network, Node};
use crate::topology::NodeKind;

/// Graphviz: ASes of several nodes are clusters; an arrow leads from a provider to its customer.
pub fn dot(network: &Network) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&network.name));
    text += "  graph [layout=neato, overlap=false, splines=true, fontname=\"sans-serif\"];\n";
    text += "  node [fontname=\"sans-serif\", fontsize=11];\n  edge [color=\"#888888\"];\n";
    for (index, (name, nodes)) in clusters(network).into_iter().enumerate() {
        let several = nodes.len() > 1;
        let indent = if several { "    " } else { "  " };
        if several {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  subgraph cluster_{index} {{\n    label={};", quoted(name));
        }
        for node in nodes {
            let (name, label) = (quoted(&node.name), quoted(node.label()));
            let _ = writeln!(text, "{indent}{name} [label={label}, shape={}{}];", shape(node), position(node));
        }
        if several {
            text += "  }\n";
        }
    }
    for link in &network.links {
        let (a, b) = (quoted(&network.nodes[link.a].name), quoted(&network.nodes[link.b].name));
        let style = match link.kind {
            LinkWord::Customer => "",
            LinkWord::Peer => " [dir=none, style=dashed]",
            LinkWord::Internal => " [dir=none, penwidth=2]",
            LinkWord::Access => " [dir=none]",
        };
        let _ = writeln!(text, "  {a} -> {b}{style};");
    }
    text + "}\n"
}

/// Mermaid, as GitHub and GitLab draw it.
pub fn mermaid(network: &Network) -> String {
    let index: BTreeMap<&str, usize> = network.nodes.iter().enumerate().map(|(i, n)| (n.name.as_str(), i)).collect();
    let mut text = "flowchart TD\n".to_owned();
    for (group, (name, nodes)) in clusters(network).into_iter().enumerate() {
        let several = nodes.len() > 1;
        let indent = if several { "    " } else { "  " };
        if several {
            let _ = writeln!(text, "  subgraph g{group}[\"{}\"]", entities(name));
        }
        for node in nodes {
            let (open, close) = match node.kind {
                NodeKind::Router | NodeKind::Gateway => ("([\"", "\"])"),
                NodeKind::Exchange => ("{{\"", "\"}}"),
                NodeKind::Member => ("[\"", "\"]"),
                NodeKind::Client => ("((\"", "\"))"),
            };
            let _ = writeln!(text, "{indent}n{}{open}{}{close}", index[node.name.as_str()], entities(node.label()));
        }
        if several {
            text += "  end\n";
        }
    }
    for link in &network.links {
        let line = match link.kind {
            LinkWord::Customer => "-->",
            LinkWord::Peer => "-.-",
            LinkWord::Internal => "===",
            LinkWord::Access => "---",
        };
        let _ = writeln!(text, "  n{} {line} n{}", link.a, link.b);
    }
    text
}

/// Nodes by AS, in the lab's order.
fn clusters(network: &Network) -> Vec<(&str, Vec<&Node>)> {
    let mut found: Vec<(&str, Vec<&Node>)> = Vec::new();
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    for node in &network.nodes {
        let at = *index.entry(&node.network).or_insert(found.len());
        if at == found.len() {
            found.push((&node.network, Vec::new()));
        }
        found[at].1.push(node);
    }
    found
}

fn shape(node: &Node) -> &'static str {
    match node.kind {
        NodeKind::Router => "ellipse",
        NodeKind::Gateway => "octagon",
        NodeKind::Exchange => "hexagon",
        NodeKind::Member => "box",
        NodeKind::Client => "circle",
    }
}

/// Inches: two degrees each.
fn position(node: &Node) -> String {
    node.place.map_or_else(String::new, |p| format!(", pos=\"{:.3},{:.3}!\"", p.lon / 2.0, p.lat / 2.0))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Mermaid has no escapes but character entities.
fn entities(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
}
