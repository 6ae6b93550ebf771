//! What an infrastructure, or whoever uses one, cannot be.

use std::path::Path;

use anybed::scenario;
use anybed::topology::Overrides;

/// A right one of each kind, and who uses them.
const RIGHT: &str = r#"
[[as]]
name = "net"
[[stub]]
name = "west"
lat = 47.61
lon = -122.33
uplinks = ["net"]
members = ["n1", "n2", "s"]
[[stub]]
name = "nowhere"
uplinks = ["net"]
members = ["n1", "s"]
[[infrastructure]]
name = "proxies"
kind = "pias"
hosts = ["west.s", "nowhere.s"]
heartbeat = "250ms"
health_gate = true
[[infrastructure]]
name = "triggers"
kind = "i3"
hosts = ["west.s", "nowhere.s"]
[[infrastructure]]
name = "directory"
kind = "oasis"
hosts = ["west.s"]
[[service]]
name = "web"
via = "proxies"
members = ["west.n1"]
port = 80
[[overlay]]
name = "music"
protocol = "chord"
via = "triggers"
members = ["west.n1", "west.n2"]
healing = "random-peer"
"#;

fn problems(wrong: &[(&str, &str)]) -> String {
    let read = scenario::read_text(Path::new("lab.toml"), &crate::with(RIGHT, wrong), &Overrides::default());
    read.expect_err("the lab file is wrong").render(false)
}

#[test]
fn the_right_one_is_fine() {
    if let Err(wrong) = scenario::read_text(Path::new("lab.toml"), RIGHT, &Overrides::default()) {
        panic!("{}", wrong.render(false));
    }
}

#[test]
fn infrastructures_that_make_no_sense_are_refused() {
    let cases: &[&[(&str, &str)]] = &[
        // Kinds, hosts and places.
        &[("kind = \"pias\"", "kind = \"pais\"")],
        &[("kind = \"pias\"\n", "")],
        &[("hosts = [\"west.s\"]\n", "")],
        &[("hosts = [\"west.s\"]", "hosts = [\"west.x\"]")],
        &[("hosts = [\"west.s\"]", "hosts = [\"west.s\", \"nowhere.s\"]")],
        // Keys of another kind, unknown keys, values out of range.
        &[("kind = \"i3\"", "kind = \"i3\"\nttl = \"5s\"\nnat_ports = 4\nhealth_gate = true\nlandmarks = 0")],
        &[("kind = \"oasis\"", "kind = \"oasis\"\nlandmraks = 3")],
        &[("heartbeat = \"250ms\"", "heartbeat = \"1ms\"\nselection = \"cheapest\"\nchange = 1.5\nnat_ports = 0")],
    ];
    insta::assert_snapshot!(cases.iter().map(|wrong| problems(wrong)).collect::<Vec<_>>().join("\n"));
}

#[test]
fn who_uses_an_infrastructure_as_it_cannot_be_used_is_refused() {
    let over_ip = |more: &str| format!("via = \"ip\"\nmembers = [\"west.n1\", \"west.n2\"]\n{more}");
    let music = "via = \"triggers\"\nmembers = [\"west.n1\", \"west.n2\"]\nhealing = \"random-peer\"\n";
    let random = over_ip("healing = \"random-peer\"\n");
    let cases: &[&[(&str, &str)]] = &[
        &[("via = \"triggers\"", "via = \"trigers\"")],
        &[("via = \"proxies\"", "via = \"proxy\"")],
        &[(music, &random)],
        &[("healing = \"random-peer\"", "healing = \"colors\"\ncolors = 4")],
        &[("healing = \"random-peer\"", "healing = \"rendezvous\"")],
        &[
            ("via = \"triggers\"", "via = \"proxies\""),
            ("healing = \"random-peer\"", "healing = \"colors\"\ncolors = 4"),
        ],
        &[("via = \"triggers\"", "via = \"proxies\"\naddress = \"198.51.100.9\"")],
        &[("members = [\"west.n1\", \"west.n2\"]", "members = [\"west.n1\", \"west.s\"]")],
        // Programs.
        &[("via = \"proxies\"", "via = \"ip\"")],
        &[("via = \"proxies\"", "via = \"triggers\"")],
        &[("members = [\"west.n1\"]", "members = [\"west.n1\", \"west.s\"]")],
        &[("members = [\"west.n1\"]\n", "")],
        &[("port = 80", "port = 65536\ntransport = \"sctp\"")],
        &[("port = 80\n", "")],
        // What a load aims at.
        &[(
            "healing = \"random-peer\"\n",
            "healing = \"random-peer\"\n[[timeline]]\nat = \"0s\"\ndo = [\"join music\", \"flood music from west.n1 at 10/s for 1s\"]\n",
        )],
    ];
    insta::assert_snapshot!(cases.iter().map(|wrong| problems(wrong)).collect::<Vec<_>>().join("\n"));
}
