//! BIRD: finding it, checking configs with it, talking to its control socket.

pub mod control;
pub mod mrt;
pub mod routes;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// A BIRD on this machine.
#[derive(Clone, Debug)]
pub struct Bird {
    pub path: PathBuf,
    /// `2.0.12`.
    pub version: String,
}

/// Why there is no usable BIRD; the text says how to get one.
#[derive(Debug, thiserror::Error)]
pub enum BirdError {
    #[error("BIRD is not in PATH{hint}")]
    Missing { hint: String },
    #[error("{path} is BIRD {version}; anybed needs BIRD 2 from 2.0.12 on, or BIRD 3: `apt-get install bird2`")]
    Version { path: PathBuf, version: String },
    #[error("{path} does not run: {reason}")]
    Broken { path: PathBuf, reason: String },
}

/// Where packages put BIRD; an ordinary user's PATH lacks it on Debian.
const SYSTEM: &str = "/usr/sbin/bird";

/// BIRD 2, and whoever has not said which: each look reads the whole table.
pub const KERNEL_SCAN: u32 = 20;

const BIRD_3_KERNEL_SCAN: u32 = 2;

impl Bird {
    /// The BIRD that is named, here or by `$ANYBED_BIRD`, or the first in PATH.
    ///
    /// # Errors
    /// None there, one that is not supported, or not runnable.
    pub fn find(named: Option<&Path>) -> Result<Self, BirdError> {
        let environment = std::env::var_os("ANYBED_BIRD").map(PathBuf::from);
        let named = named.map(Path::to_owned).into_iter().chain(environment).find(|path| !path.as_os_str().is_empty());
        let path = named.or_else(in_path).ok_or_else(|| BirdError::Missing { hint: hint() })?;
        let broken = |reason: String| BirdError::Broken { path: path.clone(), reason };
        let output = Command::new(&path).arg("--version").stdin(Stdio::null()).output();
        let output = output.map_err(|e| broken(e.to_string()))?;
        // "BIRD version 2.0.12" on standard error up to 2.x, on standard output later.
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let version = text.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        match is_supported(&version) {
            None => Err(broken(format!("it answers --version with {:?}", text.trim()))),
            Some(false) => Err(BirdError::Version { path, version }),
            Some(true) => Ok(Self { path, version }),
        }
    }

    /// Seconds from one look at the kernel's table to the next. BIRD 3 leaves routes that it believes in out of
    /// it until it looks (3.1.8, 3.4.0: `findings/bird3-kernel-hole.sh`), where BIRD 2 puts them back at once.
    pub fn kernel_scan(&self) -> u32 {
        if self.version.starts_with("3.") { BIRD_3_KERNEL_SCAN } else { KERNEL_SCAN }
    }

    /// Puts a config through `bird -p`; `Err` holds BIRD's words.
    pub fn check(&self, config: &Path) -> Result<Result<(), String>> {
        let command = Command::new(&self.path).arg("-p").arg("-c").arg(config).stdin(Stdio::null()).output();
        let output = command.with_context(|| format!("run {} -p", self.path.display()))?;
        if output.status.success() {
            return Ok(Ok(()));
        }
        let words = [output.stdout, output.stderr].concat();
        Ok(Err(String::from_utf8_lossy(&words).trim().to_owned()))
    }
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
fn is_supported(version: &str) -> Option<bool> {
    let mut numbers = version.split(['.', '-', '+']).map(|part| part.parse::<u32>().ok());
    let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0));
    Some(major == 3 || (major == 2 && (minor, patch) >= (0, 12)))
}

#[cfg(test)]
mod tests {
    use super::is_supported;

    #[test]
    fn versions() {
        for (version, supported) in [
            ("2.0.12", Some(true)),
            ("2.17.1", Some(true)),
            ("2.0.7", Some(false)),
            ("3.1.8", Some(true)),
            ("3.4.0", Some(true)),
            ("4.0.0", Some(false)),
            ("1.6.8", Some(false)),
            ("x", None),
        ] {
            assert_eq!(is_supported(version), supported, "{version}");
        }
    }
}
