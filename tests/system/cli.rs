//! The command line: help, exit codes, and what is said when something is wrong.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{Place, Scene, play, project, scenes};

/// Nothing of a lab is there: no runtime entry, no run directory, nothing temporary.
#[track_caller]
fn assert_untouched(place: &Place) {
    for folder in [place.runtime(), place.temporary()] {
        let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
    assert!(!place.path().join("anybed-out").exists() && !place.path().join("out").exists());
}

#[test]
fn help() {
    let place = Place::new("help");
    let help = |words: &[&str]| place.anybed().env_remove("COLUMNS").args(words).arg("--help").run().ok().stdout;
    let overview = help(&[]);
    assert_snapshot!("help", overview);
    let commands: Vec<_> = overview
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ").filter(|l| !l.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.contains(&"run") && commands.contains(&"doctor"), "{commands:?}");
    assert!(!commands.contains(&"node"), "the process on a host is nobody's command: {commands:?}");
    for command in commands.iter().filter(|c| **c != "help") {
        let text = help(&[command]);
        assert_snapshot!(format!("help_{command}"), text);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "lines of at most 100 columns: {text}");
    }
}

#[test]
fn wrong_usage_is_exit_2() {
    let place = Place::new("usage");
    let file = project("topologies/two-sites.toml");
    let file = file.to_str().unwrap();
    for (words, part) in [
        ("".to_owned(), "Usage"),
        ("fly".into(), "unrecognized subcommand 'fly'"),
        ("run".into(), "<FILE>"),
        (format!("run {file} --family ipv5"), "possible values: ipv4, ipv6, dual"),
        (format!("run {file} --seed many"), "invalid value 'many'"),
        (format!("run {file} --name Nice!"), "a-z 0-9 - _"),
        (format!("run {file} --repeat 0"), "1..=100000"),
        (format!("run {file} --sweep timers"), "write KEY=VALUE"),
        (format!("run {file} --sweep stub.wset.clients=2"), "did you mean `west`?"),
        (format!("run {file} --sweep stub.wset.clients=2 --sweep timers=lab,rcf"), "did you mean `rfc`?"),
        (format!("run {file} --sweep probe.evry=5ms"), "did you mean `every`?"),
        (format!("run {file} --seed 1 --sweep seed=1,2"), "--seed and --sweep lab.seed exclude one another"),
        (format!("run {file} --sweep seed=1,2 --sweep lab.seed=3"), "--sweep seed twice"),
        (format!("run {file} --build-only --sweep seed=1,2"), "--build-only builds one lab"),
        ("run no-such-file.toml".into(), "no-such-file.toml"),
        ("check no-such-file.toml".into(), "no-such-file.toml"),
        ("report no-such-folder".into(), "no-such-folder"),
        ("diff no-such-folder other".into(), "no-such-folder"),
        (format!("diff {file} {file}"), "this is no report of this anybed"),
        ("diff a b --tolerance much".into(), "a number such as 25%"),
        ("down".into(), "which lab?"),
        ("import no-such-file.graphml".into(), "no-such-file.graphml"),
        ("generate tree --nodes 0".into(), "error"),
        ("generate random --nodes 5 --links 3".into(), "error"),
    ] {
        place.run(&words).expect_code(2).expect_stderr(&[part]);
    }
    for command in ["down", "status", "exec", "shell", "fault"] {
        let more = match command {
            "exec" => " node true",
            "fault" => " fail campus",
            _ => "",
        };
        let done = place.run(&format!("{command} nolab{more}")).expect_code(2);
        done.expect_stderr(&["no lab nolab is running (no lab is running)"]);
    }
    assert_untouched(&place);
}

#[test]
fn every_mistake_of_a_file_is_reported() {
    let place = Place::new("mistakes");
    let file = project("tests/fixtures/mistakes.toml");
    for command in ["run", "up", "plan", "check"] {
        let done = place.anybed().arg(command).arg(&file).run().expect_code(2);
        let headings: Vec<_> = done.stderr.lines().filter(|line| line.starts_with("error")).collect();
        assert!(headings.len() >= 10, "{} mistakes in {done}", headings.len());
        let lines: BTreeSet<_> = done.stderr.lines().filter_map(|l| l.split("mistakes.toml:").nth(1)).collect();
        assert!(lines.len() >= 10, "places of mistakes: {lines:?} in {done}");
        assert_eq!(done.stdout, "", "{done}");
    }
    let json = place.anybed().args(["check", "--format", "json"]).arg(&file).run().expect_code(2);
    let problems = json.json();
    assert!(problems.as_array().is_some_and(|all| all.len() >= 10), "{json}");
    assert_untouched(&place);
}

