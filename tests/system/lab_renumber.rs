//! Hosts that get new addresses: members, sites, clients; with their link up or down.

use serde_json::Value;

use crate::support::{Family, Lab, Place, project, scenes, wait_until};

/// Addresses on the interface to `peer`, without link-local ones.
fn addresses(lab: &Lab<'_>, node: &str, peer: &str) -> Vec<String> {
    let shown = lab.exec(node, &format!("ip -o addr show dev to-{peer} scope global")).ok();
    shown.stdout.lines().filter_map(|line| line.split_whitespace().nth(3)).map(str::to_owned).collect()
}

/// What the kernel of a host knows of its gateway: default routes, then permanent neighbors.
fn ways_out(lab: &Lab<'_>, host: &str, families: Family) -> (String, String) {
    let flags = if families == Family::Ipv4 { &["-4"][..] } else { &["-4", "-6"] };
    let routes = flags.iter().map(|flag| lab.exec(host, &format!("ip -o {flag} route show default")).ok().stdout);
    (routes.collect(), lab.exec(host, "ip -o neigh show nud permanent").ok().stdout)
}

fn established(lab: &Lab<'_>, node: &str) -> usize {
    lab.birdc(node, "show protocols").lines().filter(|line| line.contains("Established")).count()
}

/// The lines of `show protocols` on a node's sessions with `peer`: state, and since when.
fn sessions(lab: &Lab<'_>, node: &str, peer: &str) -> Vec<String> {
    let all = lab.birdc(node, "show protocols");
    let is_it = |name: &str| name == format!("ebgp-{peer}") || name.starts_with(&format!("ebgp-{peer}-ipv"));
    all.lines().filter(|l| l.split_whitespace().next().is_some_and(is_it)).map(str::to_owned).collect()
}

fn renumber(lab: &Lab<'_>, host: &str) -> u64 {
    lab.fault(&format!("renumber {host}")).ok().expect_stdout(&[&format!("renumber {host}")]);
    anybed::kernel::now()
}

fn wait_for_event(lab: &Lab<'_>, what: &str, since: u64, is_it: impl Fn(&Value) -> bool) -> Value {
    lab.wait_for(what, |events| {
        events.iter().find(|e| e["at"].as_u64().is_some_and(|at| at > since) && is_it(e)).cloned()
    })
}

scenes!(a_site_is_renumbered: root rootless rootless_ipv6 root_dual);

fn a_site_is_renumbered(place: &Place) {
    let lab = Lab::up(place, &place.copy("topologies/two-sites.toml"));
    let families = place.scene.family.pick("0.0.0.0", "::").len();
    lab.wait_for_answer("home.c1", "west.n1", 0);
    let (host, gateway) = (addresses(&lab, "west.n1", "west"), addresses(&lab, "west", "n1"));
    let uplink = sessions(&lab, "west", "r1");
    let before = lab.now();
    assert_eq!((host.len(), gateway.len(), uplink.len()), (families, families, families));

    let mut had = vec![host];
    for _ in 0..2 {
        let renumbered = renumber(&lab, "west.n1");
        let (host, gateway) = (addresses(&lab, "west.n1", "west"), addresses(&lab, "west", "n1"));
        assert_eq!((host.len(), gateway.len()), (families, families), "{host:?}, {gateway:?}");
        assert!(host.iter().all(|a| !had.iter().flatten().any(|old| old == a)), "{host:?} after {had:?}");
        let (routes, neighbors) = ways_out(&lab, "west.n1", place.scene.family);
        assert_eq!(routes.lines().count(), families, "{routes}");
        for via in gateway.iter().filter_map(|net| net.split('/').next()) {
            assert!(routes.contains(&format!("via {via} ")), "{routes}");
            assert!(neighbors.lines().any(|line| line.starts_with(&format!("{via} "))), "{neighbors}");
        }
        assert_eq!(neighbors.lines().filter(|line| !line.starts_with("fe80")).count(), families, "{neighbors}");
        had.push(host);
        lab.wait_for_answer("home.c1", "west.n1", renumbered);
        wait_until("west has its sessions", || match established(&lab, "west") {
            up if up == 2 * families => Ok(()),
            up => Err(up),
        });
    }
    assert_eq!(sessions(&lab, "west", "r1"), uplink, "the gateway's other sessions stay up");
    assert_eq!(lab.damage(), [""; 0]);
    let since: Vec<Value> = lab.events().into_iter().filter(|e| e["at"].as_u64() > Some(before)).collect();
    assert!(!since.iter().any(|e| e["event"] == "carrier"), "{since:#?}");
    let told = |node: &str| since.iter().filter(|e| e["event"] == "renumbered" && e["node"] == node).count();
    assert_eq!((told("west.n1"), told("west")), (2, 2), "{since:#?}");
    assert_eq!(since.iter().filter(|e| e["event"] == "fault" && e["verb"] == "renumber").count(), 2);
}

