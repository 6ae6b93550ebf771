//! What commands do in a lab, and with a run directory, that they do not have to themselves.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Lab, Place, events, scenes, wait_for_play, wait_until};

/// Command lines of all processes.
fn processes() -> Vec<String> {
    let text = |entry: std::fs::DirEntry| std::fs::read(entry.path().join("cmdline")).ok();
    let texts = std::fs::read_dir("/proc").unwrap().flatten().filter_map(text);
    texts.map(|text| String::from_utf8_lossy(&text).replace('\0', " ")).collect()
}

fn count(what: &str) -> usize {
    processes().iter().filter(|line| line.trim() == what).count()
}

fn wait_for(what: &str, number: usize) {
    wait_until(&format!("{number} of `{what}` run"), || match count(what) {
        n if n == number => Ok(()),
        n => Err(format!("{n}")),
    });
}

scenes!(a_program_ends_with_its_command: root rootless);

fn a_program_ends_with_its_command(place: &Place) {
    let lab = Lab::up(place, &place.copy("tests/system/labs/pair.toml"));
    // One that no signal but the last ends, and one that has left its parent.
    let number = 40_000 + std::process::id();
    let (own, orphan) = (format!("sleep {number}.1"), format!("sleep {number}.2"));
    let script = format!("trap '' TERM HUP; setsid sh -c '{orphan} & exit' ; {own}");
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGKILL] {
        let exec = place.anybed().args(["exec", &lab.name, "west", "--", "sh", "-c", &script]).start();
        wait_for(&own, 1);
        wait_for(&orphan, 1);
        kill(Pid::from_raw(exec.pid()), signal).unwrap();
        wait_for(&own, 0);
        wait_for(&orphan, 0);
        exec.wait();
    }

    // What ends by itself may leave something behind, until the lab ends.
    let script = format!("{orphan} > /dev/null 2>&1 & exit 3");
    lab.exec_args("west", &["sh", "-c", &script]).expect_code(3);
    wait_for(&orphan, 1);
    let exec = place.anybed().args(["exec", &lab.name, "west", "--", "sleep", &format!("{number}.1")]).start();
    wait_for(&own, 1);
    lab.down().ok();
    assert_eq!((count(&own), count(&orphan)), (0, 0));
    exec.wait().expect_code(128 + 9);
}

scenes!(a_program_runs_where_its_command_does: root rootless);

fn a_program_runs_where_its_command_does(place: &Place) {
    let lab = Lab::up(place, &place.copy("tests/system/labs/pair.toml"));
    let here = place.path().canonicalize().unwrap();
    let pwd = |directory: &std::path::Path| {
        let pwd = place.anybed().directory(directory).args(["exec", &lab.name, "west", "--", "/bin/pwd", "-P"]);
        pwd.run().ok().stdout.trim().to_owned()
    };
    assert_eq!(pwd(&here), here.display().to_string());
    // The lab's /proc is another one, and has no such process.
    assert_eq!(pwd(std::path::Path::new(&format!("/proc/{}", std::process::id()))), "/");
    lab.down().ok();
}

scenes!(a_run_directory_has_one_run: root rootless);

fn a_run_directory_has_one_run(place: &Place) {
    let (file, out) = (place.copy("tests/system/labs/pair.toml"), place.out("shared"));
    let run = |command: &str| place.anybed().arg(command).arg(&file).arg("--out").arg(&out);
    let first = run("run").args(["--name", "first"]).start();
    wait_for_play(&out);
    let told = [out.to_str().unwrap(), "lab first (anybed run, process", "--out"];
    run("run").args(["--name", "second"]).run().expect_code(2).expect_stderr(&told);
    run("up").args(["--name", "second"]).run().expect_code(2).expect_stderr(&told);
    run("run").args(["--name", "second", "--repeat", "2"]).run().expect_code(2).expect_stderr(&told);
    // Its report can be read meanwhile, and is written by the run alone.
    let report = place.anybed().arg("report").arg(&out).run();
    report.expect_stderr(&["no files are written", "lab first"]);
    assert!(!place.runtime().join("second").exists());
    let done = first.wait();
    assert!([0, 5].contains(&done.code()), "{done}");
    assert!(!out.join(".anybed-lock").exists());

    // A killed run's directory is free again.
    std::fs::remove_file(out.join("events.jsonl")).unwrap();
    let killed = run("run").args(["--name", "third"]).start();
    wait_for_play(&out);
    killed.signal(Signal::SIGKILL);
    killed.wait();
    let last = wait_until("the directory is free", || {
        let done = run("run").args(["--name", "fourth"]).run();
        if done.code() == 2 { Err(format!("{done}")) } else { Ok(done) }
    });
    assert!([0, 5].contains(&last.code()), "{last}");
    assert_eq!(events(&out).last().unwrap()["reason"], "played");
}

scenes!(the_longest_names_travel_whole: root);

fn the_longest_names_travel_whole(place: &Place) {
    let (file, out) = (place.copy("tests/system/labs/long-names.toml"), place.out("long"));
    let done = place.anybed().arg("run").arg(&file).args(["--format", "json", "--out"]).arg(&out).run();
    // An overloaded machine does not count; its report says the same.
    assert!([0, 5].contains(&done.code()), "{done}");
    let report = done.json();
    for expectation in report["expectations"].as_array().unwrap() {
        assert_eq!(expectation["verdict"], "pass", "{expectation}");
    }
    let text = report.to_string();
    for site in ["a", "b"] {
        let host = format!("site-with-the-longest-name-of-1{site}.member-with-the-longest-name-1-{site}");
        assert!(text.contains(&host), "{host}");
        assert!(!text.contains(&format!("{}\"", &host[..64])), "a name was cut");
    }
}
