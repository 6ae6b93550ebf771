//! Flows of clients: which member serves them when there are several next hops, and how they break.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{Family, Place, events, scenes};

scenes!(flows_follow_the_hash_and_break_as_sockets_do: root rootless_ipv6);

fn flows_follow_the_hash_and_break_as_sockets_do(place: &Place) {
    let file = place.copy("tests/system/labs/flows.toml");
    let run = place.anybed().arg("run").arg(&file).args(["--name", &place.name, "--out"]).arg(place.out("flows"));
    run.args(["--family", place.scene.family.name()]).run().ok().expect_stdout(&["pass", "by l4: hub4"]);
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(place.out("flows").join("report.json")).unwrap()).unwrap();
    let events = events(&place.out("flows"));
    hash_decides(place.scene.family, &events, &report);
    sockets_decide(&report);
    let flows = &report["flows"];
    assert_eq!((&flows["flows"], &flows["without_fault"]), (&80.into(), &0.into()), "{flows}");
    assert!(flows["answered"].as_u64().unwrap() > 80 * 20, "{flows}");
    // What the record keeps of the routes: two next hops at each hub.
    for hub in ["hub3", "hub4"] {
        let two = |e: &&Value| e["node"] == hub && e["change"]["via"].as_array().is_some_and(|via| via.len() == 2);
        assert!(events.iter().filter(|e| e["event"] == "fib").any(|e| two(&e)), "{hub} never had two next hops");
    }
}

/// Members that each client's flows began with, by protocol.
fn hash_decides(family: Family, events: &[Value], report: &Value) {
    let first_fault = report["faults"][0]["at"].as_f64().unwrap();
    let play = events.iter().find(|e| e["event"] == "play").unwrap()["at"].as_u64().unwrap();
    let mut members: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for event in events.iter().filter(|e| e["event"] == "flows") {
        for change in event["changes"].as_array().unwrap() {
            let at = change["at"].as_u64().unwrap().saturating_sub(play) as f64 / 1e9;
            if change["did"] == "begun" && at < first_fault {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let key = (text(&event["client"]), text(&change["protocol"]));
                members.entry(key).or_default().insert(text(&change["member"]));
            }
        }
    }
    let of = |client: &str, protocol: &str| &members[&(client.to_owned(), protocol.to_owned())];
    for protocol in ["tcp", "udp"] {
        assert_eq!(of("home3.c1", protocol).len(), 1, "by addresses: {members:?}");
        assert_eq!(of("home4.c1", protocol).len(), 2, "by ports: {members:?}");
    }
    // In IPv6 the next header is part of the hash by addresses too.
    if family == Family::Ipv4 {
        assert_eq!(of("home3.c1", "tcp"), of("home3.c1", "udp"));
    }
}

/// A stopped process answers nobody; a killed one closes its connections and forgets its datagrams'.
fn sockets_decide(report: &Value) {
    let fault = |name: &str| {
        let faults = report["faults"].as_array().unwrap();
        &faults.iter().find(|f| f["fault"] == name).unwrap_or_else(|| panic!("no {name} in {report}"))["flows"]
    };
    let reasons = |flows: &Value| -> Vec<String> { flows["reasons"].as_object().unwrap().keys().cloned().collect() };
    let frozen = fault("freeze west.n1 node");
    assert_eq!(reasons(frozen), ["timeout"], "{frozen}");
    assert_eq!(frozen["members"]["east.n1"]["broken"], 0, "{frozen}");
    assert_eq!(frozen["members"]["west.n1"]["broken"], frozen["members"]["west.n1"]["alive"], "{frozen}");
    let crashed = fault("crash west.n1 node");
    assert_eq!(crashed["members"]["east.n1"]["broken"], 0, "{crashed}");
    assert!(crashed["broken"].as_u64().unwrap() > 0, "{crashed}");
    let allowed = ["closed", "reset", "timeout"];
    assert!(reasons(crashed).iter().all(|why| allowed.contains(&why.as_str())), "{crashed}");
}
