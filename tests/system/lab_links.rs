//! Links that are cut, impaired or black holes: what it does, its undo, and what is refused.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Family, Lab, Place, faulty, scenes, skip, wait_until};

const HOLE: [&str; 2] = ["link west-a is a black hole already", "link west-a is neither impaired nor a black hole"];

/// Waits until the black hole at this end has swallowed something.
fn wait_for_drops(lab: &Lab<'_>, side: usize) {
    wait_until("frames are dropped", || {
        let link = lab.link("west-a");
        if link["traffic"][side]["dropped"].as_u64() > Some(0) { Ok(()) } else { Err(link) }
    });
}

/// Black holes of all directions, on whatever the link is made of.
fn holes_open_and_close(lab: &Lab<'_>) {
    lab.wait_for_site("west");
    lab.try_out("blackhole west-a", "clear west-a", HOLE, || {
        assert_eq!(lab.holes("west-a"), [true, true]);
        // Nothing but time tells that nothing passes.
        assert!(lab.has_carrier("west", "to-a") && lab.has_carrier("a", "to-west"));
        wait_for_drops(lab, 1);
        lab.wait_for_session("a", "west", false);
        lab.wait_for_site("east");
    });
    assert_eq!(lab.holes("west-a"), [false, false]);
    lab.wait_for_site("west");

    // One way is enough to end the session at both ends.
    lab.try_out("blackhole west-a from west", "clear west-a from west", HOLE, || {
        assert_eq!(lab.holes("west-a"), [true, false]);
        lab.fault("clear west-a from a").expect_code(2).expect_stderr(&["neither impaired nor a black hole"]);
        wait_for_drops(lab, 0);
        lab.wait_for_session("a", "west", false);
        lab.wait_for_session("west", "a", false);
        lab.wait_for_site("east");
    });
    lab.wait_for_site("west");

    // The second half of a hole, and the undo of the first.
    lab.fault("blackhole west-a from a").ok();
    lab.fault("blackhole west-a").ok();
    lab.fault("clear west-a from a").ok();
    assert_eq!(lab.holes("west-a"), [true, false]);
    assert_eq!(lab.damage(), ["blackhole west-a from west"]);
    lab.fault("clear west-a").ok();
    assert_eq!(lab.holes("west-a"), [false, false]);
}

scenes!(a_bare_link_becomes_a_black_hole: rootless root_dual);

fn a_bare_link_becomes_a_black_hole(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    assert_eq!(lab.link("west-a"), Value::Null);
    holes_open_and_close(&lab);
    assert_eq!(lab.link("west-a"), Value::Null, "a bare link again");
    let disciplines = lab.exec("west", "tc qdisc show dev to-a").ok();
    assert!(disciplines.stdout.contains("noqueue"), "{disciplines}");
}

scenes!(an_emulated_link_becomes_a_black_hole: root rootless_ipv6);

fn an_emulated_link_becomes_a_black_hole(place: &Place) {
    if let Some(missing) = skip::no_impairments(place) {
        return skip::say(&place.name, &missing);
    }
    let lab = Lab::up(place, &faulty::emulated(place));
    holes_open_and_close(&lab);
    lab.wait_for_site("west");
}

/// The round trips of the next `ping`, in nanoseconds.
fn ping(lab: &Lab<'_>) -> Vec<u64> {
    let since = lab.now();
    lab.fault("ping west.n1 home.c1").ok();
    lab.wait_for("a ping has been answered", |events| {
        let ping = events.iter().find(|e| e["event"] == "ping" && e["at"].as_u64() > Some(since))?;
        Some(ping["round_trips"].as_array()?.iter().filter_map(Value::as_u64).collect())
    })
}

scenes!(links_are_impaired_and_cleared: root rootless_ipv6);

