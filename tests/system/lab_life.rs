//! A lab's life: up, seen, used, down; several at once.

use crate::support::{Lab, Place, scenes};

scenes!(a_lab_comes_up_is_seen_and_goes: root rootless rootless_ipv6 root_dual);

fn a_lab_comes_up_is_seen_and_goes(place: &Place) {
    let file = place.copy("tests/system/labs/pair.toml");
    place.run("ls").ok().expect_stdout(&[]);
    let lab = Lab::up(place, &file);
    let listed = place.run("ls --format json").ok().json();
    assert_eq!(listed[0]["lab"], lab.name.as_str(), "{listed}");
    assert_eq!(listed[0]["command"], "up", "{listed}");
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    place.run("ls").ok().expect_stdout(&[&lab.name, "pair.toml"]);

    let status = lab.status();
    let names: Vec<_> = status["nodes"].as_array().unwrap().iter().filter_map(|n| n["name"].as_str()).collect();
    assert_eq!(names, ["net", "west", "west.n1", "east", "east.n1", "home", "home.c1"], "{status}");
    for node in status["nodes"].as_array().unwrap() {
        let kind = node["kind"].as_str().unwrap();
        assert_eq!(node["bird"].is_i64(), kind != "client", "{node}");
        assert_eq!(node["node"].is_i64(), kind == "member", "{node}");
        assert_eq!(node["sessions"][0], node["sessions"][1], "{node}");
    }
    let families = place.scene.family.pick("198.51.100.1", "2001:db8::1").len();
    // To its three stubs.
    assert_eq!(lab.node("net")["sessions"][1], 3 * families);
    place.run(&format!("status {}", lab.name)).ok().expect_stdout(&["west.n1", "member", "client"]);

    lab.down().ok();
    assert_eq!(place.run("ls").ok().stdout, "");
    assert_eq!(std::fs::read_dir(place.runtime()).unwrap().count(), 0);
    let events = lab.events();
    assert_eq!(events.first().unwrap()["event"], "lab");
    assert_eq!(events.last().unwrap()["reason"], "ended");
    let gone = format!("no lab {} is running", lab.name);
    lab.down().expect_code(2).expect_stderr(&[&gone]);
}

scenes!(commands_run_on_nodes: root rootless);

fn commands_run_on_nodes(place: &Place) {
    let lab = Lab::up(place, &place.copy("tests/system/labs/pair.toml"));
    lab.exec("west", "true").ok();
    lab.exec("west", "false").expect_code(1);
    lab.exec_args("west.n1", &["sh", "-c", "echo out; echo err >&2; exit 7"])
        .expect_code(7)
        .expect_stdout(&["out\n"])
        .expect_stderr(&["err\n"]);
    lab.exec_args("west.n1", &["sh", "-c", "kill -TERM $$"]).expect_code(128 + 15);
    lab.exec("west", "no-such-command").expect_stderr(&["no-such-command"]);
    lab.exec("nowhere", "true").expect_code(2).expect_stderr(&["has no node nowhere"]);
    // Options after the command are the command's own.
    lab.exec("home.c1", "ip -o addr show to-home").ok().expect_stdout(&["172.16."]);
    let hosts = |node: &str| lab.exec(node, "ip -o link show").ok().stdout;
    assert_ne!(hosts("home.c1"), hosts("west.n1"));

    let words = "ip netns list; ip netns exec east.n1 ip -o addr show lo; exit 5";
    let shell = place.anybed().env("SHELL", "/bin/sh").args(["shell", &lab.name]).input(words).run();
    shell.expect_code(5).expect_stdout(&["home.c1", "west.n1", "198.51.100.1/32"]);
    let on_node = place.anybed().env("SHELL", "/bin/sh").args(["shell", &lab.name, "home.c1"]);
    on_node.input("ip -o link show; exit 3").run().expect_code(3).expect_stdout(&["to-home"]);
    lab.down().ok();
}

scenes!(labs_run_side_by_side: root rootless);

fn labs_run_side_by_side(place: &Place) {
    let file = place.copy("tests/system/labs/pair.toml");
    let first = Lab::up_with(place, &file, "first", &[]);
    let second = Lab::up_with(place, &file, "second", &[]);
    let taken = place.anybed().arg("up").arg(&file).args(["--name", "first"]).run();
    taken.expect_code(2).expect_stderr(&["lab first is running already", "anybed down first", "--name"]);

    // The same addresses, and each its own routes.
    let route = "198.51.100.1/32";
    for lab in [&first, &second] {
        assert!(lab.birdc("west", "show route").contains(route), "{}", lab.birdc("west", "show route"));
    }
    first.fault("withdraw west.n1").ok();
    assert!(!first.exec("west.n1", "ip -o addr show lo").ok().stdout.contains(route));
    second.exec("west.n1", "ip -o addr show lo").ok().expect_stdout(&[route]);

    let run = place.anybed().arg("run").arg(&file).args(["--name", "second", "--out"]).arg(place.out("x")).run();
    run.expect_code(2).expect_stderr(&["lab second is running already"]);
    first.down().ok();
    second.exec("west.n1", "ip -o addr show lo").ok().expect_stdout(&[route]);
    let again = Lab::up_with(place, &file, "first", &[]);
    place.run("ls").ok().expect_stdout(&["first", "second"]);
    place.run("down --all").ok();
    assert_eq!(place.run("ls").ok().stdout, "");
    again.down().expect_code(2);
}
