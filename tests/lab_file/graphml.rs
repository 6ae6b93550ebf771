//! GraphML as the Topology Zoo writes it, and what is wrong with it when it cannot be used.

use std::path::{Path, PathBuf};

use anybed::scenario;
use anybed::topology::{LinkKind, NodeKind, Overrides, graphml};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// What is wrong with a fixture, with its name for its path.
fn problems(name: &str) -> String {
    let text = std::fs::read_to_string(fixture(name)).expect("a fixture of this name");
    graphml::parse(name, "graph", &text, false).expect_err("the file is wrong").render(false)
}

#[test]
fn quirks_are_read() {
    let graph = graphml::read(&fixture("quirks.graphml"), false).unwrap();
    assert_eq!(graph.name, "quirks-co");
    let names: Vec<_> = graph.routers.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["z-rich", "new-york-ny", "new-york-ny-2", "n4", "a-university-of-science-an"]);
    assert_eq!(graph.routers[0].place.unwrap().lat, 47.37);
    assert_eq!(graph.routers[1].place, None);
    assert_eq!(graph.links, [(0, 1), (1, 0), (1, 2), (2, 3), (3, 4)]);
    assert_eq!(graph.warnings.0.len(), 1);
    assert_eq!(graph.warnings.0[0].code, "self-link");

    let whole = graphml::read(&fixture("quirks.graphml"), true).unwrap();
    assert_eq!((whole.routers.len(), whole.links.len()), (6, 6));
}

#[test]
fn an_imported_graph_is_a_lab_file() {
    let graph = graphml::read(&fixture("quirks.graphml"), false).unwrap();
    let text = graphml::to_lab_file(&graph);
    insta::assert_snapshot!(text);
    let (topology, _) = scenario::load_text(Path::new("x.toml"), &text, &Overrides::default()).unwrap();
    assert_eq!(topology.of_kind(|k| k == NodeKind::Router).count(), graph.routers.len());
    let links: Vec<_> = topology.links.iter().map(|l| (l.a.0, l.b.0)).collect();
    assert_eq!(links, graph.links);
}

#[test]
fn a_lab_file_may_name_a_graph() {
    let text = "[[as]]\nname = \"zoo\"\ngraphml = \"quirks.graphml\"\n[[stub]]\nname = \"s\"\nuplinks = [\"z-rich\"]\n";
    let load = |text: &str| scenario::load_text(&fixture("lab.toml"), text, &Overrides::default());
    let (topology, _) = load(text).unwrap();
    assert_eq!(topology.links.iter().filter(|l| matches!(l.kind, LinkKind::Internal { .. })).count(), 5);
    assert_eq!(topology.node(topology.find("z-rich").unwrap()).place.unwrap().lon, 8.54);
    // Its coordinates count like those of a lab file.
    let (distant, _) = load(&text.replace("uplinks", "lat = 41.90\nlon = 12.50\nuplinks")).unwrap();
    let uplink = &distant.links[distant.find_link("s-z-rich").unwrap().0];
    assert!(uplink.emulated && uplink.impairments.iter().all(|i| i.delay.as_millis() == 3), "{uplink:?}");

    let both = text.replace("graphml =", "routers = [\"a\"]\ngraphml =");
    assert!(load(&both).unwrap_err().render(false).contains("graphml-and-routers"));
    let parts = load(&text.replace("quirks", "parts")).unwrap_err();
    let codes: Vec<_> = parts.0.iter().map(|d| (d.code, d.source.path.ends_with("parts.graphml"))).collect();
    assert_eq!(codes, [("graphml", false), ("unknown-name", false), ("disconnected-as", true)]);
    assert!(load(&text.replace("quirks", "none")).unwrap_err().render(false).contains("cannot read"));
}

#[test]
fn every_problem_has_its_line() {
    insta::assert_snapshot!(problems("wrong.graphml"));
}

#[test]
fn parts_are_named() {
    insta::assert_snapshot!(problems("parts.graphml"));
}

#[test]
fn truncated_xml_is_a_diagnostic() {
    insta::assert_snapshot!(problems("truncated.graphml"));
}

#[test]
fn other_xml_is_refused() {
    assert!(
        graphml::parse("x", "x", "<svg/>", false).unwrap_err().render(false).contains("one graph is needed, not 0")
    );
    assert!(graphml::parse("x", "x", "", false).is_err());
    let empty = graphml::parse("x", "x", "<graphml><graph/></graphml>", false).unwrap_err();
    assert_eq!(empty.0[0].code, "empty-graph");
}
