//! Names of an infrastructure, as `dig`, a resolver and web clients see them.

use std::time::{Duration, Instant};

use nix::unistd::geteuid;

use crate::lab_infrastructures::{FILE, SLACK, note, serve, wait_for_page, wait_for_registered};
use crate::support::{Lab, Place, Scene, judge, play, skipped, wait_until};

const NEWS: &str = "news.directory.test";

fn with_judges(name: &str, judges: &[&str], body: impl FnOnce(&Place, &[String])) {
    let scene = Scene::of(if geteuid().is_root() { "root" } else { "rootless" });
    play(name, scene, |place| {
        let found: Result<Vec<_>, _> = judges.iter().map(|name| judge(place, name)).collect();
        match found {
            Ok(found) => body(place, &found.iter().map(|p| p.display().to_string()).collect::<Vec<_>>()),
            Err(missing) => skipped(name, &missing),
        }
    });
}

/// Addresses that `dig` is given, the first one first.
fn dig(lab: &Lab<'_>, dig: &str, from: &str, words: &[&str]) -> Vec<String> {
    let asked = [&[dig, "+short", "+tries=1", "+time=2", NEWS], words].concat();
    lab.exec_args(from, &asked).stdout.lines().filter(|l| !l.starts_with(';')).map(str::to_owned).collect()
}

#[test]
fn names_lead_to_the_nearest_replica() {
    with_judges("names_lead_to_the_nearest_replica", &["dig", "unbound"], |place, judges| {
        let [dig_, unbound] = judges else { panic!("two judges") };
        let lab = Lab::up(place, &place.copy(FILE));
        let _servers = serve(&lab, &["west.n2", "mid.n2", "east.n2"]);
        wait_for_registered(&lab, "directory", "news", 3);
        let [west, mid, east] = ["west.s", "mid.s", "east.s"].map(|host| lab.address(host));
        let [near, second, far] = ["west.n2", "mid.n2", "east.n2"].map(|host| lab.address(host));
        let at = |core: &str| format!("@{core}");
        let first = |client: &str, words: &[&str], replica: &str| {
            wait_until(&format!("{client} is given {replica} by {words:?}"), || {
                let given = dig(&lab, dig_, client, words);
                if given.first().is_some_and(|first| first == replica) { Ok(given) } else { Err(format!("{given:?}")) }
            })
        };
        // Whoever is asked, by whatever transport.
        for core in [&west, &mid, &east] {
            // Registrations have reached one core, and come to the others by and by.
            wait_until("all are given, by distance", || {
                let given = dig(&lab, dig_, "west.c1", &[&at(core)]);
                if given == [&near[..], &second, &far] { Ok(()) } else { Err(format!("{given:?}")) }
            });
            first("east.c1", &[&at(core), "+tcp"], &far);
        }
        // A resolver tells for whom it asks; the answer holds for the stub's prefix.
        first("east.c1", &[&at(&east), &format!("+subnet={west}/32")], &near);
        let shown = lab.exec_args("east.c1", &[dig_, NEWS, &at(&east), &format!("+subnet={west}/24")]).ok().stdout;
        let scope = shown.lines().find_map(|line| line.split_once("CLIENT-SUBNET: ")).map(|(_, subnet)| subnet);
        assert!(scope.is_some_and(|subnet| subnet.ends_with("/24/26")), "{shown}");

        // By the web: over one redirect.
        let url = format!("http://{mid}/news/");
        wait_for_page(&lab, "west.c1", &url, "west.n2");
        wait_for_page(&lab, "east.c1", &url, "east.n2");

        let config = place.write("unbound.conf", &unbound_config(place, &[&west, &mid, &east]));
        let _resolver = lab.start("west.c1", &[unbound, "-d", "-c", config.to_str().unwrap()]);
        let resolved = || dig(&lab, dig_, "west.c1", &["@127.0.0.1"]);
        let all = wait_until("the resolver answers", || {
            let given = resolved();
            if given.len() == 3 { Ok(given) } else { Err(format!("{given:?}")) }
        });
        assert!(all.contains(&near), "{all:?}");

        lab.fault("crash west.n2 host").ok();
        let began = Instant::now();
        let limit = Duration::from_secs(3 + 2) + SLACK;
        let gone = |asked: &dyn Fn() -> Vec<String>| {
            wait_until("the dead replica is not given any more", || {
                let given = asked();
                if given.is_empty() || given.contains(&near) { Err(format!("{given:?}")) } else { Ok(given) }
            });
            began.elapsed()
        };
        let by_resolver = gone(&resolved);
        let by_core = gone(&|| dig(&lab, dig_, "west.c1", &[&at(&west)]));
        note(&format!(
            "OASIS: unbound gave a dead replica for {:.1} s (lease 3 s, TTL 2 s)",
            by_resolver.as_secs_f64()
        ));
        assert!(by_resolver < limit && by_core < limit, "{by_resolver:?} {by_core:?}");
        wait_for_page(&lab, "west.c1", &url, "mid.n2");
        lab.fault("restart west.n2 host").ok();
    });
}

/// A recursive resolver that knows where the zone's name servers are and nothing else of the world.
fn unbound_config(place: &Place, cores: &[&str]) -> String {
    let stubs: String = cores.iter().map(|core| format!("    stub-addr: {core}\n")).collect();
    format!(
        "server:
    directory: \"{}\"
    chroot: \"\"
    username: \"\"
    pidfile: \"\"
    use-syslog: no
    interface: 127.0.0.1
    do-ip6: no
    module-config: \"iterator\"
    # It would else answer that there is nothing below `test.` (RFC 6761 §6.2).
    local-zone: \"test.\" nodefault
remote-control:
    control-enable: no
stub-zone:
    name: \"directory.test.\"
{stubs}",
        place.path().display()
    )
}
