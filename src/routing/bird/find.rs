//! Finding BIRD, and checking configs with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::names::{PROCESS, TITLE};
use crate::routing::daemon::{FindError, Places};
use crate::routing::version::numbers;

/// Where packages put BIRD; an ordinary user's PATH lacks it on Debian.
const SYSTEM: &str = "/usr/sbin/bird";

/// What is said to those who have another.
fn needed(from: (u32, u32, u32)) -> &'static str {
    match from.0 {
        3 => "BIRD 3 here: `--bird PATH` names one, `scripts/provision --birds` fetches some",
        _ => "BIRD 2 from 2.0.12 on, or BIRD 3: `apt-get install bird2`",
    }
}

/// The BIRDs that are named, here or by `$ANYBED_BIRD`, and the first in PATH.
pub(super) fn places(named: &Places) -> Result<Vec<PathBuf>, FindError> {
    let mut places = named.of(PROCESS.name, "ANYBED_BIRD");
    places.extend(in_path());
    if places.is_empty() {
        Err(FindError::Missing { title: TITLE, place: "in PATH", hint: hint() })
    } else {
        Ok(places)
    }
}

/// The version of a BIRD, which is `from` or a later one of the same major version.
pub(super) fn examine(path: &Path, from: (u32, u32, u32)) -> Result<String, FindError> {
    let broken = |reason: String| FindError::Broken { path: path.to_owned(), reason };
    let output = Command::new(path).arg("--version").stdin(Stdio::null()).output();
    let output = output.map_err(|e| broken(e.to_string()))?;
    // "BIRD version 2.0.12" on standard error up to 2.x, on standard output later.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let version = text.trim().rsplit(' ').next().unwrap_or_default().to_owned();
    match is_at_least(&version, from) {
        None => Err(broken(format!("it answers --version with {:?}", text.trim().lines().next().unwrap_or_default()))),
        Some(false) => Err(FindError::Version { title: TITLE, path: path.to_owned(), version, needed: needed(from) }),
        Some(true) => Ok(version),
    }
}

/// Puts a config through `bird -p`; `Err` holds BIRD's words.
pub(super) fn check(executable: &Path, config: &Path) -> Result<Result<(), String>> {
    let command = Command::new(executable).arg("-p").arg("-c").arg(config).stdin(Stdio::null()).output();
    let output = command.with_context(|| format!("run {} -p", executable.display()))?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    let words = [output.stdout, output.stderr].concat();
    Ok(Err(String::from_utf8_lossy(&words).trim().to_owned()))
}

fn in_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|d| d.join("bird")).find(|p| is_executable(p))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

fn hint() -> String {
    if is_executable(Path::new(SYSTEM)) {
        format!(", though it is installed: run with `PATH=$PATH:/usr/sbin`, or `--bird {SYSTEM}`")
    } else {
        ": install it with `sudo apt-get install bird2`".into()
    }
}

/// `None`: not a version.
fn is_at_least(version: &str, from: (u32, u32, u32)) -> Option<bool> {
    let numbers = numbers(version)?;
    Some(numbers.0 == from.0 && numbers >= from)
}

#[cfg(test)]
mod tests {
    use super::super::{BIRD_2, BIRD_3};
    use super::is_at_least;

    #[test]
    fn each_version_is_one_row_s_or_nobody_s() {
        for (version, two, three) in [
            ("2.0.12", Some(true), Some(false)),
            ("2.17.1", Some(true), Some(false)),
            ("2.0.7", Some(false), Some(false)),
            ("3.1.8", Some(false), Some(true)),
            ("3.4.0", Some(false), Some(true)),
            ("4.0.0", Some(false), Some(false)),
            ("1.6.8", Some(false), Some(false)),
            ("x", None, None),
        ] {
            assert_eq!(is_at_least(version, BIRD_2.from), two, "{version}");
            assert_eq!(is_at_least(version, BIRD_3.from), three, "{version}");
        }
    }
}
