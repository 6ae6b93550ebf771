//! When a datagram arrived, as the kernel says (`SO_TIMESTAMPNS`, socket(7)): however late it is read.
//!
//! The kernel stamps a frame when it enters the receiver's namespace; each device of a veth pair begins anew.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

use super::now;

/// Asks for stamps of what arrives at a socket from now on.
///
/// # Errors
/// It is no socket.
pub fn stamp(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(&socket.as_fd(), sockopt::ReceiveTimestampns, &true)?)
}

/// Reads a datagram without waiting: its length, and when it arrived (CLOCK_MONOTONIC, nanoseconds).
///
/// # Errors
/// `WouldBlock`: there is none. Others are errors of what was sent before.
pub fn receive(socket: &impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, u64)> {
    let mut space = nix::cmsg_space!(TimeSpec);
    let mut parts = [IoSliceMut::new(buffer)];
    let fd = socket.as_fd().as_raw_fd();
    let message = recvmsg::<()>(fd, &mut parts, Some(&mut space), MsgFlags::MSG_DONTWAIT)?;
    let stamp = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
        _ => None,
    });
    let (day, read) = both_clocks()?;
    let since = stamp.and_then(|stamp| u64::try_from(day - nanoseconds(stamp)).ok());
    // Stamps are of the clock of the day. Should it have been set meanwhile, what was read just now just arrived.
    let at = since.filter(|since| *since < LONGEST).map_or(read, |since| read.saturating_sub(since));
    Ok((message.bytes, at))
}

/// The time of day, and the monotonic clock just after: what lost its CPU in between takes an arrival for
/// later than it was, never for earlier.
fn both_clocks() -> io::Result<(i64, u64)> {
    let read = || {
        let before = now();
        let day = nanoseconds(clock_gettime(ClockId::CLOCK_REALTIME)?);
        let after = now();
        io::Result::Ok((after - before, day, after))
    };
    let mut closest = read()?;
    for _ in 1..TRIES {
        if closest.0 < AT_ONCE {
            break;
        }
        closest = closest.min(read()?);
    }
    Ok((closest.1, closest.2))
}

const TRIES: usize = 3;
/// Nanoseconds: two clocks read so close together count as read at once.
const AT_ONCE: u64 = 20_000;

/// Nothing lies unread for longer.
const LONGEST: u64 = 60_000_000_000;

fn nanoseconds(time: TimeSpec) -> i64 {
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_datagram_read_late_arrived_when_it_did() {
        let (a, b) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        stamp(&b).unwrap();
        let mut buffer = [0; 16];
        assert_eq!(receive(&b, &mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        // The first socket that asks for stamps switches them on for all, a little later.
        let late = Duration::from_millis(100);
        let mut waited = None;
        for _ in 0..20 {
            let sent = now();
            a.send_to(b"hello", b.local_addr().unwrap()).unwrap();
            // What is measured is that this is not.
            std::thread::sleep(late);
            let (length, at) = receive(&b, &mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"hello");
            assert!(at >= sent && at <= now());
            waited = Some(at - sent).filter(|waited| *waited < late.as_nanos() as u64 / 2);
            if waited.is_some() {
                break;
            }
        }
        assert!(waited.is_some(), "the stamps are those of the reading");
    }
}
