//! Whole frames at the ends of a [`Pair`]: sent from end 0, stamped where they arrive, answered if they are pings.
//!
//! Below IP, a frame's length is exactly what was asked for, a flipped bit is seen wherever it is, and
//! the kernel adds nothing.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::Socket;

use super::pair::{INDEX, Pair, mac};
use crate::kernel::{now, sys};

/// Ethernet header, kind, number, time of sending.
pub(super) const SHORTEST: usize = 27;
/// IEEE's "local experimental" EtherType 1.
const ETHER_TYPE: [u8; 2] = [0x88, 0xb5];
const DATA: u8 = 0;
const PING: u8 = 1;
const PONG: u8 = 2;
/// How often a reader looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// A frame that has arrived. Times are CLOCK_MONOTONIC, in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) at: u64,
    pub(super) frame: Vec<u8>,
}

impl Arrival {
    pub(super) fn number(&self) -> Option<u32> {
        Some(u32::from_be_bytes(self.frame.get(15..19)?.try_into().ok()?))
    }

    /// When it was sent, if it says so.
    pub(super) fn sent(&self) -> u64 {
        self.frame.get(19..27).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
    }

    /// Milliseconds since it was sent.
    pub(super) fn took(&self) -> f64 {
        self.at.saturating_sub(self.sent()) as f64 / 1e6
    }
}

/// A frame from end 0, without the time of sending.
pub(super) fn data(number: u32, length: usize) -> Vec<u8> {
    frame(DATA, number, length)
}

fn frame(kind: u8, number: u32, length: usize) -> Vec<u8> {
    let mut frame = [&mac(1)[..], &mac(0), &ETHER_TYPE, &[kind], &number.to_be_bytes()].concat();
    frame.resize(length.max(SHORTEST), 0);
    frame
}

/// A socket at each end, and a thread that reads from it.
pub(super) struct Frames {
    near: Socket,
    arrivals: Receiver<Arrival>,
    pongs: Receiver<Arrival>,
    /// The readers end when it is gone.
    _wanted: Arc<()>,
}

impl Frames {
    pub(super) async fn open(pair: &Pair) -> Result<Self> {
        let near = socket(pair, 0).await?;
        let wanted = Arc::new(());
        let arrivals = start(socket(pair, 1).await?, Arc::downgrade(&wanted))?;
        let pongs = start(near.try_clone().context("clone a socket")?, Arc::downgrade(&wanted))?;
        Ok(Self { near, arrivals, pongs, _wanted: wanted })
    }

    /// Sends a frame from end 0 as it is.
    pub(super) fn send(&self, frame: &[u8]) -> Result<()> {
        match (&self.near).write(frame) {
            Ok(_) => Ok(()),
            // What the first discipline drops at once is told, to packet sockets only.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(()),
            Err(error) => Err(error).context("send a frame"),
        }
    }

    /// Sends a frame that says when.
    pub(super) fn send_stamped(&self, mut frame: Vec<u8>) -> Result<()> {
        frame[19..27].copy_from_slice(&now().to_be_bytes());
        self.send(&frame)
    }

    /// Sends a frame that end 1 sends back.
    pub(super) fn ping(&self, number: u32) -> Result<()> {
        self.send_stamped(frame(PING, number, 64))
    }

    /// The next frame that arrives at end 1; `None` if none does in time.
    pub(super) fn arrival(&self, patience: Duration) -> Result<Option<Arrival>> {
        next(&self.arrivals, patience)
    }

    /// The next ping that is back at end 0.
    pub(super) fn pong(&self, patience: Duration) -> Result<Option<Arrival>> {
        next(&self.pongs, patience)
    }
}

fn next(from: &Receiver<Arrival>, patience: Duration) -> Result<Option<Arrival>> {
    match from.recv_timeout(patience) {
        Ok(arrival) => Ok(Some(arrival)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => bail!("an end of the link cannot be read any more"),
    }
}

async fn socket(pair: &Pair, side: usize) -> Result<Socket> {
    let open = || sys::packet_socket(INDEX).context("open a packet socket");
    let socket = Socket::from(pair.stepper.within(&pair.namespaces[side], open).await?);
    socket.set_read_timeout(Some(LOOK)).context("set a socket's timeout")?;
    // Frames that wait in a discipline without delay are charged to their sender, which would block.
    // Outside of the machine's own user namespace what there is must do.
    let _ = setsockopt(&socket, sockopt::SndBufForce, &(16 << 20));
    let _ = setsockopt(&socket, sockopt::RcvBufForce, &(16 << 20));
    Ok(socket)
}

fn start(socket: Socket, wanted: Weak<()>) -> Result<Receiver<Arrival>> {
    let (tell, arrivals) = channel();
    let read = move || {
        // What is measured is the link, not who waits behind it.
        let _ = sys::run_first();
        if let Err(error) = read(&socket, &wanted, &tell) {
            tracing::error!("read frames: {error}");
        }
    };
    std::thread::Builder::new().name("frames".into()).spawn(read).context("start a reader")?;
    Ok(arrivals)
}

fn read(mut socket: &Socket, wanted: &Weak<()>, tell: &Sender<Arrival>) -> io::Result<()> {
    // The kernel may put many segments of a stream into one.
    let mut buffer = vec![0; 1 << 17];
    while wanted.strong_count() > 0 {
        let length = match socket.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => continue,
            Err(error) => return Err(error),
        };
        let at = now();
        let frame = &mut buffer[..length];
        if frame.get(14) == Some(&PING) {
            frame[..12].rotate_left(6);
            frame[14] = PONG;
            socket.write_all(frame)?;
        } else if tell.send(Arrival { at, frame: frame.to_vec() }).is_err() {
            break;
        }
    }
    Ok(())
}
