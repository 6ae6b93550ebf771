//! What a lab file says of its links: physics, distances, sessions, and what their mistakes look like.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anybed::physics::{Queue, Share};
use anybed::plan::Plan;
use anybed::routing::Fleet;
use anybed::scenario;
use anybed::topology::*;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn load(text: &str) -> Result<Topology, Diagnostics> {
    scenario::read_text(Path::new("lab.toml"), text, &Overrides::default()).map(|(topology, _)| topology)
}

fn link<'a>(topology: &'a Topology, name: &str) -> &'a Link {
    let id = topology.find_link(name).unwrap_or_else(|| panic!("no link {name}"));
    &topology.links[id.0]
}

fn shown(topology: &Topology, name: &str) -> (String, String, bool) {
    let link = link(topology, name);
    let [there, back] = link.impairments.map(|i| i.to_string());
    (there, back, link.emulated)
}

fn physics() -> Topology {
    scenario::read(&root("tests/system/labs/physics.toml")).unwrap_or_else(|e| panic!("{e}")).0
}

#[test]
fn one_direction_wins_over_both() {
    let topology = physics();
    let both = |text: &str, emulated| (text.to_owned(), text.to_owned(), emulated);
    assert_eq!(shown(&topology, "sun-bay"), both("", false));
    assert_eq!(
        shown(&topology, "sea-bay"),
        ("delay=5ms jitter=1ms".to_owned(), "delay=7ms jitter=1ms".to_owned(), true)
    );
    assert_eq!(shown(&topology, "bay-nowhere"), both("delay=1ms loss=0.5% reorder=1%", true));
    let [there, back] = link(&topology, "nowhere-far").impairments;
    assert_eq!((there.rate, there.queue, there.duplicate), (Some(10_000_000), Some(Queue::Packets(50)), Share(1000)));
    assert_eq!((back.rate, back.corrupt, back.duplicate), (Some(10_000_000), Share(100), Share(0)));
}

#[test]
fn up_is_away_from_the_host() {
    let topology = physics();
    // `a` is the gateway, here and there.
    let uplink = link(&topology, "west-sun");
    assert_eq!(topology.node(uplink.a).name, "west");
    assert_eq!(uplink.impairments.map(|i| i.rate), [Some(1_000_000), Some(16_000_000)]);
    let access = link(&topology, "west-west.c1");
    assert_eq!(topology.node(access.a).name, "west");
    assert_eq!(access.impairments.map(|i| i.delay), [Duration::ZERO, Duration::from_micros(300)]);
}

#[test]
fn distances_become_delays() {
    let topology = physics();
    // 1138.884 km at two thirds of the speed of light, halved by `distance_factor`.
    let half = Duration::from_micros(2849);
    let sea_sun = link(&topology, "sea-sun");
    assert_eq!((sea_sun.impairments.map(|i| i.delay), sea_sun.emulated), ([half; 2], true));
    // The stub is in Seattle too; what a direction says of its delay wins, the other keeps the distance.
    assert!(!link(&topology, "west-sea").emulated);
    assert_eq!(link(&topology, "west-sun").impairments.map(|i| i.delay), [Duration::from_millis(20), half]);

    let text = std::fs::read_to_string(root("tests/system/labs/physics.toml")).unwrap();
    let without = load(&text.replace("distance_factor = 0.5", "distance_factor = 0")).unwrap();
    assert!(!link(&without, "sea-sun").emulated);
    let whole = load(&text.replace("distance_factor = 0.5", "")).unwrap();
    assert_eq!(link(&whole, "sea-sun").impairments[0].delay, Duration::from_micros(5698));
}

