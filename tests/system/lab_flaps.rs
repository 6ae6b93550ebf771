//! Faults that flap: live, in a timeline, beside other faults, and in a lab that ends.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Host, Lab, Labs, Place, events, faulty, scenes, wait_until};

fn verbs(events: &[Value]) -> Vec<&str> {
    events.iter().filter(|e| e["event"] == "fault").filter_map(|e| e["verb"].as_str()).collect()
}

scenes!(links_flap_until_they_are_stopped: root rootless_dual);

fn links_flap_until_they_are_stopped(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    let flapped = |times: usize| {
        lab.wait_for(&format!("{times} cuts and mends"), |events| {
            let verbs = verbs(events);
            let count = |verb| verbs.iter().filter(|v| **v == verb).count();
            (count("cut") >= times && count("mend") >= times).then_some(())
        });
    };
    lab.fault("stop cut west-a").expect_code(2).expect_stderr(&["`cut west-a` does not flap"]);
    lab.fault("flap cut west-a every 100ms times 10000").ok();
    lab.fault("flap cut west-a every 1s times 3").expect_code(2).expect_stderr(&["`cut west-a` flaps already"]);
    flapped(3);
    // What one has done the other does not undo.
    lab.fault("cut west-a").ok();
    flapped(6);
    assert!(!lab.has_carrier("west", "to-a"));
    lab.fault("stop cut west-a").ok();
    assert_eq!(lab.damage(), ["cut west-a"]);
    assert!(!lab.has_carrier("west", "to-a"));
    lab.fault("mend west-a").ok();
    assert!(lab.has_carrier("west", "to-a"));
    lab.fault("stop cut west-a").expect_code(2).expect_stderr(&["does not flap"]);
    assert_eq!(lab.damage(), [""; 0]);
    lab.wait_for_site("west");
    for wrong in ["flap mend west-a every 1s times 2", "flap cut west-a every 1ms times 2", "flap cut west-a every 1s"]
    {
        lab.fault(wrong).expect_code(2);
    }
}

scenes!(a_flap_ends_by_itself_and_outlives_a_refusal: rootless);

fn a_flap_ends_by_itself_and_outlives_a_refusal(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    // Its node is dead when the flap would kill it, and runs again when the flap comes back.
    lab.fault("crash west.n1 node").ok();
    lab.fault("flap crash west.n1 node every 300ms times 30").ok();
    lab.wait_for("the flap is refused", |events| {
        events.iter().find(|e| e["event"] == "refused").map(|e| assert_eq!(e["action"], "crash west.n1 node", "{e}"))
    });
    lab.fault("restart west.n1 node").ok();
    let since = lab.now();
    lab.wait_for("the flap goes on", |events| {
        let later: Vec<_> = events.iter().filter(|e| e["at"].as_u64() > Some(since)).cloned().collect();
        let verbs = verbs(&later);
        (verbs.contains(&"crash") && verbs.contains(&"restart")).then_some(())
    });
    wait_until("the flap has ended", || {
        let stopped = lab.fault("stop crash west.n1 node");
        if stopped.code() == 2 { Ok(()) } else { Err(stopped) }
    });
    assert_eq!(lab.damage(), [""; 0]);
    lab.wait_for_site("west");
}

scenes!(a_timeline_flaps: root);

fn a_timeline_flaps(place: &Place) {
    let text = std::fs::read_to_string(crate::support::project(faulty::FILE)).unwrap();
    let timeline = "\n[[timeline]]\nat = \"100ms\"\ndo = [\"flap cut west-a every 200ms times 3\", \
                    \"flap blackhole east-b every 1s times 1000\"]\n\
                    [[timeline]]\nat = \"1700ms\"\ndo = \"stop blackhole east-b\"\n";
    let file = place.write("flaps.toml", &(text + timeline));
    let run = place.anybed().arg("run").arg(&file).args(["--name", &place.name, "--out"]).arg(place.out("flaps"));
    let done = run.run();
    assert!([0, 5].contains(&done.code()), "{done}");
    let events = events(&place.out("flaps"));
    let faults: Vec<_> = events.iter().filter(|e| e["event"] == "fault").collect();
    let of = |target: &str| -> Vec<&str> {
        faults.iter().filter(|e| e["target"] == target).filter_map(|e| e["verb"].as_str()).collect()
    };
    assert_eq!(of("west-a"), ["cut", "mend", "cut", "mend", "cut", "mend"]);
    assert_eq!(of("east-b"), ["blackhole", "clear", "blackhole", "clear"]);
    assert!(faults.iter().all(|e| e["live"] == false), "{faults:?}");
}

scenes!(a_lab_ends_in_the_middle_of_everything: root rootless);

fn a_lab_ends_in_the_middle_of_everything(place: &Place) {
    let text = std::fs::read_to_string(crate::support::project(faulty::FILE)).unwrap();
    let file = place.write("endless.toml", &text.replace("[probe]", "[lab]\nduration = \"1h\"\n\n[probe]"));
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let before = Host::look(place);
        let out = place.out("ended");
        let _ = std::fs::remove_file(out.join("events.jsonl"));
        let run = place.anybed().arg("run").arg(&file).args(["--name", &place.name, "--out"]).arg(&out).start();
        let look = |event: &str| events(&out).iter().any(|e| e["event"] == event);
        wait_until("the lab is played", || if look("play") { Ok(()) } else { Err("not yet") });
        for action in [
            "flap cut west-a every 20ms times 10000",
            "flap blackhole east-b every 20ms times 10000",
            "flap crash east.n1 every 50ms times 10000",
            "freeze west.n1",
            "freeze b",
            "crash home host",
        ] {
            place.run(&format!("fault {} {action}", place.name)).ok();
        }
        let labs = Labs::of(place);
        run.signal(signal);
        let done = run.wait();
        if signal == Signal::SIGINT {
            done.expect_code(130);
        } else {
            done.expect_code(128 + 9);
            labs.wait_for_end(place);
            place.run("ls").ok();
        }
        before.assert_same(place, &labs);
    }
}
