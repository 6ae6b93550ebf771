//! Several runs of one lab: repeated, swept, summarized, interrupted.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Place, events, scenes, wait_for_play};

scenes!(runs_are_repeated_and_swept: root);

fn runs_are_repeated_and_swept(place: &Place) {
    let (file, out) = (place.copy("tests/system/labs/ways.toml"), place.out("series"));
    let run = place.anybed().arg("run").arg(&file).args(["--repeat", "2", "--sweep", "probe.every=10ms,20ms"]);
    let run = run.args(["--sweep", "stub.west.access.hold=3s", "--format", "json", "--out"]).arg(&out);
    let done = run.run();
    // What an overloaded machine measured is told, and not counted.
    assert!([0, 5].contains(&done.code()), "{done}");
    let summary = done.json();
    let done = done.expect_stderr(&["run 1 of 4: probe.every=10ms, stub.west.access.hold=3s, seed 1", "seed 2"]);
    let runs =
        |key: &str| -> Vec<Value> { summary["runs"].as_array().unwrap().iter().map(|r| r[key].clone()).collect() };
    assert_eq!(runs("name"), ["001", "002", "003", "004"]);
    assert_eq!(runs("seed"), [1, 2, 1, 2]);
    assert_eq!(runs("settings")[2]["probe.every"], "20ms");
    let valid = |i: usize| runs("verdict")[2 * i..2 * i + 2].iter().filter(|v| **v == "pass").count();
    for (i, combination) in summary["combinations"].as_array().unwrap().iter().enumerate() {
        assert_eq!(combination["counted"], valid(i), "{done}");
        for expected in combination["expectations"].as_array().unwrap() {
            assert_eq!(expected["passed"], expected["of"], "{done}");
        }
    }
    // The values did reach the labs.
    let probes = |run: &str| events(&out.join(run)).iter().filter_map(|e| e["probes"].as_array().map(Vec::len)).sum();
    let (often, seldom): (usize, usize) = (probes("001"), probes("003"));
    assert!(often > seldom * 3 / 2, "{often} and {seldom} probes");
    let report = |run: &str| std::fs::read_to_string(out.join(run).join("report.html")).unwrap();
    assert!(report("003").contains("--sweep=probe.every=20ms"));

    // From the records alone.
    let written = std::fs::read_to_string(out.join("summary.json")).unwrap();
    std::fs::remove_file(out.join("summary.json")).unwrap();
    let again = place.anybed().args(["report", "--format", "json"]).arg(&out).run();
    assert_eq!((again.code(), &again.stdout), (done.code(), &written));
    assert_eq!(std::fs::read_to_string(out.join("summary.json")).unwrap(), written);
}

scenes!(an_interrupted_series_tells_what_it_has: rootless_ipv6);

fn an_interrupted_series_tells_what_it_has(place: &Place) {
    let (file, out) = (place.copy("tests/system/labs/ways.toml"), place.out("series"));
    let run = place.anybed().arg("run").arg(&file).args(["--repeat", "9", "--family", "ipv6", "--out"]).arg(&out);
    let run = run.start();
    wait_for_play(&out.join("002"));
    run.signal(Signal::SIGINT);
    let done = run.wait().expect_code(130).expect_stdout(&["interrupted", "2 runs"]);
    let done = done.expect_stderr(&["interrupted: 2 of 9 runs are summarized"]);
    let text = std::fs::read_to_string(out.join("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert!(["pass", "invalid"].contains(&summary["runs"][0]["verdict"].as_str().unwrap()), "{done}");
    assert_eq!((&summary["runs"][1]["left_out"], &summary["runs"][2]), (&"interrupted".into(), &Value::Null));
    assert_eq!(std::fs::read_dir(place.runtime()).unwrap().count(), 0);
}
