//! Looking into a lab that is up: paths, routes, frames.

use serde_json::json;

use crate::support::{Lab, Place, scenes};

scenes!(a_packets_way_is_shown_beside_bgps: root rootless_ipv6);

fn a_packets_way_is_shown_beside_bgps(place: &Place) {
    let lab = Lab::up(place, &place.copy("topologies/two-sites.toml"));
    lab.wait_for_answer("home.c1", "west.n1", 0);
    let trace = |to: &str| place.run(&format!("trace {} home.c1 {to} --format json", lab.name)).ok().json();
    let found = trace("dns");
    let names: Vec<_> = found["hops"].as_array().unwrap().iter().map(|hop| hop["node"].clone()).collect();
    assert_eq!(names, ["home", "r2", "r1", "west", "west.n1"], "{found}");
    // Every node on the way has answered for itself, with a time.
    assert!(found["hops"].as_array().unwrap().iter().all(|h| h["rtt_ms"].is_f64() && h["answered_by"].is_null()));
    assert_eq!((&found["end"], &found["bgp"]["names"]), (&json!("arrives"), &json!(["r2", "r1", "west"])), "{found}");

    // What is silent ends there; the routes that BIRD still has say otherwise.
    lab.fault("blackhole west-r1").ok();
    let found = trace("west.n1");
    assert_eq!((&found["end"], found["hops"].as_array().map(Vec::len)), (&json!("dead-link"), Some(3)), "{found}");
    assert_eq!(found["bgp"]["names"], json!(["r2", "r1", "west"]));
    place.run(&format!("trace {} home.c1 nowhere", lab.name)).expect_code(2).expect_stderr(&["`nowhere` is no node"]);
    place.run(&format!("trace {} home.c9 dns", lab.name)).expect_code(2).expect_stderr(&["no node home.c9"]);
}

scenes!(the_best_route_has_a_reason: root rootless_ipv6);

fn the_best_route_has_a_reason(place: &Place) {
    let lab = Lab::up(place, &place.copy("topologies/two-sites.toml"));
    let routes = place.run(&format!("routes {} r2 dns", lab.name)).ok();
    routes.expect_stdout(&["  * ebgp-r1", "AS path 100 1000", "not best: the best has a path of 2 ASes, not 3"]);
    let all = place.run(&format!("routes {} r2 --format json", lab.name)).ok().json();
    let best = all.as_array().unwrap().iter().filter(|route| route["best"] == true).count();
    // Three stubs and the group.
    assert_eq!(best, 4, "{all}");
    place.run(&format!("routes {} r2 192.0.2.0/24", lab.name)).ok().expect_stdout(&["no route"]);
    place.run(&format!("routes {} home.c1", lab.name)).expect_code(2).expect_stderr(&["has no BIRD"]);
    lab.fault("freeze r2").ok();
    place.run(&format!("routes {} r2", lab.name)).expect_code(2).expect_stderr(&["does not run"]);
}

scenes!(frames_are_captured: root rootless);

fn frames_are_captured(place: &Place) {
    let lab = Lab::up(place, &place.copy("topologies/two-sites.toml"));
    let file = place.path().join("frames.pcapng");
    let capture = |of: &str| place.run(&format!("capture {} {of} -c 3 -w {}", lab.name, file.display()));
    capture("r2:to-home").ok().expect_stderr(&["capturing on to-home", "3 frames captured"]);
    let bytes = std::fs::read(&file).unwrap();
    // A section, an interface with its name, three frames.
    assert_eq!(bytes[..4], 0x0a0d_0d0a_u32.to_ne_bytes());
    assert!(bytes.windows(7).any(|part| part == b"to-home"));
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut at, mut frames) = (0, 0);
    while at < bytes.len() {
        frames += u32::from(word(at) == 6);
        at += word(at + 4) as usize;
    }
    assert_eq!((frames, at), (3, bytes.len()));
    capture("r2:to-nowhere").expect_code(2).expect_stderr(&["no such interface", "to-home"]);
    capture("nowhere").expect_code(2).expect_stderr(&["has no node nowhere"]);
}