fn links_are_impaired_and_cleared(place: &Place) {
    if let Some(missing) = skip::no_impairments(place) {
        return skip::say(&place.name, &missing);
    }
    let lab = Lab::up(place, &faulty::emulated(place));
    lab.wait_for_site("west");
    let not_impaired = "link west-a is neither impaired nor a black hole";
    lab.fault("clear west-a").expect_code(2).expect_stderr(&[not_impaired]);
    let link = lab.link("west-a");
    assert_eq!(link["ends"], serde_json::json!(["west", "a"]), "{link}");
    // Under netem, an end that does nothing has no discipline that could count.
    assert!(link["traffic"][0].is_null() || link["traffic"][0]["sent"].as_u64() > Some(0), "{link}");

    // Other properties stay; a property of one direction is its own.
    lab.fault("impair west-a delay=30ms").ok();
    lab.fault("impair west-a from a jitter=1ms").ok();
    let shown = place.run(&format!("status {}", lab.name)).ok();
    let shown = shown.expect_stdout(&["west-a from west  delay=30ms:", "west-a from a  delay=30ms jitter=1ms:"]);
    shown.expect_stdout(&["frames sent", "not undone: impair west-a"]);
    let slow = ping(&lab);
    assert!(!slow.is_empty() && slow.iter().all(|time| *time >= 59_000_000), "{slow:?}");

    // A loss of everything is a silent failure.
    lab.fault("impair west-a from west loss=100%").ok();
    lab.wait_for_session("a", "west", false);
    lab.wait_for_site("east");
    lab.fault("impair west-a from west loss=0%").ok();
    lab.wait_for_site("west");

    // What is cut meanwhile comes back as it was impaired, and what is cleared meanwhile comes back clear.
    lab.fault("cut west-a").ok();
    lab.fault("mend west-a").ok();
    lab.wait_for_session("a", "west", true);
    lab.wait_for_site("west");
    let slow = ping(&lab);
    assert!(!slow.is_empty() && slow.iter().all(|time| *time >= 59_000_000), "{slow:?}");
    lab.fault("cut west-a").ok();
    lab.fault("clear west-a").ok();
    lab.fault("mend west-a").ok();
    lab.fault("clear west-a").expect_code(2).expect_stderr(&[not_impaired]);
    assert_eq!(lab.damage(), [""; 0]);
    lab.wait_for_site("west");
    let quick = ping(&lab);
    assert!(quick.iter().min() < slow.iter().min(), "{quick:?} after {slow:?}");

    for (wrong, why) in [
        ("impair west-a", "a property"),
        ("impair west-a delay", "has no value"),
        ("impair west-a dely=1ms", "delay"),
        ("impair west-a loss=101%", "101%"),
        ("impair west-a jitter=1ms", "jitter"),
        ("impair west-a from b delay=1ms", "b"),
    ] {
        lab.fault(wrong).expect_code(2).expect_stderr(&[why]);
    }
    assert_eq!(lab.damage(), [""; 0]);
}

scenes!(a_bare_link_is_impaired_by_netem_or_not: root rootless);

fn a_bare_link_is_impaired_by_netem_or_not(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    let tried = lab.fault("impair west-a delay=30ms");
    if skip::no_netem(place).is_none() {
        tried.ok();
        assert!(ping(&lab).iter().all(|time| *time >= 59_000_000));
        lab.fault("clear west-a").ok();
    } else {
        tried.expect_code(2).expect_stderr(&["link west-a is a bare veth pair", "no netem", "`delay = \"0ms\"`"]);
    }
    assert_eq!(lab.damage(), [""; 0]);
    lab.wait_for_site("west");
}

scenes!(overlaps_are_undone_in_any_order: root rootless_dual);

fn overlaps_are_undone_in_any_order(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    let state = || (lab.has_carrier("west", "to-a"), lab.holes("west-a"));
    for fault in ["cut west-a", "fail west silently", "blackhole west-a from a", "partition west"] {
        lab.fault(fault).ok();
    }
    let mut left = vec!["blackhole west-a from a", "cut west-a", "fail west silently", "partition west"];
    for (undo, undone, state_then) in [
        ("recover west", "fail west silently", (false, [false, true])),
        ("mend west-a", "cut west-a", (false, [false, true])),
        ("heal west", "partition west", (true, [false, true])),
        ("clear west-a", "blackhole west-a from a", (true, [false, false])),
    ] {
        lab.fault(undo).ok();
        left.retain(|fault| *fault != undone);
        let mut damage = lab.damage();
        damage.sort_unstable();
        assert_eq!(damage, left, "after {undo}");
        assert_eq!(state(), state_then, "after {undo}");
    }
    lab.wait_for_site("west");
}

