//! Reads GraphML as the Internet Topology Zoo writes it, and prints it as a lab file.
//!
//! Knight et al., "The Internet Topology Zoo", IEEE JSAC 29(9), 2011.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use roxmltree::{Document, Node, TextPos};

use super::diagnose::{Diagnostics, Problems};
use super::model::Place;
use super::parts::parts;
use super::{LONGEST_NAME, size};

/// The routers and links of one GraphML file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Slug of the graph's label, or of the file's name.
    pub name: String,
    pub routers: Vec<GraphRouter>,
    /// Indices into `routers`; parallel links appear as often as the file has them.
    pub links: Vec<(usize, usize)>,
    /// What was left out.
    pub warnings: Diagnostics,
}

#[derive(Clone, Debug, PartialEq)]
pub struct GraphRouter {
    /// Slug of the label, unique in the graph.
    pub name: String,
    pub label: String,
    pub place: Option<Place>,
}

/// What of a file is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Also nodes with `Internal` 0, neighbors in other networks; else they are left out with their links.
    pub external: bool,
    /// Of a graph in parts, the one with the most routers (of several, the first); else it is refused.
    pub largest_part: bool,
}

/// Reads a GraphML file.
///
/// # Errors
/// The file cannot be read, is no XML, is a graph anybed cannot build, or is not connected.
pub fn read(path: &Path, choice: Choice) -> Result<Graph, Diagnostics> {
    let shown = path.display().to_string();
    let text = size::read(path)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    parse(&shown, &stem, &text, choice)
}

/// Reads GraphML text; `path` is for messages, `stem` names a graph without a label.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &str, stem: &str, text: &str, choice: Choice) -> Result<Graph, Diagnostics> {
    let mut problems = Problems::new(path, text);
    // Before it costs anything: of what is too large by far, the rest does not matter.
    size::allow(text.matches("<node ").count(), &mut problems)?;
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            // The parser places a missing end tag at the file's begin.
            let unclosed = matches!(error, roxmltree::Error::UnclosedRootNode);
            let at = if unclosed { text.trim_end().len() } else { offset(text, error.pos()) };
            problems.error("syntax", at..at, format!("not XML: {error}")).label("here");
            return Err(problems.found);
        }
    };
    let graph = Reader { document: &document, problems: &mut problems, external: choice.external }.graph(stem);
    problems.errors()?;
    let placed = graph.unwrap_or_default();
    let graph = connected(placed, &document, choice.largest_part, &mut problems);
    problems.errors()?;
    Ok(Graph { warnings: problems.found, ..graph })
}

/// The graph, and the XML place of each router.
#[derive(Default)]
struct Placed(Graph, Vec<std::ops::Range<usize>>);

struct Reader<'a, 'f> {
    document: &'a Document<'a>,
    problems: &'f mut Problems,
    external: bool,
}

