//! Frames as a namespace's interfaces send and receive them, by one packet socket (packet(7)).

use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::net::if_::if_nameindex;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{SockFilter, Socket};

/// Bytes kept of a frame: the longest that a link of a lab carries, and more than a segment that the
/// kernel has yet to cut.
const LONGEST: usize = 65_549;
/// A burst waits here while the reader writes.
const BUFFER: usize = 16 << 20;

/// A frame, and where and when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub interface: u32,
    /// CLOCK_REALTIME, when the kernel saw it.
    pub at: Duration,
    pub bytes: &'a [u8],
    /// On the wire; more than there are bytes if it was cut.
    pub length: usize,
}

/// One instruction of a classic BPF program: code, jump if true, jump if false, operand.
pub type Instruction = (u16, u8, u8, u32);

/// Sees every frame of the namespace it was opened in.
#[derive(Debug)]
pub struct Capture {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Capture {
    /// Sees frames that `filter` lets pass (all, if it is empty) from now on.
    pub fn open(filter: &[Instruction]) -> Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let opened = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll);
        let socket: Socket = opened.context("open a packet socket")?.into();
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).context("ask for time stamps")?;
        // Root may pass the limit of the machine; nobody else needs to.
        if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &BUFFER).context("size the buffer of a packet socket")?;
        }
        let mut capture = Self { socket, buffer: vec![0; LONGEST] };
        if !filter.is_empty() {
            let filter: Vec<_> = filter.iter().map(|(code, jt, jf, k)| SockFilter::new(*code, *jt, *jf, *k)).collect();
            capture.socket.attach_filter(&filter).context("attach the filter")?;
            // What came before the filter did.
            while capture.read()?.is_some() {}
        }
        Ok(capture)
    }

    /// The next frame that is there already.
    pub fn read(&mut self) -> Result<Option<Frame<'_>>> {
        let mut space = nix::cmsg_space!(TimeSpec);
        let received = {
            let mut parts = [IoSliceMut::new(&mut self.buffer)];
            let flags = MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT;
            let message = recvmsg::<LinkAddr>(self.socket.as_raw_fd(), &mut parts, Some(&mut space), flags);
            match message {
                Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
                // An interface has gone down.
                Err(Errno::ENETDOWN) => return Ok(None),
                Err(error) => return Err(error).context("read a frame"),
                Ok(message) => {
                    let stamp = message.cmsgs().context("read a time stamp")?.find_map(|part| match part {
                        ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
                        _ => None,
                    });
                    let interface = message.address.map_or(0, |address| address.ifindex() as u32);
                    (interface, stamp.unwrap_or_default(), message.bytes)
                }
            }
        };
        let (interface, at, length) = received;
        Ok(Some(Frame { interface, at, bytes: &self.buffer[..length.min(LONGEST)], length }))
    }
}

impl AsFd for Capture {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The interfaces of this namespace: name by index.
pub fn interfaces() -> Result<BTreeMap<u32, String>> {
    let all = if_nameindex().context("list interfaces")?;
    Ok(all.iter().map(|one| (one.index(), one.name().to_string_lossy().into_owned())).collect())
}
