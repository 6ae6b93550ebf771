//! GraphML as the Topology Zoo writes it, and what is wrong with it when it cannot be used.

use std::path::{Path, PathBuf};

use anybed::scenario;
use anybed::topology::graphml::Choice;
use anybed::topology::{LinkKind, NodeKind, Overrides, graphml};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// What is wrong with a fixture, with its name for its path.
fn problems(name: &str) -> String {
    let text = std::fs::read_to_string(fixture(name)).expect("a fixture of this name");
    graphml::parse(name, "graph", &text, Choice::default()).expect_err("the file is wrong").render(false)
}

#[test]
fn quirks_are_read() {
    let graph = graphml::read(&fixture("quirks.graphml"), Choice::default()).unwrap();
    assert_eq!(graph.name, "quirks-co");
    let names: Vec<_> = graph.routers.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["z-rich", "new-york-ny", "new-york-ny-2", "n4", "a-university-of-science-an"]);
    assert_eq!(graph.routers[0].place.unwrap().lat, 47.37);
    assert_eq!(graph.routers[1].place, None);
    assert_eq!(graph.links, [(0, 1), (1, 0), (1, 2), (2, 3), (3, 4)]);
    assert_eq!(graph.warnings.0.len(), 1);
    assert_eq!(graph.warnings.0[0].code, "self-link");

    let whole = graphml::read(&fixture("quirks.graphml"), Choice { external: true, ..Choice::default() }).unwrap();
    assert_eq!((whole.routers.len(), whole.links.len()), (6, 6));
}

#[test]
fn an_imported_graph_is_a_lab_file() {
    let graph = graphml::read(&fixture("quirks.graphml"), Choice::default()).unwrap();
    let text = graphml::to_lab_file(&graph);
    insta::assert_snapshot!(text);
    let (topology, _) = scenario::read_text(Path::new("x.toml"), &text, &Overrides::default()).unwrap();
    assert_eq!(topology.of_kind(|k| k == NodeKind::Router).count(), graph.routers.len());
    let links: Vec<_> = topology.links.iter().map(|l| (l.a.0, l.b.0)).collect();
    assert_eq!(links, graph.links);
}

