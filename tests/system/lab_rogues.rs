//! Who is answered by whom when a group is hijacked, and what of that outlives the processes that do it.

use serde_json::Value;

use crate::support::{Lab, Place, scenes, wait_until};

scenes!(a_hijack_survives_its_processes_and_leaves_nothing: root rootless_ipv6);

/// The AS path of a router's best route to the group.
fn path(lab: &Lab<'_>, node: &str, group: &str) -> String {
    let json = lab.place.anybed().args(["routes", &lab.name, node, group, "--format", "json"]).run().json();
    let routes = json.as_array().cloned().unwrap_or_default();
    let best = routes.iter().find(|route| route["best"] == true);
    best.map_or_else(String::new, |route: &Value| {
        route["attributes"]["BGP.as_path"].as_str().unwrap_or_default().to_owned()
    })
}

fn answering(lab: &Lab<'_>, client: &str) -> String {
    let probed = lab.place.anybed().args(["probe", &lab.name, client, "--count", "1"]).run();
    probed.stdout
}

fn a_hijack_survives_its_processes_and_leaves_nothing(place: &Place) {
    let lab = Lab::up(place, &place.copy("topologies/hijack.toml"));
    let wait_for = |what: &str, client: &str, member: &str| {
        wait_until(what, || {
            let told = answering(&lab, client);
            if told.contains(member) { Ok(()) } else { Err(told) }
        });
    };
    wait_for("the site answers", "s1.c1", "site.n1");
    lab.fault("hijack dns by mallory forging site").ok();
    wait_for("mallory answers", "s1.c1", "mallory.n1");
    wait_until("the path is made up", || match path(&lab, "south", "dns").as_str() {
        "1001 1000" => Ok(()),
        other => Err(other.to_owned()),
    });
    let status = place.anybed().args(["status", &lab.name]).run().ok();
    status.expect_stdout(&["hijack dns by mallory forging 1000"]);
    for process in ["node", "bird"] {
        let node = if process == "node" { "mallory.n1" } else { "mallory" };
        lab.fault(&format!("crash {node} {process}")).ok();
        lab.fault(&format!("restart {node} {process}")).ok();
        wait_for("it is told again", "s1.c1", "mallory.n1");
    }
    let refused = lab.fault("hijack dns by mallory").expect_code(2);
    assert!(refused.stderr.contains("mallory hijacks it already"), "{refused}");
    lab.fault("end hijack dns by mallory").ok();
    wait_for("the site answers again", "s1.c1", "site.n1");
    lab.fault("hijack dns by mallory more specific").ok();
    wait_for("whoever asks", "n1.c1", "mallory.n1");
    lab.fault("end hijack dns by mallory").ok();
    wait_for("all is as it was", "n1.c1", "site.n1");
    let status = place.anybed().args(["status", &lab.name]).run().ok();
    assert!(!status.stdout.contains("hijack dns"), "{status}");
}
