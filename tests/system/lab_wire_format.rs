//! Gnutella on the wire, as somebody else's dissector reads it.

use nix::unistd::geteuid;

use crate::support::{Scene, judge, play, skipped, wait_for_play, wait_until};

/// Both versions on the same hosts: each has a port.
const FILE: &str = r#"
[lab]
name = "wire-format"
duration = "18s"

[[as]]
name = "net"
routers = ["r"]

[[stub]]
name = "campus"
uplinks = ["r"]
members = 4

[[overlay]]
name = "old"
protocol = "gnutella"
version = "0.4"
query_wait = "300ms"

[[overlay]]
name = "new"
protocol = "gnutella"
version = "0.6"
port = 6347
ultrapeers = 0.5
query_wait = "300ms"

[[timeline]]
at = "4s"
do = ["join old", "join new"]
over = "1s"

[[timeline]]
at = "8s"
do = ["share 6 in old", "share 6 in new"]

[[timeline]]
at = "10s"
do = "search 12 in new"

# More than the capture holds.
[[timeline]]
at = "12s"
do = "search 12 in old"

[[timeline]]
at = "13s"
do = "search 12 in old"

[[timeline]]
at = "14s"
do = "search 12 in old"

[[timeline]]
at = "15s"
do = "search 12 in old"
"#;

#[test]
fn a_capture_of_gnutella_is_read_without_a_malformed_packet() {
    let name = "a_capture_of_gnutella_is_read_without_a_malformed_packet";
    let scene = Scene::of(if geteuid().is_root() { "root" } else { "rootless" });
    play(name, scene, |place| {
        let tshark = match judge(place, "tshark") {
            Ok(tshark) => tshark,
            Err(missing) => return skipped(name, &missing),
        };
        let (lab, out) = (place.write("lab.toml", FILE), place.out("wire"));
        let run = place.anybed().arg("run").arg(&lab).args(["--name", &place.name, "--out"]).arg(&out).start();
        wait_for_play(&out);
        let file = place.path().join("gnutella.pcapng");
        let capture = place.anybed().args(["capture", &place.name, "campus.n1", "-c", "1000", "-w"]).arg(&file).start();
        wait_until("the capture has begun", || {
            std::fs::metadata(&file).map_or(0, |m| m.len()).checked_sub(1).ok_or("empty")
        });
        capture.wait().ok();
        run.wait().ok();

        let ports = ["-d", "tcp.port==6346,gnutella", "-d", "tcp.port==6347,gnutella"];
        let read = |filter: &str, fields: &[&str]| -> Vec<String> {
            let mut command = place.command(&tshark).args(["-n", "-r"]).arg(&file).args(ports).args(["-Y", filter]);
            if !fields.is_empty() {
                command = command.args(["-T", "fields"]).args(fields.iter().flat_map(|field| ["-e", field]));
            }
            command.run().ok().stdout.lines().map(str::to_owned).collect()
        };
        let malformed = read("_ws.malformed", &[]);
        assert!(malformed.is_empty(), "{malformed:?}");
        for port in [6346, 6347] {
            let kinds = read(&format!("gnutella && tcp.port == {port}"), &["gnutella.header.payload"]);
            let has = |kind: &str| kinds.iter().any(|line| line.split(',').any(|of| of.eq_ignore_ascii_case(kind)));
            for (kind, what) in [("0", "ping"), ("1", "pong"), ("128", "query"), ("129", "hit")] {
                let hex = format!("0x{:02x}", kind.parse::<u8>().unwrap());
                assert!(has(kind) || has(&hex), "{port}: no {what} among {kinds:?}");
            }
            let asked = read(&format!("gnutella.query.search && tcp.port == {port}"), &["gnutella.query.search"]);
            assert!(asked.iter().any(|words| words.contains("item i")), "{port}: {asked:?}");
            let named = read(&format!("gnutella.queryhit.hit && tcp.port == {port}"), &["gnutella.queryhit.hit.name"]);
            assert!(named.iter().any(|names| names.contains("item i")), "{port}: {named:?}");
        }
    });
}
