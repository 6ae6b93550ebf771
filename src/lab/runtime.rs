//! The runtime directory: one entry for each running lab, and the sweeping of entries whose lab is gone.
//!
//! An entry is a directory with the lab's socket, its facts, and a file locked by the lab's
//! processes. The kernel drops the lock with the last of them, however they end, so an entry that
//! can be locked belongs to no lab.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::claim::{is_still_there, try_lock};
use crate::kernel::sys;

/// In a lab's entry: held as long as one of its processes is there.
const LOCK: &str = "lock";

/// What an entry says of its lab.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    pub lab: String,
    pub file: PathBuf,
    /// Where the record and the logs go.
    pub out: PathBuf,
    /// `run` or `up`.
    pub command: String,
    /// Seconds since the Unix epoch.
    pub started: u64,
    /// Process 1 of the sandbox, as seen from outside.
    pub init: Option<i32>,
}

/// A claimed entry.
#[derive(Debug)]
pub struct Entry {
    pub name: String,
    path: PathBuf,
    /// Held open, and so locked, by every process of the lab that was forked and not executed.
    _lock: File,
}

/// Why a name could not be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    #[error("lab {0} is running already; end it with `anybed down {0}`, or choose another name with --name")]
    Taken(String),
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// `$ANYBED_RUNTIME_DIR`, else `/run/anybed` for root, else `$XDG_RUNTIME_DIR/anybed`, else
/// `/tmp/anybed-UID`.
pub fn directory() -> PathBuf {
    let named = |variable| std::env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from);
    let uid = nix::unistd::geteuid();
    named("ANYBED_RUNTIME_DIR")
        .or_else(|| uid.is_root().then(|| "/run/anybed".into()))
        .or_else(|| named("XDG_RUNTIME_DIR").map(|d| d.join("anybed")))
        .unwrap_or_else(|| format!("/tmp/anybed-{uid}").into())
}

impl Entry {
    /// Claims `name` for a lab about to start.
    ///
    /// # Errors
    /// [`ClaimError::Taken`] while a lab of that name runs.
    pub fn claim(name: &str) -> Result<Self, ClaimError> {
        let directory = directory();
        create_private(&directory)?;
        let path = directory.join(name);
        loop {
            create_private(&path)?;
            let Some(lock) = lock(&path)? else { return Err(ClaimError::Taken(name.to_owned())) };
            if is_still_there(&lock, &path.join(LOCK)) {
                for file in [path.join("socket"), path.join("facts.json")] {
                    remove_if_there(&file)?;
                }
                return Ok(Self { name: name.to_owned(), path, _lock: lock });
            }
            // Swept by another command between its creation and our lock: begin again.
        }
    }

    /// Claims `name`, or else `name-2`, `name-3`, …
    pub fn claim_any(name: &str) -> Result<Self> {
        for number in 1.. {
            let numbered = if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
            match Self::claim(&numbered) {
                Err(ClaimError::Taken(_)) => continue,
                other => return Ok(other?),
            }
        }
        unreachable!("the numbers do not end")
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn socket(&self) -> PathBuf {
        self.path.join("socket")
    }

    pub fn write(&self, facts: &Facts) -> Result<()> {
        let text = serde_json::to_string(facts).context("write the lab's facts as JSON")?;
        let new = self.path.join("facts.new");
        fs::write(&new, text).with_context(|| format!("write {}", new.display()))?;
        fs::rename(&new, self.path.join("facts.json")).context("put the lab's facts in place")
    }

    /// Removes the entry; its lab has ended.
    pub fn remove(self) -> Result<()> {
        remove_all(&self.path)
    }
}

/// Removes the entries of labs that are gone and returns their names.
pub fn sweep() -> Result<Vec<String>> {
    let mut swept = Vec::new();
    for name in names()? {
        let path = directory().join(&name);
        if let Ok(Some(lock)) = lock(&path)
            && is_still_there(&lock, &path.join(LOCK))
        {
            remove_all(&path)?;
            swept.push(name);
        }
    }
    Ok(swept)
}

/// The running labs, by name.
pub fn running() -> Result<Vec<Facts>> {
    Ok(names()?.iter().filter_map(|name| facts(name)).collect())
}

/// What the entry of `name` says; `None` if there is none.
pub fn facts(name: &str) -> Option<Facts> {
    let text = fs::read_to_string(directory().join(name).join("facts.json")).ok()?;
    serde_json::from_str(&text).ok()
}

/// The socket of the lab `name`.
pub fn socket(name: &str) -> PathBuf {
    directory().join(name).join("socket")
}

/// A running lab, to be waited for.
#[derive(Debug)]
pub struct Ending {
    name: String,
    init: OwnedFd,
}

impl Ending {
    /// Watches the end of the lab that `facts` tell of. `None`: it has ended already.
    pub fn watch(facts: &Facts) -> Result<Option<Self>> {
        let Some(init) = facts.init else { return Ok(None) };
        let init = match sys::watch_end(Pid::from_raw(init)) {
            Err(e) if e.raw_os_error() == Some(libc::ESRCH) => return Ok(None),
            other => other.context("watch the lab's init")?,
        };
        // Only now: as long as the lock is held, the number is still init's.
        let held = lock(&directory().join(&facts.lab))?.is_none();
        Ok(held.then(|| Self { name: facts.lab.clone(), init }))
    }

    /// Waits until no process of the lab is left, and removes its entry. False: some are, at the deadline.
    pub fn wait(&self, patience: Duration) -> Result<bool> {
        let timeout = PollTimeout::try_from(patience).context("a patience in milliseconds")?;
        if poll(&mut [PollFd::new(self.init.as_fd(), PollFlags::POLLIN)], timeout).context("wait for the lab's end")?
            == 0
        {
            return Ok(false);
        }
        remove_all(&directory().join(&self.name)).map(|()| true)
    }
}

fn names() -> Result<Vec<String>> {
    let entries = match fs::read_dir(directory()) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.with_context(|| format!("list {}", directory().display()))?,
    };
    let mut names: Vec<String> =
        entries.flatten().filter(|e| e.path().is_dir()).filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

fn create_private(path: &Path) -> Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let builder = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
            builder.with_context(|| format!("create {}", path.display()))?;
        }
        other => other.with_context(|| format!("create {}", path.display()))?,
    }
    let owner = fs::metadata(path).with_context(|| format!("look at {}", path.display()))?.uid();
    let uid = nix::unistd::geteuid().as_raw();
    anyhow::ensure!(owner == uid, "{} belongs to user {owner}, not to {uid}", path.display());
    Ok(())
}

/// `None`: a lab holds it.
fn lock(entry: &Path) -> Result<Option<File>> {
    let (lock, is_ours) = try_lock(&entry.join(LOCK), 0o600)?;
    Ok(is_ours.then_some(lock))
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e).with_context(|| format!("remove {}", path.display())),
        _ => Ok(()),
    }
}

fn remove_all(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e).with_context(|| format!("remove {}", path.display())),
        _ => Ok(()),
    }
}
