//! Directories and files that one command at a time writes to: a second one is told who has them.
//!
//! As with a lab's entry in the runtime directory, the kernel keeps the lock as long as a process has it
//! open, and drops it with the last of them, however they end: what a killed run had is free again.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// In a claimed directory. Its text says who has it.
pub const LOCK: &str = ".anybed-lock";

/// A directory that nobody else writes to. Forked processes that were not executed hold it too.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    lock: File,
}

/// Why something could not be claimed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} is being written by {holder}: wait for its end, or choose another with {option}", path.display())]
    Taken { path: PathBuf, holder: String, option: &'static str },
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// Who claims: named to whoever comes second.
#[derive(Clone, Debug, Default)]
pub struct Claimant<'a> {
    /// `run`, `sim`, …
    pub command: &'a str,
    pub lab: Option<&'a str>,
    /// The option that chooses another place.
    pub option: &'static str,
}

impl Claimant<'_> {
    fn is(&self) -> String {
        let lab = self.lab.map(|lab| format!("lab {lab} ")).unwrap_or_default();
        let (open, close) = if self.lab.is_some() { ("(", ")") } else { ("", "") };
        format!("{lab}{open}anybed {}, process {}{close}", self.command, std::process::id())
    }
}

impl Directory {
    /// Claims a directory, which is made if it is not there.
    ///
    /// # Errors
    /// [`Error::Taken`] while somebody else has it.
    pub fn claim(path: &Path, claimant: &Claimant<'_>) -> Result<Self, Error> {
        fs::create_dir_all(path).with_context(|| format!("create {}", path.display()))?;
        let path = path.canonicalize().with_context(|| format!("find {}", path.display()))?;
        let file = path.join(LOCK);
        loop {
            let mut lock = lock(&file, &path, claimant)?;
            // Its holder removes the file while the lock is held: then ours is no longer the one that is there.
            if !is_still_there(&lock, &file) {
                continue;
            }
            let written = lock.set_len(0).and_then(|()| lock.write_all(claimant.is().as_bytes()));
            written.with_context(|| format!("write {}", file.display()))?;
            return Ok(Self { path, lock });
        }
    }

    /// As it was found, without `.` and links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets it go when all is written.
    pub fn release(self) {
        // Nobody but the holder removes it; one that cannot be removed is free all the same.
        let _ = fs::remove_file(self.path.join(LOCK));
        drop(self.lock);
    }
}

/// Opens a file to be written from its begin, by nobody else meanwhile.
///
/// # Errors
/// [`Error::Taken`] while somebody else writes it.
pub fn create(path: &Path, claimant: &Claimant<'_>) -> Result<File, Error> {
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = open.with_context(|| format!("create {}", path.display()))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let holder = "another anybed".to_owned();
            Err(Error::Taken { path: path.to_owned(), holder, option: claimant.option })
        }
        // A pipe or a device has no lock, and no length.
        Ok(()) | Err(TryLockError::Error(_)) => {
            let _ = file.set_len(0);
            Ok(file)
        }
    }
}

fn lock(file: &Path, directory: &Path, claimant: &Claimant<'_>) -> Result<File, Error> {
    let (mut lock, is_ours) = try_lock(file, 0o666)?;
    if is_ours {
        return Ok(lock);
    }
    let mut holder = String::new();
    let _ = lock.read_to_string(&mut holder);
    let holder = if holder.is_empty() { "another anybed".to_owned() } else { holder };
    Err(Error::Taken { path: directory.to_owned(), holder, option: claimant.option })
}

/// Opens a lock, which is made with this mode if it is not there; and whether nobody had it, so that it is ours.
pub(super) fn try_lock(path: &Path, mode: u32) -> Result<(File, bool)> {
    let open = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(mode).open(path);
    let file = open.with_context(|| format!("open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok((file, true)),
        Err(TryLockError::WouldBlock) => Ok((file, false)),
        Err(TryLockError::Error(e)) => Err(e).with_context(|| format!("lock {}", path.display())),
    }
}

/// Whether a lock is the file that is there now: its holder may have removed it meanwhile.
pub(super) fn is_still_there(lock: &File, path: &Path) -> bool {
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    let both: io::Result<bool> = lock.metadata().and_then(|a| fs::metadata(path).map(|b| same(a, b)));
    both.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Claimant<'_> = Claimant { command: "run", lab: Some("two-sites"), option: "--out" };

    #[test]
    fn the_second_is_told_who_was_first_and_gets_it_afterwards() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("a/run");
        let first = Directory::claim(&out, &RUN).unwrap();
        let again = place.path().join("a/./run");
        let told = Directory::claim(&again, &Claimant { command: "sim", lab: None, option: "--out" });
        let told = told.unwrap_err().to_string();
        let holder = format!("lab two-sites (anybed run, process {})", std::process::id());
        assert!(told.contains(&holder) && told.contains("--out") && told.contains("a/run"), "{told}");
        first.release();
        assert!(!out.join(LOCK).exists());
        Directory::claim(&again, &RUN).unwrap();
    }

    #[test]
    fn what_a_killed_holder_left_is_free() {
        let place = tempfile::tempdir().unwrap();
        // Its descriptor is closed, as the kernel does it; the file stays.
        drop(Directory::claim(place.path(), &RUN).unwrap());
        assert!(place.path().join(LOCK).exists());
        let next = Claimant { command: "sim", lab: None, option: "--out" };
        let _held = Directory::claim(place.path(), &next).unwrap();
        let said = fs::read_to_string(place.path().join(LOCK)).unwrap();
        assert_eq!(said, format!("anybed sim, process {}", std::process::id()), "nothing of the longer one before it");
    }

    #[test]
    fn a_file_is_emptied_only_by_who_gets_it() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("bgp.pcapng");
        let capture = Claimant { command: "capture", lab: None, option: "-w" };
        let mut first = create(&file, &capture).unwrap();
        first.write_all(b"frames").unwrap();
        assert!(matches!(create(&file, &capture), Err(Error::Taken { .. })));
        assert_eq!(fs::read(&file).unwrap(), b"frames");
        drop(first);
        create(&file, &capture).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"");
    }
}
