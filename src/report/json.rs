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
    use crate::measure::{REPORT_SCHEMA, SUMMARY_SCHEMA, Summary};

    /// The types are the source; `UPDATE_SCHEMA=1 cargo nextest run schema` writes it again.
    #[test]
    fn the_published_schema_is_up_to_date() {
        let schema = schemars::schema_for!(Report).to_value();
        published(schema, "anybed report", REPORT_SCHEMA, "report.schema.json");
    }

    #[test]
    fn the_published_schema_of_summaries_is_up_to_date() {
        let schema = schemars::schema_for!(Summary).to_value();
        published(schema, "anybed summary", SUMMARY_SCHEMA, "summary.schema.json");
    }

    #[track_caller]
    fn published(mut schema: Value, title: &str, number: u32, name: &str) {
        schema["title"] = json!(title);
        schema["properties"]["schema"]["const"] = json!(number);
        // Whole numbers below zero are told by `minimum`; these formats are Rust's own.
        without_formats(&mut schema);
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(std::fs::read_to_string(&path).unwrap() == text, "{path} is old: UPDATE_SCHEMA=1 writes it again");
    }

    fn without_formats(value: &mut Value) {
        if let Value::Object(object) = value {
            object.remove("format");
            object.values_mut().for_each(without_formats);
        }
    }
}