#[test]
fn without_bird_is_exit_3() {
    let place = Place::new("no-bird");
    let file = project("topologies/two-sites.toml");
    let empty = place.folder("empty");
    let run = || place.anybed().arg("run").arg(&file);

    let hint = if Path::new("/usr/sbin/bird").exists() { "PATH=$PATH:/usr/sbin" } else { "apt-get install bird2" };
    run().env("PATH", &empty).run().expect_code(3).expect_stderr(&["BIRD is not in PATH", hint]);
    run().env("ANYBED_BIRD", "/bin/true").run().expect_code(3).expect_stderr(&["/bin/true does not run"]);

    let fake = place.write("bird", "#!/bin/sh\necho 'BIRD version 4.0.0' >&2\n");
    fs::set_permissions(&fake, Permissions::from_mode(0o755)).unwrap();
    run().env("ANYBED_BIRD", &fake).run().expect_code(3).expect_stderr(&["is BIRD 4.0.0", "needs BIRD 2", "2.0.12"]);
    let check = place.anybed().args(["check", "--configs"]).arg(&file).env("PATH", &empty).run();
    check.expect_code(3).expect_stderr(&["BIRD is not in PATH"]);

    let doctor = place.anybed().arg("doctor").env("PATH", &empty).run().expect_code(3);
    doctor.expect_stdout(&["✗ BIRD", "BIRD is not in PATH"]);
    // All that needs no BIRD works without.
    place.anybed().arg("check").arg(&file).env("PATH", &empty).run().ok();
    place.anybed().arg("plan").arg(&file).env("PATH", &empty).run().ok();
    assert_untouched(&place);
}

#[test]
fn where_no_bird_is_installed_the_install_line_is_said() {
    play("not-installed", Scene::of("root"), |place| {
        let script = "mount -t tmpfs none /usr/sbin && exec \"$0\" run \"$1\"";
        let unshare = place.command(Path::new("unshare")).args(["--mount", "sh", "-c", script]);
        let run = unshare.arg(env!("CARGO_BIN_EXE_anybed")).arg(project("topologies/two-sites.toml"));
        run.run().expect_code(3).expect_stderr(&["install it with `sudo apt-get install bird2`"]);
        assert_untouched(place);
    });
}

scenes!(a_config_that_bird_refuses_ends_the_lab: root rootless);

fn a_config_that_bird_refuses_ends_the_lab(place: &Place) {
    let folder = place.folder("templates");
    let template = fs::read_to_string(project("bird-configs/host.conf.j2")).unwrap();
    let line = template.lines().position(|l| l.starts_with("router id")).unwrap() + 1;
    place
        .write("templates/host.conf.j2", &template.replace("router id {{ router_id }};", "router di {{ router_id }};"));
    let file = place.copy("tests/system/labs/pair.toml");

    let check = place.anybed().args(["check", "--configs", "--bird-configs"]).arg(&folder).arg(&file).run();
    let at = format!("west.n1.conf:{line}:");
    check.expect_code(2).expect_stderr(&["refuses the config of west.n1", &at, "syntax error"]);
    assert_untouched(place);

    let out = place.out("refused");
    let run = place.anybed().arg("run").arg(&file).arg("--bird-configs").arg(&folder).arg("--out").arg(&out).run();
    let config = format!("{}/bird/", out.display());
    run.expect_code(4).expect_stderr(&["the bird of", "syntax error", &config, &format!(".n1.conf:{line}:")]);
    let up = place.anybed().arg("up").arg(&file).arg("--bird-configs").arg(&folder).run();
    up.expect_code(4).expect_stderr(&["the bird of", "syntax error"]);
    assert_eq!(fs::read_dir(place.runtime()).unwrap().count(), 0);
    assert_eq!(place.run("ls").ok().stdout, "");
}

scenes!(a_run_is_a_json_document_that_the_record_yields_again: root rootless);

