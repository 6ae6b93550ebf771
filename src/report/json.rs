//! The report as JSON: `report.json`. Its form is published in `docs/report.schema.json`.

use crate::measure::Report;

/// Pretty-printed, with a newline at its end.
pub fn json(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("a report has string keys and plain values only");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::measure::REPORT_SCHEMA;

    /// The types are the source; `UPDATE_SCHEMA=1 cargo nextest run schema` writes it again.
    #[test]
    fn the_published_schema_is_up_to_date() {
        let mut schema = schemars::schema_for!(Report).to_value();
        schema["title"] = json!("anybed report");
        schema["properties"]["schema"]["const"] = json!(REPORT_SCHEMA);
        // Whole numbers below zero are told by `minimum`; these formats are Rust's own.
        without_formats(&mut schema);
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        assert!(std::fs::read_to_string(path).unwrap() == text, "{path} is old: UPDATE_SCHEMA=1 writes it again");
    }

    fn without_formats(value: &mut Value) {
        if let Value::Object(object) = value {
            object.remove("format");
            object.values_mut().for_each(without_formats);
        }
    }
}
