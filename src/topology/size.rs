//! How large a lab may be, asked before anything that takes long is done with its files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::diagnose::{Diagnostics, Problems};
use crate::catalog;

/// Nodes of a lab: what the address plan holds.
pub(crate) const MOST_NODES: usize = (1 << 16) - 1;

/// More hosts than this in one stub are a mistake: each is a namespace with a BIRD.
pub(super) const MOST_HOSTS: u64 = 1000;

/// Bytes of a file: more than so many nodes take with all that can be said of them.
const LARGEST: u64 = 64 << 20;

/// Reads a file of the user's, or one of the catalog that nobody has put there.
///
/// # Errors
/// It cannot be read, is not text, or is too large.
pub(crate) fn read(path: &Path) -> Result<String, Diagnostics> {
    let unreadable = |error: &io::Error| Diagnostics::unreadable(&path.display().to_string(), error);
    if let Some(entry) = catalog::at(path).filter(|_| !path.exists()) {
        return Ok(entry.text.to_owned());
    }
    if catalog::is_inside(path) && !path.exists() {
        let why = "the catalog has no such question; `anybed catalog` lists them";
        return Err(unreadable(&io::Error::new(io::ErrorKind::NotFound, why)));
    }
    read_with(path, |file| Ok(Box::new(file)))
}

/// Reads a file through what makes text of it.
///
/// # Errors
/// As [`read`].
pub(super) fn read_with(
    path: &Path,
    through: impl FnOnce(File) -> io::Result<Box<dyn Read>>,
) -> Result<String, Diagnostics> {
    let unreadable = |error: &io::Error| Diagnostics::unreadable(&path.display().to_string(), error);
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(through).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    if read.map_err(|error| unreadable(&error))? as u64 > LARGEST {
        let why = format!("it has more than {} MiB, and no lab that fits has", LARGEST >> 20);
        return Err(unreadable(&io::Error::new(io::ErrorKind::FileTooLarge, why)));
    }
    // As the standard library says it of a file that is no text.
    let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8");
    String::from_utf8(bytes).map_err(no_text).map_err(|error| unreadable(&error))
}

/// Whether the address plan has room for so many nodes; if not, why.
pub(super) fn fits(nodes: usize) -> Result<(), String> {
    if nodes > MOST_NODES {
        return Err(format!("{nodes} nodes do not fit: the address plan holds {MOST_NODES}"));
    }
    Ok(())
}

/// Refuses a file with more nodes than a lab may have.
pub(crate) fn allow(nodes: usize, problems: &mut Problems) -> Result<(), Diagnostics> {
    if let Err(why) = fits(nodes) {
        problems.error("too-large", 0..0, why);
    }
    problems.errors()
}

/// The nodes that a lab file makes by itself, whatever else is wrong with it.
pub(super) fn nodes(root: &DeTable<'_>) -> usize {
    let tables = |key: &str| match root.get(key).map(|value| value.get_ref()) {
        Some(DeValue::Array(items)) => items.iter().filter_map(|item| item.get_ref().as_table()).collect(),
        _ => Vec::new(),
    };
    let count = |table: &DeTable<'_>, key: &str| match table.get(key).map(|value| value.get_ref()) {
        Some(DeValue::Array(items)) => items.len(),
        Some(DeValue::Integer(n)) => {
            usize::from_str_radix(n.as_str(), n.radix()).ok().filter(|n| *n as u64 <= MOST_HOSTS).unwrap_or(0)
        }
        _ => 0,
    };
    let routers_of = |table: &DeTable<'_>| match table.get("routers") {
        Some(_) => count(table, "routers"),
        None => 1,
    };
    let routers = tables("as").into_iter().map(routers_of);
    let stubs =
        tables("stub").into_iter().map(|table| routers_of(table) + count(table, "members") + count(table, "clients"));
    routers.sum::<usize>() + stubs.sum::<usize>()
}
