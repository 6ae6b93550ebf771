//! `anybed sim`: what it prints, and what it refuses.

use crate::support::{Place, project};

#[test]
fn the_same_seed_gives_the_same_json() {
    let place = Place::new("sim-json");
    let play = |seed: u32| {
        let done = place.run(&format!("sim --nodes 12,20 --lookups 40 --format json --seed {seed}")).ok();
        assert!(done.stderr.contains("20 nodes have joined"), "{done}");
        let mut json = done.json();
        let wall = json.as_object_mut().unwrap().remove("wall_clock");
        assert_eq!(wall.unwrap()["seconds"].as_array().map(Vec::len), Some(2));
        json
    };
    let (one, same, other) = (play(1), play(1), play(2));
    assert_eq!(one, same);
    assert_ne!(one, other);
    let found = &one["simulations"][1];
    assert_eq!((&found["members"], &found["lookups"]["ok"]), (&20.into(), &40.into()), "{found}");
}

#[test]
fn distances_are_read_from_files() {
    let place = Place::new("sim-files");
    place.write("rtt", "# two places\n0 40\n40 0\n");
    place.write("points", "0 0\n30 40\n");
    for words in ["--rtt rtt", "--coordinates points"] {
        let done = place.run(&format!("sim --nodes 6 --lookups 20 --quiet {words}")).ok();
        assert!(done.stdout.contains("20 ok, 0 wrong, 0 failed") && done.stderr.is_empty(), "{done}");
    }
}

#[test]
fn wrong_usage_is_exit_2() {
    let place = Place::new("sim-usage");
    place.write("rtt", "0 1 2\n1 0\n1 -2 0\n");
    place.write("points", "1 2\n3\n");
    for (words, parts) in [
        ("sim", &["<FILE>"][..]),
        ("sim --nodes 0", &["1..=100000"]),
        ("sim --nodes 5 --loss 1", &["--loss 1: a probability"]),
        ("sim --nodes 5000 --proximity ideal", &["at most 1000"]),
        ("sim lab.toml --nodes 5", &["cannot be used with"]),
        ("sim --nodes 5 --rtt rtt --coordinates points", &["cannot be used with"]),
        ("sim --nodes 5 --rtt rtt", &["rtt:2:1", "a row of 2 round trips", "rtt:3:3", "`-2` is not a round trip"]),
        ("sim --nodes 5 --coordinates points", &["points:2:1", "1 numbers for a point"]),
        ("sim --nodes 5 --rtt nowhere", &["cannot read nowhere"]),
        ("sim nowhere.toml", &["cannot read nowhere.toml"]),
    ] {
        place.run(words).expect_code(2).expect_stderr(parts);
    }
}

#[test]
fn a_lab_file_is_simulated_and_judged() {
    let place = Place::new("sim-lab");
    let file = project("topologies/stub-failure.toml");
    let play = |out: &str| {
        let done = place.anybed().args(["sim", "--format", "json", "--out", out]).arg(&file).run();
        let report = done.json();
        let music = &report["overlays"]["music"];
        assert_eq!(music["joins"]["ok"], 24, "{done}");
        assert_eq!(music["lookups"]["wrong"], 0, "{done}");
        assert_eq!((&music["islands_max"], &music["islands_end"]), (&2.into(), &1.into()), "{done}");
        assert_eq!(report["bird"], "none: simulated");
        std::fs::read_to_string(place.path().join(out).join("events.jsonl")).unwrap()
    };
    let strip = |record: String| record.lines().skip(1).collect::<Vec<_>>().join("\n");
    assert!(strip(play("one")) == strip(play("two")), "the same record, but for the command in its first line");
}

#[test]
fn what_a_simulation_cannot_do_is_refused_with_its_line() {
    let place = Place::new("sim-refuses");
    let file = project("topologies/stub-failure.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().count() + 3;
    place.write("lab.toml", &format!("{text}\n[[timeline]]\nat = \"25s\"\ndo = \"freeze bay.n1 node\"\n"));
    let done = place.run("sim lab.toml").expect_code(2);
    done.expect_stderr(&["`freeze` is not simulated", &format!("lab.toml:{}", line + 1)]);
}

#[test]
fn overlays_that_search_are_searched() {
    let place = Place::new("sim-searching");
    for (words, title) in [("gnutella --set version=0.4 --set connections=3", "gnutella"), ("freenet", "freenet")] {
        let words = format!("sim --nodes 30 --items 10 --searches 20 --quiet --protocol {words}");
        let done = place.run(&words).ok();
        let parts = ["30 in 1 island", "10 names", "found something of 20", "messages", "reach", "path", "MB at most"];
        assert!(done.stdout.starts_with(title) && parts.iter().all(|part| done.stdout.contains(part)), "{done}");
        let play = || {
            let mut json = place.run(&format!("{words} --format json")).ok().json();
            let wall = json.as_object_mut().unwrap().remove("wall_clock").unwrap();
            assert!(wall["seconds"][0].as_f64() > Some(0.0) && wall["peak_megabytes"].as_f64() > Some(1.0), "{wall}");
            json
        };
        let json = play();
        let found = &json["simulations"][0];
        assert!(found["searches"]["found"].as_u64() >= Some(18) && found["members"] == 30, "{found}");
        assert_eq!(json, play());
    }
    for (words, parts) in [
        ("--nodes 5 --protocol freenet --set version=0.4", &["not KEY=VALUE of Freenet", "hops_to_live"][..]),
        ("--nodes 5 --protocol gnutella --set ttl=9", &["--set ttl=9"]),
        ("--crowd 5 --protocol gnutella", &["--crowd of Gnutella"]),
        ("--nodes 5 --protocol gnutella --proximity ideal", &["no neighbors to prefer"]),
    ] {
        place.run(&format!("sim {words}")).expect_code(2).expect_stderr(parts);
    }
}

#[test]
fn what_nodes_learn_makes_requests_shorter_and_without_it_they_are_not() {
    let place = Place::new("sim-learning");
    let text = std::fs::read_to_string(project("topologies/freenet-learning.toml")).unwrap();
    place.write("learning.toml", &text);
    place.run("sim learning.toml").ok();
    let without = text.replace("insert_hops = 1\n", "insert_hops = 1\nstore_size = 1\nrouting_size = 1\n");
    assert_ne!(text, without);
    place.write("without.toml", &without);
    let done = place.run("sim without.toml --format json").expect_code(1).json();
    let verdict = |name: &str| {
        let all = done["expectations"].as_array().unwrap();
        all.iter().find(|e| e["name"] == name).unwrap()["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (verdict("everybody joins"), verdict("the last ones hardly leave home")),
        ("pass".into(), "fail".into())
    );
}