#[test]
fn a_lab_file_may_name_a_graph() {
    let text = "[[as]]\nname = \"zoo\"\ngraphml = \"quirks.graphml\"\n[[stub]]\nname = \"s\"\nuplinks = [\"z-rich\"]\n";
    let load = |text: &str| scenario::read_text(&fixture("lab.toml"), text, &Overrides::default());
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
fn the_largest_part_is_taken_where_it_is_asked_for() {
    let choice = Choice { largest_part: true, ..Choice::default() };
    let graph = graphml::read(&fixture("parts.graphml"), choice).unwrap();
    assert_eq!(graph.routers.iter().map(|r| &*r.name).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(graph.links, [(0, 1), (1, 2)]);
    let warning = &graph.warnings.0[0];
    assert_eq!((warning.code, graph.warnings.0.len()), ("left-out-part", 1));
    assert!(warning.message.contains("3 of 4 routers") && warning.label.contains("{d}"), "{warning:?}");
    // The first in the file may be the one to go, and indices with it.
    let graph = parsed(&["a", "b", "c", "d", "e"], &[(0, 1), (2, 4), (4, 3)], choice);
    assert_eq!(graph.routers.iter().map(|r| &*r.name).collect::<Vec<_>>(), ["c", "d", "e"]);
    assert_eq!(graph.links, [(0, 2), (2, 1)]);
    // Of a whole graph nothing is left out.
    assert!(
        graphml::read(&fixture("quirks.graphml"), choice).unwrap().warnings.0.iter().all(|w| w.code == "self-link")
    );

    let text = "[[as]]\nname = \"zoo\"\ngraphml = \"parts.graphml\"\ngraphml_part = \"largest\"\n";
    let load = |text: &str| scenario::read_text(&fixture("lab.toml"), text, &Overrides::default());
    assert_eq!(load(text).unwrap().0.nodes.len(), 3);
    let lonely = load(&text.replace("graphml = \"parts.graphml\"\n", "")).unwrap_err();
    assert_eq!(lonely.0[0].code, "nothing-to-part");
}

/// A graph of nodes with these labels, and the links between them.
fn parsed(labels: &[&str], links: &[(usize, usize)], choice: Choice) -> graphml::Graph {
    let nodes: String =
        labels.iter().enumerate().map(|(i, l)| format!("<node id=\"{i}\"><data key=\"l\">{l}</data></node>")).collect();
    let edges: String = links.iter().map(|(a, b)| format!("<edge source=\"{a}\" target=\"{b}\"/>")).collect();
    let key = "<key attr.name=\"label\" for=\"node\" id=\"l\"/>";
    let text = format!("<graphml>{key}<graph>{nodes}{edges}</graph></graphml>");
    graphml::parse("x", "x", &text, choice).expect("a network")
}

#[test]
fn coordinates_of_a_drawing_are_no_places() {
    let node = |id: usize, lat: &str, lon: &str| {
        format!("<node id=\"{id}\"><data key=\"a\">{lat}</data><data key=\"o\">{lon}</data></node>")
    };
    let parse = |places: [(&str, &str); 2]| {
        let keys =
            "<key attr.name=\"Latitude\" for=\"node\" id=\"a\"/><key attr.name=\"Longitude\" for=\"node\" id=\"o\"/>";
        let nodes = node(0, places[0].0, places[0].1) + &node(1, places[1].0, places[1].1);
        let text = format!("<graphml>{keys}<graph>{nodes}<edge source=\"0\" target=\"1\"/></graph></graphml>");
        graphml::parse("x", "x", &text, Choice::default()).unwrap()
    };
    let placed = |graph: &graphml::Graph| graph.routers.iter().filter(|r| r.place.is_some()).count();
    assert_eq!(placed(&parse([("47.4", "8.5"), ("-90", "180")])), 2);
    // The second node looks as if it were on the earth.
    for (first, said) in [(("512.0", "80.0"), "Latitude `512.0`"), (("12.0", "-999"), "Longitude `-999`")] {
        let graph = parse([first, ("47.4", "8.5")]);
        assert_eq!((placed(&graph), graph.links.len(), graph.warnings.0.len()), (0, 1, 1));
        let shown = graph.warnings.render(false);
        assert!(shown.contains(said) && shown.contains("no router gets a place"), "{shown}");
        assert!(!graphml::to_lab_file(&graph).contains("lat ="));
    }
    // What is no number is one router's matter.
    let graph = parse([("north", "8.5"), ("47.4", "8.5")]);
    assert_eq!((placed(&graph), graph.warnings.0[0].code), (1, "no-number"));
    assert_eq!(placed(&parse([("", ""), ("47.4", "8.5")])), 1);
}

#[test]
fn what_is_far_too_large_is_refused_unread() {
    // Not even XML: nobody looks that far.
    let text = format!("<graphml>{}", "<node id=\"x\"/>".repeat(120_000));
    let began = std::time::Instant::now();
    let refused = graphml::parse("x", "x", &text, Choice::default()).unwrap_err();
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!((refused.0[0].code, refused.0.len()), ("too-large", 1));
    assert!(refused.0[0].message.contains("120000 nodes"), "{refused}");
    // A bound for a busy machine and a program that is not optimized; reading on would take many times as long.
    assert!(seconds < 5.0, "{seconds} s");
}

#[test]
fn truncated_xml_is_a_diagnostic() {
    insta::assert_snapshot!(problems("truncated.graphml"));
}

#[test]
fn other_xml_is_refused() {
    assert!(
        graphml::parse("x", "x", "<svg/>", Choice::default())
            .unwrap_err()
            .render(false)
            .contains("one graph is needed, not 0")
    );
    assert!(graphml::parse("x", "x", "", Choice::default()).is_err());
    let empty = graphml::parse("x", "x", "<graphml><graph/></graphml>", Choice::default()).unwrap_err();
    assert_eq!(empty.0[0].code, "empty-graph");
}
