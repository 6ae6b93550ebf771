//! Expectations of a lab file: their times, and those about the ways of packets.

use std::path::Path;

use crate::metric::metric;
use anybed::scenario::{Op, Scenario, Value, When, read_text};
use anybed::topology::{Diagnostics, Overrides};

const NETWORK: &str = r#"
[lab]
duration = "20s"
[[as]]
name = "r1"
[[as]]
name = "r2"
asn = 64
[[link]]
a = "r1"
b = "r2"
relation = "peer"
[[stub]]
name = "west"
uplinks = ["r1"]
members = 1
clients = 1
[[stub]]
name = "east"
uplinks = ["r2"]
members = 1
[[group]]
name = "dns"
members = ["east"]
[[overlay]]
name = "music"
protocol = "chord"
"#;

fn load(expectations: &[&str]) -> Result<Scenario, Diagnostics> {
    let text: String = expectations.iter().map(|e| format!("[[expect]]\n{e}\n")).collect();
    read_text(Path::new("lab.toml"), &format!("{NETWORK}{text}"), &Overrides::default()).map(|(_, scenario)| scenario)
}

#[test]
fn ways_are_read() {
    let scenario = load(&[
        "that = 'as path of west.c1 to dns == r1 64 east'",
        "that = 'as path of west to dns contains r2'",
        "that = 'as path of west to west.c1 == local'",
        "never = 'hops of west.c1 to east.n1 > 5'",
        "that = 'reachable of west to dns == yes'\nuntil = '9s'",
        "never = 'routes of r1 == 0'\nat = '1s'\nuntil = '9s'",
        "never = 'reachable of west to dns == no'\nduring = ['2s', '4s']",
    ]);
    let found = scenario.unwrap_or_else(|e| panic!("{e}")).expectations;
    assert_eq!(found[0].value, Value::Path(vec!["r1".into(), "r2".into(), "east".into()]));
    assert_eq!((&found[1].metric, found[1].op), (&metric("as path of west to group dns"), Op::Contains));
    assert_eq!(found[2].value, Value::Path(vec![]));
    assert_eq!(
        (&*found[3].name, found[3].when),
        ("never hops of west.c1 to east.n1 > 5", When::Never { from: 0.0, to: None })
    );
    assert_eq!(found[4].when, When::Until { from: 0.0, to: 9.0 });
    assert_eq!(found[5].when, When::Never { from: 1.0, to: Some(9.0) });
    assert_eq!(found[6].when, When::Never { from: 2.0, to: Some(4.0) });
}

#[test]
fn what_names_nothing_or_cannot_fail_is_refused() {
    let wrong = load(&[
        "that = 'as path of west.c1 to dns == r1 east'",
        "that = 'as path of west.c1 to dns == r1 r2'",
        "that = 'as path of west.c1 to dns == local'",
        "that = 'as path of west.c1 to dns contains west'",
        "that = 'as path of west.c1 to dns < r1'",
        "that = 'hops of west.c1 to dns contains r1'",
        "that = 'hops of west.c1 to west.c1 == 1'",
        "that = 'hops of west.c1 to dns < 1'",
        "that = 'hops of west.c1 == 3'",
        "that = 'reachable of east.n1 to dns == yes'",
        "that = 'reachable of west.c1 to dsn == yes'",
        "that = 'routes of west.c1 == 3'",
        "that = 'routes of r1 >= 0'",
    ]);
    insta::assert_snapshot!(wrong.expect_err("all are wrong").render(false));
}

#[test]
fn groups_of_overlays_want_a_join() {
    let wrong = load(&["that = 'reachable of west.c1 to music == yes'"]);
    insta::assert_snapshot!(wrong.expect_err("nobody joins").render(false));
}

#[test]
fn times_that_contradict_one_another_are_refused() {
    let wrong = load(&[
        "that = 'routes of r1 == 5'\nnever = 'routes of r1 == 6'",
        "name = 'nothing'",
        "never = 'lost probes > 3'",
        "never = 'routes of r1 == 5'\nat = '3s'",
        "never = 'routes of r1 == 5'\nat = '3s'\nwithin = '3s'\nuntil = '9s'",
        "that = 'routes of r1 == 5'\nuntil = '3s'\nduring = ['1s', '2s']",
        "that = 'routes of r1 == 5'\nat = '4s'\nuntil = '3s'",
        "that = 'routes of r1 == 5'\nuntil = '0s'",
        "never = 'routes of r1 == 5'\nuntil = '30s'",
    ]);
    insta::assert_snapshot!(wrong.expect_err("all are wrong").render(false));
}
