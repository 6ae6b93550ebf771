//! Stubs of several gateways.

use anybed::plan::Plan;
use anybed::routing::Fleet;
use anybed::topology::{LinkKind, NodeKind};

use super::files::{load, problems};

/// What somebody tries who wants two routers at a site.
const TWO: &str = r#"
[[as]]
name = "t1"
[[as]]
name = "t2"
[[stub]]
name = "site"
routers = ["gw1", "gw2"]
uplinks = ["t1", "t2"]
members = 2
clients = 1
[[stub]]
name = "home"
uplinks = ["t1"]
clients = 1
[[group]]
name = "dns"
members = ["site"]
"#;

fn links(text: &str) -> Vec<String> {
    load(text).0.links.into_iter().map(|link| link.name).collect()
}

#[test]
fn uplinks_and_hosts_take_turns() {
    let (topology, _) = load(TWO);
    let site = topology.find_stub("site").unwrap();
    assert_eq!(topology.ases[site.0].routers.len(), 2);
    let expected =
        ["gw1-gw2", "gw1-t1", "gw2-t2", "gw1-site.n1", "gw2-site.n2", "gw1-site.c1", "home-t1", "home-home.c1"];
    assert_eq!(links(TWO), expected);
    let gateways = topology.of_kind(|kind| kind == NodeKind::Gateway).map(|id| topology.node(id).name.as_str());
    assert_eq!(gateways.collect::<Vec<_>>(), ["gw1", "gw2", "home"]);
    assert_eq!(topology.uplinks(site).len(), 2);
    assert_eq!(topology.links[0].kind, LinkKind::Internal { cost: 10 });
    let named = TWO.replace("\"t1\", \"t2\"", "{ to = \"t1\", from = \"gw2\" }, \"t2\"");
    assert_eq!(links(&named)[1..3], ["gw2-t1", "gw2-t2"]);
    let ring = TWO.replace("[\"gw1\", \"gw2\"]", "[\"gw1\", \"gw2\", \"gw3\"]\nlinks = [\"gw1-gw2\", \"gw2-gw3\"]");
    assert_eq!(links(&ring)[..2], ["gw1-gw2", "gw2-gw3"]);
    assert_eq!(links(&TWO.replace("\"gw2\"]", "\"gw2\", \"site\"]"))[..3], ["gw1-gw2", "gw1-site", "gw2-site"]);
}

/// Who has a host beside it tells the others.
#[test]
fn hosts_are_told_of_inside() {
    let (topology, _) = load(TWO);
    let plan = Plan::new(&topology, &Fleet::meant(&topology, None).unwrap()).unwrap();
    let config = |name: &str| plan.node(topology.find(name).unwrap()).routing().unwrap().config().unwrap().to_owned();
    let gateway = config("gw1");
    for word in
        ["protocol bgp 'ibgp-gw2'", "interface \"to-gw2\"", "interface \"to-n1\" {\n      stub yes;", "'ebgp-t1'"]
    {
        assert!(gateway.contains(word), "{word}:\n{gateway}");
    }
    assert!(!config("home").contains("protocol ospf"), "nobody is there to be told");
}

#[test]
fn mistakes_have_their_caret() {
    let wrong = [
        TWO.replace(
            "\"t1\", \"t2\"",
            "{ to = \"t1\", from = \"gw3\" }, { to = \"t1\", from = \"gw1\" }, { to = \"t1\", from = \"gw1\" }",
        ),
        TWO.replace("\"gw2\"]", "\"gw2\", \"gw3\"]\nlinks = [\"gw1-gw2\"]"),
        TWO.replace("\"gw2\"]", "\"t2\"]"),
    ];
    insta::assert_snapshot!(wrong.map(|text| problems(&text)).join("\n---\n"));
}

/// Both announce what the border does, and one alone can be told to stop.
#[test]
fn what_the_gateways_of_an_uplink_cannot_do_is_refused() {
    let wrong = TWO.replace("\"t1\", \"t2\"]", "\"t1\", { to = \"t2\", mrai = \"5s\" }]");
    let found = problems(&wrong);
    assert!(found.contains("BIRD has no `mrai`") && found.contains("`gw1` runs BIRD"), "{found}");
}

#[test]
fn the_border_has_several_posts() {
    let text = TWO.replace("name = \"dns\"", "name = \"dns\"\nprefix = \"198.51.100.0/24\"\nannounced_by = \"border\"");
    let with = |action: &str| load(&format!("{text}[[timeline]]\nat = \"1s\"\ndo = \"{action}\"\n"));
    let (topology, scenario) = with("withdraw site dns");
    assert_eq!(topology.originations.len(), 2);
    assert_eq!(scenario.timeline.len(), 2, "one for each gateway");
    assert_eq!(with("withdraw gw2 dns").1.timeline.len(), 1);
}
