//! The lab file `four-ways`, as it is or cut down to one of its infrastructures, with a timeline of its own.

use anyhow::{Context, Result};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

use crate::anycast::Infrastructure;

const LAB: &str = include_str!("../../topologies/four-ways.toml");
/// What its overlay is called.
pub(super) const OVERLAY: &str = "music";

/// The lab file, in which nobody heals. Nothing happens in it yet.
#[derive(Clone, Debug)]
pub(super) struct FourWays(DocumentMut);

impl FourWays {
    /// All four overlays.
    ///
    /// # Errors
    /// If the shipped lab cannot be read.
    pub(super) fn new(name: &str, seconds: f64) -> Result<Self> {
        let mut lab = Self(LAB.parse().context("parse four-ways.toml")?);
        lab.0.remove("expect");
        lab.0.insert("timeline", Item::ArrayOfTables(ArrayOfTables::new()));
        lab.set("lab", "name", name)?;
        lab.set("lab", "duration", format!("{seconds}s"))?;
        let overlays = lab.0.get_mut("overlay").and_then(Item::as_array_of_tables_mut).context("no overlays")?;
        for overlay in overlays.iter_mut() {
            overlay.insert("healing", value("none"));
            for key in ["colors", "heal_every"] {
                overlay.remove(key);
            }
        }
        Ok(lab)
    }

    /// The one overlay that uses an infrastructure, called [`OVERLAY`].
    ///
    /// # Errors
    /// If the shipped lab has none.
    pub(super) fn over(kind: Infrastructure, name: &str, seconds: f64) -> Result<Self> {
        let mut lab = Self::new(name, seconds)?;
        let via = lab.via(kind)?;
        for (key, wanted) in [("infrastructure", "name"), ("overlay", "via")] {
            if let Some(tables) = lab.0.get_mut(key).and_then(Item::as_array_of_tables_mut) {
                tables.retain(|table| of(table, wanted) == Some(&via));
                if tables.is_empty() {
                    lab.0.remove(key);
                }
            }
        }
        lab.set("overlay", "name", OVERLAY)?;
        Ok(lab)
    }

    /// What an overlay's `via` calls an infrastructure.
    fn via(&self, kind: Infrastructure) -> Result<String> {
        let declared = self.0.get("infrastructure").and_then(Item::as_array_of_tables).context("no infrastructures")?;
        let named = declared.iter().find(|table| of(table, "kind") == Some(kind.name));
        Ok(named.and_then(|table| of(table, "name")).unwrap_or(kind.name).to_owned())
    }

    /// The overlay that uses an infrastructure.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn overlay(&self, kind: Infrastructure) -> Result<String> {
        let via = self.via(kind)?;
        let overlays = self.0.get("overlay").and_then(Item::as_array_of_tables).context("no overlays")?;
        let named = overlays.iter().find(|table| of(table, "via") == Some(&via)).and_then(|table| of(table, "name"));
        Ok(named.with_context(|| format!("no overlay uses {}", kind.title))?.to_owned())
    }

    /// Sets a key of a table, or of the first of several.
    ///
    /// # Errors
    /// If there is no such table.
    pub(super) fn set(&mut self, table: &str, key: &str, to: impl Into<Value>) -> Result<()> {
        self.table(table)?.insert(key, Item::Value(to.into()));
        Ok(())
    }

    fn table(&mut self, key: &str) -> Result<&mut dyn TableLike> {
        let item = self.0.get_mut(key).with_context(|| format!("the lab has no {key}"))?;
        let found: Option<&mut dyn TableLike> = match item {
            Item::ArrayOfTables(tables) => tables.get_mut(0).map(|table| table as &mut dyn TableLike),
            item => item.as_table_like_mut(),
        };
        found.with_context(|| format!("the lab has no {key}"))
    }

    /// The hosts of a stub, but for its clients; and how long BGP waits for its gateway at most.
    ///
    /// # Errors
    /// If there is no such stub.
    pub(super) fn stub(&mut self, name: &str, hosts: &[String], hold: &str) -> Result<()> {
        let stubs = self.0.get_mut("stub").and_then(Item::as_array_of_tables_mut).context("the lab has no stubs")?;
        let stub = stubs.iter_mut().find(|stub| stub.get("name").and_then(Item::as_str) == Some(name));
        let stub = stub.with_context(|| format!("the lab has no stub {name}"))?;
        stub.insert("members", value(list(hosts)));
        let uplinks = stub.get("uplinks").and_then(Item::as_array).context("a stub without uplinks")?;
        let held = uplinks
            .iter()
            .filter_map(Value::as_str)
            .map(|to| InlineTable::from_iter([("to", Value::from(to)), ("hold", Value::from(hold))]));
        let held: Array = held.collect();
        stub.insert("uplinks", value(held));
        Ok(())
    }

    /// One more line of the timeline; with `over`, spread over so many seconds.
    pub(super) fn act(&mut self, at: f64, does: impl Into<String>, over: Option<f64>) {
        let mut table = Table::new();
        table.insert("at", value(format!("{at:.2}s")));
        table.insert("do", value(does.into()));
        if let Some(over) = over {
            table.insert("over", value(format!("{over:.2}s")));
        }
        if let Some(timeline) = self.0.get_mut("timeline").and_then(Item::as_array_of_tables_mut) {
            timeline.push(table);
        }
    }

    pub(super) fn text(&self) -> String {
        self.0.to_string()
    }
}

fn of<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key).and_then(Item::as_str)
}

/// Names as a list of the lab file.
pub(super) fn list(names: &[String]) -> Array {
    names.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::read_text;
    use crate::topology::Overrides;

    #[test]
    fn a_lab_has_one_of_them_and_what_is_set() {
        for kind in Infrastructure::all() {
            let mut lab = FourWays::over(kind, "one", 9.0).unwrap();
            lab.stub("gulf", &["n1".to_owned(), "s".to_owned()], "3s").unwrap();
            lab.act(0.0, "join music", Some(2.0));
            lab.act(5.0, "fail gulf silently", None);
            let (topology, scenario) = read_text(Path::new("one.toml"), &lab.text(), &Overrides::default()).unwrap();
            assert_eq!(topology.infrastructures.len(), usize::from(kind.server.is_some()), "{kind:?}");
            assert_eq!((topology.overlays.len(), scenario.expectations.len()), (1, 0));
            assert!(scenario.timeline.len() >= 2);
            assert!(lab.set("service", "name", "web").is_err());
        }
    }
}