scenes!(stubs_fail_silently: root rootless_ipv6);

fn stubs_fail_silently(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    lab.wait_for_site("west");
    lab.try_out("fail west silently", "recover west", ["west has failed already", "west has not failed"], || {
        assert!(lab.has_carrier("west", "to-a") && lab.has_carrier("a", "to-west"));
        assert_eq!(lab.holes("west-a"), [true, true]);
        lab.fault("fail west").expect_code(2).expect_stderr(&["west has failed already"]);
        lab.wait_for_site("east");
    });
    lab.wait_for_site("west");
}

scenes!(a_short_cut_leaves_no_hole_in_the_tables: root rootless_ipv6);

fn a_short_cut_leaves_no_hole_in_the_tables(place: &Place) {
    // OSPF computes routes once a second: what has come back by then has never been away, except in the kernel.
    let text = "[[as]]\nname = \"net\"\nrouters = [\"k1\", \"k2\", \"k3\"]\nlinks = [\"k1-k2\", \"k2-k3\"]\n\n\
                [[stub]]\nname = \"s\"\nuplinks = [\"k3\"]\nmembers = 1\n";
    let lab = Lab::up(place, &place.write("short.toml", text));
    let family = if place.scene.family == Family::Ipv6 { "-6" } else { "-4" };
    let routes = || lab.exec("k1", &format!("ip {family} -o route show proto bird")).ok().stdout;
    let before = routes();
    assert!(before.lines().count() > 2, "{before}");
    for _ in 0..3 {
        lab.fault("cut k1-k2").ok();
        lab.fault("mend k1-k2").ok();
    }
    let begun = Instant::now();
    // BIRD looks at the kernel's routes every 20 s, and puts back what it believes in. Now and then it believes in
    // fewer than before (docs/limitations.md): these are not the kernel's to have.
    wait_until("the kernel has the routes that BIRD believes in", || {
        let now = routes();
        let table = lab.birdc("k1", "show route");
        let lines: Vec<&str> = table.lines().collect();
        let via = lines.windows(2).filter(|pair| pair[1].trim_start().starts_with("via ")).map(|pair| pair[0]);
        let believed: Vec<&str> = via.filter_map(|line| line.split_whitespace().next()).collect();
        let has = |prefix: &&str| {
            let host = prefix.trim_end_matches("/32").trim_end_matches("/128");
            now.lines().any(|line| line.split(' ').next().is_some_and(|to| to == *prefix || to == host))
        };
        let whole = now == before || begun.elapsed() > Duration::from_secs(45) && believed.iter().all(has);
        if whole { Ok(()) } else { Err(format!("{now}\n{table}\n{}", lab.birdc("k1", "show ospf neighbors"))) }
    });
}

scenes!(a_lab_with_physics_needs_somebody_who_does_it: root);

fn a_lab_with_physics_needs_somebody_who_does_it(place: &Place) {
    if skip::no_netem(place).is_none() {
        return skip::say(&place.name, "a lack of netem");
    }
    // Hides /dev/net/tun from the program.
    let hidden = |file: &Path| {
        let script = "mount -t tmpfs none /dev/net && exec \"$@\"";
        let program = place.command(Path::new("unshare")).args(["--mount", "sh", "-c", script, "sh"]);
        program.arg(env!("CARGO_BIN_EXE_anybed")).arg("run").arg(file).args(["--name", &place.name]).run()
    };
    hidden(&faulty::emulated(place)).expect_code(3).expect_stderr(&["netem", "/dev/net/tun", "modprobe"]);
    assert_eq!(place.run("ls").ok().stdout, "");
    // Without the physics it is a lab for everybody.
    let done = hidden(&place.copy(faulty::FILE));
    assert!([0, 5].contains(&done.code()), "{done}");
}
