//! Finding BIRD, and checking configs with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::names::TITLE;
use crate::routing::daemon::FindError;

/// Where packages put BIRD; an ordinary user's PATH lacks it on Debian.
const SYSTEM: &str = "/usr/sbin/bird";

/// What is said to those who have another.
const NEEDED: &str = "BIRD 2 from 2.0.12 on, or BIRD 3: `apt-get install bird2`";

/// The BIRD that is named, here or by `$ANYBED_BIRD`, or the first in PATH, and its version, which is `from` or a
/// later one of the same major version.
pub(super) fn find(named: Option<&Path>, from: (u32, u32, u32)) -> Result<(PathBuf, String), FindError> {
    let environment = std::env::var_os("ANYBED_BIRD").map(PathBuf::from);
    let named = named.map(Path::to_owned).into_iter().chain(environment).find(|path| !path.as_os_str().is_empty());
    let path = named.or_else(in_path).ok_or_else(|| FindError::Missing { title: TITLE, hint: hint() })?;
    let broken = |reason: String| FindError::Broken { path: path.clone(), reason };
    let output = Command::new(&path).arg("--version").stdin(Stdio::null()).output();
    let output = output.map_err(|e| broken(e.to_string()))?;
    // "BIRD version 2.0.12" on standard error up to 2.x, on standard output later.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let version = text.trim().rsplit(' ').next().unwrap_or_default().to_owned();
    match is_at_least(&version, from) {
        None => Err(broken(format!("it answers --version with {:?}", text.trim().lines().next().unwrap_or_default()))),
        Some(false) => Err(FindError::Version { title: TITLE, path, version, needed: NEEDED }),
        Some(true) => Ok((path, version)),
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
    let mut numbers = version.split(['.', '-', '+']).map(|part| part.parse::<u32>().ok());
    let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0));
    Some(major == from.0 && (major, minor, patch) >= from)
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
