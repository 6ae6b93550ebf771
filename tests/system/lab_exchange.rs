//! An exchange: packets pass from member to member, and the route server is in no way and in no path.

use serde_json::json;

use crate::support::{Lab, Place, scenes, wait_until};

scenes!(a_route_server_is_in_nobodys_way: root_dual rootless_dual);

fn a_route_server_is_in_nobodys_way(place: &Place) {
    let file = place.copy("topologies/two-exchanges.toml");
    let lab = Lab::up(place, &file);
    lab.wait_for_answer("ben.c1", "east.n1", 0);
    let found = place.run(&format!("trace {} ben.c1 news --format json", lab.name)).ok().json();
    let names: Vec<_> = found["hops"].as_array().unwrap().iter().map(|hop| hop["node"].clone()).collect();
    assert_eq!(names, ["ben", "c2-100", "c2-105", "east", "east.n1"], "{found}");
    assert!(found["hops"].as_array().unwrap().iter().all(|h| h["rtt_ms"].is_f64() && h["answered_by"].is_null()));
    assert_eq!((&found["end"], &found["bgp"]["names"]), (&json!("arrives"), &json!(["carrier2", "east"])), "{found}");

    // Three members have a route for ben, and it is told one.
    let routes = |node: &str| place.run(&format!("routes {} {node} news --format json", lab.name)).ok().json();
    let (at_server, at_ben) = (routes("ix100"), routes("ben"));
    let of_ipv4 = |all: &serde_json::Value| {
        let all = all.as_array().unwrap().iter();
        all.filter(|route| route["prefix"].as_str().unwrap().contains('.')).count()
    };
    assert_eq!((of_ipv4(&at_server), of_ipv4(&at_ben)), (3, 1), "{at_server} {at_ben}");
    place.run(&format!("routes {} ben news", lab.name)).ok().expect_stdout(&["AS path 2 1001"]);

    // A session over the exchange has no link that could be cut.
    let refused = lab.fault("cut west-c3-100").expect_code(2);
    refused.expect_stderr(&["a session over ix100", "its ports are west-ix100 and c3-100-ix100"]);
    lab.fault("set west-c3-100 from west prepend=2").ok();
    lab.wait_for_answer("amy.c1", "east.n1", 0);
    lab.fault("unset west-c3-100 from west").ok();
    lab.wait_for_answer("amy.c1", "west.n1", 0);
    wait_until("prediction and routers agree", || {
        let done = place.anybed().arg("verify").arg(&file).args(["--with", &lab.name]).run();
        if done.code() == 0 { Ok(()) } else { Err(format!("{done}")) }
    });
}
