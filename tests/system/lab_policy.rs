//! What `[[policy]]` and the short keys of an uplink make of routes.

use serde_json::Value;

use crate::support::{Lab, Place, scenes, wait_until};

scenes!(a_policy_decides_whose_route_is_best: root rootless_ipv6 root_dual);

fn routes(lab: &Lab<'_>, node: &str, group: &str) -> Vec<Value> {
    let json = lab.place.anybed().args(["routes", &lab.name, node, group, "--format", "json"]).run().json();
    json.as_array().cloned().unwrap_or_default()
}

/// The ASes of the best route.
fn best(lab: &Lab<'_>, node: &str, group: &str) -> Vec<String> {
    let routes = routes(lab, node, group);
    let best = routes.iter().filter(|route| route["best"] == true);
    best.map(|route| route["attributes"]["BGP.as_path"].as_str().unwrap_or_default().to_owned()).collect()
}

fn a_policy_decides_whose_route_is_best(place: &Place) {
    let lab = Lab::up(place, &place.copy("tests/system/labs/announcements.toml"));
    // core 100, alpha 101, omega 102, west 1000, east 1001.
    for (group, path) in [
        ("plain", "101 1000"),
        ("prepended", "102 1001"),
        ("liked", "102 102 102 102 1001"),
        ("local", "102 1001"),
        ("asked", "102 1001"),
        ("refused", "102 1001"),
        ("measured", "101 1000"),
    ] {
        assert_eq!(best(&lab, "core", group), [path.to_owned()], "{group}");
    }
    for (group, path) in [("prepended", "1000 1000 1000"), ("local", "1000"), ("asked", "1000"), ("refused", "1000")] {
        assert_eq!(best(&lab, "alpha", group), [path.to_owned()], "{group} at alpha");
    }
    let attribute = |route: &Value, name: &str| route["attributes"][name].as_str().unwrap_or_default().to_owned();
    for route in routes(&lab, "core", "measured") {
        let is_second = route["best"] == true;
        assert_eq!(attribute(&route, "BGP.med"), if is_second { "10" } else { "20" }, "{route}");
        assert_eq!(attribute(&route, "BGP.community").contains("(101,77)"), is_second, "{route}");
        assert_eq!(attribute(&route, "BGP.large_community").contains("(101, 3, 7)"), is_second, "{route}");
    }
    assert!(routes(&lab, "core", "local").iter().all(|route| !attribute(route, "BGP.as_path").contains("1000")));
    assert!(routes(&lab, "east", "measured").iter().any(|route| attribute(route, "BGP.local_pref") == "60"));
    let why = place.anybed().args(["routes", &lab.name, "core"]).run().ok();
    why.expect_stdout(&["MED 10 under 20", "local preference 250 over 200", "a path of 2 ASes, not 4"]);
}

scenes!(what_is_set_holds_until_it_is_unset: root rootless_ipv6);

fn what_is_set_holds_until_it_is_unset(place: &Place) {
    let lab = Lab::up(place, &place.copy("tests/system/labs/announcements.toml"));
    let wait_for = |group: &str, path: &str| {
        wait_until(&format!("core has {path} to {group}"), || {
            let best = best(&lab, "core", group);
            if best == [path] { Ok(()) } else { Err(format!("{best:?}")) }
        });
    };
    let (west, east) = ("101 1000", "102 1001");
    wait_for("plain", west);
    lab.fault("set west-alpha prepend=1").ok().expect_stdout(&["set west-alpha from west prepend=1"]);
    wait_for("plain", east);
    // Later wins, and what is not named stays.
    lab.fault("set west-alpha prepend=0").ok();
    wait_for("plain", west);
    lab.fault("set west-alpha for plain add=alpha:9 prepend=4").ok();
    wait_for("plain", east);
    let status = place.anybed().args(["status", &lab.name]).run().ok();
    status.expect_stdout(&["set west-alpha from west for plain prepend=4 add=101:9"]);
    // A BIRD that is started again, or that is stopped meanwhile, does as it has been told.
    for (fault, undo) in [("crash west bird", "restart west bird"), ("freeze west bird", "thaw west bird")] {
        lab.fault(fault).ok();
        lab.fault("unset west-alpha for plain").ok();
        lab.fault(undo).ok();
        wait_for("plain", west);
        lab.fault("set west-alpha for plain reject=yes").ok();
        wait_for("plain", east);
    }
    lab.fault("unset west-alpha for plain").ok();
    lab.fault("set omega-core from core local_pref=400").ok();
    wait_for("plain", east);
    for (wrong, why) in [
        ("set core-alpha prepend=1", "`from core` or `from alpha`"),
        ("set west-alpha from core prepend=1", "no end of link"),
        ("set west-alpha prepend=33", "from 0 to 32"),
        ("set west-alpha prepends=3", "did you mean `prepend`"),
        ("set west-alpha add=noexport", "is no community"),
        ("set west-west.n1 prepend=1", "not between ASes"),
        ("unset omega-core from omega", "nothing of core-omega has been set"),
    ] {
        let refused = lab.fault(wrong).expect_code(2);
        assert!(refused.stderr.contains(why), "{wrong}: {refused}");
    }
    lab.fault("unset omega-core from core").ok();
    wait_for("plain", west);
}
