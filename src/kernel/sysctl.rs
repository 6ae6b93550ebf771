//! Kernel settings of a namespace. `/proc/sys/net` follows the calling thread's namespace.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::physics::Sysctl;

/// Writes the settings of a fresh namespace, skipping those that already hold in `fresh`: every new
/// namespace starts from the same values, and a write costs 80 µs.
///
/// For jobs of a [`super::namespace::Stepper`], inside the namespace.
pub fn apply(settings: &[Sysctl], fresh: &mut BTreeMap<&'static str, String>) -> Result<()> {
    for Sysctl { key, value } in settings {
        let path = Path::new("/proc/sys/net").join(key);
        if !fresh.contains_key(key) {
            let now = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            fresh.insert(key, now.trim().to_owned());
        }
        if fresh[key] != *value {
            fs::write(&path, value).with_context(|| format!("write {value} to {}", path.display()))?;
        }
    }
    Ok(())
}