fn a_run_is_a_json_document_that_the_record_yields_again(place: &Place) {
    let file = place.copy("tests/system/labs/pair.toml");
    let out = place.out("pair");
    let run = place.anybed().arg("run").arg(&file).args(["--format", "json", "--seed", "5", "--out"]).arg(&out).run();
    let report = run.json();
    let done = match run.code() {
        // The machine did not keep up; the document is the same.
        5 => run.expect_code(5),
        _ => run.ok(),
    };
    assert_eq!(report["schema"], 1, "{report}");
    assert_eq!(report["lab"], "pair", "{report}");
    assert_eq!(report["seed"], 5, "{report}");
    assert_eq!(report["verdict"], if done.code() == 0 { "pass" } else { "invalid" }, "{report}");
    let phases: Vec<_> = report["phases"].as_array().unwrap().iter().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!((phases.first(), phases.last()), (Some(&"plan"), Some(&"routing")), "{phases:?}");
    assert!(phases.contains(&"processes"), "{phases:?}");
    assert!(report["phases"].as_array().unwrap().iter().all(|p| p["seconds"].is_f64()), "{report}");
    for (what, count) in [("routers", 1), ("hosts", 3), ("clients", 1)] {
        assert_eq!(report["nodes"][what], count, "{report}");
    }
    let catchment = &report["catchments"][0];
    assert!(catchment["at"].is_f64() && catchment["disagreements"].is_array(), "{catchment}");
    assert_eq!(catchment["group"], "198.51.100.1", "{catchment}");
    assert!(catchment["clients"]["home.c1"].is_string(), "{catchment}");
    let fault = &report["faults"][0];
    assert_eq!(fault["fault"], "withdraw west.n1 dns", "{fault}");
    assert!(fault["lost"].is_u64(), "{fault}");
    for number in ["at", "detect_ms", "last_fib_change_ms"] {
        assert!(fault[number].is_f64(), "{number} of {fault}");
    }
    assert!(fault.get("first_reply_ms").is_some(), "{fault}");
    assert!(report["overlays"].is_object(), "{report}");
    let expectation = &report["expectations"][0];
    assert_eq!(expectation["name"], "the other site takes over", "{expectation}");
    assert_eq!(expectation["verdict"], "pass", "{expectation}");
    assert!(expectation["observed"].is_string(), "{expectation}");
    assert!(report["fidelity"]["valid"].is_boolean(), "{report}");
    assert!(report["fidelity"]["worst_sched_delay_ms"].is_f64(), "{report}");

    assert_eq!(fs::read_to_string(out.join("report.json")).unwrap(), done.stdout);
    let again = place.anybed().arg("report").arg(&out).args(["--format", "json"]).run().expect_code(done.code());
    assert_eq!(again.stdout, done.stdout);
    let text = place.anybed().arg("report").arg(&out).run().expect_code(done.code());
    assert_eq!(text.stdout, fs::read_to_string(out.join("report.txt")).unwrap());
    every_form_is_there(place, &out, done.code());
    assert_eq!(fs::read_dir(place.runtime()).unwrap().count(), 0);
}

/// What a run leaves, `report` makes again elsewhere, and nothing has changed between a run and itself.
fn every_form_is_there(place: &Place, out: &Path, code: i32) {
    let elsewhere = place.path().join("elsewhere");
    let report = place.anybed().arg("report").arg(out).args(["--format", "markdown", "--out"]).arg(&elsewhere).run();
    assert!(report.expect_code(code).stdout.starts_with("## pair: "));
    for file in ["report.json", "report.txt", "report.html", "junit.xml", "csv/probes.csv", "csv/routes.csv"] {
        let (here, there) = (fs::read_to_string(out.join(file)).unwrap(), fs::read_to_string(elsewhere.join(file)));
        assert!(!here.is_empty() && here == there.unwrap(), "{file}");
    }
    let same = place.anybed().arg("diff").arg(out).arg(elsewhere.join("report.json")).run().ok();
    assert!(same.stdout.contains("not worse"), "{same}");
}

scenes!(an_expectation_that_fails_is_exit_1: root rootless);

fn an_expectation_that_fails_is_exit_1(place: &Place) {
    let text = fs::read_to_string(project("tests/system/labs/pair.toml")).unwrap();
    // By then the site has withdrawn its route for a while.
    let later = text.replace("at = \"500ms\"\nwithin = \"3s\"", "at = \"2s\"");
    let file = place.write("pair.toml", &later.replace("== east.n1", "== west.n1"));
    assert_ne!(text, later);
    let run = place.anybed().arg("run").arg(&file).args(["--format", "json", "--quiet"]).run();
    assert!(run.code() == 1 || run.code() == 5, "{run}");
    assert_eq!(run.json()["expectations"][0]["verdict"], "fail", "{run}");
    assert_eq!(run.stderr, "", "{run}");
}

