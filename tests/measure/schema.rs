//! `docs/report.schema.json` against reports: what it says, they are.

use anybed::report::json;
use serde_json::Value;

use crate::draw::{stub_failure, two_sites};
use crate::synthetic::Synthetic;

/// The words of JSON Schema that the published one uses.
fn valid(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let Some(schema) = schema.as_object() else { return Ok(()) };
    let check = |schema: &Value, value: &Value, at: &str| valid(root, schema, value, at);
    for (word, rule) in schema {
        match word.as_str() {
            "$ref" => {
                let pointer = rule.as_str().and_then(|r| r.strip_prefix('#')).ok_or("a reference into the schema")?;
                check(root.pointer(pointer).ok_or(format!("{pointer} is there"))?, value, at)?;
            }
            "type" => {
                let names: Vec<&Value> = rule.as_array().map_or_else(|| vec![rule], |all| all.iter().collect());
                let is = |name: &&Value| match name.as_str() {
                    Some("null") => value.is_null(),
                    Some("boolean") => value.is_boolean(),
                    Some("integer") => value.is_i64() || value.is_u64(),
                    Some("number") => value.is_number(),
                    Some("string") => value.is_string(),
                    Some("array") => value.is_array(),
                    Some("object") => value.is_object(),
                    other => panic!("no type {other:?}"),
                };
                if !names.iter().any(is) {
                    return Err(format!("{at}: {value} is not {rule}"));
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(name) {
                        check(rule, value, &format!("{at}/{name}"))?;
                    }
                }
            }
            "required" => {
                for name in rule.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    value.get(name).ok_or(format!("{at} has no {name}"))?;
                }
            }
            "additionalProperties" => {
                let known = |name: &String| schema.get("properties").is_some_and(|p| p.get(name).is_some());
                for (name, value) in value.as_object().into_iter().flatten().filter(|(name, _)| !known(name)) {
                    check(rule, value, &format!("{at}/{name}"))?;
                }
            }
            "items" => {
                for (i, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(rule, value, &format!("{at}/{i}"))?;
                }
            }
            "anyOf" | "oneOf" => {
                let found = rule.as_array().into_iter().flatten().filter(|rule| check(rule, value, at).is_ok()).count();
                if found == 0 || (word == "oneOf" && found > 1) {
                    return Err(format!("{at}: {value} matches {found} of {rule}"));
                }
            }
            "enum" if !rule.as_array().is_some_and(|all| all.contains(value)) => {
                return Err(format!("{at}: {value} is none of {rule}"));
            }
            "const" if rule != value => return Err(format!("{at}: {value} is not {rule}")),
            "minimum" if value.as_f64() < rule.as_f64() => return Err(format!("{at}: {value} is below {rule}")),
            "$schema" | "$defs" | "title" | "description" | "default" | "enum" | "const" | "minimum" | "maximum" => {}
            other => return Err(format!("the schema says {other}, which this test does not know")),
        }
    }
    Ok(())
}

fn published() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the schema is there")).expect("the schema is JSON")
}

#[test]
fn reports_are_as_the_schema_says() {
    let schema = published();
    let mut empty = Synthetic::new("empty");
    empty.end(1.0);
    let mut cut = two_sites();
    cut.events.pop();
    for lab in [two_sites(), stub_failure(), empty, cut] {
        let report: Value = serde_json::from_str(&json(&lab.report())).unwrap();
        valid(&schema, &schema, &report, "").unwrap();
    }
}

#[test]
fn what_is_no_report_is_refused() {
    let schema = published();
    let report: Value = serde_json::from_str(&json(&stub_failure().report())).unwrap();
    for (pointer, wrong) in [
        ("/schema", Value::from(2)),
        ("/seed", Value::from(-1)),
        ("/verdict", Value::from("maybe")),
        ("/faults/0/at", Value::Null),
        ("/overlays/music/lookups/sent", Value::from("many")),
    ] {
        let mut changed = report.clone();
        *changed.pointer_mut(pointer).unwrap() = wrong;
        assert!(valid(&schema, &schema, &changed, "").is_err(), "{pointer}");
    }
    let mut without = report;
    without.as_object_mut().unwrap().remove("fidelity");
    assert_eq!(valid(&schema, &schema, &without, ""), Err(" has no fidelity".to_owned()));
}