impl<'a> Reader<'a, '_> {
    fn graph(&mut self, stem: &str) -> Option<Placed> {
        let root = self.document.root_element();
        let graphs: Vec<_> = root.descendants().filter(|n| n.tag_name().name() == "graph").collect();
        let [element] = graphs[..] else {
            let span = graphs.get(1).map_or(head(root), |second| head(*second));
            let message = format!("a GraphML file with one graph is needed, not {}", graphs.len());
            self.problems.error("graphs", span, message).label("here");
            return None;
        };
        for unsupported in element.descendants().filter(|n| matches!(n.tag_name().name(), "hyperedge" | "port")) {
            let tag = unsupported.tag_name().name();
            let found = self.problems.error("unsupported", head(unsupported), format!("`{tag}` is not supported"));
            found.label("a link joins exactly two routers");
        }
        let keys = self.keys();
        let label = data(element, &keys).remove("label").filter(|l| !l.trim().is_empty());
        let mut placed = Placed::default();
        placed.0.name = slug(&label.unwrap_or_else(|| stem.to_owned()), "graph");
        let (by_id, skipped) = self.routers(element, &keys, &mut placed);
        self.links(element, &by_id, &skipped, &mut placed.0);
        if placed.0.routers.is_empty() {
            let found = self.problems.error("empty-graph", head(element), "the graph has no routers");
            found.label(if skipped.is_empty() { "no node in it" } else { "only nodes with Internal 0 in it" });
        }
        Some(placed)
    }

    /// `id` of every declared attribute of nodes and graphs, and its name.
    fn keys(&self) -> BTreeMap<&'a str, &'a str> {
        let root = self.document.root_element();
        let keys = root.children().filter(|n| n.tag_name().name() == "key" && n.attribute("for") != Some("edge"));
        keys.filter_map(|n| Some((n.attribute("id")?, n.attribute("attr.name")?))).collect()
    }

    fn routers(
        &mut self,
        graph: Node<'a, 'a>,
        keys: &BTreeMap<&str, &'a str>,
        placed: &mut Placed,
    ) -> (BTreeMap<&'a str, usize>, BTreeSet<&'a str>) {
        let (mut by_id, mut skipped, mut names) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let mut planar = None;
        for node in graph.children().filter(|n| n.tag_name().name() == "node") {
            let Some(id) = node.attribute("id") else {
                self.problems.error("missing-id", head(node), "a node without `id`").label("needs an id");
                continue;
            };
            if by_id.contains_key(id) || skipped.contains(id) {
                self.problems.error("duplicate-id", head(node), format!("two nodes have the id `{id}`")).label("again");
                continue;
            }
            let mut data = data(node, keys);
            if data.get("hyperedge").is_some_and(|v| v.trim() == "1") {
                let message = format!("node `{id}` stands for a hyperedge, which is not supported");
                self.problems.error("unsupported", head(node), message).label("a link joins exactly two routers");
            }
            if !self.external && data.get("Internal").is_some_and(|v| v.trim() == "0") {
                skipped.insert(id);
                continue;
            }
            let label = data.remove("label").filter(|l| !l.trim().is_empty()).unwrap_or_else(|| format!("n{id}"));
            let place = match self.place(node, &data) {
                Ok(place) => place,
                Err(why) => {
                    planar.get_or_insert((head(node), why));
                    None
                }
            };
            let name = unique(&slug(&label, &format!("n{}", placed.0.routers.len())), &mut names);
            by_id.insert(id, placed.0.routers.len());
            placed.0.routers.push(GraphRouter { name, label, place });
            placed.1.push(head(node));
        }
        // What are no degrees at one node may well look like degrees at others: then none is believed.
        if let Some((span, why)) = planar {
            let found = self.problems.warning("no-places", span, format!("{why} is no coordinate on the earth"));
            found.label("degrees go from -90 to 90, and from -180 to 180").help(
                "no router gets a place, so distances cause no delays: give links a `delay`, or mend the file"
                    .to_owned(),
            );
            placed.0.routers.iter_mut().for_each(|router| router.place = None);
        }
        (by_id, skipped)
    }

    /// Half of the Zoo's graphs have nodes without coordinates; they are routers like the others.
    ///
    /// # Errors
    /// Coordinates of something else, such as a drawing.
    fn place(&mut self, node: Node<'a, 'a>, data: &BTreeMap<&str, String>) -> Result<Option<Place>, String> {
        let mut degrees = |key: &str, limit: f64| {
            let Some(text) = data.get(key).filter(|text| !text.trim().is_empty()) else { return Ok(None) };
            match text.trim().parse::<f64>() {
                Ok(degrees) if degrees.abs() <= limit => Ok(Some(degrees)),
                Ok(_) => Err(format!("{key} `{text}`")),
                Err(_) => {
                    let message = format!("{key} `{text}` is no number");
                    self.problems.warning("no-number", head(node), message).label("this router gets no place");
                    Ok(None)
                }
            }
        };
        let (lat, lon) = (degrees("Latitude", 90.0)?, degrees("Longitude", 180.0)?);
        Ok(lat.zip(lon).map(|(lat, lon)| Place { lat, lon }))
    }

    fn links(
        &mut self,
        graph: Node<'a, 'a>,
        by_id: &BTreeMap<&str, usize>,
        skipped: &BTreeSet<&str>,
        into: &mut Graph,
    ) {
        for edge in graph.children().filter(|n| n.tag_name().name() == "edge") {
            let (Some(source), Some(target)) = (edge.attribute("source"), edge.attribute("target")) else {
                self.problems.error("missing-id", head(edge), "an edge needs `source` and `target`").label("lacks one");
                continue;
            };
            let ends = [source, target];
            if let Some(unknown) = ends.iter().find(|end| !by_id.contains_key(*end) && !skipped.contains(*end)) {
                let message = format!("an edge ends at `{unknown}`, which no node has as its id");
                self.problems.error("unknown-name", head(edge), message).label("unknown end");
                continue;
            }
            let (Some(a), Some(b)) = (by_id.get(ends[0]), by_id.get(ends[1])) else { continue };
            if a == b {
                let message = format!("an edge from `{}` to itself was left out", into.routers[*a].label);
                self.problems.warning("self-link", head(edge), message).label("both ends are the same");
                continue;
            }
            into.links.push((*a, *b));
        }
    }
}