scenes!(a_site_is_renumbered_while_it_is_away: root rootless_ipv6 root_dual);

fn a_site_is_renumbered_while_it_is_away(place: &Place) {
    let lab = Lab::up(place, &place.copy("topologies/two-sites.toml"));
    let families = place.scene.family.pick("0.0.0.0", "::").len();
    lab.wait_for_answer("home.c1", "west.n1", 0);
    let mut had = vec![addresses(&lab, "west.n1", "west")];
    for (away, back) in [
        ("cut west-west.n1", "mend west-west.n1"),
        ("freeze west.n1 both", "thaw west.n1 both"),
        ("freeze west", "thaw west"),
        ("crash west.n1 both", "restart west.n1 both"),
        ("crash west", "restart west"),
        ("crash west.n1 host", "restart west.n1 host"),
    ] {
        lab.fault(away).ok();
        renumber(&lab, "west.n1");
        lab.fault(back).ok();
        let returned = anybed::kernel::now();
        lab.wait_for_answer("home.c1", "west.n1", returned);
        wait_until(&format!("west has its sessions after {back}"), || match established(&lab, "west") {
            up if up == 2 * families => Ok(()),
            up => Err(up),
        });
        let now = addresses(&lab, "west.n1", "west");
        assert_eq!(now.len(), families, "after {back}: {now:?}");
        assert!(!had.contains(&now), "after {back}: {now:?}");
        let (routes, _) = ways_out(&lab, "west.n1", place.scene.family);
        assert_eq!(routes.lines().count(), families, "after {back}: {routes}");
        had.push(now);
    }
}

scenes!(a_clients_probes_go_on: root rootless_dual root_ipv6);

fn a_clients_probes_go_on(place: &Place) {
    let lab = Lab::up(place, &place.copy("topologies/two-sites.toml"));
    lab.wait_for_answer("home.c1", "west.n1", 0);
    let before = addresses(&lab, "home.c1", "home");
    let renumbered = renumber(&lab, "home.c1");
    assert_ne!(addresses(&lab, "home.c1", "home"), before);
    lab.wait_for_answer("home.c1", "west.n1", renumbered);
    lab.fault("cut home-home.c1").ok();
    renumber(&lab, "home.c1");
    lab.fault("mend home-home.c1").ok();
    lab.wait_for_answer("home.c1", "west.n1", anybed::kernel::now());
    lab.fault("ping home.c1 west.n1").ok();
    let ping = wait_for_event(&lab, "a ping", 0, |e| e["event"] == "ping");
    assert!(ping["round_trips"].as_array().is_some_and(|all| all.iter().all(Value::is_u64)), "{ping}");
}

scenes!(a_member_joins_again_and_keeps_its_keys: root rootless rootless_ipv6 root_dual);

fn a_member_joins_again_and_keeps_its_keys(place: &Place) {
    let lab = Lab::up(place, &project("tests/system/labs/overlay.toml"));
    let did = |e: &Value, host: &str, what: &str| e["event"] == "node" && e["node"] == host && e["did"]["did"] == what;
    lab.fault("join music").ok();
    for host in ["near.n1", "far.n1", "far.n2"] {
        wait_for_event(&lab, &format!("{host} has joined"), 0, |e| did(e, host, "joined"));
    }
    lab.fault("put 40 in music").ok();
    let put = wait_for_event(&lab, "keys are stored", 0, |e| e["event"] == "put");
    assert_eq!(put["stored"], 40, "{put}");
    for host in ["near.n1", "far.n2", "near.n1"] {
        let asked = lab.now();
        let renumbered = renumber(&lab, host);
        wait_for_event(&lab, &format!("{host} has joined again"), asked, |e| did(e, host, "joined"));
        if host == "near.n1" {
            lab.wait_for_answer("home.c1", host, renumbered);
        }
    }
    // Twice before anybody can have noticed.
    let asked = lab.now();
    renumber(&lab, "far.n1");
    renumber(&lab, "far.n1");
    wait_for_event(&lab, "far.n1 has joined again", asked, |e| did(e, "far.n1", "joined"));
    wait_until("the ring is whole", || {
        let status = lab.status();
        let members = status["overlays"][0]["members"].as_array().cloned().unwrap_or_default();
        let whole = members.len() == 3 && members.iter().all(|m| m["island"] == 3);
        if whole { Ok(()) } else { Err(status) }
    });
    let asked = lab.now();
    lab.fault("audit music").ok();
    let audit = wait_for_event(&lab, "the audit has ended", asked, |e| e["event"] == "audit");
    assert_eq!(audit["found"], 40, "{audit}");
}
