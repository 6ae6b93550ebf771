//! Lab files: from text to a model, or to diagnostics.

mod beyond;
mod daemons;
mod doc;
mod exchanges;
mod expect;
mod files;
mod gateways;
mod grammar;
mod graphml;
mod infrastructures;
mod links;
#[path = "../measure/metric.rs"]
mod metric;
mod policy;
mod prefixes;
mod searches;

/// A right lab file in which these parts are others.
fn with(right: &str, wrong: &[(&str, &str)]) -> String {
    wrong.iter().fold(right.to_owned(), |text, (right, wrong)| {
        assert!(text.contains(right), "{right}");
        text.replacen(right, wrong, 1)
    })
}
