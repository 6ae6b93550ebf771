//! What this machine lacks for a test. A skip is said aloud, past the test runner's capture; with
//! `ANYBED_TEST_NO_SKIP=1` it is a failure.

use std::io::Write;
use std::path::Path;

use nix::unistd::geteuid;

use super::place::Place;
use super::scene::As;

/// The feature without which no lab can be built in this place.
pub(super) fn missing(place: &Place) -> Option<String> {
    if place.scene.who == As::Root && !geteuid().is_root() {
        return Some("root: run the tests with sudo to include it".into());
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&folders).chain(["/usr/sbin".into()]);
    if !folders.into_iter().any(|folder| folder.join("bird").exists()) {
        return Some("BIRD: install bird2".into());
    }
    // Asked of another program than the one under test, which might deny it wrongly.
    let mut namespaces = vec!["--mount", "--pid", "--net", "--fork"];
    if place.scene.who == As::Rootless {
        namespaces.extend(["--user", "--map-root-user"]);
    }
    let tried = place.command(Path::new("unshare")).args(namespaces).arg("true").run();
    (tried.code() != 0).then(|| format!("namespaces of this user: {tried}"))
}

/// Says that a test has not been run.
pub(crate) fn say(test: &str, feature: &str) {
    let line = format!("SKIPPED {test}: this machine lacks {feature}\n");
    assert!(std::env::var_os("ANYBED_TEST_NO_SKIP").is_none(), "{line}");
    write(&line);
}

/// Says what a test that runs has not looked at, and why: no skip.
pub(crate) fn remark(test: &str, text: &str) {
    write(&format!("NOTE {test}: {text}\n"));
}

fn write(line: &str) {
    // Not `eprintln!`, which the test runner shows only for failures.
    std::io::stderr().write_all(line.as_bytes()).expect("write to standard error");
}

/// Why links cannot be impaired in this place; `None`: they can, by netem or by wires.
pub(crate) fn no_impairments(place: &Place) -> Option<String> {
    let netem = no_netem(place)?;
    let opened = place.command(Path::new("sh")).args(["-c", ": <>/dev/net/tun"]).run();
    (opened.code() != 0).then(|| format!("{netem}, and a /dev/net/tun for this user: {}", opened.stderr.trim()))
}

/// Why the kernel cannot impair a veth.
pub(crate) fn no_netem(place: &Place) -> Option<String> {
    let mut words = vec!["--net"];
    if place.scene.who == As::Rootless {
        words.extend(["--user", "--map-root-user"]);
    }
    words.extend(["tc", "qdisc", "add", "dev", "lo", "root", "netem", "loss", "1%"]);
    let tried = place.command(Path::new("unshare")).args(words).run();
    (tried.code() != 0).then(|| "netem in this kernel".to_owned())
}
