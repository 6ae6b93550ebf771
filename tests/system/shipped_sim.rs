//! Lab files that come with the program, without namespaces: they pass, and do not once what they show is turned off.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Place, project};

fn text(file: &str) -> String {
    std::fs::read_to_string(project(&format!("topologies/{file}.toml"))).unwrap()
}

/// The expectations that do not hold when it is simulated.
fn failing(place: &Place, text: &str) -> BTreeSet<String> {
    place.write("lab.toml", text);
    let done = place.run("sim lab.toml --format json --quiet");
    let report: Value = done.json();
    let expectations = report["expectations"].as_array().unwrap();
    let failing: BTreeSet<String> = expectations
        .iter()
        .filter(|expectation| expectation["verdict"] != "pass")
        .map(|expectation| expectation["name"].as_str().unwrap().to_owned())
        .collect();
    done.expect_code(i32::from(!failing.is_empty()));
    failing
}

#[test]
fn a_search_finds_what_other_overlays_have_by_gateways_alone() {
    let place = Place::new("sim-gateways");
    let right = text("gateway-search");
    assert_eq!(failing(&place, &right), BTreeSet::new());
    // Files are two overlays away.
    let near = right.replace("gateways = [\"books\"]\n", "gateways = [\"books\"]\ngateway_hops = 1\n");
    let elsewhere = ["by those in none of them as well", "what is shared in one overlay is found from another"];
    assert_eq!(failing(&place, &near), elsewhere.map(str::to_owned).into());
    place.write("lab.toml", &right.replace("gateways = [\"books\"]\ngateway_cache = \"5s\"\n", ""));
    place.run("sim lab.toml").expect_code(2).expect_stderr(&[
        "nothing is searched for in `music`: Chord stores under keys",
        "put COUNT in music",
        "do = \"search 12 of files in music\"",
    ]);
}

/// The first four of the sixteen, of all three protocols, with everything that the file says of them.
fn four_of_sixteen() -> String {
    let right = text("sixteen-overlays");
    let others: Vec<String> =
        (5..=16).flat_map(|n| [format!(" o{n}\""), format!("\"o{n}\""), format!("\"o{n}: ")]).collect();
    let is_of_others = |line: &str| others.iter().any(|other| line.contains(other));
    let tables =
        right.split("\n[[").filter(|table| !table.lines().any(|line| line.starts_with("name") && is_of_others(line)));
    let kept = tables.collect::<Vec<_>>().join("\n[[");
    kept.lines().filter(|line| !is_of_others(line)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn overlays_of_the_same_hosts_are_one_island_each_by_healing_alone() {
    let place = Place::new("sim-sixteen");
    let right = four_of_sixteen();
    assert_eq!(failing(&place, &right), BTreeSet::new());
    let parted = right.replace("healing = \"colors\"\nheal_every = \"3s\"", "healing = \"none\"");
    let of_each = (1..=4).map(|n| format!("o{n}: one when it is back")).collect();
    assert_eq!(failing(&place, &parted), of_each);
}

#[test]
fn ordinary_nodes_hang_on_the_nearest_supernode_and_on_another_when_it_is_gone() {
    let place = Place::new("sim-supernodes");
    let right = text("supernodes");
    assert_eq!(failing(&place, &right), BTreeSet::new());
    let all_fail = |text: &str, names: &[&str]| {
        let failing = failing(&place, text);
        for name in names {
            assert!(failing.contains(*name), "{name}: not among {failing:?}");
        }
    };
    // Nobody looks for a nearer one.
    let far = right.replace("refresh = \"2s\"", "refresh = \"1h\"");
    all_fail(&far, &["two islands", "and miss nothing of what they have"]);
    // There is only one.
    let alone = right.replace("children = 8", "children = 100");
    all_fail(&alone, &["the lakes hang on their own supernode and search on", "whose children are taken up"]);
    // Nobody notices that it is gone.
    let slow = right.replace("children = 8", "children = 8\nstabilize_every = \"20s\"");
    all_fail(&slow, &["whose children are taken up", "and everything that is still there is found"]);
}

/// Two stubs with a server and five members each; what is shared or put is found.
fn found_through(kind: &str, protocol: &str) -> String {
    let (ask, expected) = match protocol {
        "freenet" => (["put 10 in clips", "audit clips"], "found keys of clips >= 10"),
        _ => (["share 10 in clips", "search 30 in clips"], "search success of clips >= 95%"),
    };
    let mut text = "[lab]\nname = \"found\"\nduration = \"60s\"\n".to_owned();
    text += "[[as]]\nname = \"net\"\nrouters = [\"north\", \"west\"]\n";
    text += "links = [{ a = \"north\", b = \"west\", delay = \"10ms\" }]\n";
    for (stub, router, lon) in [("campus", "north", -105.27), ("lakes", "west", -87.62)] {
        text += &format!("[[stub]]\nname = \"{stub}\"\nuplinks = [\"{router}\"]\nlat = 41.0\nlon = {lon}\n");
        text += "members = [\"n1\", \"n2\", \"n3\", \"n4\", \"n5\", \"s\"]\n";
    }
    text += &format!("[[infrastructure]]\nname = \"way\"\nkind = \"{kind}\"\nhosts = [\"campus.s\", \"lakes.s\"]\n");
    let members: Vec<String> =
        ["campus", "lakes"].iter().flat_map(|stub| (1..=5).map(move |n| format!("\"{stub}.n{n}\""))).collect();
    let members = members.join(", ");
    text +=
        &format!("[[overlay]]\nname = \"clips\"\nprotocol = \"{protocol}\"\nvia = \"way\"\nmembers = [{members}]\n");
    text += "[[timeline]]\nat = \"5s\"\ndo = \"join clips\"\nover = \"10s\"\n";
    for (at, action) in ["40s", "45s"].iter().zip(ask) {
        text += &format!("[[timeline]]\nat = \"{at}\"\ndo = \"{action}\"\n");
    }
    text += "[[expect]]\nthat = \"joins of clips == 10\"\n[[expect]]\nthat = \"islands of clips == 1\"\nat = \"58s\"\n";
    text + &format!("[[expect]]\nthat = \"{expected}\"\n")
}

#[test]
fn overlays_without_owners_are_found_through_every_infrastructure() {
    let place = Place::new("sim-infrastructures");
    // All nine have been seen; in KaZaA others announce than join, so that one is played through each.
    let pairs = [("gnutella", "i3"), ("freenet", "oasis"), ("kazaa", "pias"), ("kazaa", "i3"), ("kazaa", "oasis")];
    for (protocol, kind) in pairs {
        assert_eq!(failing(&place, &found_through(kind, protocol)), BTreeSet::new(), "{protocol} through {kind}");
    }
}
