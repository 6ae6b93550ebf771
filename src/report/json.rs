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
        // As it is written: what may lack in an older report is there.
        let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
        let mut schema = settings.into_generator().into_root_schema_for::<Report>().to_value();
        schema["title"] = json!("anybed report");
        schema["properties"]["schema"]["const"] = json!(REPORT_SCHEMA);
        // Whole numbers below zero are told by `minimum`; these formats are Rust's own. Defaults are the reader's.
        without(&mut schema, &["format", "default"]);
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        assert!(std::fs::read_to_string(path).unwrap() == text, "{path} is old: UPDATE_SCHEMA=1 writes it again");
    }

    fn without(value: &mut Value, words: &[&str]) {
        if let Value::Object(object) = value {
            words.iter().for_each(|word| drop(object.remove(*word)));
            object.values_mut().for_each(|value| without(value, words));
        }
    }
}
