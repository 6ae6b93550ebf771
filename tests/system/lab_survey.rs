//! Asking a running lab: who catches whom, who owns a key, how probes fare.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Done, Lab, Place, scenes, wait_until};

const FILE: &str = "tests/system/labs/ask.toml";

/// The answer of `catchment` about dns, and what it says of a node.
fn catchment(lab: &Lab<'_>, options: &str, code: i32) -> (Value, impl Fn(&str) -> Value) {
    let asked = lab.place.run(&format!("catchment {} dns --format json {options}", lab.name));
    let survey = asked.expect_code(code).json()[0].clone();
    let nodes = survey["nodes"].as_array().unwrap_or_else(|| panic!("no nodes in {survey}")).clone();
    let node = move |name: &str| nodes.iter().find(|n| n["node"] == name).cloned().unwrap_or_default();
    (survey, node)
}

fn ip(lab: &Lab<'_>, node: &str, words: &str) -> Done {
    let family = if lab.place.scene.family.name() == "ipv6" { "-6" } else { "-4" };
    lab.exec(node, &format!("ip {family} {words}")).ok()
}

/// The gateway of a route that leaves by `interface`.
fn gateway(lab: &Lab<'_>, node: &str, interface: &str) -> String {
    let shown = ip(lab, node, &format!("route show dev {interface} proto bird"));
    let words: Vec<_> = shown.stdout.split_whitespace().collect();
    let via = words.iter().position(|word| *word == "via").unwrap_or_else(|| panic!("no gateway: {shown}"));
    words[via + 1].to_owned()
}

scenes!(three_witnesses_of_a_catchment: root rootless_ipv6);

fn three_witnesses_of_a_catchment(place: &Place) {
    let lab = Lab::up(place, &place.copy(FILE));
    lab.wait_for_answer("west.c1", "west.n1", 0);
    let (survey, node) = catchment(&lab, "--from all --method all", 0);
    assert_eq!((&survey["settled"], &survey["hash_policies"]), (&json!(true), &json!([0])), "{survey}");
    for (name, member) in [("west.c1", "west.n1"), ("r1", "west.n1"), ("r3", "east.n1"), ("east.n1", "east.n1")] {
        let found = node(name);
        assert_eq!(
            (&found["packet"]["member"], &found["routes"]["members"]),
            (&json!(member), &json!([member])),
            "{found}"
        );
    }
    // The frames of the packet were seen where the routes lead, hop by hop.
    let client = node("west.c1");
    assert_eq!(client["packet"]["hops"], json!(["west", "west.n1"]), "{client}");
    assert_eq!(client["routes"]["ways"], json!([{ "hops": ["west", "west.n1"], "end": "arrives" }]));
    assert_eq!((&client["echo"]["member"], &client["packet"]["answered_by"]), (&json!("west.n1"), &json!("west.n1")));
    let nodes = survey["nodes"].as_array().unwrap();
    assert!(nodes.iter().all(|n| n["echo"].is_null() || n["echo"]["member"] == n["packet"]["member"]), "{survey}");
    // Nobody has asked for a route back from a transit router, and none is needed.
    assert!(node("r2")["packet"]["member"].is_string() && node("r2")["echo"].is_null(), "{}", node("r2"));
    let cost =
        |witness: &str| survey["cost"].as_array().unwrap().iter().find(|c| c["witness"] == witness).cloned().unwrap();
    assert!(cost("echoes")["sockets"].as_u64() < cost("packets")["sockets"].as_u64(), "{survey}");
    branches_and_a_policy(&lab);
    nobody_and_mistakes(&lab);
}

/// Two equal next hops, and then a rule that only UDP follows: the first is no disagreement, the second is.
fn branches_and_a_policy(lab: &Lab<'_>) {
    let (survey, _) = catchment(lab, "--method routes", 0);
    let address = survey["address"].as_str().unwrap().to_owned();
    let (west, east) = (gateway(lab, "r2", "to-r1"), gateway(lab, "r2", "to-r3"));
    let hops = format!("nexthop via {west} dev to-r1 nexthop via {east} dev to-r3");
    ip(lab, "r2", &format!("route add {address} metric 10 {hops}"));
    let (_, node) = catchment(lab, "--method all", 0);
    let found = node("home.c1");
    assert_eq!(found["routes"]["members"], json!(["east.n1", "west.n1"]), "{found}");
    assert!(found["routes"]["ways"].as_array().is_some_and(|ways| ways.len() == 2), "{found}");
    lab.place
        .run(&format!("catchment {} dns", lab.name))
        .ok()
        .expect_stdout(&["some routes branch", "hash_policy = 0"]);
    ip(lab, "r2", &format!("route del {address} metric 10 {hops}"));

    let (_, node) = catchment(lab, "", 0);
    let led = node("home.c1")["packet"]["member"].as_str().unwrap_or_default().to_owned();
    let (gateway, interface, other) =
        if led == "west.n1" { (east, "to-r3", "east.n1") } else { (west, "to-r1", "west.n1") };
    ip(lab, "r2", "rule add ipproto udp dport 4000 table 100");
    ip(lab, "r2", &format!("route add {address} via {gateway} dev {interface} table 100"));
    let (_, node) = catchment(lab, "", 1);
    let found = node("home.c1");
    assert_eq!((&found["packet"]["member"], &found["routes"]["members"]), (&json!(other), &json!([led])), "{found}");
    let shown = lab.place.run(&format!("catchment {} dns", lab.name)).expect_code(1);
    let told = format!("home.c1: its packet reached {other}, the routes lead to {led}");
    shown.expect_stdout(&[&told, "packet      home.c1 → home → r2 → ", "routes      home.c1 → home → r2 → "]);
    ip(lab, "r2", "rule del ipproto udp dport 4000 table 100");
}

