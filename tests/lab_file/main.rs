//! Lab files: from text to a model, or to diagnostics.

mod doc;
mod expect;
mod files;
mod grammar;
mod graphml;
mod infrastructures;
mod links;
#[path = "../measure/metric.rs"]
mod metric;
mod searches;
