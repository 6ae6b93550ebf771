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
    use schemars::JsonSchema;
    use schemars::generate::SchemaSettings;
    use serde_json::{Value, json};

    use super::*;
    use crate::measure::{REPORT_SCHEMA, SUMMARY_SCHEMA, Summary};

    /// The types are the source; `UPDATE_SCHEMA=1 cargo nextest run schema` writes it again.
    #[test]
    fn the_published_schema_is_up_to_date() {
        published::<Report>("anybed report", REPORT_SCHEMA, "report.schema.json");
    }

    #[test]
    fn the_published_schema_of_summaries_is_up_to_date() {
        published::<Summary>("anybed summary", SUMMARY_SCHEMA, "summary.schema.json");
    }

    #[track_caller]
    fn published<T: JsonSchema>(title: &str, number: u32, name: &str) {
        // As it is written: what may lack in an older report is there.
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
        schema["title"] = json!(title);
        schema["properties"]["schema"]["const"] = json!(number);
        // Whole numbers below zero are told by `minimum`; these formats are Rust's own. Defaults are the reader's.
        without(&mut schema, &["format", "default"]);
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(std::fs::read_to_string(&path).unwrap() == text, "{path} is old: UPDATE_SCHEMA=1 writes it again");
    }

    fn without(value: &mut Value, words: &[&str]) {
        if let Value::Object(object) = value {
            words.iter().for_each(|word| drop(object.remove(*word)));
            object.values_mut().for_each(|value| without(value, words));
        }
    }
}
