//! A link is the same over either backend: the course of `anybed compare-links`, judged by order and ratio.

use crate::support::{Place, skip};

#[test]
fn both_backends_are_the_same() {
    let name = "both_backends_are_the_same";
    let done = Place::new(name).anybed().args(["compare-links", "--emulated", "--format", "json"]).run();
    if done.code() == 3 {
        return skip::say(name, done.stderr.trim());
    }
    let compared = done.ok().json();
    for missing in compared["missing"].as_array().unwrap() {
        skip::say(name, missing["feature"].as_str().unwrap());
    }
    let rows = compared["rows"].as_array().unwrap();
    assert!(rows.len() > 30, "{compared:#}");
    for backend in compared["backends"].as_array().unwrap() {
        let backend = backend.as_str().unwrap();
        assert!(rows.iter().all(|row| row["found"][backend].is_number()), "nothing of {backend}: {compared:#}");
    }
}
