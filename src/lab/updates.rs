//! Follows what the lab's routing daemons hear: every UPDATE and every change of a session, stamped as they write
//! it down.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{Read, Seek};
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result};
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use super::Lab;
use super::recorder::Recorder;
use crate::kernel::now;
use crate::record::What;
use crate::routing::Heard;
use crate::routing::daemon::Said;

/// What has been read of a dump is given back to the memory it lies in, in pieces of this many bytes.
const PIECE: u64 = 1 << 20;

impl Lab {
    /// Records updates and sessions from now on. A lab in which they cannot be followed lacks these numbers, and
    /// nothing else.
    pub(super) fn try_to_follow_updates(&self) {
        if let Err(error) = self.follow_updates() {
            tracing::warn!("BGP updates are not counted: {error:#}");
        }
    }

    /// On a thread of its own.
    ///
    /// # Errors
    /// The kernel's limit of inotify instances is reached, or a daemon has no dump.
    fn follow_updates(&self) -> Result<()> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC).context("create an inotify instance")?;
        let plan = self.plan();
        let mut dumps = HashMap::new();
        for node in plan.nodes.iter().filter(|node| node.routing().is_some()) {
            let Some((path, heard)) = self.daemon(node.id).heard(&node.name) else { continue };
            let watch = inotify.add_watch(&path, AddWatchFlags::IN_MODIFY);
            let watch = watch.with_context(|| format!("watch {}", path.display()))?;
            dumps.insert(watch, Dump::at_end(&node.name, &path, heard)?);
        }
        let owners = plan.nodes.iter().flat_map(|n| n.addresses().into_iter().map(|a| (a, n.name.clone()))).collect();
        let follower = Follower { inotify, dumps, owners, recorder: self.recorder.clone() };
        std::thread::Builder::new().name("updates".into()).spawn(move || follower.work()).context("start a thread")?;
        self.recorder.now(What::FollowsBgp);
        Ok(())
    }
}

struct Follower {
    inotify: Inotify,
    dumps: HashMap<WatchDescriptor, Dump>,
    /// A renumbered host's new address is not among them; its neighbor is then told by its address.
    owners: HashMap<IpAddr, String>,
    recorder: Recorder,
}

impl Follower {
    /// Runs until the process ends.
    fn work(mut self) {
        loop {
            let grown: BTreeSet<WatchDescriptor> = match self.inotify.read_events() {
                Ok(events) => events.into_iter().map(|event| event.wd).collect(),
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => {
                    tracing::error!("BGP updates are not followed any more: {error}");
                    return;
                }
            };
            for watch in grown {
                let Some(dump) = self.dumps.get_mut(&watch) else { continue };
                let at = now();
                match dump.read() {
                    Ok(found) => {
                        for said in found {
                            self.recorder.at(at, event(dump, &self.owners, said));
                        }
                    }
                    Err(error) => tracing::warn!("{}'s BGP updates: {error:#}", dump.node),
                }
            }
        }
    }
}

fn event(dump: &Dump, owners: &HashMap<IpAddr, String>, said: Said) -> What {
    let name = |peer: IpAddr| owners.get(&peer).cloned().unwrap_or_else(|| peer.to_string());
    let node = dump.node.clone();
    match said {
        Said::Update { peer, announced, withdrawn } => What::Update { node, peer: name(peer), announced, withdrawn },
        Said::Session { peer, asn, up } => {
            let peer = peer.map_or_else(|| format!("AS{asn}"), name);
            What::Session { node, peer, up }
        }
    }
}

/// One daemon's dump, and how far it has been read.
struct Dump {
    node: String,
    file: File,
    read: u64,
    /// Of `read`, what has been given back.
    freed: u64,
    /// The begin of a record that is not whole yet.
    rest: Vec<u8>,
    heard: Box<dyn Heard>,
}

impl Dump {
    /// One of which everything has been read, for the sessions that are up.
    fn at_end(node: &str, path: &Path, heard: Box<dyn Heard>) -> Result<Self> {
        let file = File::options().read(true).write(true).open(path);
        let file = file.with_context(|| format!("open {}", path.display()))?;
        let mut dump = Self { node: node.to_owned(), file, read: 0, freed: 0, rest: Vec::new(), heard };
        dump.read()?;
        dump.free()?;
        Ok(dump)
    }

    /// What has been written since the last time.
    fn read(&mut self) -> Result<Vec<Said>> {
        // A daemon that has been started again may have begun anew.
        if self.file.metadata().context("look at a dump")?.len() < self.read {
            self.file.rewind().context("rewind a dump")?;
            (self.read, self.freed) = (0, 0);
            self.rest.clear();
        }
        self.read += self.file.read_to_end(&mut self.rest).context("read a dump")? as u64;
        let (found, taken) = self.heard.read(&self.rest);
        self.rest.drain(..taken);
        if self.read - self.freed >= PIECE {
            self.free()?;
        }
        Ok(found)
    }

    /// A daemon appends, so the file cannot be cut short without losing what it writes meanwhile; a hole can be
    /// made at its begin.
    fn free(&mut self) -> Result<()> {
        let length = (self.read - self.freed) as i64;
        if length > 0 {
            let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
            fallocate(&self.file, flags, self.freed as i64, length).context("free what has been read of a dump")?;
            self.freed = self.read;
        }
        Ok(())
    }
}