/// The graph if it is whole, or its largest part if that is wanted.
fn connected(placed: Placed, document: &Document<'_>, largest: bool, problems: &mut Problems) -> Graph {
    let Placed(graph, spans) = placed;
    let all: Vec<_> = (0..graph.routers.len()).collect();
    let mut parts = parts(&all, graph.links.iter().copied());
    if parts.len() < 2 {
        return graph;
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    let count = parts.len();
    let span = parts[1].first().map_or(head(document.root_element()), |first| spans[*first].clone());
    let describe = |part: &Vec<usize>| {
        let shown: Vec<_> = part.iter().take(4).map(|i| graph.routers[*i].label.as_str()).collect();
        format!("{{{}{}}}", shown.join(", "), if part.len() > 4 { ", …" } else { "" })
    };
    let names: Vec<_> = parts.iter().map(describe).collect();
    if largest {
        let (kept, all) = (parts[0].len(), graph.routers.len());
        let message = format!("of the {count} parts of the graph only the largest was taken: {kept} of {all} routers");
        problems.warning("left-out-part", span, message).label(format!("left out: {}", names[1..].join(", ")));
        return graph.only(&parts[0]);
    }
    let found = problems.error("disconnected-as", span, format!("the graph falls into {count} parts"));
    found.label(format!("no link joins {}", names.join(" and ")));
    let how = "take the largest part: `anybed import --largest-part`, or graphml_part = \"largest\" in a lab file; or \
               add the missing edges";
    found.help(how.to_owned());
    graph
}

impl Graph {
    /// Some of its routers, and the links among them.
    fn only(&self, kept: &[usize]) -> Self {
        let new: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let links = self.links.iter().filter_map(|(a, b)| Some((*new.get(a)?, *new.get(b)?)));
        let routers = kept.iter().map(|old| self.routers[*old].clone());
        Self { name: self.name.clone(), routers: routers.collect(), links: links.collect(), ..Self::default() }
    }
}

/// The values of an element's own `<data>`, by attribute name.
fn data<'k>(element: Node<'_, '_>, keys: &BTreeMap<&str, &'k str>) -> BTreeMap<&'k str, String> {
    let data = element.children().filter(|n| n.tag_name().name() == "data");
    data.filter_map(|n| Some((*keys.get(n.attribute("key")?)?, n.text().unwrap_or_default().to_owned()))).collect()
}

/// The first line of an element: its whole range would underline the rest of the file.
fn head(node: Node<'_, '_>) -> std::ops::Range<usize> {
    let range = node.range();
    let text = &node.document().input_text()[range.clone()];
    range.start
        ..range.start + text.find(['\n', '>']).map_or(text.len(), |i| i + usize::from(text[i..].starts_with('>')))
}

fn offset(text: &str, pos: TextPos) -> usize {
    let line: usize = text.split_inclusive('\n').take(pos.row as usize - 1).map(str::len).sum();
    let column: usize = text[line..].chars().take(pos.col as usize - 1).map(char::len_utf8).sum();
    (line + column).min(text.len())
}

/// A label as a name: lower case, and a dash for whatever a name cannot have.
fn slug(label: &str, fallback: &str) -> String {
    let mut slug = String::new();
    for c in label.chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => slug.push(c),
            _ if !slug.ends_with('-') && !slug.is_empty() => slug.push('-'),
            _ => {}
        }
    }
    // Room for a suffix.
    slug.truncate(LONGEST_NAME - 6);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { fallback.to_owned() } else { slug.to_owned() }
}

fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|n| format!("{name}-{n}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    let free = names.find(|n| !taken.contains(n)).expect("the numbers do not end");
    taken.insert(free.clone());
    free
}

/// The graph as a lab file with one AS, ready to be extended with stubs.
pub fn to_lab_file(graph: &Graph) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "[lab]\nname = \"{}\"\n\n[[as]]\nname = \"{}\"\nrouters = [", graph.name, graph.name);
    for router in &graph.routers {
        let place = router.place.map(|p| format!(", lat = {:?}, lon = {:?}", p.lat, p.lon)).unwrap_or_default();
        let label: String = router.label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(out, "    {{ name = \"{}\"{place} }}, # {label}", router.name);
    }
    out.push_str("]\nlinks = [\n");
    for (a, b) in &graph.links {
        let (a, b) = (&graph.routers[*a].name, &graph.routers[*b].name);
        let _ = writeln!(out, "    {{ a = \"{a}\", b = \"{b}\" }},");
    }
    out.push_str("]\n");
    out
}
