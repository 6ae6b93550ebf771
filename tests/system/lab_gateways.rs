//! Stubs of several gateways, and what a summary says of a swept action.

use crate::support::{Place, project, scenes};

scenes!(a_site_of_two_gateways_stays_reachable: root rootless_ipv6 root_dual);

fn a_site_of_two_gateways_stays_reachable(place: &Place) {
    let file = place.copy("tests/system/labs/gateways.toml");
    let report = place.anybed().arg("run").arg(&file).args(["--format", "json"]).run().ok().json();
    assert_eq!(report["nodes"]["stubs"], 3, "a stub is one, however many gateways it has: {}", report["nodes"]);
    for survey in report["surveys"].as_array().unwrap() {
        assert_eq!(survey["disagreements"].as_array().map(Vec::len), Some(0), "{survey}");
    }
}

scenes!(a_swept_action_is_one_in_the_summary: root);

fn a_swept_action_is_one_in_the_summary(place: &Place) {
    let text = std::fs::read_to_string(project("topologies/prepend-share.toml"))
        .unwrap()
        .replace("duration = \"6s\"", "duration = \"4s\"");
    let file = place.write("share.toml", &text);
    let run = |values: &str| {
        let sweep = format!("timeline.1.do.prepend={values}");
        place.anybed().arg("run").arg(&file).args(["--sweep", &sweep, "--format", "json"]).run()
    };
    let refused = run("1,33").expect_code(2);
    refused.expect_stderr(&["`prepend` must be from 0 to 32", "do = \"set west-w0 prepend=33\""]);
    let summary = run("0,2").ok().json();
    let shown = summary.to_string();
    assert!(shown.contains("set west-w0 from west prepend=…") && !shown.contains("prepend=2\",\"what"), "{summary}");
}
