//! Finding FRR, and checking configs with it.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::names::{BGPD, MAKE, TITLE, ZEBRA};
use crate::program::Process;
use crate::routing::daemon::{FindError, Installed, Places};
use crate::routing::version::numbers;

/// Where packages put it.
const SYSTEM: &str = "/usr/lib/frr";

/// The first with the roles of RFC 9234.
const FROM: (u32, u32, u32) = (8, 4, 0);

/// From here on `rpki cache` is told `tcp`: 8.4.4 works without it, 10.3 with it only. Between has not been tried.
pub(super) const SAYS_TCP: (u32, u32, u32) = (9, 1, 0);

/// bgpd's module that looks at ROAs, and the block of its config.
pub(super) const MODULE: &str = "rpki";

const NEEDED: &str = "FRR from 8.4 on: `apt-get install frr`, or `scripts/provision --frr` and `--frr DIR`";

/// The FRRs that are named, here or by `$ANYBED_FRR`, and the system's: folders with zebra and bgpd in them.
pub(super) fn places(named: &Places) -> Result<Vec<PathBuf>, FindError> {
    let mut places = named.of(MAKE, "ANYBED_FRR");
    places.extend(Some(PathBuf::from(SYSTEM)).filter(|folder| folder.join(BGPD.name).exists()));
    if places.is_empty() {
        let hint = ": install it with `sudo apt-get install frr`, or fetch one beside the system's with \
                    `scripts/provision --frr` and name it with `--frr DIR`";
        return Err(FindError::Missing { title: TITLE, place: "in /usr/lib/frr", hint: hint.to_owned() });
    }
    Ok(places)
}

/// The version of the FRR in a folder.
pub(super) fn examine(folder: &Path) -> Result<String, FindError> {
    let path = folder.join(BGPD.name);
    let broken = |reason: String| FindError::Broken { path: path.clone(), reason };
    if !folder.join(ZEBRA.name).exists() {
        return Err(broken(format!("{} has no {}", folder.display(), ZEBRA.name)));
    }
    let output = Command::new(&path).arg("--version").stdin(Stdio::null()).output();
    let output = output.map_err(|e| broken(e.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    // "bgpd version 8.4.4", and a line on its authors.
    let first = text.lines().next().unwrap_or_default();
    let version = first.rsplit(' ').next().unwrap_or_default().to_owned();
    match is_supported(&version) {
        None => Err(broken(format!("it answers --version with {first:?}"))),
        Some(false) => Err(FindError::Version { title: TITLE, path: folder.to_owned(), version, needed: NEEDED }),
        Some(true) => Ok(version),
    }
}

/// The folder with bgpd's module that looks at ROAs: of a package of its own, in a tree of `scripts/provision --frr`
/// or in the system.
pub(super) fn modules(folder: &Path) -> Option<PathBuf> {
    let beside = folder.join("root/usr/lib");
    let libraries = if beside.is_dir() { beside } else { PathBuf::from("/usr/lib") };
    let all = std::fs::read_dir(libraries).ok()?.filter_map(|entry| Some(entry.ok()?.path().join("frr/modules")));
    all.chain([folder.join("modules")]).find(|modules| modules.join(format!("{}_{MODULE}.so", BGPD.name)).exists())
}

/// Whether the module is there.
pub(super) fn can_validate(installed: &Installed) -> Result<(), FindError> {
    let reason = format!(
        "it is {TITLE} {} without the module by which it looks at ROAs: `apt-get install frr-rpki-rtrlib`, or \
         `scripts/provision --frr`, which fetches it too",
        installed.version
    );
    let missing = || FindError::Broken { path: installed.path.join(BGPD.name), reason };
    modules(&installed.path).map(drop).ok_or_else(missing)
}

/// Puts a config through `bgpd -C` and the like; `Err` holds its words.
pub(super) fn check(folder: &Path, process: Process, config: &Path) -> Result<Result<(), String>> {
    let program = folder.join(process.name);
    let mut command = Command::new(&program);
    let text = std::fs::read_to_string(config).unwrap_or_default();
    if text.lines().any(|line| line == MODULE) {
        if let Some(modules) = modules(folder) {
            command.arg("--moduledir").arg(modules);
        }
        command.args(["-M", MODULE]);
    }
    command.args(["-C", "-u", "root", "-g", "root", "--log", "stdout", "-f"]).arg(config);
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("run {} -C", program.display()))?;
    // 10.7.1 aborts after it has read the config, once there is a neighbor in it: that says nothing of the config.
    if output.status.success() || output.status.signal().is_some() {
        return Ok(Ok(()));
    }
    let words = [output.stdout, output.stderr].concat();
    Ok(Err(String::from_utf8_lossy(&words).trim().to_owned()))
}

/// `None`: not a version.
fn is_supported(version: &str) -> Option<bool> {
    numbers(version).map(|numbers| numbers >= FROM)
}

#[cfg(test)]
mod tests {
    use super::is_supported;

    #[test]
    fn what_knows_roles_is_supported() {
        for (version, supported) in
            [("8.4.4", Some(true)), ("8.3.1", Some(false)), ("10.3", Some(true)), ("10.7.1", Some(true)), ("x", None)]
        {
            assert_eq!(is_supported(version), supported, "{version}");
        }
    }
}
