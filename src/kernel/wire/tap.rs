//! One end of a wire: a TAP interface, and the descriptor through which its frames come and go.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result};

use crate::kernel::namespace::{self, Namespace};
use crate::kernel::sys;

const DEVICE: &str = "/dev/net/tun";

/// One end of a wire to be created.
#[derive(Clone, Debug)]
pub struct End {
    pub namespace: Namespace,
    pub name: String,
    /// Chosen by us, so that nothing has to be looked up afterwards.
    pub index: u32,
    pub mac: [u8; 6],
}

/// A TAP interface's descriptor, which does not block.
#[derive(Debug)]
pub(super) struct Tap(File);

/// What came of an attempt to read a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A frame of this length.
    Some(usize),
    /// None is there.
    None,
    /// None will come any more: the interface is gone.
    Ended,
}

impl Tap {
    /// Steps into the end's namespace and creates it there, down; for jobs of a
    /// [`Stepper`](namespace::Stepper). 0.25 ms, nearly all of it in the kernel.
    pub(super) fn create(end: &End) -> Result<Self> {
        namespace::enter(&end.namespace)?;
        let mut options = File::options();
        let file = options.read(true).write(true).custom_flags(libc::O_NONBLOCK).open(DEVICE);
        let file = file.with_context(|| format!("open {DEVICE} (`anybed doctor` says what this machine lacks)"))?;
        sys::create_tap(&file, &end.name, end.index, end.mac)
            .with_context(|| format!("create interface {} in {}", end.name, end.namespace.name()))?;
        // Else it would go with its descriptor, and the kernel waits for a grace period for each:
        // a process with 750 wires took 25 s to end, and takes 0.1 s. A namespace's interfaces go
        // all at once.
        sys::keep_tap(&file).with_context(|| format!("keep interface {}", end.name))?;
        Ok(Self(file))
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> Frame {
        loop {
            match (&self.0).read(buffer) {
                Ok(length) => return Frame::Some(length),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    // EBADFD: detached from an interface that was deleted.
                    let ended = error.raw_os_error() == Some(libc::EBADFD);
                    return if ended { Frame::Ended } else { Frame::None };
                }
            }
        }
    }

    /// Whether the interface took the frame: not when it is down (EIO) or gone.
    pub(super) fn write(&self, frame: &[u8]) -> bool {
        (&self.0).write(frame).is_ok()
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