#[test]
fn a_property_makes_a_link_emulated_and_a_session_option_does_not() {
    let lab = |options: &str| {
        let text =
            format!("[[as]]\nname = \"x\"\nrouters = [\"a\", \"b\"]\nlinks = [{{ a = \"a\", b = \"b\"{options} }}]\n");
        link(&load(&text).unwrap_or_else(|e| panic!("{e}")), "a-b").clone()
    };
    assert!(!lab("").emulated);
    assert!(lab(", delay = \"0ms\"").emulated);
    assert!(lab(", ba = { loss = \"0%\" }").emulated);
    let with_bfd = lab(", bfd = \"50ms x3\"");
    assert!(!with_bfd.emulated);
    assert_eq!(with_bfd.session.bfd, Some(Bfd { interval: Duration::from_millis(50), multiplier: 3 }));
}

#[test]
fn shipped_and_generated_labs_are_bare() {
    for file in ["stub-failure", "stub-failure-no-healing", "two-sites"] {
        let (topology, _) = scenario::read(&root(&format!("topologies/{file}.toml"))).unwrap();
        assert!(topology.links.iter().all(|link| !link.emulated), "{file}");
    }
    let generated = generate::random(20, 30, 1).unwrap().lab_file(&generate::Edge { stubs: 10, delay: None });
    let generated = load(&generated.unwrap()).unwrap();
    assert!(generated.links.iter().all(|link| !link.emulated && link.session == SessionOptions::default()));
}

#[test]
fn the_plan_has_the_physics() {
    let topology = physics();
    let plan = Plan::new(&topology, &Fleet::meant(&topology, None).unwrap()).unwrap();
    for (planned, link) in plan.links.iter().zip(&topology.links) {
        assert_eq!((planned.impairments, planned.emulated), (link.impairments, link.emulated));
    }
    let links: Vec<_> = plan.to_string().lines().filter(|l| l.starts_with("link")).map(str::to_owned).collect();
    insta::assert_snapshot!(links.join("\n"));
}

/// A network with one of everything; `$LINK`, `$INNER`, `$UPLINK`, `$ACCESS` are options of its tables.
const WRONG: &str = r#"
[lab]
backend = "fast"
distance_factor = -1

[[as]]
name = "net"
routers = ["a", "b"]
links = [
    { a = "a", b = "b", delay = 5, hold = "9s" },
    { a = "a", b = "b", reorder = "1%", dealy = 5, up = { delay = "1ms" } },
]

[[as]]
name = "far"

[[link]]
a = "b"
b = "far"
relation = "peer"
delay = "12"
jitter = "90s"
loss = "0.5"
rate = "10mb"
queue = "ten"
hold = "2s"
bfd = "50ms"

[[link]]
a = "a"
b = "far"
relation = "peer"
delay = "5ms"
jitter = "6ms"
ab = { loss = "1%", colour = "red" }
hold = "3500ms"
bfd = "5ms x 3"
graceful_restart = "helper"

[[link]]
a = "a"
b = "far"
relation = "peer"
queue = "50p"
ba = { rate = "1mbit" }
timers = "slow"
bfd = "50ms x 256"

[[link]]
a = "a"
b = "far"
relation = "peer"
bfd = "50ms x 3"
graceful_restart = "yes"
ab = "5ms"

[[stub]]
name = "west"
delay = "5ms"
uplinks = [{ to = "a", ab = { delay = "5ms" }, bfd = "fast" }, { delay = "1ms" }, 7]
access = { ba = { loss = "1%" }, up = { jitter = "1ms" }, bfd = "50ms x 3" }
clients = 2
"#;

#[test]
fn mistakes_have_their_caret() {
    let errors = load(WRONG).unwrap_err();
    insta::assert_snapshot!(errors.render(false));
    let json = serde_json::to_value(errors.json()).unwrap();
    assert!(json.as_array().unwrap().iter().all(|d| d["line"].as_u64().is_some_and(|line| line > 1)), "{json}");
}

#[test]
fn a_wrong_default_of_many_links_is_said_once() {
    let text = r#"
[[as]]
name = "r1"
[[stub]]
name = "west"
uplinks = ["r1"]
access = { jitter = "1ms" }
members = 9
"#;
    let errors = load(text).unwrap_err();
    assert_eq!(errors.0.iter().map(|d| d.code).collect::<Vec<_>>(), ["impossible-link"]);
}