#[test]
fn a_network_is_drawn() {
    let place = Place::new("graph");
    let file = project("topologies/two-sites.toml");
    for (words, begin) in
        [("", "<svg xmlns="), ("--format dot", "digraph \"two-sites\" {"), ("--format mermaid -o -", "flowchart TD")]
    {
        let graph = place.anybed().arg("graph").arg(&file).args(words.split_whitespace()).run().ok();
        assert!(graph.stdout.starts_with(begin), "{graph}");
    }
    let drawn = place.path().join("net.mmd");
    place.anybed().arg("graph").arg(&file).arg("-o").arg(&drawn).run().ok();
    assert!(fs::read_to_string(&drawn).unwrap().starts_with("flowchart TD"));
    let other = place.anybed().arg("graph").arg(&file).args(["-o", "net.png"]).run().expect_code(2);
    other.expect_stderr(&["what is a .png file? .svg, .dot and .mermaid are known"]);
    place.run("graph nolab").expect_code(2).expect_stderr(&["no lab nolab is running"]);
    assert_untouched(&place);
}

#[test]
fn import_and_generate_print_lab_files() {
    let place = Place::new("lab-files");
    let import = |name: &str| place.anybed().arg("import").arg(project("tests/fixtures").join(name)).run();
    import("truncated.graphml").expect_code(2).expect_stderr(&["truncated.graphml"]);
    import("wrong.graphml").expect_code(2);
    let imported = import("quirks.graphml").ok();
    assert!(imported.stdout.contains("[[as]]"), "{imported}");

    let generate = |words: &str| place.run(&format!("generate {words}")).ok().stdout;
    let random = "random --nodes 12 --links 15 --stubs 3 --seed";
    assert_eq!(generate(&format!("{random} 4")), generate(&format!("{random} 4")));
    assert_ne!(generate(&format!("{random} 4")), generate(&format!("{random} 5")));
    for (name, text) in [
        ("imported.toml", imported.stdout),
        ("random.toml", generate(&format!("{random} 4"))),
        ("tree.toml", generate("tree --nodes 10 --branching 2 --stubs 2")),
    ] {
        let file = place.write(name, &text);
        let check = place.anybed().arg("check").arg(&file).run().ok();
        assert!(check.stdout.contains("nodes"), "{check}");
        let plan = place.anybed().arg("plan").arg(&file).run().ok();
        if name != "imported.toml" {
            let routers = plan.stdout.lines().filter(|l| l.starts_with("bird ")).count();
            assert!(routers >= 10, "{plan}");
        }
    }
    let relations = generate("internet --nodes 300 --as-rel");
    let file = place.write("as-rel.txt", &relations);
    let reduce =
        |file: &Path| place.anybed().arg("import").arg(file).args(["--ases", "50", "--sites", "250,299"]).run();
    let reduced = reduce(&file).ok().stdout;
    assert!(reduced.contains("# 50 of 300 ASes") && reduced.contains("name = \"site-299\""), "{reduced}");
    let mut packed = bzip2::read::BzEncoder::new(relations.as_bytes(), bzip2::Compression::fast());
    let compressed = place.path().join("as-rel2.txt.bz2");
    std::io::copy(&mut packed, &mut fs::File::create(&compressed).unwrap()).unwrap();
    assert_eq!(reduce(&compressed).ok().stdout, reduced);
    reduce(&place.write("wrong.txt", "1|2|-1\n1|3|x\n"))
        .expect_code(2)
        .expect_stderr(&["wrong.txt:2", "neither -1 nor 0"]);
    reduce(&place.write("small.txt", "1|2|-1\n")).expect_code(2).expect_stderr(&["AS250 is not in the file"]);
    let parts = place.write("parts.txt", "1|2|0\n3|4|0\n1|5|-1\n3|6|-1\n64512|2|0\n");
    let import = |sites: &str| place.anybed().arg("import").arg(&parts).args(["--sites", sites]).run();
    import("6").expect_code(2).expect_stderr(&["AS6 has no way up to the top"]);
    let twice = import("5,5").ok().expect_stderr(&["1 ASes with private or reserved numbers"]);
    let twice = place.write("twice.toml", &twice.stdout);
    place.anybed().arg("check").arg(&twice).run().ok();
    assert_untouched(&place);
}

scenes!(doctor_says_what_is_there: root rootless);

fn doctor_says_what_is_there(place: &Place) {
    place.run("doctor").ok().expect_stdout(&["✓ BIRD", "✓ sandbox"]);
    let lines = place.run("doctor --format json").ok().json();
    let bird = lines.as_array().unwrap().iter().find(|l| l["name"] == "BIRD").unwrap();
    assert_eq!((&bird["ok"], &bird["needed"], &bird["fix"]), (&true.into(), &true.into(), &Value::Null), "{bird}");
    for line in lines.as_array().unwrap() {
        // Whatever is missing can be had somehow, and it says how.
        assert_eq!(line["ok"] == true, line["fix"].is_null(), "{line}");
        assert!(line["found"].is_string(), "{line}");
    }
}