fn nobody_and_mistakes(lab: &Lab<'_>) {
    // What is silent: packets get lost where routes lead into the hole, and both say so.
    lab.fault("blackhole home-r2").ok();
    let (_, node) = catchment(lab, "--from all", 0);
    let found = node("home.c1");
    assert!(found["packet"]["member"].is_null() && found["routes"]["members"] == json!([]), "{found}");
    assert_eq!(found["routes"]["ways"], json!([{ "hops": ["home"], "end": "dead-link" }]));
    assert_eq!(found["packet"]["hops"], json!(["home"]), "the last place where it was seen");
    lab.fault("clear home-r2").ok();
    let run = |words: &str| lab.place.run(&words.replace("LAB", &lab.name)).expect_code(2);
    run("catchment LAB").expect_stderr(&["which group", "dns, music"]);
    run("catchment LAB mail").expect_stderr(&["no group mail", "dns"]);
    run("probe LAB nobody --group dns").expect_stderr(&["no node nobody"]);
    run("probe LAB --group dns --every 0s").expect_stderr(&["at least 1ms"]);
    run("lookup LAB tunes key").expect_stderr(&["no overlay tunes: music"]);
    run("lookup LAB music key").expect_stderr(&["music has no members"]);
}

scenes!(probes_and_lookups_on_request: root rootless_ipv6);

fn probes_and_lookups_on_request(place: &Place) {
    let lab = Lab::up(place, &place.copy(FILE));
    lab.wait_for_answer("west.c1", "west.n1", 0);
    lab.fault("join music").ok();
    let probe = |words: &str| place.run(&format!("probe {} --group dns {words}", lab.name));
    let lines = probe("west.c1 east.n1 --count 4 --every 20ms --format json").ok();
    let lines: Vec<Value> = lines.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).cloned().collect::<Vec<_>>();
    assert_eq!((of("probe").len(), of("summary").len()), (8, 2), "{lines:?}");
    let [member, client] = &of("summary")[..] else { panic!("{lines:?}") };
    assert_eq!((&client["sent"], &client["answered_by"]), (&json!(4), &json!({ "west.n1": 4 })), "{client}");
    assert_eq!(member["answered_by"], json!({ "east.n1": 4 }), "a member answers itself: {member}");
    assert!(client["p50_ms"].as_f64() <= client["p99_ms"].as_f64());
    interrupted(&lab);

    // Every member of the overlay owns what is its own; whoever asks.
    lab.wait_for("three members", |events| {
        let joined = events.iter().filter(|e| e["did"]["did"] == "joined").count();
        (joined == 3).then_some(())
    });
    let lookup = |words: &str| place.run(&format!("lookup {} music {words}", lab.name));
    let found = wait_until("the ring is whole", || {
        let done = lookup("key-1 --format json");
        if done.code() == 0 { Ok(done.json()) } else { Err(done.to_string()) }
    });
    assert_eq!(
        (&found["owner"], &found["from"], &found["right"]),
        (&found["expected"], &json!("east.n1"), &json!(true))
    );
    let id = found["id"].as_str().unwrap();
    lookup(&format!("{id} --from west.n2")).ok().expect_stdout(&["asked by west.n2", "; right"]);
    // By an owner that is gone without a word, and still in others' tables.
    lab.fault("freeze west.n2 node").ok();
    lookup("key-1 --from west.n2").expect_code(2).expect_stderr(&["does not run"]);

    lab.fault("withdraw west.n1 dns").ok();
    lab.fault("withdraw east.n1 dns").ok();
    probe("west.c1 --count 2 --every 10ms")
        .expect_code(1)
        .expect_stdout(&["seq 1  lost", "2 sent, 2 lost, nobody answered"]);
}

/// Ctrl-C ends it with the summary of what there was.
fn interrupted(lab: &Lab<'_>) {
    let out = lab.place.path().join("probes.txt");
    let program = lab.place.program().display();
    let script = format!("exec {program} probe {} --group dns west.c1 > {}", lab.name, out.display());
    let running = lab.place.command("sh".as_ref()).args(["-c", &script]).start();
    wait_until("a probe is answered", || {
        let text = std::fs::read_to_string(&out).unwrap_or_default();
        if text.contains("seq 1  west.n1") { Ok(()) } else { Err(text) }
    });
    running.signal(Signal::SIGINT);
    running.wait().ok();
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(text.contains("sent, 0 lost, answered by west.n1") && text.contains("p99"), "{text}");
}

scenes!(a_timeline_surveys_all_nodes: root_dual);

fn a_timeline_surveys_all_nodes(place: &Place) {
    let file = place.copy(FILE);
    let out = place.out("run");
    let words = ["--family", "dual", "--format", "json", "--out"];
    let report = place.anybed().arg("run").arg(file).args(words).arg(&out).run().ok().json();
    let surveys = report["surveys"].as_array().unwrap();
    let addresses: Vec<_> = surveys.iter().map(|s| s["group"].as_str().unwrap_or_default().contains(':')).collect();
    assert_eq!(addresses, [false, true], "one of each family: {report}");
    for survey in surveys {
        let nodes = survey["nodes"].as_object().map_or(0, serde_json::Map::len);
        assert_eq!(survey["compared"], nodes, "{survey}");
        assert_eq!((&survey["nodes"]["west.c1"], &survey["nodes"]["r3"]), (&json!("west.n1"), &json!("east.n1")));
    }
    let verdict = &report["expectations"][0];
    assert!(verdict["observed"].as_str().is_some_and(|text| text.starts_with("0 of ")), "{verdict}");
}
