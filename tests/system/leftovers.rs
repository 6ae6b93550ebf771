//! Nothing of a lab is left, however it ends: no process, namespace, interface, mount or file.

use std::io::Write;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::{Host, Labs, Place, Running, Scene, events, play, scenes, wait_until};

/// Starts playing the lab; its record is in the place's run directory `killed`.
fn start(place: &Place) -> Running {
    let file = place.copy("topologies/two-sites.toml");
    // That of an earlier run in this place would be taken for this one's.
    let _ = std::fs::remove_file(place.out("killed").join("events.jsonl"));
    let run = place.anybed().arg("run").arg(file).args(["--name", &place.name, "--out"]).arg(place.out("killed"));
    run.args(["--family", place.scene.family.name()]).start()
}

/// Waits until the record has so many lines, of which one is of `event`.
fn wait_for_record(place: &Place, event: &str, lines: usize) {
    wait_until(&format!("the record has {lines} lines and {event}"), || {
        let events = events(&place.out("killed"));
        let is_there = events.len() >= lines && events.iter().any(|e| e["event"] == event);
        if is_there { Ok(()) } else { Err(format!("{} lines", events.len())) }
    });
}

scenes!(a_run_leaves_nothing: root rootless rootless_ipv6 root_dual);

fn a_run_leaves_nothing(place: &Place) {
    let before = Host::look(place);
    let run = start(place);
    wait_for_record(place, "play", 1);
    let labs = Labs::of(place);
    assert!(labs.processes() >= 10 && labs.namespaces() >= 10, "the look itself does not work: {labs:?}");
    let done = run.wait();
    assert!([0, 5].contains(&done.code()), "{done}");
    before.assert_same(place, &labs);
}

scenes!(an_interrupted_build_leaves_nothing: root rootless);

fn an_interrupted_build_leaves_nothing(place: &Place) {
    let before = Host::look(place);
    let run = start(place);
    wait_for_record(place, "lab", 1);
    let labs = Labs::of(place);
    run.signal(Signal::SIGINT);
    run.wait().expect_code(130);
    before.assert_same(place, &labs);
    assert_eq!(events(&place.out("killed")).last().unwrap()["reason"], "interrupted");
}

scenes!(an_interrupted_play_leaves_nothing: root rootless);

fn an_interrupted_play_leaves_nothing(place: &Place) {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let before = Host::look(place);
        let run = start(place);
        wait_for_record(place, "probes", 1);
        let labs = Labs::of(place);
        run.signal(signal);
        run.wait().expect_code(130);
        before.assert_same(place, &labs);
        assert_eq!(events(&place.out("killed")).last().unwrap()["reason"], "interrupted");
    }
}

/// The processes of a lab, see `lab::sandbox`.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Command,
    Init,
    Supervisor,
}

/// Kills while the lab is built or played, when the record has a random number of lines.
fn killed(place: &Place, victim: Victim, seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // A whole record of this lab has some 70 lines, 40 of them of the build.
    for (event, most) in [("lab", 35), ("play", 60)] {
        let lines = random.random_range(1..=most);
        let story = format!("{victim:?} killed after {event}, at line {lines} or later (seed {seed})\n");
        std::io::stderr().write_all(story.as_bytes()).unwrap();
        let before = Host::look(place);
        let run = start(place);
        wait_for_record(place, event, lines);
        let init = wait_until("the entry names init", || init(place).ok_or("not yet"));
        let labs = Labs::of(place);
        let pid = match victim {
            Victim::Command => run.pid(),
            Victim::Init => init,
            Victim::Supervisor => wait_until("init has a child", || child(init).ok_or("none yet")),
        };
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap_or_else(|e| panic!("{story}{e}"));
        let done = run.wait();
        match victim {
            Victim::Command => {
                assert_eq!(done.code(), 128 + 9, "{story}{done}");
                // Nobody was left to remove it: the next command does.
                labs.wait_for_end(place);
                assert!(place.runtime().join(&place.name).exists(), "{story}");
                assert_eq!(place.run("ls").ok().stdout, "", "{story}");
                assert!(!place.runtime().join(&place.name).exists(), "{story}");
            }
            _ => assert_eq!(done.code(), 4, "{story}{done}"),
        }
        before.assert_same(place, &labs);
    }
}

fn init(place: &Place) -> Option<i32> {
    let facts = std::fs::read_to_string(place.runtime().join(&place.name).join("facts.json")).ok()?;
    let facts: serde_json::Value = serde_json::from_str(&facts).ok()?;
    facts["init"].as_i64().and_then(|pid| i32::try_from(pid).ok())
}

fn child(pid: i32) -> Option<i32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

macro_rules! killings {
    ($($name:ident: $victim:ident $scene:ident $seed:literal;)+) => {
        $(
            #[test]
            fn $name() {
                let body = |place: &Place| killed(place, Victim::$victim, $seed);
                play(stringify!($name), Scene::of(stringify!($scene)), body);
            }
        )+
    };
}

killings! {
    command_killed: Command root 1;
    command_killed_rootless: Command rootless 2;
    command_killed_rootless_dual: Command rootless_dual 3;
    init_killed: Init root 4;
    init_killed_rootless: Init rootless 5;
    supervisor_killed: Supervisor root 6;
    supervisor_killed_ipv6: Supervisor root_ipv6 7;
    supervisor_killed_rootless: Supervisor rootless 8;
}

scenes!(a_lab_that_was_up_and_is_killed_is_swept: root rootless);

fn a_lab_that_was_up_and_is_killed_is_swept(place: &Place) {
    let before = Host::look(place);
    let file = place.copy("tests/system/labs/pair.toml");
    let up = || place.anybed().arg("up").arg(&file).args(["--name", &place.name]).run().ok();
    for command in ["ls", "up"] {
        up();
        let labs = Labs::of(place);
        let init = init(place).expect("a lab that is up has an init");
        kill(Pid::from_raw(init), Signal::SIGKILL).unwrap();
        labs.wait_for_end(place);
        assert!(place.runtime().join(&place.name).exists());
        match command {
            "ls" => assert_eq!(place.run("ls").ok().stdout, ""),
            _ => {
                // The name is free.
                up();
                place.run(&format!("down {}", place.name)).ok();
            }
        }
        before.assert_same(place, &labs);
    }
}
